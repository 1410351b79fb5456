"""Cases of special functions: all kinds of numbers, poles, zeros and infinities among them."""

import math

import torch
from runner import case

FEW = (11, 20, 23)
INF, NAN = math.inf, math.nan
EDGES = torch.tensor([0.0, -0.0, 1.0, -1.0, 2.0, INF, -INF, NAN, 1e-20, -0.5, 1e4, 5.0])
NUMBERS = torch.cat([torch.linspace(-12, 12, 97), EDGES])
MORE = torch.cat([EDGES, torch.linspace(-0.9, 30, 20)])
POSITIVE = torch.cat([torch.linspace(0, 40, 81), EDGES])
SHARES = torch.cat([torch.linspace(-1, 1, 81), torch.tensor([1 - 1e-6, 1e-12, INF, NAN, 2.0])])
SHAPES = torch.tensor([0.0, 0.3, 2.0, 7.0, 30.0, 500.0, 5000.0, 1.0, INF, -1.0, NAN])[:, None]
BOUNDS = torch.tensor([0.0, 0.2, 1.0, 8.0, 31.0, 490.0, 5100.0, INF, -1.0])
DEGREES = torch.tensor([-1, 0, 1, 2, 5, 19])[:, None]
INSIDE = torch.cat([torch.linspace(-1.2, 1.2, 25), torch.tensor([1.0, -1.0, INF])])
special = torch.special
# PyTorch's own are no better here; ours are right to 1e-15.
ROUGH = 2e-5


def each(*functions):
    return lambda x: tuple(function(x) for function in functions)


def both(name, fn, x, y, doubles=1e-9):
    """In float32, and in float64 to ``doubles``."""
    return [
        case(name, fn, x, others=((y,),), opsets=FEW, rtol=1e-4, atol=2e-5),
        case(f"{name}-double", fn, x.double(), opsets=(20,), rtol=doubles, atol=doubles),
    ]


GAMMA = each(torch.lgamma, torch.digamma, *(lambda x, n=n: torch.polygamma(n, x) for n in (2, 3)))
NORMAL = each(special.erfcx, special.log_ndtr)
INVERSE = each(torch.erfinv, special.ndtri)
MODIFIED = each(torch.i0, special.i0e, special.i1, special.i1e)
SECOND = each(
    special.modified_bessel_k0,
    special.modified_bessel_k1,
    special.scaled_modified_bessel_k0,
    special.scaled_modified_bessel_k1,
)
WAVES = each(special.bessel_j0, special.bessel_j1, special.spherical_bessel_j0)
SECOND_WAVES = each(special.bessel_y0, special.bessel_y1)
SQUARES = torch.tensor([1.0, 2.0, 3.0, 8.0, 2.0, 3.0, 1.0, 0.5, INF])
PLACES = torch.tensor([2.0, 0.5, -2.5, 1e6, 0.0, -1.0, 3.0, 3.0, 2.0])
SPREAD = torch.tensor([0.0, -0.0, 1.0, 2.0**-126, 2.0**-149, 1e30, 3.4e38, -5.0, INF, -INF, NAN])
NEIGHBOURS = torch.cat([SPREAD, 2.0 ** torch.arange(-149, 128), torch.rand(99)])
NUMBERS = NEIGHBOURS[~NEIGHBOURS.isnan()]


def polynomials(x, n):
    return tuple(
        getattr(special, f"{name}_polynomial_{kind}")(x, n)
        for name, kinds in {
            "chebyshev": "tuvw",
            "shifted_chebyshev": "tuvw",
            "legendre": "p",
            "laguerre": "l",
        }.items()
        for kind in kinds
    )


def hermite(x, n):
    return special.hermite_polynomial_h(x, n), special.hermite_polynomial_he(x, n)


CASES = [
    *both("gamma", GAMMA, NUMBERS, MORE),
    *both("trigamma", lambda x: torch.polygamma(1, x), MORE[4:], POSITIVE[1:]),
    *both("normal", NORMAL, NUMBERS, MORE),
    *both("inverse", INVERSE, SHARES, MORE),
    *both("i", MODIFIED, NUMBERS, MORE),
    *both("k", SECOND, POSITIVE, MORE),
    *both("j", WAVES, NUMBERS, MORE, doubles=ROUGH),
    *both("y", SECOND_WAVES, POSITIVE, MORE, doubles=ROUGH),
    *both("airy", special.airy_ai, NUMBERS, MORE, doubles=ROUGH),
    case(
        "incomplete-gamma",
        lambda a, x: (torch.igamma(a, x), torch.igammac(a, x)),
        SHAPES,
        BOUNDS,
        others=((SHAPES[:4], BOUNDS[2:]),),
        opsets=FEW,
        rtol=1e-4,
        atol=2e-5,
    ),
    case("zeta", special.zeta, SQUARES[:-1], PLACES[:-1], opsets=FEW),
    case("multigamma", lambda x: torch.mvlgamma(x, 3), torch.rand(7) + 1.5, opsets=FEW),
    case(
        "polynomials",
        polynomials,
        INSIDE,
        DEGREES,
        others=((INSIDE[3:8], DEGREES[1:]),),
        opsets=FEW,
        rtol=1e-3,
        atol=1e-4,
    ),
    case("hermite", hermite, torch.linspace(-2, 2, 9), DEGREES, opsets=FEW, rtol=1e-4, atol=1e-4),
    case(
        "polynomials-of-known-degree",
        lambda x: (*polynomials(x, 4), *polynomials(x, 0), *hermite(x, 200), *hermite(x, 20)),
        torch.linspace(-1, 1, 9),
        others=((torch.rand(4),),),
        opsets=FEW,
        rtol=1e-4,
        atol=1e-4,
    ),
    case(
        "special-of-integers",
        lambda x: (torch.lgamma(x), torch.i0(x), special.erfcx(x), special.bessel_j0(x)),
        torch.tensor([-3, 0, 1, 4, 9]),
        opsets=FEW,
    ),
    case(
        "special-of-halves",
        lambda x: (torch.digamma(x), torch.erfinv(x / 8), torch.i0(x)),
        torch.tensor([-1.5, 0.0, 1.0, 4.0]).half(),
        opsets=FEW,
        rtol=2e-3,
        atol=2e-3,
    ),
    case("frexp", torch.frexp, NEIGHBOURS, opsets=FEW, rtol=0, atol=0),
    *(
        case(
            f"hash-{str(x.dtype).removeprefix('torch.')}",
            lambda x: (torch.hash_tensor(x), torch.hash_tensor(x, 1), torch.hash_tensor(x[0, 0])),
            x,
            others=((x[:, :3],),),
            opsets=(13, 20),
            release=("2.9", "no hash_tensor before"),
        )
        for x in (
            torch.stack([NUMBERS, -NUMBERS]),
            torch.stack([NUMBERS, -NUMBERS]).double() / 3,
            torch.tensor([[5e-324, 1e-310, -2e-308, 0.0, -0.0]], dtype=torch.float64),
            torch.randn(2, 7).half(),
            torch.randn(2, 7).bfloat16(),
            torch.tensor([[-1, 5, 2**63 - 1, -(2**63), 77]]),
            torch.tensor([[-1, 5, 127, -128]], dtype=torch.int8),
            torch.tensor([[True, False, True, True]]),
        )
    ),
    case("frexp-double", torch.frexp, NEIGHBOURS.double() ** 3, opsets=(20,), rtol=0, atol=0),
    case(
        "nextafter",
        lambda x: tuple(torch.nextafter(x, y.to(x)) for y in torch.tensor([0.0, INF, -INF, NAN])),
        NEIGHBOURS,
        opsets=FEW,
        rtol=0,
        atol=0,
    ),
    case(
        "nextafter-half",
        lambda x: tuple(torch.nextafter(x, y.to(x)) for y in torch.tensor([0.0, INF, -INF, NAN])),
        torch.cat([NEIGHBOURS.half(), torch.rand(20).half()]),
        opsets=FEW,
        rtol=0,
        atol=0,
    ),
    case(
        "nextafter-bfloat16",
        lambda x: torch.nextafter(x, x.new_zeros(())),
        NEIGHBOURS.bfloat16(),
        opsets=(13, 20),
        rtol=0,
        atol=0,
    ),
    case(
        "isclose",
        lambda x, y: (torch.isclose(x, y), torch.isclose(x, y, equal_nan=True, rtol=0.5)),
        EDGES,
        EDGES.flip(0) * 1.1,
        opsets=FEW,
    ),
    case(
        "isclose-integers",
        lambda x, y: (torch.isclose(x, y), torch.isclose(x, y, rtol=0.3, atol=1)),
        torch.arange(6),
        torch.tensor([1, 1, 5, 4, 4, 10]),
        opsets=FEW,
    ),
]

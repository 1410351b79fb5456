"""Arithmetic: promotion, integers and their signs, special values, numbers known at run time."""

from __future__ import annotations

import torch
from runner import Case, case

torch.manual_seed(0)
X, Y = torch.randn(3, 4), torch.randn(3, 4)
MORE = ((torch.randn(5, 4), torch.randn(5, 4)),)
WHOLE = torch.tensor([[-7, -3, -1, 0], [1, 2, 5, 9]])
DIVISORS = torch.tensor([[2, -2, 3, -5], [1, -4, 2, 3]])
SPECIAL = torch.tensor([0.0, -0.0, 1.5, -2.5, torch.inf, -torch.inf, torch.nan, 1e-8, -1e30])
OTHER = torch.tensor([-0.0, 0.0, -1.0, 2.5, torch.inf, 3.0, 1.0, -1e-8, 1e30])
SMALL = torch.tensor([-1e-7, 1e-6, 0.1, -0.4, 3.0, -0.999, 20.0])
BASES = [0, 1, -1, 2, -2, 3, -3, 7, 10, -128, 127]
POWERS = [-3, -2, -1, 0, 1, 2, 3, 5, 31, 63, 64, 100]
WHOLE_DTYPES = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
HALVES = torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4])

FLOATS = (
    "abs acos acosh angle asin asinh atan atanh ceil cos cosh erf erfc exp exp2 expm1 floor frac "
    "isfinite isinf isnan isneginf isposinf log log10 log1p log2 logit nan_to_num neg reciprocal "
    "round rsqrt sgn sigmoid sign signbit sin sinc sinh sqrt square tan tanh trunc deg2rad rad2deg"
).split()
PAIRS = (
    "add sub mul true_divide maximum minimum fmax fmin copysign atan2 hypot logaddexp xlogy".split()
)
ON_INTEGERS = "add sub mul div floor_divide remainder fmod maximum minimum true_divide".split()
DTYPES = (torch.float16, torch.float64, torch.int32, torch.uint8, torch.int8, torch.bfloat16)
ENDS = (11, 20, 28)


def of_dtypes() -> list[Case]:
    rows = []
    for dtype in DTYPES:
        a, b = (torch.tensor(values).to(dtype) for values in ([1, 7, 3, 9], [2, 2, 5, 4]))
        name = str(dtype).removeprefix("torch.")
        for op in ("add", "mul", "div", "floor_divide", "remainder", "maximum"):
            opsets = (13, 20) if dtype == torch.bfloat16 else (11, 20)
            rows.append(case(f"{op}-{name}", getattr(torch, op), a, b, opsets=opsets))
        rows.append(case(f"scalar-{name}", lambda x: (x + 2) * 3 - 1, a, opsets=(13, 20)))
    return rows


def of_integers() -> list[Case]:
    """Products keep their lower bits, and all 64 of these."""
    rows = []
    for dtype in WHOLE_DTYPES:
        bases = torch.tensor(BASES).to(dtype)
        powers = torch.tensor(POWERS).to(dtype)[:, None]
        rows.append(
            case(
                f"pow-{str(dtype).removeprefix('torch.')}",
                lambda a, b: (a**b, 2**b, 3**b, a**3, a**13, a**0),
                bases,
                powers,
                others=((bases[:5], powers[:7]),),
                opsets=ENDS,
            )
        )
    return rows


def quotients(dtype: torch.dtype) -> Case:
    numbers = torch.cat([OTHER, SPECIAL, torch.tensor([0.1, 0.3, 7.5, -7.5])]).to(dtype)
    return case(
        f"floor-divide-{str(dtype).removeprefix('torch.')}",
        lambda a, b: (a // b, torch.div(a, b, rounding_mode="floor"), a // 2, a // -3.0, 3 // b),
        numbers[:, None],
        numbers,
        opsets=(13, 20, 28),
        rtol=0,
        atol=0,
    )


def infinities(dtype: torch.dtype) -> Case:
    numbers = (SPECIAL if dtype.is_floating_point else torch.arange(9)).to(dtype)
    return case(
        f"isposinf-isneginf-{str(dtype).removeprefix('torch.')}",
        lambda a: (a.isposinf(), a.isneginf()),
        numbers,
        others=((numbers[:6],), (numbers[:0],)),
        since=13 if dtype == torch.bfloat16 else 11,
    )


CASES = [
    *(case(name, getattr(torch, name), SPECIAL, opsets=ENDS) for name in FLOATS),
    *(case(f"{name}-small", getattr(torch, name), SMALL) for name in ("expm1", "log1p", "erf")),
    *(case(name, getattr(torch, name), X, Y, others=MORE, opsets=ENDS) for name in PAIRS),
    *(case(f"{name}-special", getattr(torch, name), SPECIAL, OTHER, opsets=ENDS) for name in PAIRS),
    *(case(f"{name}-whole", getattr(torch, name), WHOLE, DIVISORS) for name in ON_INTEGERS),
    *of_dtypes(),
    *of_integers(),
    *map(quotients, (torch.float32, torch.float64, torch.float16, torch.bfloat16)),
    case("promote", lambda a, b: a + b, torch.tensor([1, 2]), torch.tensor(0.5)),
    case("promote-int-float", lambda a: (a * 0.5, a / 2, a + True), torch.tensor([1, 2, 3])),
    case("promote-half", lambda a, b: a * b, X.half(), torch.tensor(2.0, dtype=torch.float64)),
    case("bools", lambda a, b: (a + b, a * b, a + 1), X > 0, Y > 0),
    case("alpha", lambda a, b: (torch.add(a, b, alpha=2), torch.sub(a, b, alpha=3)), X, Y),
    case("rsub", lambda a: 3 - a, X),
    case(
        "div-modes",
        lambda a, b: [torch.div(a, b, rounding_mode=m) for m in ("floor", "trunc")],
        X,
        Y,
    ),
    case(
        "div-modes-whole",
        lambda a, b: [torch.div(a, b, rounding_mode=m) for m in ("floor", "trunc")],
        WHOLE,
        DIVISORS,
    ),
    case("remainder", lambda a, b: (a % b, torch.fmod(a, b), a % 0.7), X, Y),
    case("pow", lambda a: [a.abs() ** p for p in (2, 3, 0.5, -1, -0.5, 1, 0, 2.5)], X),
    case("pow-whole", lambda a: (a**2, a**3, 2 ** a.abs(), a**0.5), WHOLE),
    case("pow-tensors", lambda a, b: a.abs() ** b, X, Y),
    case("round-half", lambda a: (a.round(), torch.round(a * 3.14159, decimals=2)), HALVES),
    case("round-whole", lambda a: (a.round(), a.floor(), a.ceil(), a.trunc()), WHOLE),
    case(
        "clamp", lambda a: (a.clamp(-0.5, 0.5), a.clamp(min=0), a.clamp(max=0), a.clamp(1, -1)), X
    ),
    *(
        case(f"clamp-{name}", lambda a: (a.clamp(-0.5, 0.5), a.clamp(min=0)), x, opsets=(11, 12))
        for name, x in (("half", X.half()), ("double", X.double()))
    ),
    case(
        "waves-bfloat16",
        lambda a: (a.cos(), a.sin(), a.round(), torch.nn.functional.silu(a)),
        X.bfloat16(),
        opsets=(13, 20, 22, 24, 28),
    ),
    *map(infinities, (*DTYPES, torch.int64, torch.int16, torch.bool)),
    case(
        "isposinf-isneginf-zero-dim",
        lambda *xs: [(x.isposinf(), x.isneginf()) for x in xs],
        *(torch.tensor(x) for x in (torch.inf, -torch.inf, 3, True)),
    ),
    case("tan-double", torch.tan, torch.tensor([1.5707963, 0.5, -9.4], dtype=torch.float64)),
    case("pow-zero-dim", lambda a: (a**0, a**3, 2**a, a**a), torch.tensor(3)),
    case("pow-empty", lambda a: (a**0, a**3, a**a), torch.zeros(0, 3, dtype=torch.int64)),
    case("clamp-whole", lambda a: (a.clamp(-2, 3), a.clamp(min=0.5)), WHOLE),
    case("clamp-tensor", lambda a, b: torch.clamp(a, b - 1, b), X, Y),
    case("clamp-nan", lambda a: a.clamp(-1, 1), SPECIAL),
    case("addcmul", lambda a, b: (torch.addcmul(a, a, b, value=2), torch.addcdiv(a, b, a)), X, Y),
    case("lerp", lambda a, b: (torch.lerp(a, b, 0.3), torch.lerp(a, b, b)), X, Y),
    case("heaviside", lambda a: torch.heaviside(a, torch.tensor(0.5)), SPECIAL[:6]),
    case(
        "shifts",
        lambda a, b: (a << b, a >> b, a.to(torch.uint8) >> b.to(torch.uint8), a.int() << 3),
        torch.tensor([5, -5, -(2**63), 2**63 - 1, 77, 1]),
        torch.tensor([0, 3, 63, 62, 64, -1]),
        others=((torch.tensor([-9, 4]), torch.tensor([1, 2])),),
        opsets=(11, 20),
    ),
    case(
        "divisors",
        lambda a, b: (torch.gcd(a, b), torch.lcm(a, b), torch.gcd(a[:1], b)),
        torch.tensor([12, -18, 0, 0, 89, 7]),
        torch.tensor([18, 12, 5, 0, 144, -7]),
        others=((torch.tensor([6, 4]), torch.tensor([4, 0])),),
        opsets=(11, 20),
    ),
    case("by-size", lambda a: a * a.shape[0] + a.shape[0] // 2, X, others=((torch.randn(7, 4),),)),
    case("zero-dim", lambda a: a * 2 + torch.tensor(1), torch.tensor(3.0)),
    case("empty", lambda a: a + 1, torch.empty(0, 3), others=((torch.empty(2, 3),),)),
    case(
        "gradient",
        lambda x, places: (
            *torch.gradient(x),
            *torch.gradient(x, spacing=(2.0, 0.5), edge_order=2),
            *torch.gradient(x, dim=-1, spacing=3),
            *torch.gradient(x, spacing=(places,), dim=0),
            *torch.gradient(x, spacing=(places,), dim=0, edge_order=2),
        ),
        X,
        torch.tensor([0.0, 1.0, 4.0]),
        others=((torch.randn(5, 6), torch.tensor([-1.0, 0.5, 2.0, 2.5, 7.0])),),
        opsets=(13, 20),
    ),
    case(
        "gradient-of-integers",
        lambda x: torch.gradient(x, dim=0) + torch.gradient(x, dim=1, edge_order=2),
        torch.tensor([[2**24 + 1, 5, 2], [2**24, 0, -3]]),
        others=((WHOLE,),),
        opsets=(13, 20),
    ),
]

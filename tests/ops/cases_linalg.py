"""Linear algebra: decompositions, solutions, functions of matrices."""

from __future__ import annotations

import torch
from runner import case

generator = torch.Generator().manual_seed(0)


def r(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def symmetric(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    x = r(*shape, dtype=dtype)
    return x + x.mT


def positive(*shape: int) -> torch.Tensor:
    x = r(*shape)
    return x @ x.mT + torch.eye(shape[-1])


def of_rank(rank: int, *shape: int) -> torch.Tensor:
    return r(*shape[:-1], rank) @ r(*shape[:-2], rank, shape[-1])


def with_singular(*shape: int) -> torch.Tensor:
    x = r(*shape)
    x[0, 1] = 0
    return x


def with_negative(*shape: int) -> torch.Tensor:
    x = positive(*shape)
    x[0, 1, 1] = -1
    return x


def eigen(x: torch.Tensor) -> list[torch.Tensor]:
    """What is unique of the eigenvectors of both triangles, and the eigenvalues."""
    results = []
    for triangle in ("L", "U"):
        values, vectors = torch.linalg.eigh(x, triangle)
        product = (vectors * values.unsqueeze(-2)) @ vectors.mT
        results += [values, product, vectors.mT @ vectors]
    return [*results, torch.linalg.eigvalsh(x)]


def singular(x: torch.Tensor, full: bool) -> list[torch.Tensor]:
    u, values, v = torch.linalg.svd(x, full_matrices=full)
    size = values.shape[-1]
    product = (u[..., :size] * values.unsqueeze(-2)) @ v[..., :size, :]
    return [values, product, u.mT @ u, v @ v.mT]


def qr(x: torch.Tensor) -> list[torch.Tensor]:
    packed, factors = torch.geqrf(x)
    return [
        *torch.linalg.qr(x),
        *torch.linalg.qr(x, mode="complete"),
        torch.linalg.qr(x, mode="r").R,
        packed,
        factors,
    ]


def reflected(a: torch.Tensor, factors: torch.Tensor, x: torch.Tensor) -> list[torch.Tensor]:
    return [
        torch.ormqr(a, factors, y, left, transpose)
        for left, y in ((True, x), (False, x.mT))
        for transpose in (False, True)
    ]


def triangular(a: torch.Tensor, b: torch.Tensor) -> list[torch.Tensor]:
    return [
        torch.linalg.solve_triangular(a, right, upper=upper, left=left, unitriangular=unit)
        for upper in (False, True)
        for left, right in ((True, b), (False, b.mT))
        for unit in (False, True)
    ]


def solved_by_lu(a: torch.Tensor, b: torch.Tensor) -> list[torch.Tensor]:
    lu, pivots = torch.linalg.lu_factor(a)
    return [
        lu,
        pivots,
        *torch.lu_unpack(lu, pivots),
        *(
            torch.linalg.lu_solve(lu, pivots, right, left=left, adjoint=adjoint)
            for left, right in ((True, b), (False, b.mT))
            for adjoint in (False, True)
        ),
    ]


CLOSE = {"rtol": 1e-3, "atol": 1e-4}
SOME = (11, 18, 28)

CASES = [
    case("lu", torch.linalg.lu, r(2, 3, 5), others=((r(1, 6, 4),),), opsets=SOME, **CLOSE),
    case(
        "lu-solve",
        solved_by_lu,
        r(2, 3, 3),
        r(2, 3, 4),
        others=((r(3, 5, 5), r(3, 5, 1)),),
        opsets=SOME,
        **CLOSE,
    ),
    case(
        "determinants",
        lambda x: (torch.linalg.det(x), *torch.linalg.slogdet(x), torch.logdet(x)),
        with_singular(3, 4, 4),
        others=((with_singular(2, 3, 3),),),
        opsets=SOME,
        **CLOSE,
    ),
    case("det-double", torch.linalg.det, r(4, 4, dtype=torch.float64), opsets=(20,)),
    case(
        "info-of-singular",
        lambda x: (torch.linalg.inv_ex(x).info, torch.linalg.lu_factor_ex(x).info),
        with_singular(2, 3, 3),
        opsets=SOME,
        release=("2.11", "its inv_ex names another pivot before"),
    ),
    case(
        "solve",
        lambda a, b, v: (
            torch.linalg.solve(a, b),
            torch.linalg.solve(a, b.mT, left=False),
            torch.linalg.solve(a, v),
            torch.linalg.solve(a[0], b),
            torch.linalg.inv(a),
        ),
        r(2, 3, 3),
        r(2, 3, 4),
        r(2, 3),
        others=((r(4, 6, 6), r(4, 6, 1), r(4, 6)),),
        opsets=SOME,
        **CLOSE,
    ),
    case("solve-vector", torch.linalg.solve, r(2, 3, 3), r(3), opsets=(20,), **CLOSE),
    case(
        "triangular",
        triangular,
        positive(2, 3, 3),
        r(3, 4),
        others=((positive(1, 5, 5), r(5, 2)),),
        opsets=SOME,
        **CLOSE,
    ),
    case(
        "cholesky",
        lambda x, b: (
            *torch.linalg.cholesky_ex(x),
            torch.linalg.cholesky(x, upper=True),
            torch.cholesky_solve(b, torch.linalg.cholesky(x)),
            torch.cholesky_inverse(torch.linalg.cholesky(x)),
        ),
        positive(2, 3, 3),
        r(2, 3, 4),
        others=((positive(3, 5, 5), r(3, 5, 1)),),
        opsets=SOME,
        **CLOSE,
    ),
    case(
        "cholesky-fails",
        lambda x: torch.linalg.cholesky_ex(x).info,
        with_negative(2, 3, 3),
        opsets=(20,),
    ),
    case(
        "norm-of-dims",
        lambda x: [
            *[torch.linalg.norm(x, p, (0, 1)) for p in (None, "fro", "nuc", 1, -1, 2, torch.inf)],
            *[torch.linalg.norm(x, p, -1, True) for p in (None, 2, 0, -torch.inf)],
            torch.linalg.norm(x[0], -1, dtype=torch.float64),
            torch.linalg.norm(x[0, 0, :1].squeeze(0)),
        ],
        r(4, 3, 2),
        others=((r(3, 5, 3),),),
        opsets=(13, 20),  # torch.export fixes the sizes
        **CLOSE,
    ),
    case("qr-tall", qr, r(2, 5, 3), others=((r(3, 4, 2),),), opsets=SOME, **CLOSE),
    case("qr-wide", qr, r(3, 5), others=((r(2, 7),),), opsets=(11, 20), **CLOSE),
    case("qr-of-zero", qr, torch.zeros(3, 2), opsets=(20,)),
    case(
        "ormqr",
        reflected,
        r(2, 4, 3),
        r(2, 3),
        r(2, 4, 5),
        others=((r(3, 5, 2), r(3, 2), r(3, 5, 4)),),
        opsets=(11, 20),
        **CLOSE,
    ),
    case("eigh", eigen, r(2, 5, 5), others=((r(3, 4, 4),), (r(1, 1, 1),)), opsets=SOME, **CLOSE),
    case("eigh-of-equal", eigen, torch.eye(4) * 3, opsets=(20,)),
    case("eigh-double", eigen, symmetric(9, 9, dtype=torch.float64), opsets=(20,)),
    case(
        "svd",
        lambda x: singular(x, False),
        r(2, 4, 3),
        others=((r(2, 3, 6),), (of_rank(1, 3, 5, 5),)),
        opsets=SOME,
        **CLOSE,
    ),
    case(
        "svd-full",
        lambda x: (*singular(x, True), torch.linalg.svdvals(x)),
        of_rank(2, 2, 5, 3),
        others=((r(1, 6, 4),),),
        opsets=(11, 20),
        **CLOSE,
    ),
    case(
        "svd-scaled",
        torch.linalg.svdvals,
        r(4, 3, dtype=torch.float64) * torch.tensor([1e-200, 1e-150, 1e180]),
        opsets=(20,),
    ),
    case(
        "pseudo-inverse",
        lambda x: (torch.linalg.pinv(x), torch.linalg.matrix_rank(x), torch.linalg.cond(x)),
        r(2, 4, 3),
        others=((r(1, 3, 5),),),
        opsets=SOME,
        **CLOSE,
    ),
    case(
        "pseudo-inverse-of-lower-rank",
        lambda x: (
            torch.linalg.pinv(x),
            torch.linalg.pinv(x @ x.mT, hermitian=True, rtol=1e-4),
            torch.linalg.matrix_rank(x),
            torch.linalg.matrix_rank(x, atol=1e6),
        ),
        of_rank(2, 2, 4, 3),
        opsets=(11, 20),
        **CLOSE,
    ),
    case(
        "least-squares",
        lambda a, b: (
            *torch.linalg.lstsq(a, b, driver="gelsd"),
            torch.linalg.lstsq(a.mT, a.mT).solution,
        ),
        r(2, 5, 3),
        r(2, 5, 4),
        others=((r(3, 4, 2), r(3, 4, 1)),),
        opsets=(11, 20),
        **CLOSE,
    ),
    case(
        "exponential",
        torch.linalg.matrix_exp,
        r(2, 3, 3, dtype=torch.float64) * 10,
        others=((r(3, 5, 5, dtype=torch.float64) / 10,),),
        opsets=SOME,
    ),
    case(
        "ldl",
        lambda x: (
            *torch.linalg.ldl_factor_ex(x),
            torch.linalg.ldl_solve(*torch.linalg.ldl_factor(x), x),
        ),
        symmetric(3, 6, 6, dtype=torch.float64) - 3 * torch.eye(6),
        others=((symmetric(2, 9, 9, dtype=torch.float64),),),
        opsets=(11, 20),
    ),
    case(
        "no-matrices",
        lambda x: (
            torch.linalg.solve(x, x),
            torch.linalg.cholesky(x),
            *singular(x, True),
            *eigen(x),
            torch.linalg.matrix_exp(x),
            torch.linalg.pinv(x),
        ),
        positive(2, 3, 3),
        others=((torch.zeros(0, 3, 3),), (torch.zeros(2, 0, 0),)),
        opsets=(11, 20),
        **CLOSE,
    ),
    case(
        "powers",
        lambda x: tuple(torch.linalg.matrix_power(x, n) for n in (0, 1, 2, 5, -3)),
        positive(2, 3, 3) / 4,
        others=((positive(1, 4, 4) / 4,),),
        opsets=(11, 20),
        **CLOSE,
    ),
    case(
        "pinv-of-any-size",
        lambda x: (torch.linalg.pinv(x, atol=1e-3), torch.linalg.pinv(x, rtol=1e-3), x.pinverse()),
        r(4, 3),
        others=((r(3, 6),), (r(5, 3),)),
        opsets=(11, 20),
        **CLOSE,
    ),
    case(
        "square-root-of-positive",
        # Looked up when it runs, for older releases lack it.
        lambda x: torch.linalg.matrix_sqrth(x),
        positive(2, 4, 4),
        others=((positive(3, 2, 2),), (torch.diag_embed(torch.tensor([[3.0, -1.0, 0.0]])),)),
        opsets=SOME,
        release=("2.14", "no matrix_sqrth before"),
        **CLOSE,
    ),
    case(
        "polar-decomposition",
        lambda x: tuple(torch.linalg.polar(x)),
        r(2, 4, 3),
        others=((r(3, 3, 3),), (r(1, 5, 2),)),
        opsets=SOME,
        release=("2.14", "no linalg.polar before"),
        **CLOSE,
    ),
]

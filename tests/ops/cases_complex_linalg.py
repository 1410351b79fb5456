"""Linear algebra of complex matrices: batches, other sizes, what pivots, equal eigenvalues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from runner import Case, case

torch.manual_seed(0)
FEW = (13, 20)


def c(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.complex64)


def positive(batch: int, size: int) -> torch.Tensor:
    x = c(batch, size, size)
    return x @ x.mH + torch.eye(size)


def linear(name: str, fn: Callable[..., Any], *inputs: torch.Tensor, **options: Any) -> Case:
    return case(name, fn, *inputs, opsets=FEW, rtol=2e-3, atol=2e-3, **options)


SQUARES = (c(2, 3, 3), c(2, 3, 2))
LARGER = ((c(3, 4, 4), c(3, 4, 2)),)
linalg = torch.linalg

CASES = [
    linear(
        "inverses",
        lambda a, b: (
            linalg.inv(a),
            linalg.solve(a, b),
            linalg.solve(a, b.mT, left=False),
            linalg.solve(a[0], b[0, :, 0]),
            *linalg.inv_ex(a),
        ),
        *SQUARES,
        others=LARGER,
    ),
    linear(
        "triangles",
        lambda a, b: (
            linalg.solve_triangular(a, b, upper=True),
            linalg.solve_triangular(a, b, upper=False, unitriangular=True),
            linalg.solve_triangular(a, b.mT, upper=True, left=False),
            *torch.triangular_solve(b, a, upper=False, transpose=True),
        ),
        SQUARES[0] + 3 * torch.eye(3),
        SQUARES[1],
        others=((LARGER[0][0] + 3 * torch.eye(4), LARGER[0][1]),),
    ),
    linear(
        "cholesky",
        lambda a, b: (
            linalg.cholesky(a),
            linalg.cholesky(a, upper=True),
            torch.cholesky_solve(b, linalg.cholesky(a)),
            torch.cholesky_solve(b, linalg.cholesky(a, upper=True), upper=True),
            torch.cholesky_inverse(linalg.cholesky(a)),
            *linalg.cholesky_ex(a),
        ),
        positive(2, 3),
        c(2, 3, 2),
        others=((positive(3, 4), c(3, 4, 2)),),
    ),
    linear(
        "lu",
        lambda a: (
            *linalg.lu(a),
            *linalg.lu(a[..., :2]),
            *linalg.lu(a[..., :2, :]),
            *linalg.lu_factor_ex(a),
            linalg.det(a),
            *linalg.slogdet(a),
        ),
        c(2, 4, 4),
        others=((c(3, 4, 4),),),
    ),
    linear(
        "lu-solve",
        lambda a, b: [
            linalg.lu_solve(*linalg.lu_factor(a), x, left=left, adjoint=adjoint)
            for x, left in ((b, True), (b.mT, False))
            for adjoint in (False, True)
        ],
        *SQUARES,
        others=LARGER,
    ),
    linear(
        "values",
        lambda a: (
            linalg.svdvals(a),
            linalg.svdvals(a[..., :2]),
            linalg.eigvalsh(a),
            linalg.eigvalsh(a, UPLO="U"),
            linalg.matrix_rank(a),
            linalg.cond(a),
            linalg.matrix_norm(a, "nuc"),
        ),
        c(2, 3, 3),
        others=((c(1, 4, 4),),),
    ),
    linear(
        "equal-values", lambda a: (linalg.eigvalsh(a), linalg.svdvals(a)), torch.eye(3) * (2 + 0j)
    ),
    linear(
        "pseudo-inverses",
        lambda a: (linalg.pinv(a), linalg.pinv(a[..., :2]), linalg.pinv(a + a.mH, hermitian=True)),
        c(2, 3, 3),
        others=((c(2, 4, 4),),),
    ),
    linear(
        "least-squares",
        lambda a, b: (
            *linalg.lstsq(a, b, driver="gelsd"),
            linalg.lstsq(a, b[..., 0])[0],
        ),
        c(2, 5, 3),
        c(2, 5, 2),
    ),
    linear(
        "covariance",
        lambda z: (z.cov(), z[0].cov(correction=0), z.cov(aweights=z[0].abs()), z.corrcoef()),
        c(3, 5),
        others=((c(4, 6),),),
    ),
    linear("exponential", torch.matrix_exp, c(2, 3, 3)),
    linear(
        "square-root-and-polar",
        lambda a, b: (linalg.matrix_sqrth(a), *linalg.polar(b)),
        positive(2, 3),
        c(2, 4, 3),
        others=((positive(3, 4), c(3, 5, 4)),),
        release=("2.14", "no matrix_sqrth, no linalg.polar before"),
    ),
]

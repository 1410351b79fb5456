"""Linear algebra of complex matrices, by real ones of twice the size.

Each number ``a + bi`` becomes the block ``[[a, -b], [b, a]]``. Sums, products, inverses and
Cholesky factors of such matrices are such matrices again; eigenvalues and singular values come
twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.dtypes import real_of
from torch_onnx.builder.sizes import TO_THE_END
from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops import linalg_eigen, linalg_lu, matrix_functions
from torch_onnx.ops.axes import rank_of, sizes_of
from torch_onnx.ops.creation import tril, triu
from torch_onnx.ops.linalg_eigen import from_triangle, singular_values, symmetric_eigen
from torch_onnx.ops.linalg_triangular import lower_factor
from torch_onnx.ops.matrices import (
    are_vectors,
    as_column,
    diagonal,
    first_place,
    identity,
    rows_of,
    to_batch_of,
    total,
    transposed,
)
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("complex_linalg")

Results = list[OnnxValue | None]


# To real matrices and back.


def in_blocks(g: Builder, x: OnnxValue) -> OnnxValue:
    """``[..., 2 * rows, 2 * columns]``, a block for each number."""
    real, imaginary = g.both_parts(x)
    left, right = _beneath(g, real, imaginary), _beneath(g, g.Neg(imaginary), real)
    *batch, rows, columns = sizes_of(g, left)
    rank = rank_of(left)
    beside = g.Concat(*(g.Unsqueeze(half, axes=[rank]) for half in (left, right)), axis=rank)
    return g.reshape(beside, [*batch, rows, g.mul(2, columns)])


def in_rows(g: Builder, x: OnnxValue) -> OnnxValue:
    """``[..., 2 * rows, columns]``: the left half of each block, which says all."""
    return _beneath(g, *g.both_parts(x))


def _beneath(g: Builder, upper: OnnxValue, lower: OnnxValue) -> OnnxValue:
    """The rows of two matrices in turn."""
    *batch, rows, columns = sizes_of(g, upper)
    axis = rank_of(upper) - 1
    both = g.Concat(*(g.Unsqueeze(part, axes=[axis]) for part in (upper, lower)), axis=axis)
    return g.reshape(both, [*batch, g.mul(2, rows), columns])


def of_rows(g: Builder, x: OnnxValue) -> OnnxValue:
    """The complex matrix whose parts' rows are given in turn."""
    axis = rank_of(x) - 2
    return g.complex(*(_every_second(g, x, axis, start) for start in (0, 1)))


def of_blocks(g: Builder, x: OnnxValue) -> OnnxValue:
    return of_rows(g, _every_second(g, x, rank_of(x) - 1))


def _every_second(g: Builder, x: OnnxValue, axis: int, start: int = 0) -> OnnxValue:
    return g.Slice(x, [start], [TO_THE_END], axes=[axis], steps=[2])


def _info(g: Builder, info: OnnxValue) -> OnnxValue:
    """The number of the block that a row or column lies in, all counted from 1."""
    one, two = g.like(1, info), g.like(2, info)
    return g.Div(g.Add(info, one), two)


# Shapes of matrices.


def _transposed(g: Builder, x: OnnxValue, conjugate: bool = False) -> OnnxValue:
    real, imaginary = (transposed(g, part) for part in g.both_parts(x))
    return g.complex(real, g.Neg(imaginary) if conjugate else imaginary)


def _triangle(g: Builder, x: OnnxValue, upper: bool, unit: bool = False) -> OnnxValue:
    keep = triu if upper else tril
    real, imaginary = g.both_parts(x)
    if not unit:
        return g.complex(keep(g, real), keep(g, imaginary))
    beside = 1 if upper else -1
    size = rows_of(g, real)
    ones = identity(g, size, size, real.dtype)
    return g.complex(g.Add(keep(g, real, beside), ones), keep(g, imaginary, beside))


def _hermitian(g: Builder, x: OnnxValue, uplo: str) -> OnnxValue:
    """The matrix of which one triangle is given; its diagonal is real."""
    lower = x if uplo.upper() == "L" else _transposed(g, x, conjugate=True)
    real, imaginary = g.both_parts(lower)
    strict = tril(g, imaginary, -1)
    return g.complex(from_triangle(g, real, "L"), g.Sub(strict, transposed(g, strict)))


# Solutions.


@aten("linalg_inv_ex")
def inv_ex(g: Builder, A: OnnxValue, check_errors: bool = False) -> Results:
    inverse, info = linalg_lu.inv_ex(g, in_blocks(g, A))
    assert inverse is not None
    assert info is not None
    return [of_blocks(g, inverse), _info(g, info)]


@aten("linalg_inv")
def inv(g: Builder, A: OnnxValue) -> OnnxValue | None:
    return inv_ex(g, A)[0]


@aten("linalg_solve_ex")
def solve_ex(
    g: Builder, A: OnnxValue, B: OnnxValue, left: bool = True, check_errors: bool = False
) -> Results:
    vectors = are_vectors(g.shaped_alike(A), g.shaped_alike(B))
    if vectors:
        real, imaginary = g.both_parts(B)
        B = g.complex(as_column(g, real), as_column(g, imaginary))
    elif not left:
        A, B = _transposed(g, A), _transposed(g, B)
    found, info = linalg_lu.solve_ex(g, in_blocks(g, A), in_rows(g, B))
    assert found is not None
    assert info is not None
    x = of_rows(g, found)
    if vectors:
        x = g.complex(*(g.Squeeze(part, axes=[rank_of(part) - 1]) for part in g.both_parts(x)))
    return [x if left or vectors else _transposed(g, x), _info(g, info)]


@aten("linalg_solve")
def solve(g: Builder, A: OnnxValue, B: OnnxValue, left: bool = True) -> OnnxValue:
    x = solve_ex(g, A, B, left)[0]
    assert x is not None
    return x


@aten("linalg_solve_triangular")
def solve_triangular(
    g: Builder,
    self: OnnxValue,
    B: OnnxValue,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
) -> OnnxValue:
    triangle = _triangle(g, self, upper, unitriangular)
    if not left:
        triangle, B = _transposed(g, triangle), _transposed(g, B)
    found = linalg_lu.solve(g, in_blocks(g, triangle), in_rows(g, B))
    assert found is not None
    return of_rows(g, found) if left else _transposed(g, of_rows(g, found))


@aten("triangular_solve")
def triangular_solve(
    g: Builder,
    self: OnnxValue,
    A: OnnxValue,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
) -> Results:
    a = g.complex(*(to_batch_of(g, part, g.shaped_alike(self)) for part in g.both_parts(A)))
    triangle = _transposed(g, A) if transpose else A
    return [solve_triangular(g, triangle, self, upper != transpose, True, unitriangular), a]


# Cholesky.


@aten("linalg_cholesky_ex")
def cholesky_ex(
    g: Builder, self: OnnxValue, upper: bool = False, check_errors: bool = False
) -> Results:
    factor = cholesky(g, self, upper)
    pivots = diagonal(g, g.both_parts(factor)[0])
    good = g.Greater(pivots, g.like(0, pivots))
    return [factor, first_place(g, g.Not(good))]


@aten("cholesky", "linalg_cholesky")
def cholesky(g: Builder, self: OnnxValue, upper: bool = False) -> OnnxValue:
    whole = _hermitian(g, self, "U" if upper else "L")
    lower = of_blocks(g, lower_factor(g, in_blocks(g, whole)))
    return _transposed(g, lower, conjugate=True) if upper else lower


def _product_of_factor(g: Builder, factor: OnnxValue, upper: bool) -> OnnxValue:
    """In blocks, the matrix whose Cholesky factor is given."""
    half = in_blocks(g, _triangle(g, factor, upper))
    other = transposed(g, half)
    return g.MatMul(other, half) if upper else g.MatMul(half, other)


@aten("cholesky_solve")
def cholesky_solve(
    g: Builder, self: OnnxValue, input2: OnnxValue, upper: bool = False
) -> OnnxValue:
    found = linalg_lu.solve(g, _product_of_factor(g, input2, upper), in_rows(g, self))
    assert found is not None
    return of_rows(g, found)


@aten("cholesky_inverse")
def cholesky_inverse(g: Builder, self: OnnxValue, upper: bool = False) -> OnnxValue:
    found = linalg_lu.inv(g, _product_of_factor(g, self, upper))
    assert found is not None
    return of_blocks(g, found)


# What eigenvalues and singular values give.


@aten("linalg_eigvalsh")
def eigvalsh(g: Builder, self: OnnxValue, UPLO: str = "L") -> OnnxValue:
    values, _ = symmetric_eigen(g, in_blocks(g, _hermitian(g, self, UPLO)), False)
    return g.cast(_every_second(g, values, rank_of(values) - 1), real_of(self.dtype))


@aten("linalg_svdvals")
def svdvals(g: Builder, A: OnnxValue, driver: str | None = None) -> OnnxValue:
    values = singular_values(g, in_blocks(g, A))
    return _every_second(g, values, rank_of(values) - 1)


@aten("linalg_matrix_sqrth")
def matrix_sqrth(g: Builder, self: OnnxValue) -> OnnxValue:
    return of_blocks(g, linalg_eigen.matrix_sqrth(g, in_blocks(g, _hermitian(g, self, "L"))))


@aten("linalg_polar")
def polar(g: Builder, A: OnnxValue) -> Results:
    unitary, positive = linalg_eigen.polar(g, in_blocks(g, A))
    assert unitary is not None
    assert positive is not None
    return [of_blocks(g, unitary), of_blocks(g, positive)]


@aten("linalg_matrix_rank.atol_rtol_tensor")
def matrix_rank(
    g: Builder,
    input: OnnxValue,
    atol: OnnxValue | None = None,
    rtol: OnnxValue | None = None,
    hermitian: bool = False,
) -> OnnxValue:
    limits = matrix_functions.tolerances(g, g.shaped_alike(input), atol, rtol)
    values = g.Abs(eigvalsh(g, input)) if hermitian else svdvals(g, input)
    return matrix_functions.rank_above(g, g.cast(values, torch.float64), *limits)


@aten("linalg_pinv.atol_rtol_tensor")
def pinv(
    g: Builder,
    self: OnnxValue,
    atol: OnnxValue | None = None,
    rtol: OnnxValue | None = None,
    hermitian: bool = False,
) -> OnnxValue:
    limits = matrix_functions.tolerances(g, g.both_parts(self)[0], atol, rtol)
    whole = _hermitian(g, self, "L") if hermitian else self
    return of_blocks(g, matrix_functions.pinv_above(g, in_blocks(g, whole), *limits, hermitian))


matrix_functions.register_pinvs(aten, pinv)


@aten("linalg_lstsq")
def lstsq(
    g: Builder,
    self: OnnxValue,
    b: OnnxValue,
    result: Results,
    rcond: float | None = None,
    driver: str | None = None,
) -> Results:
    """The solution of the least norm; residuals whatever the rank, as of real matrices."""
    driver = driver or "gelsy"
    ratio = None if rcond is None else g.constant(rcond, torch.float64)
    blocks, dtype = in_blocks(g, self), real_of(self.dtype)
    limits = matrix_functions.tolerances(g, g.both_parts(self)[0], None, ratio)
    found = matrix_functions.inverse(g, blocks, *limits)
    vectors = are_vectors(g.shaped_alike(self), g.shaped_alike(b))
    if vectors:
        b = g.complex(*(as_column(g, part) for part in g.both_parts(b)))
    right = g.cast(in_rows(g, b), torch.float64)
    x = g.MatMul(found.matrix, right)
    nothing = g.constant(torch.zeros(0, dtype=dtype))
    residuals, rank, values = nothing, g.constant(torch.zeros(0, dtype=torch.int64)), nothing
    if driver != "gels":
        rank = g.Div(total(g, g.cast(found.kept, torch.int64)), g.constant(2))
    if driver in ("gelss", "gelsd"):
        values = g.cast(_every_second(g, found.values, rank_of(found.values) - 1), dtype)
    wanted = result[1]
    if driver != "gelsy" and wanted is not None and wanted.shape != (0,):
        error = g.Sub(g.MatMul(g.cast(blocks, torch.float64), x), right)
        residuals = g.cast(total(g, g.Mul(error, error), -2), dtype)
    if vectors:
        x = g.Squeeze(x, axes=[rank_of(x) - 1])
        parts = [_every_second(g, x, rank_of(x) - 1, start) for start in (0, 1)]
        return [g.complex(*(g.cast(part, dtype) for part in parts)), residuals, rank, values]
    return [of_rows(g, g.cast(x, dtype)), residuals, rank, values]


@aten("linalg_matrix_exp", "matrix_exp")
def matrix_exp(g: Builder, self: OnnxValue) -> OnnxValue:
    return of_blocks(g, matrix_functions.matrix_exp(g, in_blocks(g, self)))

"""Functions of whole matrices: the pseudo-inverse, least squares, the exponential."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.axes import axis_of, rank_of, refuse_complex
from torch_onnx.ops.linalg_eigen import (
    chosen,
    from_triangle,
    is_wide,
    orthogonal_columns,
    scaled_product,
    singular_values,
    symmetric_eigen,
    transposed_if,
)
from torch_onnx.ops.linalg_lu import inv
from torch_onnx.ops.loops import repeat
from torch_onnx.ops.matmul import matmul
from torch_onnx.ops.matrices import (
    are_vectors,
    as_column,
    as_row,
    columns_of,
    identities,
    rows_of,
    total,
    transposed,
)
from torch_onnx.ops.reduction import vector_norm
from torch_onnx.ops.shape import move_axes
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("matrix_functions")

Results = list[OnnxValue | None]


# Inverses of any matrix.


@aten("linalg_pinv.atol_rtol_tensor")
def pinv(
    g: Builder,
    self: OnnxValue,
    atol: OnnxValue | None = None,
    rtol: OnnxValue | None = None,
    hermitian: bool = False,
) -> OnnxValue:
    refuse_complex(self)
    return pinv_above(g, self, *tolerances(g, self, atol, rtol), hermitian)


def pinv_above(
    g: Builder, self: OnnxValue, absolute: OnnxValue, relative: OnnxValue, hermitian: bool
) -> OnnxValue:
    """By the singular values that exceed both tolerances."""
    if not hermitian:
        return g.cast(inverse(g, self, absolute, relative).matrix, self.dtype)
    values, vectors = symmetric_eigen(g, from_triangle(g, self, "L"))
    assert vectors is not None
    size = g.Abs(values)
    most = g.Mul(relative, g.ReduceMax(size, axes=[-1]))
    factors = _reciprocals(g, values, g.Greater(size, g.Max(absolute, most)))
    return g.cast(scaled_product(g, vectors, factors, vectors), self.dtype)


def register_pinvs(table: OpTable, pinv: Callable[..., OnnxValue]) -> None:
    """The overloads of a pseudo-inverse that are given their limits as numbers."""

    def by_numbers(
        g: Builder,
        self: OnnxValue,
        atol: float | None = None,
        rtol: float | None = None,
        hermitian: bool = False,
    ) -> OnnxValue:
        limits = (None if x is None else g.constant(x, torch.float64) for x in (atol, rtol))
        return pinv(g, self, *limits, hermitian)

    def by_ratio(
        g: Builder, self: OnnxValue, rcond: float = 1e-15, hermitian: bool = False
    ) -> OnnxValue:
        return by_numbers(g, self, None, rcond, hermitian)

    table("linalg_pinv.atol_rtol_float")(by_numbers)
    table("linalg_pinv", "pinverse")(by_ratio)


register_pinvs(aten, pinv)


def tolerances(
    g: Builder, x: OnnxValue, atol: OnnxValue | None, rtol: OnnxValue | None
) -> tuple[OnnxValue, OnnxValue]:
    """What singular values must exceed, of float64, in a shape to compare them with.

    PyTorch's default is a relative one, unless an absolute one is given that is not 0.
    """
    zero = g.constant(0.0, torch.float64)
    absolute = zero if atol is None else as_column(g, g.cast(atol, torch.float64))
    if rtol is not None:
        return absolute, as_column(g, g.cast(rtol, torch.float64))
    longer = g.scalar(g.maximum(rows_of(g, x), columns_of(g, x)), torch.float64)
    relative = g.Mul(longer, g.constant(torch.finfo(x.dtype).eps, torch.float64))
    if atol is None:
        return absolute, relative
    return absolute, g.Where(g.Greater(absolute, zero), zero, relative)


def _reciprocals(g: Builder, x: OnnxValue, kept: OnnxValue) -> OnnxValue:
    one = g.like(1, x)
    return g.Where(kept, g.Div(one, g.Where(kept, x, one)), g.like(0, x))


@dataclass(frozen=True, slots=True)
class PseudoInverse:
    """The matrix, the singular values, and which of these count; of float64."""

    matrix: OnnxValue
    values: OnnxValue
    kept: OnnxValue


def inverse(g: Builder, x: OnnxValue, absolute: OnnxValue, relative: OnnxValue) -> PseudoInverse:
    wide = is_wide(g, x)
    tall = transposed_if(g, g.cast(x, torch.float64), wide)
    columns, values, v = orthogonal_columns(g, tall)
    assert v is not None
    most = g.Slice(values, [0], [1], axes=[rank_of(values) - 1])
    kept = g.Greater(values, g.Max(absolute, g.Mul(relative, most)))
    factors = as_row(g, _reciprocals(g, values, kept))
    # U is the columns by the reciprocals of their lengths, which are the singular values.
    left, right = g.Mul(v, factors), g.Mul(columns, factors)
    matrix = g.MatMul(chosen(g, wide, right, left), transposed(g, chosen(g, wide, left, right)))
    return PseudoInverse(matrix, values, kept)


# Ranks.


@aten("linalg_matrix_rank.atol_rtol_tensor")
def matrix_rank(
    g: Builder,
    input: OnnxValue,
    atol: OnnxValue | None = None,
    rtol: OnnxValue | None = None,
    hermitian: bool = False,
) -> OnnxValue:
    refuse_complex(input)
    absolute, relative = tolerances(g, input, atol, rtol)
    if hermitian:
        values = g.Abs(symmetric_eigen(g, from_triangle(g, input, "L"), vectors=False)[0])
    else:
        values = g.cast(singular_values(g, input), torch.float64)
    return rank_above(g, values, absolute, relative)


def rank_above(
    g: Builder, values: OnnxValue, absolute: OnnxValue, relative: OnnxValue
) -> OnnxValue:
    """How many of the singular values exceed both tolerances."""
    most = g.Mul(relative, g.ReduceMax(values, axes=[-1]))
    return total(g, g.cast(g.Greater(values, g.Max(absolute, most)), torch.int64))


@aten("linalg_matrix_rank.atol_rtol_float")
def matrix_rank_by_numbers(
    g: Builder,
    self: OnnxValue,
    atol: float | None = None,
    rtol: float | None = None,
    hermitian: bool = False,
) -> OnnxValue:
    absolute, relative = (None if t is None else g.constant(t, torch.float64) for t in (atol, rtol))
    return matrix_rank(g, self, absolute, relative, hermitian)


@aten("linalg_matrix_rank.tol_tensor")
def matrix_rank_above_tensor(
    g: Builder, input: OnnxValue, tol: OnnxValue, hermitian: bool = False
) -> OnnxValue:
    return matrix_rank(g, input, tol, g.constant(0.0, torch.float64), hermitian)


@aten("linalg_matrix_rank")
def matrix_rank_above(
    g: Builder, self: OnnxValue, tol: float, hermitian: bool = False
) -> OnnxValue:
    return matrix_rank_by_numbers(g, self, tol, 0.0, hermitian)


# Least squares.


@aten("linalg_lstsq")
def lstsq(
    g: Builder,
    self: OnnxValue,
    b: OnnxValue,
    result: Results,
    rcond: float | None = None,
    driver: str | None = None,
) -> Results:
    """The solution of the least norm.

    Residuals are given whatever the rank: whether PyTorch leaves them out, if it is not full,
    depends on the values.
    """
    refuse_complex(self)
    driver = driver or "gelsy"
    ratio = None if rcond is None else g.constant(rcond, torch.float64)
    found = inverse(g, self, *tolerances(g, self, None, ratio))
    vectors = are_vectors(self, b)
    right = g.cast(as_column(g, b) if vectors else b, torch.float64)
    x = g.MatMul(found.matrix, right)
    nothing = g.constant(torch.zeros(0, dtype=self.dtype))
    residuals, rank, values = nothing, g.constant(torch.zeros(0, dtype=torch.int64)), nothing
    if driver != "gels":
        rank = total(g, g.cast(found.kept, torch.int64))
    if driver in ("gelss", "gelsd"):
        values = g.cast(found.values, self.dtype)
    wanted = result[1]
    if driver != "gelsy" and wanted is not None and wanted.shape != (0,):
        error = g.Sub(g.MatMul(g.cast(self, torch.float64), x), right)
        residuals = total(g, g.Mul(error, error), -2)
        residuals = g.cast(residuals, self.dtype)
    if vectors:
        x = g.Squeeze(x, axes=[rank_of(x) - 1])
    return [g.cast(x, self.dtype), residuals, rank, values]


# Norms.


@aten("linalg_matrix_norm", "linalg_matrix_norm.str_ord")
def matrix_norm(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    refuse_complex(self)
    x = g.cast(self, result.dtype)
    rows, columns = (axis_of(x, d) for d in dim)
    if ord == "fro":
        return vector_norm(g, x, result, 2, [rows, columns], keepdim)
    if ord == "nuc" or abs(float(ord)) == 2:
        values = singular_values(g, move_axes(g, x, [rows, columns], [-2, -1]))
        norm = total(g, values) if ord == "nuc" else _extreme(g, values, -1, float(ord), False)
        return g.Unsqueeze(norm, axes=sorted((rows, columns))) if keepdim else norm
    added, compared = (rows, columns) if abs(float(ord)) == 1 else (columns, rows)
    sums = g.ReduceSum(g.Abs(x), axes=[added])
    norm = _extreme(g, sums, compared, float(ord), True)
    return norm if keepdim else g.Squeeze(norm, axes=sorted((rows, columns)))


@aten("linalg_norm", "linalg_norm.ord_str")
def norm(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    ord: float | str | None = None,
    dim: Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    """The norm of vectors where one axis is given or there is but one, or nothing is asked."""
    axes = list(range(rank_of(self))) if dim is None else list(dim)
    if ord is None or (len(axes) == 1 and not isinstance(ord, str)):
        return vector_norm(g, self, result, 2 if ord is None else ord, axes, keepdim)
    return matrix_norm(g, self, result, ord, axes, keepdim)


def _extreme(g: Builder, x: OnnxValue, axis: int, ord: float, keep: bool) -> OnnxValue:
    if ord < 0:
        return g.ReduceMin(x, axes=[axis], keepdims=int(keep))
    # Without any element the norm is 0.
    return g.Max(g.ReduceMax(x, axes=[axis], keepdims=int(keep)), g.like(0, x))


# The exponential.

TERMS = 18
"""Taylor's series of matrices of a norm up to 1 is exact in float64 after so many."""


@aten("linalg_matrix_exp", "matrix_exp")
def matrix_exp(g: Builder, self: OnnxValue) -> OnnxValue:
    """The exponential of the matrix divided by 2 to the s, by its series, squared s times.

    In float64, since every squaring doubles the error of the one before.
    """
    refuse_complex(self)
    x = g.cast(self, torch.float64)
    size = rows_of(g, x)
    one = identities(g, x, size, size)
    norm = g.ReduceMax(g.ReduceSum(g.Abs(x), axes=[-2]), axes=[-1])
    # How often to halve. (Where it is not finite, neither is the result, however often.)
    least = g.Min(g.Max(norm, g.like(1, x)), g.like(2.0**1000, x))
    halvings = g.Ceil(g.Div(g.Log(least), g.like(math.log(2), x)))
    scaled = g.Div(x, g.Pow(g.like(2, x), halvings))

    def term(i: OnnxValue, y: OnnxValue) -> Any:
        number = g.Cast(g.Sub(g.constant(TERMS), i), to=torch.float64)
        return [g.Add(one, g.MatMul(g.Div(scaled, number), y))]

    def square(i: OnnxValue, y: OnnxValue) -> Any:
        wanted = g.Less(g.Cast(i, to=torch.float64), halvings)
        return [g.Where(wanted, g.MatMul(y, y), y)]

    (series,) = repeat(g, TERMS, [one], term)
    most = g.ReduceMax(halvings, axes=list(range(rank_of(x))), keepdims=0)
    trips = g.Unsqueeze(g.Cast(g.Max(most, g.like(0, x)), to=torch.int64), axes=[0])
    trips.is_number = True
    return g.cast(repeat(g, trips, [series], square)[0], self.dtype)


@aten("linalg_matrix_power", "matrix_power")
def matrix_power(g: Builder, self: OnnxValue, n: int) -> OnnxValue:
    """By squares: x to the power of 13 is that of 8 and 4 and 1 multiplied."""
    if n == 0:
        return identities(g, self, rows_of(g, self), columns_of(g, self))
    inverse = inv(g, self) if n < 0 else self
    assert inverse is not None
    square, product = inverse, None
    for bit in reversed(f"{abs(n):b}"):
        if bit == "1":
            product = square if product is None else matmul(g, product, square)
        square = matmul(g, square, square)
    assert product is not None
    return product

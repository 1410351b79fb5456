"""Triangular systems and Cholesky decompositions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.axes import refuse_complex, sizes_of
from torch_onnx.ops.loops import repeat
from torch_onnx.ops.matrices import (
    as_column,
    column,
    columns_of,
    diagonal,
    element,
    first_place,
    identities,
    numbers,
    outer,
    row,
    rows_of,
    to_batch_of,
    transposed,
    zeros,
)
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("linalg_triangular")

Results = list[OnnxValue | None]


def substitute(
    g: Builder, triangle: OnnxValue, right: OnnxValue, upper: bool, unit: bool = False
) -> OnnxValue:
    """X of ``triangle @ X = right``, a row a round. The other triangle is never read."""
    refuse_complex(triangle)
    right = to_batch_of(g, right, triangle)
    size = rows_of(g, triangle)
    row_numbers = numbers(g, size)
    last = g.scalar(g.sub(size, 1))
    is_later = g.Less if upper else g.Greater
    zero = g.like(0, triangle)

    def step(i: OnnxValue, x: OnnxValue) -> Any:
        i = g.Sub(last, i) if upper else i
        here, factor = row(g, x, i), column(g, triangle, i)
        if not unit:
            here = g.Div(here, element(g, factor, i))
        factor = g.Where(is_later(row_numbers, i), factor, zero)
        solved = as_column(g, g.Equal(row_numbers, i))
        here_as_row = g.Unsqueeze(here, axes=[-2])
        return [g.Where(solved, here_as_row, g.Sub(x, outer(g, factor, here)))]

    return repeat(g, size, [right], step)[0]


@aten("linalg_solve_triangular")
def solve_triangular(
    g: Builder,
    self: OnnxValue,
    B: OnnxValue,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
) -> OnnxValue:
    if left:
        return substitute(g, self, B, upper, unitriangular)
    x = substitute(g, transposed(g, self), transposed(g, B), not upper, unitriangular)
    return transposed(g, x)


@aten("triangular_solve")
def triangular_solve(
    g: Builder,
    self: OnnxValue,
    A: OnnxValue,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
) -> Results:
    a = to_batch_of(g, A, self)
    if transpose:
        return [substitute(g, transposed(g, A), self, not upper, unitriangular), a]
    return [substitute(g, A, self, upper, unitriangular), a]


# Cholesky.


def lower_factor(g: Builder, x: OnnxValue) -> OnnxValue:
    """L of ``x = L @ L.mT``, a column a round; reads the lower triangle of x only.

    From the first pivot on that is not positive, NaN.
    """
    refuse_complex(x)
    size = rows_of(g, x)
    row_numbers = numbers(g, size)
    zero = g.like(0, x)

    def step(i: OnnxValue, a: OnnxValue, done: OnnxValue) -> Any:
        here = column(g, a, i)
        pivot = g.Sqrt(element(g, here, i))
        here = g.Where(g.Greater(row_numbers, i), g.Div(here, pivot), zero)
        with_pivot = g.Where(g.Equal(row_numbers, i), pivot, here)
        is_here = g.Equal(row_numbers, i)
        done = g.Where(is_here, as_column(g, with_pivot), done)
        return [g.Sub(a, outer(g, here, here)), done]

    start = zeros(g, sizes_of(g, x), x.dtype)
    return repeat(g, size, [x, start], step)[1]


@aten("linalg_cholesky_ex")
def cholesky_ex(
    g: Builder, self: OnnxValue, upper: bool = False, check_errors: bool = False
) -> Results:
    factor = cholesky(g, self, upper)
    pivots = diagonal(g, factor)
    good = g.Greater(pivots, g.like(0, pivots))
    return [factor, first_place(g, g.Not(good))]


@aten("cholesky", "linalg_cholesky")
def cholesky(g: Builder, self: OnnxValue, upper: bool = False) -> OnnxValue:
    if upper:
        return transposed(g, lower_factor(g, transposed(g, self)))
    return lower_factor(g, self)


@aten("cholesky_solve")
def cholesky_solve(
    g: Builder, self: OnnxValue, input2: OnnxValue, upper: bool = False
) -> OnnxValue:
    """``input2`` is the factor: L of ``A = L @ L.mT``, or U of ``A = U.mT @ U``."""
    lower = transposed(g, input2) if upper else input2
    half = substitute(g, lower, self, upper=False)
    return substitute(g, transposed(g, lower), half, upper=True)


@aten("cholesky_inverse")
def cholesky_inverse(g: Builder, self: OnnxValue, upper: bool = False) -> OnnxValue:
    size = columns_of(g, self)
    return cholesky_solve(g, identities(g, self, size, size), self, upper)

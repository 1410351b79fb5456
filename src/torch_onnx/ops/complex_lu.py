"""LU decompositions of complex matrices, and the determinants that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.dtypes import real_of
from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.axes import rank_of
from torch_onnx.ops.complex_linalg import solve_triangular
from torch_onnx.ops.complex_reduction import prod
from torch_onnx.ops.complex_values import adjoint, magnitude, multiply, plus, quotient, sgn
from torch_onnx.ops.creation import tril, triu
from torch_onnx.ops.linalg_lu import (
    Factors,
    order_of,
    parity,
    permutation,
    public_pivots,
    register_factors,
)
from torch_onnx.ops.loops import repeat
from torch_onnx.ops.matrices import (
    as_column,
    as_row,
    column,
    columns_of,
    diagonal,
    each_count,
    element,
    first_place,
    identity,
    numbers,
    row,
    rows_of,
    swapped,
    take_rows,
    total,
    transposed,
)
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("complex_lu")

Results = list[OnnxValue | None]


def factors(g: Builder, x: OnnxValue, pivot: bool = True) -> Factors:
    """Gaussian elimination, a column a round. As in LAPACK the largest is so by the sum of its
    parts' absolute values.
    """
    real, imaginary = g.both_parts(x)
    rows, columns = rows_of(g, real), columns_of(g, real)
    steps = g.minimum(rows, columns)
    row_numbers, column_numbers = numbers(g, rows), numbers(g, columns)
    step_numbers = numbers(g, steps)
    zero = g.like(0, real)

    def eliminate(i: OnnxValue, a: OnnxValue, b: OnnxValue, pivots: Any, order: Any) -> Any:
        if pivot:
            size = g.Add(g.Abs(column(g, a, i)), g.Abs(column(g, b, i)))
            size = g.Where(g.Less(row_numbers, i), g.like(-1, real), size)
            found = g.ArgMax(size, axis=-1, keepdims=1)
            pivots = g.Where(g.Equal(step_numbers, i), found, pivots)
            swap = swapped(g, row_numbers, i, found)
            a, b = take_rows(g, a, swap), take_rows(g, b, swap)
            order = g.GatherElements(order, swap, axis=rank_of(order) - 1)
        here = column(g, a, i), column(g, b, i)
        divisor, turned = (element(g, part, i) for part in here)
        # The largest of a column is 0 where all of it is: nothing is to be eliminated.
        nothing = g.And(g.Equal(divisor, zero), g.Equal(turned, zero))
        divisor = g.Where(nothing, g.like(1, real), divisor)
        ratio = g.both_parts(quotient(g, g.complex(*here), g.complex(divisor, turned)))
        below, later = g.Greater(row_numbers, i), g.Greater(column_numbers, i)
        factor = [as_column(g, g.Where(below, part, zero)) for part in ratio]
        after = [as_row(g, g.Where(later, row(g, part, i), zero)) for part in (a, b)]
        taken = multiply(g, g.complex(*factor), g.complex(*after))
        left = g.both_parts(plus(g, g.complex(a, b), taken, "Sub"))
        stored = g.And(as_column(g, below), g.Equal(column_numbers, i))
        kept = [g.Where(stored, f, part) for f, part in zip(factor, left, strict=True)]
        return [*kept, pivots, order]

    start = [real, imaginary, each_count(g, real, steps), each_count(g, real, rows)]
    a, b, pivots, order = repeat(g, steps, start, eliminate)
    return Factors(g.complex(a, b), pivots, order)


def _pivots(g: Builder, found: Factors) -> OnnxValue:
    """The diagonal of U."""
    return g.complex(*(diagonal(g, part) for part in g.both_parts(found.packed)))


# Decompositions.


@aten("linalg_lu_factor_ex")
def lu_factor_ex(
    g: Builder, A: OnnxValue, pivot: bool = True, check_errors: bool = False
) -> Results:
    found = factors(g, A, pivot)
    zero = [g.Equal(part, g.like(0, part)) for part in g.both_parts(_pivots(g, found))]
    return [found.packed, public_pivots(g, found.pivots), first_place(g, g.And(*zero))]


register_factors(aten, lu_factor_ex)


@aten("linalg_lu")
def lu(g: Builder, A: OnnxValue, pivot: bool = True) -> Results:
    found = factors(g, A, pivot)
    order = permutation(g, found.order, real_of(A.dtype))
    return [g.complex(order), *_triangles(g, found.packed)]


@aten("lu_unpack")
def lu_unpack(
    g: Builder,
    LU_data: OnnxValue,
    LU_pivots: OnnxValue,
    unpack_data: bool = True,
    unpack_pivots: bool = True,
) -> Results:
    dtype = real_of(LU_data.dtype)
    nothing = g.constant(torch.zeros(0, dtype=LU_data.dtype))
    p = lower = upper = nothing
    if unpack_pivots:
        rows = rows_of(g, g.shaped_alike(LU_data))
        p = g.complex(permutation(g, order_of(g, LU_pivots, rows), dtype))
    if unpack_data:
        lower, upper = _triangles(g, LU_data)
    return [p, lower, upper]


def _triangles(g: Builder, packed: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
    parts = g.both_parts(packed)
    rows, columns, rank = rows_of(g, parts[0]), columns_of(g, parts[0]), rank_of(parts[0])
    steps = g.minimum(rows, columns)
    left = [tril(g, g.Slice(part, [0], [steps], axes=[rank - 1]), -1) for part in parts]
    upper = [triu(g, g.Slice(part, [0], [steps], axes=[rank - 2])) for part in parts]
    ones = identity(g, rows, steps, parts[0].dtype)
    return g.complex(g.Add(left[0], ones), left[1]), g.complex(*upper)


@aten("linalg_lu_solve")
def lu_solve(
    g: Builder,
    LU: OnnxValue,
    pivots: OnnxValue,
    B: OnnxValue,
    left: bool = True,
    adjoint: bool = False,
) -> OnnxValue:
    if not left:
        found = lu_solve(g, LU, pivots, _adjoint(g, B), True, not adjoint)
        return _adjoint(g, found)
    real = g.shaped_alike(LU)
    order = permutation(g, order_of(g, pivots, rows_of(g, real)), real.dtype)
    if not adjoint:
        forward = solve_triangular(g, LU, _by(g, transposed(g, order), B), False, True, True)
        return solve_triangular(g, LU, forward, True)
    flipped = _adjoint(g, LU)
    forward = solve_triangular(g, flipped, B, False)
    return _by(g, order, solve_triangular(g, flipped, forward, True, True, True))


def _adjoint(g: Builder, x: OnnxValue) -> OnnxValue:
    return adjoint(g, x)


def _by(g: Builder, order: OnnxValue, x: OnnxValue) -> OnnxValue:
    return g.complex(*(g.MatMul(order, part) for part in g.both_parts(x)))


# Determinants.


@aten("linalg_det")
def det(g: Builder, A: OnnxValue, result: OnnxValue) -> OnnxValue:
    found = factors(g, A)
    product = prod(g, _pivots(g, found), result, -1)
    return _signed(g, product, found)


def _signed(g: Builder, x: OnnxValue, found: Factors) -> OnnxValue:
    sign = parity(g, found.pivots, real_of(x.dtype))
    return g.complex(*(g.Mul(part, sign) for part in g.both_parts(x)))


@aten("linalg_slogdet")
def slogdet(g: Builder, A: OnnxValue, result: Results) -> Results:
    found = factors(g, A)
    pivots = _pivots(g, found)
    assert result[0] is not None
    sign = prod(g, sgn(g, pivots), result[0], -1)
    return [_signed(g, sign, found), total(g, g.Log(magnitude(g, pivots)))]

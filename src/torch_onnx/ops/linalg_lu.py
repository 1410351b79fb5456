"""LU decompositions with partial pivoting, and what they give: determinants, solutions, inverses.

A singular matrix, which PyTorch refuses in ``solve`` and ``inv``, gives infinities and NaN here:
a model can't raise. The ``_ex`` operators say so in ``info``, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.ops.axes import rank_of, refuse_complex, sizes_of
from torch_onnx.ops.creation import tril, triu
from torch_onnx.ops.linalg_triangular import substitute
from torch_onnx.ops.loops import repeat
from torch_onnx.ops.matrices import (
    are_vectors,
    as_column,
    as_row,
    column,
    columns_of,
    diagonal,
    each_count,
    element,
    first_zero,
    identities,
    identity,
    numbers,
    outer,
    row,
    rows_of,
    swapped,
    take_rows,
    to_batch_of,
    total,
    transposed,
)
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("linalg_lu")

Results = list[OnnxValue | None]


@dataclass(frozen=True, slots=True)
class Factors:
    """``A[order] = L @ U``, both in one matrix, as LAPACK's getrf has them.

    Attributes:
        packed: U, and below its diagonal L without its ones.
        pivots: which row changed places with row i in step i, from 0; int64.
        order: the rows of A in the order they ended up in; int64.
    """

    packed: OnnxValue
    pivots: OnnxValue
    order: OnnxValue


def factors(g: Builder, x: OnnxValue, pivot: bool = True) -> Factors:
    """Gaussian elimination, a column a round."""
    refuse_complex(x)
    rows, columns = rows_of(g, x), columns_of(g, x)
    steps = g.minimum(rows, columns)
    row_numbers, column_numbers = numbers(g, rows), numbers(g, columns)
    step_numbers = numbers(g, steps)
    zero, one = g.like(0, x), g.like(1, x)

    def eliminate(i: OnnxValue, a: OnnxValue, pivots: OnnxValue, order: OnnxValue) -> Any:
        if pivot:
            size = g.Where(g.Less(row_numbers, i), g.like(-1, x), g.Abs(column(g, a, i)))
            found = g.ArgMax(size, axis=-1, keepdims=1)
            pivots = g.Where(g.Equal(step_numbers, i), found, pivots)
            swap = swapped(g, row_numbers, i, found)
            a = take_rows(g, a, swap)
            order = g.GatherElements(order, swap, axis=rank_of(order) - 1)
        here = column(g, a, i)
        divisor = element(g, here, i)
        # The largest of a column is 0 where all of it is: nothing is to be eliminated.
        divisor = g.Where(g.Equal(divisor, zero), one, divisor)
        below = g.Greater(row_numbers, i)
        factor = g.Where(below, g.Div(here, divisor), zero)
        after = g.Where(g.Greater(column_numbers, i), row(g, a, i), zero)
        a = g.Sub(a, outer(g, factor, after))
        stored = g.And(as_column(g, below), g.Equal(column_numbers, i))
        return [g.Where(stored, as_column(g, factor), a), pivots, order]

    start = [x, each_count(g, x, steps), each_count(g, x, rows)]
    return Factors(*repeat(g, steps, start, eliminate))


def order_of(g: Builder, pivots: OnnxValue, rows: Integer) -> OnnxValue:
    """The order of rows that changing places step by step ends in; pivots count from 1."""
    counted = g.Sub(g.cast(pivots, torch.int64), g.constant(1))
    row_numbers = numbers(g, rows)

    def step(i: OnnxValue, order: OnnxValue) -> Any:
        swap = swapped(g, row_numbers, i, element(g, counted, i))
        return [g.GatherElements(order, swap, axis=rank_of(order) - 1)]

    start = g.expand(row_numbers, [*sizes_of(g, pivots)[:-1], rows])
    return repeat(g, g.size(pivots, rank_of(pivots) - 1), [start], step)[0]


def public_pivots(g: Builder, pivots: OnnxValue) -> OnnxValue:
    """LAPACK's pivots: from 1, of int32."""
    return g.cast(g.Add(pivots, g.constant(1)), torch.int32)


# Decompositions.


@aten("linalg_lu_factor_ex")
def lu_factor_ex(
    g: Builder, A: OnnxValue, pivot: bool = True, check_errors: bool = False
) -> Results:
    found = factors(g, A, pivot)
    info = first_zero(g, diagonal(g, found.packed))
    return [found.packed, public_pivots(g, found.pivots), info]


def register_factors(table: OpTable, lu_factor_ex: Callable[..., Results]) -> None:
    """The names under which the factors are known besides."""

    def lu_factor(g: Builder, A: OnnxValue, pivot: bool = True) -> Results:
        return lu_factor_ex(g, A, pivot)[:2]

    def lu_with_info(
        g: Builder, self: OnnxValue, pivot: bool = True, check_errors: bool = True
    ) -> Results:
        return lu_factor_ex(g, self, pivot)

    table("linalg_lu_factor")(lu_factor)
    table("_lu_with_info")(lu_with_info)


register_factors(aten, lu_factor_ex)


@aten("linalg_lu")
def lu(g: Builder, A: OnnxValue, pivot: bool = True) -> Results:
    found = factors(g, A, pivot)
    return [permutation(g, found.order, A.dtype), *_triangles(g, found.packed)]


@aten("lu_unpack")
def lu_unpack(
    g: Builder,
    LU_data: OnnxValue,
    LU_pivots: OnnxValue,
    unpack_data: bool = True,
    unpack_pivots: bool = True,
) -> Results:
    refuse_complex(LU_data)
    nothing = g.constant(torch.zeros(0, dtype=LU_data.dtype))
    p = lower = upper = nothing
    if unpack_pivots:
        p = permutation(g, order_of(g, LU_pivots, rows_of(g, LU_data)), LU_data.dtype)
    if unpack_data:
        lower, upper = _triangles(g, LU_data)
    return [p, lower, upper]


def _triangles(g: Builder, packed: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
    rows, columns = rows_of(g, packed), columns_of(g, packed)
    rank, steps = rank_of(packed), g.minimum(rows, columns)
    left = g.Slice(packed, [0], [steps], axes=[rank - 1])
    top = g.Slice(packed, [0], [steps], axes=[rank - 2])
    lower = g.Add(tril(g, left, -1), identity(g, rows, steps, packed.dtype))
    return lower, triu(g, top)


def permutation(g: Builder, order: OnnxValue, dtype: torch.dtype) -> OnnxValue:
    """P of ``A = P @ L @ U``: a one in row ``order[i]`` of column i."""
    row_numbers = numbers(g, g.size(order, rank_of(order) - 1))
    return g.cast(g.Equal(as_row(g, order), as_column(g, row_numbers)), dtype)


# Determinants.


@aten("linalg_det")
def det(g: Builder, A: OnnxValue) -> OnnxValue:
    refuse_complex(A)
    # ONNX Runtime has a Det of float32 alone, and fewer digits would be a poor exchange.
    return g.Det(A) if A.dtype == torch.float32 else _determinant(g, factors(g, A))


def _determinant(g: Builder, found: Factors) -> OnnxValue:
    product = g.ReduceProd(diagonal(g, found.packed), axes=[-1], keepdims=0)
    return g.Mul(product, parity(g, found.pivots, found.packed.dtype))


def parity(g: Builder, pivots: OnnxValue, dtype: torch.dtype) -> OnnxValue:
    """1 where an even number of rows changed places, else -1."""
    steps = numbers(g, g.size(pivots, rank_of(pivots) - 1))
    moved = g.cast(g.Not(g.Equal(pivots, steps)), torch.int64)
    odd = g.Mod(total(g, moved), g.constant(2))
    return g.cast(g.Sub(g.constant(1), g.Mul(odd, g.constant(2))), dtype)


@aten("_linalg_det")
def det_and_factors(g: Builder, A: OnnxValue, result: Results) -> Results:
    if result[1] is None and result[2] is None:
        return [det(g, A)]
    found = factors(g, A)
    return [_determinant(g, found), found.packed, public_pivots(g, found.pivots)]


@aten("_linalg_slogdet")
def slogdet_and_factors(g: Builder, A: OnnxValue) -> Results:
    found = factors(g, A)
    pivots = diagonal(g, found.packed)
    sign = g.ReduceProd(g.Sign(pivots), axes=[-1], keepdims=0)
    size = total(g, g.Log(g.Abs(pivots)))
    return [
        g.Mul(sign, parity(g, found.pivots, found.packed.dtype)),
        size,
        found.packed,
        public_pivots(g, found.pivots),
    ]


@aten("linalg_slogdet")
def slogdet(g: Builder, A: OnnxValue) -> Results:
    return slogdet_and_factors(g, A)[:2]


# Solutions.


def solve_by(
    g: Builder, packed: OnnxValue, order: OnnxValue, right: OnnxValue, adjoint: bool = False
) -> OnnxValue:
    """X of ``A @ X = right``, or of the transposed A, from the factors of A."""
    right = to_batch_of(g, right, packed)
    if not adjoint:
        forward = substitute(g, packed, take_rows(g, right, order), upper=False, unit=True)
        return substitute(g, packed, forward, upper=True)
    flipped = transposed(g, packed)
    forward = substitute(g, flipped, right, upper=False)
    backward = substitute(g, flipped, forward, upper=True, unit=True)
    # Each row goes back to where the order took it from.
    _, back = g.TopK(
        order,
        g.vector([rows_of(g, packed)]),
        axis=rank_of(order) - 1,
        largest=0,
        outputs=2,
    )
    return take_rows(g, backward, back)


@aten("linalg_lu_solve")
def lu_solve(
    g: Builder,
    LU: OnnxValue,
    pivots: OnnxValue,
    B: OnnxValue,
    left: bool = True,
    adjoint: bool = False,
) -> OnnxValue:
    refuse_complex(LU)
    order = order_of(g, pivots, rows_of(g, LU))
    if left:
        return solve_by(g, LU, order, B, adjoint)
    return transposed(g, solve_by(g, LU, order, transposed(g, B), not adjoint))


@aten("_linalg_solve_ex")
def solve_and_factors(
    g: Builder, A: OnnxValue, B: OnnxValue, left: bool = True, check_errors: bool = False
) -> Results:
    found = factors(g, A)
    vectors = are_vectors(A, B)
    right = as_column(g, B) if vectors else B
    if left or vectors:
        x = solve_by(g, found.packed, found.order, right)
    else:
        flipped = solve_by(g, found.packed, found.order, transposed(g, right), adjoint=True)
        x = transposed(g, flipped)
    if vectors:
        x = g.Squeeze(x, axes=[rank_of(x) - 1])
    info = first_zero(g, diagonal(g, found.packed))
    return [x, found.packed, public_pivots(g, found.pivots), info]


@aten("linalg_solve_ex")
def solve_ex(
    g: Builder, A: OnnxValue, B: OnnxValue, left: bool = True, check_errors: bool = False
) -> Results:
    x, _, _, info = solve_and_factors(g, A, B, left)
    return [x, info]


@aten("linalg_solve")
def solve(g: Builder, A: OnnxValue, B: OnnxValue, left: bool = True) -> OnnxValue | None:
    return solve_and_factors(g, A, B, left)[0]


@aten("linalg_inv_ex")
def inv_ex(g: Builder, A: OnnxValue, check_errors: bool = False) -> Results:
    found = factors(g, A)
    size = rows_of(g, A)
    inverse = solve_by(g, found.packed, found.order, identities(g, A, size, size))
    return [inverse, first_zero(g, diagonal(g, found.packed))]


@aten("linalg_inv")
def inv(g: Builder, A: OnnxValue) -> OnnxValue | None:
    return inv_ex(g, A)[0]


@aten("_linalg_check_errors")
def check_errors(g: Builder, info: OnnxValue, api_name: str, is_matrix: bool) -> list[OnnxValue]:
    """A model can't raise: what PyTorch would refuse goes on with infinities and NaN."""
    return []

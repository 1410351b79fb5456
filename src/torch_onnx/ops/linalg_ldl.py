"""LDL decompositions of symmetric matrices with Bunch's and Kaufman's pivoting, as LAPACK's sytrf.

D has blocks of one row or of two. A Loop has a round for each column; one that is the second of
its block was done with the first, for some matrices of the batch and not for others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.axes import rank_of, refuse_complex, sizes_of
from torch_onnx.ops.creation import tril
from torch_onnx.ops.linalg_eigen import from_triangle
from torch_onnx.ops.loops import repeat
from torch_onnx.ops.matrices import (
    as_column,
    as_row,
    batch_of,
    column,
    diagonal,
    element,
    numbers,
    outer,
    row,
    rows_of,
    swapped,
    take_columns,
    take_rows,
    to_batch_of,
    total,
    zeros,
)
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("linalg_ldl")

Results = list[OnnxValue | None]

ALPHA = (1 + 17**0.5) / 8
"""Bounds the growth of elements; Bunch's and Kaufman's."""


@aten("linalg_ldl_factor_ex")
def ldl_factor_ex(
    g: Builder, self: OnnxValue, hermitian: bool = False, check_errors: bool = False
) -> Results:
    refuse_complex(self)
    size = rows_of(g, self)
    places = numbers(g, size)
    last = g.scalar(g.sub(size, 1))
    zero, one = g.like(0, self), g.like(1, self)
    whole = g.constant(1)

    def step(
        k: OnnxValue,
        a: OnnxValue,
        done: OnnxValue,
        pivots: OnnxValue,
        is_second: OnnxValue,
        info: OnnxValue,
    ) -> Any:
        second = g.Greater(is_second, g.constant(0))
        next_k = g.Min(g.Add(k, whole), last)
        chosen, in_two, idle = _pivot(g, a, places, k)
        in_two = g.And(in_two, g.Not(second))
        moved = g.Where(in_two, next_k, k)
        swap = swapped(g, places, moved, g.Where(second, k, chosen))
        a = take_columns(g, take_rows(g, a, swap), swap)

        here, beside = column(g, a, k), column(g, a, next_k)
        pivot, between = element(g, here, k), element(g, here, next_k)
        later = g.Greater(places, moved)
        x, y = g.Where(later, here, zero), g.Where(later, beside, zero)
        alone = g.Div(x, g.Where(g.Equal(pivot, zero), one, pivot))
        # The inverse of the block of two, by its larger element.
        divisor = g.Where(in_two, between, one)
        above, below = g.Div(pivot, divisor), g.Div(element(g, beside, next_k), divisor)
        factor = g.Sub(g.Mul(above, below), one)
        factor = g.Mul(g.Where(in_two, factor, one), divisor)
        first = g.Div(g.Sub(g.Mul(below, x), y), factor)
        other = g.Div(g.Sub(g.Mul(above, y), x), factor)
        left = g.Where(second, zero, g.Where(in_two, first, alone))
        right = g.Where(in_two, other, zero)
        a = g.Sub(a, g.Add(outer(g, x, left), outer(g, y, right)))

        # What is stored: D on the diagonal and beside it, L below.
        kept = g.Where(later, left, here)
        kept_beside = g.Where(later, right, beside)
        at, at_next = g.Equal(places, k), g.Equal(places, next_k)
        as_rows = as_row(g, g.And(g.Not(second), at)), as_row(g, g.And(in_two, at_next))
        done = g.Where(as_rows[0], as_column(g, kept), done)
        done = g.Where(as_rows[1], as_column(g, kept_beside), done)

        number = g.Add(chosen, whole)
        number = g.Where(in_two, g.Neg(number), number)
        pivots = g.Where(g.And(g.Not(second), at), number, pivots)
        pivots = g.Where(g.And(in_two, at_next), number, pivots)
        fails = g.And(g.And(idle, g.Not(second)), g.Equal(info, g.constant(0)))
        info = g.Where(fails, g.Add(k, whole), info)
        return [a, done, pivots, g.cast(in_two, torch.int64), info]

    batch = batch_of(g, self)
    none = zeros(g, [*batch, 1], torch.int64)
    start = [
        from_triangle(g, self, "L"),
        zeros(g, sizes_of(g, self), self.dtype),
        zeros(g, [*batch, size], torch.int64),
        none,
        none,
    ]
    _, done, pivots, _, info = repeat(g, size, start, step)
    info = g.Squeeze(info, axes=[-1])
    return [tril(g, done), g.cast(pivots, torch.int32), g.cast(info, torch.int32)]


def _pivot(
    g: Builder, a: OnnxValue, places: OnnxValue, k: OnnxValue
) -> tuple[OnnxValue, OnnxValue, OnnxValue]:
    """Which row to take to column k, whether for a block of two, and whether there is none."""
    none = g.like(-1, a)
    alpha = g.like(ALPHA, a)
    here = g.Abs(column(g, a, k))
    mine = element(g, here, k)
    below = g.Where(g.Greater(places, k), here, none)
    largest = g.ArgMax(below, axis=-1, keepdims=1)
    most = g.Max(g.ReduceMax(below, axes=[-1]), g.like(0, a))
    its_row = g.Squeeze(g.Abs(take_rows(g, a, largest)), axes=[-2])
    its_own = g.GatherElements(its_row, largest, axis=rank_of(its_row) - 1)
    # Of the part that is left, but for the diagonal.
    outside = g.Or(g.Less(places, k), g.Equal(places, largest))
    across = g.ReduceMax(g.Where(outside, none, its_row), axes=[-1])
    limit = g.Mul(g.Mul(alpha, most), g.Div(most, g.Max(across, most)))
    idle = g.Not(g.Greater(g.Max(mine, most), g.like(0, a)))
    stays = g.Or(idle, g.Or(_reaches(g, mine, g.Mul(alpha, most)), _reaches(g, mine, limit)))
    alone = g.Or(stays, _reaches(g, its_own, g.Mul(alpha, across)))
    return g.Where(stays, k, largest), g.Not(alone), idle


def _reaches(g: Builder, x: OnnxValue, limit: OnnxValue) -> OnnxValue:
    return g.Not(g.Less(x, limit))


@aten("linalg_ldl_solve")
def ldl_solve(
    g: Builder, LD: OnnxValue, pivots: OnnxValue, B: OnnxValue, hermitian: bool = False
) -> OnnxValue:
    refuse_complex(LD)
    size = rows_of(g, LD)
    places = numbers(g, size)
    last, whole = g.scalar(g.sub(size, 1)), g.constant(1)
    zero, one = g.like(0, LD), g.like(1, LD)
    pivots = g.cast(pivots, torch.int64)
    paired = g.cast(g.Less(pivots, g.constant(0)), torch.int64)

    def find(k: OnnxValue, seconds: OnnxValue) -> Any:
        """Of a run of columns in blocks of two, every other one is a second."""
        before = g.Sub(k, whole)
        was = g.Where(
            g.Less(before, g.constant(0)), whole, element(g, seconds, g.Max(before, g.constant(0)))
        )
        is_paired = g.Mul(element(g, paired, k), element(g, paired, g.Max(before, g.constant(0))))
        here = g.Mul(is_paired, g.Sub(whole, was))
        return [g.Where(g.Equal(places, k), here, seconds)]

    start = g.Mul(paired, g.constant(0))
    seconds = repeat(g, size, [start], find)[0]
    firsts = g.Sub(paired, seconds)

    def parts(k: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
        """Column k of L, and how its rows changed places."""
        in_two = element(g, firsts, k)
        end = g.Add(k, in_two)
        factor = g.Where(g.Greater(places, end), column(g, LD, k), zero)
        chosen = g.Sub(g.Abs(element(g, pivots, k)), whole)
        second = g.Greater(element(g, seconds, k), g.constant(0))
        return factor, swapped(g, places, end, g.Where(second, end, chosen))

    def forward(k: OnnxValue, x: OnnxValue) -> Any:
        factor, swap = parts(k)
        x = take_rows(g, x, swap)
        return [g.Sub(x, outer(g, factor, row(g, x, k)))]

    def backward(i: OnnxValue, x: OnnxValue) -> Any:
        k = g.Sub(last, i)
        factor, swap = parts(k)
        share = g.MatMul(as_row(g, factor), x)
        x = g.Where(as_column(g, g.Equal(places, k)), g.Sub(x, share), x)
        return [take_rows(g, x, swap)]

    (x,) = repeat(g, size, [to_batch_of(g, B, LD)], forward)
    # D, whose blocks of two mix each row with its partner.
    partner = g.Sub(g.Add(places, firsts), seconds)
    own = diagonal(g, LD)
    its = g.GatherElements(own, partner, axis=rank_of(own) - 1)
    lower = g.Where(g.Equal(as_column(g, places), g.Add(places, whole)), LD, zero)
    below = total(g, lower, -2)
    beside = g.GatherElements(below, g.Sub(places, seconds), axis=rank_of(below) - 1)
    is_alone = g.Equal(paired, g.constant(0))
    divisor = g.Where(is_alone, one, beside)
    mine, other = g.Div(own, divisor), g.Div(its, divisor)
    determinant = as_column(g, g.Sub(g.Mul(mine, other), one))
    scaled = g.Div(x, as_column(g, divisor))
    mixed = g.Sub(g.Mul(as_column(g, other), scaled), take_rows(g, scaled, partner))
    alone = as_column(g, is_alone)
    x = g.Where(
        alone,
        g.Div(x, as_column(g, g.Where(is_alone, own, one))),
        g.Div(mixed, g.Where(alone, one, determinant)),
    )
    return repeat(g, size, [x], backward)[0]

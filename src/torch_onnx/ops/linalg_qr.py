"""QR decompositions by Householder's reflections, with LAPACK's signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.ops.axes import rank_of, refuse_complex
from torch_onnx.ops.creation import triu
from torch_onnx.ops.loops import repeat
from torch_onnx.ops.matrices import (
    as_column,
    as_row,
    batch_of,
    column,
    columns_of,
    element,
    identities,
    largest,
    numbers,
    rows_of,
    to_batch_of,
    transposed,
    zeros,
)
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("linalg_qr")

Results = list[OnnxValue | None]


def reflections(g: Builder, x: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
    """LAPACK's geqrf: R, the reflections' vectors below its diagonal, and their factors."""
    refuse_complex(x)
    rows, columns = rows_of(g, x), columns_of(g, x)
    steps = g.minimum(rows, columns)
    row_numbers, column_numbers = numbers(g, rows), numbers(g, columns)
    step_numbers = numbers(g, steps)
    zero, one = g.like(0, x), g.like(1, x)

    def step(i: OnnxValue, a: OnnxValue, factors: OnnxValue) -> Any:
        is_here, is_below = g.Equal(row_numbers, i), g.Greater(row_numbers, i)
        here = column(g, a, i)
        pivot = element(g, here, i)
        below = g.Where(is_below, here, zero)
        scale = largest(g, here, (-1,))
        scale = g.Where(g.Equal(scale, zero), one, scale)
        part = g.Div(g.Where(g.Less(row_numbers, i), zero, here), scale)
        length = g.Mul(g.Sqrt(g.ReduceSum(g.Mul(part, part), axes=[-1])), scale)
        # Away from the pivot, so that nothing cancels out.
        new = g.Where(g.Less(pivot, zero), length, g.Neg(length))
        # Where there is nothing below the pivot, nothing is reflected.
        idle = g.Equal(largest(g, below, (-1,)), zero)
        factor = g.Div(g.Sub(new, pivot), g.Where(idle, one, new))
        factor = g.Where(idle, zero, factor)
        vector = g.Div(below, g.Where(idle, one, g.Sub(pivot, new)))
        direction = g.Where(is_here, one, vector)
        share = g.Mul(g.MatMul(as_row(g, direction), a), as_column(g, factor))
        share = g.Where(g.Greater(column_numbers, i), share, zero)
        a = g.Sub(a, g.Mul(as_column(g, direction), share))
        kept = g.Where(is_below, vector, g.Where(g.And(is_here, g.Not(idle)), new, here))
        a = g.Where(g.Equal(column_numbers, i), as_column(g, kept), a)
        return [a, g.Where(g.Equal(step_numbers, i), factor, factors)]

    start = [x, zeros(g, [*batch_of(g, x), steps], x.dtype)]
    packed, factors = repeat(g, steps, start, step)
    return packed, factors


def reflected(
    g: Builder, packed: OnnxValue, factors: OnnxValue, x: OnnxValue, backwards: bool = True
) -> OnnxValue:
    """``Q @ x`` from geqrf's results, or ``Q.mT @ x``: the last reflection first, or the first."""
    row_numbers = numbers(g, rows_of(g, packed))
    steps = g.size(factors, rank_of(factors) - 1)
    last = g.scalar(g.sub(steps, 1))
    zero, one = g.like(0, x), g.like(1, x)

    def step(i: OnnxValue, y: OnnxValue) -> Any:
        i = g.Sub(last, i) if backwards else i
        vector = g.Where(g.Greater(row_numbers, i), column(g, packed, i), zero)
        vector = g.Where(g.Equal(row_numbers, i), one, vector)
        factor = as_column(g, element(g, factors, i))
        share = g.Mul(g.MatMul(as_row(g, vector), y), factor)
        return [g.Sub(y, g.Mul(as_column(g, vector), share))]

    return repeat(g, steps, [to_batch_of(g, x, packed)], step)[0]


def orthonormal(g: Builder, packed: OnnxValue, factors: OnnxValue, columns: Integer) -> OnnxValue:
    """The first columns of Q."""
    start = identities(g, packed, rows_of(g, packed), columns)
    return reflected(g, packed, factors, start)


@aten("linalg_qr")
def qr(g: Builder, A: OnnxValue, mode: str = "reduced") -> Results:
    packed, factors = reflections(g, A)
    rows = rows_of(g, A)
    size = rows if mode == "complete" else g.minimum(rows, columns_of(g, A))
    right = triu(g, packed)
    if mode != "complete":
        right = g.Slice(right, [0], [size], axes=[rank_of(A) - 2])
    if mode == "r":
        return [g.constant(torch.zeros(0, dtype=A.dtype)), right]
    return [orthonormal(g, packed, factors, size), right]


@aten("geqrf")
def geqrf(g: Builder, self: OnnxValue) -> Results:
    return list(reflections(g, self))


@aten("linalg_householder_product")
def householder_product(g: Builder, input: OnnxValue, tau: OnnxValue) -> OnnxValue:
    refuse_complex(input)
    return orthonormal(g, input, tau, columns_of(g, input))


@aten("orgqr")
def orgqr(g: Builder, self: OnnxValue, input2: OnnxValue) -> OnnxValue:
    return householder_product(g, self, input2)


@aten("ormqr")
def ormqr(
    g: Builder,
    self: OnnxValue,
    input2: OnnxValue,
    input3: OnnxValue,
    left: bool = True,
    transpose: bool = False,
) -> OnnxValue:
    """Q, from geqrf's results ``self`` and ``input2``, by ``input3``."""
    refuse_complex(self)
    if left:
        return reflected(g, self, input2, input3, backwards=not transpose)
    return transposed(g, reflected(g, self, input2, transposed(g, input3), backwards=transpose))

"""Reductions of neighbouring elements, in segments of lengths that a tensor tells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import Number, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import axis_of, rank_of
from torch_onnx.ops.reduction import extreme, reduce
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("segments")

# ONNX's reductions, and what each starts from.
REDUCTIONS = {
    "sum": ("ReduceSum", 0.0),
    "mean": ("ReduceSum", 0.0),
    "prod": ("ReduceProd", 1.0),
    "max": ("ReduceMax", -math.inf),
    "min": ("ReduceMin", math.inf),
}


@aten("segment_reduce")
def segment_reduce(
    g: Builder,
    data: OnnxValue,
    reduce: str,
    lengths: OnnxValue | None = None,
    indices: OnnxValue | None = None,
    offsets: OnnxValue | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: Number | None = None,
) -> OnnxValue:
    """``[…, segments, …]`` of ``[…, elements, …]``; the mean of nothing is NaN."""
    if indices is not None:
        raise NotExpressible("segment_reduce by indices is not in PyTorch either")
    axis = axis_of(data, axis)
    starts, ends = _bounds(g, lengths, offsets, axis)
    counted = g.Range(g.constant(0), g.scalar(g.size(data, axis)), g.constant(1))
    inside = g.And(
        g.Not(g.Less(counted, g.Unsqueeze(starts, axes=[axis + 1]))),
        g.Less(counted, g.Unsqueeze(ends, axes=[axis + 1])),
    )
    inner = rank_of(data) - 1 - axis
    if inner:
        inside = g.Unsqueeze(inside, axes=list(range(axis + 2, axis + 2 + inner)))
    operator, neutral = REDUCTIONS[reduce]
    elements = g.Unsqueeze(data, axes=[axis])
    found = _reduced(g, operator, g.Where(inside, elements, g.like(neutral, data)), axis + 1)
    if initial is not None:
        found = _joined(g, operator, found, g.scalar(initial, data.dtype))
    if reduce != "mean":
        return found
    number = g.cast(g.Sub(ends, starts), data.dtype)
    if inner:
        number = g.Unsqueeze(number, axes=list(range(axis + 1, axis + 1 + inner)))
    if initial is not None:
        # Nothing but what it starts from is not divided.
        number = g.Max(number, g.like(1, data))
    return g.Div(found, number)


def _bounds(
    g: Builder, lengths: OnnxValue | None, offsets: OnnxValue | None, axis: int
) -> tuple[OnnxValue, OnnxValue]:
    """Where each segment starts and ends."""
    if lengths is not None:
        lengths = g.cast(lengths, torch.int64)
        ends = g.CumSum(lengths, g.constant(axis))
        return g.Sub(ends, lengths), ends
    if offsets is None:
        raise NotExpressible("segment_reduce needs lengths or offsets")
    offsets = g.cast(offsets, torch.int64)
    number = g.sub(g.size(offsets, axis), 1)
    parts = ([0], [number]), ([1], [g.add(number, 1)])
    starts, ends = (g.Slice(offsets, first, last, axes=[axis]) for first, last in parts)
    return starts, ends


def _reduced(g: Builder, operator: str, x: OnnxValue, axis: int) -> OnnxValue:
    if operator in ("ReduceMax", "ReduceMin"):
        return extreme(g, operator, x, axis)
    return reduce(g, operator, x, axis)


def _joined(g: Builder, operator: str, x: OnnxValue, initial: OnnxValue) -> OnnxValue:
    join = {"ReduceSum": "Add", "ReduceProd": "Mul", "ReduceMax": "Max", "ReduceMin": "Min"}
    joined: OnnxValue = g.node(join[operator], x, initial)
    return joined

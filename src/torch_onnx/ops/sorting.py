"""Sorting, and selecting by rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.ops.axes import axis_of, rank_of, shape_of
from torch_onnx.ops.reduction import argmax, count, reduce
from torch_onnx.ops.shape import flat
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("sorting")
Pair = tuple[OnnxValue, OnnxValue]


@aten("topk")
def topk(
    g: Builder,
    self: OnnxValue,
    k: Integer,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
) -> Pair:
    if rank_of(self) == 0:
        values, places = topk(g, g.Unsqueeze(self, axes=[0]), k, 0, largest, sorted)
        return g.Squeeze(values, axes=[0]), g.Squeeze(places, axes=[0])
    return g.TopK(
        self,
        g.vector([k]),
        axis=axis_of(self, dim),
        largest=int(largest),
        sorted=int(sorted),
        outputs=2,
    )


@aten("sort", "sort.stable")
def sort(
    g: Builder,
    self: OnnxValue,
    dim: int = -1,
    descending: bool = False,
    stable: bool | None = None,
) -> Pair:
    """By TopK of all: it names the lower index first among equals, so it is always stable."""
    if rank_of(self) == 0:
        return self, g.constant(0)
    return topk(g, self, g.size(self, axis_of(self, dim)), dim, descending)


@aten("argsort", "argsort.stable")
def argsort(
    g: Builder,
    self: OnnxValue,
    dim: int = -1,
    descending: bool = False,
    stable: bool | None = None,
) -> OnnxValue:
    return sort(g, self, dim, descending)[1]


@aten("msort")
def msort(g: Builder, self: OnnxValue) -> OnnxValue:
    return sort(g, self, 0)[0]


def _picked(g: Builder, x: OnnxValue, place: Integer, axis: int, keepdim: bool) -> OnnxValue:
    index = g.vector([place]) if keepdim else g.scalar(place)
    return g.Gather(x, index, axis=axis)


@aten("kthvalue")
def kthvalue(g: Builder, self: OnnxValue, k: Integer, dim: int = -1, keepdim: bool = False) -> Pair:
    if rank_of(self) == 0:
        return self, g.constant(0)
    axis = axis_of(self, dim)
    values, places = topk(g, self, k, axis, largest=False)
    last = g.sub(k, 1)
    return _picked(g, values, last, axis, keepdim), _picked(g, places, last, axis, keepdim)


@aten("median.dim")
def median_dim(g: Builder, self: OnnxValue, dim: int, keepdim: bool = False) -> Pair:
    """The lower one of two in the middle; NaN where there is any."""
    if rank_of(self) == 0:
        return self, g.constant(0)
    axis = axis_of(self, dim)
    size = g.size(self, axis)
    middle = g.floordiv(g.sub(size, 1), 2)
    if not self.is_floating_point:
        return kthvalue(g, self, g.add(middle, 1), axis, keepdim)
    values, places = sort(g, self, axis)
    # NaN comes last.
    last = _picked(g, values, g.sub(size, 1), axis, keepdim)
    bad = g.IsNaN(last)
    value = g.Where(bad, last, _picked(g, values, middle, axis, keepdim))
    first = argmax(g, g.IsNaN(self), axis, keepdim)
    return value, g.Where(bad, first, _picked(g, places, middle, axis, keepdim))


@aten("median")
def median(g: Builder, self: OnnxValue) -> OnnxValue:
    return median_dim(g, flat(g, self), 0)[0]


@aten("nanmedian.dim")
def nanmedian_dim(g: Builder, self: OnnxValue, dim: int, keepdim: bool = False) -> Pair:
    if rank_of(self) == 0 or not self.is_floating_point:
        return median_dim(g, self, dim, keepdim)
    axis = axis_of(self, dim)
    values, places = sort(g, self, axis)
    number = count(g, g.Not(g.IsNaN(self)), axis, keepdim=True)
    # (number - 1) // 2, and 0 where all are NaN: Div truncates.
    middle = g.Div(g.Sub(number, g.constant(1)), g.constant(2))
    found = [g.GatherElements(x, middle, axis=axis) for x in (values, places)]
    value, place = found if keepdim else [g.Squeeze(x, axes=[axis]) for x in found]
    return value, place


@aten("nanmedian")
def nanmedian(g: Builder, self: OnnxValue) -> OnnxValue:
    return nanmedian_dim(g, flat(g, self), 0)[0]


@aten("mode")
def mode(g: Builder, self: OnnxValue, dim: int = -1, keepdim: bool = False) -> Pair:
    """The smallest of the most frequent values, and the last place where it stands."""
    if rank_of(self) == 0:
        return self, g.constant(0)
    axis = axis_of(self, dim)
    ordered, _ = sort(g, self, axis)
    rows = g.Unsqueeze(ordered, axes=[axis + 1])
    equal = g.Equal(rows, g.Unsqueeze(ordered, axes=[axis]))
    most = argmax(g, count(g, equal, axis + 1), axis, keepdim=True)
    value = g.GatherElements(ordered, most, axis=axis)
    size = g.scalar(g.size(self, axis))
    numbers = g.Range(g.constant(0), size, g.constant(1))
    after = len(shape_of(self)) - 1 - axis
    if after:
        numbers = g.Unsqueeze(numbers, axes=list(range(1, after + 1)))
    here = g.Where(g.Equal(self, value), numbers, g.constant(-1))
    place = reduce(g, "ReduceMax", here, axis, keepdim)
    return value if keepdim else g.Squeeze(value, axes=[axis]), place

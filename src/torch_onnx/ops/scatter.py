"""Writing at places that tensors name: index_put, scatter, index_add, masked_scatter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import KnownSize, Number, OnnxValue
from torch_onnx.ops.axes import axis_of, rank_of, shape_of, sizes_of
from torch_onnx.ops.indexing import (
    Indices,
    indices_shape,
    is_mask,
    read_indices,
    reduced_elements,
    reducible,
    scatter_reduced,
    stacked,
)
from torch_onnx.ops.shape import expand_like, flat, move_axes
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("scatter")

# ONNX's reductions by PyTorch's names; None is plain writing.
REDUCTIONS = {
    None: None,
    "add": "add",
    "sum": "add",
    "mean": "add",
    "multiply": "mul",
    "prod": "mul",
    "amax": "max",
    "amin": "min",
}


def scattered(
    g: Builder,
    x: OnnxValue,
    places: OnnxValue,
    updates: OnnxValue,
    reduction: str | None,
    axis: int | None = None,
) -> OnnxValue:
    """ScatterElements along an axis, or ScatterND."""
    dtype = x.dtype
    if reduction is not None:
        x, updates = reducible(g, x), reducible(g, updates)
        if axis is None:
            return g.cast(scatter_reduced(g, x, places, updates, reduction), dtype)
        return g.cast(reduced_elements(g, x, places, updates, reduction, axis), dtype)
    made: OnnxValue
    if axis is None:
        made = g.ScatterND(x, places, updates)
    else:
        made = g.ScatterElements(x, places, updates, axis=axis)
    return made


# By advanced indexing.


@aten("index_put", "_unsafe_index_put", "index_put.hacked_twin", "_unsafe_index_put.hacked_twin")
def index_put(
    g: Builder,
    self: OnnxValue,
    indices: Sequence[OnnxValue | None],
    values: OnnxValue,
    accumulate: bool = False,
) -> OnnxValue:
    values = g.cast(values, self.dtype)
    given = [(axis, index) for axis, index in enumerate(indices) if index is not None]
    if not given:
        return g.Add(self, values) if accumulate else expand_like(g, values, self)
    if len(given) == 1:
        axis, only = given[0]
        if is_mask(only) and rank_of(values) <= rank_of(self) - axis - rank_of(only):
            return _put_by_mask(g, self, axis, only, values, accumulate)
        if is_mask(only) and values.shape is not None and set(values.shape) <= {1}:
            return _put_by_mask(g, self, axis, only, g.reshape(values, []), accumulate)
        if not is_mask(only) and axis > 0 and only.rank == 1 and values.rank == self.rank:
            return scatter_along(g, self, axis, only, values, "add" if accumulate else None)
    return _put(g, self, indices, values, accumulate)


@aten("_index_put_impl")
def index_put_impl(
    g: Builder,
    self: OnnxValue,
    indices: Sequence[OnnxValue | None],
    values: OnnxValue,
    accumulate: bool = False,
    unsafe: bool = False,
) -> OnnxValue:
    return index_put(g, self, indices, values, accumulate)


def _put_by_mask(
    g: Builder, x: OnnxValue, axis: int, mask: OnnxValue, values: OnnxValue, accumulate: bool
) -> OnnxValue:
    """Values that do not depend on the place: a Where needs no places."""
    trailing = range(rank_of(mask), rank_of(x) - axis)
    where = g.Unsqueeze(g.cast(mask, torch.bool), axes=list(trailing))
    return g.Where(where, g.Add(x, values) if accumulate else values, x)


def _put(
    g: Builder,
    x: OnnxValue,
    indices: Sequence[OnnxValue | None],
    values: OnnxValue,
    accumulate: bool,
) -> OnnxValue:
    read = read_indices(g, indices)
    first = list(range(len(read.axes)))
    moved = move_axes(g, x, read.axes, first)
    count, rest = len(read.shape), rank_of(x) - len(read.axes)
    # Values broadcast to what x[indices] would be; there the places go first.
    missing = count + rest - rank_of(values)
    if read.position > 0:
        values = g.Unsqueeze(values, axes=list(range(missing)))
        places = list(range(count))
        values = move_axes(g, values, [read.position + i for i in places], places)
    places_shape = stacked(g, read, indices)
    values = _expand_updates(g, values, read, moved)
    reduction = REDUCTIONS["add" if accumulate else None]
    written = scattered(g, moved, places_shape, values, reduction)
    return move_axes(g, written, first, read.axes)


def _expand_updates(g: Builder, values: OnnxValue, read: Indices, moved: OnnxValue) -> OnnxValue:
    """Values broadcast to (*places, *sizes of the axes that are not indexed)."""
    rest = shape_of(moved)[len(read.axes) :]
    whole = (*read.shape, *rest)
    if is_full(values, whole):
        return values
    if all(isinstance(size, int) for size in whole):
        return g.expand(values, whole)  # type: ignore[arg-type]
    sizes = sizes_of(g, moved)[len(read.axes) :]
    target = g.Concat(indices_shape(g, read), *([g.vector(sizes)] if sizes else []), axis=0)
    return g.Expand(values, target)


def is_full(values: OnnxValue, whole: Sequence[KnownSize]) -> bool:
    """Whether values need not be broadcast to the sizes: none of theirs is 1 or unknown there.

    A size with a name was not 1 when the program was captured, so nothing was broadcast along it.
    """
    sizes = shape_of(values)
    return len(sizes) == len(whole) and all(
        size == wanted == 1 or (size is not None and size != 1)
        for size, wanted in zip(sizes, whole, strict=True)
    )


@aten("masked_scatter")
def masked_scatter(g: Builder, self: OnnxValue, mask: OnnxValue, source: OnnxValue) -> OnnxValue:
    if (mask.rank or 0) > (self.rank or 0):
        self = expand_like(g, self, mask)
    whole = expand_like(g, g.cast(mask, torch.bool), self)
    if self.rank == 0:
        return g.Where(mask, g.reshape(g.Slice(flat(g, source), [0], [1], axes=[0]), []), self)
    places = g.Transpose(g.NonZero(whole), perm=[1, 0])
    taken = g.Slice(flat(g, g.cast(source, self.dtype)), [0], g.size(places, 0), axes=[0])
    return g.ScatterND(self, places, taken)


@aten("put")
def put(
    g: Builder, self: OnnxValue, index: OnnxValue, source: OnnxValue, accumulate: bool = False
) -> OnnxValue:
    reduction = REDUCTIONS["add" if accumulate else None]
    values = flat(g, g.cast(source, self.dtype))
    written = scattered(
        g,
        flat(g, self),
        flat(g, g.cast(index, torch.int64)),
        values,
        reduction,
        0,
    )
    return g.reshape(written, sizes_of(g, self))


# Along one axis, by a vector of places.


def scatter_along(
    g: Builder,
    x: OnnxValue,
    dim: int,
    index: OnnxValue,
    source: OnnxValue,
    reduce: str | None,
) -> OnnxValue:
    """x with the slices of source written at the places of a vector along one axis."""
    if x.rank == 0:
        written = scatter_along(g, flat(g, x), 0, flat(g, index), flat(g, source), reduce)
        return g.reshape(written, [])
    axis = axis_of(x, dim)
    index = flat(g, index)
    if reduce == "add" and g.opset < 16:
        return _added_along(g, x, axis, index, _of_full_size(g, source, x, index, axis))
    reduction = REDUCTIONS[reduce]
    source = _of_full_size(g, source, x, index, axis)
    if axis == 0:
        places = g.Unsqueeze(g.cast(index, torch.int64), axes=[1])
        return scattered(g, x, places, source, reduction)
    wide = g.Unsqueeze(index, axes=list(range(1, rank_of(x) - axis)))
    places = expand_like(g, wide, source)
    return scattered(g, x, places, source, reduction, axis)


def _added_along(
    g: Builder, x: OnnxValue, axis: int, index: OnnxValue, source: OnnxValue
) -> OnnxValue:
    """x and, at each place, the sum of all slices of source that go there."""
    dtype = x.dtype
    x, source = reducible(g, x), reducible(g, source)
    last = rank_of(x) - 1
    places = g.Range(0, g.scalar(g.size(x, axis)), 1)
    goes_there = g.Equal(
        g.Unsqueeze(g.cast(index, torch.int64), axes=[0]), g.Unsqueeze(places, axes=[1])
    )
    slices = g.Unsqueeze(move_axes(g, source, [axis], [last]), axes=[last])
    terms = g.Where(goes_there, slices, g.like(0, x))
    sums = move_axes(g, g.ReduceSum(terms, axes=[last + 1], keepdims=0), [last], [axis])
    return g.cast(g.Add(x, sums), dtype)


def _of_full_size(
    g: Builder, source: OnnxValue, x: OnnxValue, index: OnnxValue, axis: int
) -> OnnxValue:
    """Slices for every place: index_put lets one stand for all."""
    if source.rank == 0:
        source = g.Unsqueeze(source, axes=list(range(rank_of(x))))
    whole = shape_of(x)[:axis] + shape_of(index) + shape_of(x)[axis + 1 :]
    if is_full(source, whole):
        return source
    target = sizes_of(g, x)
    target[axis] = sizes_of(g, index)[0]
    return g.expand(source, target)


@aten("index_add")
def index_add(
    g: Builder, self: OnnxValue, dim: int, index: OnnxValue, source: OnnxValue, alpha: Number = 1
) -> OnnxValue:
    source = g.cast(source, self.dtype)
    if isinstance(alpha, OnnxValue) or alpha != 1:
        source = g.Mul(source, g.scalar(alpha, self.dtype))
    return scatter_along(g, self, dim, index, source, "add")


@aten("index_copy")
def index_copy(
    g: Builder, self: OnnxValue, dim: int, index: OnnxValue, source: OnnxValue
) -> OnnxValue:
    return scatter_along(g, self, dim, index, g.cast(source, self.dtype), None)


@aten("index_fill.int_Scalar", "index_fill.int_Tensor")
def index_fill(g: Builder, self: OnnxValue, dim: int, index: OnnxValue, value: Number) -> OnnxValue:
    if self.rank == 0:
        return g.reshape(index_fill(g, flat(g, self), 0, index, value), [])
    axis = axis_of(self, dim)
    none = g.ConstantOfShape(g.vector([g.size(self, axis)]), value=torch.zeros(1, dtype=torch.bool))
    index = flat(g, index)
    trues = g.Expand(g.constant(True), g.shape_vector(index))
    mask = g.ScatterElements(none, index, trues, axis=0)
    wide = g.Unsqueeze(mask, axes=list(range(1, rank_of(self) - axis)))
    return g.Where(wide, g.scalar(value, self.dtype), self)


@aten("index_reduce")
def index_reduce(
    g: Builder,
    self: OnnxValue,
    dim: int,
    index: OnnxValue,
    source: OnnxValue,
    reduce: str,
    include_self: bool = True,
) -> OnnxValue:
    axis = axis_of(self, dim)
    wide = g.Unsqueeze(flat(g, index), axes=list(range(1, rank_of(self) - axis)))
    return scatter_reduce(g, self, dim, expand_like(g, wide, source), source, reduce, include_self)


# Element by element.


@aten("scatter.src")
def scatter(g: Builder, self: OnnxValue, dim: int, index: OnnxValue, src: OnnxValue) -> OnnxValue:
    return _scatter(g, self, dim, index, src, None)


@aten("scatter.value")
def scatter_value(
    g: Builder, self: OnnxValue, dim: int, index: OnnxValue, value: Number
) -> OnnxValue:
    return _scatter(g, self, dim, index, _everywhere(g, value, index, self.dtype), None)


@aten("scatter.reduce")
def scatter_with(
    g: Builder, self: OnnxValue, dim: int, index: OnnxValue, src: OnnxValue, reduce: str
) -> OnnxValue:
    return _scatter(g, self, dim, index, src, reduce)


@aten("scatter.value_reduce")
def scatter_value_with(
    g: Builder, self: OnnxValue, dim: int, index: OnnxValue, value: Number, reduce: str
) -> OnnxValue:
    return _scatter(g, self, dim, index, _everywhere(g, value, index, self.dtype), reduce)


@aten("scatter_add")
def scatter_add(
    g: Builder, self: OnnxValue, dim: int, index: OnnxValue, src: OnnxValue
) -> OnnxValue:
    return _scatter(g, self, dim, index, src, "add")


def _everywhere(g: Builder, value: Number, like: OnnxValue, dtype: torch.dtype) -> OnnxValue:
    return expand_like(g, g.scalar(value, dtype), like)


def _scatter(
    g: Builder, x: OnnxValue, dim: int, index: OnnxValue, src: OnnxValue, reduce: str | None
) -> OnnxValue:
    reduction = REDUCTIONS[reduce]
    src = g.cast(src, x.dtype)
    if x.rank == 0:
        x, index, src = (flat(g, value) for value in (x, index, src))
        return g.reshape(scattered(g, x, index, src, reduction, 0), [])
    index, src = (flat(g, v) if v.rank == 0 else v for v in (index, src))
    src = _as_large_as(g, src, index)
    return scattered(g, x, index, src, reduction, axis_of(x, dim))


def _as_large_as(g: Builder, src: OnnxValue, index: OnnxValue) -> OnnxValue:
    """The part of src that index covers, from the start of each axis."""
    axes = [
        axis
        for axis, (size, wanted) in enumerate(zip(shape_of(src), shape_of(index), strict=True))
        if size is None or size != wanted
    ]
    if not axes:
        return src
    ends = [g.size(index, axis) for axis in axes]
    return g.Slice(src, [0] * len(axes), ends, axes=axes)


@aten("scatter_reduce.two")
def scatter_reduce(
    g: Builder,
    self: OnnxValue,
    dim: int,
    index: OnnxValue,
    src: OnnxValue,
    reduce: str,
    include_self: bool = True,
) -> OnnxValue:
    x = self
    if not include_self:
        start = _everywhere(g, _neutral(reduce, self.dtype), index, self.dtype)
        x = _scatter(g, self, dim, index, start, None)
    total = _scatter(g, x, dim, index, src, reduce)
    if reduce != "mean":
        return total
    # What nothing is written to keeps its value: it counts as one.
    ones = expand_like(g, g.like(1, self), self)
    counted = ones
    if not include_self:
        zeros = _everywhere(g, 0, index, self.dtype)
        counted = _scatter(g, ones, dim, index, zeros, None)
    count = _scatter(g, counted, dim, index, _everywhere(g, 1, index, self.dtype), "add")
    if self.is_floating_point:
        return g.Div(total, count)
    return g.Div(g.Sub(total, g.Mod(total, count)), count)


def _neutral(reduce: str, dtype: torch.dtype) -> Number:
    """The number that leaves any other as it is."""
    if reduce == "prod":
        return 1
    if reduce in ("sum", "mean"):
        return 0
    if dtype == torch.bool:
        return reduce == "amin"
    if dtype.is_floating_point:
        return float("-inf") if reduce == "amax" else float("inf")
    limits = torch.iinfo(dtype)
    return limits.min if reduce == "amax" else limits.max

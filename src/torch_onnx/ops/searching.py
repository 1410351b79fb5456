"""Searching and counting values: searchsorted, unique, histograms, membership."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.sizes import TO_THE_END
from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import axis_of, rank_of, sizes_of
from torch_onnx.ops.creation import filled_sizes
from torch_onnx.ops.reduction import any_, count, reduce
from torch_onnx.ops.shape import flat
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("searching")


# Places in sorted sequences.


@aten("searchsorted.Tensor", "searchsorted.Scalar", promote=("sorted_sequence", "self"))
def searchsorted(
    g: Builder,
    sorted_sequence: OnnxValue,
    self: OnnxValue,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: OnnxValue | None = None,
) -> OnnxValue:
    """How many elements of the sequence come before each value: all pairs are compared."""
    if sorter is not None:
        sorted_sequence = g.GatherElements(sorted_sequence, sorter, axis=-1)
    rank = rank_of(self)
    values = g.Unsqueeze(self, axes=[rank])
    if rank_of(sorted_sequence) > 1:
        sorted_sequence = g.Unsqueeze(sorted_sequence, axes=[rank - 1])
    return count(g, _before(g, sorted_sequence, values, right or side == "right"), rank)


def _before(g: Builder, x: OnnxValue, values: OnnxValue, right: bool) -> OnnxValue:
    # By the negated comparison all come before NaN, as in PyTorch.
    if right:
        return g.Not(g.Greater(x, values))
    if g.opset < 12 or not x.is_floating_point:
        return g.Less(x, values)
    return g.Not(g.GreaterOrEqual(x, values))


@aten("bucketize.Tensor", "bucketize.Scalar", promote=("self", "boundaries"))
def bucketize(
    g: Builder,
    self: OnnxValue,
    boundaries: OnnxValue,
    out_int32: bool = False,
    right: bool = False,
) -> OnnxValue:
    return searchsorted(g, boundaries, self, out_int32, right)


@aten("isin.Tensor_Tensor", promote=("elements", "test_elements"))
def isin(
    g: Builder,
    elements: OnnxValue,
    test_elements: OnnxValue,
    assume_unique: bool = False,
    invert: bool = False,
) -> OnnxValue:
    rank = rank_of(elements)
    equal = g.Equal(g.Unsqueeze(elements, axes=[rank]), flat(g, test_elements))
    found = any_(g, equal, rank)
    return g.Not(found) if invert else found


@aten("isin.Tensor_Scalar", promote=("elements", "test_element"))
def isin_scalar(
    g: Builder,
    elements: OnnxValue,
    test_element: OnnxValue,
    assume_unique: bool = False,
    invert: bool = False,
) -> OnnxValue:
    equal = g.Equal(elements, test_element)
    return g.Not(equal) if invert else equal


@aten("isin.Scalar_Tensor", promote=("element", "test_elements"))
def scalar_isin(
    g: Builder,
    element: OnnxValue,
    test_elements: OnnxValue,
    assume_unique: bool = False,
    invert: bool = False,
) -> OnnxValue:
    found = any_(g, g.Equal(test_elements, element))
    return g.Not(found) if invert else found


# Distinct values.


@aten("_unique2", "_unique")
def unique(
    g: Builder,
    self: OnnxValue,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
) -> list[OnnxValue]:
    """PyTorch sorts whatever ``sorted`` says."""
    values, _, inverse, counts = g.Unique(flat(g, self), sorted=1, outputs=4)
    if not return_inverse:
        return [values, g.constant([], torch.int64), counts]
    if rank_of(self) != 1:
        inverse = g.reshape(inverse, sizes_of(g, self))
    return [values, inverse, counts]


@aten("unique_dim")
def unique_dim(
    g: Builder,
    self: OnnxValue,
    dim: int,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
) -> list[OnnxValue]:
    values, _, inverse, counts = g.Unique(self, axis=axis_of(self, dim), sorted=1, outputs=4)
    return [values, inverse, counts]


@aten("unique_consecutive")
def unique_consecutive(
    g: Builder,
    self: OnnxValue,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> list[OnnxValue]:
    x = flat(g, self) if dim is None else self
    axis = 0 if dim is None else axis_of(self, dim)
    before = g.Slice(x, [0], [-1], axes=[axis])
    after = g.Slice(x, [1], [TO_THE_END], axes=[axis])
    changed = g.Not(g.Equal(before, after))
    others = [i for i in range(rank_of(x)) if i != axis]
    if others:
        changed = any_(g, changed, others)
    first = filled_sizes(g, [g.minimum(g.size(x, axis), 1)], True, torch.bool)
    starts = g.Concat(first, changed, axis=0)
    values = g.Compress(x, starts, axis=axis)
    inverse = g.Sub(g.CumSum(g.cast(starts, torch.int64), g.constant(0)), g.constant(1))
    if not return_inverse:
        inverse = g.constant([], torch.int64)
    elif dim is None and rank_of(self) != 1:
        inverse = g.reshape(inverse, sizes_of(g, self))
    places = g.Squeeze(g.NonZero(starts), axes=[0])
    ends = g.Concat(
        g.Slice(places, [1], [TO_THE_END], axes=[0]), g.vector([g.size(x, axis)]), axis=0
    )
    return [values, inverse, g.Sub(ends, places)]


@aten("unique_dim_consecutive")
def unique_dim_consecutive(
    g: Builder,
    self: OnnxValue,
    dim: int,
    return_inverse: bool = False,
    return_counts: bool = False,
) -> list[OnnxValue]:
    return unique_consecutive(g, self, return_inverse, return_counts, dim)


# Histograms.


@aten("bincount")
def bincount(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    weights: OnnxValue | None = None,
    minlength: Integer = 0,
) -> OnnxValue:
    x = g.cast(self, torch.int64)
    largest = g.Add(reduce(g, "ReduceMax", x), g.constant(1))
    # The maximum of nothing is the least integer.
    size = g.maximum(g.as_vector(largest), g.maximum(minlength, 0))
    if weights is None:
        weights = g.constant(1, torch.int64)
    else:
        weights = g.cast(weights, result.dtype)
    numbers = g.Range(g.constant(0), g.scalar(size), g.constant(1))
    hits = g.Equal(g.Unsqueeze(numbers, axes=[1]), x)
    if weights.rank == 0:
        return count(g, hits, 1)
    return reduce(g, "ReduceSum", g.Where(hits, weights, g.like(0, weights)), 1)


@aten("histc")
def histc(
    g: Builder,
    self: OnnxValue,
    bins: int = 100,
    min: Any = 0,
    max: Any = 0,
) -> OnnxValue:
    """Values outside of the bounds, and NaN, are not counted; the last bin holds its upper one."""
    if isinstance(min, OnnxValue) or isinstance(max, OnnxValue):
        raise NotExpressible("histc needs bounds that are known when the model is exported")
    x = flat(g, self)
    if min == max:
        low, high = reduce(g, "ReduceMin", x), reduce(g, "ReduceMax", x)
        same = g.Equal(low, high)
        one = g.like(1, x)
        low, high = g.Where(same, g.Sub(low, one), low), g.Where(same, g.Add(high, one), high)
    else:
        low, high = g.like(min, x), g.like(max, x)
    if x.is_floating_point:
        place = g.Div(g.Mul(g.Sub(x, low), g.like(bins, x)), g.Sub(high, low))
        place = g.Floor(place)
    else:
        place = g.Div(g.Mul(g.Sub(x, low), g.like(bins, x)), g.Sub(high, low))
    last = g.like(bins - 1, x)
    place = g.Where(g.Equal(x, high), last, place)
    outside = g.Or(g.Less(x, low), g.Greater(x, high))
    place = g.Where(outside, g.like(-1, x), place)
    numbers = g.constant(list(range(bins)), x.dtype)
    return count(g, g.Equal(g.Unsqueeze(numbers, axes=[1]), place), 1)

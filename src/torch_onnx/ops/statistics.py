"""Quantiles, covariances and histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.arithmetic import clip, lerp
from torch_onnx.ops.axes import axis_of, rank_of, shape_of
from torch_onnx.ops.creation import linspace_between
from torch_onnx.ops.reduction import count, reduce
from torch_onnx.ops.shape import flat, move_axes
from torch_onnx.ops.sorting import sort
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("statistics")


# Quantiles.


@aten("quantile", "quantile.scalar")
def quantile(
    g: Builder,
    self: OnnxValue,
    q: float | OnnxValue,
    dim: int | None = None,
    keepdim: bool = False,
    interpolation: str = "linear",
) -> OnnxValue:
    """Between the two sorted elements beside the rank; NaN where there is any.

    ``[len(q), …]`` for a vector ``q``, one quantile for a number.
    """
    return _quantile(g, self, q, dim, keepdim, interpolation, skips_nan=False)


@aten("nanquantile", "nanquantile.scalar")
def nanquantile(
    g: Builder,
    self: OnnxValue,
    q: float | OnnxValue,
    dim: int | None = None,
    keepdim: bool = False,
    interpolation: str = "linear",
) -> OnnxValue:
    return _quantile(g, self, q, dim, keepdim, interpolation, skips_nan=True)


def _quantile(
    g: Builder,
    x: OnnxValue,
    q: float | OnnxValue,
    dim: int | None,
    keepdim: bool,
    interpolation: str,
    *,
    skips_nan: bool,
) -> OnnxValue:
    rank = rank_of(x)
    y, axis = (flat(g, x), 0) if dim is None or rank == 0 else (x, axis_of(x, dim))
    wanted = q if isinstance(q, OnnxValue) and not q.is_number else g.scalar(q, x.dtype)
    ranks = flat(g, wanted)
    ordered, _ = sort(g, y, axis)
    last = g.sub(g.size(y, axis), 1)
    if skips_nan:
        # Each row has a rank of its own: NaN comes last.
        number = g.cast(count(g, g.Not(g.IsNaN(y)), axis, keepdim=True), x.dtype)
        highest = g.Max(g.Sub(number, g.like(1, x)), g.like(0, x))
        after = rank_of(y) - 1 - axis
        ranks = g.Unsqueeze(ranks, axes=list(range(1, after + 1))) if after else ranks
        ranks = g.Mul(ranks, highest)
    else:
        ranks = g.Mul(ranks, g.scalar(last, x.dtype))
    found = _between(g, ordered, ranks, axis, interpolation, each=skips_nan)
    if not skips_nan:
        end = g.Gather(ordered, g.vector([last]), axis=axis)
        found = g.Where(g.IsNaN(end), end, found)
    kept = list(range(rank)) if dim is None else [axis]
    if not rank:
        kept = []
    if rank_of(wanted) == 0:
        if dim is None and keepdim:
            return g.Reshape(found, [1] * rank)
        return found if keepdim and rank else g.Squeeze(found, axes=[axis])
    found = move_axes(g, found, [axis], [0])
    return g.Unsqueeze(found, axes=[a + 1 for a in kept]) if keepdim and kept else found


def _between(
    g: Builder, ordered: OnnxValue, ranks: OnnxValue, axis: int, interpolation: str, *, each: bool
) -> OnnxValue:
    """The elements at ``ranks``, the same for all rows or (``each``) of each row its own."""

    def at(places: OnnxValue) -> OnnxValue:
        index = g.cast(places, torch.int64)
        if each:
            return g.GatherElements(ordered, index, axis=axis)
        return g.Gather(ordered, index, axis=axis)

    if interpolation == "nearest":
        return at(g.Round(ranks))
    if interpolation == "higher":
        return at(g.Ceil(ranks))
    low = g.Floor(ranks)
    if interpolation == "lower":
        return at(low)
    if interpolation == "midpoint":
        weight = g.like(0.5, ranks)
    else:
        weight = g.Sub(ranks, low)
        after = rank_of(ordered) - 1 - axis
        if not each and after:
            weight = g.Unsqueeze(weight, axes=list(range(1, after + 1)))
    return lerp(g, at(low), at(g.Ceil(ranks)), weight)


# Covariances.


@aten("cov")
def cov(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    correction: int = 1,
    fweights: OnnxValue | None = None,
    aweights: OnnxValue | None = None,
) -> OnnxValue:
    """Of the rows of ``[variables, observations]``; a vector is one variable."""
    x = g.cast(self, result.dtype)
    if rank_of(x) < 2:
        x = g.reshape(x, [1, -1])
    given = [g.cast(w, x.dtype) for w in (fweights, aweights) if w is not None]
    if given:
        weights = given[0] if len(given) == 1 else g.Mul(*given)
        total = reduce(g, "ReduceSum", weights)
    else:
        weights, total = None, g.scalar(g.size(x, 1), x.dtype)
    weighted = x if weights is None else g.Mul(x, weights)
    mean = g.Div(reduce(g, "ReduceSum", weighted, 1, keepdim=True), total)
    centered = g.Sub(x, mean)
    weighted = centered if weights is None else g.Mul(centered, weights)
    products = g.MatMul(centered, g.Transpose(weighted, perm=[1, 0]))
    if correction == 0:
        divisor = total
    elif aweights is None or weights is None:
        divisor = g.Sub(total, g.like(correction, x))
    else:
        squares = reduce(g, "ReduceSum", g.Mul(weights, given[-1]))
        divisor = g.Sub(total, g.Div(g.Mul(g.like(correction, x), squares), total))
    matrix = g.Div(products, g.Max(divisor, g.like(0, x)))
    return g.reshape(matrix, []) if rank_of(result) == 0 else matrix


@aten("corrcoef")
def corrcoef(g: Builder, self: OnnxValue, result: OnnxValue) -> OnnxValue:
    covariance = cov(g, self, result)
    if rank_of(result) == 0:
        # 1, or NaN where nothing varies.
        return g.Div(covariance, covariance)
    rows = g.scalar(g.size(self, 0))
    places = g.Unsqueeze(g.Range(g.constant(0), rows, g.constant(1)), axes=[1])
    deviation = g.Sqrt(g.GatherElements(covariance, places, axis=1))
    scaled = g.Div(covariance, deviation)
    scaled = g.Div(scaled, g.Transpose(deviation, perm=[1, 0]))
    return clip(g, scaled, g.like(-1, scaled), g.like(1, scaled))


# Histograms.


@aten("histogram.bin_ct")
def histogram(
    g: Builder,
    self: OnnxValue,
    bins: int = 100,
    range: Sequence[float] | None = None,
    weight: OnnxValue | None = None,
    density: bool = False,
) -> tuple[OnnxValue, OnnxValue]:
    x = flat(g, self)
    edges = _equal_bins(g, x, bins, range)
    return _counted(g, [x], [edges], weight, density), edges


@aten("histogram.bins_tensor")
def histogram_between(
    g: Builder,
    self: OnnxValue,
    bins: OnnxValue,
    weight: OnnxValue | None = None,
    density: bool = False,
) -> tuple[OnnxValue, OnnxValue]:
    return _counted(g, [flat(g, self)], [bins], weight, density), bins


@aten("histogramdd")
def histogramdd(
    g: Builder,
    self: OnnxValue,
    bins: Sequence[int],
    range: Sequence[float] | None = None,
    weight: OnnxValue | None = None,
    density: bool = False,
) -> tuple[OnnxValue, list[OnnxValue]]:
    columns = _columns(g, self, len(bins))
    edges = [
        _equal_bins(g, x, number, None if range is None else range[2 * i : 2 * i + 2])
        for i, (x, number) in enumerate(zip(columns, bins, strict=True))
    ]
    return _counted(g, columns, edges, weight, density), edges


@aten("histogramdd.int_bins")
def histogramdd_of_equal(
    g: Builder,
    self: OnnxValue,
    bins: int,
    range: Sequence[float] | None = None,
    weight: OnnxValue | None = None,
    density: bool = False,
    *,
    result: tuple[OnnxValue, list[OnnxValue]],
) -> tuple[OnnxValue, list[OnnxValue]]:
    return histogramdd(g, self, [bins] * len(result[1]), range, weight, density)


@aten("histogramdd.TensorList_bins")
def histogramdd_between(
    g: Builder,
    self: OnnxValue,
    bins: Sequence[OnnxValue],
    range: Sequence[float] | None = None,
    weight: OnnxValue | None = None,
    density: bool = False,
) -> tuple[OnnxValue, list[OnnxValue]]:
    return _counted(g, _columns(g, self, len(bins)), bins, weight, density), list(bins)


@aten("_histogramdd_bin_edges")
def histogramdd_bin_edges(
    g: Builder,
    self: OnnxValue,
    bins: Sequence[int],
    range: Sequence[float] | None = None,
    weight: OnnxValue | None = None,
    density: bool = False,
) -> list[OnnxValue]:
    return histogramdd(g, self, bins, range)[1]


@aten("_histogramdd_from_bin_cts")
def histogramdd_from_bin_counts(
    g: Builder,
    self: OnnxValue,
    bins: Sequence[int],
    range: Sequence[float] | None = None,
    weight: OnnxValue | None = None,
    density: bool = False,
) -> OnnxValue:
    return histogramdd(g, self, bins, range, weight, density)[0]


@aten("_histogramdd_from_bin_tensors")
def histogramdd_from_bin_tensors(
    g: Builder,
    self: OnnxValue,
    bins: Sequence[OnnxValue],
    weight: OnnxValue | None = None,
    density: bool = False,
) -> OnnxValue:
    return histogramdd_between(g, self, bins, None, weight, density)[0]


def _columns(g: Builder, x: OnnxValue, number: int) -> list[OnnxValue]:
    """Each of the coordinates that the last axis holds, as a vector."""
    rows = g.reshape(x, [-1, number])
    return [g.Gather(rows, g.constant(i), axis=1) for i in range(number)]


def _equal_bins(g: Builder, x: OnnxValue, bins: int, bounds: Sequence[float] | None) -> OnnxValue:
    """The edges of bins of one width, from the least to the largest element by default."""
    half = g.like(0.5, x)
    if bounds is not None:
        low, high = (g.like(bound, x) for bound in bounds)
    elif 0 in shape_of(x):
        low, high = g.like(0, x), g.like(1, x)
    else:
        low, high = reduce(g, "ReduceMin", x), reduce(g, "ReduceMax", x)
    same = g.Equal(low, high)
    low, high = g.Where(same, g.Sub(low, half), low), g.Where(same, g.Add(high, half), high)
    return linspace_between(g, low, high, bins + 1, x.dtype)


def _counted(
    g: Builder,
    columns: Sequence[OnnxValue],
    edges: Sequence[OnnxValue],
    weight: OnnxValue | None,
    density: bool,
) -> OnnxValue:
    """How much weight lies in each bin. The last bin of an axis holds its upper edge, too."""
    like = columns[0]
    bins = [g.sub(g.size(each, 0), 1) for each in edges]
    whole = g.product(bins)
    place, nowhere = g.constant(0), g.constant(False)
    for x, each, number in zip(columns, edges, bins, strict=True):
        beyond = g.Not(g.Less(x, g.Unsqueeze(each, axes=[1])))
        first, last = (g.Gather(each, g.vector([i])) for i in (0, number))
        here = g.Sub(count(g, beyond, 0), g.constant(1))
        here = g.Where(g.Equal(x, last), g.scalar(g.sub(number, 1)), here)
        outside = g.Or(g.Or(g.Less(x, first), g.Greater(x, last)), g.IsNaN(x))
        place = g.Add(g.Mul(place, g.scalar(number)), here)
        nowhere = g.Or(nowhere, outside)
    place = g.Where(nowhere, g.constant(-1), place)
    numbers = g.Unsqueeze(g.Range(g.constant(0), g.scalar(whole), g.constant(1)), axes=[1])
    hits = g.Equal(numbers, place)
    if weight is None:
        total = g.cast(count(g, hits, 1), like.dtype)
    else:
        weights = g.cast(flat(g, weight), like.dtype)
        total = reduce(g, "ReduceSum", g.Where(hits, weights, g.like(0, like)), 1)
    hist = total if len(bins) == 1 else g.reshape(total, bins)
    if not density:
        return hist
    hist = g.Div(hist, reduce(g, "ReduceSum", hist))
    for axis, (each, number) in enumerate(zip(edges, bins, strict=True)):
        width = g.Sub(
            g.Slice(each, [1], [g.add(number, 1)], axes=[0]), g.Slice(each, [0], [number], axes=[0])
        )
        after = len(bins) - 1 - axis
        if after:
            width = g.Unsqueeze(width, axes=list(range(1, after + 1)))
        hist = g.Div(hist, width)
    return hist

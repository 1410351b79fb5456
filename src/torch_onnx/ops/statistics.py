"""Quantiles, covariances and histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.arithmetic import lerp
from torch_onnx.ops.axes import axis_of, rank_of
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
    return g.Clip(scaled, g.like(-1, scaled), g.like(1, scaled))

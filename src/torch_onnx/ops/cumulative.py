"""Running sums, products and extremes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.ops.axes import axis_of, rank_of
from torch_onnx.ops.reduction import extreme, logsumexp
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("cumulative")


@aten("cumsum")
def cumsum(
    g: Builder, self: OnnxValue, dim: int, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    x = g.cast(self, result.dtype)
    return x if rank_of(x) == 0 else g.CumSum(x, g.constant(axis_of(x, dim)))


@aten("cumprod")
def cumprod(
    g: Builder, self: OnnxValue, dim: int, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    x = g.cast(self, result.dtype)
    if rank_of(x) == 0:
        return x
    if g.opset >= 26:
        return g.CumProd(x, g.constant(axis_of(x, dim)))
    table, axis = _beginnings(g, x, dim, 1)
    return g.ReduceProd(table, axes=[axis + 1], keepdims=0)


@aten("logcumsumexp")
def logcumsumexp(g: Builder, self: OnnxValue, dim: int) -> OnnxValue:
    if rank_of(self) == 0:
        return self
    table, axis = _beginnings(g, self, dim, float("-inf"))
    return logsumexp(g, table, axis + 1)


@aten("cummax")
def cummax(g: Builder, self: OnnxValue, dim: int) -> tuple[OnnxValue, OnnxValue]:
    return _extreme(g, self, dim, "Max")


@aten("cummin")
def cummin(g: Builder, self: OnnxValue, dim: int) -> tuple[OnnxValue, OnnxValue]:
    return _extreme(g, self, dim, "Min")


def _extreme(g: Builder, x: OnnxValue, dim: int, which: str) -> tuple[OnnxValue, OnnxValue]:
    if rank_of(x) == 0:
        return x, g.constant(0, torch.int64)
    if x.dtype == torch.bool:
        x = g.cast(x, torch.int32)
    table, axis = _beginnings(g, x, dim, _neutral(x.dtype, which))
    values = extreme(g, f"Reduce{which}", table, axis + 1)
    return values, _last(g, table, values, axis)


def _last(g: Builder, table: OnnxValue, values: OnnxValue, axis: int) -> OnnxValue:
    """Where up to each element along an axis its value is: PyTorch names the last place."""
    here = g.Equal(table, g.Unsqueeze(values, axes=[axis + 1]))
    if table.is_floating_point:
        # Nothing but NaN comes out where one is.
        here = g.Or(here, g.IsNaN(table))
    size = g.size(table, axis)
    here = g.And(here, g.Not(_later(g, size, rank_of(values) - axis)))
    places = g.Unsqueeze(_numbers(g, size), axes=list(range(1, rank_of(values) - axis)))
    found = g.Where(here, places, g.constant(-1))
    return g.ReduceMax(found, axes=[axis + 1], keepdims=0)


def _neutral(dtype: torch.dtype, which: str) -> Any:
    if dtype.is_floating_point:
        return float("-inf" if which == "Max" else "inf")
    limits = torch.iinfo(dtype)
    return limits.min if which == "Max" else limits.max


def _beginnings(g: Builder, x: OnnxValue, dim: int, neutral: Any) -> tuple[OnnxValue, int]:
    """Along a new axis after ``dim``, all elements up to the one there, then ``neutral`` ones.

    This takes memory of the square of the axis, but no Loop.
    """
    axis = axis_of(x, dim)
    later = _later(g, g.size(x, axis), rank_of(x) - axis)
    return g.Where(later, g.like(neutral, x), g.Unsqueeze(x, axes=[axis])), axis


def _later(g: Builder, size: Integer, rank: int) -> OnnxValue:
    """``[size, size, 1, …]``: whether the second number comes after the first."""
    numbers = _numbers(g, size)
    later = g.Greater(numbers, g.Unsqueeze(numbers, axes=[1]))
    return g.Unsqueeze(later, axes=list(range(2, rank + 1)))


def _numbers(g: Builder, size: Integer) -> OnnxValue:
    return g.Range(g.constant(0), g.scalar(size), g.constant(1))

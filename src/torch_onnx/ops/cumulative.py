"""Running sums, products and extremes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.axes import axis_of, rank_of
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
    return g.ReduceLogSumExp(table, axes=[axis + 1], keepdims=0)


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
    values = getattr(g, f"Reduce{which}")(table, axes=[axis + 1], keepdims=0)
    return values, _last(g, table, axis + 1, which)


def _last(g: Builder, x: OnnxValue, axis: int, which: str) -> OnnxValue:
    """Where along an axis the extreme is: of equal ones PyTorch names the last."""
    if g.opset >= 12:
        return getattr(g, f"Arg{which}")(x, axis=axis, keepdims=0, select_last_index=1)
    backwards = g.Slice(
        x, starts=[-1], ends=[torch.iinfo(torch.int64).min], axes=[axis], steps=[-1]
    )
    from_end = getattr(g, f"Arg{which}")(backwards, axis=axis, keepdims=0)
    return g.Sub(g.scalar(g.sub(g.size(x, axis), 1)), from_end)


def _neutral(dtype: torch.dtype, which: str) -> Any:
    if dtype.is_floating_point:
        return float("-inf" if which == "Max" else "inf")
    limits = torch.iinfo(dtype)
    return limits.min if which == "Max" else limits.max


def _beginnings(g: Builder, x: OnnxValue, dim: int, neutral: Any) -> tuple[OnnxValue, int]:
    """Along a new axis after ``dim``, all elements up to the one there, then ``neutral`` ones.

    This takes memory of the square of the axis, but no Loop.
    """
    axis, rank = axis_of(x, dim), rank_of(x)
    size = g.scalar(g.size(x, axis))
    numbers = g.Range(g.constant(0), size, g.constant(1))
    later = g.Greater(numbers, g.Unsqueeze(numbers, axes=[1]))
    if axis < rank - 1:
        later = g.Unsqueeze(later, axes=list(range(2, rank - axis + 1)))
    return g.Where(later, g.like(neutral, x), g.Unsqueeze(x, axes=[axis])), axis

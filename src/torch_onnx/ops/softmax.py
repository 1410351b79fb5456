"""Softmax and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.axes import axis_of, rank_of
from torch_onnx.ops.reduction import reduce
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("softmax")


def along(g: Builder, onnx_operator: str, x: OnnxValue, dim: int) -> OnnxValue:
    """Softmax or LogSoftmax along one axis.

    Before opset 13 they run over all axes from theirs on, so the axis is made the last one.
    """
    rank = rank_of(x)
    if rank == 0:
        return g.Squeeze(along(g, onnx_operator, g.Unsqueeze(x, axes=[0]), 0), axes=[0])
    axis = axis_of(x, dim)
    operator = getattr(g, onnx_operator)
    if g.opset >= 13 or axis == rank - 1:
        return operator(x, axis=axis)
    swap = list(range(rank))
    swap[axis], swap[-1] = rank - 1, axis
    return g.Transpose(operator(g.Transpose(x, perm=swap), axis=rank - 1), perm=swap)


@aten("softmax.int", "special_softmax")
def softmax(
    g: Builder, self: OnnxValue, dim: int, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return along(g, "Softmax", g.cast(self, result.dtype), dim)


@aten("log_softmax.int", "special_log_softmax")
def log_softmax(
    g: Builder, self: OnnxValue, dim: int, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return along(g, "LogSoftmax", g.cast(self, result.dtype), dim)


@aten("_softmax")
def softmax_kernel(
    g: Builder, self: OnnxValue, dim: int, half_to_float: bool, result: OnnxValue
) -> OnnxValue:
    return along(g, "Softmax", g.cast(self, result.dtype), dim)


@aten("_log_softmax")
def log_softmax_kernel(
    g: Builder, self: OnnxValue, dim: int, half_to_float: bool, result: OnnxValue
) -> OnnxValue:
    return along(g, "LogSoftmax", g.cast(self, result.dtype), dim)


@aten("_safe_softmax")
def safe_softmax(
    g: Builder, self: OnnxValue, dim: int, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    """Zeros, not NaN, where all that softmax sees is -inf."""
    x = g.cast(self, result.dtype)
    return g.Where(has_finite(g, x, dim), along(g, "Softmax", x, dim), g.like(0.0, x))


def has_finite(g: Builder, x: OnnxValue, dim: int) -> OnnxValue:
    """Where x is more than -inf somewhere along an axis, which is kept."""
    largest = reduce(g, "ReduceMax", x, dim, keepdim=True)
    return g.Greater(largest, g.like(float("-inf"), x))

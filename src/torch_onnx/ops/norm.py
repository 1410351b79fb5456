"""Normalisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("norm")


@aten("layer_norm")
def layer_norm(
    g: Builder,
    input: OnnxValue,
    normalized_shape: Sequence[Any],
    weight: OnnxValue | None = None,
    bias: OnnxValue | None = None,
    eps: float = 1e-05,
    cudnn_enable: bool = True,
) -> OnnxValue:
    axes = list(range(-len(normalized_shape), 0))
    if g.opset >= 17:
        scale = weight
        if scale is None:
            if not all(isinstance(size, int) for size in normalized_shape):
                raise NotExpressible("layer_norm without a weight needs known sizes")
            scale = g.constant(torch.ones(list(normalized_shape), dtype=input.dtype))
        return g.LayerNormalization(input, scale, bias, axis=axes[0], epsilon=eps)  # type: ignore[no-any-return]
    # In float32, as PyTorch and LayerNormalization compute half precision.
    wide = torch.float32 if input.dtype in (torch.float16, torch.bfloat16) else input.dtype
    x = g.cast(input, wide)
    centred = g.Sub(x, g.ReduceMean(x, axes=axes))
    variance = g.ReduceMean(g.Mul(centred, centred), axes=axes)
    result = g.cast(g.Div(centred, g.Sqrt(g.Add(variance, g.like(eps, x)))), input.dtype)
    if weight is not None:
        result = g.Mul(result, weight)
    return result if bias is None else g.Add(result, bias)


@aten("rms_norm")
def rms_norm(
    g: Builder,
    input: OnnxValue,
    normalized_shape: Sequence[Any],
    weight: OnnxValue | None = None,
    eps: float | None = None,
) -> OnnxValue:
    axes = list(range(-len(normalized_shape), 0))
    wide = torch.float32 if input.dtype in (torch.float16, torch.bfloat16) else input.dtype
    x = g.cast(input, wide)
    least = torch.finfo(input.dtype).eps if eps is None else eps
    mean = g.ReduceMean(g.Mul(x, x), axes=axes)
    result = g.cast(g.Div(x, g.Sqrt(g.Add(mean, g.like(least, x)))), input.dtype)
    return result if weight is None else g.Mul(result, weight)


@aten("batch_norm")
def batch_norm(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    running_mean: OnnxValue | None,
    running_var: OnnxValue | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> OnnxValue:
    if training or running_mean is None or running_var is None:
        raise NotExpressible("batch_norm in training mode is not translated; export in eval mode")
    channels = running_mean.shape
    assert channels is not None
    if weight is None:
        weight = g.constant(torch.ones(list(channels), dtype=running_mean.dtype))  # type: ignore[arg-type]
    if bias is None:
        bias = g.constant(torch.zeros(list(channels), dtype=running_mean.dtype))  # type: ignore[arg-type]
    return g.BatchNormalization(input, weight, bias, running_mean, running_var, epsilon=eps)  # type: ignore[no-any-return]


@aten("group_norm")
def group_norm(
    g: Builder,
    input: OnnxValue,
    num_groups: int,
    weight: OnnxValue | None = None,
    bias: OnnxValue | None = None,
    eps: float = 1e-05,
    cudnn_enabled: bool = True,
) -> OnnxValue:
    """Groups as the channels of an InstanceNormalization; scale and shift per channel after it."""
    if input.shape is None or not isinstance(input.shape[1], int):
        raise NotExpressible("group_norm needs a known number of channels")
    channels = input.shape[1]
    if g.opset >= 21:
        ones = torch.ones(channels, dtype=input.dtype)
        scale = g.constant(ones) if weight is None else weight
        shift = g.constant(ones - 1) if bias is None else bias
        return g.GroupNormalization(input, scale, shift, num_groups=num_groups, epsilon=eps)  # type: ignore[no-any-return]
    sizes = g.sizes(input)
    grouped = g.reshape(input, [sizes[0], num_groups, -1])
    one = torch.ones(num_groups, dtype=input.dtype)
    normal = g.InstanceNormalization(grouped, g.constant(one), g.constant(one - 1), epsilon=eps)
    result = g.reshape(normal, sizes)
    across = list(range(1, len(input.shape) - 1))
    if weight is not None:
        result = g.Mul(result, g.Unsqueeze(weight, axes=across))
    return result if bias is None else g.Add(result, g.Unsqueeze(bias, axes=across))


@aten("instance_norm")
def instance_norm(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    running_mean: OnnxValue | None,
    running_var: OnnxValue | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> OnnxValue:
    if not use_input_stats:
        return batch_norm(
            g, input, weight, bias, running_mean, running_var, False, momentum, eps, cudnn_enabled
        )
    if input.shape is None or not isinstance(input.shape[1], int):
        raise NotExpressible("instance_norm needs a known number of channels")
    ones = torch.ones(input.shape[1], dtype=input.dtype)
    scale = g.constant(ones) if weight is None else weight
    shift = g.constant(ones - 1) if bias is None else bias
    return g.InstanceNormalization(input, scale, shift, epsilon=eps)  # type: ignore[no-any-return]


@aten("_weight_norm")
def weight_norm(g: Builder, v: OnnxValue, g_: OnnxValue, dim: int = 0) -> OnnxValue:
    axes = [axis for axis in range(v.rank or 0) if axis != dim % (v.rank or 1)]
    return g.Mul(v, g.Div(g_, g.ReduceL2(v, axes=axes)))  # type: ignore[no-any-return]

"""Quantization by what the tensors hold at run time: scales chosen, one for all or one a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import rank_of
from torch_onnx.ops.quantized import clamp, dequantize
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("quantized_dynamic")


def _range(g: Builder, x: OnnxValue, axes: list[int] | None) -> tuple[OnnxValue, OnnxValue]:
    """The smallest and the largest element, zero included."""
    keep = int(axes is not None)
    zero = g.constant(0.0, torch.float32)
    low = g.Min(g.ReduceMin(x, axes=axes, keepdims=keep), zero)
    high = g.Max(g.ReduceMax(x, axes=axes, keepdims=keep), zero)
    return low, high


@aten("quantized_decomposed::choose_qparams.tensor")
def choose_qparams(
    g: Builder, input: OnnxValue, quant_min: int, quant_max: int, eps: float, dtype: torch.dtype
) -> tuple[OnnxValue, OnnxValue]:
    low, high = _range(g, g.cast(input, torch.float32), None)
    steps = g.constant(float(quant_max - quant_min), torch.float32)
    scale = g.Max(g.Div(g.Sub(high, low), steps), g.constant(eps, torch.float32))
    first = g.constant(float(quant_min), torch.float32)
    zero_point = g.Sub(first, g.Round(g.Div(low, scale)))
    zero_point = g.Clip(zero_point, first, g.constant(float(quant_max), torch.float32))
    return g.Unsqueeze(scale, axes=[0]), g.Unsqueeze(g.cast(zero_point, torch.int64), axes=[0])


@aten("quantized_decomposed::choose_qparams_symmetric.tensor")
def choose_qparams_symmetric(
    g: Builder, input: OnnxValue, quant_min: int, quant_max: int, eps: float, dtype: torch.dtype
) -> tuple[OnnxValue, OnnxValue]:
    low, high = _range(g, g.cast(input, torch.float32), None)
    steps = g.constant((quant_max - quant_min) / 2, torch.float32)
    largest = g.Max(g.Neg(low), high)
    scale = g.Max(g.Div(largest, steps), g.constant(eps, torch.float32))
    # PyTorch's middle of uint8, whatever the range asked for.
    middle = 128 if dtype == torch.uint8 else 0
    return g.Unsqueeze(scale, axes=[0]), g.constant([middle], torch.int64)


@aten("quantized_decomposed::choose_qparams_per_token")
def choose_qparams_per_token(
    g: Builder, input: OnnxValue, dtype: torch.dtype
) -> tuple[OnnxValue, OnnxValue]:
    if dtype != torch.int8:
        raise NotExpressible(f"scales of {dtype} for each token are unknown to PyTorch")
    x = g.cast(input, torch.float32)
    largest = g.ReduceMax(g.Abs(x), axes=[-1], keepdims=1)
    largest = g.Max(largest, g.constant(1e-5, torch.float32))
    scales = g.Div(largest, g.constant(127.0, torch.float32))
    return scales, g.Mul(scales, g.constant(0.0, torch.float32))


ASYMMETRIC = "choose_qparams_per_token_asymmetric"


@aten(f"quantized_decomposed::{ASYMMETRIC}", f"quantized_decomposed::_{ASYMMETRIC}_impl")
def choose_qparams_per_token_asymmetric(
    g: Builder, input: OnnxValue, dtype: torch.dtype
) -> tuple[OnnxValue, OnnxValue]:
    low, high = _range(g, g.cast(input, torch.float32), [-1])
    eps = g.constant(torch.finfo(torch.float32).eps, torch.float32)
    scales = g.Max(g.Div(g.Sub(high, low), g.constant(255.0, torch.float32)), eps)
    below, above = g.Div(low, scales), g.Div(high, scales)
    first, last = g.constant(-128.0, torch.float32), g.constant(127.0, torch.float32)
    # The end of the range whose zero point has the smaller error of rounding.
    from_below = g.Greater(g.Add(g.Add(first, below), g.Add(last, above)), g.like(0.0, below))
    zero_points = g.Where(from_below, g.Sub(first, below), g.Sub(last, above))
    zero_points = g.Round(g.Clip(zero_points, first, last))
    return scales, g.cast(zero_points, torch.int64)


@aten("quantized_decomposed::quantize_per_token")
def quantize_per_token(
    g: Builder,
    input: OnnxValue,
    scales: OnnxValue,
    zero_points: OnnxValue,
    quant_min: int,
    quant_max: int,
    dtype: torch.dtype,
) -> OnnxValue:
    # PyTorch multiplies by the reciprocal, and rounds behind the zero point. Scales may be float64.
    x = g.cast(input, scales.dtype)
    steps = g.Mul(x, g.Reciprocal(scales))
    steps = g.Round(g.Add(steps, g.cast(zero_points, scales.dtype)))
    return g.cast(clamp(g, steps, quant_min, quant_max), dtype)


@aten("quantized_decomposed::dequantize_per_token")
def dequantize_per_token(
    g: Builder,
    input: OnnxValue,
    scales: OnnxValue,
    zero_points: OnnxValue,
    quant_min: int,
    quant_max: int,
    dtype: torch.dtype,
    output_dtype: torch.dtype = torch.float32,
) -> OnnxValue:
    steps = g.Sub(g.cast(input, scales.dtype), g.cast(zero_points, scales.dtype))
    return g.Mul(steps, scales)


@aten("quantized_decomposed::dequantize_per_channel_group")
def dequantize_per_channel_group(
    g: Builder,
    input: OnnxValue,
    scales: OnnxValue,
    zero_points: OnnxValue | None,
    quant_min: int,
    quant_max: int,
    dtype: torch.dtype,
    group_size: int,
    output_dtype: torch.dtype = torch.float32,
) -> OnnxValue:
    """Rows of ``group_size`` columns share a scale; ``scales`` is ``[rows, columns / group]``."""
    rows, columns = g.sizes(input)
    groups = [rows, -1, group_size]
    x = g.cast(g.Reshape(input, groups), torch.float32)
    if zero_points is not None:
        x = g.Sub(x, g.Unsqueeze(g.cast(zero_points, torch.float32), axes=[2]))
    x = g.Mul(x, g.Unsqueeze(g.cast(scales, torch.float32), axes=[2]))
    return g.Reshape(x, [rows, columns])


# A product with weights of integers.


@aten("_weight_int8pack_mm")
def weight_int8pack_mm(
    g: Builder, self: OnnxValue, mat2: OnnxValue, scales: OnnxValue
) -> OnnxValue:
    """``self @ (mat2 * scales).T``: int8 rows, a scale each."""
    assert rank_of(mat2) == 2
    weight = g.Transpose(dequantize(g, mat2, scales, None, axis=0), perm=[1, 0])
    return g.MatMul(g.cast(self, torch.float32), weight)

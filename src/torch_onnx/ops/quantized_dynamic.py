"""Quantization by what the tensors hold at run time: scales chosen, one for all or one a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import axis_of, rank_of, shape_of
from torch_onnx.ops.quantized import clamp, dequantize, fake_quantize
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("quantized_dynamic")

# PyTorch does not go below this step when it watches ranges.
SMALLEST_STEP = 6.1e-5


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


@aten("quantized_decomposed::quantize_per_channel_group")
def quantize_per_channel_group(
    g: Builder,
    input: OnnxValue,
    scales: OnnxValue,
    zero_points: OnnxValue,
    quant_min: int,
    quant_max: int,
    dtype: torch.dtype,
    group_size: int,
) -> OnnxValue:
    """Each ``group_size`` columns of a row have a scale; a single group may be shorter."""
    sizes = g.sizes(input)
    x = g.cast(g.Reshape(input, _groups(input, group_size)), torch.float32)
    steps = g.Mul(x, g.Reciprocal(_by_group(g, scales, sizes[0])))
    steps = g.Round(g.Add(steps, _by_group(g, zero_points, sizes[0])))
    return g.Reshape(g.cast(clamp(g, steps, quant_min, quant_max), dtype), sizes)


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
    sizes = g.sizes(input)
    x = g.cast(g.Reshape(input, _groups(input, group_size)), torch.float32)
    if zero_points is not None:
        x = g.Sub(x, _by_group(g, zero_points, sizes[0]))
    return g.Reshape(g.Mul(x, _by_group(g, scales, sizes[0])), sizes)


def _groups(x: OnnxValue, group_size: int) -> list[int]:
    """The shape of a matrix with its columns in groups."""
    columns = shape_of(x)[1]
    if not isinstance(columns, int):
        raise NotExpressible("groups of columns need their number when the model is exported")
    size = min(group_size, columns)
    return [-1, columns // size, size]


def _by_group(g: Builder, numbers: OnnxValue, rows: Integer) -> OnnxValue:
    return g.Reshape(g.cast(numbers, torch.float32), [rows, -1, 1])


# Fake quantization while it still watches what it quantizes.


@aten("_fused_moving_avg_obs_fq_helper_functional")
def fused_moving_avg_obs_fq_helper(
    g: Builder,
    self: OnnxValue,
    observer_on: OnnxValue,
    fake_quant_on: OnnxValue,
    running_min: OnnxValue,
    running_max: OnnxValue,
    scale: OnnxValue,
    zero_point: OnnxValue,
    averaging_const: float,
    quant_min: int,
    quant_max: int,
    ch_axis: int,
    per_row_fake_quant: bool = False,
    symmetric_quant: bool = False,
) -> tuple[OnnxValue | None, ...]:
    """The range moves by every input while the observer is on. Both switches are settled."""
    axis = axis_of(self, ch_axis) if per_row_fake_quant else None
    ranges = running_min, running_max
    if _is_on(observer_on):
        axes = None if axis is None else [a for a in range(rank_of(self)) if a != axis]
        ranges = (
            _moved(g, running_min, g.ReduceMin(self, axes=axes, keepdims=0), averaging_const),
            _moved(g, running_max, g.ReduceMax(self, axes=axes, keepdims=0), averaging_const),
        )
        low, high = g.Min(ranges[0], g.like(0.0, self)), g.Max(ranges[1], g.like(0.0, self))
        scale, zero_point = _qparams(
            g, low, high, scale, zero_point, quant_min, quant_max, symmetric_quant
        )
    if not _is_on(fake_quant_on):
        return self, None, *ranges, scale, zero_point
    result = fake_quantize(g, self, scale, zero_point, quant_min, quant_max, axis)
    return result, None, *ranges, scale, zero_point


def _is_on(switch: OnnxValue) -> bool:
    held = switch.constant if switch.constant is not None else switch.parameter
    if held is None or held.is_meta or held.numel() != 1:
        raise NotExpressible("its switches are needed when the model is exported")
    return bool(held.item())


def _moved(g: Builder, old: OnnxValue, new: OnnxValue, by: float) -> OnnxValue:
    """A moving average, which begins with the first number that it sees."""
    new = g.Reshape(new, g.sizes(old))
    moved = g.Add(old, g.Mul(g.Sub(new, old), g.like(by, old)))
    return g.Where(g.IsInf(old), new, moved)


def _qparams(
    g: Builder,
    low: OnnxValue,
    high: OnnxValue,
    scale: OnnxValue,
    zero_point: OnnxValue,
    quant_min: int,
    quant_max: int,
    symmetric: bool,
) -> tuple[OnnxValue, OnnxValue]:
    """PyTorch's choice of scale and zero point for a range that holds zero."""
    steps = quant_max - quant_min
    zero = g.like(0.0, low)
    first, last = g.like(float(quant_min), low), g.like(float(quant_max), low)
    made = _useful(g, g.Div(g.Sub(high, low), g.like(float(steps), low)))
    zeros = g.Clip(g.Sub(first, g.Round(g.Div(low, made))), first, last)
    if symmetric:
        # One step more below zero than above, where there are numbers on both sides.
        below, above = steps // 2 + 1, steps // 2
        wider = g.Max(g.Div(g.Neg(low), g.like(below, low)), g.Div(high, g.like(above, low)))
        wider = _useful(g, g.Mul(wider, g.like((below + above) / steps, low)))
        both = g.And(g.Less(low, zero), g.Greater(high, zero))
        middle = g.like(float(round((quant_min + quant_max) / 2)), low)
        made, zeros = g.Where(both, wider, made), g.Where(both, middle, zeros)
    sizes = g.sizes(scale)
    return g.Reshape(made, sizes), g.cast(g.Reshape(zeros, sizes), zero_point.dtype)


def _useful(g: Builder, scale: OnnxValue) -> OnnxValue:
    """A step that is neither nothing nor very small."""
    some = g.Where(g.Equal(scale, g.like(0.0, scale)), g.like(0.1, scale), scale)
    return g.Max(some, g.like(SMALLEST_STEP, scale))


# A product with weights of integers.


@aten("_weight_int8pack_mm")
def weight_int8pack_mm(
    g: Builder, self: OnnxValue, mat2: OnnxValue, scales: OnnxValue
) -> OnnxValue:
    """``self @ (mat2 * scales).T``: int8 rows, a scale each."""
    assert rank_of(mat2) == 2
    weight = g.Transpose(dequantize(g, mat2, scales, None, axis=0), perm=[1, 0])
    return g.MatMul(g.cast(self, torch.float32), weight)

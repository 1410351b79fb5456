"""Quantization: float numbers as integers with a scale and a zero point, and back.

What PyTorch says in one operator (``fake_quantize_*``) or in two (``quantized_decomposed::*``) is
QuantizeLinear and DequantizeLinear here, the form that runtimes fuse with the float operators
between. Where those do not hold the integers asked for, the same is written as arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from torch_onnx.builder.stored import stored
from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.arithmetic import clip
from torch_onnx.ops.axes import axis_of, rank_of
from torch_onnx.ops.table import OpTable
from torch_onnx.weights import Weight

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("quantized")

Number: TypeAlias = Any
"""A scale or zero point: a Python number, or a tensor (of one element, or one for each channel)."""

# What QuantizeLinear and DequantizeLinear hold, and since which opset.
BYTES = (torch.uint8, torch.int8)
SHORTS = (torch.uint16, torch.int16)
SHORTS_SINCE = 21
CHANNELS_SINCE = 13
# ONNX Runtime 1.32 has no kernels for what these operators became in opset 28.
NOT_FROM = 28


def holds(g: Builder, dtype: torch.dtype) -> bool:
    """Whether QuantizeLinear gives integers of this dtype at the target opset."""
    if g.opset >= NOT_FROM:
        return False
    return dtype in BYTES or (dtype in SHORTS and g.opset >= SHORTS_SINCE)


def storage(g: Builder, low: int, high: int) -> torch.dtype | None:
    """The smallest dtype of QuantizeLinear that holds ``low`` to ``high``."""
    for dtype in (*BYTES, *SHORTS):
        info = torch.iinfo(dtype)
        if (dtype in BYTES or holds(g, dtype)) and info.min <= low and high <= info.max:
            return dtype
    return None


@dataclass(frozen=True, slots=True)
class Recast:
    """A scale or zero point in another dtype, and without axes where it is a single number."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    def __call__(self, part0: torch.Tensor) -> torch.Tensor:
        return part0.to(self.dtype).reshape(self.shape)


def number(g: Builder, x: Number, dtype: torch.dtype, axis: int | None) -> OnnxValue:
    """A scale or zero point as the operators want it: no axes, or one for the channels'."""
    if not isinstance(x, OnnxValue):
        return g.constant(x, dtype)
    if x.is_number:
        x = g.scalar(x)
    if axis is not None or x.shape == ():
        return g.cast(x, dtype) if not _is_owned(x) or x.dtype == dtype else _recast(g, x, dtype)
    return _recast(g, x, dtype, ()) if _is_owned(x) else g.cast(g.Reshape(x, []), dtype)


def _is_owned(x: OnnxValue) -> bool:
    held = None if x.value is None else x.value.const_value
    return x.constant is not None or isinstance(held, Weight)


def _known_sizes(x: OnnxValue) -> tuple[int, ...]:
    return tuple(size for size in x.shape or () if isinstance(size, int))


def _recast(
    g: Builder, x: OnnxValue, dtype: torch.dtype, shape: tuple[int, ...] | None = None
) -> OnnxValue:
    # Runtimes fuse only with scales and zero points that are initializers.
    sizes = (
        tuple(size for size in x.shape or () if isinstance(size, int)) if shape is None else shape
    )
    made = stored(g, [x], Recast(dtype, sizes), sizes, dtype, "recast")
    assert made is not None, "it is a weight or a constant"
    return made


def quantize(
    g: Builder,
    x: OnnxValue,
    scale: Number,
    zero_point: Number,
    low: int,
    high: int,
    dtype: torch.dtype,
    axis: int | None = None,
) -> OnnxValue:
    """``clamp(round(x / scale) + zero_point, low, high)`` as integers of ``dtype``.

    A weight is stored as these integers.
    """
    if dtype in BYTES and not _is_float(zero_point):
        held = _stored_integers(g, x, scale, zero_point, low, high, dtype, axis)
        if held is not None:
            return held
    x = g.cast(x, torch.float32)
    if not holds(g, dtype) or _is_float(zero_point):
        return g.cast(_steps(g, x, scale, zero_point, low, high, axis), dtype)
    _check_channels(g, axis)
    where = {} if axis is None else {"axis": axis}
    by = number(g, scale, torch.float32, axis), number(g, zero_point, dtype, axis)
    full = (low, high) == (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
    made = x.made_by
    if full and made is not None and made.operator == "DequantizeLinear":
        # To quantize what was dequantized by the same numbers gives the integers back.
        before = made.inputs[0]
        same = all(_is_same(a, b) for a, b in zip(made.inputs[1:], by, strict=False))
        if before is not None and before.dtype == dtype and same and len(made.inputs) == 3:
            return before
    integers: OnnxValue = g.QuantizeLinear(x, *by, **where)
    return integers if full else clamp(g, integers, low, high)


def dequantize(
    g: Builder,
    integers: OnnxValue,
    scale: Number,
    zero_point: Number | None,
    axis: int | None = None,
) -> OnnxValue:
    """``(integers - zero_point) * scale`` in float32."""
    dtype = integers.dtype
    without = zero_point is None or _is_zero(zero_point)
    known = holds(g, dtype) or (dtype == torch.int32 and without and g.opset < NOT_FROM)
    if not known or _is_float(zero_point):
        x = g.cast(integers, torch.float32)
        if zero_point is not None and not without:
            if _is_float(zero_point):
                x = g.Sub(x, _along(g, zero_point, torch.float32, axis, x))
            else:
                offset = _along(g, zero_point, torch.int32, axis, x)
                x = g.cast(g.Sub(g.cast(integers, torch.int32), offset), torch.float32)
        return g.Mul(x, _along(g, scale, torch.float32, axis, x))
    _check_channels(g, axis)
    by = [number(g, scale, torch.float32, axis)]
    if dtype != torch.int32 and zero_point is not None:
        by.append(number(g, zero_point, dtype, axis))
    where = {} if axis is None else {"axis": axis}
    result: OnnxValue = g.DequantizeLinear(integers, *by, **where)
    return result


def _steps(
    g: Builder,
    x: OnnxValue,
    scale: Number,
    zero_point: Number,
    low: int,
    high: int,
    axis: int | None,
) -> OnnxValue:
    """The integers as floats of x's dtype."""
    steps = g.Div(x, _along(g, scale, x.dtype, axis, x))
    if _is_float(zero_point):
        # PyTorch rounds behind the zero point when it is a float.
        steps = g.Round(g.Add(steps, _along(g, zero_point, x.dtype, axis, x)))
    else:
        steps = g.Round(steps)
        if not _is_zero(zero_point):
            steps = g.Add(steps, _along(g, zero_point, x.dtype, axis, x))
    return clamp(g, steps, low, high)


def clamp(g: Builder, x: OnnxValue, low: int, high: int) -> OnnxValue:
    """x kept within two known numbers."""
    return clip(g, x, g.like(low, x), g.like(high, x))


def _along(
    g: Builder, numbers: Number, dtype: torch.dtype, axis: int | None, x: OnnxValue
) -> OnnxValue:
    """A scale or zero point that broadcasts against x."""
    made = number(g, numbers, dtype, axis)
    if axis is None:
        return made
    return g.Reshape(made, [-1] + [1] * (rank_of(x) - 1 - axis))


def _check_channels(g: Builder, axis: int | None) -> None:
    if axis is not None and g.opset < CHANNELS_SINCE:
        raise NotExpressible("a scale for each channel is needed", since=CHANNELS_SINCE)


def _is_float(x: Number) -> bool:
    return x.dtype.is_floating_point if isinstance(x, OnnxValue) else isinstance(x, float)


def _is_zero(x: Number) -> bool:
    if isinstance(x, OnnxValue):
        return x.constant is not None and not bool(x.constant.any())
    return bool(x == 0)


def _is_same(a: OnnxValue | None, b: OnnxValue) -> bool:
    if a is None or a is b:
        return a is b
    if a.constant is not None and b.constant is not None:
        return a.dtype == b.dtype and torch.equal(a.constant, b.constant)
    return a.value is not None and a.value is b.value


# Both in one.


def fake_quantize(
    g: Builder,
    x: OnnxValue,
    scale: Number,
    zero_point: Number,
    low: int,
    high: int,
    axis: int | None = None,
) -> OnnxValue:
    """The nearest numbers that ``low`` to ``high`` hold."""
    dtype = storage(g, low, high)
    if dtype is None or x.dtype == torch.float64 or _is_float(zero_point):
        steps = _steps(g, x, scale, zero_point, low, high, axis)
        if not _is_zero(zero_point):
            steps = g.Sub(steps, _along(g, zero_point, x.dtype, axis, x))
        return g.Mul(steps, _along(g, scale, x.dtype, axis, x))
    integers = quantize(g, x, scale, zero_point, low, high, dtype, axis)
    return g.cast(dequantize(g, integers, scale, zero_point, axis), x.dtype)


@dataclass(frozen=True, slots=True)
class Quantize:
    """A weight as integers; its scale and zero point are numbers, or the parts after it."""

    low: int
    high: int
    dtype: torch.dtype
    axis: int | None
    scale: tuple[float, ...] | None
    zero_point: tuple[int, ...] | None

    def __call__(self, part0: torch.Tensor, **parts: torch.Tensor) -> torch.Tensor:
        rest = list(parts.values())
        x = part0.to(torch.float32)
        ones = [1] * x.dim()
        if self.axis is not None:
            ones[self.axis] = -1
        scale = torch.tensor(self.scale) if self.scale is not None else rest.pop(0)
        offset = torch.tensor(self.zero_point) if self.zero_point is not None else rest.pop(0)
        steps = torch.round(x * (1.0 / scale.to(torch.float32)).reshape(ones))
        steps = steps + offset.to(torch.float32).reshape(ones)
        return steps.clamp(self.low, self.high).to(self.dtype)


def _stored_integers(
    g: Builder,
    x: OnnxValue,
    scale: Number,
    zero_point: Number,
    low: int,
    high: int,
    dtype: torch.dtype,
    axis: int | None,
) -> OnnxValue | None:
    if not _is_owned(x) or x.dtype == torch.float64:
        return None
    parts = [x]
    known: list[tuple[Any, ...] | None] = []
    for given in (scale, zero_point):
        if not isinstance(given, OnnxValue):
            known.append((given,))
        elif given.constant is not None:
            known.append(tuple(given.constant.reshape(-1).tolist()))
        elif _is_owned(given):
            known.append(None)
            parts.append(given)
        else:
            return None
    if x.constant is not None and len(parts) > 1:
        return None
    sizes = _known_sizes(x)
    compute = Quantize(low, high, dtype, axis, known[0], known[1])
    return stored(g, parts, compute, sizes, dtype, "quantized")


def _mask(
    g: Builder,
    x: OnnxValue,
    scale: Number,
    zero_point: Number,
    low: int,
    high: int,
    axis: int | None = None,
) -> OnnxValue:
    """Which elements lie within the range."""
    steps = g.Round(g.Div(x, _along(g, scale, x.dtype, axis, x)))
    steps = g.Add(steps, _along(g, zero_point, x.dtype, axis, x))
    above = g.Not(g.Less(steps, g.like(low, steps)))
    return g.And(above, g.Not(g.Greater(steps, g.like(high, steps))))


@aten("fake_quantize_per_tensor_affine", "fake_quantize_per_tensor_affine.tensor_qparams")
def fake_quantize_per_tensor_affine(
    g: Builder,
    self: OnnxValue,
    scale: Number,
    zero_point: Number,
    quant_min: int,
    quant_max: int,
) -> OnnxValue:
    return fake_quantize(g, self, scale, zero_point, quant_min, quant_max)


@aten("fake_quantize_per_channel_affine")
def fake_quantize_per_channel_affine(
    g: Builder,
    self: OnnxValue,
    scale: OnnxValue,
    zero_point: OnnxValue,
    axis: int,
    quant_min: int,
    quant_max: int,
) -> OnnxValue:
    return fake_quantize(g, self, scale, zero_point, quant_min, quant_max, axis=axis_of(self, axis))


@aten("fake_quantize_per_tensor_affine_cachemask")
def fake_quantize_per_tensor_affine_cachemask(
    g: Builder, self: OnnxValue, scale: Number, zero_point: Number, quant_min: int, quant_max: int
) -> tuple[OnnxValue, OnnxValue]:
    args = (g, self, scale, zero_point, quant_min, quant_max)
    return fake_quantize(*args), _mask(*args)


@aten("fake_quantize_per_channel_affine_cachemask")
def fake_quantize_per_channel_affine_cachemask(
    g: Builder,
    self: OnnxValue,
    scale: OnnxValue,
    zero_point: OnnxValue,
    axis: int,
    quant_min: int,
    quant_max: int,
) -> tuple[OnnxValue, OnnxValue]:
    args = (g, self, scale, zero_point, quant_min, quant_max, axis_of(self, axis))
    return fake_quantize(*args), _mask(*args)


@aten("_fake_quantize_per_tensor_affine_cachemask_tensor_qparams")
def fake_quantize_where_enabled(
    g: Builder,
    self: OnnxValue,
    scale: OnnxValue,
    zero_point: OnnxValue,
    fake_quant_enabled: OnnxValue,
    quant_min: int,
    quant_max: int,
) -> tuple[OnnxValue, OnnxValue]:
    args = (g, self, scale, zero_point, quant_min, quant_max)
    enabled = g.cast(fake_quant_enabled, torch.bool)
    mask = g.Or(_mask(*args), g.Not(enabled))
    return g.Where(enabled, fake_quantize(*args), self), mask


@dataclass(frozen=True, slots=True)
class Rounded:
    """A learned zero point as the integer that it stands for."""

    low: int
    high: int

    def __call__(self, part0: torch.Tensor) -> torch.Tensor:
        return part0.round().clamp(self.low, self.high).to(torch.int32)


def _learned(g: Builder, zero_point: OnnxValue, low: int, high: int) -> OnnxValue:
    if _is_owned(zero_point):
        sizes = _known_sizes(zero_point)
        made = stored(g, [zero_point], Rounded(low, high), sizes, torch.int32, "rounded")
        assert made is not None, "it is a weight or a constant"
        return made
    return g.cast(clamp(g, g.Round(zero_point), low, high), torch.int32)


# ``grad_factor`` is for training.
@aten("_fake_quantize_learnable_per_tensor_affine")
def fake_quantize_learnable_per_tensor_affine(
    g: Builder,
    self: OnnxValue,
    scale: OnnxValue,
    zero_point: OnnxValue,
    quant_min: int,
    quant_max: int,
    grad_factor: float = 1.0,
) -> OnnxValue:
    zeros = _learned(g, zero_point, quant_min, quant_max)
    return fake_quantize(g, self, scale, zeros, quant_min, quant_max)


@aten("_fake_quantize_learnable_per_channel_affine")
def fake_quantize_learnable_per_channel_affine(
    g: Builder,
    self: OnnxValue,
    scale: OnnxValue,
    zero_point: OnnxValue,
    axis: int,
    quant_min: int,
    quant_max: int,
    grad_factor: float = 1.0,
) -> OnnxValue:
    zeros = _learned(g, zero_point, quant_min, quant_max)
    return fake_quantize(g, self, scale, zeros, quant_min, quant_max, axis_of(self, axis))


# The operators that torch.export's quantization (PT2E) leaves in a program.

PER_TENSOR = "quantized_decomposed::quantize_per_tensor"
FROM_PER_TENSOR = "quantized_decomposed::dequantize_per_tensor"


@aten(PER_TENSOR, f"{PER_TENSOR}.tensor", f"{PER_TENSOR}.tensor2")
def quantize_per_tensor(
    g: Builder,
    input: OnnxValue,
    scale: Number,
    zero_point: Number,
    quant_min: Number,
    quant_max: Number,
    dtype: torch.dtype,
) -> OnnxValue:
    low, high = _bound(quant_min), _bound(quant_max)
    return quantize(g, input, scale, zero_point, low, high, dtype)


def _bound(x: Number) -> int:
    if isinstance(x, OnnxValue):
        if x.constant is None:
            raise NotExpressible("the range of integers is needed when the model is exported")
        return int(x.constant.item())
    return int(x)


# ``out_dtype`` is the declared result's, to which it is cast; the range is documentation.
@aten(FROM_PER_TENSOR, f"{FROM_PER_TENSOR}.tensor", f"{FROM_PER_TENSOR}.tensor2")
def dequantize_per_tensor(
    g: Builder,
    input: OnnxValue,
    scale: Number,
    zero_point: Number,
    quant_min: Number,
    quant_max: Number,
    dtype: torch.dtype,
    out_dtype: torch.dtype | None = None,
) -> OnnxValue:
    return dequantize(g, input, scale, zero_point)


@aten("quantized_decomposed::quantize_per_channel")
def quantize_per_channel(
    g: Builder,
    input: OnnxValue,
    scales: OnnxValue,
    zero_points: OnnxValue,
    axis: int,
    quant_min: int,
    quant_max: int,
    dtype: torch.dtype,
) -> OnnxValue:
    axis = axis_of(input, axis)
    return quantize(g, input, scales, zero_points, quant_min, quant_max, dtype, axis)


@aten("quantized_decomposed::dequantize_per_channel")
def dequantize_per_channel(
    g: Builder,
    input: OnnxValue,
    scales: OnnxValue,
    zero_points: OnnxValue | None,
    axis: int,
    quant_min: int,
    quant_max: int,
    dtype: torch.dtype,
    out_dtype: torch.dtype | None = None,
) -> OnnxValue:
    return dequantize(g, input, scales, zero_points, axis_of(input, axis))


@aten("quantized_decomposed::fake_quant_per_channel")
def fake_quant_per_channel(
    g: Builder,
    input: OnnxValue,
    scales: OnnxValue,
    zero_points: OnnxValue,
    axis: int,
    quant_min: int,
    quant_max: int,
) -> OnnxValue:
    axis = axis_of(input, axis)
    return fake_quantize(g, input, scales, zero_points, quant_min, quant_max, axis)


@aten("quantized_decomposed::convert_element_type.no_fuse")
def convert_element_type(g: Builder, input: OnnxValue, dtype: torch.dtype) -> OnnxValue:
    return g.cast(input, dtype)

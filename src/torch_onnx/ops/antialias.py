"""Interpolation with antialiasing: the filter grows with the scale when images shrink."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Number, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("antialias")

# The widths of the filters, and ONNX's names of them.
WIDTHS = {"bilinear": 2, "bicubic": 4}
MODES = {"bilinear": "linear", "bicubic": "cubic"}


def _register(name: str) -> None:
    def by_size_or_scales(
        g: Builder,
        input: OnnxValue,
        output_size: Sequence[Any] | None,
        align_corners: bool,
        scale_factors: Sequence[float] | None,
    ) -> OnnxValue:
        if output_size is None:
            if scale_factors is None:
                raise NotExpressible("an interpolation needs a size or scale factors")
            sizes = [
                scaled_size(g, g.size(input, 2 + i), factor)
                for i, factor in enumerate(scale_factors)
            ]
            if _is_onnx(g, input, align_corners):
                return _by_onnx(g, input, name, scales=g.constant([1.0, 1.0, *scale_factors]))
            return _by_products(g, input, sizes, scale_factors, align_corners, name)
        return _sized(g, input, output_size, [None, None], align_corners, name)

    def by_size(
        g: Builder,
        self: OnnxValue,
        output_size: Sequence[Any],
        align_corners: bool,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> OnnxValue:
        return _sized(g, self, output_size, [scales_h, scales_w], align_corners, name)

    aten(f"_upsample_{name}2d_aa.vec")(by_size_or_scales)
    aten(f"_upsample_{name}2d_aa")(by_size)


for _name in WIDTHS:
    _register(_name)


def scaled_size(g: Builder, size: Any, factor: Number) -> Any:
    """How long an axis becomes: the product, cut off."""
    if isinstance(size, int) and not isinstance(factor, OnnxValue):
        return int(size * factor)
    scaled = g.Mul(g.scalar(size, torch.float64), g.scalar(factor, torch.float64))
    return g.cast(scaled, torch.int64)


def _sized(
    g: Builder,
    x: OnnxValue,
    sizes: Sequence[Any],
    factors: Sequence[float | None],
    align_corners: bool,
    name: str,
) -> OnnxValue:
    # Factors beside a size only say where the cells lie, which ONNX has no way to say.
    if not any(factors) and _is_onnx(g, x, align_corners):
        return _by_onnx(g, x, name, sizes=g.vector([*g.sizes(x)[:2], *sizes]))
    return _by_products(g, x, sizes, factors, align_corners, name)


def _is_onnx(g: Builder, x: OnnxValue, align_corners: bool) -> bool:
    """Whether ONNX's Resize is it: it aligns corners in another way, and rounds integers
    otherwise; ONNX Runtime has no kernel for float64.
    """
    floats = x.is_floating_point and x.dtype != torch.float64
    return g.opset >= 18 and floats and not align_corners


def _by_onnx(g: Builder, x: OnnxValue, name: str, **sizes: OnnxValue) -> OnnxValue:
    return g.Resize(
        x,
        mode=MODES[name],
        antialias=1,
        cubic_coeff_a=-0.5,
        exclude_outside=1,
        **sizes,
    )


def _by_products(
    g: Builder,
    x: OnnxValue,
    sizes: Sequence[Any],
    factors: Sequence[float | None],
    align_corners: bool,
    name: str,
) -> OnnxValue:
    """A product with a matrix of weights along the width, then one along the height."""
    for axis in (3, 2):
        size, factor = sizes[axis - 2], factors[axis - 2]
        weights = _weights(g, g.size(x, axis), size, factor, align_corners, WIDTHS[name])
        x = _filtered(g, x, weights, axis)
    return x


def _weights(
    g: Builder, size: Any, wanted: Any, factor: float | None, align_corners: bool, width: int
) -> OnnxValue:
    """``[wanted, size]`` as float64: what each old cell gives to each new one."""
    one, half = (g.constant(n, torch.float64) for n in (1.0, 0.5))
    scale = step(g, size, wanted, factor, align_corners)
    stretch = g.Max(scale, one)
    centers = g.Mul(scale, g.Add(count(g, wanted), half))
    cells = g.Add(count(g, size), half)
    distance = g.Div(g.Sub(cells, g.Unsqueeze(centers, axes=[1])), stretch)
    weights = linear(g, distance) if width == 2 else cubic(g, distance, -0.5)
    return g.Div(weights, g.ReduceSum(weights, axes=[1], keepdims=1))


def step(
    g: Builder, size: Any, wanted: Any, factor: Number | None, align_corners: bool
) -> OnnxValue:
    """How many old cells lie between two new ones, in float64."""
    old, new = (g.scalar(n, torch.float64) for n in (size, wanted))
    one = g.constant(1.0, torch.float64)
    if align_corners:
        gaps = g.Max(g.Sub(new, one), one)
        return g.Where(g.Greater(new, one), g.Div(g.Sub(old, one), gaps), g.Sub(one, one))
    if isinstance(factor, OnnxValue) or factor:
        return g.Div(one, g.scalar(factor, torch.float64))
    return g.Div(old, new)


def count(g: Builder, number: Any) -> OnnxValue:
    numbers = g.Range(g.constant(0), g.scalar(number), g.constant(1))
    return g.cast(numbers, torch.float64)


def linear(g: Builder, distance: OnnxValue) -> OnnxValue:
    x = g.Abs(distance)
    return g.Max(g.Sub(g.like(1.0, x), x), g.like(0.0, x))


def cubic(g: Builder, distance: OnnxValue, a: float) -> OnnxValue:
    """Keys's kernel: with a = -0.5 in Pillow, and wherever there is antialiasing."""
    x = g.Abs(distance)

    def times(y: OnnxValue, number: float) -> OnnxValue:
        return g.Mul(y, g.like(number, x))

    def plus(y: OnnxValue, number: float) -> OnnxValue:
        return g.Add(y, g.like(number, x))

    near = plus(g.Mul(g.Mul(plus(times(x, a + 2), -(a + 3)), x), x), 1.0)
    far = times(plus(g.Mul(plus(g.Mul(plus(x, -5.0), x), 8.0), x), -4.0), a)
    outer = g.Where(g.Less(x, g.like(2.0, x)), far, g.like(0.0, x))
    return g.Where(g.Less(x, g.like(1.0, x)), near, outer)


def _filtered(g: Builder, x: OnnxValue, weights: OnnxValue, axis: int) -> OnnxValue:
    """x with its axis 2 or 3 replaced by sums over it."""
    if not x.dtype.is_floating_point:
        return filtered_bytes(g, x, weights, axis)
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    weights, y = g.cast(weights, wide), g.cast(x, wide)
    return g.cast(_applied(g, y, weights, axis), x.dtype)


def _applied(g: Builder, x: OnnxValue, weights: OnnxValue, axis: int) -> OnnxValue:
    if axis == 3:
        return g.MatMul(x, g.Transpose(weights, perm=[1, 0]))
    return g.MatMul(weights, x)


def filtered_bytes(g: Builder, x: OnnxValue, weights: OnnxValue, axis: int) -> OnnxValue:
    """In integers, as PyTorch and Pillow do it: weights of 15 bits, each direction rounded."""

    def number(n: float) -> OnnxValue:
        return g.constant(n, torch.float64)

    largest = g.ReduceMax(weights, keepdims=0)
    # The most bits that keep the largest weight below 2**15.
    ratio = g.Div(number(2**15 - 0.5), largest)
    bits = g.Sub(g.Ceil(g.Div(g.Log(ratio), g.Log(number(2.0)))), number(1.0))
    bits = g.Min(g.Max(bits, number(0.0)), number(22.0))
    one = g.Pow(number(2.0), bits)
    size = g.Floor(g.Add(g.Mul(g.Abs(weights), one), number(0.5)))
    whole = g.Mul(g.Sign(weights), size)
    total = _applied(g, g.cast(x, torch.float64), whole, axis)
    rounded = g.Floor(g.Add(g.Div(total, one), number(0.5)))
    return g.cast(g.Min(g.Max(rounded, number(0.0)), number(255.0)), x.dtype)

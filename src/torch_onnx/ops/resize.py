"""Interpolation of images and signals."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Number, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.antialias import count, cubic, filtered_bytes, linear, scaled_size, step
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("resize")

SPATIAL = {"linear1d": 1, "bilinear2d": 2, "trilinear3d": 3, "bicubic2d": 2}
CUBIC = -0.75
"""PyTorch's coefficient of Keys's kernel where there is no antialiasing."""


def _resize(
    g: Builder,
    x: OnnxValue,
    output_size: Sequence[Any] | None,
    scale_factors: Sequence[Number] | None,
    rank: int,
    **attributes: Any,
) -> OnnxValue:
    """ONNX's Resize by sizes or by scales, whichever the call was given: they round differently."""
    # Before opset 13 every input has to be there: an empty tensor says that it is not.
    nothing = g.constant(torch.empty(0)) if g.opset < 13 else None
    if output_size is not None:
        sizes = g.vector([*g.sizes(x)[:2], *output_size])
        return g.Resize(x, nothing, nothing, sizes, **attributes)
    if scale_factors is None:
        raise NotExpressible("an interpolation needs a size or scale factors")
    if any(isinstance(factor, OnnxValue) for factor in scale_factors):
        return _resize_by_run_time_scales(g, x, nothing, scale_factors, **attributes)
    scales = g.constant([1.0, 1.0, *scale_factors])
    return g.Resize(x, nothing, scales, **attributes)


def _resize_by_run_time_scales(
    g: Builder,
    x: OnnxValue,
    nothing: OnnxValue | None,
    scale_factors: Sequence[Number],
    **attributes: Any,
) -> OnnxValue:
    """PyTorch multiplies sizes by float64 numbers, ONNX by float32: where that comes out too small,
    a scale is taken a little larger, and what is too much is cut off.
    """
    axes = list(range(2, 2 + len(scale_factors)))
    scales, ends = [], []
    for axis, factor in zip(axes, scale_factors, strict=True):
        exact, size = g.scalar(factor, torch.float64), g.size(x, axis)
        end = g.Floor(g.Mul(g.scalar(size, torch.float64), exact))
        scale = g.cast(exact, torch.float32)
        reached = g.Floor(g.Mul(g.scalar(size, torch.float32), scale))
        short = g.Less(g.Cast(reached, to=torch.float64), end)
        scale = g.Where(short, g.Mul(scale, g.constant(1 + 2**-22)), scale)
        scales.append(g.Unsqueeze(scale, axes=[0]))
        ends.append(g.Cast(end, to=torch.int64))
    resized = g.Resize(x, nothing, g.Concat(g.constant([1.0, 1.0]), *scales, axis=0), **attributes)
    return g.Slice(resized, [0] * len(axes), ends, axes=axes)


def _smooth(name: str, rank: int) -> None:
    mode = "cubic" if "cubic" in name else "linear"

    def by_size_or_scales(
        g: Builder,
        input: OnnxValue,
        output_size: Sequence[Any] | None,
        align_corners: bool,
        scale_factors: Sequence[Number] | None,
    ) -> OnnxValue:
        if input.dtype == torch.uint8 and rank == 2:
            return _bytes_resized(g, input, output_size, scale_factors, align_corners, mode)
        return _resize(
            g,
            input,
            output_size,
            scale_factors,
            rank,
            mode=mode,
            coordinate_transformation_mode=_coordinates(align_corners),
            cubic_coeff_a=CUBIC,
        )

    aten(f"upsample_{name}.vec")(by_size_or_scales)


def _bytes_resized(
    g: Builder,
    x: OnnxValue,
    output_size: Sequence[Any] | None,
    scale_factors: Sequence[Number] | None,
    align_corners: bool,
    mode: str,
) -> OnnxValue:
    """Each direction by a matrix of weights, rounded as PyTorch does it.

    ONNX Runtime cuts digits off, and has no cubic kernel of bytes.
    """
    factors: Sequence[Number | None] = (None, None)
    if output_size is None:
        if scale_factors is None:
            raise NotExpressible("an interpolation needs a size or scale factors")
        factors = known = [f for f in scale_factors if not isinstance(f, OnnxValue)]
        if len(known) < len(scale_factors):
            raise NotExpressible("an interpolation of bytes by scale factors that data decide")
        output_size = [scaled_size(g, g.size(x, 2 + i), f) for i, f in enumerate(known)]
    for axis in (3, 2):
        wanted, factor = output_size[axis - 2], factors[axis - 2]
        weights = _weights(g, g.size(x, axis), wanted, factor, align_corners, mode)
        x = filtered_bytes(g, x, weights, axis)
    return x


def _weights(
    g: Builder, size: Any, wanted: Any, factor: Number | None, align_corners: bool, mode: str
) -> OnnxValue:
    """``[wanted, size]`` as float64; cells beyond the edge are those at the edge."""
    zero, half, one = (g.constant(n, torch.float64) for n in (0.0, 0.5, 1.0))
    last = g.Sub(g.scalar(size, torch.float64), one)
    numbers, scale = count(g, wanted), step(g, size, wanted, factor, align_corners)
    if align_corners:
        source = g.Mul(numbers, scale)
    else:
        source = g.Sub(g.Mul(g.Add(numbers, half), scale), half)
    if mode == "linear":
        source = g.Max(source, zero)
    before = g.Min(g.Floor(source), last)
    beyond = g.Min(g.Max(g.Sub(source, before), zero), one)
    parts = []
    for tap in (0, 1) if mode == "linear" else (-1, 0, 1, 2):
        distance = g.Sub(g.constant(tap, torch.float64), beyond)
        weight = linear(g, distance) if mode == "linear" else cubic(g, distance, CUBIC)
        cell = g.Min(g.Max(g.Add(before, g.constant(tap, torch.float64)), zero), last)
        here = g.Equal(g.Unsqueeze(cell, axes=[1]), count(g, size))
        parts.append(g.Where(here, g.Unsqueeze(weight, axes=[1]), zero))
    return functools.reduce(g.Add, parts)


def _coordinates(align_corners: bool) -> str:
    if align_corners:
        return "align_corners"
    return "half_pixel"


# Where an output element lies in the input, and which neighbour it takes.
NEAREST = {
    "upsample_nearest": ("asymmetric", "floor"),
    "_upsample_nearest_exact": ("half_pixel", "round_prefer_ceil"),
}


def _nearest(name: str, rank: int) -> None:
    coordinates, rounding = NEAREST[name]

    def by_size_or_scales(
        g: Builder,
        input: OnnxValue,
        output_size: Sequence[Any] | None,
        scale_factors: Sequence[Number] | None,
    ) -> OnnxValue:
        return _resize(
            g,
            input,
            output_size,
            scale_factors,
            rank,
            mode="nearest",
            coordinate_transformation_mode=coordinates,
            nearest_mode=rounding,
        )

    aten(f"{name}{rank}d.vec")(by_size_or_scales)


for _name, _rank in SPATIAL.items():
    _smooth(_name, _rank)
for _name in NEAREST:
    for _rank in (1, 2, 3):
        _nearest(_name, _rank)

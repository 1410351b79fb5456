"""Interpolation of images and signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Number, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("resize")

SPATIAL = {"linear1d": 1, "bilinear2d": 2, "trilinear3d": 3, "bicubic2d": 2}


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
    """PyTorch multiplies sizes by float64 numbers, ONNX by float32: those are taken a little
    larger, and what is too much is cut off.
    """
    axes = list(range(2, 2 + len(scale_factors)))
    exact = [g.scalar(factor, torch.float64) for factor in scale_factors]
    larger = [g.Mul(factor, g.constant(1 + 2**-22, torch.float64)) for factor in exact]
    scales = [g.Unsqueeze(g.cast(factor, torch.float32), axes=[0]) for factor in larger]
    resized = g.Resize(x, nothing, g.Concat(g.constant([1.0, 1.0]), *scales, axis=0), **attributes)
    sizes = [g.scalar(g.size(x, axis), torch.float64) for axis in axes]
    ends = [
        g.Cast(g.Floor(g.Mul(size, factor)), to=torch.int64)
        for size, factor in zip(sizes, exact, strict=True)
    ]
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
        return _resize(
            g,
            input,
            output_size,
            scale_factors,
            rank,
            mode=mode,
            coordinate_transformation_mode=_coordinates(align_corners),
            cubic_coeff_a=-0.75,
        )

    aten(f"upsample_{name}.vec")(by_size_or_scales)


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

"""Sampling at computed positions: grids, regions of interest, deformed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import rank_of
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("sampling")

# By ATen's numbers; ONNX has renamed two of them in opset 20.
INTERPOLATIONS = ("linear", "nearest", "cubic")
EARLIER_NAMES = {"linear": "bilinear", "cubic": "bicubic"}
PADDINGS = ("zeros", "border", "reflection")


@aten("grid_sampler", "grid_sampler_2d", "grid_sampler_3d")
def grid_sampler(
    g: Builder,
    input: OnnxValue,
    grid: OnnxValue,
    interpolation_mode: int,
    padding_mode: int,
    align_corners: bool,
) -> OnnxValue:
    mode = INTERPOLATIONS[interpolation_mode]
    if g.opset < 20:
        if rank_of(input) != 4:
            raise NotExpressible("grid_sampler of volumes is needed", since=20)
        mode = EARLIER_NAMES.get(mode, mode)
    return g.GridSample(
        input,
        grid,
        mode=mode,
        padding_mode=PADDINGS[padding_mode],
        align_corners=int(align_corners),
    )


@aten("affine_grid_generator")
def affine_grid(
    g: Builder, theta: OnnxValue, size: Sequence[Integer], align_corners: bool
) -> OnnxValue:
    # A single position lies in the middle, but for ONNX's operator with corners.
    several = all(isinstance(n, int) and n > 1 for n in size[2:])
    if g.opset >= 20 and (several or not align_corners):
        return g.AffineGrid(theta, g.vector(list(size)), align_corners=int(align_corners))
    axes = [_positions(g, n, align_corners, theta) for n in reversed(size[2:])]
    spatial = list(size[2:])
    rank = len(spatial)
    # The positions of each axis, x first, spread over the space; then a one.
    spread = [
        g.expand(g.Unsqueeze(axis, axes=list(range(1, i + 1))) if i else axis, spatial)
        for i, axis in enumerate(axes)
    ]
    ones = g.expand(g.like(1.0, theta), spatial)
    base = g.Concat(*[g.Unsqueeze(x, axes=[rank]) for x in (*spread, ones)], axis=rank)
    points = g.reshape(base, [1, -1, rank + 1])
    moved = g.MatMul(points, g.Transpose(theta, perm=[0, 2, 1]))
    return g.reshape(moved, [size[0], *spatial, rank])


def _positions(g: Builder, size: Integer, align_corners: bool, like: OnnxValue) -> OnnxValue:
    """``size`` positions from -1 to 1: the centres of cells, or with corners the ends as well."""
    count = g.scalar(size, like.dtype)
    steps = g.cast(g.Range(0, g.scalar(size), 1), like.dtype)
    one, two = g.like(1.0, like), g.like(2.0, like)
    if not align_corners:
        return g.Sub(g.Div(g.Add(g.Mul(steps, two), one), count), one)
    gaps = g.Sub(count, one)
    return g.Div(g.Sub(g.Mul(steps, two), gaps), g.Max(gaps, one))


# torchvision's operators.


@aten("torchvision::nms")
def nms(g: Builder, dets: OnnxValue, scores: OnnxValue, iou_threshold: float) -> OnnxValue:
    """The indices of the boxes kept, the highest score first."""
    if not 0 <= iou_threshold <= 1:
        raise NotExpressible("nms needs an iou_threshold from 0 to 1")
    selected = g.NonMaxSuppression(
        g.Unsqueeze(dets, axes=[0]),
        g.Unsqueeze(scores, axes=[0, 1]),
        g.constant([2**63 - 1]),
        g.constant([float(iou_threshold)]),
    )
    # Its rows are batch, class, box.
    return g.Gather(selected, g.constant(2), axis=1)


@aten("torchvision::roi_align")
def roi_align(
    g: Builder,
    input: OnnxValue,
    rois: OnnxValue,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> OnnxValue:
    """``rois`` has rows of batch index, left, top, right, bottom."""
    if aligned and g.opset < 16:
        raise NotExpressible("roi_align with aligned=True is needed", since=16)
    modes = {"coordinate_transformation_mode": "half_pixel" if aligned else "output_half_pixel"}
    return g.RoiAlign(
        input,
        g.Slice(rois, [1], [5], axes=[1]),
        g.Cast(g.Gather(rois, g.constant(0), axis=1), to=7),
        spatial_scale=spatial_scale,
        output_height=pooled_height,
        output_width=pooled_width,
        sampling_ratio=max(sampling_ratio, 0),
        **(modes if g.opset >= 16 else {}),
    )


@aten("torchvision::roi_pool")
def roi_pool(
    g: Builder,
    input: OnnxValue,
    rois: OnnxValue,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
) -> tuple[OnnxValue, None]:
    """The maxima; where they are, the second result, is for gradients."""
    maxima = g.MaxRoiPool(
        input,
        g.Slice(rois, [0], [5], axes=[1]),
        spatial_scale=spatial_scale,
        pooled_shape=[pooled_height, pooled_width],
    )
    return maxima, None


@aten("torchvision::deform_conv2d", since=19)
def deform_conv2d(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue,
    offset: OnnxValue,
    mask: OnnxValue,
    bias: OnnxValue,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> OnnxValue:
    return g.DeformConv(
        input,
        weight,
        offset,
        bias,
        mask if use_mask else None,
        strides=[stride_h, stride_w],
        pads=[pad_h, pad_w, pad_h, pad_w],
        dilations=[dilation_h, dilation_w],
        group=groups,
        offset_group=offset_groups,
    )

"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("conv")


def per_axis(number: Any, rank: int) -> list[int]:
    """An argument that PyTorch takes as one number for all axes, or one an axis."""
    numbers = list(number) if isinstance(number, (list, tuple)) else [number]
    return numbers * rank if len(numbers) == 1 else numbers


def paddings(padding: Any, kernel: Sequence[Any], dilation: Sequence[int], rank: int) -> list[int]:
    """ONNX's pads: all begins, then all ends."""
    if padding == "valid":
        return [0] * 2 * rank
    if padding == "same":  # PyTorch puts the odd cell at the end
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        before = [t // 2 for t in total]
        return before + [t - b for t, b in zip(total, before, strict=True)]
    return 2 * per_axis(padding, rank)


@aten("conv1d", "conv2d", "conv3d", "conv1d.padding", "conv2d.padding", "conv3d.padding")
def convolution(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue,
    bias: OnnxValue | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> OnnxValue:
    if weight.shape is None or input.rank is None:
        raise NotExpressible("a convolution needs known ranks")
    rank = len(weight.shape) - 2
    dilation = per_axis(dilation, rank)
    pads = paddings(padding, weight.shape[2:], dilation, rank)
    unbatched = input.rank == rank + 1
    x = g.Unsqueeze(input, axes=[0]) if unbatched else input
    result = g.Conv(
        x,
        weight,
        bias,
        strides=per_axis(stride, rank),
        pads=pads,
        dilations=dilation,
        group=groups,
    )
    return g.Squeeze(result, axes=[0]) if unbatched else result  # type: ignore[no-any-return]


@aten("conv_transpose1d", "conv_transpose2d.input", "conv_transpose3d.input")
def transposed_convolution(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue,
    bias: OnnxValue | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> OnnxValue:
    if weight.shape is None or input.rank is None:
        raise NotExpressible("a convolution needs known ranks")
    rank = len(weight.shape) - 2
    unbatched = input.rank == rank + 1
    x = g.Unsqueeze(input, axes=[0]) if unbatched else input
    result = g.ConvTranspose(
        x,
        weight,
        bias,
        strides=per_axis(stride, rank),
        pads=2 * per_axis(padding, rank),
        output_padding=per_axis(output_padding, rank),
        dilations=per_axis(dilation, rank),
        group=groups,
    )
    return g.Squeeze(result, axes=[0]) if unbatched else result  # type: ignore[no-any-return]


@aten("convolution")
def general_convolution(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue,
    bias: OnnxValue | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> OnnxValue:
    if transposed:
        return transposed_convolution(
            g, input, weight, bias, stride, padding, output_padding, groups, dilation
        )
    return convolution(g, input, weight, bias, stride, padding, dilation, groups)

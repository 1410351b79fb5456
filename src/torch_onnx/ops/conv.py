"""Convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.approximation import computable
from torch_onnx.ops.axes import rank_of, refuse_complex, shape_of
from torch_onnx.ops.table import OpTable
from torch_onnx.ops.windows import convolution_of_integers, transposed_convolution_of_integers

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("conv")


def per_axis(number: Any, rank: int) -> list[Any]:
    """An argument that PyTorch takes as one number for all axes, or one an axis."""
    numbers = list(number) if isinstance(number, (list, tuple)) else [number]
    return numbers * rank if len(numbers) == 1 else numbers


def batched(g: Builder, x: OnnxValue, rank: int, compute: Callable[[OnnxValue], Any]) -> Any:
    """``compute`` on x with a batch axis: PyTorch takes tensors without one too, ONNX does not."""
    if len(shape_of(x)) == rank + 2:
        return compute(x)
    results = compute(g.Unsqueeze(x, axes=[0]))
    if isinstance(results, tuple):
        return tuple(g.Squeeze(result, axes=[0]) for result in results)
    return g.Squeeze(results, axes=[0])


def only_floats(x: OnnxValue, what: str) -> None:
    """Raise NotExpressible for the integers and complex numbers that PyTorch takes as well."""
    if not x.is_floating_point:
        raise NotExpressible(f"{what} of {x.dtype} is not translated")


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
@aten("_convolution_mode")
def convolution(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue,
    bias: OnnxValue | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    refuse_complex(input)
    kernel = shape_of(weight)[2:]
    rank = len(kernel)
    dilations, strides = per_axis(dilation, rank), per_axis(stride, rank)
    if padding == "same" and not all(isinstance(size, int) for size in kernel):
        input, padding = _padded_for_same_size(g, input, weight, dilations), 0
    pads = paddings(padding, kernel, dilations, rank)

    def compute(x: OnnxValue) -> OnnxValue:
        if not x.is_floating_point:
            return convolution_of_integers(g, x, weight, bias, strides, pads, dilations, groups)
        return g.Conv(
            x, weight, bias, strides=strides, pads=pads, dilations=dilations, group=groups
        )

    return batched(g, input, rank, compute)


def _padded_for_same_size(
    g: Builder, x: OnnxValue, weight: OnnxValue, dilations: Sequence[int]
) -> OnnxValue:
    """x with as much more of each axis as a kernel takes off whose size is known at run time."""
    outer = [0] * (rank_of(x) - len(dilations))
    more = [g.mul(d, g.sub(g.size(weight, i), 1)) for i, d in enumerate(dilations, 2)]
    before = [g.floordiv(count, 2) for count in more]
    after = [g.sub(count, half) for count, half in zip(more, before, strict=True)]
    return g.Pad(x, g.vector([*outer, *before, *outer, *after]))


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
) -> Any:
    refuse_complex(input)
    rank = len(shape_of(weight)) - 2
    dilations, strides = per_axis(dilation, rank), per_axis(stride, rank)
    pads, extra = per_axis(padding, rank), per_axis(output_padding, rank)
    ends = list(pads)
    beyond = [0] * rank
    if any(e >= s for e, s in zip(extra, per_axis(stride, rank), strict=True)):
        # ONNX keeps it below the stride, but the same sizes come from less padding at the end.
        ends = [p - e for p, e in zip(pads, extra, strict=True)]
        extra = [0] * rank
        beyond = [max(-end, 0) for end in ends]
        ends = [max(end, 0) for end in ends]

    def compute(x: OnnxValue) -> OnnxValue:
        if not x.is_floating_point:
            asked = per_axis(output_padding, rank)
            return transposed_convolution_of_integers(
                g, x, weight, bias, strides, pads, asked, dilations, groups
            )
        attributes = {
            "strides": strides,
            "pads": [*pads, *ends],
            "output_padding": extra,
            "dilations": dilations,
            "group": groups,
        }
        if not any(beyond):
            return g.ConvTranspose(x, weight, bias, **attributes)
        # Where the kernel does not reach there is the bias alone. Rounded once, at the end.
        y = g.ConvTranspose(computable(g, x), computable(g, weight), **attributes)
        y = g.Pad(y, [0] * (4 + rank) + beyond)
        if bias is not None:
            y = g.Add(y, g.Unsqueeze(computable(g, bias), axes=list(range(1, rank + 1))))
        return g.cast(y, x.dtype)

    return batched(g, input, rank, compute)


@aten("convolution", "convolution_overrideable")
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
) -> Any:
    if transposed:
        return transposed_convolution(
            g, input, weight, bias, stride, padding, output_padding, groups, dilation
        )
    return convolution(g, input, weight, bias, stride, padding, dilation, groups)


@aten("_convolution", "_convolution.deprecated")
def convolution_of_trace(
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
    benchmark: bool,
    deterministic: bool,
    cudnn_enabled: bool,
    allow_tf32: bool = False,
) -> Any:
    """What TorchScript's tracing records; how cuDNN is set up changes no result."""
    return general_convolution(
        g,
        input,
        weight,
        bias,
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
    )


@aten("conv_tbc")
def time_first_convolution(
    g: Builder, self: OnnxValue, weight: OnnxValue, bias: OnnxValue, pad: int = 0
) -> OnnxValue:
    """Time, batch, channels; the weight is kernel, channels in, channels out."""
    only_floats(self, "a convolution")
    result = g.Conv(
        g.Transpose(self, perm=[1, 2, 0]),
        g.Transpose(weight, perm=[2, 1, 0]),
        bias,
        pads=[pad, pad],
    )
    return g.Transpose(result, perm=[2, 0, 1])

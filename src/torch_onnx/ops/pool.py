"""Pooling over windows, and its inverse. ``adaptive_pool.py`` has windows that fit an output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import rank_of, refuse_complex, shape_of, sizes_of
from torch_onnx.ops.conv import batched, per_axis
from torch_onnx.ops.scatter import scatter_add
from torch_onnx.ops.table import OpTable
from torch_onnx.ops.windows import average_of_integers

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("pool")


def _windows(size: int, kernel: int, stride: int, pad: int, ceil: bool) -> int:
    """How many windows PyTorch lays along an axis; none starts in the padding at the end."""
    span = size + 2 * pad - kernel
    count = (-(-span // stride) if ceil else span // stride) + 1
    return count - 1 if ceil and (count - 1) * stride >= size + pad else count


def _rounds_up(
    x: OnnxValue,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    ceil_mode: bool,
) -> bool:
    """Whether ``ceil_mode`` makes a difference, as far as the sizes are known.

    ONNX says of a last window that starts in the padding that it counts for nothing, as PyTorch
    does, from opset 22 only (ONNX Runtime goes by that at every opset).
    """
    if not ceil_mode:
        return False
    for size, k, s, p in zip(shape_of(x)[-len(kernel) :], kernel, strides, pads, strict=True):
        if not isinstance(size, int):
            if s > 1:
                return True
        elif _windows(size, k, s, p, True) != _windows(size, k, s, p, False):
            return True
    return False


def _max_pool(
    g: Builder,
    x: OnnxValue,
    rank: int,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    outputs: int,
) -> Any:
    kernel, pads, dilations = (per_axis(n, rank) for n in (kernel_size, padding, dilation))
    strides = per_axis(stride, rank) if stride else kernel
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    return batched(
        g,
        x,
        rank,
        lambda x: g.MaxPool(
            x,
            kernel_shape=kernel,
            strides=strides,
            pads=2 * pads,
            dilations=dilations,
            ceil_mode=int(_rounds_up(x, reach, strides, pads, ceil_mode)),
            outputs=outputs,
        ),
    )


def places_in_plane(g: Builder, x: OnnxValue, places: OnnxValue, rank: int) -> OnnxValue:
    """ONNX counts the maxima's places through the whole tensor, PyTorch through each channel."""
    axes = range(rank_of(x) - rank, rank_of(x))
    plane = g.product([g.size(x, axis) for axis in axes])
    return g.Mod(places, plane)


def _register_max(rank: int) -> None:
    @aten(f"max_pool{rank}d")
    def max_pool(
        g: Builder,
        self: OnnxValue,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Any:
        return _max_pool(g, self, rank, kernel_size, stride, padding, dilation, ceil_mode, 1)

    @aten(f"max_pool{rank}d_with_indices")
    def max_pool_with_indices(
        g: Builder,
        self: OnnxValue,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Any:
        values, places = _max_pool(
            g, self, rank, kernel_size, stride, padding, dilation, ceil_mode, 2
        )
        return values, places_in_plane(g, self, places, rank)


def _register_average(rank: int) -> None:
    @aten(f"avg_pool{rank}d")
    def average_pool(
        g: Builder,
        self: OnnxValue,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        refuse_complex(self)
        kernel, pads = per_axis(kernel_size, rank), per_axis(padding, rank)
        strides = per_axis(stride, rank) if stride else kernel
        ceil = _rounds_up(self, kernel, strides, pads, ceil_mode)
        if not self.is_floating_point:
            beyond = _beyond(self, kernel, strides, pads) if ceil else [0] * rank
            include = count_include_pad
            return batched(
                g,
                self,
                rank,
                lambda x: average_of_integers(
                    g, x, kernel, strides, pads, beyond, include, divisor_override
                ),
            )
        if divisor_override is not None:
            return _sums(g, self, kernel, strides, pads, ceil, divisor_override)
        return batched(
            g,
            self,
            rank,
            lambda x: g.AveragePool(
                x,
                kernel_shape=kernel,
                strides=strides,
                pads=2 * pads,
                ceil_mode=int(ceil),
                count_include_pad=int(count_include_pad and any(pads)),
            ),
        )


def _beyond(
    x: OnnxValue, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int]
) -> list[int]:
    """How far the last windows reach past the padding when ``ceil_mode`` adds one."""
    reach = []
    for size, k, s, p in zip(shape_of(x)[-len(kernel) :], kernel, strides, pads, strict=True):
        if not isinstance(size, int):
            raise NotExpressible("an average of integers with ceil_mode and sizes not known")
        reach.append(max(0, (_windows(size, k, s, p, True) - 1) * s + k - size - 2 * p))
    return reach


def _sums(
    g: Builder,
    x: OnnxValue,
    kernel: list[int],
    strides: list[int],
    pads: list[int],
    ceil: bool,
    divisor: int,
) -> OnnxValue:
    """Sums over windows by a divisor: averages that count what lies outside as zeros."""
    rank = len(kernel)
    ends = list(pads)
    if ceil:
        # The last window must lie within the padding for its zeros to be counted.
        for i, size in enumerate(shape_of(x)[-rank:]):
            if isinstance(size, int):
                count = _windows(size, kernel[i], strides[i], pads[i], True)
                ends[i] = max(0, (count - 1) * strides[i] + kernel[i] - size - pads[i])
            elif pads[i] + strides[i] > kernel[i]:
                raise NotExpressible("divisor_override with ceil_mode and sizes that aren't known")
            else:
                ends[i] += strides[i] - 1
    area = 1
    for k in kernel:
        area *= k
    outer = [0] * (rank_of(x) - rank)
    if ends != pads:
        x = g.Pad(x, [*outer, *pads, *outer, *ends])
        pads = ends = [0] * rank
    average = batched(
        g,
        x,
        rank,
        lambda x: g.AveragePool(
            x,
            kernel_shape=kernel,
            strides=strides,
            pads=[*pads, *ends],
            count_include_pad=int(any(pads)),
        ),
    )
    return g.Mul(average, g.like(area / divisor, x))


for _rank in (1, 2, 3):
    _register_max(_rank)
    _register_average(_rank)


@aten("max_unpool2d")
def max_unpool2d(
    g: Builder, self: OnnxValue, indices: OnnxValue, output_size: Sequence[Integer]
) -> OnnxValue:
    """Each value at its place in a plane of zeros."""
    outer = g.sizes(self)[: rank_of(self) - len(output_size)]
    flat = [*outer, g.product(output_size)]
    zeros = g.expand(g.like(0, self), flat)
    values, places = (g.reshape(x, [*outer, -1]) for x in (self, indices))
    placed = g.ScatterElements(zeros, places, values, axis=len(outer))
    return g.reshape(placed, [*outer, *output_size])


@aten("max_unpool3d")
def max_unpool3d(
    g: Builder,
    self: OnnxValue,
    indices: OnnxValue,
    output_size: Sequence[Integer],
    stride: Any,
    padding: Any,
) -> OnnxValue:
    return max_unpool2d(g, self, indices, output_size)


@aten("max_pool2d_with_indices_backward", "max_pool3d_with_indices_backward")
def max_pool_backward(
    g: Builder,
    grad_output: OnnxValue,
    self: OnnxValue,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
    indices: OnnxValue,
) -> OnnxValue:
    """Each gradient at the place that its window's largest element has."""
    sizes = sizes_of(g, self)
    outer = sizes[: len(sizes) - (2 if len(kernel_size) < 3 else 3)]
    flat = [*outer, g.product(sizes[len(outer) :])]
    gradients, places = (g.reshape(x, [*outer, -1]) for x in (grad_output, indices))
    zeros = g.expand(g.like(0, self), flat)
    return g.reshape(scatter_add(g, zeros, len(outer), places, gradients), sizes)

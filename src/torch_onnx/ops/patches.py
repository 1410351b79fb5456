"""Patches of images as columns, and images of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.fold import LARGEST
from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.ops.axes import rank_of, sizes_of
from torch_onnx.ops.conv import batched
from torch_onnx.ops.creation import filled_sizes
from torch_onnx.ops.padding import constant_pad_nd
from torch_onnx.ops.scatter import index_put
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("patches")


@aten("im2col")
def im2col(
    g: Builder,
    self: OnnxValue,
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> OnnxValue:
    """(…, channels, height, width) → (…, channels * kernel, patches)."""
    high, wide = padding
    x = constant_pad_nd(g, self, [wide, wide, high, high])
    rank = rank_of(x)
    # The width first, for its axis becomes two.
    for i, axis in ((1, rank - 1), (0, rank - 2)):
        places = _places(g, g.size(x, axis), kernel_size[i], dilation[i], stride[i])
        x = g.Gather(x, places, axis=axis)
    # (…, channels, kernel's rows, rows, kernel's columns, columns)
    before = list(range(rank - 2))
    rows, columns = rank - 2, rank
    x = g.Transpose(x, perm=[*before, rows, columns, rows + 1, columns + 1])
    # All sizes by name: what is worked out from the others is not for an empty batch.
    *batch, channels = sizes_of(g, self)[: rank - 2]
    patches = g.mul(g.size(x, rank), g.size(x, rank + 1))
    return g.reshape(x, [*batch, g.mul(channels, kernel_size[0] * kernel_size[1]), patches])


@aten("col2im", since=18)
def one_node_col2im(
    g: Builder,
    self: OnnxValue,
    output_size: Sequence[Integer],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> OnnxValue:
    if self.dtype != torch.float32:
        # ONNX Runtime's kernel takes float32, and sums up float16 in another order.
        return col2im(g, self, output_size, kernel_size, dilation, padding, stride)

    def compute(x: OnnxValue) -> OnnxValue:
        return g.Col2Im(
            x,
            image_shape=g.vector(output_size),
            block_shape=g.vector(kernel_size),
            dilations=list(dilation),
            pads=[*padding, *padding],
            strides=list(stride),
        )

    return batched(g, self, 1, compute)


@aten("col2im")
def col2im(
    g: Builder,
    self: OnnxValue,
    output_size: Sequence[Integer],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> OnnxValue:
    """(…, channels * kernel, patches) → (…, channels, height, width), where patches are added."""
    rank = rank_of(self)
    *batch, rows, _ = g.sizes(self)
    channels = g.floordiv(rows, kernel_size[0] * kernel_size[1])
    padded = [g.add(output_size[i], 2 * padding[i]) for i in (0, 1)]
    high, wide = (_places(g, padded[i], kernel_size[i], dilation[i], stride[i]) for i in (0, 1))
    windows = [g.size(high, 1), g.size(wide, 1)]
    patches = g.reshape(self, [*batch, channels, *kernel_size, *windows])
    image = filled_sizes(g, [*batch, channels, *padded], 0, self.dtype)
    at = [*[None] * (rank - 1), g.Unsqueeze(high, axes=[1, 3]), g.Unsqueeze(wide, axes=[0, 2])]
    image = index_put(g, image, at, patches, accumulate=True)
    if not any(padding):
        return image
    ends = [g.add(padding[i], output_size[i]) for i in (0, 1)]
    return g.Slice(image, list(padding), ends, axes=[rank - 1, rank])


def _places(g: Builder, total: Integer, size: int, dilation: int, stride: int) -> OnnxValue:
    """Where the elements of each window along an axis of that size lie: (size, windows)."""
    within = torch.arange(size).unsqueeze(1) * dilation
    reach = dilation * (size - 1)
    known = g.known(total)
    if isinstance(known, int):
        places = torch.arange(0, known - reach, stride) + within
        if places.numel() <= LARGEST:
            return g.constant(places)
    starts = g.Range(0, g.scalar(g.sub(known, reach)), stride)
    return g.Add(starts, within)

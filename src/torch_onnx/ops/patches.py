"""Patches of images as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.fold import LARGEST
from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.axes import rank_of, sizes_of
from torch_onnx.ops.padding import constant_pad_nd
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
        places = _places(g, x, axis, kernel_size[i], dilation[i], stride[i])
        x = g.Gather(x, places, axis=axis)
    # (…, channels, kernel's rows, rows, kernel's columns, columns)
    before = list(range(rank - 2))
    rows, columns = rank - 2, rank
    x = g.Transpose(x, perm=[*before, rows, columns, rows + 1, columns + 1])
    # All sizes by name: what is worked out from the others is not for an empty batch.
    *batch, channels = sizes_of(g, self)[: rank - 2]
    patches = g.mul(g.size(x, rank), g.size(x, rank + 1))
    return g.reshape(x, [*batch, g.mul(channels, kernel_size[0] * kernel_size[1]), patches])


def _places(
    g: Builder, x: OnnxValue, axis: int, size: int, dilation: int, stride: int
) -> OnnxValue:
    """Where the elements of each window along the axis lie: (size, windows)."""
    within = torch.arange(size).unsqueeze(1) * dilation
    reach = dilation * (size - 1)
    total = g.known(g.size(x, axis))
    if isinstance(total, int):
        places = torch.arange(0, total - reach, stride) + within
        if places.numel() <= LARGEST:
            return g.constant(places)
    starts = g.Range(0, g.scalar(g.sub(total, reach)), stride)
    return g.Add(starts, within)

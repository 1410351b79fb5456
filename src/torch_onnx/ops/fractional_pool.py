"""Fractional max pooling: windows at places that random numbers shift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.sizes import AnySize
from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.ops.axes import rank_of, sizes_of
from torch_onnx.ops.reduction import max_dim
from torch_onnx.ops.shape import merge_axes
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("fractional_pool")


@aten("fractional_max_pool2d")
def fractional_max_pool2d(
    g: Builder,
    self: OnnxValue,
    kernel_size: Sequence[int],
    output_size: Sequence[int],
    random_samples: OnnxValue,
) -> tuple[OnnxValue, OnnxValue]:
    # The first number of a plane shifts its columns.
    return _pooled(g, self, kernel_size, output_size, random_samples, (1, 0))


@aten("fractional_max_pool3d")
def fractional_max_pool3d(
    g: Builder,
    self: OnnxValue,
    kernel_size: Sequence[int],
    output_size: Sequence[int],
    random_samples: OnnxValue,
) -> tuple[OnnxValue, OnnxValue]:
    return _pooled(g, self, kernel_size, output_size, random_samples, (0, 1, 2))


def _pooled(
    g: Builder,
    x: OnnxValue,
    kernel: Sequence[int],
    wanted: Sequence[int],
    samples: OnnxValue,
    order: Sequence[int],
) -> tuple[OnnxValue, OnnxValue]:
    """The largest element of each window, and its place in the plane."""
    spatial = len(order)
    single = rank_of(x) == spatial + 1
    x = g.Unsqueeze(x, axes=[0]) if single else x
    kernel, wanted = (list(n) * (spatial if len(n) == 1 else 1) for n in (kernel, wanted))
    sizes = sizes_of(g, x)
    places: OnnxValue | None = None
    for axis in range(spatial):
        size = g.size(x, 2 + axis)
        sample = g.Gather(samples, g.constant(order[axis]), axis=2)
        windows = _windows(g, sample, size, kernel[axis], wanted[axis])
        shape = [1] * (2 * spatial)
        shape[axis], shape[spatial + axis] = wanted[axis], kernel[axis]
        windows = g.Reshape(windows, [0, 0, *shape])
        if places is None:
            places = windows
        else:
            places = g.Add(g.Mul(places, g.scalar(size)), windows)
    assert places is not None, "pooling runs over at least one axis"
    elements = merge_axes(g, x, 2, 2 + spatial)
    # No -1, which says nothing of an empty batch.
    covered = math.prod(kernel)
    columns = g.Reshape(places, [0, 0, math.prod(wanted) * covered])
    windows = g.GatherElements(elements, columns, axis=2)
    whole: list[AnySize] = [*sizes[:2], *wanted, covered]
    largest, which = max_dim(g, g.reshape(windows, whole), 2 + spatial, keepdim=True)
    found = g.GatherElements(g.reshape(columns, whole), which, axis=2 + spatial)
    dropped = [2 + spatial, 0] if single else [2 + spatial]
    return g.Squeeze(largest, axes=dropped), g.Squeeze(found, axes=dropped)


def _windows(g: Builder, sample: OnnxValue, size: Integer, kernel: int, wanted: int) -> OnnxValue:
    """``[batch, channels, wanted, kernel]``: the places along one axis that each window covers."""
    last = g.scalar(g.sub(size, kernel))
    if wanted > 1:
        alpha = g.Div(g.cast(last, sample.dtype), g.like(wanted - 1, sample))
        sample = g.Unsqueeze(sample, axes=[2])
        counted = g.constant(list(range(wanted - 1)), sample.dtype)
        moved = g.cast(g.Mul(g.Add(counted, sample), alpha), torch.int64)
        starts = g.Sub(moved, g.cast(g.Mul(sample, alpha), torch.int64))
        # The last window ends where the axis does.
        end = g.Expand(last, g.shape_vector(sample))
        starts = g.Concat(starts, end, axis=2)
    else:
        starts = g.Unsqueeze(g.Expand(last, g.shape_vector(sample)), axes=[2])
    return g.Add(g.Unsqueeze(starts, axes=[3]), g.constant(list(range(kernel))))

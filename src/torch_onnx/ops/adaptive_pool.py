"""Pooling over windows that fit the size of the output."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Integer, KnownSize, OnnxValue
from torch_onnx.ops.axes import rank_of, shape_of
from torch_onnx.ops.conv import batched, only_floats, per_axis
from torch_onnx.ops.pool import places_in_plane
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("adaptive_pool")


def _bounds(size: int, out: int) -> list[tuple[int, int]]:
    """Where each window starts and ends."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _is_same(size: KnownSize, wanted: Integer) -> bool:
    if isinstance(wanted, OnnxValue):
        return wanted.expression is not None and wanted.expression == size
    return wanted == size


def _regular(sizes: Sequence[KnownSize], wanted: Sequence[Integer]) -> tuple[Any, Any] | None:
    """Kernel and strides where the windows of each axis have one size and one distance."""
    kernel, strides = [], []
    for size, out in zip(sizes, wanted, strict=True):
        if _is_same(size, out):
            kernel.append(1)
            strides.append(1)
            continue
        if not isinstance(size, int) or not isinstance(out, int) or not 0 < out <= size:
            return None
        bounds = _bounds(size, out)
        lengths = {end - start for start, end in bounds}
        steps = {b[0] - a[0] for a, b in itertools.pairwise(bounds)} or {size}
        if len(lengths) > 1 or len(steps) > 1:
            return None
        kernel.append(lengths.pop())
        strides.append(steps.pop())
    return kernel, strides


def _means(g: Builder, x: OnnxValue, axis: int, out: Integer) -> OnnxValue:
    """The matrix of shape (out, size) whose rows take the mean over a window each."""
    size = shape_of(x)[axis]
    if isinstance(size, int) and isinstance(out, int):
        matrix = torch.zeros(out, size, dtype=torch.float64)
        for row, (start, end) in zip(matrix, _bounds(size, out), strict=True):
            row[start:end] = 1 / (end - start)
        return g.constant(matrix, x.dtype)
    length = g.size(x, axis)
    rows = g.Unsqueeze(g.Range(0, g.scalar(out), 1), axes=[1])
    starts = g.Div(g.Mul(rows, length), out)
    # Rounded up; all numbers are positive, for which ONNX's Div rounds down.
    ends = g.Div(g.Add(g.Mul(g.Add(rows, [1]), length), g.sub(out, 1)), out)
    places = g.Range(0, g.scalar(length), 1)
    inside = g.And(g.Less(places, ends), g.Not(g.Less(places, starts)))
    return g.Div(g.cast(inside, x.dtype), g.cast(g.Sub(ends, starts), x.dtype))


def _multiply(g: Builder, matrix: OnnxValue, x: OnnxValue, axis: int) -> OnnxValue:
    """The matrix applied along one axis of x."""
    rank = rank_of(x)
    if axis == rank - 2:
        return g.MatMul(matrix, x)
    columns = g.Transpose(matrix, perm=[1, 0])
    if axis == rank - 1:
        return g.MatMul(x, columns)
    swap = list(range(rank))
    swap[axis], swap[-1] = rank - 1, axis
    return g.Transpose(g.MatMul(g.Transpose(x, perm=swap), columns), perm=swap)


def _average(g: Builder, self: OnnxValue, output_size: Sequence[Integer]) -> Any:
    only_floats(self, "adaptive_avg_pool")
    rank = len(output_size)
    first = rank_of(self) - rank
    sizes = shape_of(self)[first:]
    if all(isinstance(out, int) and out == 1 for out in output_size):
        if first == 2 and self.dtype != torch.float64:
            return g.GlobalAveragePool(self)
        return g.ReduceMean(self, axes=list(range(first, first + rank)), keepdims=1)
    regular = _regular(sizes, output_size)
    if regular is not None:
        kernel, strides = regular
        if all(k == 1 for k in kernel):
            return self
        return batched(
            g, self, rank, lambda x: g.AveragePool(x, kernel_shape=kernel, strides=strides)
        )
    # The mean over a box is the mean of the means along its axes.
    x = self
    for axis, out in enumerate(output_size, first):
        if isinstance(out, int) and out == 1:
            x = g.ReduceMean(x, axes=[axis], keepdims=1)
        elif not _is_same(sizes[axis - first], out):
            x = _multiply(g, _means(g, self, axis, out), x, axis)
            if x.shape is None:
                x.shape = (None,) * rank_of(self)
    return x


def _maximum(g: Builder, self: OnnxValue, output_size: Sequence[Integer]) -> Any:
    rank = len(output_size)
    first = rank_of(self) - rank
    sizes = shape_of(self)[first:]
    outer = g.sizes(self)[:first]
    if all(isinstance(out, int) and out == 1 for out in output_size):
        axes = list(range(first, first + rank))
        values = g.GlobalMaxPool(self) if first == 2 else g.ReduceMax(self, axes=axes, keepdims=1)
        places = g.ArgMax(g.reshape(self, [*outer, -1]), axis=first, keepdims=1)
        return values, g.reshape(places, [*outer, *[1] * rank])
    regular = _regular(sizes, output_size)
    if regular is not None:
        kernel, strides = regular
        values, places = batched(
            g,
            self,
            rank,
            lambda x: g.MaxPool(x, kernel_shape=kernel, strides=strides, outputs=2),
        )
        return values, places_in_plane(g, self, places, rank)
    if not all(isinstance(number, int) for number in (*sizes, *output_size)):
        return _maximum_by_axis(g, self, output_size)
    indices = _window_places(sizes, output_size)
    windows = g.Gather(g.reshape(self, [*outer, -1]), indices, axis=first)
    values = g.ReduceMax(windows, axes=[first + 1], keepdims=0)
    chosen = g.ArgMax(windows, axis=first + 1, keepdims=0)
    count, width = indices.shape
    # Which place that is: the row's start in the table of places, and the place in the row.
    flat = g.Add(chosen, g.constant(torch.arange(count) * width))
    places = g.Gather(g.constant(indices.reshape(-1)), flat, axis=0)
    return tuple(g.reshape(x, [*outer, *output_size]) for x in (values, places))


def _maximum_by_axis(
    g: Builder, x: OnnxValue, output_size: Sequence[Integer]
) -> tuple[OnnxValue, OnnxValue]:
    """The largest along the last axis, of these along the one before, and where they were.

    Of equal elements the first counts, as in a box that is gone through row by row.
    """
    rank, first = rank_of(x), rank_of(x) - len(output_size)
    values, places, stride = x, None, g.size(x, rank - 1)
    for axis in reversed(range(first, rank)):
        starts, inside = _window_bounds(g, g.size(x, axis), output_size[axis - first])
        windows = g.Gather(values, inside, axis=axis)
        values = g.ReduceMax(windows, axes=[axis + 1], keepdims=0)
        chosen = g.ArgMax(windows, axis=axis + 1, keepdims=1)
        # An index along this axis: the windows' last elements are repeated, never the first ones.
        own = g.Add(g.Squeeze(chosen, axes=[axis + 1]), _along(g, starts, rank - axis - 1))
        if places is None:
            places = own
            continue
        inner = g.GatherElements(g.Gather(places, inside, axis=axis), chosen, axis=axis + 1)
        places = g.Add(g.Mul(own, g.scalar(stride)), g.Squeeze(inner, axes=[axis + 1]))
        stride = g.mul(stride, g.size(x, axis))
    assert places is not None
    return values, places


def _along(g: Builder, numbers: OnnxValue, after: int) -> OnnxValue:
    return g.Unsqueeze(numbers, axes=list(range(1, 1 + after))) if after else numbers


def _window_bounds(g: Builder, size: Integer, out: Integer) -> tuple[OnnxValue, OnnxValue]:
    """Where each window starts, and all that it holds: ``[out, longest]``, the last repeated."""
    rows = g.Range(0, g.scalar(out), 1)
    starts = g.Div(g.Mul(rows, g.scalar(size)), g.scalar(out))
    ends = g.Div(
        g.Add(g.Mul(g.Add(rows, g.constant(1)), g.scalar(size)), g.scalar(g.sub(out, 1))),
        g.scalar(out),
    )
    longest = g.add(g.floordiv(g.add(size, g.sub(out, 1)), out), 1)
    steps = g.Range(0, g.scalar(longest), 1)
    places = g.Add(g.Unsqueeze(starts, axes=[1]), steps)
    last = g.Unsqueeze(g.Sub(ends, g.constant(1)), axes=[1])
    beyond = g.Less(last, places)
    return starts, g.Where(beyond, last, places)


def _window_places(sizes: Sequence[KnownSize], wanted: Sequence[Integer]) -> torch.Tensor:
    """For each window, which elements of the flattened space it holds; the last ones repeat."""
    windows: list[list[range]] = []
    strides: list[int] = []
    for size, out in zip(sizes, wanted, strict=True):
        assert isinstance(size, int)
        assert isinstance(out, int)
        windows.append([range(*bounds) for bounds in _bounds(size, out)])
        strides = [*(s * size for s in strides), 1]
    rows = [
        [
            sum(i * s for i, s in zip(place, strides, strict=True))
            for place in itertools.product(*box)
        ]
        for box in itertools.product(*windows)
    ]
    width = max(map(len, rows))
    return torch.tensor([row + row[-1:] * (width - len(row)) for row in rows])


def _register(rank: int) -> None:
    names = [f"adaptive_avg_pool{rank}d"] + [f"_adaptive_avg_pool{rank}d"] * (rank > 1)

    @aten(*names)
    def adaptive_average_pool(g: Builder, self: OnnxValue, output_size: Any) -> Any:
        return _average(g, self, per_axis(output_size, rank))

    @aten(f"adaptive_max_pool{rank}d")
    def adaptive_max_pool(g: Builder, self: OnnxValue, output_size: Any) -> Any:
        return _maximum(g, self, per_axis(output_size, rank))


for _rank in (1, 2, 3):
    _register(_rank)

"""Tensors put together and taken apart: cat, stack, split, chunk."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from torch_onnx.builder.sizes import TO_THE_END, AnySize
from torch_onnx.builder.values import Integer
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import axis_of, rank_of, shape_of, sizes_of
from torch_onnx.ops.padding import constant_pad_nd
from torch_onnx.ops.shape import at_least
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder
    from torch_onnx.builder.values import OnnxValue

aten = OpTable("joining")


# Together.


@aten("cat", "concat", "concatenate")
def cat(g: Builder, tensors: Sequence[OnnxValue], result: OnnxValue, dim: int = 0) -> OnnxValue:
    # PyTorch skips vectors of size 0 whatever the other ranks are; other empty parts add nothing.
    parts = [x for x in tensors if not (x.shape == (0,) and rank_of(result) != 1)]
    filled = [x for x in parts if x.shape is None or x.shape[axis_of(x, dim)] != 0]
    parts = filled or parts[:1] or list(tensors[:1])
    parts = [g.cast(x, result.dtype) for x in parts]
    return g.Concat(*parts, axis=axis_of(result, dim))


@aten("stack")
def stack(g: Builder, tensors: Sequence[OnnxValue], result: OnnxValue, dim: int = 0) -> OnnxValue:
    axis = axis_of(result, dim)
    parts = [g.Unsqueeze(g.cast(x, result.dtype), axes=[axis]) for x in tensors]
    return g.Concat(*parts, axis=axis)


@aten("pad_sequence")
def pad_sequence(
    g: Builder,
    sequences: Sequence[OnnxValue],
    result: OnnxValue,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> OnnxValue:
    """Sequences (length, …) of their own lengths as one tensor, each padded to the longest."""
    longest = functools.reduce(g.maximum, (g.size(x, 0) for x in sequences))
    padded = []
    for x in sequences:
        missing = g.sub(longest, g.size(x, 0))
        pads = [missing, 0] if padding_side == "left" else [0, missing]
        whole = [*[0, 0] * (rank_of(x) - 1), *pads]
        padded.append(constant_pad_nd(g, x, whole, padding_value))
    return stack(g, padded, result, 0 if batch_first else 1)


@aten("hstack")
def hstack(g: Builder, tensors: Sequence[OnnxValue], result: OnnxValue) -> OnnxValue:
    return _joined(g, tensors, result, 1, 0 if rank_of(result) == 1 else 1)


@aten("vstack", "row_stack")
def vstack(g: Builder, tensors: Sequence[OnnxValue], result: OnnxValue) -> OnnxValue:
    return _joined(g, tensors, result, 2, 0)


@aten("dstack")
def dstack(g: Builder, tensors: Sequence[OnnxValue], result: OnnxValue) -> OnnxValue:
    return _joined(g, tensors, result, 3, 2)


def _joined(
    g: Builder, tensors: Sequence[OnnxValue], result: OnnxValue, rank: int, axis: int
) -> OnnxValue:
    return cat(g, [at_least(g, x, rank) for x in tensors], result, axis)


@aten("column_stack")
def column_stack(g: Builder, tensors: Sequence[OnnxValue], result: OnnxValue) -> OnnxValue:
    columns = [
        g.Unsqueeze(x, axes=list(range(rank_of(x), 2))) if rank_of(x) < 2 else x for x in tensors
    ]
    return cat(g, columns, result, 1)


@aten("_chunk_cat")
def chunk_cat(
    g: Builder, tensors: Sequence[OnnxValue], dim: int, num_chunks: int, result: OnnxValue
) -> OnnxValue:
    """Each tensor in that many chunks, filled up with zeros, and these flat in a row."""
    rows = []
    for x in tensors:
        axis = axis_of(x, dim)
        size = g.size(x, axis)
        missing = g.mod(g.sub(0, size), num_chunks)
        after = [missing if a == axis else 0 for a in range(rank_of(x))]
        filled = g.Pad(g.cast(x, result.dtype), g.vector([*[0] * rank_of(x), *after]))
        count = g.product([g.add(size, missing), *sizes_of(g, x)[axis + 1 :]])
        rest = g.floordiv(count, num_chunks)
        rows.append(g.reshape(filled, [*sizes_of(g, x)[:axis], num_chunks, rest]))
    return g.Concat(*rows, axis=axis_of(result, -1))


@aten("block_diag")
def block_diag(g: Builder, tensors: Sequence[OnnxValue], result: OnnxValue) -> OnnxValue:
    blocks = [at_least(g, g.cast(x, result.dtype), 2) for x in tensors]
    widths = [g.size(block, 1) for block in blocks]
    rows = []
    for i, block in enumerate(blocks):
        before, after = _sum(g, widths[:i]), _sum(g, widths[i + 1 :])
        rows.append(g.Pad(block, [0, before, 0, after]))
    return g.Concat(*rows, axis=0)


def _sum(g: Builder, numbers: Sequence[Integer]) -> Integer:
    total: Integer = 0
    for number in numbers:
        total = g.add(number, total)
    return total


# Apart.


def split_into(g: Builder, x: OnnxValue, sizes: Sequence[AnySize], axis: int) -> list[OnnxValue]:
    """Parts of the sizes given, which together are all of the axis."""
    if len(sizes) == 1:
        return [x]
    if all(isinstance(size, int) and size == sizes[0] for size in sizes):
        return equal_parts(g, x, len(sizes), axis)
    if g.opset >= 13 or all(isinstance(size, int) for size in sizes):
        return list(g.Split(x, split=list(sizes), axis=axis, outputs=len(sizes)))
    parts, start = [], g.add(0, 0)
    for i, size in enumerate(sizes):
        end = TO_THE_END if i == len(sizes) - 1 else g.add(start, size)
        parts.append(g.Slice(x, [start], [end], axes=[axis]))
        start = end
    return parts


def equal_parts(g: Builder, x: OnnxValue, count: int, axis: int) -> list[OnnxValue]:
    """``count`` parts of one size. From opset 18 the last may be smaller, as chunk has it."""
    if count == 1:
        return [x]
    named = count if g.opset >= 18 else None
    return list(g.Split(x, axis=axis, num_outputs=named, outputs=count))


@aten("split.Tensor", "unsafe_split.Tensor")
def split(
    g: Builder, self: OnnxValue, split_size: Integer, result: Sequence[OnnxValue], dim: int = 0
) -> list[OnnxValue]:
    return _pieces(g, self, split_size, len(result), axis_of(self, dim))


def _pieces(g: Builder, x: OnnxValue, size: Integer, count: int, axis: int) -> list[OnnxValue]:
    """``count`` parts of ``size``, the last taking what is left."""
    before = [size] * (count - 1)
    last = g.sub(g.size(x, axis), g.mul(size, count - 1)) if count > 1 else size
    if not isinstance(g.known(size), int):
        # More parts than the program takes are an error when the model runs.
        last = g.minimum(last, size)
    return split_into(g, x, [*before, last], axis)


@aten("split_with_sizes", "unsafe_split_with_sizes", "split")
def split_with_sizes(
    g: Builder, self: OnnxValue, split_sizes: Sequence[Integer], dim: int = 0
) -> list[OnnxValue]:
    return split_into(g, self, split_sizes, axis_of(self, dim))


@aten("split.sizes")
def split_sizes(
    g: Builder, self: OnnxValue, split_size: Sequence[Integer], dim: int = 0
) -> list[OnnxValue]:
    return split_into(g, self, split_size, axis_of(self, dim))


@aten("chunk", "unsafe_chunk")
def chunk(
    g: Builder, self: OnnxValue, chunks: Integer, result: Sequence[OnnxValue], dim: int = 0
) -> list[OnnxValue]:
    axis = axis_of(self, dim)
    total = g.known(g.size(self, axis))
    if not isinstance(total, int) and g.opset >= 18 and g.known(chunks) == len(result):
        return equal_parts(g, self, len(result), axis)
    size = g.floordiv(g.add(total, g.sub(chunks, 1)), chunks)
    return _pieces(g, self, size, len(result), axis)


@aten("tensor_split.sections")
def tensor_split(g: Builder, self: OnnxValue, sections: int, dim: int = 0) -> list[OnnxValue]:
    axis = axis_of(self, dim)
    total = g.size(self, axis)
    # The first parts take the remainder: part i has (total + sections - 1 - i) // sections.
    sizes = [g.floordiv(g.add(total, sections - 1 - i), sections) for i in range(sections)]
    return split_into(g, self, sizes, axis)


@aten("tensor_split.indices")
def tensor_split_indices(
    g: Builder, self: OnnxValue, indices: Sequence[Integer], dim: int = 0
) -> list[OnnxValue]:
    bounds = [0, *indices, TO_THE_END]
    axes = [axis_of(self, dim)]
    return [g.Slice(self, [a], [b], axes=axes) for a, b in pairwise(bounds)]


@aten("tensor_split.tensor_indices_or_sections")
def tensor_split_tensor(
    g: Builder,
    self: OnnxValue,
    tensor_indices_or_sections: OnnxValue,
    result: Sequence[OnnxValue],
    dim: int = 0,
) -> list[OnnxValue]:
    where = tensor_indices_or_sections
    if where.rank == 0:
        if where.constant is None:
            raise NotExpressible("the number of parts must be known when the model is exported")
        return tensor_split(g, self, int(where.constant), dim)
    indices = [g.Gather(where, [i]) for i in range(len(result) - 1)]
    return tensor_split_indices(g, self, indices, dim)


@aten("hsplit.int")
def hsplit(g: Builder, self: OnnxValue, sections: int) -> list[OnnxValue]:
    return tensor_split(g, self, sections, 0 if rank_of(self) == 1 else 1)


@aten("hsplit.array")
def hsplit_indices(g: Builder, self: OnnxValue, indices: Sequence[int]) -> list[OnnxValue]:
    return tensor_split_indices(g, self, indices, 0 if rank_of(self) == 1 else 1)


@aten("vsplit.int")
def vsplit(g: Builder, self: OnnxValue, sections: int) -> list[OnnxValue]:
    return tensor_split(g, self, sections, 0)


@aten("vsplit.array")
def vsplit_indices(g: Builder, self: OnnxValue, indices: Sequence[int]) -> list[OnnxValue]:
    return tensor_split_indices(g, self, indices, 0)


@aten("dsplit.int")
def dsplit(g: Builder, self: OnnxValue, sections: int) -> list[OnnxValue]:
    return tensor_split(g, self, sections, 2)


@aten("dsplit.array")
def dsplit_indices(g: Builder, self: OnnxValue, indices: Sequence[int]) -> list[OnnxValue]:
    return tensor_split_indices(g, self, indices, 2)


@aten("unbind.int")
def unbind(
    g: Builder, self: OnnxValue, result: Sequence[OnnxValue], dim: int = 0
) -> list[OnnxValue]:
    axis = axis_of(self, dim)
    if shape_of(self)[axis] == 1:
        return [g.Squeeze(self, axes=[axis])]
    return [g.Gather(self, g.constant(i), axis=axis) for i in range(len(result))]


@aten("combinations")
def combinations(
    g: Builder, self: OnnxValue, r: int = 2, with_replacement: bool = False
) -> OnnxValue:
    """Each choice of ``r`` elements, which stands for one in ascending places."""
    if r == 0:
        return g.Slice(self, [0], [0], axes=[0])
    if r == 1:
        return g.Unsqueeze(self, axes=[1])
    places = g.Range(g.constant(0), g.scalar(g.size(self, 0)), g.constant(1))
    grids = [g.Unsqueeze(places, axes=[a for a in range(r) if a != axis]) for axis in range(r)]
    ascends = [
        g.Not(g.Less(b, a)) if with_replacement else g.Less(a, b) for a, b in pairwise(grids)
    ]
    chosen = functools.reduce(g.And, ascends)
    return g.Gather(self, g.Transpose(g.NonZero(chosen), perm=[1, 0]), axis=0)

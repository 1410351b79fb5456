"""Reading at places that tensors name: indexing, gather, masks, nonzero, embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.infer import broadcast
from torch_onnx.builder.sizes import AnySize
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.approximation import computable
from torch_onnx.ops.axes import axis_of, rank_of, shape_of, sizes_of
from torch_onnx.ops.creation import filled_sizes
from torch_onnx.ops.loops import repeat
from torch_onnx.ops.outer_index import outer_index
from torch_onnx.ops.reduction import vector_norm
from torch_onnx.ops.shape import broadcast_with, expand_like, flat, move_axes
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder
    from torch_onnx.builder.values import Integer, KnownSize, OnnxValue

aten = OpTable("indexing")

NONZERO_KERNELS = frozenset({torch.bool, torch.float32, torch.int32, torch.int64, torch.uint8})


# Advanced indexing.


@dataclass(frozen=True, slots=True)
class Indices:
    """The index tensors of ``x[...]``: int64, masks replaced by the places of their trues.

    Attributes:
        axes: the axes of x that they index, in order.
        tensors: one for each of the axes.
        shape: what they broadcast to, as far as it is known.
    """

    axes: tuple[int, ...]
    tensors: tuple[OnnxValue, ...]
    shape: tuple[KnownSize, ...]

    @property
    def position(self) -> int:
        """Where the indices' axes are in the result: in place if neighbours, else first."""
        first, last = self.axes[0], self.axes[-1]
        return first if last - first + 1 == len(self.axes) else 0


def read_indices(g: Builder, indices: Sequence[OnnxValue | None]) -> Indices:
    """The indices as int64 tensors with the axes they belong to."""
    axes: list[int] = []
    tensors: list[OnnxValue] = []
    axis = 0
    for index in indices:
        if index is None:
            axis += 1
            continue
        places = places_of(g, index) if is_mask(index) else [g.cast(index, torch.int64)]
        axes += range(axis, axis + len(places))
        tensors += places
        axis += len(places)
    shape = broadcast([tensor.shape for tensor in tensors])
    if shape is None:
        raise NotExpressible("it needs indices whose rank is known when the model is exported")
    return Indices(tuple(axes), tuple(tensors), shape)


def is_mask(index: OnnxValue) -> bool:
    return index.dtype in (torch.bool, torch.uint8)


def places_of(g: Builder, mask: OnnxValue) -> list[OnnxValue]:
    """For each axis of a mask the indices of its trues."""
    if mask.rank == 0:
        raise NotExpressible("indexing with a mask of no axes")
    places = g.NonZero(mask)
    return [g.Gather(places, g.constant(i), axis=0) for i in range(rank_of(mask))]


def indices_shape(g: Builder, indices: Indices) -> OnnxValue:
    """What the index tensors broadcast to, as a vector."""
    if all(isinstance(size, int) for size in indices.shape):
        return g.vector(indices.shape)  # type: ignore[arg-type]
    for tensor in indices.tensors:
        if tensor.shape == indices.shape and None not in indices.shape:
            return g.shape_vector(tensor)
    whole = indices.tensors[0]
    for tensor in indices.tensors[1:]:
        if tensor.shape != whole.shape or None in (tensor.shape or ()):
            whole = g.Add(whole, tensor)
    return g.shape_vector(whole)


def stacked(g: Builder, indices: Indices, masks: Sequence[OnnxValue | None] = ()) -> OnnxValue:
    """The indices as GatherND and ScatterND take them: (*shape, number of axes)."""
    given = [index for index in masks if index is not None]
    if len(given) == 1 and is_mask(given[0]):
        return g.Transpose(g.NonZero(given[0]), perm=[1, 0])
    rank = len(indices.shape)
    tensors = list(indices.tensors)
    same = all(tensor.shape == indices.shape for tensor in tensors) and None not in indices.shape
    if len(tensors) > 1 and not same:
        shape = indices_shape(g, indices)
        tensors = [g.Expand(tensor, shape) for tensor in tensors]
    return g.Concat(*(g.Unsqueeze(tensor, axes=[rank]) for tensor in tensors), axis=-1)


@aten("index.Tensor", "_unsafe_index.Tensor")
@aten("index.Tensor_hacked_twin", "_unsafe_index.Tensor_hacked_twin")
def index(g: Builder, self: OnnxValue, indices: Sequence[OnnxValue | None]) -> OnnxValue:
    given = [(axis, index) for axis, index in enumerate(indices) if index is not None]
    if not given:
        return self
    if len(given) == 1:
        # Masks before the only index would shift its axis: there are none.
        axis, only = given[0]
        if not is_mask(only):
            return g.Gather(self, _gatherable(g, only), axis=axis)
        if only.rank == 1:
            return g.Compress(self, g.cast(only, torch.bool), axis=axis)
        if only.rank == self.rank:
            return _compressed(g, self, only)
    if len(given) > 1 and (outer := outer_index(g, self, given)) is not None:
        return outer
    read = read_indices(g, indices)
    first = list(range(len(read.axes)))
    x = move_axes(g, self, read.axes, first)
    picked = g.GatherND(x, stacked(g, read, indices))
    count = len(read.shape)
    here = list(range(count))
    return move_axes(g, picked, here, [read.position + i for i in here])


def _gatherable(g: Builder, index: OnnxValue) -> OnnxValue:
    return index if index.dtype == torch.int32 else g.cast(index, torch.int64)


def _compressed(g: Builder, x: OnnxValue, mask: OnnxValue) -> OnnxValue:
    """The elements of x where a mask of the same shape is true."""
    return g.Compress(x, g.cast(flat(g, mask), torch.bool))


@aten("index_select")
def index_select(g: Builder, self: OnnxValue, dim: int, index: OnnxValue) -> OnnxValue:
    if self.rank == 0:
        return self
    return g.Gather(self, flat(g, index), axis=axis_of(self, dim))


@aten("take")
def take(g: Builder, self: OnnxValue, index: OnnxValue) -> OnnxValue:
    return g.Gather(flat(g, self), index, axis=0)


@aten("gather")
def gather(
    g: Builder, self: OnnxValue, dim: int, index: OnnxValue, sparse_grad: bool = False
) -> OnnxValue:
    axis = axis_of(self, dim)
    if index.rank == 0:
        return g.Gather(flat(g, self), index, axis=0)
    if 0 in shape_of(index) or index.rank != max(rank_of(self), 1):
        # PyTorch takes an index of nothing in any rank, and no other of another one.
        return g.expand(g.like(0, self), sizes_of(g, index))
    return g.GatherElements(flat(g, self) if self.rank == 0 else self, index, axis=axis)


@aten("take_along_dim")
def take_along_dim(
    g: Builder, self: OnnxValue, indices: OnnxValue, dim: int | None = None
) -> OnnxValue:
    if dim is None:
        return g.GatherElements(flat(g, self), flat(g, indices), axis=0)
    axis = axis_of(self, dim)
    x, places = _broadcast_but(g, self, indices, axis)
    return g.GatherElements(x, places, axis=axis)


def _broadcast_but(
    g: Builder, x: OnnxValue, y: OnnxValue, axis: int
) -> tuple[OnnxValue, OnnxValue]:
    """Two tensors of one rank broadcast on all axes but one."""
    results = []
    for here, other in ((x, y), (y, x)):
        target: list[AnySize] = []
        for i, size in enumerate(sizes_of(g, other)):
            same = i == axis or size == shape_of(here)[i] or size == 1
            target.append(-1 if same else size)
        results.append(g.expand(here, target))
    return results[0], results[1]


# Masks and places.


@aten("masked_fill.Scalar", "masked_fill.Tensor")
def masked_fill(g: Builder, self: OnnxValue, mask: OnnxValue, value: OnnxValue) -> OnnxValue:
    number = g.cast(value, self.dtype) if _is_tensor(value) else g.scalar(value, self.dtype)
    return g.Where(g.cast(mask, torch.bool), number, self)


def _is_tensor(value: OnnxValue | float) -> bool:
    return not isinstance(value, (bool, int, float)) and not value.is_number


@aten("masked_select")
def masked_select(g: Builder, self: OnnxValue, mask: OnnxValue) -> OnnxValue:
    if self.rank == mask.rank == 0:
        self, mask = flat(g, self), flat(g, mask)
    whole = broadcast([self.shape, mask.shape])
    like = type(self)(self.dtype, whole)
    x = broadcast_with(g, self, [mask], like)
    return _compressed(g, x, broadcast_with(g, mask, [self], like))


@aten("nonzero", "argwhere")
def nonzero(g: Builder, self: OnnxValue) -> OnnxValue:
    places = g.Transpose(_nonzero(g, flat(g, self) if self.rank == 0 else self), perm=[1, 0])
    if self.rank == 0:
        # One row of no columns where the number is not zero.
        return g.Slice(places, [0], [0], axes=[1])
    return places


@aten("nonzero_static")
def nonzero_static(g: Builder, self: OnnxValue, size: Integer, fill_value: int = -1) -> OnnxValue:
    """The first ``size`` places, and rows of ``fill_value`` where there are fewer."""
    rank = rank_of(self)
    if rank == 0:
        return filled_sizes(g, [size, 0], fill_value, torch.int64)
    places = g.Transpose(_nonzero(g, self), perm=[1, 0])
    missing = filled_sizes(g, [size, rank], fill_value, torch.int64)
    return g.Slice(g.Concat(places, missing, axis=0), [0], [size], axes=[0])


@aten("nonzero_numpy")
def nonzero_numpy(g: Builder, self: OnnxValue) -> list[OnnxValue]:
    x = flat(g, self) if self.rank == 0 else self
    places = _nonzero(g, x)
    return [g.Gather(places, g.constant(i), axis=0) for i in range(rank_of(x))]


def _nonzero(g: Builder, x: OnnxValue) -> OnnxValue:
    # A cast to a dtype with a kernel could round small numbers to zero.
    if x.dtype not in NONZERO_KERNELS:
        x = g.Not(g.Equal(x, g.like(0, x)))
    return g.NonZero(x)


@aten("one_hot")
def one_hot(g: Builder, self: OnnxValue, num_classes: Integer = -1) -> OnnxValue:
    depth = g.vector([num_classes])
    if isinstance(num_classes, int) and num_classes == -1:
        whole = flat(g, self)
        depth = g.Add(g.ReduceMax(whole, axes=[0], keepdims=1), g.constant([1]))
    if rank_of(self) == 0:
        return g.Squeeze(g.OneHot(flat(g, self), depth, g.constant([0, 1])), axes=[0])
    return g.OneHot(self, depth, g.constant([0, 1]))


# Embeddings.


@aten("embedding")
def embedding(
    g: Builder,
    weight: OnnxValue,
    indices: OnnxValue,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> OnnxValue:
    return g.Gather(weight, indices, axis=0)


@aten("embedding_renorm")
def embedding_renorm(
    g: Builder, self: OnnxValue, indices: OnnxValue, max_norm: float, norm_type: float
) -> OnnxValue:
    """The rows that are looked up, shortened to ``max_norm`` where they are longer."""
    places = flat(g, g.cast(indices, torch.int64))
    rows = g.Gather(self, places, axis=0)
    length = vector_norm(g, rows, rows, norm_type, 1, keepdim=True)
    limit = g.like(max_norm, rows)
    shorter = g.Mul(rows, g.Div(limit, g.Add(length, g.like(1e-7, rows))))
    rows = g.Where(g.Greater(length, limit), shorter, rows)
    # The same row twice is written twice alike.
    return g.ScatterND(self, g.Unsqueeze(places, axes=[1]), rows)


@aten("embedding_bag")
def embedding_bag(
    g: Builder,
    weight: OnnxValue,
    indices: OnnxValue,
    offsets: OnnxValue,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: OnnxValue | None = None,
    include_last_offset: bool = False,
) -> list[OnnxValue]:
    return embedding_bag_padded(
        g,
        weight,
        indices,
        offsets,
        mode=mode,
        per_sample_weights=per_sample_weights,
        include_last_offset=include_last_offset,
    )


@aten("embedding_bag.padding_idx")
def embedding_bag_without(
    g: Builder,
    weight: OnnxValue,
    indices: OnnxValue,
    offsets: OnnxValue,
    scale_grad_by_freq: bool,
    mode: int,
    sparse: bool,
    per_sample_weights: OnnxValue | None,
    include_last_offset: bool,
    padding_idx: int | None,
) -> list[OnnxValue]:
    """A negative ``padding_idx`` counts from the end here, where the kernels below mean none."""
    rows = shape_of(weight)[0]
    if padding_idx is not None and padding_idx < 0:
        if not isinstance(rows, int):
            raise NotExpressible("a negative padding_idx needs a known number of embeddings")
        padding_idx += rows
    return embedding_bag_padded(
        g,
        weight,
        indices,
        offsets,
        mode=mode,
        per_sample_weights=per_sample_weights,
        include_last_offset=include_last_offset,
        padding_idx=-1 if padding_idx is None else padding_idx,
    )


@aten("_embedding_bag", "_embedding_bag_forward_only")
def embedding_bag_padded(
    g: Builder,
    weight: OnnxValue,
    indices: OnnxValue,
    offsets: OnnxValue,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: OnnxValue | None = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> list[OnnxValue]:
    """Rows of weight reduced in bags; only the first result is made, nothing reads the others."""
    rows = computable(g, g.Gather(weight, indices, axis=0))
    if per_sample_weights is not None:
        rows = g.Mul(rows, g.Unsqueeze(computable(g, per_sample_weights), axes=[1]))
    bags = g.cast(offsets, torch.int64)
    if include_last_offset:
        bags = g.Slice(bags, [0], [-1], axes=[0])
    pads = padding_idx if padding_idx >= 0 else None
    if pads is None and (each := _bag_size(bags, indices)) is not None:
        grouped = g.reshape(rows, [-1, each, *sizes_of(g, weight)[1:]])
        reduce = {0: g.ReduceSum, 1: g.ReduceMean, 2: g.ReduceMax}[mode]
        return [g.cast(reduce(grouped, axes=[1], keepdims=0), weight.dtype)]
    # A sample is in the last bag that starts at or before it.
    samples = g.Unsqueeze(g.Range(0, g.scalar(g.size(indices, 0)), 1), axes=[1])
    started = g.Cast(g.Not(g.Less(samples, bags)), to=torch.int64)
    bag = g.Sub(g.ReduceSum(started, axes=[1], keepdims=1), 1)
    if pads is not None:
        kept = g.Not(g.Equal(indices, g.like(pads, indices)))
        rows, bag = g.Compress(rows, kept, axis=0), g.Compress(bag, kept, axis=0)
    if g.opset < (18 if mode == 2 else 16):
        reduced = _reduced_by_masks(g, rows, bag, g.size(bags, 0), mode)
    else:
        shape = g.vector([g.size(bags, 0), g.size(weight, 1)])
        reduced = _reduced_bags(g, rows, bag, shape, mode)
    return [g.cast(reduced, weight.dtype)]


def _bag_size(bags: OnnxValue, indices: OnnxValue) -> int | None:
    """The number of samples in every bag, where they are all of one known size."""
    total = shape_of(indices)[0]
    if bags.constant is None or not isinstance(total, int) or bags.constant.numel() == 0:
        return None
    starts = [*bags.constant.tolist(), total]
    sizes = {after - before for before, after in pairwise(starts)}
    (size, *others) = sizes
    return size if not others and size > 0 else None


def _reduced_by_masks(
    g: Builder, rows: OnnxValue, bag: OnnxValue, number: Integer, mode: int
) -> OnnxValue:
    """Every bag out of all rows, those of others masked, where ONNX can't yet scatter so."""
    bags = g.Unsqueeze(g.Range(0, g.scalar(number), 1), axes=[1])
    inside = g.Unsqueeze(g.Equal(bags, g.reshape(bag, [1, -1])), axes=[2])
    if mode == 2:
        masked = g.Where(inside, rows, g.like(float("-inf"), rows))
        largest = g.ReduceMax(masked, axes=[1], keepdims=0)
        return g.Where(g.Equal(largest, g.like(float("-inf"), rows)), g.like(0, rows), largest)
    total = g.ReduceSum(g.Where(inside, rows, g.like(0, rows)), axes=[1], keepdims=0)
    if mode == 0:
        return total
    counted = g.ReduceSum(g.cast(inside, rows.dtype), axes=[1], keepdims=0)
    return g.Div(total, g.Max(counted, g.like(1, rows)))


def _reduced_bags(
    g: Builder, rows: OnnxValue, bag: OnnxValue, shape: OnnxValue, mode: int
) -> OnnxValue:
    def base(number: float) -> OnnxValue:
        return g.Expand(g.like(number, rows), shape)

    if mode == 2:
        largest = scatter_reduced(g, base(float("-inf")), bag, rows, "max")
        # A bag of nothing is zero.
        return g.Where(g.Equal(largest, g.like(float("-inf"), rows)), g.like(0, rows), largest)
    total = scatter_reduced(g, base(0), bag, rows, "add")
    if mode == 0:
        return total
    counted = scatter_reduced(g, base(0), bag, expand_like(g, g.like(1, rows), rows), "add")
    return g.Div(total, g.Max(counted, g.like(1, rows)))


# ONNX Runtime writes these dtypes, but does not reduce them.
_REDUCED_AS = {
    torch.bfloat16: torch.float32,
    torch.float16: torch.float32,
    torch.bool: torch.int32,
}


def reducible(g: Builder, x: OnnxValue) -> OnnxValue:
    """x in a dtype that can be scattered with a reduction."""
    return g.cast(x, _REDUCED_AS.get(x.dtype, x.dtype))


def scatter_reduced(
    g: Builder, x: OnnxValue, places: OnnxValue, updates: OnnxValue, reduction: str
) -> OnnxValue:
    """ScatterND with a reduction, said with ScatterElements.

    ONNX Runtime 1.32 runs a reducing ScatterND in several threads that write over each other: its
    sums over equal places change from run to run (tests/ops/test_runtime_faults.py).
    """
    sizes = sizes_of(g, x)
    axes = shape_of(places)[-1]
    if not isinstance(axes, int):
        raise NotExpressible("scattering at places of unknown rank")
    outer, rest = sizes[:axes], sizes[axes:]
    rows = g.reshape(x, [g.product(outer), *rest]) if axes != 1 else x
    linear = _linear_places(g, places, outer)
    updates = g.reshape(updates, [-1, *rest])
    index = g.Unsqueeze(linear, axes=list(range(1, len(rest) + 1))) if rest else linear
    index = g.Expand(index, g.Shape(updates)) if rest else index
    written = reduced_elements(g, rows, index, updates, reduction, 0)
    return g.reshape(written, sizes) if axes != 1 else written


def reduced_elements(
    g: Builder, x: OnnxValue, index: OnnxValue, updates: OnnxValue, reduction: str, axis: int
) -> OnnxValue:
    """ScatterElements with a reduction.

    Opsets without it go along the axis of the index turn by turn: none names a place twice.
    """
    if g.opset >= (18 if reduction in ("max", "min") else 16):
        made: OnnxValue = g.ScatterElements(x, index, updates, axis=axis, reduction=reduction)
        return made
    combined = {"add": g.Add, "mul": g.Mul, "max": g.Max, "min": g.Min}[reduction]

    def turn(place: OnnxValue, so_far: OnnxValue) -> list[OnnxValue]:
        at = g.Unsqueeze(place, axes=[0])
        here = g.Gather(index, at, axis=axis)
        old = g.GatherElements(so_far, here, axis=axis)
        new = combined(old, g.Gather(updates, at, axis=axis))
        return [g.ScatterElements(so_far, here, new, axis=axis)]

    return repeat(g, g.size(index, axis), [x], turn)[0]


def _linear_places(g: Builder, places: OnnxValue, sizes: Sequence[AnySize]) -> OnnxValue:
    """The places in the axes merged into one, as a vector."""
    if len(sizes) == 1:
        return g.reshape(places, [-1])
    strides = [g.product(sizes[axis + 1 :]) for axis in range(len(sizes))]
    wrapped = g.Mod(places, g.vector(list(sizes)))
    merged = g.ReduceSum(g.Mul(wrapped, g.vector(strides)), axes=[-1], keepdims=0)
    return g.reshape(merged, [-1])

"""Other shapes of the same elements: views, permutations, broadcasting, repetition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.dtypes import is_integer
from torch_onnx.builder.fold import LARGEST
from torch_onnx.builder.sizes import AnySize
from torch_onnx.builder.values import Integer
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import axis_of, rank_of, refuse_complex, shape_of, sizes_of
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder
    from torch_onnx.builder.values import OnnxValue

aten = OpTable("shape")


# Reshaping.


@aten("view", "_unsafe_view", "view_copy")
def view(g: Builder, self: OnnxValue, size: Sequence[Integer]) -> OnnxValue:
    refuse_complex(self)
    return g.reshape(self, size)


@aten("reshape")
def reshape(g: Builder, self: OnnxValue, shape: Sequence[Integer]) -> OnnxValue:
    return view(g, self, shape)


@aten("_reshape_alias")
def reshape_alias(
    g: Builder, self: OnnxValue, size: Sequence[Integer], stride: Sequence[Integer]
) -> OnnxValue:
    return view(g, self, size)


@aten("view_as", "reshape_as")
def view_as(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    if sum(not isinstance(size, int) for size in shape_of(other)) > 1:
        return g.Reshape(self, g.shape_vector(other))
    return g.reshape(self, sizes_of(g, other))


@aten("view.dtype", "view_copy.dtype")
def view_dtype(g: Builder, self: OnnxValue, dtype: torch.dtype) -> OnnxValue:
    if dtype == self.dtype:
        return self
    if dtype.itemsize != self.dtype.itemsize or dtype.is_complex or self.dtype.is_complex:
        raise NotExpressible(f"ONNX can't read the bytes of {self.dtype} as {dtype}")
    # Between integers of one width a cast wraps around, which is what the bytes say.
    kinds = {self.dtype, dtype}
    if all(is_integer(kind) for kind in kinds) or self.dtype == torch.bool:
        return g.Cast(self, to=dtype)
    return g.BitCast(self, to=dtype)


@aten("flatten.using_ints")
def flatten(g: Builder, self: OnnxValue, start_dim: int = 0, end_dim: int = -1) -> OnnxValue:
    if rank_of(self) == 0:
        return g.reshape(self, [1])
    start, end = axis_of(self, start_dim), axis_of(self, end_dim)
    return self if start == end else merge_axes(g, self, start, end + 1)


def merge_axes(g: Builder, x: OnnxValue, start: int, stop: int) -> OnnxValue:
    """The axes from start to stop (exclusive) as one; a new axis of size 1 where there are none."""
    shape = shape_of(x)
    merged = shape[start:stop]
    whole: AnySize = -1
    if all(isinstance(size, int) for size in merged):
        whole = g.product([size for size in merged if size is not None])
    # Sizes after the merged axes change their place, so they may have to be read.
    rest = [
        g.size(x, axis) if shape[axis] is None else shape[axis] for axis in range(stop, len(shape))
    ]
    return g.reshape(x, [*shape[:start], whole, *rest])  # type: ignore[list-item]


def flat(g: Builder, x: OnnxValue) -> OnnxValue:
    """All elements in one axis."""
    rank = rank_of(x)
    if rank == 1:
        return x
    if rank == 0:
        return g.Unsqueeze(x, axes=[0])
    return g.reshape(x, [-1])


@aten("ravel")
def ravel(g: Builder, self: OnnxValue) -> OnnxValue:
    return flat(g, self)


@aten("unflatten.int")
def unflatten(g: Builder, self: OnnxValue, dim: int, sizes: Sequence[Integer]) -> OnnxValue:
    axis = axis_of(self, dim)
    here = sizes_of(g, self)
    new = _settled(list(sizes), here[axis])
    return g.reshape(self, [*here[:axis], *new, *here[axis + 1 :]])


def _settled(sizes: list[Integer], total: AnySize) -> list[Integer]:
    """A -1 among sizes as the number that it stands for, where that is known."""
    if -1 not in sizes or not isinstance(total, int):
        return sizes
    rest = 1
    for size in sizes:
        if not isinstance(size, int):
            return sizes
        rest *= 1 if size == -1 else size
    return [total // rest if size == -1 and rest else size for size in sizes]


@aten("unsqueeze")
def unsqueeze(g: Builder, self: OnnxValue, dim: int) -> OnnxValue:
    return g.Unsqueeze(self, axes=[dim % (rank_of(self) + 1)])


@aten("squeeze")
def squeeze(g: Builder, self: OnnxValue, result: OnnxValue) -> OnnxValue:
    return _squeeze(g, self, range(rank_of(self)), result)


@aten("squeeze.dim")
def squeeze_dim(g: Builder, self: OnnxValue, dim: int, result: OnnxValue) -> OnnxValue:
    return _squeeze(g, self, [dim], result)


@aten("squeeze.dims")
def squeeze_dims(g: Builder, self: OnnxValue, dim: Sequence[int], result: OnnxValue) -> OnnxValue:
    return _squeeze(g, self, dim, result)


def _squeeze(g: Builder, x: OnnxValue, dims: Sequence[int], result: OnnxValue) -> OnnxValue:
    """Without those of the axes that have size 1. The captured rank says which were meant."""
    shape = shape_of(x)
    if not shape:
        return x
    axes = sorted({axis_of(x, dim) for dim in dims})
    ones = [axis for axis in axes if shape[axis] == 1]
    if result.shape is not None:
        dropped = len(shape) - len(result.shape)
        if dropped not in (len(ones), len(axes)):
            raise NotExpressible("which of its axes have size 1 is known at run time only")
        if dropped == len(axes):
            ones = axes
    return g.Squeeze(x, axes=ones)


@aten("atleast_1d", "atleast_2d", "atleast_3d")
def atleast(g: Builder, self: OnnxValue, result: OnnxValue) -> OnnxValue:
    return at_least(g, self, rank_of(result))


@aten("atleast_1d.Sequence", "atleast_2d.Sequence", "atleast_3d.Sequence")
def atleast_sequence(
    g: Builder, tensors: Sequence[OnnxValue], result: Sequence[OnnxValue]
) -> list[OnnxValue]:
    return [
        at_least(g, tensor, rank_of(like)) for tensor, like in zip(tensors, result, strict=True)
    ]


def at_least(g: Builder, x: OnnxValue, rank: int) -> OnnxValue:
    """x with ``rank`` axes or more: rows for vectors, a last axis for matrices."""
    here = rank_of(x)
    if here >= rank:
        return x
    axes = (
        {1: [0], 2: [0], 3: [0, 2]}[rank] if here == 1 else [2] if here == 2 else list(range(rank))
    )
    return g.Unsqueeze(x, axes=axes)


# Permuting.


@aten("permute")
def permute(g: Builder, self: OnnxValue, dims: Sequence[int]) -> OnnxValue:
    return g.Transpose(self, perm=[axis_of(self, dim) for dim in dims])


@aten("transpose.int")
def transpose(g: Builder, self: OnnxValue, dim0: int, dim1: int) -> OnnxValue:
    a, b = axis_of(self, dim0), axis_of(self, dim1)
    perm = list(range(rank_of(self)))
    if perm:
        perm[a], perm[b] = perm[b], perm[a]
    return g.Transpose(self, perm=perm)


@aten("swapaxes")
def swapaxes(g: Builder, self: OnnxValue, axis0: int, axis1: int) -> OnnxValue:
    return transpose(g, self, axis0, axis1)


@aten("swapdims")
def swapdims(g: Builder, self: OnnxValue, dim0: int, dim1: int) -> OnnxValue:
    return transpose(g, self, dim0, dim1)


@aten("mT", "mT.a")
def matrix_transpose(g: Builder, self: OnnxValue) -> OnnxValue:
    return transpose(g, self, -2, -1)


@aten("mH", "mH.a", "matrix_H", "matrix_H.a", "adjoint")
def adjoint(g: Builder, self: OnnxValue) -> OnnxValue:
    if self.is_complex:
        raise NotExpressible("the adjoint of complex matrices is not translated")
    return transpose(g, self, -2, -1)


@aten("t", "numpy_T", "numpy_T.a")
def reversed_axes(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Transpose(self, perm=list(range(rank_of(self)))[::-1])


@aten("movedim.int", "moveaxis.int")
def movedim(g: Builder, self: OnnxValue, source: int, destination: int) -> OnnxValue:
    return move_axes(g, self, [source], [destination])


@aten("movedim.intlist", "moveaxis.intlist")
def movedims(
    g: Builder, self: OnnxValue, source: Sequence[int], destination: Sequence[int]
) -> OnnxValue:
    return move_axes(g, self, source, destination)


def move_axes(
    g: Builder, x: OnnxValue, source: Sequence[int], destination: Sequence[int]
) -> OnnxValue:
    """x with some axes at other places, the rest keeping their order."""
    moved = {axis_of(x, d): axis_of(x, s) for s, d in zip(source, destination, strict=True)}
    rest = iter(axis for axis in range(rank_of(x)) if axis not in moved.values())
    perm = [moved[i] if i in moved else next(rest) for i in range(rank_of(x))]
    return g.Transpose(x, perm=perm)


@aten("pixel_shuffle")
def pixel_shuffle(g: Builder, self: OnnxValue, upscale_factor: int) -> OnnxValue:
    if upscale_factor == 1:
        return self
    if not self.is_floating_point:
        return _shuffle_pixels(g, self, upscale_factor)
    x, restore = _as_images(g, self)
    return restore(g.DepthToSpace(x, blocksize=upscale_factor, mode="CRD"))


@aten("pixel_unshuffle")
def pixel_unshuffle(g: Builder, self: OnnxValue, downscale_factor: int) -> OnnxValue:
    if downscale_factor == 1:
        return self
    channels, block = shape_of(self)[-3], downscale_factor
    if not isinstance(channels, int) or not self.is_floating_point:
        return _unshuffle_pixels(g, self, block)
    x, restore = _as_images(g, self)
    # ONNX puts the place within a block before the channel, PyTorch after it.
    order = torch.arange(channels * block * block).reshape(block * block, channels).t().reshape(-1)
    y = g.SpaceToDepth(x, blocksize=block)
    return restore(y if channels == 1 else g.Gather(y, order, axis=1))


# DepthToSpace and SpaceToDepth have kernels for few dtypes: other numbers are moved by hand.
def _shuffle_pixels(g: Builder, x: OnnxValue, block: int) -> OnnxValue:
    *leading, channels, height, width = sizes_of(g, x)
    narrow = g.floordiv(channels, block * block)
    y = g.reshape(x, [*leading, narrow, block, block, height, width])
    y = move_axes(g, y, [-4, -3], [-3, -1])
    return g.reshape(y, [*leading, narrow, g.mul(height, block), g.mul(width, block)])


def _unshuffle_pixels(g: Builder, x: OnnxValue, block: int) -> OnnxValue:
    *leading, channels, height, width = sizes_of(g, x)
    rows, columns = g.floordiv(height, block), g.floordiv(width, block)
    y = g.reshape(x, [*leading, channels, rows, block, columns, block])
    y = move_axes(g, y, [-3, -1], [-4, -3])
    return g.reshape(y, [*leading, g.mul(channels, block * block), rows, columns])


def _as_images(g: Builder, x: OnnxValue) -> tuple[OnnxValue, Callable[[OnnxValue], OnnxValue]]:
    """x as (batch, channels, height, width), and the way back to its leading axes."""
    rank = rank_of(x)
    if rank == 4:
        return x, lambda y: y
    if rank == 3:
        return g.Unsqueeze(x, axes=[0]), lambda y: g.Squeeze(y, axes=[0])
    leading = sizes_of(g, x)[:-3]

    def restore(y: OnnxValue) -> OnnxValue:
        return g.reshape(y, [*leading, *sizes_of(g, y)[1:]])

    return merge_axes(g, x, 0, rank - 3), restore


@aten("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(g: Builder, self: OnnxValue, groups: int) -> OnnxValue:
    channels = shape_of(self)[1]
    if isinstance(channels, int) and channels <= LARGEST:
        order = torch.arange(channels).reshape(groups, -1).t().reshape(-1)
        return g.Gather(self, order, axis=1)
    here = sizes_of(g, self)
    per_group = g.floordiv(here[1], groups)
    x = g.reshape(self, [here[0], groups, per_group, *here[2:]])
    return g.reshape(transpose(g, x, 1, 2), here)


# Broadcasting.


@aten("expand", "expand_copy")
def expand(
    g: Builder, self: OnnxValue, size: Sequence[Integer], implicit: bool = False
) -> OnnxValue:
    return broadcast_to(g, self, size)


@aten("broadcast_to")
def broadcast_to(g: Builder, self: OnnxValue, size: Sequence[Integer]) -> OnnxValue:
    refuse_complex(self)
    return g.expand(self, size)


@aten("expand_as")
def expand_as(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return expand_like(g, self, other)


def expand_like(g: Builder, x: OnnxValue, other: OnnxValue) -> OnnxValue:
    """x broadcast to the shape of other, with as few sizes read as possible."""
    target, shape = shape_of(other), shape_of(x)
    if None not in target:
        offset = len(target) - len(shape)
        read = [
            s
            for i, s in enumerate(target)
            if not isinstance(s, int) and (i < offset or shape[i - offset] != s)
        ]
        if not read:
            return g.expand(x, sizes_of(g, other))
    return g.Expand(x, g.shape_vector(other))


@aten("broadcast_tensors")
def broadcast_tensors(
    g: Builder, tensors: Sequence[OnnxValue], result: Sequence[OnnxValue]
) -> list[OnnxValue]:
    return [broadcast_with(g, x, tensors, like) for x, like in zip(tensors, result, strict=True)]


def broadcast_with(
    g: Builder, x: OnnxValue, others: Sequence[OnnxValue], like: OnnxValue
) -> OnnxValue:
    """x broadcast with all of others; ``like`` has the shape that PyTorch says comes out."""
    if like.shape is not None and like.shape == x.shape and None not in like.shape:
        return x
    if like.shape is not None and all(isinstance(size, int) for size in like.shape):
        return g.expand(x, like.shape)  # type: ignore[arg-type]
    for other in others:
        # A tensor of the final shape settles it alone.
        if other.shape is not None and other.shape == like.shape and None not in other.shape:
            return expand_like(g, x, other)
    for other in others:
        if other is not x:
            x = expand_like(g, x, other)
    return x


@aten("meshgrid")
def meshgrid(g: Builder, tensors: Sequence[OnnxValue]) -> list[OnnxValue]:
    return _meshgrid(g, tensors, swapped=False)


@aten("meshgrid.indexing")
def meshgrid_indexing(g: Builder, tensors: Sequence[OnnxValue], indexing: str) -> list[OnnxValue]:
    return _meshgrid(g, tensors, swapped=indexing == "xy" and len(tensors) > 1)


def _meshgrid(g: Builder, tensors: Sequence[OnnxValue], swapped: bool) -> list[OnnxValue]:
    places = list(range(len(tensors)))
    if swapped:
        places[:2] = 1, 0
    flats = [flat(g, tensor) for tensor in tensors]
    sizes = [sizes_of(g, flats[place])[0] for place in places]
    grids = []
    for x, place in zip(flats, places, strict=True):
        others = [axis for axis in range(len(tensors)) if axis != place]
        grids.append(g.expand(g.Unsqueeze(x, axes=others), sizes))
    return grids


# Repeating.


@aten("repeat")
def repeat(g: Builder, self: OnnxValue, repeats: Sequence[Integer]) -> OnnxValue:
    extra = len(repeats) - rank_of(self)
    x = g.Unsqueeze(self, axes=list(range(extra)))
    if all(isinstance(n, int) and n == 1 for n in repeats):
        return x
    return g.Tile(x, g.vector(repeats))


@aten("tile")
def tile(g: Builder, self: OnnxValue, dims: Sequence[Integer]) -> OnnxValue:
    missing = rank_of(self) - len(dims)
    return repeat(g, self, [*[1] * missing, *dims])


@aten("repeat_interleave.self_int")
def repeat_interleave(
    g: Builder,
    self: OnnxValue,
    repeats: Integer,
    dim: int | None = None,
    output_size: Integer | None = None,
) -> OnnxValue:
    x = flat(g, self) if dim is None or self.rank == 0 else self
    axis = axis_of(x, dim or 0)
    size = shape_of(x)[axis]
    if isinstance(repeats, int) and isinstance(size, int) and repeats * size <= LARGEST:
        index = torch.arange(size).repeat_interleave(repeats)
        return x if repeats == 1 else g.Gather(x, index, axis=axis)
    target: list[AnySize] = [-1] * (rank_of(x) + 1)
    target[axis + 1] = repeats
    spread = g.expand(g.Unsqueeze(x, axes=[axis + 1]), target)
    here = sizes_of(g, x)
    whole = size * repeats if isinstance(repeats, int) and isinstance(size, int) else -1
    return g.reshape(spread, [*here[:axis], whole, *here[axis + 1 :]])


@aten("repeat_interleave.self_Tensor")
def repeat_interleave_tensor(
    g: Builder,
    self: OnnxValue,
    repeats: OnnxValue,
    dim: int | None = None,
    output_size: Integer | None = None,
) -> OnnxValue:
    x = flat(g, self) if dim is None or self.rank == 0 else self
    axis = axis_of(x, dim or 0)
    (times,) = shape_of(repeats) or (1,)
    here = shape_of(x)[axis]
    if times == 1 and here != 1:
        number = g.as_vector(repeats)
        number.is_number = True
        return repeat_interleave(g, x, number, axis)
    if not isinstance(times, int) and times != here:
        # There may be one number, for all places.
        repeats = g.expand(repeats, [g.size(x, axis)])
    return g.Gather(x, _repeated_places(g, repeats), axis=axis)


@aten("repeat_interleave.Tensor")
def repeat_interleave_places(
    g: Builder, repeats: OnnxValue, output_size: Integer | None = None
) -> OnnxValue:
    return _repeated_places(g, repeats)


def _repeated_places(g: Builder, repeats: OnnxValue) -> OnnxValue:
    """Each place i of a vector ``repeats[i]`` times: the rows of a mask with that many trues."""
    counts = g.cast(flat(g, repeats), torch.int64)
    # Beside the counts stands a 0, for there is no largest of none.
    largest = g.ReduceMax(g.Concat(counts, g.constant([0]), axis=0), axes=[0], keepdims=0)
    mask = g.Less(g.Range(0, largest, 1), g.Unsqueeze(counts, axes=[1]))
    return g.Gather(g.NonZero(mask), g.constant(0), axis=0)

"""Parts of a tensor at regular places: slice, select, flip, roll, diagonal; writing there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.fold import LARGEST
from torch_onnx.builder.sizes import TO_THE_END
from torch_onnx.builder.values import Integer
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import axis_of, rank_of, shape_of, sizes_of
from torch_onnx.ops.shape import flat, merge_axes, move_axes, transpose
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder
    from torch_onnx.builder.values import OnnxValue

aten = OpTable("slicing")

BACK_TO_THE_START = -(2**63) + 1


# Reading.


@aten("slice.Tensor")
def slice_(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    dim: int = 0,
    start: Integer | None = None,
    end: Integer | None = None,
    step: Integer = 1,
) -> OnnxValue:
    axis = axis_of(self, dim)
    size = shape_of(self)[axis]
    if size is not None and size != 1 and result.shape is not None and result.shape[axis] == size:
        # As many elements as there are: all of them.
        return self
    bounds = [0 if start is None else start], [TO_THE_END if end is None else end]
    return g.Slice(self, *bounds, axes=[axis], steps=None if step == 1 else [step])


@aten("narrow", "narrow_copy")
def narrow(g: Builder, self: OnnxValue, dim: int, start: Integer, length: Integer) -> OnnxValue:
    axis = axis_of(self, dim)
    # Counted from the start, lest -2 + 2 become "end 0".
    start = g.wrap_index(start, self, axis)
    return g.Slice(self, [start], [g.add(start, length)], axes=[axis])


@aten("narrow.Tensor")
def narrow_tensor(
    g: Builder, self: OnnxValue, dim: int, start: OnnxValue, length: Integer
) -> OnnxValue:
    return narrow(g, self, dim, g.as_vector(start), length)


@aten("select.int")
def select(g: Builder, self: OnnxValue, dim: int, index: Integer) -> OnnxValue:
    axis = axis_of(self, dim)
    if shape_of(self)[axis] == 1:
        return g.Squeeze(self, axes=[axis])
    return g.Gather(self, g.scalar(index, torch.int64), axis=axis)


@aten("flip")
def flip(g: Builder, self: OnnxValue, dims: Sequence[int]) -> OnnxValue:
    axes = [axis_of(self, dim) for dim in dims]
    axes = [axis for axis in axes if rank_of(self) and shape_of(self)[axis] != 1]
    if not axes:
        return self
    back = [-1] * len(axes)
    return g.Slice(self, back, [BACK_TO_THE_START] * len(axes), axes=axes, steps=back)


@aten("fliplr")
def fliplr(g: Builder, self: OnnxValue) -> OnnxValue:
    return flip(g, self, [1])


@aten("flipud")
def flipud(g: Builder, self: OnnxValue) -> OnnxValue:
    return flip(g, self, [0])


@aten("rot90")
def rot90(g: Builder, self: OnnxValue, k: int = 1, dims: Sequence[int] = (0, 1)) -> OnnxValue:
    a, b = dims
    if k % 4 == 0:
        return self
    if k % 4 == 2:
        return flip(g, self, dims)
    return transpose(g, flip(g, self, [b if k % 4 == 1 else a]), a, b)


@aten("roll")
def roll(
    g: Builder, self: OnnxValue, shifts: Sequence[Integer], dims: Sequence[int] = ()
) -> OnnxValue:
    if rank_of(self) == 0:
        return self
    if not dims:
        return g.reshape(_roll(g, flat(g, self), shifts[0], 0), sizes_of(g, self))
    for shift, dim in zip(shifts, dims, strict=True):
        self = _roll(g, self, shift, axis_of(self, dim))
    return self


def _roll(g: Builder, x: OnnxValue, shift: Integer, axis: int) -> OnnxValue:
    size = shape_of(x)[axis]
    if isinstance(shift, int) and isinstance(size, int):
        if size == 0 or shift % size == 0:
            return x
        if size <= LARGEST:
            return g.Gather(x, (torch.arange(size) - shift) % size, axis=axis)
    # The element that comes first. An empty axis must not be divided by.
    first = g.mod(g.sub(0, shift), g.maximum(g.size(x, axis), 1))
    ahead = g.Slice(x, [first], [TO_THE_END], axes=[axis])
    return g.Concat(ahead, g.Slice(x, [0], [first], axes=[axis]), axis=axis)


@aten("unfold", "unfold_copy")
def unfold(g: Builder, self: OnnxValue, dimension: int, size: int, step: int) -> OnnxValue:
    if rank_of(self) == 0:
        return g.reshape(self, [size])
    axis = axis_of(self, dimension)
    total = g.known(g.size(self, axis))
    count = (total - size) // step + 1 if isinstance(total, int) else None
    if size == step and isinstance(total, int) and total % size == 0:
        here = sizes_of(g, self)
        parts = g.reshape(self, [*here[:axis], total // size, size, *here[axis + 1 :]])
    elif count is not None and count * size <= LARGEST:
        places = torch.arange(0, count * step, step).unsqueeze(1) + torch.arange(size)
        parts = g.Gather(self, places, axis=axis)
    else:
        starts = g.Range(0, g.scalar(g.sub(g.size(self, axis), size - 1)), step)
        places = g.Add(g.Unsqueeze(starts, axes=[1]), torch.arange(size))
        parts = g.Gather(self, places, axis=axis)
    return move_axes(g, parts, [axis + 1], [-1])


# Diagonals.


@aten("diagonal")
def diagonal_of(
    g: Builder, self: OnnxValue, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> OnnxValue:
    x = move_axes(g, self, [dim1, dim2], [-2, -1])
    rows, columns = g.size(x, -2), g.size(x, -1)
    # In row-major order the diagonal is every (columns + 1)-th element.
    start = offset if offset >= 0 else g.mul(columns, -offset)
    length = _diagonal_length(g, rows, columns, offset)
    step = g.add(columns, 1)
    end = g.add(g.mul(length, step), start)
    rank = rank_of(x)
    return g.Slice(merge_axes(g, x, rank - 2, rank), [start], [end], axes=[rank - 2], steps=[step])


def _diagonal_length(g: Builder, rows: Integer, columns: Integer, offset: int) -> Integer:
    length = g.minimum(g.add(rows, min(offset, 0)), g.sub(columns, max(offset, 0)))
    return g.maximum(length, 0) if offset else length


@aten("linalg_diagonal")
def linalg_diagonal(
    g: Builder,
    A: OnnxValue,
    offset: int = 0,
    dim1: int = -2,
    dim2: int = -1,
) -> OnnxValue:
    return diagonal_of(g, A, offset, dim1, dim2)


@aten("diag_embed")
def diag_embed(
    g: Builder, self: OnnxValue, offset: int = 0, dim1: int = -2, dim2: int = -1
) -> OnnxValue:
    size = g.add(g.size(self, -1), abs(offset))
    square = _on_diagonal(g, g.like(0, self), self, size, size, offset)
    return move_axes(g, square, [-2, -1], [dim1, dim2])


def _on_diagonal(
    g: Builder, x: OnnxValue, values: OnnxValue, rows: Integer, columns: Integer, offset: int
) -> OnnxValue:
    """x (..., rows, columns) with ``values`` on a diagonal of its last two axes."""
    rank = rank_of(values)
    before = max(-offset, 0)
    after = g.sub(rows, g.add(g.size(values, -1), before))
    if not (isinstance(after, int) and before == after == 0):
        values = g.Pad(values, [*[0] * (rank - 1), before, *[0] * (rank - 1), after])
    by_row = g.Unsqueeze(values, axes=[rank])
    return g.Where(diagonal_mask(g, rows, columns, offset), by_row, x)


def diagonal_mask(g: Builder, rows: Integer, columns: Integer, offset: int) -> OnnxValue:
    """A bool matrix that is true where column - row is ``offset``."""
    if isinstance(rows, int) and isinstance(columns, int) and rows * columns <= LARGEST:
        return g.constant(torch.arange(rows).unsqueeze(1) + offset == torch.arange(columns))
    row, column = row_and_column(g, rows, columns)
    return g.Equal(g.Add(row, offset), column)


def row_and_column(g: Builder, rows: Integer, columns: Integer) -> tuple[OnnxValue, OnnxValue]:
    """The numbers of the rows as a column (rows, 1), those of the columns as a vector."""
    row = g.Unsqueeze(g.Range(0, g.scalar(rows), 1), axes=[1])
    return row, g.Range(0, g.scalar(columns), 1)


@aten("diag")
def diag(g: Builder, self: OnnxValue, diagonal: int = 0) -> OnnxValue:
    if rank_of(self) == 1:
        return diag_embed(g, self, diagonal)
    return diagonal_of(g, self, diagonal)


@aten("diagflat")
def diagflat(g: Builder, self: OnnxValue, offset: int = 0) -> OnnxValue:
    return diag_embed(g, flat(g, self), offset)


# Writing.


@aten("select_scatter")
def select_scatter(
    g: Builder, self: OnnxValue, src: OnnxValue, dim: int, index: Integer
) -> OnnxValue:
    axis, rank = axis_of(self, dim), rank_of(self)
    part = g.Unsqueeze(g.cast(src, self.dtype), axes=[axis])
    size = shape_of(self)[axis]
    if size == 1:
        return part
    if isinstance(size, int) and isinstance(index, int):
        here = (torch.arange(size) == index % size).reshape(-1, *[1] * (rank - 1 - axis))
        return g.Where(here, part, self)
    start = g.wrap_index(index, self, axis)
    return _replaced(g, self, part, axis, start, g.add(start, 1))


@aten("slice_scatter")
def slice_scatter(
    g: Builder,
    self: OnnxValue,
    src: OnnxValue,
    dim: int = 0,
    start: Integer | None = None,
    end: Integer | None = None,
    step: int = 1,
) -> OnnxValue:
    axis = axis_of(self, dim)
    part = g.cast(src, self.dtype)
    size = g.known(g.size(self, axis))
    start = 0 if start is None else start
    end = TO_THE_END if end is None else end
    if isinstance(size, int) and isinstance(start, int) and isinstance(end, int):
        places = range(size)[start:end:step]
        if not places:
            return self
        start, end = places[0], places[-1] + 1
        part = _broadcast_part(g, part, self, axis, len(places))
        if len(places) == size:
            return part
        if step != 1:
            return _scattered(g, self, part, axis, g.constant(list(places)))
        return _replaced(g, self, part, axis, start, end)
    return _slice_scatter_dynamic(g, self, part, axis, start, end, step)


def _slice_scatter_dynamic(
    g: Builder,
    x: OnnxValue,
    part: OnnxValue,
    axis: int,
    start: Integer,
    end: Integer,
    step: int,
) -> OnnxValue:
    if not (isinstance(start, int) and start == 0):
        start = g.maximum(g.wrap_index(start, x, axis), 0)
    if step != 1:
        past = g.add(start, g.mul(g.size(part, axis), step))
        places = g.Range(*(g.scalar(n, torch.int64) for n in (start, past, step)))
        return _scattered(g, x, part, axis, places)
    open_ended = isinstance(end, int) and end >= TO_THE_END
    # The part's own size says where it ends, also where the bounds cross or lie outside.
    stop = None if open_ended else g.add(start, g.size(part, axis))
    return _replaced(g, x, part, axis, start, stop)


def _broadcast_part(g: Builder, part: OnnxValue, x: OnnxValue, axis: int, size: int) -> OnnxValue:
    target = sizes_of(g, x)
    target[axis] = size
    return g.expand(part, target)


def _replaced(
    g: Builder, x: OnnxValue, part: OnnxValue, axis: int, start: Integer, stop: Integer | None
) -> OnnxValue:
    """x with ``part`` in place of what lies from start to stop, neither of them negative."""
    pieces = [part]
    if not (isinstance(start, int) and start == 0):
        pieces.insert(0, g.Slice(x, [0], [start], axes=[axis]))
    if stop is not None and not (isinstance(stop, int) and stop == shape_of(x)[axis]):
        pieces.append(g.Slice(x, [stop], [TO_THE_END], axes=[axis]))
    return g.Concat(*pieces, axis=axis)


def _scattered(
    g: Builder, x: OnnxValue, part: OnnxValue, axis: int, places: OnnxValue
) -> OnnxValue:
    """x with ``part`` at the places (a vector) along an axis."""
    x, part = move_axes(g, x, [axis], [0]), move_axes(g, part, [axis], [0])
    written = g.ScatterND(x, g.Unsqueeze(places, axes=[1]), part)
    return move_axes(g, written, [0], [axis])


@aten("diagonal_scatter")
def diagonal_scatter(
    g: Builder, self: OnnxValue, src: OnnxValue, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> OnnxValue:
    x = move_axes(g, self, [dim1, dim2], [-2, -1])
    part = g.cast(src, self.dtype)
    written = _on_diagonal(g, x, part, g.size(x, -2), g.size(x, -1), offset)
    return move_axes(g, written, [-2, -1], [axis_of(self, dim1), axis_of(self, dim2)])


@aten("as_strided", "as_strided_copy")
def as_strided(
    g: Builder,
    self: OnnxValue,
    size: Sequence[Integer],
    stride: Sequence[Integer],
    storage_offset: Integer | None = None,
) -> OnnxValue:
    places = _strided_places(self, size, stride, storage_offset)
    return g.Gather(flat(g, self), places, axis=0)


@aten("as_strided_scatter")
def as_strided_scatter(
    g: Builder,
    self: OnnxValue,
    src: OnnxValue,
    size: Sequence[Integer],
    stride: Sequence[Integer],
    storage_offset: Integer | None = None,
) -> OnnxValue:
    places = g.constant(_strided_places(self, size, stride, storage_offset).reshape(-1))
    written = g.ScatterElements(flat(g, self), places, flat(g, g.cast(src, self.dtype)), axis=0)
    return g.reshape(written, sizes_of(g, self))


def _strided_places(
    x: OnnxValue, size: Sequence[Integer], stride: Sequence[Integer], storage_offset: Integer | None
) -> torch.Tensor:
    """Where in the memory of x each element lies."""
    lengths = [n for n in size if isinstance(n, int)]
    steps = [n for n in stride if isinstance(n, int)]
    start = storage_offset or 0
    if len(lengths) + len(steps) < len(size) + len(stride) or not isinstance(start, int):
        raise NotExpressible("as_strided needs sizes and strides known when the model is exported")
    _refuse_unknown_order(x)
    places = torch.tensor(start)
    for length, step in zip(lengths, steps, strict=True):
        places = places.unsqueeze(-1) + torch.arange(length) * step
    return places


# What these give lies in memory as what they are given.
KEEPS_ORDER = frozenset({"Cast", "DequantizeLinear", "Identity", "QuantizeLinear"})


def _refuse_unknown_order(x: OnnxValue) -> None:
    """Only inputs and parameters are sure to lie in memory in the order of their elements."""
    made_by = None if x.value is None else x.value.producer()
    while made_by is not None and made_by.op_type in KEEPS_ORDER:
        (given, *_) = made_by.inputs
        made_by = None if given is None else given.producer()
    if made_by is not None or (x.parameter is not None and not x.parameter.is_contiguous()):
        raise NotExpressible("it reads memory in an order that the graph does not tell")


@aten("resize")
def resize(g: Builder, self: OnnxValue, size: Sequence[Integer]) -> OnnxValue:
    """What lies in memory in another shape. PyTorch leaves open what more there is: zeros here."""
    if list(size) == list(shape_of(self)):
        return self
    _refuse_unknown_order(self)
    number = g.product(size)
    more = g.ConstantOfShape(g.vector([number]), value=torch.zeros(1, dtype=self.dtype))
    known = shape_of(self)
    if isinstance(number, int) and all(isinstance(n, int) for n in known):
        lacking = max(number - math.prod(n for n in known if isinstance(n, int)), 0)
        more = g.Slice(more, [0], [lacking], axes=[0])
    elements = g.Slice(g.Concat(flat(g, self), more, axis=0), [0], [number], axes=[0])
    return g.reshape(elements, size)


@aten("resize_as")
def resize_as(g: Builder, self: OnnxValue, the_template: OnnxValue) -> OnnxValue:
    return resize(g, self, g.sizes(the_template))

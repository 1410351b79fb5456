"""Parts of stacks of matrices ``(..., rows, columns)``, as decompositions of them need them.

The axes before the last two are left as they are: elementwise operators, MatMul and Gather along
the last axes treat all matrices alike, also none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.ops.axes import rank_of, sizes_of
from torch_onnx.ops.shape import matrix_transpose

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder
    from torch_onnx.builder.sizes import AnySize


def rows_of(g: Builder, x: OnnxValue) -> Integer:
    return g.size(x, rank_of(x) - 2)


def columns_of(g: Builder, x: OnnxValue) -> Integer:
    return g.size(x, rank_of(x) - 1)


def batch_of(g: Builder, x: OnnxValue) -> list[AnySize]:
    """The sizes before those of the matrices."""
    return sizes_of(g, x)[:-2]


def numbers(g: Builder, count: Integer) -> OnnxValue:
    """0, 1, 2 … of int64."""
    return g.Range(g.constant(0), g.scalar(count), g.constant(1))


def transposed(g: Builder, x: OnnxValue) -> OnnxValue:
    return matrix_transpose(g, x)


def diagonal(g: Builder, x: OnnxValue) -> OnnxValue:
    """``(..., min(rows, columns))``."""
    rows, columns = rows_of(g, x), columns_of(g, x)
    # No Reshape, which could not tell a batch of none from a size to copy.
    on_it = g.Equal(as_column(g, numbers(g, rows)), numbers(g, columns))
    found = total(g, g.Where(on_it, x, g.like(0, x)))
    if isinstance(rows, int) and isinstance(columns, int) and rows <= columns:
        return found
    if (x.shape or ())[-2:-1] == (x.shape or ())[-1:] != (None,):
        return found
    return g.Slice(found, [0], [columns], axes=[rank_of(found) - 1])


def column(g: Builder, x: OnnxValue, index: OnnxValue) -> OnnxValue:
    """One column of each matrix as ``(..., rows)``; ``index`` is a zero-dimensional int64."""
    return g.Gather(x, index, axis=rank_of(x) - 1)


def row(g: Builder, x: OnnxValue, index: OnnxValue) -> OnnxValue:
    """One row of each matrix as ``(..., columns)``."""
    return g.Gather(x, index, axis=rank_of(x) - 2)


def element(g: Builder, x: OnnxValue, index: OnnxValue) -> OnnxValue:
    """One element of each vector as ``(..., 1)``."""
    return g.Gather(x, g.Unsqueeze(index, axes=[0]), axis=rank_of(x) - 1)


def as_column(g: Builder, x: OnnxValue) -> OnnxValue:
    """Vectors ``(..., n)`` as ``(..., n, 1)``."""
    return g.Unsqueeze(x, axes=[rank_of(x)])


def as_row(g: Builder, x: OnnxValue) -> OnnxValue:
    """Vectors ``(..., n)`` as ``(..., 1, n)``."""
    return g.Unsqueeze(x, axes=[rank_of(x) - 1])


def outer(g: Builder, left: OnnxValue, right: OnnxValue) -> OnnxValue:
    """Every element of the one vector by every element of the other."""
    return g.Mul(as_column(g, left), as_row(g, right))


def total(g: Builder, x: OnnxValue, axis: int = -1) -> OnnxValue:
    return g.ReduceSum(x, axes=[axis], keepdims=0)


def largest(g: Builder, x: OnnxValue, axes: tuple[int, ...] = (-2, -1)) -> OnnxValue:
    """The largest absolute value, axes kept; 0 where there are no elements."""
    found = g.ReduceMax(g.Abs(x), axes=[*axes])
    return g.Max(found, g.like(0, x))


def identity(g: Builder, rows: Integer, columns: Integer, dtype: torch.dtype) -> OnnxValue:
    empty = g.ConstantOfShape(g.vector([rows, columns]), value=torch.zeros(1, dtype=dtype))
    return g.EyeLike(empty)


def identities(g: Builder, like: OnnxValue, rows: Integer, columns: Integer) -> OnnxValue:
    """An identity for each matrix of ``like``."""
    return g.expand(identity(g, rows, columns, like.dtype), [*batch_of(g, like), rows, columns])


def each_count(g: Builder, like: OnnxValue, count: Integer) -> OnnxValue:
    """0, 1, 2 … for each matrix of ``like``: ``(..., count)``."""
    return g.expand(numbers(g, count), [*batch_of(g, like), count])


def zeros(g: Builder, sizes: list[AnySize], dtype: torch.dtype) -> OnnxValue:
    return g.ConstantOfShape(g.vector(sizes), value=torch.zeros(1, dtype=dtype))


def take_rows(g: Builder, x: OnnxValue, index: OnnxValue) -> OnnxValue:
    """The rows in another order for each matrix: ``index`` is ``(..., rows)``."""
    # A row that is taken is taken whole; the index' batch may have fewer axes, or of size 1.
    places = g.Expand(as_column(g, index), g.vector([*sizes_of(g, x)[:-2], 1, columns_of(g, x)]))
    return g.GatherElements(x, places, axis=rank_of(x) - 2)


def take_columns(g: Builder, x: OnnxValue, index: OnnxValue) -> OnnxValue:
    """The columns in another order for each matrix: ``index`` is ``(..., columns)``."""
    places = g.Expand(as_row(g, index), g.vector([*sizes_of(g, x)[:-1], 1]))
    return g.GatherElements(x, places, axis=rank_of(x) - 1)


def to_batch_of(g: Builder, x: OnnxValue, other: OnnxValue) -> OnnxValue:
    """x, its batch broadcast with that of ``other``."""
    mine, its = (x.shape or ())[:-2], (other.shape or ())[:-2]
    if None not in its and its == mine[len(mine) - len(its) :]:
        return x
    # ONNX's Expand broadcasts both ways.
    return g.Expand(x, g.vector([*batch_of(g, other), 1, 1]))


def first_zero(g: Builder, values: OnnxValue) -> OnnxValue:
    """The number of the first zero of each vector, from 1; 0 where there is none; int32."""
    return first_place(g, g.Equal(values, g.like(0, values)))


def first_place(g: Builder, wanted: OnnxValue) -> OnnxValue:
    """The number of the first true of each vector, from 1; 0 where there is none; int32."""
    size = g.size(wanted, rank_of(wanted) - 1)
    from_the_end = g.Sub(g.scalar(size), numbers(g, size))
    found = g.ReduceMax(g.Where(wanted, from_the_end, g.constant(0)), axes=[-1], keepdims=0)
    place = g.Sub(g.Add(g.scalar(size), g.constant(1)), found)
    return g.cast(g.Where(g.Greater(found, g.constant(0)), place, g.constant(0)), torch.int32)


def are_vectors(a: OnnxValue, b: OnnxValue) -> bool:
    """Whether b holds one vector for each matrix, by PyTorch's rule."""
    if rank_of(b) == 1:
        return True
    return rank_of(b) == rank_of(a) - 1 and b.shape == (a.shape or ())[:-1]


def swapped(g: Builder, all_rows: OnnxValue, i: OnnxValue, j: OnnxValue) -> OnnxValue:
    """The numbers of the rows with i (one for all) and j ``(..., 1)`` in each other's place."""
    moved = g.Where(g.Equal(all_rows, j), i, all_rows)
    return g.Where(g.Equal(all_rows, i), j, moved)


def any_of(g: Builder, flags: OnnxValue) -> OnnxValue:
    """Whether any at all is true; zero-dimensional."""
    found = g.ReduceMax(g.cast(flags, torch.int32), axes=list(range(rank_of(flags))), keepdims=0)
    return g.Greater(found, g.constant(0, torch.int32))

"""Indices that vary along axes of their own, as open grids do: one Gather an axis, or none.

``x[rows[:, None], columns[None, :]]`` needs no broadcast of the indices, and an index that counts
0, 1, 2 … to the end of its axis picks what is there already. Attention masks of transformers are
read this way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import KnownSize, OnnxValue

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

Given = Sequence[tuple[int, OnnxValue]]


def outer_index(g: Builder, x: OnnxValue, given: Given) -> OnnxValue | None:
    """``x`` indexed on neighbouring axes by indices that vary along axes of their own."""
    axes = [axis for axis, _ in given]
    varying = _varying_axes([index for _, index in given])
    if varying is None or axes != list(range(axes[0], axes[0] + len(axes))):
        return None
    rank, places = varying
    for (axis, index), place in zip(given, places, strict=True):
        vector = _along(g, index, place - (rank - (index.rank or 0)))
        if not counts_to(vector, None if x.shape is None else x.shape[axis]):
            x = g.Gather(x, g.cast(vector, torch.int64), axis=axis)
    ones = [axes[0] + place for place in range(rank) if place not in places]
    return g.Unsqueeze(x, axes=ones) if ones else x


def _varying_axes(indices: Sequence[OnnxValue]) -> tuple[int, list[int]] | None:
    """The common rank, and for each index the one axis along which it varies, ascending."""
    if any(index.shape is None or index.dtype in (torch.bool, torch.uint8) for index in indices):
        return None
    rank = max(index.rank or 0 for index in indices)
    places = []
    for index in indices:
        shape = index.shape or ()
        wide = [axis for axis, size in enumerate(shape) if size != 1]
        if len(wide) != 1:
            return None
        places.append(wide[0] + rank - len(shape))
    return (rank, places) if places == sorted(set(places)) else None


def _along(g: Builder, index: OnnxValue, axis: int) -> OnnxValue:
    others = [i for i in range(index.rank or 0) if i != axis]
    vector: OnnxValue = g.Squeeze(index, axes=others) if others else index
    return vector


def counts_to(vector: OnnxValue, size: KnownSize) -> bool:
    """Whether a vector is known to be 0, 1, … size - 1."""
    if size is None:
        return False
    constant = vector.constant
    if constant is not None:
        return isinstance(size, int) and constant.tolist() == list(range(size))
    made = vector.made_by
    if made is None or made.operator != "Range":
        return False
    start, limit, step = made.inputs
    if not (_is_number(start, 0) and _is_number(step, 1)) or limit is None:
        return False
    if isinstance(size, int):
        return _is_number(limit, size)
    number = limit
    while number.made_by is not None and number.made_by.operator in ("Squeeze", "Cast"):
        number = number.made_by.inputs[0] or number
        if number.expression is not None:
            break
    return number.expression == size


def _is_number(value: OnnxValue | None, number: int) -> bool:
    return value is not None and value.constant is not None and value.constant.item() == number

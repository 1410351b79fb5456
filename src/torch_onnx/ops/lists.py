"""Lists of tensors whose length is known at run time only: ONNX's sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import onnx_ir as ir
import torch

from torch_onnx.builder.dtypes import TO_ONNX, real_of
from torch_onnx.builder.values import Integer, Number, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

python = OpTable("lists")


@python("python::list_make")
def make(g: Builder, tensors: Sequence[OnnxValue], result: OnnxValue) -> OnnxValue:
    if not tensors:
        dtype = {"dtype": int(TO_ONNX[real_of(result.dtype)])}
        return g.sequence("SequenceEmpty", [], result, dtype)
    return g.sequence("SequenceConstruct", tensors, result)


@python("python::list_split")
def split(
    g: Builder, tensor: OnnxValue, size: Integer | None, dim: int, result: OnnxValue
) -> OnnxValue:
    if size is None:
        attributes = {"axis": dim, "keepdims": 0}
        return g.sequence("SplitToSequence", [tensor], result, attributes)
    return g.sequence("SplitToSequence", [tensor, g.scalar(size)], result, {"axis": dim})


@python("python::list_insert")
def insert(
    g: Builder, list: OnnxValue, tensor: OnnxValue, position: Integer | None, result: OnnxValue
) -> OnnxValue:
    places = []
    if position is not None:
        # Python puts an element at the end where the place lies beyond it.
        length = size(g, list)
        wrapped = _clipped(g, position, length)
        places = [g.scalar(wrapped)]
    return g.sequence("SequenceInsert", [list, tensor, *places], result)


@python("python::list_erase")
def erase(g: Builder, list: OnnxValue, index: Integer, result: OnnxValue) -> OnnxValue:
    return g.sequence("SequenceErase", [list, g.scalar(index)], result)


@python("python::list_set")
def set_item(
    g: Builder, list: OnnxValue, index: Integer, tensor: OnnxValue, result: OnnxValue
) -> OnnxValue:
    place = index
    if not isinstance(index, int) or index < 0:
        # After the erasure the list is shorter, and a negative index means another place.
        place = _wrapped(g, index, size(g, list))
    shorter = g.sequence("SequenceErase", [list, g.scalar(place)], result)
    return g.sequence("SequenceInsert", [shorter, tensor, g.scalar(place)], result)


@python("python::list_item")
def item(g: Builder, list: OnnxValue, index: Integer, result: OnnxValue) -> OnnxValue:
    types = [(result.dtype, result.shape)]
    return g.raw_node("", "SequenceAt", [list, g.scalar(index)], {}, types)[0]


@python("python::list_length")
def length(g: Builder, list: OnnxValue) -> OnnxValue:
    return size(g, list)


@python("python::list_stack")
def stack(g: Builder, list: OnnxValue, dim: int, result: OnnxValue) -> OnnxValue:
    return _joined(g, list, {"axis": dim, "new_axis": 1}, result)


@python("python::list_cat")
def cat(g: Builder, list: OnnxValue, dim: int, result: OnnxValue) -> OnnxValue:
    return _joined(g, list, {"axis": dim}, result)


@python("python::list_concat")
def concat(g: Builder, a: OnnxValue, b: OnnxValue, result: OnnxValue) -> OnnxValue:
    return _collected(g, a, size(g, b), lambda turn: _at(g, b, turn), result)


@python("python::list_slice")
def sliced(
    g: Builder,
    list: OnnxValue,
    start: Integer | None,
    stop: Integer | None,
    step: int,
    result: OnnxValue,
) -> OnnxValue:
    count = size(g, list)
    low, high = (0, count) if step > 0 else (-1, g.sub(count, 1))
    first, last = (low, high) if step > 0 else (high, low)
    if start is not None:
        first = _between(g, _wrapped(g, start, count), low, high)
    if stop is not None:
        last = _between(g, _wrapped(g, stop, count), low, high)
    span = g.sub(last, first) if step > 0 else g.sub(first, last)
    turns = g.maximum(g.floordiv(g.add(span, abs(step) - 1), abs(step)), 0)

    def taken(turn: OnnxValue) -> OnnxValue:
        return _at(g, list, g.add(first, g.mul(turn, step)))

    return _collected(g, make(g, [], result), turns, taken, result)


def size(g: Builder, list: OnnxValue) -> OnnxValue:
    """The number of elements."""
    (count,) = g.raw_node("", "SequenceLength", [list], {}, [(torch.int64, ())])
    number: OnnxValue = g.Unsqueeze(count, axes=[0])
    number.is_number = True
    return number


def _at(g: Builder, list: OnnxValue, index: Integer) -> OnnxValue:
    return g.raw_node("", "SequenceAt", [list, g.scalar(index)], {}, [(list.dtype, list.shape)])[0]


def _wrapped(g: Builder, index: Integer, length: Integer) -> Integer:
    """An index that counts from the start: a negative one counts from the end."""
    if isinstance(index, int):
        return index if index >= 0 else g.add(index, length)
    chosen: OnnxValue = g.Where(g.Less(index, [0]), g.add(index, length), index)
    chosen.is_number = True
    return chosen


def _between(g: Builder, index: Integer, low: Integer, high: Integer) -> Integer:
    return g.minimum(g.maximum(index, low), high)


def _clipped(g: Builder, index: Integer, length: Integer) -> Integer:
    return _between(g, _wrapped(g, index, length), 0, length)


def _joined(
    g: Builder, list: OnnxValue, attributes: dict[str, Any], result: OnnxValue
) -> OnnxValue:
    types = [(result.dtype, result.shape)]
    return g.raw_node("", "ConcatFromSequence", [list], attributes, types)[0]


def _collected(
    g: Builder,
    start: OnnxValue,
    turns: Number,
    element: Callable[[OnnxValue], OnnxValue],
    result: OnnxValue,
) -> OnnxValue:
    """``start`` with ``element(turn)`` put at its end, turn by turn."""
    if g.opset < 13:
        raise NotExpressible("lists of a length known at run time are put together", since=13)
    kind = ir.SequenceType(ir.TensorType(TO_ONNX[real_of(result.dtype)]))
    names = [g.unique_name(name) for name in ("turn", "again", "carried")]
    types: tuple[ir.TypeProtocol, ...] = (
        ir.TensorType(ir.DataType.INT64),
        ir.TensorType(ir.DataType.BOOL),
        kind,
    )
    turn, again, carried = (
        ir.Value(name=name, type=type_, shape=None if type_ is kind else ir.Shape([]))
        for name, type_ in zip(names, types, strict=True)
    )
    with g.scope() as scope:
        index = g.Unsqueeze(OnnxValue(torch.int64, (), value=turn), axes=[0])
        index.is_number = True
        list_ = OnnxValue(result.dtype, result.shape, value=carried, is_sequence=True)
        longer = g.sequence("SequenceInsert", [list_, element(index)], result)
        (flag,) = g.raw_node(
            "", "Identity", [OnnxValue(torch.bool, (), value=again)], {}, [(torch.bool, ())]
        )
        assert longer.value is not None
        assert flag.value is not None
        longer.value.type = kind
        outputs = [flag.value, longer.value]
    body = ir.Graph([turn, again, carried], outputs, nodes=scope.nodes, name=g.unique_name("body"))
    return g.sequence("Loop", [g.scalar(turns), None, start], result, {"body": body})

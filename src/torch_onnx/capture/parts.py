"""How many parts split, chunk and unbind give: in a program as many as for the example, always."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.assumptions import LARGE, TRIED_SIZES, DynamicAxes, holds_where
from torch_onnx.graph import AtenGraph, Call, Value

COUNTED = frozenset(
    {
        *("aten::split.Tensor", "aten::unsafe_split.Tensor"),
        *("aten::chunk", "aten::unsafe_chunk", "aten::unbind.int"),
    }
)


def number_of_parts(name: str, size: int, by: int) -> int:
    """``by`` is the size of each part, or in ``chunk`` how many there are to be.

    Of size 1 are those of ``unbind``.
    """
    if name.endswith("chunk"):
        if size == 0:
            return by
        by = -(-size // by)
    return max(1, -(-size // by)) if by else 1


def are_as_many(name: str, count: int, size: int, by: int) -> bool:
    return number_of_parts(name, size, by) == count


def argument_of(args: Mapping[str, Any]) -> Any:
    """The size of each part, or in ``chunk`` how many."""
    return args.get("split_size", args.get("chunks", 1))


def condition(name: str, size: object, by: object, count: int) -> str:
    """Which sizes give this many parts, as the user reads it."""
    if name.endswith("chunk"):
        return f"{size} > 1" if (by, count) == (2, 2) else f"{size} makes {count} chunks"
    if by == 1:
        return f"{size} == {count}"
    if not isinstance(by, int):
        return f"{size} makes {count} parts of {by}"
    return f"{size} <= {by}" if count == 1 else f"{by * (count - 1)} < {size} <= {by * count}"


def notes_of_parts(graph: AtenGraph, dynamic: DynamicAxes) -> list[str]:
    """Where a captured program gives as many parts as for the example, and PyTorch may not."""
    ranges = {
        compat.expression_of(graph.inputs[index].fake.shape[axis]): (
            max(spec.min or 1, 1),
            spec.max or LARGE,
        )
        for index, axes in dynamic.items()
        for axis, spec in axes.items()
        if isinstance(graph.inputs[index].fake.shape[axis], torch.SymInt)
    }
    notes = []
    for call in _all_calls(graph.calls):
        if call.op.name not in COUNTED or not isinstance(call.outputs[0], list):
            continue
        x: Any = call.args["self"]
        name, axis, count = call.op.name, call.args["dim"], len(call.outputs[0])
        by = argument_of(call.args)
        if not isinstance(axis, int) or _always(name, x.fake.shape[axis], by, count, ranges):
            continue
        shown = by.expression if isinstance(by, Value) else by
        text = condition(name, x.shape[axis], shown, count)
        notes.append(holds_where(text, call.source.frame))
    return list(dict.fromkeys(notes))


def _all_calls(calls: Sequence[Call]) -> Iterator[Call]:
    for call in calls:
        yield call
        for block in call.blocks:
            yield from _all_calls(block.calls)


def _always(
    name: str, size: Any, by: Any, count: int, ranges: Mapping[Any, tuple[int, int]]
) -> bool:
    """Whether the sizes tried give this many parts, all of them."""
    numbers = [number.fake if isinstance(number, Value) else number for number in (size, by)]
    symbols = compat.symbols_of(numbers)
    for base in TRIED_SIZES if symbols else ():
        chosen = {}
        for place, symbol in enumerate(symbols):
            low, high = ranges.get(symbol, (1, LARGE))
            chosen[symbol] = min(max(base + 7 * place, low), high)
        length, part = (compat.number_for(number, chosen) for number in numbers)
        if length is None or part is None or not are_as_many(name, count, length, part):
            return False
    return True

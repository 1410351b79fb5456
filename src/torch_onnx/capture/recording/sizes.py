"""Sizes of results: which are the same in every run, and what the others are made of.

An operator has been run at two sizes of each dynamic dim. A size that came out the same is known;
another one is looked for among the sizes and numbers that went in, and must agree with both runs.
What is not found gets a name of its own and is read from the tensor at run time, which is always
right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch_onnx.capture.recording.expressions import Expression, integer
from torch_onnx.capture.recording.numbers import RecordedInt, expression_of, other_value, plain
from torch_onnx.graph import Argument, Operator

TO_THE_END = 2**62
"""Ends of slices from here on mean "to the end"."""


@dataclass(frozen=True, slots=True)
class Known:
    """A size or number with its values in both runs."""

    first: int
    second: int
    expression: Expression

    @property
    def pair(self) -> tuple[int, int]:
        return self.first, self.second

    @property
    def is_dynamic(self) -> bool:
        return self.expression.constant is None


@dataclass(frozen=True, slots=True)
class TypedTensor:
    """A tensor argument's sizes."""

    sizes: tuple[Known, ...]


def result_sizes(
    op: Operator,
    tensors: Sequence[TypedTensor],
    args: dict[str, Argument],
    first: Sequence[int],
    second: Sequence[int],
) -> list[Expression | None]:
    """The sizes of one result, None where one is to be named."""
    if op.name == "aten::slice.Tensor" and tensors:
        return _sliced(tensors[0], args, first, second)
    found: list[Expression | None] = []
    for axis, pair in enumerate(zip(first, second, strict=True)):
        if pair[0] == pair[1]:
            found.append(integer(pair[0]))
        else:
            found.append(_find(op, tensors, args, axis, len(first), pair))
    return found


def _find(
    op: Operator,
    tensors: Sequence[TypedTensor],
    args: dict[str, Argument],
    axis: int,
    rank: int,
    pair: tuple[int, int],
) -> Expression | None:
    numbers = list(_numbers(args))
    for known in numbers:
        if known.is_dynamic and known.pair == pair:
            return known.expression
    for known in _nearest(tensors, axis, rank):
        if known.is_dynamic and known.pair == pair:
            return known.expression
    for candidate in _composed(op, tensors, args, axis, rank, numbers):
        if candidate.pair == pair:
            return candidate.expression
    return None


def _numbers(argument: Any) -> Iterator[Known]:
    """The integers among a call's arguments."""
    if isinstance(argument, dict):
        argument = list(argument.values())
    if isinstance(argument, (list, tuple)):
        for item in argument:
            yield from _numbers(item)
    elif isinstance(argument, int) and not isinstance(argument, bool):
        expression = expression_of(argument)
        if expression is not None:
            yield Known(plain(argument), other_value(argument), expression)


def _nearest(tensors: Sequence[TypedTensor], axis: int, rank: int) -> Iterator[Known]:
    """Sizes that went in: first those of the same axis, counted as broadcasting does."""
    for tensor in tensors:
        place = axis - rank + len(tensor.sizes)
        if 0 <= place < len(tensor.sizes):
            yield tensor.sizes[place]
    for tensor in tensors:
        yield from tensor.sizes


def _composed(
    op: Operator,
    tensors: Sequence[TypedTensor],
    args: dict[str, Argument],
    axis: int,
    rank: int,
    numbers: Sequence[Known],
) -> Iterator[Known]:
    base = op.name.removeprefix("aten::").partition(".")[0]
    if base in ("cat", "concat", "concatenate", "hstack", "vstack", "dstack"):
        yield _sum([t.sizes[axis] for t in tensors if axis < len(t.sizes)])
        return
    if base in ("pad", "constant_pad_nd") and tensors:
        own = tensors[0].sizes
        added = list(_numbers(args.get("pad", [])))
        place = 2 * (len(own) - 1 - axis)
        yield _sum([own[axis], *added[place : place + 2]])
        return
    for tensor in tensors[:1]:
        sizes = tensor.sizes
        # flatten, reshape: neighbouring axes joined.
        for start in range(len(sizes)):
            for end in range(start + 2, len(sizes) + 1):
                yield _product(sizes[start:end])
        whole = _product(sizes)
        for other in _quotients(whole, numbers):
            yield other
        for size in sizes:
            if size.is_dynamic:
                for number in numbers:
                    yield _product([size, number])
                yield from _scaled(size)
    for known in numbers:
        for other in numbers:
            if known is not other and known.is_dynamic:
                yield _difference(known, other)


def _scaled(size: Known) -> Iterator[Known]:
    """Small multiples and offsets: an up-sampling, a convolution without padding."""
    for factor in (2, 3, 4, 8, 16):
        yield _product([size, Known(factor, factor, integer(factor))])
    for offset in (1, -1, 2, -2, 3, -3, 4, -4):
        yield _sum([size, Known(offset, offset, integer(offset))])


def _quotients(whole: Known, numbers: Sequence[Known]) -> Iterator[Known]:
    """What ``-1`` stands for in a reshape."""
    wanted = [number for number in numbers if number.first > 0]
    for count in range(1, len(wanted) + 1):
        for start in range(len(wanted) - count + 1):
            divisor = _product(wanted[start : start + count])
            if whole.first % divisor.first or whole.second % divisor.second:
                continue
            quotient = whole.expression.divided_by(divisor.expression)
            if quotient is not None:
                yield Known(whole.first // divisor.first, whole.second // divisor.second, quotient)
    # The numbers around the -1, taken together.
    divisor = _product(wanted)
    if wanted and not whole.first % divisor.first and not whole.second % divisor.second:
        quotient = whole.expression.divided_by(divisor.expression)
        if quotient is not None:
            yield Known(whole.first // divisor.first, whole.second // divisor.second, quotient)


def _product(sizes: Sequence[Known]) -> Known:
    first, second, expression = 1, 1, integer(1)
    for size in sizes:
        first, second = first * size.first, second * size.second
        expression = expression * size.expression
    return Known(first, second, expression)


def _sum(sizes: Sequence[Known]) -> Known:
    first, second, expression = 0, 0, integer(0)
    for size in sizes:
        first, second = first + size.first, second + size.second
        expression = expression + size.expression
    return Known(first, second, expression)


def _difference(a: Known, b: Known) -> Known:
    return Known(a.first - b.first, a.second - b.second, a.expression - b.expression)


def _sliced(
    tensor: TypedTensor, args: dict[str, Argument], first: Sequence[int], second: Sequence[int]
) -> list[Expression | None]:
    """A slice cuts off what lies outside of the tensor, which two runs do not show."""
    axis = args["dim"] % len(tensor.sizes)
    found: list[Expression | None] = [size.expression for size in tensor.sizes]
    size = tensor.sizes[axis]
    if not size.is_dynamic and first[axis] == second[axis]:
        known = not any(isinstance(args[name], RecordedInt) for name in ("start", "end"))
        found[axis] = integer(first[axis]) if known else _cut(size, args, first, second, axis)
        return found
    found[axis] = _cut(size, args, first, second, axis)
    return found


def _cut(
    size: Known, args: dict[str, Argument], first: Sequence[int], second: Sequence[int], axis: int
) -> Expression | None:
    start, end, step = args["start"] or 0, args["end"], args["step"]
    if step != 1:
        return None
    stop = size
    if end is not None and plain(end) < TO_THE_END:
        if not isinstance(end, RecordedInt) and plain(end) >= 0:
            if size.is_dynamic:
                return None
            stop = Known(end, end, integer(end))
        else:
            (bound,) = _numbers(end) if expression_of(end) is not None else (None,)
            if bound is None:
                return None
            stop = _sum([size, bound]) if bound.first < 0 else bound
    (begin,) = _numbers(start) if expression_of(start) is not None else (None,)
    if begin is None:
        return None
    if begin.first < 0:
        if not begin.is_dynamic and size.is_dynamic:
            return None
        begin = _sum([size, begin])
    result = _difference(stop, begin)
    if result.pair != (first[axis], second[axis]):
        return None
    return result.expression

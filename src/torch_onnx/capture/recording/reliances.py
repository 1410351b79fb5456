"""Comparisons of sizes that decided which way a run went: what the user should know of them.

Many do not matter: `length > 1 and mask is None` is False either way. So the model is run once more
at sizes for which a comparison comes out otherwise; where it makes the same calls, nothing is said.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch_onnx.capture.assumptions import LARGE, TRIED_SIZES, DynamicAxes, holds_where
from torch_onnx.capture.recording.entries import Entry, Reliance
from torch_onnx.capture.recording.expressions import Expression
from torch_onnx.capture.recording.numbers import RECORDED, RecordedInt
from torch_onnx.capture.recording.recorder import Recorder

Sizes = Mapping[str, int]
"""Sizes of inputs by the names of dims."""

MOST_RUNS = 2


def notes(
    recorder: Recorder, dynamic: DynamicAxes, run: Callable[[Sizes], Sequence[Entry] | None]
) -> list[str]:
    """What holds for the recorded program and was not asked for.

    ``run`` gives the log of a run at other sizes, None where the model refuses them.
    """
    ranges = {
        spec.name or "": (spec.min or 0, spec.max or LARGE)
        for axes in dynamic.values()
        for spec in axes.values()
    }
    named = {name for name in ranges if name}
    deciding: dict[Reliance, Sizes | None] = {}
    for reliance in recorder.reliances:
        for sizes in _otherwise(recorder, reliance, ranges):
            possible = sizes if sizes is not None and sizes.keys() <= named else None
            deciding.setdefault(reliance, possible)
            break
    harmless = _harmless(recorder, deciding, run)
    found: dict[Any, list[str]] = {}
    for reliance in deciding:
        texts = found.setdefault(reliance.frame, []) if reliance not in harmless else []
        if reliance.text not in texts:
            texts.append(reliance.text)
    return [holds_where(" and ".join(texts), frame) for frame, texts in found.items()]


def goes_this_way(recorder: Recorder, reliance: Reliance, sizes: Sizes) -> bool:
    """Whether a comparison comes out alike for these sizes, as far as that can be told."""
    return _answer(recorder, reliance, sizes) in (None, reliance.answer)


def _otherwise(
    recorder: Recorder, reliance: Reliance, ranges: Mapping[str, tuple[int, int]]
) -> Iterator[Sizes | None]:
    """Sizes that were asked for and for which the comparison comes out otherwise."""
    if reliance.left is None or reliance.right is None:
        yield None
        return
    equal: list[Sizes] = []
    for sizes in _tried(recorder, reliance, ranges):
        if _answer(recorder, reliance, sizes) is reliance.answer:
            continue
        a, b = (_evaluate(recorder, form, sizes) for form in (reliance.left, reliance.right))
        if a is not None and a == b:
            # The larger of two equal sizes is either: others tell more.
            equal.append(sizes)
        else:
            yield sizes
    yield from equal


def _tried(
    recorder: Recorder, reliance: Reliance, ranges: Mapping[str, tuple[int, int]]
) -> Iterator[Sizes]:
    """Usual sizes, and those about a comparison's own numbers; each of two dims is larger once."""
    assert reliance.left is not None
    assert reliance.right is not None
    forms = [reliance.left, reliance.right]
    given, numbers = sorted(_given(recorder, forms)), sorted(_numbers(recorder, forms))
    near = [n + d for n in numbers for d in (0, 1, -1)] + [2 * n for n in numbers]
    bases = [*TRIED_SIZES, *(n for n in near if 0 <= n <= LARGE)]
    for order in (given, given[::-1]) if len(given) > 1 else (given,):
        for index, base in enumerate(bases):
            sizes: dict[str, int] = {}
            for place, name in enumerate(order):
                low, high = ranges.get(name, (0, LARGE))
                sizes[name] = min(max(base + 7 * place * index, low), high)
            yield sizes


def _numbers(recorder: Recorder, forms: Sequence[Expression]) -> set[int]:
    """The plain numbers in forms and in what their sizes are computed of."""
    found = {abs(coefficient) for form in forms for _, coefficient in form.terms}
    for name in _atoms(forms):
        found |= _numbers(recorder, _computed_of(recorder, name) or [])
    return found


def _given(recorder: Recorder, forms: Sequence[Expression]) -> set[str]:
    """The sizes that others are computed of."""
    given: set[str] = set()
    for name in _atoms(forms):
        inner = _computed_of(recorder, name)
        given |= {name} if inner is None else _given(recorder, inner)
    return given


def _atoms(forms: Sequence[Expression]) -> set[str]:
    return {name for form in forms for monomial, _ in form.terms for name in monomial}


def _computed_of(recorder: Recorder, name: str) -> list[Expression] | None:
    """What an atom is an operator on; None for a given size."""
    made = recorder.atoms.get(name)
    return None if made is None else [form for form in made[1] if form is not None]


def _harmless(
    recorder: Recorder,
    deciding: Mapping[Reliance, Sizes | None],
    run: Callable[[Sizes], Sequence[Entry] | None],
) -> set[Reliance]:
    """The comparisons that the model makes the same calls for when they come out otherwise."""
    harmless: set[Reliance] = set()
    runs = 0
    for reliance, sizes in deciding.items():
        if sizes is None or reliance in harmless or runs >= MOST_RUNS:
            continue
        runs += 1
        log = run(sizes)
        if log is not None and are_alike(recorder, log, sizes):
            harmless.update(
                other
                for other, own in deciding.items()
                if own is not None and _answer(recorder, other, sizes) is (not other.answer)
            )
    return harmless


def are_alike(recorder: Recorder, log: Sequence[Entry], sizes: Sizes) -> bool:
    if len(log) != len(recorder.log):
        return False
    for mine, theirs in zip(recorder.log, log, strict=True):
        if mine.name != theirs.name or len(mine.numbers) != len(theirs.numbers):
            return False
        if list(map(len, mine.shapes)) != list(map(len, theirs.shapes)):
            return False
        if mine.operands != theirs.operands or mine.words != theirs.words:
            return False
        for number, other in zip(mine.numbers, theirs.numbers, strict=True):
            if isinstance(number, RecordedInt) and number.expression is not None:
                value: Any = _evaluate(recorder, number.expression, sizes)
                if value is None:
                    continue
            elif isinstance(number, RECORDED):
                continue
            else:
                value = number
            if value != other and value == value:
                return False
    return True


def _answer(recorder: Recorder, reliance: Reliance, values: Mapping[str, int]) -> bool | None:
    """How the comparison comes out for these sizes, where that can be told."""
    if reliance.left is None or reliance.right is None:
        return None
    a = _evaluate(recorder, reliance.left, values)
    b = _evaluate(recorder, reliance.right, values)
    return None if a is None or b is None else reliance.function(a, b)


EVALUATED: dict[str, Any] = {
    "sum": lambda total: total,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
}


def _evaluate(recorder: Recorder, form: Expression, values: Mapping[str, int]) -> int | None:
    total = 0
    for monomial, coefficient in form.terms:
        product = coefficient
        for name in monomial:
            made = recorder.atoms.get(name)
            if made is None and name in values:
                product *= values[name]
                continue
            function = EVALUATED.get(made[0]) if made is not None else None
            if made is None or function is None or None in made[1]:
                return None
            numbers = [_evaluate(recorder, part, values) for part in made[1]]
            if None in numbers or (len(numbers) > 1 and numbers[1] == 0):
                return None
            product *= function(*numbers)
        total += product
    return total

"""At which sizes a model is run: those of the example, and others that tell most."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch

from torch_onnx.capture.assumptions import DynamicAxes, DynamicAxis
from torch_onnx.capture.recording.expressions import Expression, atom
from torch_onnx.graph import Dim, Size

FACTORS = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31)
MOST_TESTS = 24
MOST_SUMS = 6
SMALLEST = 3
"""Sizes of 0 and 1 are special to PyTorch: the example's are taken larger."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of all inputs in both runs, and the names of dynamic ones."""

    first: list[tuple[int, ...]]
    second: list[tuple[int, ...]]
    names: list[tuple[Size, ...]]
    expressions: dict[Dim, Expression]
    sums: dict[str, Expression]
    """Dims of the user's that have to be sums of others."""
    example: dict[str, int]
    """The sizes of the example as it was given."""
    ranges: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)

    def others(self) -> dict[str, int]:
        """The sizes of the other run, by name."""
        return self._by_name(self.second)

    def _by_name(self, shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
        return {
            str(name): size
            for names, sizes in zip(self.names, shapes, strict=True)
            for name, size in zip(names, sizes, strict=True)
            if isinstance(name, Dim) and str(name) in self.example
        }

    def elsewhere(self) -> Iterator[dict[str, int]]:
        """The example's own sizes where the runs had larger ones, then some that neither had."""
        if {**self.example, **self._by_name(self.first)} != self.example:
            yield dict(self.example)
        yield {
            name: self.within(name, 2 + place if size > 3 + place else 2 * size + 1 + place)
            for place, (name, size) in enumerate(self.example.items())
        }

    def within(self, name: str, size: int) -> int:
        low, high = self.ranges.get(name, (None, None))
        return min(max(size, low or 0), size if high is None else high)

    def value_of(self, size: Size, wanted: Mapping[str, int], known: int) -> int:
        """A size of an input where its dim has the size wanted."""
        if not isinstance(size, Dim):
            return known
        total = self.sums.get(str(size), self.expressions[size])
        value = 0
        for monomial, coefficient in total.terms:
            for name in monomial:
                coefficient *= wanted.get(name, 1)
            value += coefficient
        return value


Key: TypeAlias = Any
"""What tells dims apart: the user's name, or the place of an axis without one."""

Classes: TypeAlias = "Mapping[Key, Key]"
"""Dims taken for one dim, by what stands for them all."""

Sums: TypeAlias = "Mapping[Key, tuple[Key, Key]]"
"""The two dims that a dim is taken for the sum of."""


@dataclass(frozen=True, slots=True)
class Style:
    """How the sizes of the other run follow from the example's.

    Attributes:
        larger: sizes of 0 and 1 are taken larger in both runs.
        offset: 1 makes sizes awkward (``3 n + 1``), so that rounding and padding show; 0 keeps
            them multiples, which some models need.
        reverses: a dim that is smaller than another in the example is larger in the other run,
            so that the smaller of two does not pass for one of them.
    """

    larger: bool
    offset: int
    reverses: bool


@dataclass(slots=True)
class Dims:
    """The dynamic dims of a call."""

    tensors: Sequence[torch.Tensor]
    places: dict[Key, list[tuple[int, int]]] = field(default_factory=dict)
    sizes: dict[Key, int] = field(default_factory=dict)
    specs: dict[Key, DynamicAxis] = field(default_factory=dict)
    named: set[Key] = field(default_factory=set)

    def styles(self) -> Iterator[Style]:
        """The most telling first."""
        small = any(size < 2 for size in self.sizes.values())
        for larger in (True, False) if small else (True,):
            for offset, reverses in ((1, True), (1, False), (0, False)):
                yield Style(larger, offset, reverses)


def dims_of(
    tensors: Sequence[torch.Tensor], dynamic: DynamicAxes, input_names: Sequence[str]
) -> Dims:
    dims = Dims(tensors)
    for index, by_axis in dynamic.items():
        for axis, spec in by_axis.items():
            key: Key = spec.name if spec.name is not None else (index, axis)
            dims.places.setdefault(key, []).append((index, axis))
            dims.sizes.setdefault(key, int(tensors[index].shape[axis]))
            if spec.name is not None:
                dims.named.add(key)
            name = spec.name or f"{identifier(input_names, index)}_{axis}"
            dims.specs.setdefault(key, DynamicAxis(name, spec.min, spec.max))
    return dims


def plan_of_example(tensors: Sequence[torch.Tensor]) -> Plan:
    """Every size as it is."""
    shapes = [tuple(map(int, tensor.shape)) for tensor in tensors]
    return Plan(shapes, shapes, [tuple(shape) for shape in shapes], {}, {}, {})


def joined(dims: Dims, works: Callable[[Classes], bool]) -> Classes | None:
    """The fewest dims of one size that have to be one dim for the model to run; None if that is
    not why it does not.

    ``works`` tells whether the model runs with these classes at other sizes.
    """
    groups: dict[int, list[Key]] = {}
    for key, size in dims.sizes.items():
        groups.setdefault(size, []).append(key)
    classes: dict[Key, Key] = {key: group[0] for group in groups.values() for key in group}
    if all(len(group) == 1 for group in groups.values()) or not works(classes) or works({}):
        return None
    tests = MOST_TESTS
    for group in groups.values():
        rest = list(group)
        while len(rest) > 1:
            first, others = rest[0], rest[1:]
            for count in range(len(others)):
                found = None
                for more in itertools.combinations(others, count):
                    left = [key for key in others if key not in more]
                    trial = {**classes, **dict.fromkeys(left, left[0])}
                    trial.update(dict.fromkeys((first, *more), first))
                    tests -= 1
                    if tests >= 0 and works(trial):
                        classes, found = trial, left
                        break
                if found is not None:
                    break
            else:
                found = []
            rest = found or []
    return classes


@dataclass(frozen=True, slots=True)
class _Group:
    """Axes that have one size: in the example, in the other run, and by name."""

    size: int
    other: int
    expression: Expression
    total: Expression | None = None
    """The sum that the size has to be, where it has a name of its own."""


def sums_of(dims: Dims, classes: Classes) -> Iterator[Sums]:
    """Which dims may be sums of others, by the example's sizes: none, all that are, each alone."""
    yield {}
    size = dims.sizes.__getitem__
    members = dict.fromkeys(classes.get(key, key) for key in dims.places)
    keys = sorted(members, key=size, reverse=True)
    found = [
        (key, (a, b))
        for key in keys
        for a, b in itertools.combinations([other for other in keys if other != key], 2)
        if size(a) + size(b) == size(key)
    ]
    # Terms that are sums themselves come first, which smaller ones do.
    whole = {key: (a, b) for key, (a, b) in found[::-1] if max(size(a), size(b)) < size(key)}
    if len(whole) > 1:
        yield whole
    yield from ({key: pair} for key, pair in found[:MOST_SUMS])


def plan_of(dims: Dims, style: Style, classes: Classes, sums: Sums) -> Plan:
    """Sizes in a style, and of sums what their terms have together."""
    members: dict[Key, list[Key]] = {}
    for key in dims.places:
        members.setdefault(classes.get(key, key), []).append(key)
    size_of = {
        key: SMALLEST + dims.sizes[key] if style.larger and dims.sizes[key] < 2 else dims.sizes[key]
        for key in members
    }
    # The order of sizes decides which outgrow which; a sum needs its terms first.
    order = sorted(members, key=size_of.__getitem__, reverse=style.reverses and not sums)
    order.sort(key=lambda key: dims.sizes[key] if key in sums else -1)
    groups: dict[Key, _Group] = {}
    largest = 0
    for key in order:
        size, spec = size_of[key], dims.specs[key]
        if key in sums:
            a, b = (groups[term] for term in sums[key])
            total = a.expression + b.expression
            own = atom(spec.name or "") if key in dims.named else total
            groups[key] = _Group(a.size + b.size, a.other + b.other, own, total)
            continue
        taken = {group.other for group in groups.values()}
        other = _other(size, spec, FACTORS[len(groups) % len(FACTORS)], style, largest, taken)
        largest = max(largest, other)
        groups[key] = _Group(size, other, atom(spec.name or ""))
    first = [list(map(int, tensor.shape)) for tensor in dims.tensors]
    second = [list(map(int, tensor.shape)) for tensor in dims.tensors]
    names: list[list[Size]] = [list(map(int, tensor.shape)) for tensor in dims.tensors]
    for key, group in groups.items():
        for index, axis in (place for member in members[key] for place in dims.places[member]):
            first[index][axis], second[index][axis] = group.size, group.other
            names[index][axis] = group.expression.size
    return Plan(
        list(map(tuple, first)),
        list(map(tuple, second)),
        list(map(tuple, names)),
        {Dim(str(group.expression)): group.expression for group in groups.values()},
        {str(group.expression): group.total for group in groups.values() if group.total},
        {str(group.expression): dims.sizes[key] for key, group in groups.items()},
        {str(g.expression): (dims.specs[k].min, dims.specs[k].max) for k, g in groups.items()},
    )


def _other(
    size: int, spec: DynamicAxis, factor: int, style: Style, largest: int, taken: set[int]
) -> int:
    """A size for the other run: larger than those so far, and none of them."""
    while True:
        other = max(size, 1) * factor + style.offset
        if (other > largest or not style.reverses) and other not in taken:
            break
        factor += 1
    if spec.max is not None and other > spec.max:
        other = spec.max if spec.max != size else max(spec.min or 2, size - 1)
    return max(other, spec.min or 0)


def identifier(input_names: Sequence[str], index: int) -> str:
    return input_names[index] if index < len(input_names) else f"input{index}"

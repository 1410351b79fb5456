"""At which sizes a model is run: those of the example, and others that tell most."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from torch_onnx.capture.assumptions import DynamicAxes, DynamicAxis
from torch_onnx.capture.recording.expressions import Expression, atom
from torch_onnx.graph import Dim, Size

FACTORS = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31)
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


def plans(
    tensors: Sequence[torch.Tensor], dynamic: DynamicAxes, input_names: Sequence[str]
) -> Iterator[Plan]:
    """Sizes to try, the most telling first: awkward ones, then multiples; apart, then alike."""
    if not dynamic:
        shapes = [tuple(tensor.shape) for tensor in tensors]
        yield Plan(shapes, shapes, [tuple(shape) for shape in shapes], {}, {}, {})
        return
    small = any(tensors[i].shape[axis] < 2 for i, axes in dynamic.items() for axis in axes)
    tried = []
    for larger in (True, False) if small else (True,):
        for offset in (1, 0):
            for alike, sums in ((False, False), (False, True), (True, False), (True, True)):
                plan = _plan(tensors, dynamic, input_names, offset, alike, sums, larger)
                if plan not in tried:
                    tried.append(plan)
                    yield plan


@dataclass(frozen=True, slots=True)
class _Group:
    """Axes that have one size: in the example, in the other run, and by name."""

    size: int
    other: int
    expression: Expression
    total: Expression | None = None
    """The sum that the size has to be, where it has a name of its own."""


def _plan(
    tensors: Sequence[torch.Tensor],
    dynamic: DynamicAxes,
    input_names: Sequence[str],
    offset: int,
    alike: bool,
    sums: bool,
    larger: bool,
) -> Plan:
    """``alike`` takes dims of one size in the example for one dim, ``sums`` a dim as large as two
    others together for their sum: what a model may need and the user has not said.
    """
    axes: dict[Any, list[tuple[int, int]]] = {}
    sizes: dict[Any, int] = {}
    specs: dict[Any, DynamicAxis] = {}
    named_by_user: set[Any] = set()
    for index, by_axis in dynamic.items():
        for axis, spec in by_axis.items():
            size = int(tensors[index].shape[axis])
            size = SMALLEST + size if size < 2 and larger else size
            key: Any = spec.name if spec.name is not None else (index, axis)
            key = size if alike else key
            axes.setdefault(key, []).append((index, axis))
            sizes.setdefault(key, size)
            if spec.name is not None:
                named_by_user.add(key)
            if key not in specs:
                name = spec.name or f"{identifier(input_names, index)}_{axis}"
                specs[key] = DynamicAxis(name, spec.min, spec.max)
    groups: dict[Any, _Group] = {}
    for key in sorted(axes, key=sizes.__getitem__) if sums else axes:
        size, spec = sizes[key], specs[key]
        terms = _sum_of(size, list(groups.values())) if sums else None
        if terms is not None:
            a, b = terms
            total = a.expression + b.expression
            own = atom(spec.name or "") if key in named_by_user else total
            groups[key] = _Group(size, a.other + b.other, own, total)
        else:
            other = _other(size, spec, len(groups), offset)
            groups[key] = _Group(size, other, atom(spec.name or ""))
    first = [list(tensor.shape) for tensor in tensors]
    second = [list(tensor.shape) for tensor in tensors]
    names: list[list[Size]] = [list(tensor.shape) for tensor in tensors]
    for key, group in groups.items():
        for index, axis in axes[key]:
            first[index][axis], second[index][axis] = group.size, group.other
            names[index][axis] = group.expression.size
    return Plan(
        list(map(tuple, first)),
        list(map(tuple, second)),
        list(map(tuple, names)),
        {Dim(str(group.expression)): group.expression for group in groups.values()},
        {str(group.expression): group.total for group in groups.values() if group.total},
        {str(group.expression): _example(tensors, axes[key]) for key, group in groups.items()},
    )


def _example(tensors: Sequence[torch.Tensor], places: Sequence[tuple[int, int]]) -> int:
    index, axis = places[0]
    return int(tensors[index].shape[axis])


def _sum_of(size: int, groups: Sequence[_Group]) -> tuple[_Group, _Group] | None:
    pairs = itertools.combinations(groups, 2)
    return next(((a, b) for a, b in pairs if a.size + b.size == size), None)


def identifier(input_names: Sequence[str], index: int) -> str:
    return input_names[index] if index < len(input_names) else f"input{index}"


def _other(size: int, spec: DynamicAxis, count: int, offset: int) -> int:
    other = size * FACTORS[count % len(FACTORS)] + offset
    if spec.max is not None and other > spec.max:
        other = spec.max if spec.max != size else max(spec.min or 2, size - 1)
    return max(other, spec.min or 0)

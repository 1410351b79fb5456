"""A model run as it is, its calls recorded: an AtenGraph.

Where sizes are dynamic the model is run twice, on stand-ins of other sizes first. The second run is
recorded; whatever differs from the first must have been computed from sizes by recorded numbers.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from torch_onnx import compat, signature
from torch_onnx.capture.assumptions import LARGE, DynamicAxes, DynamicAxis
from torch_onnx.capture.recording.expressions import Expression, atom
from torch_onnx.capture.recording.mode import RecordingMode
from torch_onnx.capture.recording.recorder import (
    DependsOnData,
    Entry,
    Recorder,
    Reliance,
    Undecided,
    Unrecordable,
)
from torch_onnx.capture.recording.symbolic import SymbolicDecomposer
from torch_onnx.capture.sources import Sources
from torch_onnx.graph import AtenGraph, Dim, Size, Value

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


def record(
    flat: signature.FlatModule,
    tensors: Sequence[torch.Tensor],
    dynamic: DynamicAxes,
    input_names: Sequence[str],
) -> AtenGraph:
    """Run ``flat(*tensors)`` on stand-ins and record its calls.

    Raises:
        Unrecordable: when the run can't stand for runs at other sizes, or leaves PyTorch's
            Python functions.
        Exception: what the model raises.
    """
    names = _names_of(flat)
    refused: Exception | None = None
    for plan in plans(tensors, dynamic, input_names):
        for twice in (False, True) if plan.first == plan.second else (True,):
            try:
                runs = _Runs(flat, tensors, names, plan)
                log = runs.decided(None, is_second=True).recorder.log if twice else None
                return _graph(runs.decided(log), log, plan, dynamic, input_names)
            except DependsOnData as error:
                refused = error
            except Exception as error:
                refused = refused or error
                break
    assert refused is not None
    raise refused


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
                name = spec.name or f"{_identifier(input_names, index)}_{axis}"
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


def _identifier(input_names: Sequence[str], index: int) -> str:
    return input_names[index] if index < len(input_names) else f"input{index}"


def _other(size: int, spec: DynamicAxis, count: int, offset: int) -> int:
    other = size * FACTORS[count % len(FACTORS)] + offset
    if spec.max is not None and other > spec.max:
        other = spec.max if spec.max != size else max(spec.min or 2, size - 1)
    return max(other, spec.min or 0)


def _names_of(flat: signature.FlatModule) -> dict[int, tuple[str, str]]:
    names: dict[int, tuple[str, str]] = {}
    for name, parameter in flat.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), (name.removeprefix("model."), "parameter"))
    for name, buffer in flat.named_buffers(remove_duplicate=False):
        names.setdefault(id(buffer), (name.removeprefix("model."), "buffer"))
    return names


@dataclass(frozen=True, slots=True)
class _Run:
    """One run: its recorder, the values of its inputs, what came out."""

    recorder: Recorder
    inputs: list[Value]
    results: list[Any]


MOST_CHECKS = 8


@dataclass(slots=True)
class _Runs:
    """The runs of one model for one plan; ``answers`` is what tests of data come to."""

    flat: signature.FlatModule
    tensors: Sequence[torch.Tensor]
    names: Mapping[int, tuple[str, str]]
    plan: Plan
    answers: tuple[bool, ...] = ()

    def decided(self, log: list[Entry] | None, *, is_second: bool = False) -> _Run:
        """A run in which every test of data has an answer: the one that no exception follows."""
        while True:
            try:
                return self.run(log, self.answers, is_second=is_second)
            except Undecided as undecided:
                if len(self.answers) >= MOST_CHECKS:
                    raise
                possible = [
                    answer
                    for answer in (False, True)
                    if not self._raises(log, (*self.answers, answer), is_second)
                ]
                if len(possible) != 1:
                    raise Unrecordable(str(undecided), undecided.frame) from None
                self.answers = (*self.answers, possible[0])

    def _raises(self, log: list[Entry] | None, answers: tuple[bool, ...], is_second: bool) -> bool:
        try:
            self.run(log, answers, is_second=is_second)
        except Unrecordable:
            return False
        except Exception:
            return True
        return False

    def run(self, log: list[Entry] | None, answers: tuple[bool, ...], *, is_second: bool) -> _Run:
        plan = self.plan
        recorder = Recorder(
            compat.static_fake_mode(),
            self.names,
            Sources("model."),
            log,
            is_second=is_second,
            answers=answers,
        )
        recorder.expressions.update(plan.expressions)
        recorder.atoms.update({name: ("sum", (total,)) for name, total in plan.sums.items()})
        fakes, inputs = [], []
        shapes = plan.second if is_second else plan.first
        for index, (tensor, shape) in enumerate(zip(self.tensors, shapes, strict=True)):
            fake = compat.fake_of_shape(recorder.fake_mode, tensor, shape)
            sizes = plan.names[index] if log is not None else shape
            value = Value(f"input_{index}", tensor.dtype, tuple(sizes), fake=fake)
            recorder.know(fake, value, plan.second[index] if log is not None else shape)
            fakes.append(fake)
            inputs.append(value)
        with (
            compat.recording_environment(),
            _modules_as_they_were(self.flat),
            _module_stack(self.flat, recorder),
            torch.no_grad(),
            RecordingMode(recorder),
        ):
            results = self.flat(*fakes)
        return _Run(recorder, inputs, list(results))


def _graph(
    run: _Run,
    log: list[Entry] | None,
    plan: Plan,
    dynamic: DynamicAxes,
    input_names: Sequence[str],
) -> AtenGraph:
    recorder = run.recorder
    if log is not None and len(recorder.log) != len(log):
        raise Unrecordable("the model makes more calls for other sizes")
    for reliance in recorder.reliances:
        if _answer(recorder, reliance, plan.example) not in (None, reliance.answer):
            raise Unrecordable(f"the example goes another way: {reliance.text}", reliance.frame)
    return AtenGraph(
        run.inputs,
        list(recorder.parameters.values()),
        recorder.calls,
        [recorder.argument(result) for result in run.results],
        decompose=SymbolicDecomposer(recorder.expressions, recorder.others),
        notes=[
            *_equalities(plan, dynamic, input_names),
            *_branches(recorder, dynamic),
            *dict.fromkeys(f"does not check data at {f}: {f.code}" for f in recorder.checks),
        ],
    )


# What a run changes and gives back.


@contextlib.contextmanager
def _modules_as_they_were(flat: torch.nn.Module) -> Iterator[None]:
    """Undo what forward assigns to modules: stand-ins must not stay in them."""
    before = [(module, _contents(module)) for module in flat.modules() if module is not flat]
    try:
        yield
    finally:
        for module, (attributes, containers) in before:
            now = module.__dict__
            if now.keys() != attributes.keys():
                for name in [n for n in now if n not in attributes]:
                    del now[name]
            now.update(attributes)
            for container, items in containers:
                _refill(container, items)


def _contents(module: torch.nn.Module) -> tuple[dict[str, Any], list[tuple[Any, Any]]]:
    """A module's attributes, and copies of the containers among them (hooks and buffers too)."""
    attributes = dict(module.__dict__)
    containers = [(v, v.copy()) for v in attributes.values() if isinstance(v, (dict, list, set))]
    return attributes, containers


def _refill(container: Any, items: Any) -> None:
    same = len(container) == len(items)
    if isinstance(container, dict):
        if not same or any(container.get(k) is not v for k, v in items.items()):
            container.clear()
            container.update(items)
    elif isinstance(container, list):
        container[:] = items
    elif not same:
        container.clear()
        container.update(items)


@contextlib.contextmanager
def _module_stack(flat: torch.nn.Module, recorder: Recorder) -> Iterator[None]:
    """Keep the recorder's stack of the modules that are being called."""
    paths = {id(module): name for name, module in flat.named_modules()}

    def entered(module: torch.nn.Module, args: Any) -> None:
        path = paths.get(id(module))
        parent, scope, _ = recorder.modules[-1] if recorder.modules else ("", "", "")
        if path is None or path in ("", "model"):
            recorder.modules.append((parent, scope, type(module).__name__))
            return
        path = path.removeprefix("model.")
        if path != parent:
            inside = path[len(parent) + 1 :] if parent and path.startswith(f"{parent}.") else path
            scope = f"{scope}/{inside}"
        recorder.modules.append((path, scope, type(module).__name__))

    def left(module: torch.nn.Module, args: Any, result: Any) -> None:
        recorder.modules.pop()

    hooks = [
        torch.nn.modules.module.register_module_forward_pre_hook(entered),
        torch.nn.modules.module.register_module_forward_hook(left, always_call=True),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


# What the user should know.


def _equalities(plan: Plan, dynamic: DynamicAxes, input_names: Sequence[str]) -> list[str]:
    """Dims that were named apart and have to agree."""
    notes = []
    for index, axes in dynamic.items():
        for axis, spec in axes.items():
            size: Any = plan.names[index][axis]
            size = plan.sums.get(str(size), size)
            if spec.name is not None and str(size) != spec.name:
                place = f"{_identifier(input_names, index)}, axis {axis} ({spec.name})"
                notes.append(f"needs {place} to be {size}")
    return notes


def _branches(recorder: Recorder, dynamic: DynamicAxes) -> list[str]:
    ranges = {
        spec.name or "": (spec.min or 0, spec.max or LARGE)
        for axes in dynamic.values()
        for spec in axes.values()
    }
    found: dict[Any, list[str]] = {}
    for reliance in recorder.reliances:
        if _decides(recorder, reliance, ranges):
            texts = found.setdefault(reliance.frame, [])
            if reliance.text not in texts:
                texts.append(reliance.text)
    return [
        f"holds where {' and '.join(texts)}, which is decided at {frame}: {frame.code}"
        for frame, texts in found.items()
    ]


def _decides(recorder: Recorder, reliance: Reliance, ranges: Mapping[str, tuple[int, int]]) -> bool:
    """Whether the comparison comes out otherwise for some sizes that were asked for."""
    left, right = reliance.left, reliance.right
    if left is None or right is None:
        return True
    atoms = {a for form in (left, right) for monomial, _ in form.terms for a in monomial}
    inputs = {a for a in atoms if recorder.atoms.get(a) is None}
    for index, base in enumerate((1, 2, 3, 5, 8, 13, 64, 129, 1000, 10**6)):
        values: dict[str, int] = {}
        for place, name in enumerate(sorted(inputs)):
            low, high = ranges.get(name, (0, LARGE))
            values[name] = min(max(base + 7 * place * index, low, 1), high)
        if _answer(recorder, reliance, values) is not reliance.answer:
            return True
    return False


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

"""A model run as it is, its calls recorded: an AtenGraph.

Where sizes are dynamic the model is run twice, on stand-ins of other sizes first. The second run is
recorded; whatever differs from the first must have been computed from sizes by recorded numbers.
"""

from __future__ import annotations

import contextlib
import dis
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from torch_onnx import compat, compat_extending, modes
from torch_onnx.capture.assumptions import DynamicAxes
from torch_onnx.capture.recording import reliances
from torch_onnx.capture.recording.entries import (
    DependsOnData,
    DependsOnSizes,
    Entry,
    Undecided,
    Unrecordable,
)
from torch_onnx.capture.recording.mode import RecordingMode
from torch_onnx.capture.recording.modules import names_of_tensors, stack_of_calls
from torch_onnx.capture.recording.plans import (
    Classes,
    Dims,
    Plan,
    Style,
    dims_of,
    identifier,
    joined,
    plan_of,
    plan_of_example,
    sums_of,
)
from torch_onnx.capture.recording.recorder import Recorder
from torch_onnx.capture.recording.symbolic import SymbolicDecomposer
from torch_onnx.capture.sources import Sources, raised_by_model
from torch_onnx.errors import CaptureError
from torch_onnx.graph import AtenGraph, Value


def record(
    flat: torch.nn.Module,
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
    names = names_of_tensors(flat)
    if not dynamic:
        return _recorded(_Runs(flat, tensors, names, plan_of_example(tensors)), {}, input_names)
    dims = dims_of(tensors, dynamic, input_names)
    refused: Exception | None = None
    tried: list[Plan] = []
    refused_at: list[Mapping[str, int]] = []
    for plan in _plans(flat, tensors, names, dims):
        if plan in tried:
            continue
        tried.append(plan)
        runs = _Runs(flat, tensors, names, plan, refused_at=refused_at)
        try:
            return _recorded(runs, dynamic, input_names)
        except DependsOnSizes as error:
            refused = refused or error
            refused_at.append(plan.others())
        except Unrecordable:
            # So it is at any sizes.
            raise
        except Exception as error:
            if refused is None:
                runs.example_alone()
            refused = refused or error
    assert refused is not None
    raise refused


def _plans(
    flat: torch.nn.Module,
    tensors: Sequence[torch.Tensor],
    names: Mapping[int, tuple[str, str]],
    dims: Dims,
) -> Iterator[Plan]:
    """Sizes to try, the most telling first: all dims apart, then what the model wants alike."""
    for sums in sums_of(dims, {}):
        for style in dims.styles():
            yield plan_of(dims, style, {}, sums)
    for style in dims.styles():

        def works(classes: Classes, style: Style = style) -> bool:
            runs = _Runs(flat, tensors, names, plan_of(dims, style, classes, {}))
            try:
                runs.decided(None, is_second=True)
            except Exception:
                return False
            return True

        classes = joined(dims, works)
        if classes is not None:
            for sums in sums_of(dims, classes):
                yield plan_of(dims, style, classes, sums)


def _recorded(runs: _Runs, dynamic: DynamicAxes, input_names: Sequence[str]) -> AtenGraph:
    """The program, held against a run at other sizes where there are any, or where data decide."""
    if runs.plan.first == runs.plan.second:
        with contextlib.suppress(DependsOnData):
            return _graph(runs, None, dynamic, input_names)
    log = runs.decided(None, is_second=True).recorder.log
    return _graph(runs, log, dynamic, input_names)


def explained(error: Exception) -> CaptureError:
    """Why a run can't be recorded, with the user's line."""
    if isinstance(error, Unrecordable):
        advice = 'strategy="auto" goes on to torch.export and to a trace.'
        return CaptureError(f"The run can't be recorded: {error}.", error.frame, advice)
    return raised_by_model(error)


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

    flat: torch.nn.Module
    tensors: Sequence[torch.Tensor]
    names: Mapping[int, tuple[str, str]]
    plan: Plan
    answers: tuple[bool, ...] = ()
    refused_at: Sequence[Mapping[str, int]] = ()
    """Sizes at which the model went another way, as far as another plan's runs told."""
    fake_mode: Any = field(default_factory=compat.static_fake_mode)
    sources: Sources = field(default_factory=lambda: Sources("model."))
    stand_ins: dict[int, torch.Tensor] = field(default_factory=dict)

    def decided(self, log: list[Entry] | None, *, is_second: bool = False) -> _Run:
        """A run in which every test of data has an answer: the one that no exception follows."""
        while True:
            try:
                return self.run(log, self.answers, is_second=is_second)
            except Undecided as undecided:
                if len(self.answers) >= MOST_CHECKS:
                    raise
                raised = {
                    answer: self._raised(log, (*self.answers, answer), is_second)
                    for answer in (False, True)
                }
                possible = [answer for answer in raised if raised[answer] is None]
                error = raised[False]
                if not possible and error is not None:
                    # The model does not take these sizes, whatever the data.
                    raise error from None
                other = next((e for e in raised.values() if e is not None), None)
                if len(possible) != 1 or not is_deliberate(other, undecided.code):
                    raise Unrecordable(str(undecided), undecided.frame) from None
                self.answers = (*self.answers, possible[0])

    def example_alone(self) -> None:
        """Run the example as it is, to see whether the model takes it at all.

        Raises:
            Exception: the model's own.
        """
        shapes = [tuple(tensor.shape) for tensor in self.tensors]
        runs = replace(self, plan=replace(self.plan, first=shapes))
        with contextlib.suppress(Unrecordable):
            runs.run(None, (), is_second=False)

    def at(self, sizes: Mapping[str, int]) -> list[Entry] | None:
        """The log of a run with these dims, the others as in the example; None if it fails."""
        wanted = dict(self.plan.example) | dict(sizes)
        shapes = [
            tuple(
                self.plan.value_of(size, wanted, known)
                for size, known in zip(names, first, strict=True)
            )
            for names, first in zip(self.plan.names, self.plan.first, strict=True)
        ]
        runs = replace(self, plan=replace(self.plan, second=shapes))
        # The recorded run's outputs are those to be named: this one may return more or fewer.
        outputs: Any = getattr(self.flat, "outputs", None)
        paths = getattr(outputs, "paths", None)
        try:
            return runs.run(None, self.answers, is_second=True).recorder.log
        except Exception:
            return None
        finally:
            if outputs is not None:
                outputs.paths = paths

    def _raised(
        self, log: list[Entry] | None, answers: tuple[bool, ...], is_second: bool
    ) -> Exception | None:
        """What the model itself raises with these answers."""
        try:
            self.run(log, answers, is_second=is_second)
        except Unrecordable:
            return None
        except Exception as error:
            return error
        return None

    def run(self, log: list[Entry] | None, answers: tuple[bool, ...], *, is_second: bool) -> _Run:
        plan = self.plan
        recorder = Recorder(
            self.fake_mode,
            self.names,
            self.sources,
            self.stand_ins,
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
            compat_extending.compiled_functions_are_python(),
            compat.recording_environment(),
            modes.attributes_as_they_were(self.flat.modules()),
            stack_of_calls(self.flat, recorder),
            torch.no_grad(),
            RecordingMode(recorder),
        ):
            before = dict(self.flat.named_buffers())
            results = self.flat(*fakes)
            after = dict(self.flat.named_buffers())
        recorder.rebound += [name for name in after if after[name] is not before.get(name)]
        recorder.returned(results)
        return _Run(recorder, inputs, list(results))


def _check_elsewhere(runs: _Runs, recorder: Recorder) -> None:
    """Run the model at the example's own sizes, and at sizes that neither run had.

    What Python makes of a size without a trace (a list's index, ``len``, a text, ``math.gcd``) may
    be the same number in both runs by chance.

    Raises:
        DependsOnSizes: where no comparison tells why it makes other calls there.
    """
    plan = runs.plan
    for sizes in [*runs.refused_at, *plan.elsewhere()]:
        if not all(reliances.goes_this_way(recorder, r, sizes) for r in recorder.reliances):
            continue
        log = runs.at(sizes)
        if log is not None and not reliances.are_alike(recorder, log, sizes):
            raise DependsOnSizes("the model goes another way for other sizes")


RAISE = dis.opmap["RAISE_VARARGS"]


def is_deliberate(error: Exception | None, asked: Any) -> bool:
    """Whether an exception is a ``raise`` or ``assert`` of the model's, or of the function that
    asked: not PyTorch's refusal of what was made up for the data.
    """
    trace = None if error is None else error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    if code.co_code[trace.tb_lasti] != RAISE:
        return False
    return code is asked or not Sources("").shorten(code.co_filename).startswith(OURS)


OURS = ("torch/", "torch_onnx/")


def _graph(
    runs: _Runs, log: list[Entry] | None, dynamic: DynamicAxes, input_names: Sequence[str]
) -> AtenGraph:
    plan, run = runs.plan, runs.decided(log)
    recorder = run.recorder
    if log is not None and len(recorder.log) != len(log):
        raise DependsOnSizes("the model makes more calls for other sizes")
    for reliance in recorder.reliances:
        if not reliances.goes_this_way(recorder, reliance, plan.example):
            raise DependsOnSizes(f"the example goes another way: {reliance.text}", reliance.frame)
    if log is not None:
        _check_elsewhere(runs, recorder)
    return AtenGraph(
        run.inputs,
        list(recorder.parameters.values()),
        recorder.calls,
        [recorder.argument(result) for result in run.results],
        decompose=SymbolicDecomposer(recorder.expressions, recorder.others),
        relations={name: str(total) for name, total in plan.sums.items()},
        notes=[
            *_equalities(plan, dynamic, input_names),
            *reliances.notes(recorder, dynamic, runs.at),
            *dict.fromkeys(f"does not check data at {f}: {f.code}" for f in recorder.checks),
            *_rebound(recorder.rebound),
        ],
    )


def _rebound(buffers: Sequence[str]) -> list[str]:
    names = ", ".join(sorted(name.removeprefix("model.") for name in buffers))
    return [f"does not keep what the program writes to the buffers {names}"] if names else []


def _equalities(plan: Plan, dynamic: DynamicAxes, input_names: Sequence[str]) -> list[str]:
    """Dims that were named apart and have to agree."""
    notes = []
    for index, axes in dynamic.items():
        for axis, spec in axes.items():
            size: Any = plan.names[index][axis]
            size = plan.sums.get(str(size), size)
            if spec.name is not None and str(size) != spec.name:
                place = f"{identifier(input_names, index)}, axis {axis} ({spec.name})"
                notes.append(f"needs {place} to be {size}")
    return notes

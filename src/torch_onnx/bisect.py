"""Where an exported model departs from PyTorch: the first node, its module and source line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import torch

from torch_onnx import reproduction, runtime
from torch_onnx.errors import ExportError
from torch_onnx.evaluate import evaluate, rounding_of
from torch_onnx.extract import extract, nodes_between
from torch_onnx.graph import Argument, AtenGraph, Call, Frame, Source, Value, values_of
from torch_onnx.verify import TOLERANCES, OutputComparison, compare_output

MOST_PARTS = 64
"""So many values are tried on their own before the first of them is given as it is."""
MOST_ROUNDINGS = 20
"""So many times PyTorch's own error of rounding is no fault."""


@dataclass(slots=True)
class Departure:
    """The first node of an exported model whose value is not PyTorch's.

    Attributes:
        node: the ONNX node's name, ``operator`` its ONNX operator.
        value: the name of its value.
        torch_operator: the operator that it translates.
        module: the module's path, ``module_class`` its class, ``frame`` the user's line.
        problem: what differs, in words.
        nodes: all nodes between the nearest values that agree and this one.
        is_alone: whether it departs where it is given PyTorch's own values. If not, small
            differences add up: no single node is at fault.
        compared: how many values were compared until here.
        folder: where the reproduction was written.
    """

    node: str
    operator: str
    value: str
    torch_operator: str
    module: str
    module_class: str
    frame: Frame | None
    problem: str
    absolute: float
    relative: float
    nodes: list[str]
    is_alone: bool
    compared: int
    folder: Path | None = None

    def __str__(self) -> str:
        place = f"{self.module or '(model)'} ({self.module_class})" if self.module_class else (
            self.module or "(model)"
        )  # fmt: skip
        lines = [
            f"{self.node} ({self.operator}) is the first node that departs from PyTorch",
            f"  it translates {self.torch_operator} in {place}",
        ]
        if self.frame is not None:
            lines += [f"  at {self.frame} in {self.frame.function}", f"    {self.frame.code}"]
        lines.append(f"  its value {self.problem}")
        lines.append(f"  {self.compared} values before it agree")
        if not self.is_alone:
            lines.append("  given PyTorch's own values it agrees: small differences add up to it")
        if len(self.nodes) > 1:
            lines.append(f"  nodes of this call: {', '.join(self.nodes)}")
        if self.folder is not None:
            lines.append(f"  to reproduce it: python {self.folder / 'run.py'}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "node": self.node,
            "operator": self.operator,
            "value": self.value,
            "torch_operator": self.torch_operator,
            "module": self.module,
            "module_class": self.module_class,
            "source": None if self.frame is None else str(self.frame),
            "code": None if self.frame is None else self.frame.code,
            "problem": self.problem,
            "absolute": self.absolute,
            "relative": self.relative,
            "nodes": self.nodes,
            "is_alone": self.is_alone,
            "compared": self.compared,
            "folder": None if self.folder is None else str(self.folder),
        }


@dataclass(frozen=True, slots=True)
class Origin:
    """The program that a model was translated from.

    ``names`` has the ONNX value of each of its values. Passes keep the names of what they keep.
    """

    graph: AtenGraph
    names: Mapping[Value, str]


@dataclass(frozen=True, slots=True)
class _Watched:
    """A value of both: PyTorch's tensor, the ONNX value, the call that made it."""

    expected: torch.Tensor
    value: ir.Value
    call: Call


def bisect(
    model: ir.Model,
    origin: Origin,
    feeds: Mapping[str, torch.Tensor],
    folder: str | PathLike[str] | None = None,
    libraries: Sequence[str | PathLike[str]] = (),
) -> Departure | None:
    """The first node whose value departs from PyTorch's for these inputs; None when the outputs
    agree.

    Every value of the program that a node of the model makes is compared, in the program's order.
    One that departs is then computed on its own, of PyTorch's values: only a node that fails there
    is at fault, and only if the outputs change when PyTorch's value takes its place (elements that
    are masked later may be anything). With ``folder``, a reproduction is written there.

    Raises:
        ExportError: when ONNX Runtime fails and no part of the model shows why.
    """
    tensors = [feeds[name] for name in origin.graph.input_names]
    values = evaluate(origin.graph, tensors)
    watched = _watched(model, origin, values)
    known = {w.value: w.expected for w in watched}
    for value in model.graph.inputs:
        if value.name is not None and value.name in feeds:
            known[value] = feeds[value.name]
    bisection = _Bisection(model, watched, known, values, libraries)
    try:
        actual, outputs = bisection.all_at_once(feeds)
    except Exception as error:
        return bisection.failing(error, folder)
    wanted = [values.get(value) for value in map(_only, origin.graph.outputs) if value is not None]
    pairs = list(zip(outputs, wanted, strict=False))
    if len(wanted) == len(outputs) and all(_agree(got, want) for got, want in pairs):
        return None
    suspects = []
    for index, (watch, got) in enumerate(zip(watched, actual, strict=True)):
        problem, row = compare_output(str(watch.value.name), got, watch.expected)
        if problem is not None or row.relative > row.tolerance:
            suspects.append((index, problem, row))
    for index, _, _ in suspects[:MOST_PARTS]:
        found = bisection.alone(index)
        if found is not None and bisection.matters(index, feeds, outputs):
            problem, row = found
            return bisection.departure(index, problem, row, True, folder)
    for index, problem, row in suspects:
        if problem is not None:
            return bisection.departure(index, problem, row, False, folder)
    unknown = [
        call for call in origin.graph.calls if any(v not in values for v in call.values_out())
    ]
    if any(value not in values for output in origin.graph.outputs for value in values_of(output)):
        raise ExportError(
            f"The outputs can't be compared: PyTorch's values of {unknown[0].op.name} are random, "
            "or it can't be run again on its own. All values before it agree."
        )
    return None


def _watched(model: ir.Model, origin: Origin, values: Mapping[Value, Any]) -> list[_Watched]:
    """What can be compared, in the program's order; each ONNX value once."""
    made = {v.name: v for node in model.graph for v in node.outputs if v.type is not None}
    found: dict[ir.Value, _Watched] = {}
    for call in origin.graph.calls:
        for output in call.values_out():
            value = made.get(origin.names.get(output, ""))
            if value is None or value in found or output not in values:
                continue
            expected = values[output]
            if not isinstance(expected, torch.Tensor):
                # Numbers are vectors of one element.
                expected = torch.tensor([expected], dtype=output.dtype)
            elif expected.is_complex():
                expected = torch.view_as_real(expected.resolve_conj())
            found[value] = _Watched(expected.detach(), value, call)
    return list(found.values())


@dataclass(slots=True)
class _Bisection:
    model: ir.Model
    watched: list[_Watched]
    known: dict[ir.Value, torch.Tensor]
    values: Mapping[Value, Any]
    libraries: Sequence[str | PathLike[str]] = ()

    def run(self, proto: onnx.ModelProto, taken: Sequence[ir.Value]) -> list[torch.Tensor]:
        """A part of the model on PyTorch's values."""
        return runtime.run_proto(proto, [self.known[value] for value in taken], self.libraries)

    def all_at_once(
        self, feeds: Mapping[str, torch.Tensor]
    ) -> tuple[list[torch.Tensor], list[Any]]:
        """Every watched value, and the model's own outputs, of one run of the whole model."""
        outputs = self.model.graph.outputs
        count = len(outputs)
        present = {id(value): index for index, value in enumerate(outputs)}
        places = []
        for watch in self.watched:
            if id(watch.value) not in present:
                present[id(watch.value)] = len(outputs)
                outputs.append(watch.value)
            places.append(present[id(watch.value)])
        try:
            session = runtime.session(self.model, libraries=self.libraries)
        finally:
            del outputs[count:]
        results = runtime.run(session, feeds)
        return [results[place] for place in places], results[:count]

    def matters(
        self, index: int, feeds: Mapping[str, torch.Tensor], outputs: Sequence[Any]
    ) -> bool:
        """Whether an output changes when PyTorch's value takes the place of this one."""
        watch = self.watched[index]
        wanted = list(self.model.graph.outputs)
        if watch.value in wanted:
            return True
        given = {watch.value} | (set(self.model.graph.inputs) & self.known.keys())
        try:
            proto, taken = extract(self.model, wanted, given)
            changed = self.run(proto, taken)
        except Exception:
            # Too large for one file, or broken behind this node as well.
            return True
        return not all(_agree(new, old) for new, old in zip(changed, outputs, strict=True))

    def alone(self, index: int) -> tuple[str, OutputComparison] | None:
        """What is wrong with a value that is computed of PyTorch's own values."""
        watch = self.watched[index]
        before = {w.value for w in self.watched[:index]} | set(self.model.graph.inputs)
        proto, taken = extract(self.model, [watch.value], before & self.known.keys())
        try:
            (got,) = self.run(proto, taken)
        except Exception as error:
            row = OutputComparison(str(watch.value.name), watch.expected.dtype, (), 0.0, 0.0)
            return _failure(error), row
        want = watch.expected.float() if watch.expected.dtype == torch.bfloat16 else watch.expected
        problem, row = compare_output(str(watch.value.name), got, want)
        tolerance = TOLERANCES.get(watch.expected.dtype, 0.0)
        if not watch.expected.dtype.is_floating_point or (problem and not row.absolute):
            return None if problem is None else (problem, row)
        rounding = MOST_ROUNDINGS * rounding_of(watch.call, self.values)
        if row.relative <= tolerance or row.absolute <= rounding:
            return None
        return f"differs by {row.absolute:.3g} ({row.relative:.2g} of the largest value)", row

    def failing(self, error: Exception, folder: str | PathLike[str] | None) -> Departure:
        """The first part of the model that ONNX Runtime can't load or run."""
        low, high = 0, len(self.watched) - 1
        inputs = set(self.model.graph.inputs) & self.known.keys()
        while low < high:
            middle = (low + high) // 2
            wanted = [watch.value for watch in self.watched[: middle + 1]]
            proto, taken = extract(self.model, wanted, inputs)
            try:
                self.run(proto, taken)
            except Exception:
                high = middle
            else:
                low = middle + 1
        found = self.alone(low) if self.watched else None
        if found is None:
            raise ExportError(f"ONNX Runtime fails: {_failure(error)}") from error
        return self.departure(low, found[0], found[1], True, folder)

    def departure(
        self,
        index: int,
        problem: str,
        row: OutputComparison,
        is_alone: bool,
        folder: str | PathLike[str] | None,
    ) -> Departure:
        watch = self.watched[index]
        before = {w.value for w in self.watched[:index]} | set(self.model.graph.inputs)
        given = before & self.known.keys()
        nodes = nodes_between(self.model, [watch.value], given)
        producer = watch.value.producer()
        assert producer is not None
        source: Source = watch.call.source
        written = None
        if folder is not None:
            proto, taken = extract(self.model, [watch.value], given)
            written = reproduction.write(
                Path(folder), proto, [self.known[v] for v in taken], [watch.expected], problem
            )
        return Departure(
            producer.name or "",
            producer.op_type,
            watch.value.name or "",
            watch.call.op.name,
            source.module,
            source.module_class,
            source.frame,
            problem,
            row.absolute,
            row.relative,
            [node.op_type for node in nodes],
            is_alone,
            index,
            written,
        )


def _only(output: Argument) -> Value | None:
    return output if isinstance(output, Value) else None


def _agree(got: Any, want: Any) -> bool:
    """Whether an output is what is wanted; what is not known does not agree."""
    if not isinstance(got, torch.Tensor) or want is None:
        return False
    expected = torch.as_tensor(want)
    if got.dtype != expected.dtype and expected.dtype == torch.bfloat16:
        expected = expected.to(got.dtype)
    problem, row = compare_output("", got, expected)
    return problem is None and row.relative <= row.tolerance


def _failure(error: Exception) -> str:
    lines: Sequence[str] = str(error).strip().splitlines() or [""]
    return f"can't be computed: {lines[0][:300]}"

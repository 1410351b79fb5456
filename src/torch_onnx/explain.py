"""What an export of a model would come to, found out without writing anything."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from torch_onnx import (
    arguments,
    assemble,
    custom,
    marks,
    modes,
    modules,
    older_calls,
    report,
)
from torch_onnx.capture import torchscript
from torch_onnx.capture.functionalize import functionalize
from torch_onnx.capture.program import Captured, capture
from torch_onnx.errors import (
    CaptureError,
    DimensionSpecialized,
    ExportError,
    SpecializedDimension,
    UnsupportedCall,
    UnsupportedOperators,
)
from torch_onnx.graph import AtenGraph, Call, Dim, Frame, values_of
from torch_onnx.rendering import place
from torch_onnx.report.markdown import size_text, table
from torch_onnx.report.page import document
from torch_onnx.report.page import table as page_table
from torch_onnx.translate import (
    Lookup,
    Translator,
    decompose_missing,
    drop_unused,
    has_complex,
    lookup_in,
)
from torch_onnx.weights import storage_key

STRATEGIES = ("record", "export", "trace")


@dataclass(frozen=True, slots=True)
class StrategyFacts:
    """Whether one way to capture the model works; if not, why and where."""

    name: str
    works: bool
    seconds: float
    reason: str = ""
    frame: Frame | None = None


@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """An operator of the program: ``translated``, ``decomposed``, or ``missing`` and why."""

    name: str
    calls: int
    status: str
    reason: str = ""
    module: str = ""
    frame: Frame | None = None


@dataclass(frozen=True, slots=True)
class DimFacts:
    """A dim that is to be dynamic: whether it stays so, and which line fixes it otherwise."""

    name: str
    places: tuple[str, ...]
    status: str
    frame: Frame | None = None


@dataclass(slots=True)
class Explanation:
    """What an export would come to.

    Attributes:
        model: the model's class.
        opset: the target opset.
        strategies: each way of capturing the model that was tried.
        operators: all operators with their status, those that are missing first.
        dims: the dynamic dims, and those that a strategy fixes.
        data_dependent: lines of Python at which the way taken depends on the elements of tensors.
        notes: what would hold for the exported model, each read after "The exported model".
        unused_inputs: inputs that no output depends on.
        weight_bytes: the estimated size of the file.
    """

    model: str
    opset: int
    strategies: list[StrategyFacts] = field(default_factory=list)
    operators: list[OperatorFacts] = field(default_factory=list)
    dims: list[DimFacts] = field(default_factory=list)
    data_dependent: list[tuple[Frame, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unused_inputs: list[str] = field(default_factory=list)
    weight_bytes: int = 0
    keeps_dims: bool = True
    """Whether ``strategy="auto"`` gets by the dims that are to be dynamic."""

    @property
    def strategy(self) -> str | None:
        """The first that works."""
        return next((s.name for s in self.strategies if s.works), None)

    @property
    def missing(self) -> list[OperatorFacts]:
        return [operator for operator in self.operators if operator.status == "missing"]

    @property
    def can_be_exported(self) -> bool:
        """As ``export`` does it, which refuses to fix a dim that is to be dynamic."""
        return self.strategy is not None and self.keeps_dims and not self.missing

    def markdown(self) -> str:
        """All of it as Markdown."""
        parts = [f"# {self.model} at opset {self.opset}", self._verdict()]
        for title, head, rows in self._tables():
            parts += [f"## {title}", table(head, rows)]
        if self.notes:
            parts += ["## Notes", "\n".join(f"- The exported model {note}" for note in self.notes)]
        return "\n\n".join(parts) + "\n"

    def html(self) -> str:
        """All of it as one HTML page."""
        from html import escape

        title = f"{self.model} at opset {self.opset}"
        parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(self._verdict())}</p>"]
        for heading, head, rows in self._tables():
            parts.append(f"<h2>{escape(heading)}</h2>{page_table(head, rows)}")
        if self.notes:
            items = "".join(f"<li>The exported model {escape(note)}</li>" for note in self.notes)
            parts.append(f"<h2>Notes</h2><ul>{items}</ul>")
        return document(title, parts)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write it: HTML for ``.html``, Markdown else."""
        is_page = Path(path).suffix.lower() in (".html", ".htm")
        return report.write_text(path, self.html() if is_page else self.markdown())

    def __str__(self) -> str:
        return self.markdown()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "model": self.model,
            "opset": self.opset,
            "can_be_exported": self.can_be_exported,
            "strategy": self.strategy,
            "strategies": [
                {"name": s.name, "works": s.works, "seconds": s.seconds, "reason": s.reason,
                 "source": _text(s.frame)}
                for s in self.strategies
            ],
            "operators": [
                {"name": o.name, "calls": o.calls, "status": o.status, "reason": o.reason,
                 "module": o.module, "source": _text(o.frame)}
                for o in self.operators
            ],
            "dims": [
                {"name": d.name, "places": list(d.places), "status": d.status,
                 "source": _text(d.frame)}
                for d in self.dims
            ],
            "data_dependent": [
                {"source": str(frame), "code": frame.code, "reason": reason}
                for frame, reason in self.data_dependent
            ],
            "notes": self.notes,
            "unused_inputs": self.unused_inputs,
            "weight_bytes": self.weight_bytes,
        }  # fmt: skip

    def _verdict(self) -> str:
        if self.strategy is None:
            return "The model can't be captured."
        if not self.keeps_dims:
            fixed = ", ".join(dict.fromkeys(d.name for d in self.dims if d.status[:5] == "fixed"))
            return f"The model can't be exported: {fixed} can't stay dynamic."
        if self.missing:
            names = ", ".join(operator.name for operator in self.missing)
            return f"The model can't be exported: {names} can't be translated."
        return (
            f'The model can be exported with strategy="{self.strategy}", to some '
            f"{size_text(self.weight_bytes)}."
        )

    def _tables(self) -> list[tuple[str, tuple[str, ...], list[tuple[object, ...]]]]:
        found: list[tuple[str, tuple[str, ...], list[tuple[object, ...]]]] = [
            (
                "Strategies",
                ("strategy", "works", "seconds", "why not", "where"),
                [
                    (s.name, _yes(s.works), f"{s.seconds:.2f}", s.reason, place(s.frame))
                    for s in self.strategies
                ],
            )
        ]  # fmt: skip
        if self.dims:
            rows: list[tuple[object, ...]] = [
                (d.name, "; ".join(d.places), d.status, _code(d.frame)) for d in self.dims
            ]
            found.append(("Dynamic dims", ("dim", "where", "status", "line"), rows))
        if self.data_dependent:
            rows = [(str(frame), frame.code, reason) for frame, reason in self.data_dependent]
            title = "Control flow that depends on data"
            found.append((title, ("where", "line", "why"), rows))
        if self.unused_inputs:
            rows = [(name,) for name in self.unused_inputs]
            found.append(("Inputs that nothing depends on", ("input",), rows))
        if self.operators:
            rows = [
                (o.name, o.calls, o.status, o.reason, o.module, _code(o.frame))
                for o in self.operators
            ]
            names = ("operator", "calls", "status", "why", "first module", "first line")
            found.append(("Operators", names, rows))
        return found


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def _text(frame: Frame | None) -> str | None:
    return None if frame is None else f"{frame}: {frame.code}"


def _code(frame: Frame | None) -> str:
    return _text(frame) or "-"


def explain(
    model: torch.nn.Module | torch.export.ExportedProgram | Callable[..., Any],
    args: Any = (),
    *,
    kwargs: Mapping[str, Any] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamic_shapes: Any = None,
    dynamic_axes: Any = None,
    custom_translation_table: Any = None,
    training: Any = None,
    strategies: Sequence[str] = STRATEGIES,
) -> Explanation:
    """Find out what an export would come to; nothing is written. The arguments are ``export``'s.

    ``strategies`` are all tried, each a capture of the model; one that is captured already, by
    torch.export or as TorchScript, is taken as it is.

    Raises:
        InputError, SignatureError, DynamicShapeError: for arguments that do not fit the model.
    """
    opset = arguments.check_opset(opset_version)
    tables = custom.layers(custom_translation_table)
    find = lookup_in(tables)
    name = type(model).__name__
    found = Explanation(name if isinstance(model, torch.nn.Module) else _name(model), opset)
    first: Captured | None = None
    if isinstance(model, torch.export.ExportedProgram):
        strategies = ("export",)
    elif torchscript.is_script(model) or isinstance(model, (str, PathLike)):
        strategies = ("script",)
    mode = older_calls.training_mode(training)
    for strategy in strategies:
        began = time.perf_counter()
        try:
            with (
                modes.mode(model, mode),
                marks.recording(opset) as kept,
                modules.kept_whole(model),
                custom.fake_kernels(),
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("ignore")
                captured = capture(
                    model, args, kwargs, input_names, output_names, dynamic_shapes, dynamic_axes,
                    mode, strategy,
                )  # fmt: skip
        except (CaptureError, DimensionSpecialized) as error:
            seconds = time.perf_counter() - began
            if isinstance(error, DimensionSpecialized):
                found.keeps_dims = found.keeps_dims and first is not None
                # A run at other sizes raises at the very line.
                error.locate(next((s.frame for s in found.strategies if s.frame), None))
            found.strategies.append(_refused(found, strategy, seconds, error))
            continue
        found.strategies.append(StrategyFacts(strategy, True, time.perf_counter() - began))
        if first is None:
            first = captured
            find = lookup_in([kept.table(), *tables])
    if first is not None:
        _look_into(found, first, find, opset)
    return found


def _name(model: Any) -> str:
    return str(getattr(model, "__name__", type(model).__name__))


def _refused(
    found: Explanation, strategy: str, seconds: float, error: CaptureError | DimensionSpecialized
) -> StrategyFacts:
    if isinstance(error, DimensionSpecialized):
        found.dims += [_fixed(dim, strategy) for dim in error.dimensions]
        names = ", ".join(dim.name or f"axis {dim.axis}" for dim in error.dimensions)
        frame = error.dimensions[0].frame
        return StrategyFacts(strategy, False, seconds, f"{names} can't stay dynamic", frame)
    if error.frame is not None and "depends on data" in error.reason:
        known = {frame for frame, _ in found.data_dependent}
        if error.frame not in known:
            found.data_dependent.append((error.frame, error.reason))
    return StrategyFacts(strategy, False, seconds, error.first_line, error.frame)


def _fixed(dim: SpecializedDimension, strategy: str) -> DimFacts:
    reason = f", for it needs {dim.guard}" if dim.guard else ""
    return DimFacts(
        dim.name or "(unnamed)",
        (f"{dim.input_name}, axis {dim.axis}",),
        f'fixed to {dim.size} with strategy="{strategy}"{reason}',
        dim.frame,
    )


def _look_into(found: Explanation, captured: Captured, find: Lookup, opset: int) -> None:
    graph = drop_unused(functionalize(captured.graph))
    found.notes = list(graph.notes)
    found.dims = [*_dims(graph), *found.dims]
    used = {value for call in graph.calls for value in call.values_in()}
    used.update(value for output in graph.outputs for value in values_of(output))
    pairs = zip(graph.inputs, graph.input_names, strict=True)
    found.unused_inputs = [name for value, name in pairs if value not in used]
    found.weight_bytes = sum(
        {
            storage_key(parameter.tensor): parameter.tensor.nbytes
            for parameter in graph.parameters
            if parameter.value in used
        }.values()
    )
    groups: dict[str, list[Call]] = {}
    for call in graph.calls:
        groups.setdefault(call.op.name, []).append(call)
    untranslated = {
        name
        for name, calls in groups.items()
        if any(find(name, opset, has_complex(call)) is None for call in calls)
    }
    refused = {call.op: call for call in _refusals(graph, find, opset)}
    rows = []
    for name, calls in groups.items():
        status, reason = ("decomposed", "") if name in untranslated else ("translated", "")
        if name in refused:
            status, reason = "missing", refused[name].reason or "it has no translation"
        source = calls[0].source
        rows.append(OperatorFacts(name, len(calls), status, reason, source.module, source.frame))
    order = ("missing", "decomposed", "translated")
    found.operators = sorted(rows, key=lambda row: (order.index(row.status), row.name))


def _refusals(graph: AtenGraph, find: Lookup, opset: int) -> list[UnsupportedCall]:
    """The calls that can't be translated, after those that have to be are decomposed."""
    try:
        graph = decompose_missing(graph, find, opset)
        Translator(graph, find, opset).run(assemble.declare_input, assemble.Owner())
    except UnsupportedOperators as error:
        return error.calls
    except ExportError:
        return []
    return []


def _dims(graph: AtenGraph) -> list[DimFacts]:
    places: dict[str, list[str]] = {}
    for value, name in zip(graph.inputs, graph.input_names, strict=True):
        for axis, size in enumerate(value.shape or ()):
            if isinstance(size, Dim):
                places.setdefault(str(size), []).append(f"{name}, axis {axis}")
    return [
        DimFacts(
            name,
            tuple(found),
            f"dynamic, has to be {graph.relations[name]}" if name in graph.relations else "dynamic",
        )
        for name, found in places.items()
    ]

"""The stages of one export, and what is known of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from torch_onnx.graph import Call
from torch_onnx.profile import flame, trace
from torch_onnx.rendering import table

MOST_ROWS = 12


@dataclass(slots=True)
class Stage:
    """One stage, or a pass within one.

    Attributes:
        name: ``capture``, ``functionalize``, ``translate``, ``tidy``, ``verify``, ``save``, or a
            pass.
        seconds: wall time.
        start: seconds from the beginning of the export.
        peak_bytes: growth of the process's peak memory.
        nodes_before: nodes of the main graph when it began, None where there was none.
        nodes: nodes when it ended.
        inside: the passes within it.
    """

    name: str
    seconds: float = 0.0
    peak_bytes: int = 0
    nodes: int | None = None
    nodes_before: int | None = None
    start: float = 0.0
    inside: list[Stage] = field(default_factory=list)


@dataclass(slots=True)
class ModuleTime:
    """One call of a module's forward during the capture, the modules within it included."""

    module: str
    start: float
    seconds: float
    own_seconds: float


@dataclass(slots=True)
class CallTime:
    """The translation of one torch operator."""

    operator: str
    module: str
    start: float
    seconds: float


@dataclass(slots=True)
class Profile:
    """The stages of one export, in order; cheap enough to be always on.

    Attributes:
        stages: the stages.
        detailed: whether modules and operators are timed too (``profile=True``).
        modules: each call of a module during the capture.
        calls: each translation.
    """

    stages: list[Stage] = field(default_factory=list)
    detailed: bool = False
    modules: list[ModuleTime] = field(default_factory=list)
    calls: list[CallTime] = field(default_factory=list)
    _began: float | None = None
    _open: list[Stage] = field(default_factory=list)
    _call: CallTime | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Time what happens within. A stage within another one is a pass of it."""
        begun = [stage for stage in (*self.stages, *self._open) if stage.nodes is not None]
        stage = Stage(name, nodes_before=begun[-1].nodes if begun else None)
        self._open.append(stage)
        peak = peak_memory()
        stage.start = self.now()
        try:
            yield stage
        finally:
            self._end_call()
            stage.seconds = self.now() - stage.start
            stage.peak_bytes = peak_memory() - peak
            self._open.pop()
            (self._open[-1].inside if self._open else self.stages).append(stage)

    @contextmanager
    def step(self, name: str, count: Callable[[], int]) -> Iterator[Stage]:
        """A pass: the nodes are counted before and after it."""
        before = count()
        with self.stage(name) as stage:
            yield stage
        stage.nodes_before, stage.nodes = before, count()

    def now(self) -> float:
        """Seconds since the first stage began."""
        now = time.perf_counter()
        if self._began is None:
            self._began = now
        return now - self._began

    def call(self, call: Call) -> None:
        """The translation of a call begins; it lasts until the next one does, or the stage ends."""
        self._end_call()
        self._call = CallTime(call.op.name, call.source.module, self.now(), 0.0)

    def _end_call(self) -> None:
        if self._call is not None:
            self._call.seconds = self.now() - self._call.start
            self.calls.append(self._call)
            self._call = None

    @property
    def seconds(self) -> float:
        """Of all stages together."""
        return sum(stage.seconds for stage in self.stages)

    def by_operator(self) -> list[tuple[str, int, float]]:
        """Torch operators, how often each was translated, and the seconds it took; longest first.

        Empty without ``profile=True``.
        """
        return _totals((call.operator, call.seconds) for call in self.calls)

    def by_module(self, stage: str = "translate") -> list[tuple[str, int, float]]:
        """Modules, how often each occurs, and its own seconds in ``capture`` or ``translate``."""
        if stage == "capture":
            return _totals((m.module, m.own_seconds) for m in self.modules)
        return _totals((call.module, call.seconds) for call in self.calls)

    def table(self) -> str:
        """The stages as text: seconds, share, growth of peak memory, nodes before and after."""
        total = self.seconds or 1.0
        rows: list[tuple[str, ...]] = [("stage", "seconds", "share", "peak memory", "nodes")]
        for stage in self.stages:
            rows.append(_row(stage.name, stage, total))
            rows += [_row(f"  {step.name}", step, total) for step in stage.inside]
        rows.append(("all", f"{self.seconds:.3f}", "", "", ""))
        text = [table(rows, indent="")]
        for title, totals in (
            ("operator, translated", self.by_operator()),
            ("module, captured", self.by_module("capture")),
            ("module, translated", self.by_module("translate")),
        ):
            if totals:
                text += ["", table(_rows_of(title, totals), indent="")]
        return "\n".join(text)

    def __str__(self) -> str:
        return self.table()

    def to_dict(self) -> dict[str, Any]:
        """The stages as plain data, for JSON."""
        return {
            "seconds": self.seconds,
            "stages": [_plain(stage) for stage in self.stages],
            "operators": [_named(row) for row in self.by_operator()],
            "modules_captured": [_named(row) for row in self.by_module("capture")],
            "modules_translated": [_named(row) for row in self.by_module("translate")],
        }

    def flame_graph(self, path: str | PathLike[str]) -> Path:
        """Write a flame graph: one HTML file that needs nothing else.

        Modules and operators are in it after ``export(..., profile=True)``.
        """
        return flame.write(self, path)

    def trace(self, path: str | PathLike[str]) -> Path:
        """Write the events as JSON that Chrome's tracing and Perfetto open."""
        return trace.write(self, path)


def _row(name: str, stage: Stage, total: float) -> tuple[str, ...]:
    nodes = "" if stage.nodes is None else str(stage.nodes)
    if stage.nodes_before is not None and stage.nodes is not None:
        nodes = f"{stage.nodes_before} → {stage.nodes}"
    return (
        name,
        f"{stage.seconds:.3f}",
        f"{100 * stage.seconds / total:.0f} %",
        f"+{stage.peak_bytes / 1e6:.0f} MB",
        nodes,
    )


def _totals(rows: Iterator[tuple[str, float]]) -> list[tuple[str, int, float]]:
    counts: dict[str, tuple[int, float]] = {}
    for name, seconds in rows:
        count, total = counts.get(name, (0, 0.0))
        counts[name] = count + 1, total + seconds
    found = [(name, count, total) for name, (count, total) in counts.items()]
    return sorted(found, key=lambda row: (-row[2], row[0]))


def _rows_of(
    title: str, totals: Sequence[tuple[str, int, float]]
) -> list[tuple[str, str, str, str]]:
    everything = sum(seconds for *_, seconds in totals) or 1.0
    rows = [(title, "times", "ms", "share")]
    for name, count, seconds in totals[:MOST_ROWS]:
        share = f"{100 * seconds / everything:.0f} %"
        rows.append((name or "(model)", str(count), f"{1e3 * seconds:.1f}", share))
    if len(totals) > MOST_ROWS:
        rest = totals[MOST_ROWS:]
        count, seconds = sum(row[1] for row in rest), sum(row[2] for row in rest)
        share = f"{100 * seconds / everything:.0f} %"
        rows.append((f"{len(rest)} more", str(count), f"{1e3 * seconds:.1f}", share))
    return rows


def _plain(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "start": stage.start,
        "seconds": stage.seconds,
        "peak_bytes": stage.peak_bytes,
        "nodes_before": stage.nodes_before,
        "nodes": stage.nodes,
        "inside": [_plain(step) for step in stage.inside],
    }


def _named(row: tuple[str, int, float]) -> dict[str, Any]:
    name, count, seconds = row
    return {"name": name, "times": count, "seconds": seconds}


def peak_memory() -> int:
    """The highest resident size of this process so far, in bytes; 0 where it can't be read."""
    try:
        import resource
    except ImportError:  # Windows has no such module
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

"""Two profiles beside each other."""

from __future__ import annotations

from dataclasses import dataclass

from torch_onnx.profile.stages import Profile, Stage
from torch_onnx.rendering import table


@dataclass(frozen=True, slots=True)
class StageComparison:
    """One stage in two runs; None where a run did not have it."""

    name: str
    a: Stage | None
    b: Stage | None

    @property
    def ratio(self) -> float | None:
        """Seconds in b over seconds in a."""
        if self.a is None or self.b is None or not self.a.seconds:
            return None
        return self.b.seconds / self.a.seconds


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two exports, stage by stage."""

    rows: list[StageComparison]
    a_seconds: float
    b_seconds: float

    def table(self) -> str:
        head = ("stage", "a, s", "b, s", "b / a", "a, nodes", "b, nodes")
        lines = [head]
        for row in self.rows:
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
            lines.append((row.name, *_cells(row.a, row.b), ratio, *_nodes(row.a, row.b)))
        ratio = f"{self.b_seconds / self.a_seconds:.2f}" if self.a_seconds else ""
        lines.append(("all", f"{self.a_seconds:.3f}", f"{self.b_seconds:.3f}", ratio, "", ""))
        return table(lines, indent="")

    def __str__(self) -> str:
        return self.table()


def compare(a: Profile, b: Profile) -> Comparison:
    """Two runs stage by stage: seconds, their ratio, nodes."""
    first, second = _by_name(a), _by_name(b)
    names = list(dict.fromkeys([*first, *second]))
    rows = [StageComparison(name, first.get(name), second.get(name)) for name in names]
    return Comparison(rows, a.seconds, b.seconds)


def _by_name(profile: Profile) -> dict[str, Stage]:
    found: dict[str, Stage] = {}
    for stage in profile.stages:
        found.setdefault(stage.name, stage)
        for step in stage.inside:
            # The same pass may run twice.
            name, count = f"  {step.name}", 1
            while name in found:
                count += 1
                name = f"  {step.name} ({count})"
            found[name] = step
    return found


def _cells(a: Stage | None, b: Stage | None) -> tuple[str, str]:
    first, second = ("" if s is None else f"{s.seconds:.3f}" for s in (a, b))
    return first, second


def _nodes(a: Stage | None, b: Stage | None) -> tuple[str, str]:
    first, second = ("" if s is None or s.nodes is None else str(s.nodes) for s in (a, b))
    return first, second

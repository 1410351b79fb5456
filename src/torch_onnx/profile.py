"""Where an export's time and memory go, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch_onnx.rendering import table


@dataclass(slots=True)
class Stage:
    """One stage: wall seconds, growth of the process's peak memory in bytes, nodes after it."""

    name: str
    seconds: float = 0.0
    peak_bytes: int = 0
    nodes: int | None = None


@dataclass(slots=True)
class Profile:
    """The stages of one export, in order. Cheap enough to be always on."""

    stages: list[Stage] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Time what happens within."""
        stage = Stage(name)
        peak = peak_memory()
        start = time.perf_counter()
        try:
            yield stage
        finally:
            stage.seconds = time.perf_counter() - start
            stage.peak_bytes = peak_memory() - peak
            self.stages.append(stage)

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    def table(self) -> str:
        """The stages as text: seconds, share, growth of peak memory, nodes."""
        total = self.seconds or 1.0
        rows = [
            (
                stage.name,
                f"{stage.seconds:.3f}",
                f"{100 * stage.seconds / total:.0f} %",
                f"+{stage.peak_bytes / 1e6:.0f} MB",
                "" if stage.nodes is None else str(stage.nodes),
            )
            for stage in self.stages
        ]
        head = ("stage", "seconds", "share", "peak memory", "nodes")
        return table([head, *rows, ("all", f"{self.seconds:.3f}", "", "", "")], indent="")

    def __str__(self) -> str:
        return self.table()


def peak_memory() -> int:
    """The highest resident size of this process so far, in bytes; 0 where it can't be read."""
    try:
        import resource
        import sys
    except ImportError:  # Windows has no such module
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

"""How far an export is: a bar in a terminal, a callback for programs, nothing in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

STAGES = ("capture", "functionalize", "translate", "tidy", "verify", "save")
# A short export needs no bar.
SHOWN_AFTER_SECONDS = 1.0
LONGEST_MODULE = 40


@dataclass(frozen=True, slots=True)
class Progress:
    """What an export is at: the stage, the module, and how many of the stage's steps are done.

    ``total`` is None where it is not known; a capture counts calls of modules.
    """

    stage: str
    module: str = ""
    done: int = 0
    total: int | None = None


Callback: TypeAlias = Callable[[Progress], None]


@contextmanager
def shown(wanted: Callback | bool | None) -> Iterator[Callback | None]:
    """What to tell: the user's callback; a bar on stderr where that is a terminal, or None.

    None shows a bar in a terminal only, True always, False never.
    """
    if callable(wanted):
        yield wanted
    elif wanted is False or (wanted is None and not _is_terminal()):
        yield None
    else:
        bar = _bar()
        try:
            yield bar.update
        finally:
            bar.close()


def _is_terminal() -> bool:
    return bool(getattr(sys.stderr, "isatty", bool)())


def _bar() -> _Plain | _Rich:
    try:
        import rich.progress  # noqa: F401 - only whether it is there
    except ImportError:
        return _Plain()
    return _Rich()


def _module(progress: Progress) -> str:
    module = progress.module
    return module if len(module) <= LONGEST_MODULE else "…" + module[1 - LONGEST_MODULE :]


@dataclass(slots=True)
class _Plain:
    """A line on stderr that is written over, for terminals without rich."""

    began: float = field(default_factory=time.monotonic)
    told: float = 0.0
    width: int = 0

    def update(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.began < SHOWN_AFTER_SECONDS or now - self.told < 0.1:
            return
        self.told = now
        count = "" if progress.total is None else f" {progress.done}/{progress.total}"
        text = f"{progress.stage}{count} {_module(progress)}"
        sys.stderr.write("\r" + text.ljust(self.width))
        sys.stderr.flush()
        self.width = len(text)

    def close(self) -> None:
        if self.width:
            sys.stderr.write("\r" + " " * self.width + "\r")
            sys.stderr.flush()


@dataclass(slots=True)
class _Rich:
    """A bar by rich; it appears only when the export takes long, and goes when it ends."""

    began: float = field(default_factory=time.monotonic)
    told: float = 0.0
    display: Any = None
    task: Any = None

    def update(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.began < SHOWN_AFTER_SECONDS or now - self.told < 0.05:
            return
        self.told = now
        if self.display is None:
            self._start()
        self.display.update(
            self.task,
            description=progress.stage,
            module=_module(progress),
            completed=progress.done,
            total=progress.total,
        )

    def _start(self) -> None:
        from rich import progress
        from rich.console import Console

        self.display = progress.Progress(
            progress.TextColumn("{task.description:13}"),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[module]}"),
            progress.TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self.task = self.display.add_task("", module="", total=None)
        self.display.start()

    def close(self) -> None:
        if self.display is not None:
            self.display.stop()

"""What an export tells while it runs: times to its profile, and how far it is to the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from torch_onnx.graph import Call
from torch_onnx.profile import Profile, Stage
from torch_onnx.profile.modules import timed
from torch_onnx.progress import Callback, Progress


@dataclass(slots=True)
class Observer:
    """Follows one export. Without ``detailed`` and ``tell`` it only times the stages."""

    profile: Profile
    tell: Callback | None = None
    _stage: str = ""
    _done: int = 0
    _total: int | None = None

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """A stage, of as many steps as ``total`` where that is known."""
        self._stage, self._done, self._total = name, 0, total
        self._say("")
        with self.profile.stage(name) as stage:
            yield stage

    def step(self, name: str, count: Callable[[], int]) -> AbstractContextManager[Stage]:
        """A pass within the current stage."""
        self._say(name)
        return self.profile.step(name, count)

    def modules(self, model: Any) -> AbstractContextManager[None]:
        """Within, the calls of the model's modules are followed."""
        return timed(model, self.profile, None if self.tell is None else self.advance)

    @property
    def on_call(self) -> Callable[[Call], None] | None:
        """What a translator calls before each call; None where nobody wants to know."""
        return self._call if self.profile.detailed or self.tell is not None else None

    def _call(self, call: Call) -> None:
        if self.profile.detailed:
            self.profile.call(call)
        self.advance(call.source.module)

    def advance(self, what: str, total: int | None = None) -> None:
        """One step more is done, and this one begins."""
        if total is not None:
            self._total = total
        self._say(what)
        self._done += 1

    def _say(self, module: str) -> None:
        if self.tell is not None:
            self.tell(Progress(self._stage, module, self._done, self._total))

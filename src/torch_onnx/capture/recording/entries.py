"""What the runs of a model are compared by, and what refuses one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from torch_onnx.capture.recording.expressions import Expression
from torch_onnx.graph import Frame


class Unrecordable(Exception):
    """The run can't be recorded as it is; another front end may know how to."""

    def __init__(self, reason: str, frame: Frame | None = None) -> None:
        super().__init__(reason)
        self.frame = frame


class DependsOnSizes(Unrecordable):
    """The two runs differ in what sizes do not explain; at others they may not."""


class DependsOnData(Unrecordable):
    """The elements of tensors decide a size or number: only two runs can tell what follows."""


class Undecided(Unrecordable):
    """A branch on a tensor's elements, whose other side may do nothing but raise.

    ``code`` is the function that it stands in.
    """

    code: Any = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What the first of two runs tells of a call: its operator, numbers, and results' sizes.

    ``operands`` are the tensors that go into it, by name or by how many the run had made before;
    ``words`` its other arguments. A tensor from outside is an entry too, for its elements must be
    the same in both runs, and so is what the model returns.
    """

    name: str
    numbers: tuple[Any, ...]
    shapes: tuple[tuple[int, ...], ...]
    tensor: torch.Tensor | None = None
    operands: tuple[Any, ...] = ()
    words: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Reliance:
    """A comparison of sizes that decided which way the program went."""

    frame: Frame
    text: str
    function: Callable[[Any, Any], bool]
    left: Expression | None
    right: Expression | None
    answer: bool

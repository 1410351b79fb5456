"""What stands for a program's things: numbers known at run time only, lists, objects, optionals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from torch_onnx.capture.torchscript.scalars import Scalar, Vector
from torch_onnx.errors import CaptureError
from torch_onnx.graph import Source, Value

if TYPE_CHECKING:
    from torch_onnx.capture.torchscript.interpreter import Interpreter

Handler: TypeAlias = "Callable[[Interpreter, Any, list[Any]], Any]"


class Handlers(dict[str, Handler]):
    """Functions by the kind of node that they do; NotImplemented leaves one to the operators."""

    def __call__(self, *kinds: str) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            for kind in kinds:
                assert kind not in self, kind
                self[kind] = handler
            return handler

        return register


@dataclass(frozen=True, slots=True)
class ModuleAt:
    """A module of the program, and its path from the outermost one."""

    module: Any
    path: str

    def name_of(self, attribute: str) -> str:
        return f"{self.path}.{attribute}" if self.path else attribute


class ScriptList(list[Any]):
    """A list of the program.

    Where its length is known at run time only, ``held`` stands for its elements: a Value of kind
    ``"list"`` for tensors, a vector for numbers, whose kind is ``of``. Python's own part is empty
    then.
    """

    __slots__ = ("held", "of")

    def __init__(self, items: Any = (), held: Value | None = None, of: str = "") -> None:
        super().__init__(items)
        self.held = held
        self.of = of

    def copy(self) -> ScriptList:
        return ScriptList(self, self.held, self.of)


class ScriptObject(dict[str, Any]):
    """An object of a class of the program's own: its attributes."""


@dataclass(frozen=True, slots=True)
class Maybe:
    """None, or what ``value`` stands for where ``present``, which may be known at run time only, is
    true. Otherwise ``value`` is anything of its type.
    """

    present: Any
    value: Any


class UnknownText(str):
    """A text with a number in it that is known at run time only; of use in messages alone."""

    __slots__ = ()


class Raised(Exception):
    """The program would raise here."""

    def __init__(self, message: str, source: Source) -> None:
        super().__init__(message)
        self.source = source


class Diverges(CaptureError):
    """Two branches decided at run time give what no single value can stand for."""


class _Uninitialized:
    def __repr__(self) -> str:
        return "nothing"


UNINITIALIZED = _Uninitialized()
"""What a branch gives that never goes on from there."""


def is_tensor(value: Any) -> bool:
    """Whether the program has a tensor here."""
    if isinstance(value, Value):
        return value.kind == "tensor"
    return isinstance(value, (Scalar, Vector, torch.Tensor))


def is_run_time(value: Any) -> bool:
    """Whether the program has a number here that is known at run time only."""
    return isinstance(value, Value) and value.kind not in ("tensor", "list")


def is_number(value: Any) -> bool:
    """Whether the program has a number here, known or not."""
    return is_run_time(value) or isinstance(value, (bool, int, float))


def number_kind(value: Any) -> str:
    """``int``, ``float``, ``bool``, or another name for what is no number."""
    return value.kind if isinstance(value, Value) else type(value).__name__


def described(value: Any) -> str:
    """The value as messages tell it."""
    if isinstance(value, ScriptList):
        what = "tensors" if value.of == "tensor" else value.of
        return f"a list of {len(value)}" if value.held is None else f"a list of {what}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    if isinstance(value, dict):
        return f"a dict with the keys {', '.join(map(repr, value))}" if value else "an empty dict"
    if isinstance(value, (Scalar, Vector)):
        return f"int64[{len(value.numbers) if isinstance(value, Vector) else ''}]"
    if isinstance(value, Value):
        return type_of(value) if value.kind == "tensor" else f"a number ({value.kind})"
    return "None" if value is None else f"{type(value).__name__} {value!r}"[:60]


def type_of(value: Value) -> str:
    """``float32[batch, 3]``."""
    shape = ", ".join(map(str, value.shape or ()))
    return f"{str(value.dtype).removeprefix('torch.')}[{shape}]"

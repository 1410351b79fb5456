"""Calls that a capture keeps whole, though PyTorch knows no such operator.

An ``autograd.Function`` with a ``symbolic``, an operator of ``torch_onnx.ops`` and a module with a
translation of its own all become one call of the operator ``torch_onnx::kept``. It runs the same
Python as before, on fake tensors too, which tells its results' types for all sizes.
"""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch

from torch_onnx import compat, compat_extending
from torch_onnx.errors import CaptureError
from torch_onnx.ops.table import OpTable

# What a mark is translated by: ``(g, arguments, results)``; the arguments are those of the call,
# its tensors as ONNX values, and ``results`` the types of its tensors.
TranslateMark = Callable[[Any, list[Any], list[Any]], Any]

WRITTEN_OUT = "torch_onnx::written_out"


@dataclass(frozen=True, slots=True)
class _Hole:
    """Where a tensor or an integer was among the arguments."""

    kind: str
    index: int


@dataclass(eq=False)
class Mark:
    """One kept call: how it runs, what it was given, and how it is translated.

    Without slots, for the operator refers to it weakly.
    """

    label: str
    run: Callable[..., Any]
    template: list[Any]
    translate: TranslateMark | None
    body: Callable[..., Any] | None = None
    """What the call is taken apart into, where nothing translates it."""
    structure: Any = None
    """What ``run`` gave, with holes for its tensors."""
    example: list[torch.Tensor] = field(default_factory=list)
    """The results on real tensors, without data, where there were such."""

    def arguments(self, tensors: Sequence[Any], numbers: Sequence[Any]) -> list[Any]:
        return [_filled(item, tensors, numbers) for item in self.template]


@dataclass(slots=True, eq=False)
class Marks:
    """The marks of one export at an opset."""

    opset: int
    marks: list[Mark] = field(default_factory=list)

    def table(self) -> OpTable:
        """The translation of the operator ``torch_onnx::kept``."""
        table = OpTable("marks")

        def kept(g: Any, key: str, tensors: list[Any], numbers: list[Any], result: Any) -> Any:
            mark = _MARKS[key]
            assert mark.translate is not None
            results = mark.translate(g, mark.arguments(tensors, numbers), result)
            many = results if isinstance(results, (list, tuple)) else [results]
            return [item for item in many if item is not None][: len(result)]

        table.add("torch_onnx::kept", kept, 11, (), False)
        return table


_ACTIVE: ContextVar[Marks | None] = ContextVar("torch_onnx.marks", default=None)
_MARKS: weakref.WeakValueDictionary[str, Mark] = weakref.WeakValueDictionary()
_COUNT = itertools.count()


@contextmanager
def recording(opset: int) -> Iterator[Marks]:
    """Within, calls of ``keep`` are kept whole."""
    marks = Marks(opset)
    token = _ACTIVE.set(marks)
    _operators()
    try:
        with compat_extending.functions_applied_by(_apply_function):
            yield marks
    finally:
        _ACTIVE.reset(token)


def active() -> Marks | None:
    """The marks of the export that captures a model now."""
    return _ACTIVE.get()


@contextmanager
def inactive() -> Iterator[None]:
    """Within, nothing is kept: the inside of a kept call."""
    token = _ACTIVE.set(None)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


_OUTPUTS: ContextVar[dict[str, torch.Tensor] | None] = ContextVar(
    "torch_onnx.outputs", default=None
)


@contextmanager
def collecting_outputs() -> Iterator[dict[str, torch.Tensor]]:
    """Within, values that the model calls outputs (``as_output``) are collected."""
    outputs: dict[str, torch.Tensor] = {}
    token = _OUTPUTS.set(outputs)
    try:
        yield outputs
    finally:
        _OUTPUTS.reset(token)


_ANNOTATIONS: ContextVar[tuple[tuple[str, str], ...]]
_ANNOTATIONS = ContextVar("torch_onnx.annotations", default=())


@contextmanager
def annotating(properties: dict[str, str]) -> Iterator[None]:
    """Within, calls have these properties beside those from around."""
    merged = dict(_ANNOTATIONS.get()) | properties
    token = _ANNOTATIONS.set(tuple(merged.items()))
    try:
        yield
    finally:
        _ANNOTATIONS.reset(token)


def annotations_here() -> tuple[tuple[str, str], ...]:
    """The properties that calls have here."""
    return _ANNOTATIONS.get()


def extra_outputs() -> dict[str, torch.Tensor] | None:
    """What has been collected, None where nothing is."""
    return _OUTPUTS.get()


def identity_of(key: str) -> Any:
    """What is the same for kept calls that are translated alike."""
    mark = _MARKS[key]
    translate = mark.translate
    bound = getattr(translate, "func", translate), getattr(translate, "args", ())
    return mark.label, repr(bound), repr(mark.template)


def keep(
    label: str,
    run: Callable[..., Any],
    arguments: Sequence[Any],
    translate: TranslateMark | None,
    body: Callable[..., Any] | None = None,
) -> Any:
    """``run(*arguments)`` as one call of the program, and what it gives.

    Without ``translate`` it is taken apart afterwards, into the operators that ``body`` calls.
    Tensors among the arguments (in lists too) are the call's inputs; everything else is told to
    ``translate`` as it is. Results are a tensor, or a list or tuple of tensors and other things.
    """
    marks = _ACTIVE.get()
    if marks is None:
        return run(*arguments)
    tensors: list[torch.Tensor] = []
    numbers: list[Any] = []
    template = [_template(argument, tensors, numbers) for argument in arguments]
    mark = Mark(label, run, template, translate, body)
    marks.marks.append(mark)
    # Text, for a recorded number would have to be the same in each run of the model.
    key = str(next(_COUNT))
    _MARKS[key] = mark
    results = _operators()[translate is None](key, tensors, numbers)
    return _filled(mark.structure, results, ())


def _apply_function(original: Callable[..., Any], cls: Any, *args: Any, **kwargs: Any) -> Any:
    """``cls.apply(*args)``: kept whole for Functions that tell their ONNX form."""
    from torch_onnx import legacy

    if _ACTIVE.get() is None or kwargs:
        return original(*args, **kwargs)
    if not hasattr(cls, "symbolic"):
        # The tracer hides what a Function does; nothing goes backward, so its forward will do.
        return _forward(cls, *args) if compat.is_tracing() else original(*args)
    return keep(
        cls.__name__,
        functools.partial(_forward, cls),
        args,
        functools.partial(legacy.translate_function, cls),
    )


class _Context:
    """What a Function's forward is given as ``ctx``, when nothing goes backward."""

    def __init__(self, count: int) -> None:
        self.needs_input_grad = (False,) * count
        self.saved_tensors: tuple[Any, ...] = ()
        self.to_save: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        self.saved_tensors = self.to_save = tensors

    save_for_forward = save_for_backward

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Nothing is differentiated."""

    def set_materialize_grads(self, value: bool) -> None:
        """Nothing is differentiated."""

    def mark_dirty(self, *tensors: Any) -> None:
        """A write is seen as such."""


def _forward(cls: Any, *args: Any) -> Any:
    if compat_extending.has_setup_context(cls):
        return cls.forward(*args)
    return cls.forward(_Context(len(args)), *args)


# The operators.


@functools.cache
def _operators() -> tuple[Any, Any]:
    """``kept``, and ``written_out`` for calls that are taken apart."""
    library = compat_extending.library("torch_onnx")
    for name in ("kept", "written_out"):
        library.define(f"{name}(str key, Tensor[] tensors, SymInt[] numbers) -> Tensor[]")
        library.impl(name, _run, "CompositeExplicitAutograd")
        torch.library.register_fake(f"torch_onnx::{name}", _run_fake, lib=library)
    # The library lives as long as the process, for programs that were captured hold operators.
    _operators.library = library  # type: ignore[attr-defined]
    return torch.ops.torch_onnx.kept.default, torch.ops.torch_onnx.written_out.default


def written_out(key: str, tensors: list[torch.Tensor], numbers: list[Any]) -> list[torch.Tensor]:
    """The Python of a call, whose operators are recorded one by one."""
    mark = _MARKS[key]
    results: list[torch.Tensor] = []
    with inactive():
        assert mark.body is not None
        _template(mark.body(*mark.arguments(tensors, numbers)), results, None)
    return results


def _run(key: str, tensors: list[torch.Tensor], numbers: list[Any]) -> list[torch.Tensor]:
    mark = _MARKS.get(key)
    if mark is None:
        raise RuntimeError("this call was kept whole for an export that is over")
    versions = [compat_extending.version_of(tensor) for tensor in tensors]
    with inactive(), torch.no_grad():
        results = mark.run(*mark.arguments(tensors, numbers))
    if [compat_extending.version_of(tensor) for tensor in tensors] != versions:
        raise CaptureError(f"{mark.label} writes to its inputs, which one ONNX node can't.")
    made: list[torch.Tensor] = []
    mark.structure = _template(results, made, None)
    # An operator may not give its inputs, or one result twice.
    seen = list(tensors)
    for index, tensor in enumerate(made):
        if any(compat.same_storage(tensor, other) for other in seen):
            made[index] = tensor.clone()
        seen.append(made[index])
    mark.example = [tensor.to("meta") for tensor in made]
    return made


def _run_fake(key: str, tensors: list[torch.Tensor], numbers: list[Any]) -> list[torch.Tensor]:
    mark = _MARKS[key]
    before = mark.structure, mark.example
    try:
        return _run(key, tensors, numbers)
    except Exception:
        # Its Python needs data. What a run on data gave tells the rank, and the sizes where all
        # inputs have known ones.
        mark.structure, mark.example = before
        if not mark.example:
            raise
        fixed = all(isinstance(size, int) for tensor in tensors for size in tensor.shape)
        context = torch.library.get_ctx()
        return [
            tensors[0].new_empty(
                like.shape if fixed else [context.new_dynamic_size() for _ in like.shape],
                dtype=like.dtype,
            )
            for like in mark.example
        ]


def _template(value: Any, tensors: list[torch.Tensor], numbers: list[Any] | None) -> Any:
    """The value with holes for its tensors and integers, which go to the lists."""
    if isinstance(value, torch.Tensor):
        tensors.append(value)
        return _Hole("tensor", len(tensors) - 1)
    if numbers is not None and _is_integer(value):
        numbers.append(value)
        return _Hole("number", len(numbers) - 1)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_template(item, tensors, numbers) for item in value)
    if type(value) is dict:
        return {key: _template(item, tensors, numbers) for key, item in value.items()}
    return value


def _is_integer(value: Any) -> bool:
    """Whether a number goes through the operator, which front ends see: every plain integer, for it
    may be a size in another run of the model.

    Raises:
        TypeError: for a float that is known at run time only, which a kept call can't be given.
    """
    if isinstance(value, torch.SymInt) or type(value) is int:
        return True
    from torch_onnx.capture.recording.numbers import RecordedFloat, RecordedInt

    if isinstance(value, (torch.SymFloat, torch.SymBool, RecordedFloat)):
        raise TypeError("a float or bool that is known at run time only can't be kept in a call")
    return isinstance(value, RecordedInt)


def _filled(value: Any, tensors: Sequence[Any], numbers: Sequence[Any]) -> Any:
    if isinstance(value, _Hole):
        return tensors[value.index] if value.kind == "tensor" else numbers[value.index]
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_filled(item, tensors, numbers) for item in value)
    if type(value) is dict:
        return {key: _filled(item, tensors, numbers) for key, item in value.items()}
    return value

"""The mode under which a model's Python runs: every torch function it calls is recorded."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from torch_onnx import compat
from torch_onnx.capture.dialect import DROPPED
from torch_onnx.capture.recording import functions, unknown
from torch_onnx.capture.recording.entries import Unrecordable
from torch_onnx.capture.recording.numbers import RECORDED, plain
from torch_onnx.capture.recording.recorder import LARGEST_CONSTANT, Recorder
from torch_onnx.capture.recording.resolve import resolve
from torch_onnx.graph import Operator

# What Python calls an operator that ATen calls otherwise.
ATEN_NAMES = {
    "__add__": "add", "__radd__": "add", "__sub__": "sub", "__mul__": "mul", "__rmul__": "mul",
    "__truediv__": "div", "__div__": "div", "__mod__": "remainder", "__matmul__": "matmul",
    "__eq__": "eq", "__ne__": "ne", "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge",
    "__neg__": "neg", "__invert__": "bitwise_not", "__abs__": "abs", "__pow__": "pow",
    "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_",
    "__idiv__": "div_", "__imod__": "remainder_", "__ipow__": "pow_", "__pos__": "positive",
    "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div", "clip": "clamp",
    "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "not_equal": "ne",
    "negative": "neg", "absolute": "abs", "concat": "cat", "concatenate": "cat",
    "swapaxes": "transpose", "swapdims": "transpose", "moveaxis": "movedim",
}  # fmt: skip


# Arguments that have no say in what a call computes.
LEFT_OUT = frozenset({"requires_grad"})


class RecordingMode(TorchFunctionMode):
    """Records what runs within into a Recorder."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.running: list[Any] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types_: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = {k: v for k, v in (kwargs or {}).items() if k not in LEFT_OUT}
        name = _name(func)
        handler = functions.HANDLERS.get(name)
        if handler is not None:
            result = handler(self, func, args, named)
            if result is not NotImplemented:
                return result
        if isinstance(func, types.FunctionType):
            if not compat.runs_as_python(func):
                raise Unrecordable(f"{name} is not translated", self.recorder.frame())
            if func in self.running:
                # Tensor.unflatten calls the method of its base, which goes by its own name.
                return self.apply(f"aten::{name}", *args, **named)
            self.running.append(func)
            try:
                with self:
                    return func(*args, **named)
            finally:
                self.running.pop()
        return self.call(name, func, args, named)

    def apply(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a torch operator by its ATen name."""
        found = resolve(name, args, kwargs)
        if found is None:
            raise Unrecordable(f"{name} does not take these arguments", self.recorder.frame())
        op, bound = found
        return self.operator(op, bound, op.target, None)

    def call(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A function of PyTorch's that is one operator, or tells something of a tensor."""
        if compat.is_operator(func):
            found = resolve(name.partition(".")[0], args, kwargs)
        else:
            namespace = "" if "::" in name else "aten::"
            found = resolve(f"{namespace}{ATEN_NAMES.get(name, name)}", args, kwargs)
        if found is None:
            return self._unresolved(name, func, args, kwargs)
        op, bound = found
        return self.operator(op, bound, func, (args, kwargs))

    def operator(
        self,
        op: Operator,
        bound: dict[str, Any],
        func: Callable[..., Any],
        call: tuple[tuple[Any, ...], dict[str, Any]] | None,
    ) -> Any:
        """Run an operator on stand-ins and record it."""
        recorder = self.recorder
        if op.name in DROPPED:
            return None
        if compat.is_higher_order(func):
            raise Unrecordable(f"{op.name} takes functions", recorder.frame())
        read = {n: self._single(op, n, argument) for n, argument in bound.items()}
        if any(read[n] is not argument for n, argument in bound.items()):
            # PyTorch would read the element itself.
            bound, call = read, None
        asked = _at_the_start(op, bound)
        if asked is not bound:
            call = None
        known = _lowered(asked, recorder.fake_of)

        def run(tensor: Callable[[torch.Tensor], torch.Tensor]) -> Any:
            if call is None:
                return _called(op, _lowered(asked, tensor))
            return func(*_lowered(list(call[0]), tensor), **_lowered(call[1], tensor))

        result, made_up = self._typed(op, known, run)
        if not _holds_tensors(result):
            return result
        if self._is_same(op, bound, result):
            return _same(bound, result, known)
        recorder.record(op, bound, result)
        if made_up is None:
            self._compute(op, bound, run, result)
        if made_up is not None:
            for tensor in _flat(result):
                value = recorder.value_of(tensor)
                sizes = (made_up, made_up + unknown.SECOND)
                axes = [axis for axis, size in enumerate(tensor.shape) if size in sizes]
                recorder.unknown_sizes(value, axes)
        return result

    def _typed(
        self, op: Operator, known: dict[str, Any], run: Callable[[Any], Any]
    ) -> tuple[Any, int | None]:
        """The results on stand-ins; with the size made up where data decide it."""
        recorder = self.recorder
        unknown_type = unknown.ALWAYS.get(op.name)
        cause: Exception | None = None
        if unknown_type is None:
            steps = op.name in unknown.RECURRENT
            try:
                with compat.running_on(recorder.fake_mode) if steps else recorder.fake_mode:
                    return run(recorder.fake_of), None
            except compat.data_dependent_errors() as error:
                unknown_type, cause = unknown.RESULTS.get(op.name), error
        if unknown_type is None:
            raise Unrecordable(f"what {op.name} gives depends on data", recorder.frame()) from cause
        made_up = unknown.size_of_unknowns(recorder.is_second, recorder.count_unknown())
        with recorder.fake_mode:
            return unknown_type(known, made_up), made_up

    def _is_same(self, op: Operator, bound: dict[str, Any], result: Any) -> bool:
        """Whether an operator just gave back what it was given (contiguous, to)."""
        if op.is_mutating or not isinstance(result, torch.Tensor):
            return False
        given = _flat(list(bound.values()))
        return any(result is t or result is self.recorder.fakes.get(id(t)) for t in given)

    def _single(self, op: Operator, name: str, argument: Any) -> Any:
        """A tensor of one element in the place of a number is read."""
        formal = next(a for a in op.arguments if a.name == name)
        if isinstance(argument, torch.Tensor) and "Tensor" not in formal.type:
            return functions.item(self, argument)
        if isinstance(argument, list) and "Tensor" not in formal.type and _flat(argument):
            return [
                functions.item(self, item) if isinstance(item, torch.Tensor) else item
                for item in argument
            ]
        return argument

    def _compute(
        self, op: Operator, bound: dict[str, Any], run: Callable[[Any], Any], result: Any
    ) -> None:
        """Keep the elements of small results that nothing but constants went into."""
        known = self.recorder.known
        given = _flat(list(bound.values()))
        is_known = (
            op.deterministic
            and all(id(self.recorder.fake_of(t)) in known for t in given)
            and not _recorded(list(bound.values()))
            and "empty" not in op.name
        )
        results = _flat(result)
        if is_known and all(0 < t.numel() <= LARGEST_CONSTANT for t in results):
            real = _flat(run(lambda t: known[id(self.recorder.fake_of(t))]))
            known.update({id(fake): tensor for fake, tensor in zip(results, real, strict=True)})
        elif op.is_mutating:
            for argument in op.arguments:
                if argument.written and isinstance(bound[argument.name], torch.Tensor):
                    self.recorder.forget(self.recorder.fake_of(bound[argument.name]))

    def _unresolved(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A property or query of a tensor; whatever makes tensors has to be known."""
        with self.recorder.fake_mode:
            result = func(
                *_lowered(list(args), self.recorder.fake_of),
                **_lowered(kwargs, self.recorder.fake_of),
            )
        if _holds_tensors(result) and not all(id(t) in self.recorder.values for t in _flat(result)):
            raise Unrecordable(f"{name} is no ATen operator", self.recorder.frame())
        return result


PLACES = {"aten::select.int": "index", "aten::narrow": "start"}


def _at_the_start(op: Operator, bound: dict[str, Any]) -> dict[str, Any]:
    """The arguments with a place that data tell at the start: a result's type is alike at any, and
    the number made up for it is at none.
    """
    name = PLACES.get(op.name)
    place = bound.get(name or "")
    if name is None or not isinstance(place, RECORDED) or not place.from_data:
        return bound
    return {**bound, name: 0}


def _lowered(argument: Any, tensor: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """An argument with other tensors, and plain numbers for recorded ones."""
    if isinstance(argument, torch.Tensor):
        return tensor(argument)
    if isinstance(argument, RECORDED):
        return plain(argument)
    if isinstance(argument, dict):
        return {key: _lowered(item, tensor) for key, item in argument.items()}
    if isinstance(argument, (list, tuple)):
        items = [_lowered(item, tensor) for item in argument]
        return items if isinstance(argument, list) else tuple(items)
    return argument


def _called(op: Operator, known: dict[str, Any]) -> Any:
    positional = [known[a.name] for a in op.arguments if not a.keyword_only]
    named = {a.name: known[a.name] for a in op.arguments if a.keyword_only}
    named = {name: argument for name, argument in named.items() if argument is not None}
    return op.target(*positional, **named)


def _name(func: Any) -> str:
    """The name that a function goes by here: ``get.shape``, ``add``, ``torchvision::nms``."""
    if isinstance(func, types.MethodWrapperType):
        kind = func.__name__.strip("_")
        return f"{kind}.{getattr(func.__self__, '__name__', '')}"
    if compat.is_operator(func):
        return str(func.name())
    if isinstance(func, compat.OperatorPacket):
        return compat.name_of_packet(func)
    return str(getattr(func, "__name__", func))


def _same(bound: dict[str, Any], result: Any, known: dict[str, Any]) -> Any:
    """The very object that the program gave, not its stand-in."""
    for name, argument in bound.items():
        if known[name] is result:
            return argument
    return result


def _flat(argument: Any) -> list[torch.Tensor]:
    if isinstance(argument, torch.Tensor):
        return [argument]
    if isinstance(argument, (list, tuple)):
        return [t for item in argument for t in _flat(item)]
    return []


def _holds_tensors(result: Any) -> bool:
    return bool(_flat(result))


def _recorded(argument: Any) -> bool:
    if isinstance(argument, (list, tuple)):
        return any(_recorded(item) for item in argument)
    return isinstance(argument, RECORDED)

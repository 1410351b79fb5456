"""One run of a model, recorded as the calls of an AtenGraph."""

from __future__ import annotations

import functools
import operator
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from torch_onnx import compat, marks
from torch_onnx.capture import autocast, parts
from torch_onnx.capture.binding import number_operator, operator_named
from torch_onnx.capture.dialect import NUMBERS
from torch_onnx.capture.recording.entries import (
    DependsOnData,
    DependsOnSizes,
    Entry,
    Reliance,
    Undecided,
    Unrecordable,
)
from torch_onnx.capture.recording.expressions import Expression, atom
from torch_onnx.capture.recording.numbers import (
    RECORDED,
    SIGNS,
    RecordedFloat,
    RecordedInt,
    expression_of,
    other_value,
    plain,
)
from torch_onnx.capture.recording.sizes import Known, TypedTensor, result_sizes
from torch_onnx.capture.sources import LEFT_OUT, Sources
from torch_onnx.capture.squeezes import named_axes
from torch_onnx.graph import (
    Argument,
    Call,
    Dim,
    Frame,
    Operator,
    Output,
    Parameter,
    Size,
    Source,
    Value,
    substitute,
    values_of,
)

SIZE = "size"
"""The origin of a number that is a tensor's size."""

NAMES_OF_ARGUMENTS = dict(NUMBERS.values())
ARGUMENT_NAMES = ("a", "b", "c")
OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}


@dataclass(slots=True)
class Recorder:
    """Calls in order, and what each tensor of the run stands for.

    ``plan`` is what an earlier run at other sizes left in ``log``; without it every size counts
    as known.
    """

    fake_mode: Any
    names: Mapping[int, tuple[str, str]]
    sources: Sources
    stand_ins: dict[int, torch.Tensor] = field(default_factory=dict)
    """Those of the model's own tensors, which all runs share."""
    plan: list[Entry] | None = None
    log: list[Entry] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    values: dict[int, Value] = field(default_factory=dict)
    ordinals: dict[Value, int | None] = field(default_factory=dict)
    """Of results of calls, in the order made; None for what Python's numbers are made to."""
    made: int = 0
    others: dict[Value, tuple[int, ...]] = field(default_factory=dict)
    """The sizes of a value in the other run."""
    expressions: dict[Dim, Expression] = field(default_factory=dict)
    parameters: dict[int, Parameter] = field(default_factory=dict)
    fakes: dict[int, torch.Tensor] = field(default_factory=dict)
    known: dict[int, torch.Tensor] = field(default_factory=dict)
    """The elements of small tensors that nothing but constants went into, by stand-in."""
    contents: dict[int, Any] = field(default_factory=dict)
    """Nested lists of numbers that the run has made tensors of."""
    kept: list[Any] = field(default_factory=list)
    """Tensors of the run, so that none's id is given again."""
    reliances: list[Reliance] = field(default_factory=list)
    atoms: dict[str, tuple[str, tuple[Any, ...]] | None] = field(default_factory=dict)
    """What each atom of expressions is: an operator on numbers, or None for what is given."""
    from_data: set[str] = field(default_factory=set)
    """Atoms that the elements of tensors decide."""
    modules: list[tuple[str, str, str]] = field(default_factory=list)
    """The modules being called: path, scope, class."""
    rebound: list[str] = field(default_factory=list)
    """Buffers that the program puts another tensor in the place of."""
    answers: Sequence[bool] = ()
    """What the tests of data come to that an exception follows otherwise."""
    asked: int = 0
    checks: list[Frame] = field(default_factory=list)
    count: int = 0
    unknowns: int = 0
    within: bool = False
    """Whether the calls being made are how one thing that was compared is said."""
    is_second: bool = False
    """Whether this is the run at other sizes, whose log the other one is held against."""
    _left_out: dict[str, bool] = field(default_factory=dict)
    _sources: dict[Any, Source] = field(default_factory=dict)

    # Tensors.

    def fake_of(self, tensor: torch.Tensor) -> torch.Tensor:
        """The stand-in of a tensor: itself where it is one, else one of its type."""
        if compat.is_fake(tensor):
            return tensor
        found = self.fakes.get(id(tensor))
        if found is None:
            self.value_of(tensor)
            found = self.fakes[id(tensor)]
        return found

    def value_of(self, tensor: torch.Tensor) -> Value:
        """The value of a tensor of the run; one from outside is a parameter or constant."""
        found = self.values.get(id(tensor))
        if found is not None:
            return found
        if compat.is_fake(tensor):
            raise Unrecordable("a tensor was made out of sight", self.frame())
        if compat.is_wrapped(tensor):
            raise Unrecordable("tensors are wrapped by a transformation", self.frame())
        name, kind = self.names.get(id(tensor), ("", "constant"))
        if not name:
            name = f"constant_{len(self.parameters)}"
        detached = tensor.detach()
        fake = self.stand_ins.get(id(tensor))
        if fake is None:
            fake = compat.fake_copy(self.fake_mode, detached)
            if kind != "constant":
                self.stand_ins[id(tensor)] = fake
        value = Value(name, tensor.dtype, tuple(map(int, tensor.shape)), fake=fake)
        if kind == "constant":
            # What the program does to it later must not change what it was.
            detached = detached.clone() if detached.numel() <= LARGEST_CONSTANT else detached
            self._compared(Entry("constant", (), (), tensor))
        self.parameters[id(tensor)] = Parameter(value, name, detached, kind)
        self.values[id(tensor)] = value
        self.values[id(fake)] = value
        self.others[value] = tuple(map(int, tensor.shape))
        self.fakes[id(tensor)] = fake
        self.kept += [tensor, fake]
        return value

    def made_of(self, data: Sequence[Any]) -> bool:
        """Compare a tensor of Python's numbers with the other run's; whether all are known."""
        numbers = tuple(_numbers_in(list(data)))
        self._compared(
            Entry("tensor", tuple(map(plain, numbers)) if self.is_second else numbers, ())
        )
        return not any(isinstance(number, RECORDED) for number in numbers)

    def constant(self, tensor: torch.Tensor) -> torch.Tensor:
        """The stand-in of a tensor that the program makes of Python data."""
        fake = self.fake_of(tensor)
        if tensor.numel() <= LARGEST_CONSTANT:
            self.known[id(fake)] = tensor
        return fake

    def forget(self, written: torch.Tensor) -> None:
        """The elements of a tensor, and of those that share its storage, are known no longer."""
        real = self.known.get(id(written))
        if real is not None:
            self.known = {
                key: tensor
                for key, tensor in self.known.items()
                if not compat.same_storage(tensor, real)
            }

    def know(self, tensor: torch.Tensor, value: Value, other: Sequence[int]) -> None:
        self.values[id(tensor)] = value
        self.others[value] = tuple(other)
        self.kept.append(tensor)

    # Numbers.

    def size(self, tensor: torch.Tensor, axis: int) -> int:
        """A size as the program reads it: a number at run time where it is dynamic."""
        if not compat.is_fake(tensor):
            return int(tensor.shape[axis])
        value = self.value_of(tensor)
        assert value.shape is not None
        axis %= len(value.shape)
        size = value.shape[axis]
        if isinstance(size, int):
            return size
        expression = self.expressions[size]
        return RecordedInt(
            tensor.shape[axis],
            self,
            self.others[value][axis],
            (SIZE, (value, axis)),
            expression,
            self.is_from_data(expression),
        )

    def is_from_data(self, expression: Expression) -> bool:
        return any(a in self.from_data for monomial, _ in expression.terms for a in monomial)

    def expression_for(self, name: str, numbers: Sequence[Any]) -> Expression:
        """An atom for an integer that is no polynomial of others; the same for the same."""
        forms = [expression_of(number) for number in numbers]
        signs = {"floordiv": "//", "mod": " % ", "pow": "**"}
        if name in signs and None not in forms:
            # In parentheses, for it may become a factor.
            text = f"({signs[name].join(_operand(form) for form in forms)})"
        elif None not in forms:
            text = f"{name}({', '.join(map(str, forms))})"
        else:
            self.count += 1
            text = f"n{self.count}"
        self.atoms.setdefault(text, (name, tuple(forms)))
        if any(number.from_data for number in numbers if isinstance(number, RECORDED)):
            self.from_data.add(text)
        return atom(text)

    def unknown_number(self, kind: type, origin: Any) -> Any:
        """A number that the elements of a tensor decide."""
        self.count += 1
        if kind is float:
            first, second = UNKNOWN_FLOAT
            if self.is_second:
                return RecordedFloat(second, self, second, origin, from_data=True)
            self.needs_plan()
            return RecordedFloat(first, self, second, origin, from_data=True)
        name = f"n{self.count}"
        self.atoms[name] = None
        self.from_data.add(name)
        first, second = UNKNOWN
        if self.is_second:
            return RecordedInt(second, self, second, origin, atom(name), from_data=True)
        self.needs_plan()
        return RecordedInt(first, self, second, origin, atom(name), from_data=True)

    def number_value(self, number: Any) -> Argument:
        """The graph's value of a recorded number, or the number where it is known after all."""
        if number.expression is not None and number.expression.constant is not None:
            return number.expression.constant
        if number.value is None:
            name, args = number.origin
            kind = "int" if isinstance(number, RecordedInt) else "float"
            dtype = torch.int64 if kind == "int" else torch.float64
            self.count += 1
            value = Value(f"n{self.count}", dtype, (), kind, fake=plain(number))
            if number.expression is not None:
                size = number.expression.size
                assert isinstance(size, Dim)
                self.expressions.setdefault(size, number.expression)
                value.expression = size
            if name == SIZE:
                op = operator_named("aten::sym_size.int")
                assert op is not None
                given: dict[str, Argument] = {"self": args[0], "dim": args[1]}
            elif name.startswith("aten::"):
                op = operator_named(name)
                assert op is not None
                given = {op.arguments[0].name: args[0]}
            else:
                names = NAMES_OF_ARGUMENTS.get(name, ARGUMENT_NAMES[: len(args)])
                op = number_operator(name, names)
                given = dict(zip(names, map(self.argument, args), strict=True))
            self.calls.append(Call(op, given, [value], self.source()))
            number.value = value
        return number.value

    def answer(self) -> bool:
        """What a test of a tensor's elements comes to."""
        frame = self.frame()
        if self.asked >= len(self.answers):
            undecided = Undecided("a branch depends on data", frame)
            undecided.code = _asking().f_code
            raise undecided
        self.asked += 1
        if frame is not None:
            self.checks.append(frame)
        return self.answers[self.asked - 1]

    def decided(
        self, name: str, function: Callable[[Any, Any], bool], a: Any, b: Any, answer: bool
    ) -> bool:
        """What a comparison of numbers known at run time only comes to.

        One of sizes is the example's, and remembered where the user's code made it. One of data
        has an answer only where the other way just raises.
        """
        # The comparison's own line: one of PyTorch's asks what a call needs to be valid at all.
        asking = sys._getframe(3)
        if self.is_framework(asking):
            return answer
        if any(number.from_data for number in (a, b) if isinstance(number, RECORDED)):
            return self.answer()
        frame = self._frame(asking)
        assert frame is not None
        sign = SIGNS[name if answer else OPPOSITE[name]]
        left, right = expression_of(a), expression_of(b)
        text = f"{_shown(a, left)} {sign} {_shown(b, right)}"
        self.reliances.append(Reliance(frame, text, function, left, right, answer))
        return answer

    def count_unknown(self) -> int:
        if not self.is_second:
            self.needs_plan()
        self.unknowns += 1
        return self.unknowns

    def refuse_number(self, reason: str) -> None:
        """Raise Unrecordable for a number that the user's code asks for, not PyTorch's."""
        if not self.is_framework(sys._getframe(2)):
            raise Unrecordable(reason, self.frame())

    def needs_plan(self) -> None:
        if self.plan is None:
            raise DependsOnData("a size or number depends on data", self.frame())

    # Calls.

    def argument(self, argument: Any) -> Argument:
        """An argument of the run as the graph has it."""
        if isinstance(argument, torch.Tensor):
            return self.value_of(argument)
        if isinstance(argument, RECORDED):
            return self.number_value(argument)
        if isinstance(argument, (list, tuple)):
            return [self.argument(item) for item in argument]
        return argument

    def record(self, op: Operator, args: dict[str, Any], result: Any) -> None:
        """A call that gave ``result``, tensors on stand-ins and all."""
        numbers = tuple(_numbers_in(list(args.values())))
        if self.is_second:
            numbers = tuple(map(plain, numbers))
        if op.name.startswith("aten::squeeze"):
            self._relies_on_squeezed(args["self"], args.get("dim"))
        elif op.name in parts.COUNTED:
            self._relies_on_parts(op.name, args, len(result))
        tensors = list(_tensors_in(result))
        shapes = tuple(tuple(tensor.shape) for tensor in tensors)
        operands, words = self._operands(list(args.values())), tuple(_words_in(args.values()))
        if op.name.startswith("torch_onnx::"):
            words = ()  # keys of a run's own
        entry = Entry(op.name, numbers, shapes, operands=operands, words=words)
        second = self._compared(entry)
        bound = {name: self.argument(argument) for name, argument in args.items()}
        given = [self._typed(v) for a in bound.values() for v in values_of(a) if v.kind == "tensor"]
        outputs: list[Output] = []
        members = [result] if len(op.returns) == 1 else list(result or ())
        remaining = iter(second)
        for member in members:
            if isinstance(member, (list, tuple)):
                outputs.append(
                    [self._output(op, args, given, item, next(remaining)) for item in member]
                )
            elif isinstance(member, torch.Tensor):
                outputs.append(self._output(op, args, given, member, next(remaining)))
            else:
                outputs.append(None)
        source = self.source()
        region = compat.autocast_dtype()
        if region is not None:
            before, cast = autocast.casts(op, bound, outputs, region, source)
            self.calls += before
            if cast:
                bound = {name: substitute(argument, cast) for name, argument in bound.items()}
        self.calls.append(Call(op, bound, outputs, source))

    def returned(self, results: Sequence[Any]) -> None:
        """What the model returns, the last entry of a run."""
        numbers = tuple(_numbers_in(list(results)))
        if self.is_second:
            numbers = tuple(map(plain, numbers))
        words = tuple(_words_in(results))
        self._compared(Entry("results", numbers, (), None, self._operands(list(results)), words))

    def _operands(self, arguments: list[Any]) -> tuple[Any, ...]:
        """What tells tensors apart; None for one of Python's numbers, which are an entry's own."""
        values = [self.value_of(tensor) for tensor in _tensors_in(arguments)]
        return tuple(
            None if value.name.startswith("constant_") else self.ordinals.get(value, value.name)
            for value in values
        )

    def _relies_on_squeezed(self, tensor: torch.Tensor, dim: Any = None) -> None:
        """Axes of dynamic sizes are dropped in some runs: this one tells of those where not."""
        frame = self.frame()
        for axis in named_axes(tensor.dim(), dim):
            size = self.size(tensor, axis)
            if isinstance(size, RecordedInt) and size.from_data:
                raise Unrecordable("the rank of what is squeezed depends on data", frame)
            if isinstance(size, RecordedInt) and frame is not None:
                form, stays = expression_of(size), plain(size) != 1
                text = f"{_shown(size, form)} {'!=' if stays else '=='} 1"
                one = expression_of(1)
                self.reliances.append(Reliance(frame, text, operator.ne, form, one, stays))

    def _relies_on_parts(self, name: str, args: dict[str, Any], count: int) -> None:
        """Other sizes may give other numbers of parts."""
        tensor, by, frame = args["self"], parts.argument_of(args), self.frame()
        size = self.size(tensor, args["dim"] % tensor.dim())
        if frame is None or not any(isinstance(number, RecordedInt) for number in (size, by)):
            return
        form, part = expression_of(size), expression_of(by)
        known = by if not isinstance(by, RecordedInt) else _shown(by, part)
        text = parts.condition(name, _shown(size, form), known, count)
        as_many = functools.partial(parts.are_as_many, name, count)
        self.reliances.append(Reliance(frame, text, as_many, form, part, True))

    def _output(
        self,
        op: Operator,
        args: dict[str, Any],
        given: Sequence[TypedTensor],
        tensor: torch.Tensor,
        second: tuple[int, ...],
    ) -> Value:
        first = tuple(tensor.shape)
        if first == second and op.name != "aten::slice.Tensor":
            shape: tuple[Size, ...] = first
        else:
            found = result_sizes(op, given, args, first, second)
            shape = tuple([self._named(expression) for expression in found])
        self.count += 1
        value = Value(f"v{self.count}", tensor.dtype, shape, fake=tensor)
        self.others[value] = second
        self.ordinals[value] = None
        if not self.within:
            self.made += 1
            self.ordinals[value] = self.made
        # What an operator in place returns is the tensor it was given.
        if id(tensor) not in self.values:
            self.values[id(tensor)] = value
            self.kept.append(tensor)
        return value

    def _named(self, expression: Expression | None) -> Size:
        if expression is None:
            self.count += 1
            name = f"d{self.count}"
            self.atoms[name] = None
            expression = atom(name)
        size = expression.size
        if isinstance(size, Dim):
            self.expressions.setdefault(size, expression)
        return size

    def unknown_sizes(self, value: Value, axes: Sequence[int]) -> None:
        """The elements of tensors decide these sizes of a result."""
        assert value.shape is not None
        for axis in axes:
            size = value.shape[axis]
            if isinstance(size, Dim):
                monomials = self.expressions[size].terms
                self.from_data.update(a for monomial, _ in monomials for a in monomial)

    def _typed(self, value: Value) -> TypedTensor:
        second = self.others[value]
        assert value.shape is not None
        first = tuple(value.fake.shape)
        return TypedTensor(
            tuple(
                Known(a, b, self.expressions[size] if isinstance(size, Dim) else expression_of(a))  # type: ignore[arg-type]
                for a, b, size in zip(first, second, value.shape, strict=True)
            )
        )

    def _compared(self, entry: Entry) -> tuple[tuple[int, ...], ...]:
        """Hold a call against the other run's; the sizes of its results there."""
        if self.within:
            # Part of what was compared as a whole.
            return entry.shapes
        place = len(self.log)
        self.log.append(entry)
        if self.plan is None:
            return entry.shapes
        if place >= len(self.plan):
            raise DependsOnSizes("the model makes more calls for other sizes", self.frame())
        there = self.plan[place]
        if there.name != entry.name or len(there.shapes) != len(entry.shapes):
            raise DependsOnSizes("the model goes another way for other sizes", self.frame())
        if there.operands != entry.operands or there.words != entry.words:
            raise DependsOnSizes("what goes into a call depends on sizes", self.frame())
        if entry.tensor is not there.tensor and not _equal(entry.tensor, there.tensor):
            raise DependsOnSizes("a tensor made outside of PyTorch depends on sizes", self.frame())
        if len(there.numbers) != len(entry.numbers) or not all(
            _same(other_value(mine), theirs)
            for mine, theirs in zip(entry.numbers, there.numbers, strict=True)
        ):
            raise DependsOnSizes("a dynamic size became a plain number", self.frame())
        if any(len(a) != len(b) for a, b in zip(entry.shapes, there.shapes, strict=True)):
            raise DependsOnSizes("a result's rank depends on sizes", self.frame())
        return there.shapes

    # Where the user's code is.

    def source(self) -> Source:
        frame = self._user_frame()
        module = self.modules[-1] if self.modules else ("", "", "")
        annotations = marks.annotations_here()
        place = None if frame is None else (frame.f_code, frame.f_lineno)
        key = (module, place, annotations)
        found = self._sources.get(key)
        if found is None:
            found = Source(*module, self._frame(frame), annotations)
            self._sources[key] = found
        return found

    def _user_frame(self) -> Any:
        """The innermost frame of the user's code."""
        frame: Any = sys._getframe(2)
        while frame is not None and self.is_framework(frame):
            frame = frame.f_back
        return frame

    def is_framework(self, frame: Any) -> bool:
        """Whether a frame runs code of PyTorch or of this project."""
        path = frame.f_code.co_filename
        found = self._left_out.get(path)
        if found is None:
            made = path.startswith("<") and not path.startswith(TYPED)
            found = made or self.sources.shorten(path).startswith(LEFT_OUT)
            self._left_out[path] = found
        return found

    def frame(self) -> Frame | None:
        return self.source().frame

    def _frame(self, frame: Any) -> Frame | None:
        return None if frame is None else self.sources.frame_at(frame)


HERE = f"{Path(__file__).parents[2]}{os.sep}"
OF_TENSORS = (torch.Tensor.__contains__.__code__.co_filename, torch.overrides.__file__)


def _asking() -> Any:
    """The frame of what asks a tensor: neither of this project nor of torch.Tensor."""
    frame: Any = sys._getframe(1)
    while frame.f_code.co_filename.startswith(HERE) or frame.f_code.co_filename in OF_TENSORS:
        frame = frame.f_back
    return frame


TYPED = ("<stdin", "<ipython", "<console")
"""Where users' code has no file; other code without one is made, of dataclasses for instance."""

LARGEST_CONSTANT = 1024
"""Tensors of more elements than this are calls, not constants."""

UNKNOWN_FLOAT = (0.625, 0.375)
UNKNOWN = (97, 204)
"""What stands for a number that data decide, in the two runs: of other parity and length, and with
no remainder in common but by divisors of more than a hundred.
"""


def _shown(number: Any, expression: Expression | None) -> str:
    return str(plain(number)) if expression is None else str(expression)


def _operand(form: Expression | None) -> str:
    text = str(form)
    return text if form is not None and len(form.terms) < 2 else f"({text})"


def _equal(a: torch.Tensor | None, b: torch.Tensor | None) -> bool:
    if a is None or b is None or a.dtype != b.dtype or a.shape != b.shape:
        return False
    return torch.equal(a, b)


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) or (a != a and b != b)


def _numbers_in(argument: Any) -> Iterator[Any]:
    if isinstance(argument, (int, float, complex)):
        yield argument
    elif isinstance(argument, (list, tuple)):
        for item in argument:
            yield from _numbers_in(item)


def _words_in(arguments: Iterable[Any]) -> Iterator[Any]:
    for argument in arguments:
        if isinstance(argument, (str, torch.dtype)):
            yield argument
        elif isinstance(argument, (list, tuple)):
            yield from _words_in(argument)


def _tensors_in(result: Any) -> Iterator[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        yield result
    elif isinstance(result, (list, tuple)):
        for item in result:
            yield from _tensors_in(item)

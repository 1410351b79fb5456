"""A TorchScript graph run with stand-ins, which leaves the calls on tensors in an AtenGraph.

Whatever the program does with Python's own objects (lists, tuples, dicts, strings, None, modules)
is done here and now. Tensors and numbers known only at run time are ``Value``; every operator on
them becomes a Call. So an AtenGraph holds no containers, no modules and no branch that is settled.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.binding import number_operator, operator_named
from torch_onnx.capture.dialect import DROPPED, NUMBERS
from torch_onnx.capture.dims import DimNames
from torch_onnx.capture.fx import value_of
from torch_onnx.capture.quantized import Quantized
from torch_onnx.capture.torchscript import scalars
from torch_onnx.capture.torchscript.fakes import Fakes, changes_types
from torch_onnx.capture.torchscript.scalars import NOT_A_SCALAR, Scalar, Vector
from torch_onnx.capture.torchscript.sources import NodeSources
from torch_onnx.capture.torchscript.values import (
    Diverges,
    Handler,
    Maybe,
    ScriptList,
    UnknownText,
)
from torch_onnx.errors import CaptureError
from torch_onnx.graph import (
    NO_SOURCE,
    Argument,
    Block,
    Call,
    Operator,
    Output,
    Parameter,
    Source,
    Value,
)

Then = Callable[[list[Any]], list[Any]]


@dataclass(frozen=True, slots=True)
class Frame:
    """Lists, dicts and objects changed since ``start``, by id: the container, as it was before."""

    start: int
    before: dict[int, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Interpreter:
    """Runs nodes in order; ``env`` holds what each value of the TorchScript graph stands for."""

    dims: DimNames
    fakes: Fakes
    sources: NodeSources
    handlers: Mapping[str, Handler]
    split: Callable[[Interpreter, Any, Callable[[], list[Any]]], list[Any]]
    """Runs a node whose results have no common type, with all that follows in both branches."""
    calls: list[Call] = field(default_factory=list)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    """Attributes that the program has set, by path."""
    notes: list[str] = field(default_factory=list)
    steps: dict[Value, float] = field(default_factory=dict)
    """How far results lie apart that were quantized."""
    env: dict[str, Any] = field(default_factory=dict)
    owned: dict[str, Any] = field(default_factory=dict)
    """Attributes as they are in the modules, by path."""
    original: dict[str, Any] = field(default_factory=dict)
    """What those were before the program set them."""
    facts: dict[str, bool] = field(default_factory=dict)
    """Conditions on sizes that hold, or not, in the branches around."""
    loops: int = 0
    """How many loops lie around whose turns are decided at run time."""
    branches: int = 0
    """How many branches lie around that are decided at run time."""
    frames: list[Frame] = field(default_factory=list)
    """One for each body around, whose changes may have to be taken back."""
    made_at: dict[int, int] = field(default_factory=dict)
    """When a list, dict or object was made, by its id."""
    kept: list[Any] = field(default_factory=list)
    """The lists, dicts and objects made, so that none's id is given again."""
    annotations: list[dict[str, str]] = field(default_factory=list)
    """What the program says of its nodes here, the outer block first."""
    at: Any = None
    """The node that runs."""
    known_source: Source | None = NO_SOURCE
    """Where that comes from, None while nobody has asked: most nodes make no calls."""
    count: int = 0

    @property
    def source(self) -> Source:
        if self.known_source is None:
            found = self.sources.source(self.at)
            if self.annotations:
                layers = (layer.items() for layer in self.annotations)
                merged = {name: value for layer in layers for name, value in layer}
                found = replace(found, annotations=tuple(merged.items()))
            self.known_source = found
        return self.known_source

    @source.setter
    def source(self, source: Source) -> None:
        self.known_source = source

    def quantized(self, op: Operator, args: dict[str, Any]) -> Any:
        """An operator on quantized tensors, which is made of calls of this interpreter."""
        from torch_onnx.capture.torchscript.quantized import compute

        return compute(self, op, args)

    # Blocks and nodes.

    def block(self, block: Any, inputs: Sequence[Any], then: Then | None = None) -> list[Any]:
        """Run a block's nodes on ``inputs``; what it returns, or what ``then`` makes of that."""
        for formal, value in zip(block.inputs(), inputs, strict=True):
            self.env[formal.debugName()] = value
        return self._run(list(block.nodes()), 0, block, then)

    def _run(self, nodes: list[Any], start: int, block: Any, then: Then | None) -> list[Any]:
        for place in range(start, len(nodes)):
            node = nodes[place]
            if node.kind() not in MAY_DIVERGE:
                self.node(node)
                continue
            mark = len(self.calls)
            with self.frame() as frame:
                try:
                    self.node(node)
                    continue
                except Diverges:
                    # Its results have no common type: all that follows goes into both branches.
                    del self.calls[mark:]
                    self.take_back(frame)
            rest = functools.partial(self._run, nodes, place + 1, block, then)
            return self.split(self, node, rest)
        results = [self.env[value.debugName()] for value in block.outputs()]
        return results if then is None else then(results)

    def node(self, node: Any) -> None:
        self.at, self.known_source = node, None
        inputs = [self.env[value.debugName()] for value in node.inputs()]
        results = self._results(node, inputs)
        outputs = list(node.outputs())
        if not outputs:
            return
        for output, result in zip(
            outputs, [results] if len(outputs) == 1 else results, strict=True
        ):
            if type(result) is list:
                result = self.made(ScriptList(result))
            self.env[output.debugName()] = result

    def _results(self, node: Any, inputs: list[Any]) -> Any:
        kind = node.kind()
        if any(isinstance(i, ScriptList) and i.held is not None for i in inputs):
            handler = self.handlers.get(f"list {kind}")
            if handler is not None:
                return handler(self, node, inputs)
            if kind not in TAKE_ANYTHING:
                raise self.error(f"{kind} is given a list whose length is known at run time only.")
        if any(isinstance(i, UnknownText) for i in inputs) and kind not in OF_MESSAGES:
            raise self.error(f"{kind} is given a text made of what is known at run time only.")
        handler = self.handlers.get(kind)
        results = NotImplemented if handler is None else handler(self, node, inputs)
        if results is not NotImplemented:
            return results
        if any(isinstance(i, Maybe) for i in inputs):
            raise self.error(f"{kind} is given what is None in some runs and not in others.")
        return self._operator(node, inputs)

    # Changes of lists, dicts and objects.

    def made(self, container: Any) -> Any:
        """Remember a new list, dict or object."""
        self.kept.append(container)
        self.made_at[id(container)] = len(self.kept)
        return container

    def changes(self, container: Any) -> None:
        """A list, dict or object is about to be changed."""
        made = self.made_at.get(id(container), 0)
        for frame in self.frames:
            if made <= frame.start and id(container) not in frame.before:
                frame.before[id(container)] = (container, container.copy())

    @contextmanager
    def frame(self) -> Iterator[Frame]:
        """Within, changes are noted."""
        self.frames.append(Frame(len(self.kept)))
        try:
            yield self.frames[-1]
        finally:
            self.frames.pop()

    def take_back(self, frame: Frame) -> list[tuple[Any, Any]]:
        """Undo a frame's changes: each container, and what it held at the end."""
        changed = [(container, container.copy()) for container, _ in frame.before.values()]
        for container, before in frame.before.values():
            put(container, before)
        return changed

    @contextmanager
    def into(self, calls: list[Call]) -> Iterator[None]:
        """Within, calls go to the end of these."""
        outside, self.calls = self.calls, calls
        try:
            yield
        finally:
            self.calls = outside

    def in_branch(
        self, block: Any, begin: Callable[[], Sequence[Any]], then: Then | None = None
    ) -> tuple[list[Call], list[Any], list[tuple[Any, Any]]]:
        """Run a block, on what ``begin`` gives, whose calls go into a body of their own: these,
        what it returns, and each container that it changed with its new content. The changes are
        taken back.
        """
        calls: list[Call] = []
        with self.into(calls), self.frame() as frame:
            try:
                results = self.block(block, begin(), then)
            except BaseException:
                self.take_back(frame)
                raise
            return calls, results, self.take_back(frame)

    # Operators.

    def _operator(self, node: Any, inputs: list[Any]) -> Any:
        try:
            op = operator_named(node.schema().partition("(")[0])
        except RuntimeError:  # it knows no such operator itself
            op = None
        if op is None:
            raise self.error(f"The program calls {node.kind()!r}, which is not translated.")
        if op.name in DROPPED:
            return None
        given = zip(op.arguments, inputs, strict=True)
        args = {a.name: i for a, i in given}
        if any(isinstance(i, (Scalar, Vector)) for i in _leaves(inputs)):
            found = scalars.compute(self, op.name, args)
            if found is not NOT_A_SCALAR:
                return found
        if op.namespace == "aten" and any(isinstance(i, Quantized) for i in _leaves(inputs)):
            return self.quantized(op, args)
        return self.call(op, args)

    def call(self, op: Operator, args: dict[str, Any]) -> Any:
        """Record a call of a torch operator, typed by running it on fakes."""
        tensors = [a for a in op.arguments if "Tensor" in a.type]
        if len(tensors) == 1 and isinstance(args[tensors[0].name], (int, float)):
            # A traced constant, which is a number to operators on two tensors.
            args = {**args, tensors[0].name: self.tensor(args[tensors[0].name])}
        bound = {a.name: self._argument(a.name, a.type, args[a.name]) for a in op.arguments}
        if changes_types(op):
            # Other values may share their stand-ins.
            for argument in op.arguments:
                if argument.written and isinstance(value := bound[argument.name], Value):
                    value.fake = compat.another_fake(value.fake)
        fakes = {name: _fakes(argument) for name, argument in bound.items()}
        positional = [fakes[a.name] for a in op.arguments if not a.keyword_only]
        # None is mostly the default, and not taken by all that have another.
        by_name = [a for a in op.arguments if a.keyword_only]
        named = {
            a.name: fakes[a.name] for a in by_name if fakes[a.name] is not None or not a.has_default
        }
        try:
            result = self.fakes.result(op, positional, named, in_branch=self.branches > 0)
        except Exception as error:
            raise self.error(f"{op.name}: {_in_users_terms(error, op, fakes)}") from error
        outputs = self._outputs(op, result)
        self.calls.append(Call(op, bound, outputs, self.source))
        if len(op.returns) != 1:
            return outputs
        return _written(op, bound, outputs[0]) if op.is_mutating else outputs[0]

    def named(self, name: str, /, **args: Any) -> Any:
        """``call`` of the operator of this name, its defaults filled in."""
        op = operator_named(name)
        assert op is not None, name
        return self.call(op, {a.name: args.get(a.name, a.default) for a in op.arguments})

    def _outputs(self, op: Operator, result: Any) -> list[Output]:
        if not op.returns:
            return []
        members = [result] if len(op.returns) == 1 else list(result)
        outputs: list[Output] = []
        for member in members:
            if isinstance(member, (list, tuple)):
                outputs.append([self.value(item) for item in member])
            else:
                outputs.append(None if member is None else self.value(member))
        return outputs

    def value(self, fake: Any) -> Value:
        self.count += 1
        return value_of(f"v{self.count}", fake, self.dims)

    # Arguments.

    def _argument(self, name: str, kind: str, argument: Any) -> Argument:
        if isinstance(argument, int) and not isinstance(argument, bool):
            if name in DTYPES_OF:
                return compat.dtype_numbered(argument)
            if name == "layout":
                return torch.strided
            if name == "memory_format":
                return compat.memory_format_numbered(argument)
        if isinstance(argument, (list, tuple)):
            return [self._argument("", kind, item) for item in argument]
        if not name and "Tensor" in kind and isinstance(argument, (int, float)):
            # A tensor of one number that stands in the program's text, in a list of tensors.
            return self.tensor(argument)
        if isinstance(argument, (Scalar, Vector)):
            if "Tensor" in kind:
                return self.tensor(argument)
            if isinstance(argument, Vector):
                return list(argument.numbers)
            return argument.number
        return argument

    def tensor(self, argument: Any) -> Value:
        """A tensor value of what is known as numbers."""
        if isinstance(argument, Value) and argument.kind == "tensor":
            return argument
        if isinstance(argument, torch.Tensor):
            return self.constant(argument)
        if isinstance(argument, Vector):
            if all(isinstance(number, int) for number in argument.numbers):
                return self.constant(torch.tensor(argument.numbers, dtype=torch.int64))
            parts = [self.tensor(Scalar(number)) for number in argument.numbers]
            stacked: Value = self.named("aten::stack", tensors=parts)
            return stacked
        number = argument.number if isinstance(argument, Scalar) else argument
        if isinstance(number, Value):
            dtype = {"int": torch.int64, "float": torch.float32, "bool": torch.bool}[number.kind]
            made: Value = self.named("aten::scalar_tensor", s=number, dtype=dtype)
            return made
        return self.constant(torch.tensor(number))

    # Numbers.

    def number(self, function: Callable[..., Any], *numbers: Any) -> Any:
        """``function`` of numbers: computed where all are known, else a call."""
        if not any(isinstance(number, Value) for number in numbers):
            return function(*numbers)
        with self.fakes.mode:
            result = function(*[_fakes(number) for number in numbers])
        return self._number(function, numbers, result)

    def _number(self, function: Callable[..., Any], numbers: Sequence[Any], result: Any) -> Any:
        if isinstance(result, (bool, int, float)):
            return result
        if isinstance(result, torch.SymInt) and isinstance(size := self.dims.size(result), int):
            return size
        if isinstance(result, torch.SymBool):
            text = str(compat.expression_of(result))
            known = {"True": True, "False": False}.get(text, self.facts.get(text))
            if known is not None:
                return known
        name, names = NUMBERS[function]
        made = self.value(result)
        args = dict(zip(names, numbers, strict=True))
        self.calls.append(Call(number_operator(name, names), args, [made], self.source))
        return made

    @contextmanager
    def knowing(self, condition: Value, truth: bool) -> Iterator[None]:
        """Within, a condition is known to hold, or not to."""
        if not isinstance(condition.fake, torch.SymBool):
            yield
            return
        before = self.facts
        text = str(compat.expression_of(condition.fake))
        self.facts = {**before, text: truth}
        try:
            yield
        finally:
            self.facts = before

    def size(self, x: Any, axis: int) -> Any:
        """A size of a tensor, as a number."""
        if isinstance(x, (Scalar, Vector)):
            return len(x.numbers) if isinstance(x, Vector) else 0
        size = x.fake.shape[axis]
        known = size if isinstance(size, int) else self.dims.size(size)
        if isinstance(known, int):
            return known
        return self._read("aten::sym_size.int", {"self": x, "dim": axis}, size)

    def item(self, x: Any) -> Any:
        """The number in a tensor of one element."""
        if isinstance(x, Scalar):
            return x.number
        if not isinstance(x, Value) or x.kind != "tensor":
            return x
        with self.fakes.mode:
            result = self.fakes.run(torch.Tensor.item, [x.fake], {})
        return self._read("aten::item", {"self": x}, result)

    def _read(self, name: str, args: dict[str, Any], fake: Any) -> Any:
        op = operator_named(name)
        assert op is not None, name
        number = self.value(fake)
        self.calls.append(Call(op, args, [number], self.source))
        return number

    # What the program owns.

    def constant(self, tensor: torch.Tensor) -> Value:
        """A tensor that stands in the program's text."""
        return self.parameter(f"constant_{len(self.parameters)}", tensor, "constant")

    def parameter(self, name: str, tensor: torch.Tensor, kind: str) -> Value:
        if tensor.is_quantized:
            from torch_onnx.capture.torchscript.quantized import owned

            return owned(self, name, tensor, kind)
        found = self.parameters.get(name)
        if found is None:
            value = self.value(self.fakes.constant(tensor.detach()))
            found = Parameter(value, name, tensor.detach(), kind)
            self.parameters[name] = found
        return found.value

    # Control flow.

    def control(
        self, name: str, args: dict[str, Any], blocks: list[Block], outputs: list[Value]
    ) -> None:
        """Record an If or a Loop."""
        formal = number_operator(name, tuple(args)).arguments
        returns = tuple(number_operator(name, ()).returns * len(outputs))
        op = Operator(name, formal, returns)
        self.calls.append(Call(op, args, list(outputs), self.source, blocks))

    def error(self, reason: str, advice: str = "") -> CaptureError:
        return CaptureError(reason, self.source.frame, advice)


def _written(op: Operator, args: Mapping[str, Argument], output: Output) -> Output:
    """What ``add_`` returns is what it wrote to, so it is one Value; ``resize_`` gives another."""
    target = next((args[a.name] for a in op.arguments if a.written), None)
    if not isinstance(target, Value) or not isinstance(output, Value):
        return output
    alike = target.dtype == output.dtype and target.shape == output.shape
    return target if alike else output


def put(container: Any, content: Any) -> None:
    """Make a list, dict or object hold this."""
    if isinstance(container, ScriptList):
        container[:] = content
        container.held, container.of = content.held, content.of
    else:
        container.clear()
        container.update(content)


# What may decide at run time of which type its results are.
MAY_DIVERGE = frozenset({"prim::If", "aten::squeeze", "aten::slice"})

# What is done with a list whatever its length.
TAKE_ANYTHING = frozenset(
    "prim::TupleConstruct prim::ListConstruct prim::DictConstruct prim::If prim::Loop prim::Print "
    "prim::SetAttr prim::unchecked_cast prim::CallMethod prim::CallFunction prim::fork "
    "aten::append aten::_set_item aten::__is__ aten::__isnot__ prim::isinstance "
    "aten::_unwrap_optional prim::unchecked_unwrap_optional aten::format aten::percentFormat "
    "aten::wait".split()
)

# What messages are made of, and where they go.
OF_MESSAGES = frozenset(
    "aten::add aten::format aten::percentFormat aten::warn prim::Print prim::RaiseException "
    "prim::TupleConstruct prim::unchecked_cast".split()
)

# Arguments that hold a dtype, which TorchScript writes as a number.
DTYPES_OF = frozenset({"dtype", "other_dtype", "out_dtype", "output_dtype"})


def _leaves(argument: Any) -> list[Any]:
    if isinstance(argument, (list, tuple)):
        return [leaf for item in argument for leaf in _leaves(item)]
    return [argument]


def _in_users_terms(error: Exception, op: Operator, given: Mapping[str, Any]) -> str:
    """PyTorch's first line; a constant that it wants is named, not the SymInt that came instead."""
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    for argument in op.arguments:
        is_late = any(isinstance(leaf, torch.SymInt) for leaf in _leaves(given[argument.name]))
        if is_late and f"for argument '{argument.name}' but instead found" in first:
            return f"it takes {argument.name} as a constant only, this one depends on the input"
    return first


def _fakes(argument: Any) -> Any:
    if isinstance(argument, Value):
        return argument.fake
    if isinstance(argument, (list, tuple)):
        return [_fakes(item) for item in argument]
    return argument

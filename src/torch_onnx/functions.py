"""Modules kept as functions of the model: one for each distinct structure, weights as inputs.

``group`` puts the calls of each such module into one call with a body. Bodies of the same structure
have the same key, and the translation writes one function for all of them.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from torch_onnx import marks, signature
from torch_onnx.builder.fold import LARGEST
from torch_onnx.capture.binding import number_operator
from torch_onnx.errors import InputError, NotExpressible
from torch_onnx.graph import (
    Argument,
    AtenGraph,
    Block,
    Call,
    Operator,
    Parameter,
    Source,
    Value,
    values_of,
)

LOWEST_OPSET = 15
FUNCTION = "python::function"
SIZE = "aten::sym_size.int"


def select(model: Any, functions: Any, opset: int) -> dict[str, str]:
    """The paths of the modules that ``functions=`` names, and what their functions are called.

    Args:
        functions: classes of modules, modules, or patterns of their paths (``"layers.*"``); True
            for all modules.

    Raises:
        InputError: for what names no module.
        NotExpressible: before opset 15, whose files hold no functions.
    """
    if functions is None or functions is False:
        return {}
    if opset < LOWEST_OPSET:
        raise NotExpressible("modules as functions", since=LOWEST_OPSET)
    modules = {
        ".".join(part for part in (root if many else "", path) if part): module
        for many in [len(signature.modules_of(model)) > 1]
        for root, top in signature.modules_of(model).items()
        for path, module in top.named_modules()
        if path or many
    }
    if functions is True:
        return {path: type(module).__name__ for path, module in modules.items()}
    if isinstance(functions, (str, type, torch.nn.Module)):
        functions = [functions]
    chosen: dict[str, str] = {}
    for wanted in functions:
        found = {path: _class_name(m) for path, m in modules.items() if _names(wanted, path, m)}
        if not found:
            known = ", ".join(list(modules)[:8]) or "none"
            raise InputError(f"functions= names {_text(wanted)}; the model's modules are {known}.")
        chosen |= found
    return chosen


def _names(wanted: Any, path: str, module: torch.nn.Module) -> bool:
    if isinstance(wanted, str):
        # A pattern's star does not go into modules within: "layers.*" are the layers.
        parts, steps = wanted.split("."), path.split(".")
        return len(parts) == len(steps) and all(map(fnmatch.fnmatchcase, steps, parts))
    if isinstance(wanted, type):
        return isinstance(module, wanted)
    return module is wanted


def _class_name(module: Any) -> str:
    return str(getattr(module, "original_name", type(module).__name__))


def _text(wanted: Any) -> str:
    return repr(wanted) if isinstance(wanted, str) else getattr(wanted, "__name__", str(wanted))


def group(graph: AtenGraph, paths: Mapping[str, str]) -> AtenGraph:
    """Put the calls of the modules at ``paths`` into calls of functions.

    A module whose calls can't be kept together (its forward is interrupted by another's that
    needs its results) becomes several functions.
    """
    constants = {p.value: p for p in graph.parameters if is_small(p)}
    if paths:
        used = set(values_of(graph.outputs))
        used.update(values_of(list(graph.buffer_writes.values())))
        graph.calls = _grouped(graph.calls, paths, used, constants)
    _give_keys(graph.calls, constants)
    return graph


def is_small(parameter: Parameter) -> bool:
    """Whether a constant stands in a function's body; others are inputs of it."""
    tensor = parameter.tensor
    return parameter.kind == "constant" and tensor.numel() <= LARGEST and not tensor.is_meta


def _grouped(
    calls: Sequence[Call],
    paths: Mapping[str, str],
    used: set[Value],
    constants: Mapping[Value, Parameter],
) -> list[Call]:
    result: list[Call] = []
    rest = list(calls)
    while rest:
        path = _outermost(rest[0].source.module, paths)
        if path is None:
            result.append(rest.pop(0))
            continue
        run, before, rest = _run_of(path, rest)
        later = used | {value for call in rest for value in call_inputs(call)}
        inner = {p: name for p, name in paths.items() if p.startswith(f"{path}.")}
        source = _source(path, paths[path], run[0].source)
        makers = _makers([*result, *run])
        made, *after = _function(run, paths[path], source, later, constants, makers)
        (block,) = made.blocks
        block.calls = _grouped(block.calls, inner, set(values_of(block.outputs)), constants)
        result += [*before, made, *after]
    return result


def _makers(calls: Sequence[Call]) -> dict[Value, Call]:
    """The calls that only compute numbers from sizes and numbers."""
    return {
        value: call
        for call in calls
        if call.op.name == SIZE or (call.op.name.startswith("python::") and not call.blocks)
        for value in call.values_out()
    }


def _outermost(module: str, paths: Mapping[str, str]) -> str | None:
    steps = module.split(".")
    for count in range(1, len(steps) + 1):
        path = ".".join(steps[:count])
        if path in paths:
            return path
    return None


def _run_of(path: str, calls: list[Call]) -> tuple[list[Call], list[Call], list[Call]]:
    """The calls of one run of a module, those that go before it, and those after."""
    run: list[Call] = []
    before: list[Call] = []
    made: set[Value] = set()
    waiting: list[Call] = []
    end = 0
    for index, call in enumerate(calls):
        inside = (call.source.module + ".").startswith(path + ".")
        needs = not made.isdisjoint(call_inputs(call))
        if not inside and needs and not _is_loose(call):
            break
        if not inside:
            waiting.append(call)
            if needs:
                made.update(call.values_out())
            continue
        # What lies between two calls of the module goes into it, or before it.
        inner = _depending(waiting, {value for c in run for value in c.values_out()})
        run += [c for c in waiting if c in inner]
        before += [c for c in waiting if c not in inner]
        waiting = []
        run.append(call)
        made.update(call.values_out())
        end = index + 1
    return run, before, calls[end:]


def _is_loose(call: Call) -> bool:
    """Arithmetic on sizes belongs to no module: PyTorch puts it where it is first needed."""
    return all(value.kind != "tensor" for value in call.values_out())


def _depending(calls: Sequence[Call], made: set[Value]) -> list[Call]:
    found = []
    for call in calls:
        if not made.isdisjoint(call_inputs(call)):
            found.append(call)
            made.update(call.values_out())
    return found


def call_inputs(call: Call) -> Iterable[Value]:
    """The values a call reads, in its bodies too."""
    yield from call.values_in()
    for block in call.blocks:
        own = set(block.inputs) | {v for c in block.calls for v in c.values_out()}
        read = [v for c in block.calls for v in call_inputs(c)]
        yield from (v for v in [*read, *values_of(block.outputs)] if v not in own)


def _source(path: str, class_name: str, first: Source) -> Source:
    """The module itself, as its first call knows where it is."""
    scope, steps = "", ""
    for step in first.scope.split("/")[1:]:
        scope += f"/{step}"
        steps = f"{steps}.{step}" if steps else step
        if steps == path:
            break
    return Source(path, scope, class_name, first.frame)


def _function(
    calls: list[Call],
    name: str,
    source: Source,
    later: set[Value],
    constants: Mapping[Value, Parameter],
    makers: Mapping[Value, Call],
) -> list[Call]:
    """One call of a function with these calls as its body, and what is computed again after it."""
    made = dict.fromkeys(value for call in calls for value in call.values_out())
    # Sizes are computed on both sides and first, so that equal modules are equal functions.
    without = [call for call in calls if makers.keys().isdisjoint(call.values_out())]
    for body in (without, calls):
        inputs, before = _recomputed(_read_by(body, constants), makers)
        own = {value for call in [*before, *body] for value in call.values_out()}
        tensors = [
            v for v in [*inputs, *made] if v.kind == "tensor" and (v not in made or v in later)
        ]
        outputs, after = _recomputed([v for v in made if v in later], makers, tensors)
        if made.keys().isdisjoint(inputs) and own.issuperset(outputs):
            break
    args = {"name": name, "inputs": inputs, "key": ""}
    formal = number_operator(FUNCTION, tuple(args)).arguments
    returns = tuple(number_operator(FUNCTION, ()).returns * len(outputs))
    # The values around keep their names; the body has its own.
    before = [replace(call, source=source) for call in before]
    new = {value: replace(value) for value in inputs}
    new |= {value: replace(value) for call in [*before, *body] for value in call.values_out()}
    body = [_renamed(call, new) for call in [*before, *body]]
    block = Block([new[value] for value in inputs], body, [new[value] for value in outputs])
    op = Operator(FUNCTION, formal, returns)
    return [Call(op, args, list(outputs), source, [block]), *after]


def _read_by(calls: Sequence[Call], constants: Mapping[Value, Parameter]) -> list[Value]:
    """What calls read and do not make, in order."""
    own = {value for call in calls for value in call.values_out()} | constants.keys()
    read = (value for call in calls for value in call_inputs(call))
    return [value for value in dict.fromkeys(read) if value not in own]


def _recomputed(
    values: Sequence[Value], makers: Mapping[Value, Call], tensors: Sequence[Value] | None = None
) -> tuple[list[Value], list[Call]]:
    """The values without the numbers that follow from sizes of ``tensors`` (by default those among
    the values), and the calls that compute these.
    """
    if tensors is None:
        tensors = [value for value in values if value.kind == "tensor"]
    kept: list[Value] = []
    calls: dict[Value, Call] = {}
    for value in values:
        found: dict[Value, Call] = {}
        if value.kind != "tensor" and _recompute(value, tensors, makers, found):
            calls |= {made: call for made, call in found.items() if made not in calls}
        else:
            kept.append(value)
    return kept, list(calls.values())


def _recompute(
    value: Value,
    tensors: Sequence[Value],
    makers: Mapping[Value, Call],
    found: dict[Value, Call],
) -> bool:
    """Put the calls that make a number into ``found``, the first one first."""
    if value in found:
        return True
    maker = makers.get(value)
    if maker is None:
        return False
    if maker.op.name == SIZE:
        for tensor in tensors:
            for axis, size in enumerate(tensor.shape or ()):
                if size == value.expression:
                    args = {"self": tensor, "dim": axis}
                    found[value] = Call(maker.op, args, [value], maker.source)
                    return True
        return False
    if not all(_recompute(v, tensors, makers, found) for v in maker.values_in()):
        return False
    found[value] = maker
    return True


def _renamed(call: Call, new: Mapping[Value, Value]) -> Call:
    def renamed(argument: Argument) -> Argument:
        if isinstance(argument, Value):
            return new.get(argument, argument)
        if isinstance(argument, (list, tuple)):
            return [renamed(item) for item in argument]
        return argument

    blocks = [
        Block(
            [renamed(value) for value in block.inputs],
            [_renamed(inner, new) for inner in block.calls],
            [renamed(output) for output in block.outputs],
        )
        for block in call.blocks
    ]
    args = {name: renamed(argument) for name, argument in call.args.items()}
    return Call(call.op, args, renamed(call.outputs), call.source, blocks)


# Structures.


def _give_keys(calls: Sequence[Call], constants: Mapping[Value, Parameter]) -> None:
    for call in calls:
        for block in call.blocks:
            _give_keys(block.calls, constants)
        if call.op.name == FUNCTION:
            writer = _Structure(constants)
            writer.block(call.blocks[0])
            call.args["key"] = f"{call.args['name']}:{writer.digest.hexdigest()}"


@dataclass(slots=True)
class _Structure:
    """The text of a body with its values numbered: equal for bodies that do the same."""

    constants: Mapping[Value, Parameter]
    numbers: dict[Value, int] = field(default_factory=dict)
    digest: Any = field(default_factory=hashlib.sha256)

    def block(self, block: Block) -> None:
        self.write("inputs", [self.new(value) for value in block.inputs])
        for call in block.calls:
            args = {name: self.argument(argument) for name, argument in call.args.items()}
            if call.op.name == "torch_onnx::kept":
                args["key"] = marks.identity_of(call.args["key"])
            for inner in call.blocks:
                self.block(inner)
            self.write(call.op.name, args, [self.output(output) for output in call.outputs])
        self.write("outputs", [self.argument(output) for output in block.outputs])

    def write(self, *parts: Any) -> None:
        self.digest.update(repr(parts).encode())

    def new(self, value: Value) -> Any:
        self.numbers[value] = len(self.numbers)
        shape = None if value.shape is None else [str(size) for size in value.shape]
        return self.numbers[value], str(value.dtype), shape, value.kind, str(value.expression)

    def output(self, output: Any) -> Any:
        if isinstance(output, list):
            return [self.output(member) for member in output]
        return None if output is None else self.new(output)

    def argument(self, argument: Argument) -> Any:
        if isinstance(argument, Value):
            parameter = self.constants.get(argument)
            if parameter is not None:
                tensor = parameter.tensor.detach().cpu()
                return "constant", str(tensor.dtype), tuple(tensor.shape), tensor.tolist()
            return "value", self.numbers.get(argument, -1)
        if isinstance(argument, (list, tuple)):
            return [self.argument(item) for item in argument]
        return argument

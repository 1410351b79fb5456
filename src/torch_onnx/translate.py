"""AtenGraph → ONNX: each call by its translation, all that is missing listed at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch

from torch_onnx.builder.emit import Builder
from torch_onnx.builder.fold import LARGEST
from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible, UnsupportedCall, UnsupportedOperators
from torch_onnx.fallthrough import Keep
from torch_onnx.fitting import MAY_BE_OMITTED
from torch_onnx.graph import (
    Argument,
    AtenGraph,
    Block,
    Call,
    Operator,
    Output,
    Parameter,
    Value,
    substitute,
    values_of,
)
from torch_onnx.ops.table import SPELLED, OpTable, Row
from torch_onnx.promotion import promote

LARGEST_LEVELS = 20

Lookup = Callable[[str, int, bool], "Row | None"]
"""``find(name, opset, is_complex)``."""


def lookup_in(tables: Sequence[OpTable], leave_out: str | None = None) -> Lookup:
    """The first table that translates an operator wins: users' tables come first.

    Operators whose names begin with ``leave_out`` have no translation.
    """

    def find(name: str, opset: int, is_complex: bool) -> Row | None:
        if leave_out is not None and name.startswith(leave_out):
            return None
        for table in tables:
            row = table.find(name, opset, is_complex)
            if row is not None:
                return row
        return None

    return find


def drop_unused(graph: AtenGraph) -> AtenGraph:
    """Leave out calls whose results no output uses. An ONNX graph keeps no state, so neither are
    new values of buffers and inputs kept; the user is told.
    """
    if graph.buffer_writes:
        names = ", ".join(sorted(graph.buffer_writes))
        graph.notes.append(f"does not keep what the program writes to the buffers {names}")
    used = set(values_of(graph.outputs))
    graph.calls = _used_calls(graph.calls, used)
    return graph


def _used_calls(calls: list[Call], used: set[Value]) -> list[Call]:
    kept = []
    for call in reversed(calls):
        if not used.isdisjoint(call.values_out()):
            used.update(call.values_in())
            for block in call.blocks:
                used.update(values_of(block.outputs))
                block.calls = _used_calls(block.calls, used)
            kept.append(call)
    return kept[::-1]


def decompose_missing(
    graph: AtenGraph, find: Lookup, opset: int, keep: Keep | None = None
) -> AtenGraph:
    """Split the calls that have no translation, again until all have one.

    Raises:
        UnsupportedOperators: listing every call that has neither translation nor decomposition,
            unless ``keep`` makes nodes of them.
    """
    missing: list[UnsupportedCall] = []
    new: dict[Value, Argument] = {}
    keeps = keep is not None
    graph.calls = _decomposed(graph, graph.calls, find, opset, missing, new, 0, keeps)
    graph.outputs = [substitute(output, new) for output in graph.outputs]
    graph.buffer_writes = {k: substitute(v, new) for k, v in graph.buffer_writes.items()}
    graph.input_writes = {k: substitute(v, new) for k, v in graph.input_writes.items()}
    if missing:
        raise UnsupportedOperators(missing, opset)
    return graph


def _decomposed(
    graph: AtenGraph,
    calls: list[Call],
    find: Lookup,
    opset: int,
    missing: list[UnsupportedCall],
    new: dict[Value, Argument],
    level: int,
    keeps: bool,
) -> list[Call]:
    result: list[Call] = []
    for call in calls:
        if new:
            call.args = {name: substitute(argument, new) for name, argument in call.args.items()}
        for block in call.blocks:
            block.calls = _decomposed(graph, block.calls, find, opset, missing, new, level, keeps)
            block.outputs = [substitute(output, new) for output in block.outputs]
        if find(call.op.name, opset, has_complex(call)) is not None:
            result.append(call)
            continue
        split = graph.decompose(call) if graph.decompose and level < LARGEST_LEVELS else None
        if split is None and keeps:
            result.append(call)
            continue
        if split is None:
            missing.append(unsupported(call))
            continue
        parts: list[UnsupportedCall] = []
        simpler = _decomposed(graph, split.calls, find, opset, parts, new, level + 1, False)
        if parts and keeps:
            # The operator that the model calls is of more use than parts of it.
            result.append(call)
            continue
        if parts:
            # The user knows the operator that the model calls, not what it decomposes into.
            names = ", ".join(sorted({part.op for part in parts}))
            missing.append(unsupported(call, f"it decomposes into {names}"))
            continue
        graph.parameters.extend(split.parameters)
        result += simpler
        _replace(call.outputs, [substitute(o, new) for o in split.outputs], new)
    return result


def _replace(
    old: Sequence[Output], outputs: Sequence[Argument], new: dict[Value, Argument]
) -> None:
    flat = [value for output in old for value in _members(output)]
    pairs = zip(flat, outputs, strict=True)
    new.update({before: after for before, after in pairs if before is not None})


def _members(output: Output) -> list[Value | None]:
    return list(output) if isinstance(output, list) else [output]


def unsupported(call: Call, reason: str | None = None) -> UnsupportedCall:
    """The call as errors list it."""
    types = tuple(type_text(value) for value in call.values_in())
    return UnsupportedCall(call.op.name, types, call.source.module, call.source.frame, reason)


_SHORT = {"float": "f", "int": "i", "uint": "u", "bfloat": "bf", "complex": "c"}


def type_text(value: Value) -> str:
    """``f32[batch, 3]``."""
    dtype = str(value.dtype).removeprefix("torch.")
    for long, short in _SHORT.items():
        if dtype.startswith(long) and dtype[len(long) :].isdigit():
            dtype = short + dtype[len(long) :]
            break
    shape = "?" if value.shape is None else ", ".join(map(str, value.shape))
    return f"{dtype}[{shape}]"


@dataclass(slots=True)
class Translated:
    """What translation gives: the builder with all nodes, and the outputs' values."""

    builder: Builder
    inputs: list[OnnxValue]
    outputs: list[OnnxValue]


class Translator:
    """Calls in order, values as they come; ``g`` of every translation is its builder."""

    def __init__(
        self,
        graph: AtenGraph,
        find: Lookup,
        opset: int,
        custom_opsets: Mapping[str, int] | None = None,
        metadata: bool = True,
        keep: Keep | None = None,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        """``on_call`` is told of each call before its translation."""
        self.graph = graph
        self.on_call = on_call
        self.keep = keep
        self.find = find
        self.g = Builder(opset, custom_opsets or {}, metadata)
        self.env: dict[Value, Any] = {}
        self.refused: list[UnsupportedCall] = []
        self.left_out: dict[Value, UnsupportedCall] = {}
        self.generators: dict[int, Iterator[float]] = {}
        self.g.translate_block = self.block

    def run(
        self, declare: Callable[[Builder, Value, str], OnnxValue], own: Callable[..., OnnxValue]
    ) -> Translated:
        g, graph = self.g, self.graph
        for name in graph.output_names:
            g.reserve_name(name)
        inputs = []
        for value, name in zip(graph.inputs, graph.input_names, strict=True):
            onnx = declare(g, value, name)
            inputs.append(onnx)
            self.env[value] = onnx
            g.know_dims(onnx)
        for parameter in graph.parameters:
            self.env[parameter.value] = self._owned(parameter, own)
        for call in graph.calls:
            if self.on_call is not None:
                self.on_call(call)
            self.call(call)
        outputs = [self._output(output) for output in graph.outputs]
        if self.refused:
            raise UnsupportedOperators(self.refused, g.opset)
        return Translated(g, inputs, outputs)

    def _output(self, output: Argument) -> OnnxValue:
        """An output of the program; a float becomes what ``torch.tensor`` makes of it."""
        onnx = self.as_tensor(output)
        if isinstance(output, Value) and output.kind == "float":
            return self.g.cast(onnx, torch.get_default_dtype())
        return onnx

    def _owned(self, parameter: Parameter, own: Callable[..., OnnxValue]) -> OnnxValue:
        tensor = parameter.tensor
        if parameter.kind == "constant" and tensor.numel() <= LARGEST and not tensor.is_meta:
            return self.g.constant(tensor)
        return own(self.g, parameter)

    def names(self) -> dict[Value, str]:
        """The ONNX value of each value of the program, as far as a node of the main graph or the
        program itself makes it. After ``assemble``, which gives outputs their names.
        """
        found = {}
        for value, onnx in self.env.items():
            if not isinstance(onnx, OnnxValue) or onnx.is_sequence or onnx.is_optional:
                continue
            if onnx.value is not None and onnx.value.name is not None:
                found[value] = onnx.value.name
        return found

    def as_tensor(self, output: Argument) -> OnnxValue:
        """An output of the program: a number at run time becomes a zero-dimensional tensor."""
        onnx = self.argument(output)
        if isinstance(onnx, OnnxValue):
            return self.g.scalar(onnx) if onnx.is_number else onnx
        return self.g.constant(onnx)

    def argument(self, argument: Argument) -> Any:
        if isinstance(argument, Value):
            if argument in self.left_out:
                self.refused.append(self.left_out.pop(argument))
                self._stand_in(argument)
            return self.env[argument]
        if isinstance(argument, (list, tuple)):
            return [self.argument(item) for item in argument]
        return argument

    def call(self, call: Call) -> None:
        """Translate one call; a refusal is noted, and typed stand-ins let the next calls go on."""
        row = self.find(call.op.name, self.g.opset, has_complex(call))
        assert row is not None or self.keep, f"{call.op.name} has a translation by now"
        args = {name: self.argument(argument) for name, argument in call.args.items()}
        with self.g.origin(call.source, call.op.name):
            folded = _fold(call, args)
            if folded is not None:
                results: Any = [self.g.constant(tensor) for tensor in folded]
                self._bind(call, results[0] if len(results) == 1 else results)
                return
            try:
                if row is None:
                    raise NotExpressible("it has no translation")
                self._bind(call, self._apply(row, call, args))
            except NotExpressible as error:
                if self.keep is not None and not call.blocks:
                    results = self.keep(self.g, call, args)
                    self._bind(call, results if len(call.outputs) != 1 else results[0])
                    return
                self.refused.append(unsupported(call, str(error)))
                for value in call.values_out():
                    self._stand_in(value)

    def _apply(self, row: Row, call: Call, args: dict[str, Any]) -> Any:
        promote(self.g, row.promote, row.promote_to_float, args)
        given = {}
        for name, argument in args.items():
            if row.takes_any or name in row.accepts:
                given[SPELLED.get(name, name)] = argument
            elif name not in MAY_BE_OMITTED and argument is not None:
                formal = next(a for a in call.op.arguments if a.name == name)
                if not (formal.has_default and formal.default == argument):
                    raise NotExpressible(f"its argument {name}={argument!r} is not translated")
        self.g.expected = call.outputs
        if "result" in row.accepts:
            given["result"] = self._declared(call)
        if "blocks" in row.accepts:
            given["blocks"] = call.blocks
        self.g.seeds = self._seeds(args.get("generator"))
        try:
            return row.fn(self.g, **given)
        except TypeError as error:
            late = [name for name, argument in args.items() if _is_late(argument)]
            if not late:
                raise
            # Python can't compute with it: the translation is written for a constant.
            names = " and ".join(late)
            raise NotExpressible(f"it takes {names} as a constant only: {error}") from error

    def _seeds(self, generator: Any) -> Iterator[float] | None:
        """Seeds of the nodes that draw from a generator: its own, then the numbers after that one
        (ONNX's are floats, which hold 24 bits), for each node starts a sequence of its own.
        """
        if not isinstance(generator, torch.Generator):
            return None
        first = generator.initial_seed() % 2**23
        return self.generators.setdefault(id(generator), map(float, itertools.count(first)))

    def _declared(self, call: Call) -> Any:
        declared = [
            [_typed_as(v) for v in output]
            if isinstance(output, list)
            else None
            if output is None
            else _typed_as(output)
            for output in call.outputs
        ]
        return declared[0] if len(declared) == 1 else declared

    def _bind(self, call: Call, results: Any) -> None:
        outputs = call.outputs
        if len(outputs) == 1:
            results = [results]
        if len(results) < len(outputs):
            results = [*results, *[None] * (len(outputs) - len(results))]
        for index, (output, result) in enumerate(zip(outputs, results, strict=True)):
            if isinstance(output, list):
                assert len(result) == len(output), call.op.name
                for member, part in zip(output, result, strict=True):
                    self.env[member] = self._typed(member, part)
            elif output is not None:
                self.env[output] = self._typed(output, result)
                if result is None and output.kind == "tensor":
                    # Translations leave out what hardly any model uses.
                    reason = f"its result {index} is not translated"
                    self.left_out[output] = unsupported(call, reason)

    def _typed(self, value: Value, result: Any) -> Any:
        """The result with the dtype and shape that PyTorch says it has."""
        g = self.g
        if value.kind in ("list", "optional"):
            return result
        if value.kind != "tensor":
            if isinstance(result, OnnxValue) and result.constant is None:
                if result.shape == ():
                    result = g.Unsqueeze(result, axes=[0])
                result.is_number = True
                if value.expression is not None:
                    result.expression = value.expression
                    g.know_number(value.expression, result)
            elif isinstance(result, OnnxValue) and result.constant is not None:
                result = result.constant.item()
            return result
        if not isinstance(result, OnnxValue):
            if result is None:
                return None
            result = g.constant(result, value.dtype)
        if result.is_number:
            result = g.scalar(result)
        if result.is_assumed:
            result.dtype, result.shape = value.dtype or result.dtype, value.shape
            result.is_assumed = False
        if value.dtype is not None and result.dtype != value.dtype and not result.is_sequence:
            result = g.cast(result, value.dtype)
        if value.shape is not None and result.constant is None and not result.is_sequence:
            if result.shape is not None and len(result.shape) != len(value.shape):
                raise NotExpressible(
                    f"its translation gives {len(result.shape)} axes, PyTorch {len(value.shape)}"
                )
            for part in (result, *(result.parts or ())):
                if part is not None:
                    part.shape = value.shape
            g.know_dims(result)
        return result

    def _stand_in(self, value: Value) -> None:
        known = OnnxValue(value.dtype or torch.float32, value.shape, value=ir.Value(name="refused"))
        known.is_number = value.kind != "tensor"
        self.env[value] = known

    def block(self, block: Block, inputs: Sequence[OnnxValue]) -> list[OnnxValue]:
        """A body's outputs, its nodes going to the builder's current scope."""
        self.env.update(zip(block.inputs, inputs, strict=True))
        for call in block.calls:
            self.call(call)
        return [self.as_tensor(output) for output in block.outputs]


def _is_late(argument: Any) -> bool:
    """Whether it is a number, or has one, that is known only when the model runs."""
    if isinstance(argument, (list, tuple)):
        return any(map(_is_late, argument))
    return isinstance(argument, OnnxValue) and argument.is_number and argument.constant is None


def has_complex(call: Call) -> bool:
    """Whether a complex number is among the call's arguments or results."""
    values = (*call.values_in(), *call.values_out())
    return any(v.dtype is not None and v.dtype.is_complex for v in values) or any(
        _is_complex_number(argument) for argument in call.args.values()
    )


def _is_complex_number(argument: Argument) -> bool:
    if isinstance(argument, list):
        return any(map(_is_complex_number, argument))
    return isinstance(argument, complex)


def _typed_as(value: Value) -> OnnxValue:
    is_sequence = value.kind == "list"
    return OnnxValue(value.dtype or torch.float32, value.shape, is_sequence=is_sequence)


def _fold(call: Call, args: dict[str, Any]) -> list[torch.Tensor] | None:
    """A call on small constants, computed by PyTorch itself; None where it is not to be."""
    op: Operator = call.op
    if op.target is None or not op.deterministic or op.namespace != "aten" or call.blocks:
        return None
    if not call.outputs:
        # A check of its arguments.
        return None
    if "empty" in op.name:
        # Its elements are whatever lies in memory.
        return None
    for output in call.outputs:
        if not isinstance(output, Value) or output.kind != "tensor" or output.shape is None:
            return None
        size = 1
        for length in output.shape:
            if not isinstance(length, int):
                return None
            size *= length
        if size > LARGEST:
            return None
    plain = {name: _plain(argument) for name, argument in args.items()}
    if any(argument is _UNKNOWN for argument in plain.values()) or op.name.endswith("_like"):
        return None
    if "device" in plain:
        plain["device"] = torch.device("cpu")
    keyword = {a.name for a in op.arguments if a.keyword_only}
    positional = [plain[a.name] for a in op.arguments if a.name not in keyword]
    named = {k: v for k, v in plain.items() if k in keyword and v is not None}
    try:
        with torch.no_grad():
            result = op.target(*positional, **named)
    except (RuntimeError, NotImplementedError, TypeError, IndexError):
        return None
    return list(result) if isinstance(result, (list, tuple)) else [result]


_UNKNOWN = object()


def _plain(argument: Any) -> Any:
    if isinstance(argument, OnnxValue):
        return argument.constant if argument.constant is not None else _UNKNOWN
    if isinstance(argument, list):
        items = [_plain(item) for item in argument]
        return _UNKNOWN if any(item is _UNKNOWN for item in items) else items
    return argument

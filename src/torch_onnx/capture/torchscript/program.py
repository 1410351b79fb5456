"""A Module traced, or a TorchScript program, as an AtenGraph."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture import answers
from torch_onnx.capture.assumptions import (
    Assumptions,
    DynamicAxes,
    larger_example,
    name_dims,
)
from torch_onnx.capture.binding import number_operator
from torch_onnx.capture.decompose import Decomposer
from torch_onnx.capture.dims import DimNames
from torch_onnx.capture.quantized import Parts, Quantized, part_paths, spread
from torch_onnx.capture.sources import Sources
from torch_onnx.capture.torchscript import (
    containers,
    control,
    conversions,
    facts,
    kinds,
    lists,
    loops,
    numbers,
    objects,
    quantized,
    quantized_ops,
    shapes,
    squeezing,
)
from torch_onnx.capture.torchscript.fakes import Fakes
from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.scalars import Scalar, Vector
from torch_onnx.capture.torchscript.sources import NodeSources
from torch_onnx.capture.torchscript.tracing import Program, program_of
from torch_onnx.capture.torchscript.values import Handler, Maybe, ModuleAt, Raised, ScriptList
from torch_onnx.errors import CaptureError
from torch_onnx.graph import Argument, AtenGraph, Call, Value

LINES_OF_REASON = 8


def _merged(*tables: Mapping[str, Handler]) -> dict[str, Handler]:
    merged: dict[str, Handler] = {}
    for table in tables:
        assert merged.keys().isdisjoint(table), merged.keys() & table.keys()
        merged.update(table)
    return merged


HANDLERS = _merged(
    *(containers.handles, control.handles, conversions.handles, facts.handles, kinds.handles),
    *(lists.handles, loops.handles, numbers.handles, objects.handles, quantized_ops.TABLE),
    *(shapes.handles, squeezing.handles),
)


def is_script(model: Any) -> bool:
    """Whether a model is a TorchScript module or function."""
    return isinstance(model, (torch.jit.ScriptModule, torch.jit.ScriptFunction))


def script(model: Any) -> Any:
    """A model compiled by TorchScript.

    Raises:
        CaptureError: where TorchScript does not know the model's language.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.jit.script(model)
        except Exception as error:
            # TorchScript shows the user's line itself, after its reason.
            text = "\n  ".join(str(error).strip().splitlines()[:LINES_OF_REASON])
            raise CaptureError(f"torch.jit.script refused the model:\n  {text}") from error


def arguments_of(script: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """A call's arguments in the order of the program's parameters, defaults filled in."""
    # A function stands for itself, a module for its forward.
    schema = getattr(script, "forward", script).schema
    # A module's first argument is itself, whatever its name.
    formal = schema.arguments[isinstance(script, torch.nn.Module) :]
    found = list(args)
    for argument in formal[len(args) :]:
        if argument.name in kwargs:
            found.append(kwargs[argument.name])
        elif argument.has_default_value():
            found.append(argument.default_value)
    return found


def from_script(
    script: Any,
    tensors: Sequence[torch.Tensor],
    dynamic: DynamicAxes,
    input_names: Sequence[str],
    arguments: Any = None,
    prefix: str = "",
) -> tuple[AtenGraph, Any]:
    """An AtenGraph of a TorchScript program, or a trace, called with ``tensors``, and what it
    returns.

    ``arguments`` builds the call's arguments from the values of the tensors; by default they are
    the tensors themselves. ``prefix`` is taken off the names of modules and weights.

    Raises:
        CaptureError: for what the program does that ONNX can't hold.
        DimensionSpecialized: when a dim of ``dynamic`` became fixed.
    """
    flat, places = spread(tensors)
    # Of a quantized tensor's parts, the integers have its sizes.
    axes = {places[index]: by_axis for index, by_axis in dynamic.items()}
    names = [
        ".".join(path)
        for name, tensor in zip(input_names, tensors, strict=True)
        for path in (part_paths((name,)) if tensor.is_quantized else [(name,)])
    ]

    def regrouped(run: Interpreter, values: Sequence[Value]) -> list[Any]:
        ends = [*places, len(values)][1:]
        leaves: list[Any] = [
            quantized.given(run, values[start:end], tensor)
            for start, end, tensor in zip(places, ends, tensors, strict=True)
        ]
        return leaves if arguments is None else list(arguments(leaves))

    program = script if isinstance(script, Program) else program_of(script)
    larger = larger_example(flat, axes)
    if larger is not None:
        try:
            return _interpreted(program, larger, axes, names, regrouped, prefix)
        except CaptureError:
            # Other inputs' sizes do not fit the larger ones.
            pass
    return _interpreted(program, flat, axes, names, regrouped, prefix)


def _interpreted(
    program: Program,
    tensors: Sequence[torch.Tensor],
    dynamic: DynamicAxes,
    input_names: Sequence[str],
    arguments: Callable[[Interpreter, Sequence[Value]], list[Any]],
    prefix: str,
) -> tuple[AtenGraph, Any]:
    fakes, dims = Fakes(), DimNames()
    with (
        compat.sizes_of_one_stay_dynamic(),
        compat.extremes_are_not_decided(),
        compat.recurrent_layers_have_types(),
        compat.fake_quantization_has_types(),
        compat.matrix_operators_have_types(),
        answers.known_from_types(),
        compat.quiet(),
    ):
        stand_ins = fakes.inputs(tensors, dynamic)
        name_dims(dims, stand_ins, dynamic)
        classes = {name.removeprefix(prefix): kind for name, kind in program.classes.items()}
        sources = NodeSources(classes, prefix, program.callers)
        run = Interpreter(dims, fakes, sources, HANDLERS, control.split)
        values = [run.value(fake) for fake in stand_ins]
        given = arguments(run, values)
        formal = list(program.graph.inputs())
        before = [] if program.module is None else [ModuleAt(program.module, "")]
        held = _held(run, program, formal)
        wanted = len(formal) - len(before) - len(held)
        if len(given) != wanted:
            raise CaptureError(f"The program takes {wanted} arguments, {len(given)} were given.")
        called = [*before, *(_listed(run, argument) for argument in given), *held]
        try:
            outputs = run.block(program.graph, called)
        except Raised as raised:
            raise CaptureError(
                f"The model raises for such inputs: {raised}", raised.source.frame
            ) from None
        result = _finished(run, outputs[0] if len(outputs) == 1 else tuple(outputs))
        assumptions = Assumptions(fakes.environment, dynamic, input_names, Sources(""), dims)
        # Sizes that conditions have settled since show only now.
        dims.look_again()
        typed = [run.value(fake) for fake in stand_ins]
        for value, now in zip(values, typed, strict=True):
            value.shape = now.shape
        assumptions.check_none_is_fixed(values)
    parameters = list(run.parameters.values())
    for parameter in parameters:
        parameter.name = parameter.name.removeprefix(prefix)
    return AtenGraph(
        values,
        parameters,
        run.calls,
        [],
        decompose=Decomposer(dims),
        notes=[*assumptions.notes(values), *dict.fromkeys(run.notes)],
        buffer_writes={
            path.removeprefix(prefix): value
            for path, value in run.attributes.items()
            if isinstance(value, Value)
        },
        steps=run.steps,
    ), result


def _held(run: Interpreter, program: Program, formal: Sequence[Any]) -> list[Any]:
    """The tensors of a trace that are the model's own, None for one that is not used."""
    inputs = formal[len(formal) - len(program.owned) :]
    return [
        objects.owned(run, tensor, name) if value.uses() else None
        for value, (name, tensor) in zip(inputs, program.owned.items(), strict=True)
    ]


def _listed(run: Interpreter, argument: Any) -> Any:
    """An argument whose lists are the program's own."""
    if isinstance(argument, list):
        return run.made(ScriptList(_listed(run, item) for item in argument))
    if isinstance(argument, tuple) and not isinstance(argument, Parts):
        return tuple(_listed(run, item) for item in argument)
    if isinstance(argument, dict):
        return run.made({key: _listed(run, item) for key, item in argument.items()})
    return argument


def leaves_of(result: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Argument]]:
    """The tensors and numbers in what a program returns, each with its path."""
    if isinstance(result, Parts):
        yield from zip(part_paths(path), result, strict=True)
    elif isinstance(result, dict):
        for key, value in result.items():
            yield from leaves_of(value, (*path, str(key)))
    elif isinstance(result, ScriptList) and result.held is not None:
        yield path, result.held
    elif isinstance(result, (list, tuple)):
        names = getattr(result, "_fields", range(len(result)))
        for name, item in zip(names, result, strict=True):
            yield from leaves_of(item, (*path, str(name)))
    elif isinstance(result, (Value, bool, int, float)):
        yield path, result


def _optional(run: Interpreter, result: Maybe) -> Value:
    """A tensor that is None in some runs as one that may be absent."""
    tensor = run.tensor(result.value)
    made = Value(f"{tensor.name}_or_none", tensor.dtype, tensor.shape, "optional", fake=tensor.fake)
    args = {"present": result.present, "tensor": tensor}
    op = number_operator("python::optional", tuple(args))
    run.calls.append(Call(op, args, [made], run.source))
    return made


def _finished(run: Interpreter, result: Any) -> Any:
    """The result with every tensor as a Value."""
    if isinstance(result, (Scalar, Vector)):
        return run.tensor(result)
    if isinstance(result, Quantized):
        return quantized.finished(run, result)
    if isinstance(result, Maybe):
        return _optional(run, result)
    if isinstance(result, str):
        run.notes.append(f"does not return the text {str(result)!r}")
    if isinstance(result, dict):
        return {key: _finished(run, value) for key, value in result.items()}
    if isinstance(result, ScriptList):
        if result.held is not None:
            return lists.as_tensors(run, result)
        return ScriptList(_finished(run, item) for item in result)
    if isinstance(result, tuple):
        return tuple(_finished(run, item) for item in result)
    return result

"""Any model that users give → AtenGraph, with the names and structure of what goes in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import torch
from torch.export import ExportedProgram

from torch_onnx import compat, marks, modes, signature
from torch_onnx.capture import recording, torchscript
from torch_onnx.capture.assumptions import DynamicAxes, DynamicAxis
from torch_onnx.capture.export import export_program, from_exported_program
from torch_onnx.capture.parts import notes_of_parts
from torch_onnx.capture.quantized import (
    Parts,
    is_quantized,
    part_paths,
    parts_of,
    refuse_quantized,
    spread,
)
from torch_onnx.capture.ranks import check_ranks
from torch_onnx.capture.sources import raised_by_model
from torch_onnx.capture.squeezes import notes_of_squeezes
from torch_onnx.errors import CaptureError, DimensionSpecialized, InputError
from torch_onnx.graph import AtenGraph, Value
from torch_onnx.weights import storage_key


@dataclass(frozen=True, slots=True)
class Captured:
    """A captured model: the program, its names, and how to run it on like inputs."""

    graph: AtenGraph
    program: ExportedProgram | None
    name: str
    input_names: list[str]
    output_names: list[str]
    output_dims: dict[str, dict[int, str]]
    flatten: Callable[[tuple[Any, ...], dict[str, Any]], dict[str, torch.Tensor]]
    eager: Callable[[tuple[Any, ...], dict[str, Any]], list[Any]] | None
    example: tuple[tuple[Any, ...], dict[str, Any]]
    unflatten: Callable[[Sequence[Any]], tuple[tuple[Any, ...], dict[str, Any]]] | None
    """The arguments of a call like the example's with other tensors."""
    weight_names: dict[str, str]
    """The user's names of weights, by their state_dict keys."""
    steps: dict[str, float] = field(default_factory=dict)
    """How far apart the numbers of outputs lie that were rounded last."""
    ranges: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    """The smallest and largest size that the user allows, by dim."""


def capture(
    model: Any,
    args: Any,
    kwargs: Mapping[str, Any] | None,
    input_names: Sequence[str] | None,
    output_names: Sequence[str] | None,
    dynamic_shapes: Any,
    dynamic_axes: Any,
    training: str = "eval",
    strategy: str = "auto",
) -> Captured:
    """Run the model once and record it.

    Raises:
        InputError, SignatureError, DynamicShapeError: for arguments that do not fit.
        CaptureError: when the model raises or can't be captured.
        DimensionSpecialized: when a dim asked to be dynamic is fixed by the model.
    """
    if isinstance(model, ExportedProgram):
        return _exported(model, args, kwargs, input_names, output_names)
    if not callable(model) and not isinstance(model, (str, PathLike)):
        raise InputError(
            f"model is of type {type(model).__name__}: give a Module, an ExportedProgram, "
            "a TorchScript program or a callable."
        )
    if isinstance(model, (str, PathLike)):
        model = compat.loaded(model)
    bound = signature.bind(model, args, kwargs)
    parts = [part for leaf in bound.leaves for part in _parts(leaf, is_input=True)]
    input_names, weight_names = _split_names(input_names, len(parts), model)
    names = signature.name_inputs(parts, input_names)
    # A quantized tensor goes by the name of its integers, which are the first of its parts.
    firsts = spread([leaf.value for leaf in bound.leaves])[1]
    own = [names[first] for first in firsts]
    dynamic = signature.settle_dynamic(bound, own, dynamic_shapes, dynamic_axes)
    axes = {
        index: {axis: DynamicAxis(spec.name, spec.min, spec.max) for axis, spec in by_axis.items()}
        for index, by_axis in dynamic.inputs.items()
    }
    with compat.causal_masks_are_not_sought(), modes.caches_as_they_were(model):
        graph, paths, program = _run(model, bound, axes, own, strategy)
    if any(compat.is_of_vmap(parameter.tensor) for parameter in graph.parameters):
        raise CaptureError(
            "A tensor of torch.vmap's is left: this PyTorch can't export its function."
        )
    outputs = signature.name_outputs(paths, output_names, names)
    # As in torch.onnx, a word about these is enough: calls are copied from model to model.
    graph.notes += [
        f"has no input or output {name!r}, which dynamic_axes names: "
        f"the inputs are {', '.join(names)} and the outputs {', '.join(outputs)}"
        for name in dynamic.output_names
        if name not in outputs
    ]
    graph.input_names, graph.output_names = names, outputs
    name = type(model).__name__ if isinstance(model, torch.nn.Module) else _function_name(model)

    def flatten_inputs(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, torch.Tensor]:
        given = signature.bind(model, args, kwargs)
        if len(given.leaves) != len(bound.leaves):
            raise InputError(f"{len(own)} tensors are needed, {len(given.leaves)} were given.")
        # By path, for keyword arguments may come in another order than in the example.
        found = {
            part.name: part.value for leaf in given.leaves for part in _parts(leaf, is_input=True)
        }
        missing = [part.name for part in parts if part.name not in found]
        if missing:
            raise InputError(f"The tensors {', '.join(missing)} of the example are not given.")
        return {name: found[part.name] for name, part in zip(names, parts, strict=True)}

    def eager(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        given = signature.bind(model, args, kwargs)
        with (
            modes.mode(model, training),
            modes.as_it_was(model) as unchanged,
            torch.no_grad(),
            marks.collecting_outputs() as extra,
        ):
            result = given.call(unchanged, [tensor.clone() for tensor in given.tensors])
        leaves, _ = signature.flatten(result, numbers_are_leaves=True)
        parts = [part.value for leaf in leaves for part in _parts(leaf, is_input=False)]
        return [*parts, *extra.values()]

    return Captured(
        graph,
        program,
        name,
        names,
        outputs,
        dynamic.output_names,
        flatten_inputs,
        eager,
        (bound.args, bound.kwargs),
        bound.structure.unflatten if len(parts) == len(bound.leaves) else None,
        weight_names,
        _steps(graph),
        _ranges(graph, axes) if len(parts) == len(bound.leaves) else {},
    )


def _ranges(graph: AtenGraph, axes: DynamicAxes) -> dict[str, tuple[int | None, int | None]]:
    return {
        str((graph.inputs[index].shape or ())[axis]): (spec.min, spec.max)
        for index, by_axis in axes.items()
        for axis, spec in by_axis.items()
    }


def _steps(graph: AtenGraph) -> dict[str, float]:
    pairs = zip(graph.output_names, graph.outputs, strict=True)
    return {n: graph.steps[v] for n, v in pairs if isinstance(v, Value) and v in graph.steps}


def _split_names(
    given: Sequence[str] | None, inputs: int, model: Any
) -> tuple[Sequence[str] | None, dict[str, str]]:
    """The names of inputs, and behind them those of weights, each tensor once."""
    if given is None or isinstance(given, str) or len(given) <= inputs:
        return given, {}
    held: Mapping[str, Any] = {}
    if isinstance(model, ExportedProgram):
        held = model.state_dict
    elif isinstance(model, torch.nn.Module):
        held = model.state_dict(keep_vars=True)
    unique: dict[object, str] = {}
    for key, tensor in held.items():
        if isinstance(tensor, torch.Tensor) and not tensor.is_quantized:
            unique.setdefault(storage_key(tensor), key)
    keys = list(unique.values())
    more = given[inputs:]
    if len(more) > len(keys):
        # Too many, which the naming of inputs says.
        return given, {}
    return given[:inputs], dict(zip(keys, more, strict=False))


def _parts(leaf: signature.Leaf, *, is_input: bool) -> list[signature.Leaf]:
    """The tensors that the ONNX model has for one of the PyTorch model."""
    if not isinstance(leaf.value, torch.Tensor) or not leaf.value.is_quantized:
        return [leaf]
    pairs = zip(part_paths(leaf.path), parts_of(leaf.value, is_input=is_input), strict=True)
    return [signature.Leaf(path, tensor) for path, tensor in pairs]


Run = tuple[AtenGraph, list[tuple[str, ...]], "ExportedProgram | None"]


def _run(
    model: Any, bound: signature.Bound, axes: DynamicAxes, names: Sequence[str], strategy: str
) -> Run:
    """The program, the paths of its outputs, and PyTorch's own form of it where there is one."""
    if torchscript.is_script(model):
        return _scripted(model, bound, axes, names)
    if strategy == "script":
        return _scripted(torchscript.script(model), bound, axes, names)
    flat = signature.FlatModule(model, bound)
    if strategy == "trace" or (strategy == "auto" and is_quantized(flat.modules(), bound.tensors)):
        return _traced(flat, bound, axes, names)
    refused: CaptureError | None = None
    if strategy in ("auto", "record"):
        try:
            graph = recording.record(flat, bound.tensors, axes, names)
            refuse_quantized(graph.calls)
            return graph, flat.outputs.paths, None
        except CaptureError as error:
            if strategy == "record":
                raise
            refused = error
        except Exception as error:
            refused = recording.explained(error)
            if strategy == "record":
                raise refused from error
    try:
        program = export_program(flat, bound.tensors, axes)
        graph = from_exported_program(program, axes, names, "model.")
        graph.notes += notes_of_squeezes(graph, bound.tensors, axes)
        graph.notes += notes_of_parts(graph, axes)
        check_ranks(flat, bound.tensors, axes, names, graph)
        return graph, flat.outputs.paths, program
    except DimensionSpecialized as error:
        if refused is not None:
            error.locate(refused.frame)
        raise
    except CaptureError as error:
        if strategy == "export" or (axes and compat.is_within_vmap(error.__cause__)):
            raise
        try:
            found = _traced(flat, bound, axes, names)
        except Exception:
            # The model can't be traced either; torch.export's words say more.
            raise error  # noqa: B904 - its cause stays
        found[0].notes.insert(
            0,
            f"is a trace, for torch.export refused it: {error.first_line} "
            "Python's branches and loops are frozen as they went for the example.",
        )
        return found


def _traced(
    flat: signature.FlatModule, bound: signature.Bound, axes: DynamicAxes, names: Sequence[str]
) -> Run:
    modules = list(flat.modules())
    with modes.attributes_as_they_were(modules), modes.buffers_as_they_were(modules):
        try:
            traced = torchscript.trace(flat, bound.tensors)
        except CaptureError:
            raise
        except Exception as error:
            raise raised_by_model(error) from error
    graph, result = torchscript.from_script(
        traced.program, bound.tensors, axes, names, prefix="model."
    )
    # A quantized result is three outputs, and so is a named tuple of these.
    results = [result] if isinstance(result, Parts) or not isinstance(result, tuple) else result
    leaves = [
        leaf
        for path, item in zip(flat.outputs.paths, results, strict=True)
        for leaf in torchscript.leaves_of(item, path)
    ]
    graph.outputs = [value for _, value in leaves]
    graph.notes = [*traced.notes, *graph.notes, *notes_of_parts(graph, axes)]
    return graph, [path for path, _ in leaves], None


def _scripted(script: Any, bound: signature.Bound, axes: DynamicAxes, names: Sequence[str]) -> Run:
    def arguments(values: Sequence[Any]) -> list[Any]:
        args, kwargs = bound.structure.unflatten(values)
        return torchscript.arguments_of(script, args, kwargs)

    graph, result = torchscript.from_script(script, bound.tensors, axes, names, arguments)
    leaves = dict(torchscript.leaves_of(result, ()))
    graph.outputs = list(leaves.values())
    graph.notes += notes_of_parts(graph, axes)
    return graph, list(leaves), None


def _function_name(model: Any) -> str:
    return str(getattr(model, "__name__", type(model).__name__))


def _exported(
    program: ExportedProgram,
    args: Any,
    kwargs: Mapping[str, Any] | None,
    input_names: Sequence[str] | None,
    output_names: Sequence[str] | None,
) -> Captured:
    """A program that the user captured: its own example, its own dynamic dims."""
    graph = from_exported_program(program, {}, [])
    leaves = [signature.Leaf((value.name,), value) for value in graph.inputs]
    input_names, weight_names = _split_names(input_names, len(leaves), program)
    names = signature.name_inputs(leaves, input_names)
    if len(graph.outputs) == 1:
        paths: list[tuple[str, ...]] = [()]
    else:
        paths = [(str(i),) for i in range(len(graph.outputs))]
    outputs = signature.name_outputs(paths, output_names, names)
    graph.input_names, graph.output_names = names, outputs
    own_args, own_kwargs = program.example_inputs or ((), {})
    order = list(own_kwargs)
    positional = args if isinstance(args, (tuple, list)) else (args,)
    example = (tuple(positional) or tuple(own_args), dict(kwargs or own_kwargs))

    def flatten_inputs(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, torch.Tensor]:
        known = {key: kwargs[key] for key in order if key in kwargs}
        found = signature.flatten((list(args), known | kwargs))[0]
        return {name: leaf.value for name, leaf in zip(names, found, strict=True)}

    def eager(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        with torch.no_grad():
            result = program.module()(*args, **kwargs)
        return [leaf.value for leaf in signature.flatten(result, numbers_are_leaves=True)[0]]

    return Captured(
        graph,
        program,
        "ExportedProgram",
        names,
        outputs,
        {},
        flatten_inputs,
        eager,
        example,
        signature.flatten(example)[1].unflatten,
        weight_names,
    )

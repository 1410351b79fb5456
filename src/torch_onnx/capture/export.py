"""The torch.export front end: a Module, or an ExportedProgram, as an AtenGraph.

The program is taken before decomposition: ``linear``, ``layer_norm``, ``lstm`` arrive whole.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx
from torch.export import Dim as ExportDim
from torch.export import ExportedProgram

from torch_onnx import compat
from torch_onnx.capture.decompose import Decomposer
from torch_onnx.capture.dims import DimNames
from torch_onnx.capture.fx import FxReader, value_of
from torch_onnx.capture.sources import Sources
from torch_onnx.errors import (
    CaptureError,
    DimensionSpecialized,
    ExportError,
    SpecializedDimension,
)
from torch_onnx.graph import Argument, AtenGraph, Parameter, Value


@dataclass(frozen=True, slots=True)
class DynamicAxis:
    """An axis of an input that the user wants dynamic, with the name and range given."""

    name: str | None = None
    min: int | None = None
    max: int | None = None


DynamicAxes = Mapping[int, Mapping[int, DynamicAxis]]
"""By position of the input, by axis."""


def export_program(
    module: torch.nn.Module, tensors: Sequence[torch.Tensor], dynamic: DynamicAxes
) -> ExportedProgram:
    """Run ``module(*tensors)`` once under torch.export.

    Raises:
        CaptureError: when the model's forward raises or depends on a tensor's value.
    """
    shapes = tuple(
        {axis: _export_dim(spec) for axis, spec in dynamic.get(i, {}).items()} or None
        for i in range(len(tensors))
    )
    sources = Sources("model.")
    try:
        with warnings.catch_warnings(), compat.sizes_of_one_stay_dynamic(), torch.no_grad():
            warnings.simplefilter("ignore")
            return torch.export.export(
                module, tuple(tensors), dynamic_shapes=(shapes,), strict=False
            )
    except ExportError:
        raise
    except Exception as error:
        raise _explain(error, sources) from error


def _export_dim(spec: DynamicAxis) -> Any:
    if spec.min is None and spec.max is None:
        return ExportDim.AUTO
    return ExportDim.AUTO(min=spec.min, max=spec.max)


def _explain(error: Exception, sources: Sources) -> CaptureError:
    """The error in the user's terms: what was raised, and their line."""
    import traceback

    lines = "".join(traceback.format_tb(error.__traceback__))
    frame = sources.frame(lines)
    text = str(error).strip() or type(error).__name__
    first = next((line for line in text.splitlines() if line.strip()), "")
    return CaptureError(
        f"{type(error).__name__} while the model ran: {first}",
        frame,
        "The whole trace is the cause of this error (__cause__).",
    )


def from_exported_program(
    program: ExportedProgram,
    dynamic: DynamicAxes,
    input_names: Sequence[str],
    prefix: str = "",
) -> AtenGraph:
    """An AtenGraph of the program. ``prefix`` is taken off the names of modules and weights.

    Raises:
        DimensionSpecialized: when a dim of ``dynamic`` became fixed, with the line that did it.
    """
    sources = Sources(prefix)
    dims = DimNames()
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    signature = program.graph_signature
    user_nodes = [
        nodes[spec.arg.name] for spec in signature.input_specs if spec.kind.name == "USER_INPUT"
    ]
    _name_dims(dims, user_nodes, dynamic)

    def get_attribute(node: fx.Node) -> Argument:
        raise CaptureError(f"The program reads the attribute {node.target!r} while it runs.")

    reader = FxReader(dims, sources.source, get_attribute)
    inputs: list[Value] = []
    parameters: list[Parameter] = []
    for spec in signature.input_specs:
        node = nodes[spec.arg.name]
        kind = spec.kind.name
        if kind == "USER_INPUT":
            fake = node.meta.get("val")
            if isinstance(fake, (torch.Tensor, torch.SymInt, torch.SymFloat, torch.SymBool)):
                value = value_of(node.name, fake, dims)
                inputs.append(value)
                reader.env[node] = value
            else:
                reader.env[node] = fake
            continue
        if kind not in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR"):
            reader.env[node] = None
            continue
        parameter = _parameter(program, spec, node, prefix, dims)
        parameters.append(parameter)
        reader.env[node] = parameter.value
    _check_dynamic(program, inputs, dynamic, input_names, sources)
    outputs = reader.read(program.graph)
    reader.notes += _narrowed(program, inputs, dynamic, input_names)
    kept = [
        output
        for output, spec in zip(outputs, signature.output_specs, strict=True)
        if spec.kind.name == "USER_OUTPUT"
    ]
    writes = {
        _strip(spec.target, prefix): output
        for output, spec in zip(outputs, signature.output_specs, strict=True)
        if spec.kind.name == "BUFFER_MUTATION"
    }
    return AtenGraph(
        inputs,
        parameters,
        reader.calls,
        kept,
        buffer_writes=writes,
        decompose=Decomposer(dims),
        notes=reader.notes,
    )


def _strip(name: str, prefix: str) -> str:
    return name.removeprefix(prefix)


def _parameter(
    program: ExportedProgram, spec: Any, node: fx.Node, prefix: str, dims: DimNames
) -> Parameter:
    target = spec.target
    tensor = program.state_dict.get(target)
    if tensor is None:
        tensor = program.constants[target]
    value = value_of(node.name, node.meta["val"], dims)
    kind = {"PARAMETER": "parameter", "BUFFER": "buffer"}.get(spec.kind.name, "constant")
    return Parameter(value, _strip(target, prefix), tensor, kind)


def _name_dims(dims: DimNames, user_nodes: Sequence[fx.Node], dynamic: DynamicAxes) -> None:
    """Carry the user's names over to PyTorch's symbols."""
    for index, axes in dynamic.items():
        fake = user_nodes[index].meta["val"]
        for axis, spec in axes.items():
            size = fake.shape[axis]
            if spec.name is None or isinstance(size, int):
                continue
            expression = compat.expression_of(size)
            if expression.is_Symbol:
                dims.name(str(expression), spec.name)


def _check_dynamic(
    program: ExportedProgram,
    inputs: Sequence[Value],
    dynamic: DynamicAxes,
    input_names: Sequence[str],
    sources: Sources,
) -> None:
    fixed = []
    for index, axes in dynamic.items():
        shape = inputs[index].shape or ()
        for axis, spec in axes.items():
            if isinstance(shape[axis], int):
                fixed.append((index, axis, spec, shape[axis]))
    if not fixed:
        return
    # An equation settles a size; other guards only bound it.
    guards = sorted(compat.guards_of(program), key=lambda guard: not guard[0].is_Equality)
    rows = []
    for index, axis, spec, size in fixed:
        symbol = compat.symbol_of_axis(program, index, axis)
        guard, place = next(
            ((g, f) for g, f in guards if symbol in {str(s) for s in g.free_symbols}), (None, None)
        )
        name = input_names[index] if index < len(input_names) else f"input {index}"
        rows.append(
            SpecializedDimension(
                name,
                axis,
                spec.name,
                str(size),
                sources.frame_of(place),
                None
                if guard is None
                else _guard_text(guard, symbol, spec.name or f"{name}[{axis}]"),
            )
        )
    raise DimensionSpecialized(rows)


def _narrowed(
    program: ExportedProgram,
    inputs: Sequence[Value],
    dynamic: DynamicAxes,
    input_names: Sequence[str],
) -> list[str]:
    """What the user should know of ranges that the model bounds further than asked."""
    notes = []
    for index, axes in dynamic.items():
        for axis, spec in axes.items():
            size = inputs[index].fake.shape[axis]
            low, high = compat.range_of(program, size)
            low = low if low is not None and low > max(spec.min or 0, 2) else None
            high = high if high is not None and (spec.max is None or high < spec.max) else None
            if low is None and high is None:
                continue
            bounds = " and ".join(
                [f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None)
            )
            place = f"{input_names[index]}, axis {axis} ({spec.name or 'unnamed'})"
            notes.append(f"{place}: the model needs {bounds}.")
    return notes


def _guard_text(guard: Any, symbol: str | None, name: str) -> str:
    """A condition on sizes to read: ``batch == 8``."""
    text = str(guard) if symbol is None else str(guard).replace(symbol, name)
    for function, sign in (("Eq", "=="), ("Ne", "!=")):
        if text.startswith(f"{function}("):
            left, _, right = text[len(function) + 1 : -1].rpartition(", ")
            return f"{left} {sign} {right}"
    return text

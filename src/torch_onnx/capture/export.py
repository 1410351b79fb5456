"""The torch.export front end: a Module, or an ExportedProgram, as an AtenGraph.

The program is taken before decomposition: ``linear``, ``layer_norm``, ``lstm`` arrive whole.
"""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram

from torch_onnx import compat, compat_extending
from torch_onnx.capture import answers
from torch_onnx.capture.assumptions import (
    Assumptions,
    DynamicAxes,
    larger_example,
    name_dims,
    still_holds,
)
from torch_onnx.capture.decompose import Decomposer
from torch_onnx.capture.dims import DimNames
from torch_onnx.capture.fx import FxReader, value_of
from torch_onnx.capture.quantized import refuse_quantized
from torch_onnx.capture.sources import Sources, raised_at, raised_by_model
from torch_onnx.errors import CaptureError, ExportError
from torch_onnx.graph import Argument, AtenGraph, Parameter, Value


def export_program(
    module: torch.nn.Module, tensors: Sequence[torch.Tensor], dynamic: DynamicAxes
) -> ExportedProgram:
    """Run ``module(*tensors)`` under torch.export.

    Dynamic sizes of 0 and 1 are tried larger first: PyTorch's own code settles such sizes.

    Raises:
        CaptureError: when the model's forward raises or depends on a tensor's value.
    """
    shapes = tuple(
        {axis: compat.automatic_dim(spec.min, spec.max) for axis, spec in axes.items()} or None
        for axes in (dynamic.get(index, {}) for index in range(len(tensors)))
    )
    is_empty = any(tensors[i].shape[axis] == 0 for i, axes in dynamic.items() for axis in axes)
    # Where the example is empty, the model's own branches on that have to show.
    with compat.sizes_may_be_zero() if is_empty else contextlib.nullcontext():
        larger = larger_example(tensors, dynamic)
        if larger is not None:
            try:
                program = _export(module, larger, shapes)
            except CaptureError:
                # Other inputs' sizes do not fit the larger ones.
                return _export(module, tensors, shapes)
            environment = compat.shape_environment(program)
            if still_holds(environment, _user_fakes(program), tensors, dynamic):
                return program
        return _export(module, tensors, shapes)


def _export(
    module: torch.nn.Module, tensors: Sequence[torch.Tensor], shapes: Any
) -> ExportedProgram:
    try:
        with _without_graphs_in_stderr(), warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            with (
                compat.sizes_of_one_stay_dynamic(),
                compat.extremes_are_not_decided(),
                compat.recurrent_layers_have_types(),
                compat_extending.associative_scans_are_scans(),
                compat_extending.keeps_annotations(),
                compat.fake_quantization_has_types(),
                compat.matrix_operators_have_types(),
                answers.known_from_types(),
                compat.quiet(),
            ):
                given = (shapes,) if tensors else None
                program: ExportedProgram = compat.export(module, tuple(tensors), given)
                return program
    except ExportError:
        raise
    except Exception as error:
        raise _explain(error) from error


def _user_fakes(program: ExportedProgram) -> list[Any]:
    """The stand-ins of the user's inputs, in order."""
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    names = [
        spec.arg.name
        for spec in program.graph_signature.input_specs
        if spec.kind.name == "USER_INPUT"
    ]
    return [nodes[name].meta.get("val") for name in names]


@contextlib.contextmanager
def _without_graphs_in_stderr() -> Iterator[None]:
    """Keeps thousands of lines off the terminal: PyTorch prints the graph so far when it fails."""
    graph = ""
    written = io.StringIO()
    try:
        with contextlib.redirect_stderr(written):
            yield
    except Exception as error:
        graph = str(getattr(error, "partial_fx_graph", ""))
        raise
    finally:
        text = written.getvalue()
        sys.stderr.write(text.replace(f"{graph}\n", "") if graph else text)


def _explain(error: Exception) -> CaptureError:
    """The error in the user's terms: what was raised, and their line."""
    if compat.is_data_dependent(error):
        return CaptureError(
            "A branch depends on data, which torch.export can't follow.",
            raised_at(error),
            'Write it with torch.where, or use strategy="trace", which keeps the example\'s way.',
        )
    return raised_by_model(error)


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
    if any(compat.is_of_torch_func(node.target) for node in program.graph.nodes):
        # vmap and its like: PyTorch itself says them in operators on whole batches.
        program = program.run_decompositions({})
    sources = Sources(prefix)
    dims = DimNames()
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    signature = program.graph_signature
    name_dims(dims, _user_fakes(program), dynamic)
    environment = compat.shape_environment(program)
    assumptions = Assumptions(environment, dynamic, input_names, sources, dims)

    def get_attribute(node: fx.Node) -> Argument:
        """A constant that stands in the body of a branch or loop."""
        tensor = getattr(node.graph.owning_module, str(node.target), None)
        if not isinstance(tensor, torch.Tensor) or compat.is_fake(tensor):
            raise CaptureError(f"The program reads the attribute {node.target!r} while it runs.")
        name = f"body_{len(parameters)}.{node.target}"
        parameter = Parameter(value_of(name, tensor, dims), name, tensor, "constant")
        parameters.append(parameter)
        return parameter.value

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
            known = program.constants.get(spec.target)
            reader.env[node] = known if isinstance(known, torch.Generator) else None
            continue
        parameter = _parameter(program, spec, node, prefix, dims)
        parameters.append(parameter)
        reader.env[node] = parameter.value
    assumptions.check_none_is_fixed(inputs)
    outputs = reader.read(program.graph)
    refuse_quantized(reader.calls)
    reader.notes += assumptions.notes(inputs)
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

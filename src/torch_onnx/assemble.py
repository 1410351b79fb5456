"""What translation made, as an onnx_ir model: inputs, outputs, initializers under their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from torch_onnx.builder.dtypes import TO_ONNX, real_of
from torch_onnx.builder.emit import Builder
from torch_onnx.builder.values import OnnxValue, stored_shape
from torch_onnx.errors import SignatureError
from torch_onnx.graph import Parameter, Value
from torch_onnx.translate import Translated
from torch_onnx.weights import Weight, storage_key

# The newest IR version that each opset was released with at the latest; runtimes refuse newer ones.
IR_VERSIONS = {11: 6, 12: 7, 15: 8, 19: 9, 21: 10, 23: 11, 24: 12, 25: 13, 28: 14}


def ir_version(opset: int) -> int:
    """The IR version that the opset came with."""
    return max(version for since, version in IR_VERSIONS.items() if since <= opset)


def declare_input(g: Builder, value: Value, name: str) -> OnnxValue:
    """A graph input of the user's name."""
    assert value.dtype is not None
    assert value.shape is not None
    g.reserve_name(name)
    onnx = ir.Value(
        name=name,
        shape=stored_shape(value.dtype, value.shape),
        type=ir.TensorType(TO_ONNX[real_of(value.dtype)]),
    )
    if value.kind != "tensor":
        raise SignatureError(f"The input {name!r} is a Python number: give it as a tensor.")
    return OnnxValue(value.dtype, value.shape, value=onnx)


class Owner:
    """Makes initializers of parameters; a storage that two names share is stored once."""

    __slots__ = ("_by_storage",)

    def __init__(self) -> None:
        self._by_storage: dict[object, OnnxValue] = {}

    def __call__(self, g: Builder, parameter: Parameter) -> OnnxValue:
        tensor = parameter.tensor
        key = storage_key(tensor)
        shared = self._by_storage.get(key)
        if shared is not None:
            return shared
        name = g.unique_name(parameter.name)
        value = ir.Value(
            name=name,
            shape=stored_shape(tensor.dtype, tuple(tensor.shape)),
            type=ir.TensorType(TO_ONNX[real_of(tensor.dtype)]),
            const_value=Weight(name, tensor),
        )
        g.initializers[name] = value
        owned = OnnxValue(tensor.dtype, tuple(tensor.shape), value=value, parameter=tensor)
        self._by_storage[key] = owned
        return owned


def assemble(
    translated: Translated,
    output_names: Sequence[str],
    name: str,
    output_dims: Mapping[str, Mapping[int, str]] | None = None,
) -> ir.Model:
    """The finished model; outputs carry the user's names, all values their types."""
    g = translated.builder
    type_values(g)
    outputs: list[ir.Value] = []
    taken: set[int] = set()
    for output_name, result in zip(output_names, translated.outputs, strict=True):
        output = _output(g, output_name, result, taken)
        _name_dims(output, (output_dims or {}).get(output_name, {}))
        outputs.append(output)
    graph = ir.Graph(
        [_ir_value(i) for i in translated.inputs],
        outputs,
        nodes=g.nodes,
        initializers=list(g.initializers.values()),
        opset_imports=g.opset_imports,
        name=name,
    )
    model = ir.Model(
        graph,
        ir_version=ir_version(g.opset),
        producer_name="torch_onnx",
        functions=list(g.functions.values()),
    )
    return model


def _ir_value(value: OnnxValue) -> ir.Value:
    assert value.value is not None
    return value.value


def _output(g: Builder, name: str, result: OnnxValue, taken: set[int]) -> ir.Value:
    value = g.materialize(result)
    node = value.producer()
    # An input, an initializer or a value that is an output already needs a value of its own.
    if node is None or id(value) in taken:
        (copy,) = g.raw_node("", "Identity", [result], {}, [(result.dtype, result.shape)])
        copy.is_sequence, copy.is_optional = result.is_sequence, result.is_optional
        value = _ir_value(copy)
    taken.add(id(value))
    value.name = name
    if result.is_sequence:
        value.type = ir.SequenceType(ir.TensorType(TO_ONNX[real_of(result.dtype)]))
        return value
    if result.is_optional:
        return value
    value.dtype = TO_ONNX[real_of(result.dtype)]
    if result.shape is not None:
        value.shape = stored_shape(result.dtype, result.shape)
    return value


def _name_dims(output: ir.Value, names: Mapping[int, str]) -> None:
    """The user's names for axes of an output; an axis of known size keeps its size."""
    if output.shape is None or not names:
        return
    sizes = list(output.shape)
    for axis, name in names.items():
        if -len(sizes) <= axis < len(sizes) and not isinstance(sizes[axis], int):
            sizes[axis] = ir.SymbolicDim(name)
    output.shape = ir.Shape(sizes)


def rename_weights(model: ir.Model, names: Mapping[str, str]) -> None:
    """Give weights other names in the file, by their state_dict keys, which stay theirs.

    Raises:
        SignatureError: for a name that the graph already uses.
    """
    if not names:
        return
    graph = model.graph
    held = [v for v in graph.initializers.values() if isinstance(v.const_value, Weight)]
    renamed = [v for v in held if isinstance(v.const_value, Weight) and v.const_value.key in names]
    taken = {value.name for value in (*graph.inputs, *graph.outputs)}
    taken |= {output.name for node in graph for output in node.outputs}
    taken |= {value.name for value in graph.initializers.values()} - {v.name for v in renamed}
    # First out of the way: names may be exchanged.
    for index, value in enumerate(renamed):
        value.name = f"{value.name}.renamed_{index}"
    for value in renamed:
        assert isinstance(value.const_value, Weight)
        name = names[value.const_value.key]
        if name in taken:
            raise SignatureError(f"{name!r} is in input_names and is the name of another value.")
        taken.add(name)
        value.name = name


def type_values(g: Builder) -> None:
    """Write what the builder knows about dtypes and shapes into the graph's values."""
    for known in g.results:
        value = known.value
        if value is None or known.is_sequence or known.is_optional or known.is_assumed:
            continue
        if value.type is None and known.dtype in TO_ONNX:
            value.type = ir.TensorType(TO_ONNX[real_of(known.dtype)])
        if value.shape is None and known.shape is not None:
            value.shape = stored_shape(known.dtype, known.shape)

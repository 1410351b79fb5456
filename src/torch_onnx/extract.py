"""A part of a model as a model of its own: what leads from given values to others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import onnx
import onnx_ir as ir

FLOAT_FOR_NUMPY = ir.DataType.FLOAT
"""numpy has no bfloat16: such values go in and out as float32, which holds them exactly."""


def extract(
    model: ir.Model, outputs: Sequence[ir.Value], given: Collection[ir.Value]
) -> tuple[onnx.ModelProto, list[ir.Value]]:
    """The nodes between ``given`` and ``outputs``, and which values it takes: those of ``given``
    and the model's inputs that it needs. Weights are embedded.
    """
    nodes: dict[ir.Node, None] = {}
    taken: dict[ir.Value, None] = {}
    weights: dict[ir.Value, None] = {}
    pending = list(outputs)
    seen: set[ir.Value] = set()
    stops = set(given) - set(outputs)
    while pending:
        value = pending.pop()
        if value in seen:
            continue
        seen.add(value)
        node = value.producer()
        if value.const_value is not None and node is None:
            weights[value] = None
        elif value in stops or node is None:
            taken[value] = None
        else:
            nodes[node] = None
            pending += list(_read(node))
    ordered = [node for node in model.graph if node in nodes]
    return _model(model, ordered, list(taken), list(weights), outputs), list(taken)


def nodes_between(
    model: ir.Model, outputs: Sequence[ir.Value], given: Collection[ir.Value]
) -> list[ir.Node]:
    """The nodes that ``extract`` takes, in the model's order."""
    found: set[ir.Node] = set()
    pending = list(outputs)
    stops = set(given) - set(outputs)
    while pending:
        value = pending.pop()
        node = value.producer()
        if value in stops or node is None or node in found:
            continue
        found.add(node)
        pending += list(_read(node))
    return [node for node in model.graph if node in found]


def _read(node: ir.Node) -> Iterator[ir.Value]:
    """What a node reads, its bodies' reading of outer values included."""
    for value in node.inputs:
        if value is not None:
            yield value
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield from _read_by_body(attribute.as_graph())
        elif attribute.type == ir.AttributeType.GRAPHS:
            for body in attribute.as_graphs():
                yield from _read_by_body(body)


def _read_by_body(body: ir.Graph) -> Iterator[ir.Value]:
    own = set(body.inputs) | set(body.initializers.values())
    for node in body:
        own.update(node.outputs)
    for node in body:
        yield from (value for value in _read(node) if value not in own)
    yield from (value for value in body.outputs if value not in own)


def _model(
    model: ir.Model,
    nodes: Sequence[ir.Node],
    inputs: Sequence[ir.Value],
    weights: Sequence[ir.Value],
    outputs: Sequence[ir.Value],
) -> onnx.ModelProto:
    proto = onnx.ModelProto(ir_version=model.ir_version, producer_name="torch_onnx")
    for domain, version in model.graph.opset_imports.items():
        proto.opset_import.add(domain=domain, version=version)
    proto.functions.extend(ir.to_proto(function) for function in model.functions.values())
    graph = proto.graph
    graph.name = "part"
    for value in inputs:
        declared = ir.to_proto(value)
        if value.dtype == ir.DataType.BFLOAT16:
            declared.name = f"{value.name}_as_float"
            declared.type.tensor_type.elem_type = int(FLOAT_FOR_NUMPY)
            graph.node.append(_cast(declared.name, value.name, ir.DataType.BFLOAT16))
        graph.input.append(declared)
    for value in weights:
        assert value.const_value is not None
        tensor = onnx.TensorProto(
            name=value.name,
            data_type=int(value.const_value.dtype),
            dims=list(value.const_value.shape.numpy()),
        )
        tensor.raw_data = value.const_value.tobytes()
        graph.initializer.append(tensor)
    graph.node.extend(ir.to_proto(node) for node in nodes)
    for value in outputs:
        declared = ir.to_proto(value)
        if value.dtype == ir.DataType.BFLOAT16:
            declared.name = f"{value.name}_as_float"
            declared.type.tensor_type.elem_type = int(FLOAT_FOR_NUMPY)
            graph.node.append(_cast(value.name, declared.name, FLOAT_FOR_NUMPY))
        graph.output.append(declared)
    return proto


def _cast(source: str | None, result: str | None, dtype: ir.DataType) -> onnx.NodeProto:
    node = onnx.NodeProto(op_type="Cast", input=[source or ""], output=[result or ""])
    node.attribute.add(name="to", i=int(dtype), type=onnx.AttributeProto.INT)
    return node

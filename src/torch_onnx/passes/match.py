"""Looking from a value back to what made it."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir


def made_by(value: ir.Value | None, *operators: str, alone: bool = True) -> ir.Node | None:
    """The node that made a value, if it is one of these; ``alone``: and is read once only."""
    node = None if value is None else value.producer()
    if node is None or node.domain or node.op_type not in operators:
        return None
    if alone and (len(node.outputs) != 1 or not read_once(node.outputs[0])):
        return None
    return node


def read_once(value: ir.Value) -> bool:
    """Whether one node alone reads the value, and it is no graph output."""
    return not value.is_graph_output() and len(list(value.uses())) == 1


def numbers(value: ir.Value | None) -> list[float] | None:
    """The elements of a small constant."""
    tensor = None if value is None else value.const_value
    if not isinstance(tensor, ir.Tensor) or tensor.size > 16:
        return None
    found: list[float] = tensor.numpy().reshape(-1).tolist()
    return found


def rank(value: ir.Value | None) -> int | None:
    return None if value is None or value.shape is None else len(value.shape)


def reads(node: ir.Node, value: ir.Value | None) -> bool:
    return any(given is value for given in node.inputs)


def other_input(node: ir.Node, value: ir.Value | None) -> ir.Value | None:
    """The input of a node with two that is not ``value``."""
    first, second = node.inputs
    return second if first is value else first


def replace(
    graph: ir.Graph,
    old: ir.Node,
    operator: str,
    inputs: Sequence[ir.Value | None],
    **attributes: int | float,
) -> ir.Node:
    """Put a new node in the place of ``old``, under its name and for its result."""
    result = old.outputs[0]
    made = ir.Value(name=result.name, shape=result.shape, type=result.type)
    new = ir.Node(
        "",
        operator,
        list(inputs),
        ir.convenience.convert_attributes(attributes),
        outputs=[made],
        name=old.name,
        metadata_props=dict(old.metadata_props),
    )
    graph.insert_before(old, new)
    result.replace_all_uses_with(made, replace_graph_outputs=True)
    graph.remove(old, safe=True)
    return new

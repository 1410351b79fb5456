"""Sub-graphs: the inputs and outputs of bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import onnx_ir as ir
import torch

from torch_onnx.builder.dtypes import TO_ONNX, real_of
from torch_onnx.builder.values import OnnxValue

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder


def subgraph(g: Builder, body: Callable[..., Any], inputs_like: Sequence[OnnxValue]) -> ir.Graph:
    """The nodes that ``body(*inputs)`` makes; it gives a value or a sequence of them."""
    with g.scope() as scope:
        inputs = [body_input(g, like.dtype, like.shape) for like in inputs_like]
        for value in inputs:
            g.know_dims(value)
        results = body(*inputs)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        outputs = body_outputs(g, results, results)
    values = [value.value for value in inputs if value.value is not None]
    return ir.Graph(values, outputs, nodes=scope.nodes, name=g.unique_name("body"))


def as_tensor(g: Builder, value: Any, dtype: torch.dtype) -> OnnxValue:
    """A value of the program, a Python number too, as a tensor of a dtype."""
    if not isinstance(value, OnnxValue):
        return g.constant(value, dtype)
    if value.is_sequence:
        return value
    return g.scalar(value, dtype) if value.is_number else g.cast(value, dtype)


def body_input(g: Builder, dtype: torch.dtype, shape: Any, is_sequence: bool = False) -> OnnxValue:
    """An input of a body."""
    element = ir.TensorType(TO_ONNX[real_of(dtype)])
    value = ir.Value(
        name=g.unique_name("carried"), type=ir.SequenceType(element) if is_sequence else element
    )
    made = OnnxValue(dtype, shape, value=value, is_sequence=is_sequence)
    g.results.append(made)
    return made


def body_outputs(
    g: Builder, results: Sequence[OnnxValue], declared: Sequence[OnnxValue]
) -> list[ir.Value]:
    """A body's outputs: each is made within it, and none is given twice."""
    outputs: list[ir.Value] = []
    inner = {id(output) for node in g.nodes for output in node.outputs}
    for result, like in zip(results, declared, strict=True):
        value = as_tensor(g, result, like.dtype)
        made = g.materialize(value)
        inner |= {id(output) for output in g.nodes[-1].outputs} if g.nodes else set()
        if id(made) not in inner or any(made is output for output in outputs):
            made = g.materialize(_copied(g, value))
        if value.is_sequence:
            made.type = ir.SequenceType(ir.TensorType(TO_ONNX[real_of(value.dtype)]))
        outputs.append(made)
    return outputs


def _copied(g: Builder, value: OnnxValue) -> OnnxValue:
    if not value.is_sequence:
        return g.raw_node("", "Identity", [value], {}, [(value.dtype, value.shape)])[0]
    if g.opset >= 14:
        return g.sequence("Identity", [value], value)
    # Identity takes no sequence yet: an element comes and goes.
    longer = g.sequence("SequenceInsert", [value, g.constant(0, real_of(value.dtype))], value)
    return g.sequence("SequenceErase", [longer, g.constant(-1)], value)

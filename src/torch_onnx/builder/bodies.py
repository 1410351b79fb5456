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
    """A number, known or not, or a tensor, as a tensor of this dtype."""
    if not isinstance(value, OnnxValue):
        return g.constant(value, dtype)
    return g.scalar(value, dtype) if value.is_number else g.cast(value, dtype)


def body_input(g: Builder, dtype: torch.dtype, shape: Any) -> OnnxValue:
    """An input of a body."""
    value = ir.Value(name=g.unique_name("carried"), type=ir.TensorType(TO_ONNX[real_of(dtype)]))
    made = OnnxValue(dtype, shape, value=value)
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
            (copy,) = g.raw_node("", "Identity", [value], {}, [(value.dtype, value.shape)])
            made = g.materialize(copy)
        outputs.append(made)
    return outputs

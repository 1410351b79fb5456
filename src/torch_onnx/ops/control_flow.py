"""Branches and loops, whose bodies are sub-graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import onnx_ir as ir
import torch

from torch_onnx.builder.dtypes import TO_ONNX, real_of
from torch_onnx.builder.values import Number, OnnxValue
from torch_onnx.graph import Block
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

python = OpTable("control_flow")


@python("python::if")
def if_(g: Builder, condition: OnnxValue, blocks: Sequence[Block], result: Any) -> Any:
    declared = result if isinstance(result, list) else [result]
    graphs = []
    for block in blocks:
        with g.scope() as scope:
            results = g.translate_body(block, [])
            outputs = _outputs(g, results, declared)
        graphs.append(ir.Graph([], outputs, nodes=scope.nodes, name=g.unique_name("branch")))
    bodies = dict(zip(("then_branch", "else_branch"), graphs, strict=True))
    made = g.raw_node("", "If", [condition], bodies, [(d.dtype, d.shape) for d in declared])
    return list(made) if isinstance(result, list) else made[0]


@python("python::loop")
def loop(
    g: Builder,
    trips: Number | None,
    condition: Number,
    carried: Sequence[Any],
    blocks: Sequence[Block],
    result: Any,
) -> Any:
    declared = result if isinstance(result, list) else [result]
    (block,) = blocks
    start = [
        _as_tensor(g, value, like.dtype) for value, like in zip(carried, declared, strict=True)
    ]
    with g.scope() as scope:
        index = _input(g, torch.int64, ())
        again = _input(g, torch.bool, ())
        inside = [_input(g, like.dtype, like.shape) for like in declared]
        given = []
        for formal, value in zip(block.inputs, [index, *inside], strict=True):
            g.know_dims(value)
            if formal.kind != "tensor":
                value = g.Unsqueeze(value, axes=[0])
                value.is_number = True
            given.append(value)
        goes_on, *results = g.translate_body(block, given)
        flag = OnnxValue(torch.bool, ())
        outputs = _outputs(g, [goes_on, *results], [flag, *declared])
    inputs = [index, again, *inside]
    body = ir.Graph(
        [value.value for value in inputs if value.value is not None],
        outputs,
        nodes=scope.nodes,
        name=g.unique_name("body"),
    )
    made = g.raw_node(
        "",
        "Loop",
        [
            None if trips is None else g.scalar(trips),
            None if condition is True else _as_tensor(g, condition, torch.bool),
            *start,
        ],
        {"body": body},
        [(d.dtype, d.shape) for d in declared],
    )
    return list(made) if isinstance(result, list) else made[0]


def _as_tensor(g: Builder, value: Any, dtype: torch.dtype) -> OnnxValue:
    if not isinstance(value, OnnxValue):
        return g.constant(value, dtype)
    return g.scalar(value, dtype) if value.is_number else g.cast(value, dtype)


def _input(g: Builder, dtype: torch.dtype, shape: Any) -> OnnxValue:
    value = ir.Value(name=g.unique_name("carried"), type=ir.TensorType(TO_ONNX[real_of(dtype)]))
    made = OnnxValue(dtype, shape, value=value)
    g.results.append(made)
    return made


def _outputs(
    g: Builder, results: Sequence[OnnxValue], declared: Sequence[OnnxValue]
) -> list[ir.Value]:
    """A body's outputs: each is made within it, and none is given twice."""
    outputs: list[ir.Value] = []
    inner = {id(output) for node in g.nodes for output in node.outputs}
    for result, like in zip(results, declared, strict=True):
        value = _as_tensor(g, result, like.dtype)
        made = g.materialize(value)
        inner |= {id(output) for output in g.nodes[-1].outputs} if g.nodes else set()
        if id(made) not in inner or any(made is output for output in outputs):
            (copy,) = g.raw_node("", "Identity", [value], {}, [(value.dtype, value.shape)])
            made = g.materialize(copy)
        outputs.append(made)
    return outputs

"""The program's branches and loops, whose bodies are sub-graphs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.bodies import as_tensor, body_input, body_outputs
from torch_onnx.builder.values import Number, OnnxValue
from torch_onnx.graph import Block
from torch_onnx.ops.loops import as_tensor, either
from torch_onnx.ops.loops import loop as make_loop
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
            outputs = body_outputs(g, results, declared)
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
    start = [as_tensor(g, value, like.dtype) for value, like in zip(carried, declared, strict=True)]
    with g.scope() as scope:
        index = body_input(g, torch.int64, ())
        again = body_input(g, torch.bool, ())
        inside = [body_input(g, like.dtype, like.shape) for like in declared]
        given = []
        for formal, value in zip(block.inputs, [index, *inside], strict=True):
            if formal.kind != "list":
                g.know_dims(value)
            if formal.kind not in ("tensor", "list"):
                value = g.Unsqueeze(value, axes=[0])
                value.is_number = True
            given.append(value)
        goes_on, *results = g.translate_body(block, given)
        flag = OnnxValue(torch.bool, ())
        outputs = body_outputs(g, [goes_on, *results], [flag, *declared])
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
            None if condition is True else as_tensor(g, condition, torch.bool),
            *start,
        ],
        {"body": body},
        [(d.dtype, d.shape) for d in declared],
    )
    return list(made) if isinstance(result, list) else made[0]


@python("python::scan")
def scan(
    g: Builder, carried: Sequence[Any], sliced: Sequence[Any], blocks: Sequence[Block], result: Any
) -> Any:
    """Carried values go from turn to turn, slices of ``sliced`` along the first axis go in; results
    are the last carried values, then what each turn gave, stacked.
    """
    declared = result if isinstance(result, list) else [result]
    (block,) = blocks
    with g.scope() as scope:
        inside = [
            body_input(g, formal.dtype or torch.float32, formal.shape) for formal in block.inputs
        ]
        for value in inside:
            g.know_dims(value)
        results = g.translate_body(block, inside)
        outputs = body_outputs(g, results, declared)
    body = ir.Graph(
        [value.value for value in inside if value.value is not None],
        outputs,
        nodes=scope.nodes,
        name=g.unique_name("body"),
    )
    made = g.raw_node(
        "",
        "Scan",
        [*carried, *sliced],
        {"body": body, "num_scan_inputs": len(sliced)},
        [(d.dtype, d.shape) for d in declared],
    )
    return list(made) if isinstance(result, list) else made[0]

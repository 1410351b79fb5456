"""The program's branches and loops, whose bodies are sub-graphs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import onnx_ir as ir
import torch

from torch_onnx.builder.bodies import as_tensor, body_input, body_outputs
from torch_onnx.builder.dtypes import TO_ONNX, real_of
from torch_onnx.builder.values import Number, OnnxValue, stored_shape
from torch_onnx.errors import NotExpressible
from torch_onnx.graph import Block
from torch_onnx.ops.loops import either
from torch_onnx.ops.loops import loop as make_loop
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

python = OpTable("control_flow")


@python("python::if")
def if_(g: Builder, condition: OnnxValue, blocks: Sequence[Block], result: Any) -> Any:
    declared = result if isinstance(result, list) else [result]
    then, otherwise = (partial(g.translate_body, block, []) for block in blocks)
    known = g.known(condition)
    if isinstance(known, OnnxValue):
        made = either(g, known, then, otherwise, declared)
    else:
        # The data that decides turned out to be constant.
        taken = then() if known else otherwise()
        made = [as_tensor(g, x, like.dtype) for x, like in zip(taken, declared, strict=True)]
    return made if isinstance(result, list) else made[0]


@python("python::optional")
def optional(g: Builder, present: Number, tensor: OnnxValue, result: OnnxValue) -> OnnxValue:
    """The tensor if it is present, else nothing."""
    if g.opset < 16:
        raise NotExpressible("a result that is None in some runs is returned", since=16)
    dtype, shape = result.dtype, result.shape
    element = ir.TensorType(TO_ONNX[real_of(dtype)])
    physical = None if shape is None else stored_shape(dtype, shape)

    def typed(made: OnnxValue) -> ir.Value:
        made.is_optional = True
        value = g.materialize(made)
        value.type, value.shape = ir.OptionalType(element), physical
        return value

    branches = []
    nothing = {"type": ir.AttrTypeProto("type", ir.TypeAndShape(element, physical))}
    for inputs, attributes in (([tensor], {}), ([], nothing)):
        with g.scope() as scope:
            (made,) = g.raw_node("", "Optional", inputs, attributes, [(dtype, shape)])
            output = typed(made)
        name = g.unique_name("branch")
        branches.append(ir.Graph([], [output], nodes=scope.nodes, name=name))
    bodies = dict(zip(("then_branch", "else_branch"), branches, strict=True))
    condition = g.scalar(present, torch.bool)
    (made,) = g.raw_node("", "If", [condition], bodies, [(dtype, shape)])
    typed(made)
    return made


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

    def body(index: OnnxValue, inside: list[OnnxValue]) -> Sequence[OnnxValue]:
        given = []
        for formal, value in zip(block.inputs, [index, *inside], strict=True):
            if formal.kind != "list":
                g.know_dims(value)
            if formal.kind not in ("tensor", "list"):
                value = g.Unsqueeze(value, axes=[0])
                value.is_number = True
            given.append(value)
        return g.translate_body(block, given)

    made = make_loop(
        g,
        body,
        start,
        declared,
        None if trips is None else g.scalar(trips),
        None if condition is True else as_tensor(g, condition, torch.bool),
    )
    return made if isinstance(result, list) else made[0]


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


@python("python::function")
def function(
    g: Builder, name: str, inputs: Sequence[Any], key: str, blocks: Sequence[Block], result: Any
) -> Any:
    """A call of a function of the model, which is written at the first call of its ``key``."""
    declared = result if isinstance(result, list) else [result]
    (block,) = blocks
    made = g.functions_by_key.get(key)
    if made is None:
        made = g.functions_by_key[key] = _written(g, name, block, declared)
        g.functions[made.identifier()] = made
    g.use_domain(FUNCTIONS, 1)
    formals = block.inputs
    given = [_given(g, value, formal) for value, formal in zip(inputs, formals, strict=True)]
    types = [(d.dtype, d.shape) for d in declared]
    results = g.raw_node(made.domain, made.name, given, {}, types)
    return list(results) if isinstance(result, list) else results[0]


FUNCTIONS = "torch_onnx.modules"


def _given(g: Builder, value: Any, formal: Any) -> OnnxValue:
    dtype = formal.dtype or torch.float32
    if formal.kind == "tensor":
        return as_tensor(g, value, dtype)
    if isinstance(value, OnnxValue) and value.constant is None:
        return value
    known = g.known(value)
    return g.constant([known], dtype)


def _written(g: Builder, name: str, block: Block, declared: Sequence[OnnxValue]) -> ir.Function:
    with g.function_scope() as scope:
        inside = []
        for formal in block.inputs:
            is_number = formal.kind != "tensor"
            dtype = formal.dtype or torch.float32
            value = body_input(g, dtype, (1,) if is_number else formal.shape)
            value.is_number = is_number
            if value.value is not None:
                value.value.name = g.unique_name(formal.name)
            inside.append(value)
            g.know_dims(value)
        results = g.translate_body(block, inside)
        outputs = body_outputs(g, results, declared)
    graph = ir.Graph(
        [value.value for value in inside if value.value is not None],
        outputs,
        nodes=scope.nodes,
        name=name,
    )
    used = {node.domain for node in graph.all_nodes()} | {""}
    graph.opset_imports.update({domain: g.opset_imports[domain] for domain in sorted(used)})
    return ir.Function(FUNCTIONS, g.unique_name(name), graph=graph, attributes=[])

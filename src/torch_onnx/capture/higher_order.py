"""torch.export's control flow (cond, while_loop, scan, map, regions) as calls with bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from torch_onnx.capture.binding import number_operator
from torch_onnx.errors import CaptureError
from torch_onnx.graph import Argument, Block, Call, Operator, Value

if TYPE_CHECKING:
    from torch_onnx.capture.fx import FxReader

Handler = Callable[["FxReader", fx.Node, list[Argument]], Argument]


def cond(run: FxReader, node: fx.Node, args: list[Argument]) -> Argument:
    """``cond(condition, true_graph, false_graph, operands)``; bodies read the operands directly."""
    condition, true_graph, false_graph, operands = args
    if not isinstance(condition, Value):
        outputs = _read(run, true_graph if condition else false_graph, operands)
        return outputs
    blocks = [_block(run, graph, operands, []) for graph in (true_graph, false_graph)]
    return _call(run, node, "python::if", {"condition": condition}, blocks)


def while_loop(run: FxReader, node: fx.Node, args: list[Argument]) -> Argument:
    """``while_loop(cond_graph, body_graph, carried, additional)``: the condition is read before the
    loop, and after the body for the next turn.
    """
    cond_graph, body_graph, carried, additional = args
    before = len(run.calls)
    (condition,) = _read(run, cond_graph, [*carried, *additional])
    _forget(run.calls[before:])
    inside = _formals(run, body_graph)[: len(carried)]
    index = Value("turn", torch.int64, (), "int")
    block = _block(run, body_graph, [*inside, *additional], [index, *inside])
    outside, run.calls = run.calls, block.calls
    count = len(run.calls)
    (again,) = _read(run, cond_graph, [*block.outputs, *additional])
    _forget(run.calls[count:])
    run.calls = outside
    block.outputs = [again, *block.outputs]
    return _call(
        run,
        node,
        "python::loop",
        {"trips": None, "condition": condition, "carried": list(carried)},
        [block],
    )


def scan(run: FxReader, node: fx.Node, args: list[Argument]) -> Argument:
    """``scan(graph, init, xs, additional)``: carried values, and slices along the first axis."""
    graph, init, xs, additional = args
    inside = _formals(run, graph)[: len(init) + len(xs)]
    block = _block(run, graph, [*inside, *additional], inside)
    return _call(run, node, "python::scan", {"carried": list(init), "sliced": list(xs)}, [block])


def map_(run: FxReader, node: fx.Node, args: list[Argument]) -> Argument:
    """``map_impl(graph, xs, additional)``: a scan that carries nothing."""
    graph, xs, additional = args
    return scan(run, node, [graph, [], xs, additional])


def invoke_subgraph(run: FxReader, node: fx.Node, args: list[Argument]) -> Argument:
    """``invoke_subgraph(graph, identifier, *operands)``: a function of the model."""
    graph, identifier, *operands = args
    inside = _formals(run, graph)
    block = _block(run, graph, inside, inside)
    given = {"name": str(identifier), "inputs": list(operands)}
    return _call(run, node, "python::function", given, [block])


HANDLERS: dict[str, Handler] = {
    "cond": cond,
    "while_loop": while_loop,
    "scan": scan,
    "map_impl": map_,
    "invoke_subgraph": invoke_subgraph,
}


def _formals(run: FxReader, graph: Any) -> list[Value]:
    """Values for a body's inputs, typed as PyTorch has them."""
    placeholders = [node for node in graph.graph.nodes if node.op == "placeholder"]
    return [run.typed(node.name, node.meta["val"]) for node in placeholders]


def _read(run: FxReader, graph: Any, inputs: Sequence[Argument]) -> list[Argument]:
    """A body's results, its calls going where the reader puts calls now."""
    placeholders = [node for node in graph.graph.nodes if node.op == "placeholder"]
    run.env.update(zip(placeholders, inputs, strict=True))
    return run.read(graph.graph)


def _block(
    run: FxReader, graph: Any, inputs: Sequence[Argument], formals: Sequence[Value]
) -> Block:
    outside, run.calls = run.calls, []
    try:
        outputs = _read(run, graph, inputs)
        if any(output is None for output in outputs):
            raise CaptureError("A branch or loop gives None.")
        return Block(list(formals), run.calls, outputs)
    finally:
        run.calls = outside


def _call(
    run: FxReader, node: fx.Node, name: str, args: dict[str, Any], blocks: list[Block]
) -> Argument:
    results = node.meta["val"]
    many = list(results) if isinstance(results, (list, tuple)) else [results]
    made = [run.typed(f"{node.name}.{i}", result) for i, result in enumerate(many)]
    formal = number_operator(name, tuple(args)).arguments
    returns = tuple(number_operator(name, ()).returns * len(made))
    op = Operator(name, formal, returns)
    run.calls.append(Call(op, args, list(made), run.source(node), blocks))
    return list(made) if isinstance(results, (list, tuple)) else made[0]


def _forget(calls: Sequence[Call]) -> None:
    """A condition is computed for each turn: the names of its numbers say nothing elsewhere."""
    for call in calls:
        for value in call.values_out():
            value.expression = None
        for block in call.blocks:
            _forget(block.calls)

"""Loops and branches whose bodies are Python functions of the builder's values.

``repeat(g, n, [x], lambda i, x: [g.Mul(x, x)])`` squares x n times. Bodies see the values around
them; what does not change from round to round is best made before the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import onnx_ir as ir
import torch

from torch_onnx.builder.dtypes import TO_ONNX, real_of
from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.errors import NotExpressible

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder


def repeat(
    g: Builder,
    trips: Integer,
    start: Sequence[OnnxValue],
    step: Callable[..., Sequence[OnnxValue]],
) -> list[OnnxValue]:
    """The carried values after ``trips`` rounds of ``step(index, *carried)``, in a Loop.

    The index is a zero-dimensional int64. Carried values keep the dtype and shape they start with.
    """
    if g.known(trips) == 0:
        return list(start)

    def body(index: OnnxValue, carried: list[OnnxValue]) -> Sequence[OnnxValue]:
        return [g.constant(True), *step(index, *carried)]

    return loop(g, body, start, start, g.scalar(trips), None)


def repeat_while(
    g: Builder,
    at_most: Integer,
    start: Sequence[OnnxValue],
    step: Callable[..., Sequence[OnnxValue]],
) -> list[OnnxValue]:
    """As ``repeat``; ``step`` gives whether another round is wanted, then what is carried."""
    if g.known(at_most) == 0:
        return list(start)

    def body(index: OnnxValue, carried: list[OnnxValue]) -> Sequence[OnnxValue]:
        return step(index, *carried)

    return loop(g, body, start, start, g.scalar(at_most), None)


def loop(
    g: Builder,
    body: Callable[[OnnxValue, list[OnnxValue]], Sequence[OnnxValue]],
    start: Sequence[OnnxValue],
    declared: Sequence[OnnxValue],
    trips: OnnxValue | None,
    condition: OnnxValue | None,
) -> list[OnnxValue]:
    """ONNX's Loop: ``body(index, carried)`` gives whether it goes on, and the new values.

    ``declared`` has the dtypes and shapes of the carried values, whatever the round.
    """
    with g.scope() as scope:
        index, again = _carried(g, torch.int64, ()), _carried(g, torch.bool, ())
        inside = [_carried(g, like.dtype, like.shape, like.is_sequence) for like in declared]
        results = body(index, inside)
        outputs = body_outputs(g, results, [OnnxValue(torch.bool, ()), *declared])
    graph = ir.Graph(
        [g.materialize(value) for value in (index, again, *inside)],
        outputs,
        nodes=scope.nodes,
        name=g.unique_name("body"),
    )
    types = [(like.dtype, like.shape) for like in declared]
    made = g.raw_node("", "Loop", [trips, condition, *start], {"body": graph}, types)
    return _results(g, made, declared)


def either(
    g: Builder,
    condition: OnnxValue,
    then: Callable[[], Sequence[OnnxValue]],
    otherwise: Callable[[], Sequence[OnnxValue]],
    declared: Sequence[OnnxValue],
) -> list[OnnxValue]:
    """ONNX's If: the one or the other, of the declared dtypes and shapes."""
    graphs = []
    for branch in (then, otherwise):
        with g.scope() as scope:
            outputs = body_outputs(g, branch(), declared)
        graphs.append(ir.Graph([], outputs, nodes=scope.nodes, name=g.unique_name("branch")))
    bodies = dict(zip(("then_branch", "else_branch"), graphs, strict=True))
    types = [(like.dtype, like.shape) for like in declared]
    return _results(g, g.raw_node("", "If", [condition], bodies, types), declared)


def _results(
    g: Builder, made: Sequence[OnnxValue], declared: Sequence[OnnxValue]
) -> list[OnnxValue]:
    for value, like in zip(made, declared, strict=True):
        value.is_sequence = like.is_sequence
    if g.opset < 13 and any(like.is_sequence for like in declared):
        raise NotExpressible("a list grows in a branch or loop decided at run time", since=13)
    return list(made)


def as_tensor(g: Builder, value: Any, dtype: torch.dtype) -> OnnxValue:
    """A value of the program, a Python number too, as a tensor of a dtype."""
    if not isinstance(value, OnnxValue):
        return g.constant(value, dtype)
    if value.is_sequence:
        return value
    return g.scalar(value, dtype) if value.is_number else g.cast(value, dtype)


def _carried(g: Builder, dtype: torch.dtype, shape: Any, is_sequence: bool = False) -> OnnxValue:
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

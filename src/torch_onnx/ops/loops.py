"""Loops and branches whose bodies are Python functions of the builder's values.

``repeat(g, n, [x], lambda i, x: [g.Mul(x, x)])`` squares x n times. Bodies see the values around
them; what does not change from round to round is best made before the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import onnx_ir as ir
import torch

from torch_onnx.builder.bodies import body_input, body_outputs
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
        index, again = body_input(g, torch.int64, ()), body_input(g, torch.bool, ())
        inside = [body_input(g, like.dtype, like.shape, like.is_sequence) for like in declared]
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
            given = [
                _of_hidden_rank(g, x) if like.shape is None and not like.is_sequence else x
                for x, like in zip(branch(), declared, strict=True)
            ]
            outputs = body_outputs(g, given, declared)
        graphs.append(ir.Graph([], outputs, nodes=scope.nodes, name=g.unique_name("branch")))
    bodies = dict(zip(("then_branch", "else_branch"), graphs, strict=True))
    types = [(like.dtype, like.shape) for like in declared]
    return _results(g, g.raw_node("", "If", [condition], bodies, types), declared)


def _of_hidden_rank(g: Builder, x: OnnxValue) -> OnnxValue:
    """One of two ranks. Below opset 13 ONNX takes that of one branch for that of an If, where it
    does not know the other's: here it can't tell either.
    """
    if g.opset >= 13 or x.shape is None:
        return x
    vector = (torch.int64, None)
    (sizes,) = g.raw_node("", "Shape", [x], {}, [vector])
    (every,) = g.raw_node("", "Greater", [sizes, g.constant(-1)], {}, [(torch.bool, None)])
    (kept,) = g.raw_node("", "Compress", [sizes, every], {}, [vector])
    (same,) = g.raw_node("", "Reshape", [x, kept], {}, [(x.dtype, None)])
    return same


def _results(
    g: Builder, made: Sequence[OnnxValue], declared: Sequence[OnnxValue]
) -> list[OnnxValue]:
    for value, like in zip(made, declared, strict=True):
        value.is_sequence = like.is_sequence
    if g.opset < 13 and any(like.is_sequence for like in declared):
        raise NotExpressible("a list grows in a branch or loop decided at run time", since=13)
    return list(made)

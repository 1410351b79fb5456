"""Branches: a settled one is followed, another becomes an If."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch_onnx.capture.torchscript import cutting, squeezing
from torch_onnx.capture.torchscript.interpreter import Interpreter, Then, put
from torch_onnx.capture.torchscript.merging import Merge
from torch_onnx.capture.torchscript.values import Diverges, Handlers, Raised
from torch_onnx.graph import Block, Call, Value

handles = Handlers()

# What an operator has to know before its results have one type.
UNDECIDED: dict[str, Callable[..., Value | None]] = {
    "aten::slice": cutting.undecided,
    "aten::squeeze": squeezing.undecided,
}

Taken = tuple[list[Call], list[Any], list[tuple[Any, Any]]]


@handles("prim::If")
def branch(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """``prim::If``: condition; then and else blocks without inputs."""
    results = _run(run, inputs[0], list(node.blocks()), None)
    return results if len(list(node.outputs())) != 1 else results[0]


def split(run: Interpreter, node: Any, following: Callable[[], list[Any]]) -> list[Any]:
    """An If with what follows it in each of its branches; what that gives."""
    run.source = run.sources.source(node)
    outputs = [output.debugName() for output in node.outputs()]

    def then(results: list[Any]) -> list[Any]:
        run.env.update(zip(outputs, results, strict=True))
        return following()

    inputs = [run.env[value.debugName()] for value in node.inputs()]
    if node.kind() == "prim::If":
        return _run(run, inputs[0], list(node.blocks()), then)
    condition = UNDECIDED[node.kind()](run, inputs[0], inputs[1:])
    return _run(run, condition, [Again(node), Again(node)], then)


@dataclass(frozen=True, slots=True)
class Again:
    """A block of a node that is run anew where more is known."""

    node: Any

    def inputs(self) -> list[Any]:
        return []

    def nodes(self) -> list[Any]:
        return [self.node]

    def outputs(self) -> list[Any]:
        return list(self.node.outputs())


def _run(run: Interpreter, condition: Any, blocks: list[Any], then: Then | None) -> list[Any]:
    condition = run.item(condition)
    first, second = blocks
    if not isinstance(condition, Value):
        return run.block(first if condition else second, [], then)
    source = run.source
    taken = []
    for block, truth in ((first, True), (second, False)):
        with run.knowing(condition, truth):
            taken.append(_attempt(run, block, then))
    raised = [result for result in taken if isinstance(result, Raised)]
    if len(raised) == 2:
        raise raised[0]
    if raised:
        run.notes.append(f"lacks an assertion ({raised[0].source.frame}): {raised[0]}")
        return run.block(second if taken[0] is raised[0] else first, [], then)
    run.source = source
    return _merged(run, condition, taken, to_the_end=then is not None and not run.loops)  # type: ignore[arg-type]


def _attempt(run: Interpreter, block: Any, then: Then | None) -> Taken | Raised:
    """A branch as a body of its own, or that it raises."""
    run.branches += 1
    try:
        return run.in_branch(block, list, then)
    except Raised as raised:
        return raised
    finally:
        run.branches -= 1


def _merged(
    run: Interpreter, condition: Value, taken: list[Taken], *, to_the_end: bool
) -> list[Any]:
    (calls_a, results_a, changed_a), (calls_b, results_b, changed_b) = taken
    merge = Merge(run, condition, calls_a, calls_b, loose=to_the_end)
    merged = [merge.pair(a, b) for a, b in zip(results_a, results_b, strict=True)]
    contents = []
    for container, a, b in _changes(run, changed_a, changed_b):
        try:
            contents.append((container, merge.pair(a, b)))
        except Diverges:
            if not to_the_end:  # nobody looks at it any more
                raise
    if merge.made or calls_a or calls_b:
        blocks = [Block([], calls_a, merge.left), Block([], calls_b, merge.right)]
        run.control("python::if", {"condition": condition}, blocks, merge.made)
    for container, content in contents:
        run.changes(container)
        put(container, content)
    return merged


def _changes(
    run: Interpreter, first: list[tuple[Any, Any]], second: list[tuple[Any, Any]]
) -> list[tuple[Any, Any, Any]]:
    """Each container that a branch changed, and what it holds after the one and the other."""
    containers = {id(container): container for container, _ in [*first, *second]}
    after_a = {id(container): content for container, content in first}
    after_b = {id(container): content for container, content in second}
    found = []
    for key, container in containers.items():
        a, b = after_a.get(key, container.copy()), after_b.get(key, container.copy())
        if container is run.attributes:
            # An attribute that one branch sets is as it was in the other.
            names = dict.fromkeys([*a, *b])
            a, b = ({n: c.get(n, run.original.get(n)) for n in names} for c in (a, b))
        found.append((container, a, b))
    return found


# What the model's forward says about its export.


@handles("torch_onnx::begin_annotation")
def begin_annotation(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """From here on nodes have these properties (``torch_onnx.annotate``)."""
    run.annotations.append(json.loads(inputs[0]))


@handles("torch_onnx::end_annotation")
def end_annotation(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """The end of the innermost block of properties."""
    run.annotations.pop()

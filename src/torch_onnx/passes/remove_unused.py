"""Remove what nothing uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import onnx_ir as ir


@dataclass(frozen=True)
class RemoveUnused:
    """Remove unused nodes and initializers.

    1. A node goes when none of its outputs is used by a kept node or is a graph output.
    2. Nodes are visited last first, so whole chains go at once; bodies of kept nodes too.
    3. An initializer goes when nothing uses it. Graph inputs always stay.
    4. A function goes when no kept node calls it.
    """

    name: ClassVar[str] = "remove-unused"

    def __call__(self, model: ir.Model) -> ir.Model:
        self._graph(model.graph)
        for function in model.functions.values():
            self._graph(function.graph)
        called = _called_from(model.graph, model)
        for identifier in [name for name in model.functions if name not in called]:
            del model.functions[identifier]
        return model

    def _graph(self, graph: ir.Graph) -> None:
        outputs = set(graph.outputs)
        for node in reversed(graph):
            if any(value in outputs or value.uses() for value in node.outputs):
                for attribute in node.attributes.values():
                    if attribute.type == ir.AttributeType.GRAPH:
                        self._graph(attribute.as_graph())
                continue
            graph.remove(node, safe=True)
        for name, value in list(graph.initializers.items()):
            if not value.uses() and value not in outputs:
                del graph.initializers[name]


def _called_from(graph: ir.Graph, model: ir.Model) -> set[ir.OperatorIdentifier]:
    """The functions that a graph calls, and those that these call."""
    called: set[ir.OperatorIdentifier] = set()
    graphs: list[ir.Graph] = [graph]
    while graphs:
        for node in graphs.pop().all_nodes():
            identifier = node.op_identifier()
            if identifier in model.functions and identifier not in called:
                called.add(identifier)
                graphs.append(model.functions[identifier].graph)
    return called

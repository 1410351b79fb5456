"""Store weights the way their only reader wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import onnx_ir as ir

from torch_onnx.weights import Weight


@dataclass(frozen=True)
class TransposedWeights:
    """Replace ``Transpose(weight)`` by the weight stored transposed.

    1. The weight is a matrix and is read by Transpose nodes alone: a weight tied to another use
       (an embedding) stays as it is, stored once.
    2. The initializer keeps its name; its bytes are transposed while the file is written.
    """

    name: ClassVar[str] = "transposed-weights"

    def __call__(self, model: ir.Model) -> ir.Model:
        graph = model.graph
        for value in list(graph.initializers.values()):
            weight = value.const_value
            if not isinstance(weight, Weight) or weight.transpose or len(weight.shape) != 2:
                continue
            users = [usage.node for usage in value.uses()]
            if not users or not all(_transposes(node) for node in users):
                continue
            if value.is_graph_output():
                continue
            stored = Weight(weight.key, weight.tensor, transpose=True)
            for node in users:
                node.outputs[0].replace_all_uses_with(value)
                assert node.graph is not None
                node.graph.remove(node, safe=True)
            value.const_value = stored
            value.shape = ir.Shape(stored.shape.numpy())
        return model


def _transposes(node: ir.Node) -> bool:
    if node.op_type != "Transpose" or node.domain or node.outputs[0].is_graph_output():
        return False
    perm = node.attributes.get("perm")
    return perm is None or list(perm.as_ints()) == [1, 0]

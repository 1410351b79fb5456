"""Say a root-mean-square normalisation, which models write out, in one node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import onnx_ir as ir

from torch_onnx.passes.match import made_by, numbers, other_input, rank, replace

SINCE = 23


@dataclass(frozen=True)
class FuseRMSNorm:
    """``weight · (x / √(mean(x²) + ε))`` becomes RMSNormalization, from opset 23 on.

    1. The mean runs over the last axis, and the weight is a vector along it.
    2. ``x / √…`` may be a product with the reciprocal, and ``x²`` a product or a power.
    3. Half precision that is normalised in float32 and cast back is what the operator does itself.
    4. Nothing else reads what lies in between.
    """

    name: ClassVar[str] = "fuse-rms-norm"

    def __call__(self, model: ir.Model) -> ir.Model:
        if model.graph.opset_imports[""] >= SINCE:
            for node in list(model.graph):
                if node.op_type == "Mul" and not node.domain:
                    _fuse(model.graph, node)
        return model


def _fuse(graph: ir.Graph, product: ir.Node) -> None:
    for normal in product.inputs:
        weight = other_input(product, normal)
        found = _normalized(normal)
        if found is None or weight is None or rank(weight) != 1:
            continue
        x, epsilon = found
        if x.shape is None or weight.shape is None or weight.shape[0] != x.shape[-1]:
            continue
        if weight.dtype == x.dtype == product.outputs[0].dtype:
            replace(graph, product, "RMSNormalization", [x, weight], axis=-1, epsilon=epsilon)
            return


def _normalized(value: ir.Value | None) -> tuple[ir.Value, float] | None:
    """x and ε where the value is ``x / √(mean(x²) + ε)``."""
    back = made_by(value, "Cast")
    last = made_by(value if back is None else back.inputs[0], "Mul", "Div")
    if last is None:
        return None
    for x in last.inputs:
        root = other_input(last, x)
        if last.op_type == "Mul":
            reciprocal = made_by(root, "Reciprocal")
            root = None if reciprocal is None else reciprocal.inputs[0]
        elif x is not last.inputs[0]:
            continue
        epsilon = _epsilon(root, x)
        if epsilon is None or x is None:
            continue
        if back is None:
            return x, epsilon
        widened = made_by(x, "Cast", alone=False)
        before = None if widened is None else widened.inputs[0]
        if before is not None and before.dtype == back.outputs[0].dtype:
            return before, epsilon
    return None


def _epsilon(root: ir.Value | None, x: ir.Value | None) -> float | None:
    """ε where root is ``√(mean(x²) + ε)`` over the last axis."""
    sqrt = made_by(root, "Sqrt")
    total = None if sqrt is None else made_by(sqrt.inputs[0], "Add")
    if total is None:
        return None
    for mean in total.inputs:
        epsilon = numbers(other_input(total, mean))
        reduced = made_by(mean, "ReduceMean")
        if reduced is None or epsilon is None or len(epsilon) != 1:
            continue
        axes = numbers(reduced.inputs[1]) if len(reduced.inputs) > 1 else None
        size = rank(x)
        if size is None or axes not in ([size - 1], [-1]):
            continue
        square = made_by(reduced.inputs[0], "Mul", "Pow")
        if square is None or square.inputs[0] is not x:
            continue
        is_power = square.op_type == "Pow" and numbers(square.inputs[1]) == [2]
        if is_power or (square.op_type == "Mul" and square.inputs[1] is x):
            return epsilon[0]
    return None

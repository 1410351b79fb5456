"""Say a rotary position embedding, which models write out, in one node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import onnx_ir as ir

from torch_onnx.passes.match import made_by, numbers, other_input, rank, replace

SINCE = 23

# What may lie between an angle and its factor: the same for both of its equal halves.
BETWEEN = ("Mul", "Cast", "Cos", "Sin")


@dataclass(frozen=True)
class FuseRotary:
    """``x·cos + rotated(x)·sin`` becomes RotaryEmbedding, from opset 23 on.

    1. ``rotated(x)`` is ``concat(−x[…, d/2:], x[…, :d/2])``, x having the axes batch, heads,
       sequence and width d.
    2. cos and sin come from angles that are concatenated with themselves along the last axis,
       so that half of them says all, and have an axis of 1 for the heads.
    3. ONNX wants a row for each sample: factors that all samples share are expanded once.
    """

    name: ClassVar[str] = "fuse-rotary"

    def __call__(self, model: ir.Model) -> ir.Model:
        if model.graph.opset_imports[""] >= SINCE:
            halves = _Halves(model.graph)
            for node in list(model.graph):
                if node.op_type == "Add" and not node.domain:
                    _fuse(model.graph, node, halves)
        return model


def _fuse(graph: ir.Graph, total: ir.Node, halves: _Halves) -> None:
    for value in total.inputs:
        straight = made_by(value, "Mul")
        turned = made_by(other_input(total, value), "Mul")
        if straight is None or turned is None:
            continue
        for rotated in turned.inputs:
            x = _rotated_from(rotated)
            if x is None or all(given is not x for given in straight.inputs) or rank(x) != 4:
                continue
            cos = halves.of(other_input(straight, x), x)
            sin = halves.of(other_input(turned, rotated), x)
            if cos is not None and sin is not None:
                replace(graph, total, "RotaryEmbedding", [x, cos, sin])
                return


def _rotated_from(value: ir.Value | None) -> ir.Value | None:
    """x where the value is ``concat(−x[…, d/2:], x[…, :d/2])``."""
    joined = made_by(value, "Concat")
    if (
        joined is None
        or len(joined.inputs) != 2
        or joined.attributes["axis"].as_int() not in (3, -1)
    ):
        return None
    negated = made_by(joined.inputs[0], "Neg")
    upper = None if negated is None else made_by(negated.inputs[0], "Slice")
    lower = made_by(joined.inputs[1], "Slice")
    if upper is None or lower is None or upper.inputs[0] is not lower.inputs[0]:
        return None
    x = lower.inputs[0]
    width = None if x is None or x.shape is None else x.shape[-1]
    if not isinstance(width, int) or width % 2:
        return None
    for part, start, least in ((lower, 0, width // 2), (upper, width // 2, width)):
        bounds = [numbers(given) for given in part.inputs[1:]]
        if len(bounds) < 3 or bounds[0] != [start] or bounds[2] not in ([3], [-1]):
            return None
        if len(bounds) > 3 and bounds[3] != [1]:
            return None
        end = bounds[1][0] if bounds[1] else 0
        if end != least and not (part is upper and end > least):
            return None
    return x


@dataclass
class _Halves:
    """The halves of factors, made once each."""

    graph: ir.Graph
    made: dict[tuple[ir.Value, object], ir.Value | None] = field(default_factory=dict)

    def of(self, factor: ir.Value | None, x: ir.Value) -> ir.Value | None:
        """(batch, sequence, d/2) for a factor of (batch or 1, 1, sequence, d)."""
        unsqueezed = made_by(factor, "Unsqueeze", alone=False)
        if unsqueezed is None or numbers(unsqueezed.inputs[1]) != [1] or x.shape is None:
            return None
        whole = unsqueezed.inputs[0]
        if whole is None or rank(whole) != 3 or whole.shape is None:
            return None
        if whole.shape[1] != x.shape[2] or whole.shape[2] != x.shape[3]:
            return None
        batch = x.shape[0]
        if whole.shape[0] != batch and whole.shape[0] != 1:
            return None
        key = (whole, str(batch))
        if key not in self.made:
            half = self._half(whole)
            if half is not None and whole.shape[0] != batch:
                half = self._expanded(half, x)
            self.made[key] = half
        return self.made[key]

    def _half(self, value: ir.Value) -> ir.Value | None:
        """The first half along the last axis of what is made from ``concat(f, f)``."""
        node = value.producer()
        if node is None or node.domain:
            return None
        if node.op_type == "Concat":
            first, *others = node.inputs
            last = node.attributes["axis"].as_int() in (2, -1)
            return first if last and len(others) == 1 and others[0] is first else None
        if node.op_type not in BETWEEN:
            return None
        inputs = []
        for given in node.inputs:
            if given is not None and numbers(given) is not None and rank(given) == 0:
                inputs.append(given)
                continue
            half = None if given is None else self._half(given)
            if half is None:
                return None
            inputs.append(half)
        made = ir.Value(name=f"{value.name}_half", type=value.type)
        if value.shape is not None and isinstance(value.shape[-1], int):
            made.shape = ir.Shape([*value.shape[:-1], value.shape[-1] // 2])
        self._insert(node, node.op_type, inputs, made, list(node.attributes.values()))
        return made

    def _expanded(self, half: ir.Value, x: ir.Value) -> ir.Value | None:
        """One row for each sample of x."""
        after = half.producer()
        source = next((i for i in self.graph.inputs if _begins_with(i, x)), None)
        if after is None or source is None or half.shape is None or x.shape is None:
            return None
        ones = ir.Value(
            name=f"{half.name}_ones",
            shape=ir.Shape([2]),
            type=ir.TensorType(ir.DataType.INT64),
            const_value=ir.tensor([1, 1], dtype=ir.DataType.INT64, name=f"{half.name}_ones"),
        )
        self.graph.register_initializer(ones)
        size = ir.Value(name=f"{half.name}_batch", type=ir.TensorType(ir.DataType.INT64))
        sizes = ir.Value(name=f"{half.name}_sizes", type=ir.TensorType(ir.DataType.INT64))
        rows = ir.Value(name=f"{half.name}_rows", type=half.type)
        rows.shape = ir.Shape([x.shape[0], *half.shape[1:]])
        bounds = [ir.AttrInt64("start", 0), ir.AttrInt64("end", 1)]
        shape = self._insert(after, "Shape", [source], size, bounds)
        joined = self._insert(shape, "Concat", [size, ones], sizes, [ir.AttrInt64("axis", 0)])
        self._insert(joined, "Expand", [half, sizes], rows, [])
        return rows

    def _insert(
        self,
        after: ir.Node,
        operator: str,
        inputs: list[ir.Value],
        output: ir.Value,
        attributes: list[ir.Attr],
    ) -> ir.Node:
        node = ir.Node(
            "",
            operator,
            inputs,
            attributes,
            outputs=[output],
            name=f"{after.name}_half_{operator}",
            metadata_props=dict(after.metadata_props),
        )
        self.graph.insert_after(after, node)
        return node


def _begins_with(value: ir.Value, x: ir.Value) -> bool:
    """Whether a graph input's first size is the batch of x."""
    assert x.shape is not None
    return bool(value.shape) and value.shape is not None and value.shape[0] == x.shape[0]

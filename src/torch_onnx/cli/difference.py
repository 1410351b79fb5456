"""Two ONNX models beside each other: inputs and outputs, nodes, initializers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from torch_onnx.errors import InputError
from torch_onnx.report.facts import type_of


@dataclass(slots=True)
class Difference:
    """What one model has and the other has not; each list is empty where they agree.

    ``operators`` counts nodes by operator: in a, in b.
    """

    header: list[tuple[str, str, str]] = field(default_factory=list)
    tensors: list[tuple[str, str, str]] = field(default_factory=list)
    operators: list[tuple[str, int, int]] = field(default_factory=list)
    nodes: list[tuple[str, str, str]] = field(default_factory=list)
    initializers: list[tuple[str, str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any((self.header, self.tensors, self.operators, self.nodes, self.initializers))

    def to_dict(self) -> dict[str, Any]:
        names = ("header", "tensors", "operators", "nodes", "initializers")
        return {"differ": bool(self)} | {name: getattr(self, name) for name in names}


def read(path: Path) -> ir.Model:
    """The model in a file.

    Raises:
        InputError: when there is none.
    """
    try:
        return ir.load(path)
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path} can't be read as an ONNX model: {lines[0]}") from error


def difference(a: ir.Model, b: ir.Model) -> Difference:
    """Compare two models. Nodes are matched by name, initializers by name and element."""
    found = Difference()
    found.header = _changes(_header(a), _header(b))
    found.tensors = _changes(_tensors(a), _tensors(b))
    counts = [Counter(f"{n.domain}::{n.op_type}" if n.domain else n.op_type for n in m.graph)
              for m in (a, b)]  # fmt: skip
    names = sorted(set(counts[0]) | set(counts[1]))
    found.operators = [
        (name, counts[0][name], counts[1][name])
        for name in names
        if counts[0][name] != counts[1][name]
    ]
    found.nodes = _changes(_nodes(a), _nodes(b))
    found.initializers = _weights(a, b)
    return found


def _changes(a: Mapping[str, str], b: Mapping[str, str]) -> list[tuple[str, str, str]]:
    names = list(dict.fromkeys([*a, *b]))
    rows = [(name, a.get(name, "-"), b.get(name, "-")) for name in names]
    return [row for row in rows if row[1] != row[2]]


def _header(model: ir.Model) -> dict[str, str]:
    found = {"ir version": str(model.ir_version)}
    opsets = model.graph.opset_imports.items()
    return found | {f"opset {domain or 'ai.onnx'}": str(version) for domain, version in opsets}


def _tensors(model: ir.Model) -> dict[str, str]:
    found = {f"input {value.name}": type_of(value) for value in model.graph.inputs}
    return found | {f"output {value.name}": type_of(value) for value in model.graph.outputs}


def _nodes(model: ir.Model) -> dict[str, str]:
    found = {}
    for index, node in enumerate(model.graph):
        inputs = ", ".join("" if v is None else str(v.name) for v in node.inputs)
        told = [f"{k}={a.value}" for k, a in node.attributes.items() if not _is_graph(a)]
        text = f"{node.op_type}({', '.join([inputs, *told])})"
        found[node.name or f"node {index}"] = text
    return found


def _is_graph(attribute: ir.Attr) -> bool:
    return attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)


def _weights(a: ir.Model, b: ir.Model) -> list[tuple[str, str, str]]:
    first, second = a.graph.initializers, b.graph.initializers
    rows = []
    for name in dict.fromkeys([*first, *second]):
        one, other = first.get(name), second.get(name)
        texts = ["-" if v is None else type_of(v) for v in (one, other)]
        if one is not None and other is not None and texts[0] == texts[1]:
            assert one.const_value is not None
            assert other.const_value is not None
            x, y = one.const_value.numpy(), other.const_value.numpy()
            same = x.tobytes() == y.tobytes()
            if not same:
                different = int(np.sum(x != y))
                rows.append((name, texts[0], f"{different} of {x.size} elements differ"))
            continue
        rows.append((name, texts[0], texts[1]))
    return rows

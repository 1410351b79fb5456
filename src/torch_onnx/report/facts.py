"""What a report tells of a program, read off its model; nothing of how it looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import onnx_ir as ir

if TYPE_CHECKING:
    from torch_onnx.profile import Profile
    from torch_onnx.verify import Verification


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named tensor: its type as text (``float32[batch, 3]``), its bytes where it is stored."""

    name: str
    type: str
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node: what it computes of what, and where it comes from."""

    index: int
    name: str
    operator: str
    module: str
    torch_operator: str
    source: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    attributes: tuple[tuple[str, str], ...]
    seconds: float | None = None


@dataclass(slots=True)
class ModuleFacts:
    """A module of the torch model: nodes and modules within it, in the order of the graph."""

    name: str
    path: str
    parts: list[NodeFacts | ModuleFacts] = field(default_factory=list)
    by_name: dict[str, ModuleFacts] = field(default_factory=dict)

    def nodes(self) -> Iterator[NodeFacts]:
        for part in self.parts:
            if isinstance(part, ModuleFacts):
                yield from part.nodes()
            else:
                yield part

    @property
    def seconds(self) -> float | None:
        known = [node.seconds for node in self.nodes() if node.seconds is not None]
        return sum(known) if known else None


@dataclass(slots=True)
class Facts:
    """All that a report tells."""

    title: str
    opsets: dict[str, int]
    inputs: list[Tensor]
    outputs: list[Tensor]
    weights: list[Tensor]
    root: ModuleFacts
    operators: list[tuple[str, int]]
    torch_operators: list[tuple[str, int]]
    dims: list[tuple[str, list[str]]]
    """Each dynamic dim, and where it occurs among inputs and outputs."""
    notes: list[str]
    profile: Profile | None = None
    verification: Verification | None = None

    @property
    def bytes(self) -> int:
        return sum(weight.bytes for weight in self.weights)


def facts_of(
    model: ir.Model,
    notes: Sequence[str] = (),
    profile: Profile | None = None,
    verification: Verification | None = None,
    seconds: Mapping[str, float] | None = None,
) -> Facts:
    """Read the facts off a model; ``seconds`` are of its nodes, by name."""
    graph = model.graph
    nodes = [_node(i, node, seconds or {}) for i, node in enumerate(graph)]
    weights = [
        Tensor(value.name or "", type_of(value), value.const_value.nbytes)
        for value in graph.initializers.values()
        if value.const_value is not None
    ]
    inputs = [Tensor(value.name or "", type_of(value)) for value in graph.inputs]
    outputs = [Tensor(value.name or "", type_of(value)) for value in graph.outputs]
    return Facts(
        graph.name or "model",
        {domain or "ai.onnx": version for domain, version in graph.opset_imports.items()},
        inputs,
        outputs,
        sorted(weights, key=lambda weight: (-weight.bytes, weight.name)),
        tree_of(nodes),
        Counter(node.operator for node in nodes).most_common(),
        Counter(node.torch_operator for node in nodes if node.torch_operator).most_common(),
        _dims([*graph.inputs, *graph.outputs]),
        list(notes),
        profile,
        verification,
    )


def type_of(value: ir.Value) -> str:
    """``float32[batch, 3]``, with a question mark for what is not known."""
    dtype = "?" if value.dtype is None else _SPELLED.get(value.dtype.name, value.dtype.name.lower())
    if value.shape is None:
        return f"{dtype}[?]"
    return f"{dtype}[{', '.join(_size(size) for size in value.shape)}]"


_SPELLED = {"FLOAT": "float32", "DOUBLE": "float64"}


def _size(size: int | ir.SymbolicDim) -> str:
    return str(size) if isinstance(size, int) else str(size.value or "?")


def _node(index: int, node: ir.Node, seconds: Mapping[str, float]) -> NodeFacts:
    told = node.metadata_props
    name = node.name or f"node {index}"
    operator = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
    return NodeFacts(
        index,
        name,
        operator,
        told.get("torch_onnx.module", ""),
        told.get("torch_onnx.operator", ""),
        told.get("torch_onnx.source", ""),
        tuple(Tensor(v.name or "", type_of(v)) for v in node.inputs if v is not None),
        tuple(Tensor(v.name or "", type_of(v)) for v in node.outputs),
        tuple((name, _attribute(attribute)) for name, attribute in node.attributes.items()),
        seconds.get(name),
    )


def _attribute(attribute: ir.Attr) -> str:
    if attribute.type == ir.AttributeType.GRAPH:
        return f"a graph of {len(attribute.as_graph())} nodes"
    text = str(attribute.value)
    return text if len(text) <= 120 else text[:117] + "…"


def tree_of(nodes: Sequence[NodeFacts]) -> ModuleFacts:
    """Nodes by the module that they come from."""
    root = ModuleFacts("(model)", "")
    for node in nodes:
        module = root
        for part in node.module.split(".") if node.module else ():
            inner = module.by_name.get(part)
            if inner is None:
                path = f"{module.path}.{part}" if module.path else part
                inner = module.by_name[part] = ModuleFacts(part, path)
                module.parts.append(inner)
            module = inner
        module.parts.append(node)
    return root


def _dims(values: Sequence[ir.Value]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for value in values:
        for axis, size in enumerate(value.shape or ()):
            if not isinstance(size, int):
                found.setdefault(_size(size), []).append(f"{value.name}, axis {axis}")
    return list(found.items())

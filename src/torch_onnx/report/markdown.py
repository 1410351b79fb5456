"""A report as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch_onnx.report.facts import Facts, ModuleFacts

MOST_WEIGHTS = 20
DEEPEST = 4


def size_text(count: int) -> str:
    """``12.3 MB``."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def markdown(facts: Facts) -> str:
    """The whole report."""
    nodes = sum(count for _, count in facts.operators)
    opsets = ", ".join(f"{domain} {version}" for domain, version in facts.opsets.items())
    parts = [
        f"# {facts.title}",
        f"{nodes} nodes, {len(facts.weights)} weights and constants of {size_text(facts.bytes)}, "
        f"opset {opsets}.",
    ]
    if facts.notes:
        parts += ["## Notes", "\n".join(f"- The exported model {note}" for note in facts.notes)]
    tensors = [("input", t.name, t.type) for t in facts.inputs]
    tensors += [("output", t.name, t.type) for t in facts.outputs]
    parts += ["## Inputs and outputs", table(("", "name", "type"), tensors)]
    if facts.dims:
        rows = [(name, "; ".join(places)) for name, places in facts.dims]
        parts += ["## Dynamic dims", table(("dim", "where"), rows)]
    parts += ["## Modules", "\n".join(_tree(facts.root, 0))]
    parts += ["## ONNX operators", table(("operator", "nodes"), facts.operators)]
    if facts.torch_operators:
        parts += ["## Torch operators", table(("operator", "nodes"), facts.torch_operators)]
    parts += ["## Weights by size", _weights(facts)]
    if facts.profile is not None:
        parts += ["## Where the export's time went", f"```\n{facts.profile.table()}\n```"]
    if facts.verification is not None:
        parts += ["## Verification", f"```\n{facts.verification.table()}\n```"]
    return "\n\n".join(parts) + "\n"


def _tree(module: ModuleFacts, depth: int) -> Iterator[str]:
    count = sum(1 for _ in module.nodes())
    seconds = module.seconds
    time = "" if seconds is None else f", {1e3 * seconds:.2f} ms"
    yield f"{'  ' * depth}- {module.name}: {count} node{'' if count == 1 else 's'}{time}"
    if depth < DEEPEST:
        for part in module.parts:
            if isinstance(part, ModuleFacts):
                yield from _tree(part, depth + 1)


def _weights(facts: Facts) -> str:
    rows = [(w.name, w.type, size_text(w.bytes)) for w in facts.weights[:MOST_WEIGHTS]]
    rest = facts.weights[MOST_WEIGHTS:]
    if rest:
        rows.append((f"{len(rest)} more", "", size_text(sum(w.bytes for w in rest))))
    return table(("name", "type", "size"), rows)

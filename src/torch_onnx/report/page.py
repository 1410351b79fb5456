"""A report as one HTML file, which loads nothing from anywhere and has the whole graph in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from torch_onnx.report.facts import Facts, ModuleFacts, NodeFacts, Tensor
from torch_onnx.report.markdown import size_text

MOST_WEIGHTS = 200

STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em;
  color: #1c1c1c; background: #fff; }
h1 { margin-bottom: .1em; } h2 { margin-top: 1.6em; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; } td, th { padding: .15em .8em .15em 0; text-align: left;
  vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
pre, code, .type { font-family: ui-monospace, monospace; font-size: 12px; }
pre { background: #f5f5f5; padding: .7em; overflow-x: auto; }
.graph details { margin-left: 1.1em; } .graph > details { margin-left: 0; }
summary { cursor: pointer; border-radius: 3px; } summary:hover { background: #eef3f7; }
.module > summary { font-weight: 600; } .module > summary .count { font-weight: 400; color: #666; }
.operator { color: #14507a; font-weight: 600; } .name, .type, .time { color: #666; }
.source { color: #7a4a14; } .found > summary { background: #fff3bf; } .absent { display: none; }
.tools input { width: 22em; } .good { color: #1b6e2d; } .bad { color: #a61b1b; }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #e4e4e4; }
  pre { background: #242424; } summary:hover { background: #2a3138; } h2 { border-color: #444; }
  .operator { color: #7fc0ee; } .name, .type, .time, .module > summary .count { color: #a0a0a0; }
  .source { color: #e0b070; } a { color: #8cc4ff; } .found > summary { background: #5c4d00; } }
"""

SCRIPT = """
"use strict";
const graph = document.querySelector(".graph");
const all = [...graph.querySelectorAll("details")];
const nodes = all.filter(one => one.classList.contains("node"));
const modules = all.filter(one => one.classList.contains("module"));
const uncover = element => {
  for (let one = element; one && one !== graph; one = one.parentElement)
    if (one.tagName === "DETAILS") one.open = true;
};
document.getElementById("unfold").addEventListener("click", () => {
  for (const one of modules) one.open = true;
});
document.getElementById("fold").addEventListener("click", () => {
  for (const one of all) one.open = false;
});
const show = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) { uncover(target); target.scrollIntoView({block: "center"}); }
};
const find = text => {
  const wanted = text.trim().toLowerCase();
  let count = 0;
  for (const one of nodes) {
    const hit = wanted !== "" && one.textContent.toLowerCase().includes(wanted);
    one.classList.toggle("found", hit);
    one.classList.toggle("absent", wanted !== "" && !hit);
    if (hit) { count += 1; uncover(one.parentElement); }
  }
  for (const one of modules)
    one.classList.toggle("absent", wanted !== "" && !one.querySelector(".found"));
  document.getElementById("hits").textContent = wanted === "" ? "" : `${count} nodes`;
};
const search = document.getElementById("search");
search.addEventListener("input", () => find(search.value));
addEventListener("hashchange", show);
const query = new URLSearchParams(location.search).get("find");
if (query) { search.value = query; find(query); }
show();
document.documentElement.dataset.ready = "yes";
"""


def page(facts: Facts) -> str:
    """The whole page."""
    nodes = sum(count for _, count in facts.operators)
    opsets = ", ".join(f"{domain} {version}" for domain, version in facts.opsets.items())
    parts = [
        f"<h1>{escape(facts.title)}</h1>",
        f"<p>{nodes} nodes, {len(facts.weights)} weights and constants of "
        f"{size_text(facts.bytes)}, opset {escape(opsets)}.</p>",
    ]
    if facts.notes:
        items = "".join(f"<li>The exported model {escape(note)}</li>" for note in facts.notes)
        parts.append(f"<h2>Notes</h2><ul>{items}</ul>")
    rows = [("input", t.name, t.type) for t in facts.inputs]
    rows += [("output", t.name, t.type) for t in facts.outputs]
    parts.append("<h2>Inputs and outputs</h2>" + table(("", "name", "type"), rows))
    if facts.dims:
        dims = [(name, "; ".join(places)) for name, places in facts.dims]
        parts.append("<h2>Dynamic dims</h2>" + table(("dim", "where"), dims))
    parts.append(_graph(facts))
    parts.append("<h2>ONNX operators</h2>" + table(("operator", "nodes"), facts.operators))
    if facts.torch_operators:
        head = ("operator", "nodes")
        parts.append("<h2>Torch operators</h2>" + table(head, facts.torch_operators))
    parts.append("<h2>Weights by size</h2>" + _weights(facts))
    if facts.profile is not None:
        parts.append(f"<h2>Where the export's time went</h2>{_text(facts.profile.table())}")
    if facts.verification is not None:
        told = facts.verification
        verdict = (
            '<p class="bad">ONNX Runtime and PyTorch disagree.</p>'
            if told.mismatches
            else '<p class="good">ONNX Runtime and PyTorch agree.</p>'
        )
        parts.append(f"<h2>Verification</h2>{verdict}{_text(told.table())}")
    return document(facts.title, parts, SCRIPT)


def document(title: str, parts: Sequence[str], script: str = "") -> str:
    """An HTML document of these parts, in the report's style."""
    body = "\n".join(parts)
    code = f"<script>{script}</script>" if script else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body>\n{body}\n{code}</body></html>\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; numbers to the right."""
    lines = ["<table><tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"]
    for row in rows:
        cells = []
        for cell in row:
            kind = ' class="number"' if isinstance(cell, int) else ""
            cells.append(f"<td{kind}>{escape(str(cell))}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join(lines) + "</table>"


def _text(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def _weights(facts: Facts) -> str:
    rows = [(w.name, w.type, size_text(w.bytes)) for w in facts.weights[:MOST_WEIGHTS]]
    rest = facts.weights[MOST_WEIGHTS:]
    if rest:
        rows.append((f"{len(rest)} more", "", size_text(sum(w.bytes for w in rest))))
    return table(("name", "type", "size"), rows)


def _graph(facts: Facts) -> str:
    makers = {out.name: node.index for node in facts.root.nodes() for out in node.outputs}
    lines = [
        '<h2 id="graph">Graph</h2>',
        '<p class="tools"><button id="unfold">Unfold modules</button> '
        '<button id="fold">Fold all</button> '
        '<input id="search" type="search" placeholder="name, operator, source line" '
        'aria-label="Find nodes"> <span id="hits"></span></p>',
        '<div class="graph">',
        *_module(facts.root, makers, True),
        "</div>",
    ]
    return "\n".join(lines)


def _module(module: ModuleFacts, makers: dict[str, int], is_open: bool) -> Iterator[str]:
    count = sum(1 for _ in module.nodes())
    yield (
        f'<details class="module" data-module="{escape(module.path, quote=True)}"'
        f"{' open' if is_open else ''}><summary>{escape(module.name)} "
        f'<span class="count">{count} node{"" if count == 1 else "s"}'
        f"{_time(module.seconds)}</span></summary>"
    )
    for part in module.parts:
        if isinstance(part, ModuleFacts):
            yield from _module(part, makers, False)
        else:
            yield _node(part, makers)
    yield "</details>"


def _node(node: NodeFacts, makers: dict[str, int]) -> str:
    results = ", ".join(tensor.type for tensor in node.outputs)
    rows = [f"<tr><td>in</td><td>{_tensor(tensor, makers)}</td></tr>" for tensor in node.inputs]
    rows += [f"<tr><td>out</td><td>{_tensor(tensor, {})}</td></tr>" for tensor in node.outputs]
    rows += [
        f"<tr><td>{escape(name)}</td><td><code>{escape(value)}</code></td></tr>"
        for name, value in node.attributes
    ]
    if node.torch_operator:
        rows.append(f"<tr><td>torch</td><td>{escape(node.torch_operator)}</td></tr>")
    if node.source:
        rows.append(
            f'<tr><td>source</td><td class="source"><code>{escape(node.source)}</code></td></tr>'
        )
    return (
        f'<details class="node" id="node{node.index}"><summary>'
        f'<span class="operator">{escape(node.operator)}</span> '
        f'<span class="name">{escape(node.name)}</span> '
        f'<span class="type">{escape(results)}</span>'
        f'<span class="time">{_time(node.seconds)}</span></summary>'
        f"<table>{''.join(rows)}</table></details>"
    )


def _tensor(tensor: Tensor, makers: dict[str, int]) -> str:
    text = f'{escape(tensor.name)} <span class="type">{escape(tensor.type)}</span>'
    maker = makers.get(tensor.name)
    return text if maker is None else f'<a href="#node{maker}">{text}</a>'


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f", {1e3 * seconds:.3f} ms"

"""Where a TorchScript node comes from: its module and the line of the model's Python."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from torch_onnx import compat
from torch_onnx.capture.sources import LEFT_OUT, Sources
from torch_onnx.graph import Frame, Source

# A traced node's stack, the innermost line first, and a scripted node's place.
_TRACED = re.compile(r"^(/[^\n(]+)\((\d+)\): (\S+)", re.MULTILINE)
_SCRIPTED = re.compile(r'File "([^"]+)", line (\d+)\n(.*?)\n *~+ <--- HERE', re.DOTALL)
_FUNCTION = re.compile(r"def (\w+)")


# Marks around a call, between which its body's nodes are once it is inlined.
ENTER, LEAVE = "prim::EnterCall", "prim::LeaveCall"


def inlined_with_callers(graph: Any) -> tuple[Any, dict[str, str]]:
    """The graph with the bodies of what it calls in their places, and the places of those calls.

    TorchScript tells only where a node itself stands, which is in PyTorch's own Python for what
    its functions and modules do. The calls are by the name of a node's first output.
    """
    calls = [n for kind in CALLS for n in graph.findAllNodes(kind, True)]
    for call in calls:
        enter = graph.create(ENTER, [], 0)
        enter.s_("place", call.sourceRange())
        enter.insertBefore(call)
        graph.create(LEAVE, [], 0).insertAfter(call)
    compat.inlined(graph)
    callers: dict[str, str] = {}
    around: list[str] = []
    marks = []
    for node in _nodes(graph) if calls else ():
        kind = node.kind()
        if kind in (ENTER, LEAVE):
            marks.append(node)
            around = [*around, node.s("place")] if kind == ENTER else around[:-1]
        elif around and node.outputsSize():
            callers[next(node.outputs()).debugName()] = around[-1]
    for mark in marks:
        mark.destroy()
    return graph, callers


CALLS = ("prim::CallFunction", "prim::CallMethod")


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


class NodeSources:
    """Sources of one program's nodes. ``callers`` has the places of calls around them."""

    __slots__ = ("_cache", "_callers", "_classes", "_prefix", "_sources")

    def __init__(
        self, classes: Mapping[str, str], prefix: str = "", callers: Mapping[str, str] | None = None
    ) -> None:
        self._classes = classes
        self._prefix = prefix
        self._callers = callers or {}
        self._sources = Sources("")
        self._cache: dict[tuple[str, str, str], Source] = {}

    def source(self, node: Any) -> Source:
        scope, place = node.scopeName(), node.sourceRange()
        first = next(node.outputs()).debugName() if node.outputsSize() else ""
        caller = self._callers.get(first, "")
        found = self._cache.get((scope, place, caller))
        if found is None:
            found = self._source(scope, place, caller)
            self._cache[(scope, place, caller)] = found
        return found

    def _source(self, scope: str, place: str, caller: str) -> Source:
        module = scope.rpartition("/")[2].removeprefix("__module.").removeprefix("__module")
        module = (module + ".").removeprefix(self._prefix).removesuffix(".")
        steps, parent = "", ""
        for step in scope.split("/"):
            path = step.removeprefix("__module.").removeprefix("__module")
            path = (path + ".").removeprefix(self._prefix).removesuffix(".")
            if path and path != parent:
                steps += "/" + path.removeprefix(parent + ".") if parent else "/" + path
                parent = path
        frame = self._frame(place) or self._frame(caller)
        return Source(module, steps, self._classes.get(module, ""), frame)

    def _frame(self, place: str) -> Frame | None:
        for path, line, function in _TRACED.findall(place):
            short = self._sources.shorten(path)
            if not short.startswith(LEFT_OUT):
                code = linecache.getline(path, int(line)).strip()
                return Frame(short, int(line), function.rpartition(".")[2], code)
        for path, line, text in _SCRIPTED.findall(place):
            short = self._sources.shorten(path)
            if not short.startswith(LEFT_OUT):
                function = _FUNCTION.search(text)
                code = linecache.getline(path, int(line)).strip() or _first_marked(text)
                return Frame(short, int(line), function.group(1) if function else "", code)
        return None


def _first_marked(text: str) -> str:
    """The line that a place starts at; each of its lines has a line of marks below."""
    lines = text.split("\n")
    marked = (line for line, below in pairwise(lines) if below.strip(" ~") == "" and "~" in below)
    return next(marked, lines[-1]).strip()

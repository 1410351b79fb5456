"""Where a TorchScript node comes from: its module and the line of the model's Python."""

from __future__ import annotations

import linecache
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from torch_onnx.capture.sources import LEFT_OUT, Sources
from torch_onnx.graph import Frame, Source

# A traced node's stack, the innermost line first, and a scripted node's place.
_TRACED = re.compile(r"^(/[^\n(]+)\((\d+)\): (\S+)", re.MULTILINE)
_SCRIPTED = re.compile(r'File "([^"]+)", line (\d+)\n(.*?)\n *~+ <--- HERE', re.DOTALL)
_FUNCTION = re.compile(r"def (\w+)")


class NodeSources:
    """Sources of one program's nodes."""

    __slots__ = ("_cache", "_classes", "_prefix", "_sources")

    def __init__(self, classes: Mapping[str, str], prefix: str = "") -> None:
        self._classes = classes
        self._prefix = prefix
        self._sources = Sources("")
        self._cache: dict[tuple[str, str], Source] = {}

    def source(self, node: Any) -> Source:
        scope, place = node.scopeName(), node.sourceRange()
        found = self._cache.get((scope, place))
        if found is None:
            found = self._source(scope, place)
            self._cache[(scope, place)] = found
        return found

    def _source(self, scope: str, place: str) -> Source:
        module = scope.rpartition("/")[2].removeprefix("__module.").removeprefix("__module")
        module = (module + ".").removeprefix(self._prefix).removesuffix(".")
        steps, parent = "", ""
        for step in scope.split("/"):
            path = step.removeprefix("__module.").removeprefix("__module")
            path = (path + ".").removeprefix(self._prefix).removesuffix(".")
            if path and path != parent:
                steps += "/" + path.removeprefix(parent + ".") if parent else "/" + path
                parent = path
        return Source(module, steps, self._classes.get(module, ""), self._frame(place))

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

"""Symbolic sizes of PyTorch as the project's named dims."""

from __future__ import annotations

import re
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.graph import Dim, Size

_SYMBOL = re.compile(r"\b[a-z]+\d+\b")


class DimNames:
    """Names of the symbols of one program: the user's where there are, else PyTorch's."""

    __slots__ = ("_cache", "names")

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._cache: dict[Any, Size] = {}

    def name(self, symbol: str, name: str) -> None:
        """Call a symbol by the user's name; the first name given to it stays."""
        self.names.setdefault(symbol, name)

    def size(self, number: Any) -> Size:
        """A SymInt as a Dim, or the integer that it is known to be."""
        if isinstance(number, int):
            return number
        key = compat.raw_expression_of(number)
        found = self._cache.get(key)
        if found is None:
            expression = compat.expression_of(number)
            found = int(expression) if expression.is_Integer else Dim(self.text(expression))
            self._cache[key] = found
        return found

    def look_again(self) -> None:
        """Conditions may have settled sizes since they were looked at first."""
        self._cache.clear()

    def shape(self, tensor: torch.Tensor) -> tuple[Size, ...]:
        return tuple([size if isinstance(size, int) else self.size(size) for size in tensor.shape])

    def text(self, expression: Any) -> str:
        """An expression or condition in the names of dims."""
        text = str(expression)
        return _SYMBOL.sub(lambda match: self.names.get(match.group(), match.group()), text)

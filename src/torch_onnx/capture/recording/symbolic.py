"""Decompositions of recorded calls, on stand-ins whose dynamic sizes are PyTorch's symbols.

They are made only when a call has no translation, for the values that go into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch_onnx import compat
from torch_onnx.capture.decompose import Decomposer
from torch_onnx.capture.dims import DimNames
from torch_onnx.capture.recording.expressions import Expression
from torch_onnx.graph import Call, Decomposition, Dim, Value


class SymbolicDecomposer:
    """Decomposes single calls of one recorded program."""

    __slots__ = ("_decomposer", "_dims", "_done", "_expressions", "_mode", "_others", "_symbols")

    def __init__(
        self, expressions: Mapping[Dim, Expression], others: Mapping[Value, tuple[int, ...]]
    ) -> None:
        self._expressions = expressions
        self._others = others
        self._dims = DimNames()
        self._mode: Any = None
        self._symbols: dict[str, Any] = {}
        self._done: set[Value] = set()
        self._decomposer = Decomposer(self._dims)

    def __call__(self, call: Call) -> Decomposition | None:
        for value in call.values_in():
            self._make_symbolic(value)
        if self._mode is None:
            return self._decomposer(call)
        with compat.sizes_of_one_stay_dynamic():
            split = self._decomposer(call)
        for made in split.calls if split is not None else ():
            self._done.update(made.values_out())
        return split

    def _make_symbolic(self, value: Value) -> None:
        """Give a value that the run has made a stand-in with symbols for sizes."""
        if value in self._done or value.fake is None:
            return
        self._done.add(value)
        if value.kind != "tensor":
            if value.expression is not None:
                value.fake = self._number(self._expressions[value.expression], int(value.fake))
            elif not isinstance(value.fake, (int, float)):
                return
            elif value.kind == "float":
                value.fake = None
            return
        if self._mode is None:
            self._mode = compat.fake_mode()
        sizes = [
            self._number(self._expressions[size], int(known)) if isinstance(size, Dim) else size
            for size, known in zip(value.shape or (), value.fake.shape, strict=True)
        ]
        value.fake = compat.empty_fake(self._mode, sizes, value.fake)

    def _number(self, expression: Expression, known: int) -> Any:
        if self._mode is None:
            self._mode = compat.fake_mode()
        total: Any = 0
        for monomial, coefficient in expression.terms:
            product: Any = coefficient
            for name in monomial:
                product = (
                    self._symbol(name, known if expression.terms == (((name,), 1),) else 7)
                    * product
                )
            total = total + product
        return total

    def _symbol(self, name: str, known: int) -> Any:
        found = self._symbols.get(name)
        if found is None:
            found = compat.new_symbol(self._mode, f"size_{len(self._symbols)}", known)
            self._symbols[name] = found
            self._dims.name(str(compat.expression_of(found)), name)
        return found

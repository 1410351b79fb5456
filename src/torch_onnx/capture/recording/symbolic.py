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

LARGER = 7


class SymbolicDecomposer:
    """Decomposes single calls of one recorded program."""

    __slots__ = (
        "_decomposer",
        "_dims",
        "_done",
        "_elsewhere",
        "_expressions",
        "_mode",
        "_others",
        "_symbols",
    )

    def __init__(
        self, expressions: Mapping[Dim, Expression], others: Mapping[Value, tuple[int, ...]]
    ) -> None:
        self._expressions = expressions
        self._others = others
        self._dims = DimNames()
        self._mode: Any = None
        self._symbols: dict[str, Any] = {}
        self._elsewhere: dict[Any, int] = {}
        """The other run's sizes by symbol, where these are known."""
        self._done: set[Value] = set()
        self._decomposer = Decomposer(self._dims)

    def __call__(self, call: Call) -> Decomposition | None:
        for value in call.values_in():
            self._make_symbolic(value)
        if self._mode is None:
            return self._decomposer(call)
        before = len(compat.guards_of(self._mode.shape_env))
        with compat.sizes_of_one_stay_dynamic():
            split = self._decomposer(call)
        if split is not None and not self._holds_in_both_runs(before):
            return None
        for made in split.calls if split is not None else ():
            self._done.update(made.values_out())
        return split

    def _holds_in_both_runs(self, known: int) -> bool:
        """Whether what PyTorch's own code relied on since holds for the other run's sizes too."""
        conditions = compat.guards_of(self._mode.shape_env)[known:]
        return not any(compat.is_false_for(c, self._elsewhere) for c, _ in conditions)

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
        sizes = []
        second = self._others.get(value, value.fake.shape)
        for size, here, there in zip(value.shape or (), value.fake.shape, second, strict=True):
            if isinstance(size, Dim):
                number = self._number(self._expressions[size], int(here))
                symbol = compat.expression_of(number)
                if symbol.is_Symbol:
                    self._elsewhere[symbol] = int(there)
                sizes.append(number)
            else:
                sizes.append(size)
        value.fake = compat.empty_fake(self._mode, sizes, value.fake)

    def _number(self, expression: Expression, known: int) -> Any:
        if self._mode is None:
            self._mode = compat.fake_mode()
        total: Any = 0
        for monomial, coefficient in expression.terms:
            product: Any = coefficient
            for name in monomial:
                product = (
                    self._symbol(name, known if expression.terms == (((name,), 1),) else LARGER)
                    * product
                )
            total = total + product
        return total

    def _symbol(self, name: str, known: int) -> Any:
        found = self._symbols.get(name)
        if found is None:
            # PyTorch takes sizes of 0 and 1 for numbers, which only this run's need not be.
            known = known if known > 1 else LARGER + len(self._symbols)
            found = compat.new_symbol(self._mode, f"size_{len(self._symbols)}", known)
            self._symbols[name] = found
            self._dims.name(str(compat.expression_of(found)), name)
        return found

"""OpTable: which function translates which torch operator, from which opset on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

LOWEST_OPSET = 11
HIGHEST_OPSET = 28
DEFAULT_OPSET = 20

# Schema names that a function can't have: ``from`` is a keyword, ``g`` is the builder.
SPELLED = {"from": "from_", "g": "g_"}

Translation = Callable[..., Any]
F = TypeVar("F", bound=Translation)
Numbers = Literal["all", "real", "complex"]


@dataclass(frozen=True, slots=True)
class Row:
    """One translation: ``fn(g, **arguments by the schema's names)``.

    Attributes:
        name: full overload name, ``aten::add.Tensor``.
        since: the first opset the function is written for.
        promote: arguments that are brought to their common type before the call; Python
            numbers among them become constants of that type.
        promote_to_float: integers are promoted to the default float type (``div``, ``sin`` …).
        accepts: the argument names the function takes; others are dropped when they may be.
        takes_any: the function ends in ``**arguments``, and so takes all of them.
    """

    name: str
    fn: Translation
    since: int
    promote: tuple[str, ...]
    promote_to_float: bool
    accepts: frozenset[str]
    takes_any: bool = False


class OpTable:
    """The translations of one theme (or of one user), a value like any other.

    Used as a decorator: ``@aten("gelu", since=20)``. A name without a namespace is in ``aten``;
    a name without an overload is the default overload only.

    ``numbers`` says which calls the table is for: those with a complex argument or result, the
    others, or all. ONNX's operators take no complex tensors, so no translation written for real
    ones is ever given a complex one; see ``torch_onnx.builder.complexes``.

    Raises:
        ValueError: when an operator is given a second translation for the same opset.
    """

    __slots__ = ("name", "numbers", "rows")

    def __init__(self, name: str, numbers: Numbers = "all") -> None:
        self.name = name
        self.numbers = numbers
        self.rows: dict[str, tuple[Row, ...]] = {}

    def __call__(
        self,
        *names: str,
        since: int = LOWEST_OPSET,
        promote: Iterable[str] = (),
        promote_to_float: bool = False,
    ) -> Callable[[F], F]:
        def register(fn: F) -> F:
            for name in names:
                self.add(name, fn, since, tuple(promote), promote_to_float)
            return fn

        return register

    def unary(self, onnx_operators: Mapping[str, str], *, promote_to_float: bool = False) -> None:
        """Register elementwise operators of one tensor: ``{"relu": "Relu"}``."""
        for name, onnx_operator in onnx_operators.items():
            fn = _unary(onnx_operator)
            self.add(name, fn, LOWEST_OPSET, ("self",), promote_to_float)

    def add(
        self,
        name: str,
        fn: Translation,
        since: int,
        promote: tuple[str, ...],
        promote_to_float: bool,
    ) -> None:
        full = name if "::" in name else f"aten::{name}"
        rows = self.rows.get(full, ())
        if any(row.since == since for row in rows):
            raise ValueError(
                f"{full} has two translations from opset {since} in table {self.name!r}"
            )
        names, takes_any = _argument_names(fn)
        row = Row(full, fn, since, promote, promote_to_float, names, takes_any)
        self.rows[full] = tuple(sorted((*rows, row), key=lambda r: -r.since))

    def find(self, name: str, opset: int, is_complex: bool = False) -> Row | None:
        """The newest translation of the operator that is written for ``opset``."""
        if self.numbers == ("real" if is_complex else "complex"):
            return None
        for row in self.rows.get(name, ()):
            if row.since <= opset:
                return row
        return None


def merge(name: str, tables: Iterable[OpTable], numbers: Numbers = "all") -> OpTable:
    """One table of many. Two tables may not translate the same operator.

    Raises:
        ValueError: naming the operator and both tables.
    """
    merged = OpTable(name, numbers)
    owner: dict[str, str] = {}
    for table in tables:
        for operator, rows in table.rows.items():
            if operator in owner:
                raise ValueError(
                    f"{operator} is translated in both {owner[operator]!r} and {table.name!r}"
                )
            owner[operator] = table.name
            merged.rows[operator] = rows
    return merged


def _unary(onnx_operator: str) -> Translation:
    def translate(g: Any, self: Any) -> Any:
        return getattr(g, onnx_operator)(self)

    translate.__name__ = onnx_operator
    return translate


def _argument_names(fn: Translation) -> tuple[frozenset[str], bool]:
    """The names of the operator's arguments that a function takes, and whether it takes all."""
    parameters = list(inspect.signature(fn).parameters.values())[1:]
    original = {spelled: name for name, spelled in SPELLED.items()}
    some = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters)
    return frozenset(original.get(name, name) for name in some), takes_any

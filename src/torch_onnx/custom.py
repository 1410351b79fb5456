"""Users' translations, layered over the built-in ones: for all exports, for a block, for one.

The built-in table never changes. ``custom_translation_table=`` of an export goes first, then
``translations`` blocks (the inner one first), what ``op`` registered, installed packages, and
last the built-in table.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

from torch_onnx import compat_extending
from torch_onnx.errors import ExportError, TranslationError
from torch_onnx.fitting import problems_of
from torch_onnx.legacy import registered_symbolics
from torch_onnx.ops import builtin_tables, real_table
from torch_onnx.ops.table import HIGHEST_OPSET, LOWEST_OPSET, F, OpTable, Row, Translation

ENTRY_POINT = "torch_onnx.ops"

# Where registrations are kept: of the process, its fake kernels, and of the block around.
_EVERYWHERE = OpTable("torch_onnx.op")
_FAKES: dict[str, Callable[..., Any]] = {}
_IN_BLOCKS: ContextVar[tuple[OpTable, ...]] = ContextVar("torch_onnx.translations", default=())


def op(
    *operators: Any,
    opset: int = LOWEST_OPSET,
    promote: Collection[str] = (),
    promote_to_float: bool = False,
    fake: Callable[..., Any] | None = None,
) -> Callable[[F], F]:
    """Translate torch operators with the decorated function, in every export from now on.

    ``@torch_onnx.op("mylib::rotate")`` goes above ``def rotate(g, x, angle)``: the builder, then
    the operator's arguments under their schema's names. It goes before a built-in translation and
    takes the place of one registered before for the same opset. ``remove_op`` undoes it.

    Args:
        operators: names (``"mylib::rotate"``, ``"aten::add.Tensor"``), operators
            (``torch.ops.mylib.rotate``) or what ``torch.library.custom_op`` gave.
        opset: the first opset that the function is written for.
        promote: tensors that are brought to their common type before the call.
        promote_to_float: integers among them become floats.
        fake: what ``torch.library.register_fake`` takes, for operators whose library has no such
            kernel: a function of the operator's arguments that gives empty tensors of the results'
            types. It holds during exports only.

    Raises:
        TranslationError: the operator does not exist, or has other arguments. An operator of a
            library that is not loaded yet is checked at the export.
    """
    check_opset(opset)

    def register(function: F) -> F:
        new = OpTable("torch_onnx.op")
        for operator in operators:
            new.add(name_of(operator), translation_of(function, operator), opset,
                    tuple(promote), promote_to_float)  # fmt: skip
        check([new], loaded_only=True)
        for name, rows in new.rows.items():
            _put(name, rows)
            if fake is not None:
                _FAKES[name] = fake
        return function

    return register


def remove_op(operator: Any, opset: int | None = None) -> None:
    """Undo ``op`` for an operator: at one opset, or at all.

    Raises:
        KeyError: when nothing was registered for it.
    """
    name = name_of(operator)
    rows = _EVERYWHERE.rows.get(name, ())
    kept = tuple(row for row in rows if opset is not None and row.since != opset)
    if len(kept) == len(rows):
        at = "" if opset is None else f" at opset {opset}"
        raise KeyError(f"no translation of {name} is registered{at}")
    if kept:
        _EVERYWHERE.rows[name] = kept
    else:
        del _EVERYWHERE.rows[name]
        _FAKES.pop(name, None)


@contextmanager
def translations(*tables: Any) -> Iterator[None]:
    """Exports within use these tables first: OpTables, or dicts of operator → function.

    Raises:
        TranslationError: a table does not fit PyTorch's operators.
    """
    found = [table for given in tables for table in tables_of(given)]
    check(found)
    token = _IN_BLOCKS.set((*found[::-1], *_IN_BLOCKS.get()))
    try:
        yield
    finally:
        _IN_BLOCKS.reset(token)


@contextmanager
def fake_kernels() -> Iterator[None]:
    """Within, operators have the fake kernels that were registered for them with ``op``."""
    with ExitStack() as stack:
        for name, fake in _FAKES.items():
            stack.enter_context(compat_extending.fake_kernel(name, fake))
        yield


def layers(custom: Any) -> list[OpTable]:
    """All tables of an export, the first that has an operator translating it.

    Raises:
        TranslationError: what the user gave does not fit PyTorch's operators.
    """
    given = tables_of(custom)
    check(given)
    check([_EVERYWHERE], loaded_only=True)
    everywhere = [_EVERYWHERE, registered_symbolics(), *_installed()]
    return [*given, *_IN_BLOCKS.get(), *everywhere, *builtin_tables()]


def tables_of(custom: Any) -> list[OpTable]:
    """``custom_translation_table``: an OpTable, several, or a dict of operator → function."""
    if custom is None:
        return []
    if isinstance(custom, OpTable):
        return [custom]
    if isinstance(custom, Mapping):
        table = OpTable("custom_translation_table")
        for operator, function in custom.items():
            made = translation_of(_only(operator, function), operator)
            table.add(name_of(operator), made, LOWEST_OPSET, (), False)
        return [table]
    if isinstance(custom, Collection) and not isinstance(custom, str):
        return [table for item in custom for table in tables_of(item)]
    raise ExportError(
        f"custom_translation_table takes an OpTable or a dict, not {type(custom).__name__}."
    )


def check(tables: Sequence[OpTable], *, loaded_only: bool = False) -> None:
    """Compare tables with PyTorch's operators.

    Raises:
        TranslationError: listing all that does not fit. ``loaded_only`` passes over operators of
            libraries that are not loaded.
    """
    known = real_table().rows
    for table in tables:
        problems = []
        for name, rows in table.rows.items():
            if name in known and name.startswith("python::"):
                continue
            if loaded_only and not compat_extending.operators_in(name.partition("::")[0]):
                continue
            problems += problems_of(name, rows)
        if problems:
            raise TranslationError(table.name, problems)


def check_opset(opset: object) -> None:
    """Raises ValueError for an opset that no export can have."""
    if not isinstance(opset, int) or not LOWEST_OPSET <= opset <= HIGHEST_OPSET:
        raise ValueError(f"opset={opset!r}: choose one from {LOWEST_OPSET} to {HIGHEST_OPSET}")


def name_of(operator: Any) -> str:
    """The full name of an operator given in any form: ``aten::add.Tensor``.

    Raises:
        ExportError: for what is no operator.
    """
    if isinstance(operator, str):
        full = operator if "::" in operator else f"aten::{operator}"
        return full.removesuffix(".default")
    found = compat_extending.name_of_operator(operator)
    if found is None:
        raise ExportError(f"{operator!r} is no torch operator: give torch.ops.… or its name.")
    return found


def translation_of(function: Any, operator: Any) -> Translation:
    """The function of ``(g, **arguments)`` that stands for what the user gave."""
    from torch_onnx.onnxscript_functions import adapted, is_onnxscript

    return adapted(function, name_of(operator)) if is_onnxscript(function) else function


def _only(operator: Any, function: Any) -> Any:
    if not isinstance(function, (list, tuple)):
        return function
    if len(function) != 1:
        raise ExportError(
            f"{name_of(operator)} is given {len(function)} functions: give one, which may look at "
            "the dtypes of its arguments."
        )
    return function[0]


def _put(name: str, rows: tuple[Row, ...]) -> None:
    new = {row.since for row in rows}
    before = [row for row in _EVERYWHERE.rows.get(name, ()) if row.since not in new]
    _EVERYWHERE.rows[name] = tuple(sorted((*before, *rows), key=lambda row: -row.since))


@functools.cache
def _installed() -> tuple[OpTable, ...]:
    """The tables of installed packages, by their entry points, in the order of their names."""
    tables = []
    found = importlib.metadata.entry_points(group=ENTRY_POINT)
    for entry in sorted(found, key=lambda entry: entry.name):
        try:
            table = entry.load()
        except Exception as error:
            raise ExportError(
                f"The package with the entry point {entry.name} = {entry.value} in {ENTRY_POINT!r} "
                f"can't be loaded: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(table, OpTable):
            raise ExportError(
                f"The entry point {entry.name} = {entry.value} in {ENTRY_POINT!r} is a "
                f"{type(table).__name__}, not a torch_onnx.OpTable."
            )
        check([table], loaded_only=True)
        tables.append(table)
    return tuple(tables)

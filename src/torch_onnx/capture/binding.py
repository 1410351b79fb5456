"""Operators by name, and calls bound to their schema's argument names."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.graph import Argument, Operator, SchemaArgument


@functools.cache
def operator_of(overload: Any) -> Operator:
    """The Operator of a torch operator overload."""
    schema = compat.schema_of(overload)
    name = f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name
    return Operator(
        name,
        tuple(_argument(a) for a in schema.arguments),
        tuple(_return(r) for r in schema.returns),
        overload,
        torch.Tag.nondeterministic_seeded not in overload.tags,
    )


PYTORCHS_OWN = ("aten::", "prims::", "prim::")


def operator_named(name: str) -> Operator | None:
    """The Operator called ``aten::add.Tensor``, None where this PyTorch has none."""
    # Those of others may be defined anew, and PyTorch crashes where a former one is called.
    return _lasting(name) if name.startswith(PYTORCHS_OWN) else _found(name)


@functools.cache
def _lasting(name: str) -> Operator | None:
    return _found(name)


def _found(name: str) -> Operator | None:
    overload = compat.overload_of(name)
    return None if overload is None else operator_of(overload)


@functools.cache
def number_operator(name: str, arguments: tuple[str, ...]) -> Operator:
    """An operator on Python numbers (``python::mul``), which has no schema of its own."""
    formal = tuple(SchemaArgument(a, "number", False, None, False, None, False) for a in arguments)
    return Operator(name, formal, (SchemaArgument("", "number", False, None, False, None, False),))


def bind(
    operator: Operator, args: Sequence[Argument], kwargs: dict[str, Argument]
) -> dict[str, Argument]:
    """Arguments by their schema names, in the schema's order, defaults filled in."""
    bound: dict[str, Argument] = {}
    for index, formal in enumerate(operator.arguments):
        if index < len(args) and not formal.keyword_only:
            bound[formal.name] = args[index]
        elif formal.name in kwargs:
            bound[formal.name] = kwargs[formal.name]
        else:
            bound[formal.name] = formal.default
    return bound


def _argument(argument: Any) -> SchemaArgument:
    alias, written = _alias(argument.alias_info)
    has_default = argument.has_default_value()
    return SchemaArgument(
        argument.name,
        str(argument.type),
        has_default,
        argument.default_value if has_default else None,
        argument.kwarg_only,
        alias,
        written,
    )


def _return(result: Any) -> SchemaArgument:
    alias, written = _alias(result.alias_info)
    return SchemaArgument(result.name, str(result.type), False, None, False, alias, written)


def _alias(info: Any) -> tuple[str | None, bool]:
    if info is None:
        return None, False
    # A list of views (split, unbind) carries its alias within, where the bindings do not show it.
    names = sorted(info.before_set)
    return (names[0] if names else "*"), info.is_write

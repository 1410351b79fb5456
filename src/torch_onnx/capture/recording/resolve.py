"""Which overload of an ATen operator a call from Python means, and its arguments by name.

The rules are those of PyTorch's Python argument parser, on the operator's schemas: exact types
first, then what it converts (numbers for tensors, tensors of one element for numbers), one integer
for a list of known length, sizes spread over positions, NumPy's names for arguments.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.binding import operator_named
from torch_onnx.graph import Operator

# What Python calls an argument that the schema calls otherwise.
NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "self", "x2": "other", "input": "self"}
NAMED_INTEGERS = (torch.dtype, torch.layout, torch.memory_format)


@dataclass(frozen=True, slots=True)
class Formal:
    """A parameter of an overload: its kind without Optional, and how a single number fills it."""

    name: str
    kind: str
    optional: bool
    length: int | None
    keyword_only: bool
    has_default: bool


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature of an operator."""

    operator: Operator
    formals: tuple[Formal, ...]
    written_result: bool


@functools.cache
def overloads(name: str) -> tuple[Overload, ...]:
    """The overloads of ``aten::add`` in the order tried; those with names for dims are left out."""
    found = []
    for overload in compat.overloads_named(name):
        op = operator_named(name if overload == "default" else f"{name}.{overload}")
        if op is None or overload in ("hacked_twin", "str", "t"):
            continue
        formals = tuple(_formals(op))
        if any("Dimname" in f.kind or f.kind == "List[t]" for f in formals):
            continue
        written = any(a.written and a.keyword_only for a in op.arguments)
        found.append(Overload(op, formals, written))
    # Python's bindings try the form with scale factors first; what is written comes last.
    return tuple(
        sorted(found, key=lambda o: (o.written_result, not o.operator.name.endswith(".vec")))
    )


def _formals(op: Operator) -> list[Formal]:
    rows = []
    for argument, length in zip(op.arguments, compat.list_lengths(op.target), strict=True):
        kind = argument.type
        optional = kind.startswith("Optional[")
        if optional:
            kind = kind[len("Optional[") : -1]
        rows.append(
            Formal(
                argument.name,
                kind,
                optional,
                length,
                argument.keyword_only,
                argument.has_default,
            )
        )
    return rows


def resolve(
    name: str, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Operator, dict[str, Any]] | None:
    """The operator called and its arguments by the schema's names, None where none fits."""
    candidates = overloads(name)
    for lenient in (False, True):
        for overload in candidates:
            bound = _bind(overload, args, kwargs, lenient)
            if bound is not None:
                return overload.operator, bound
    return None


def _bind(
    overload: Overload, args: Sequence[Any], kwargs: dict[str, Any], lenient: bool
) -> dict[str, Any] | None:
    formals = overload.formals
    positional = [f for f in formals if not f.keyword_only]
    given = list(args)
    if len(given) > len(positional) or _spreads(positional, given, lenient):
        given = _packed(positional, given)
        if len(given) > len(positional):
            return None
    bound: dict[str, Any] = {}
    for formal, argument in zip(positional, given, strict=False):
        if not _fits(formal, argument, lenient):
            return None
        bound[formal.name] = _converted(formal, argument)
    names = {f.name: f for f in formals}
    for key, argument in kwargs.items():
        meant = names.get(key) or names.get(NUMPY_NAMES.get(key, ""))
        if meant is None:
            if argument is None:
                continue
            return None
        if meant.name in bound or not _fits(meant, argument, lenient):
            return None
        bound[meant.name] = _converted(meant, argument)
    for formal, declared in zip(formals, overload.operator.arguments, strict=True):
        if formal.name not in bound:
            if not formal.has_default:
                return None
            bound[formal.name] = declared.default
    return {formal.name: bound[formal.name] for formal in formals}


def _spreads(positional: Sequence[Formal], given: Sequence[Any], lenient: bool) -> bool:
    """Whether an argument list such as ``x.view(2, 3)`` spreads one list of integers.

    A tensor is a tensor first: ``tensor_split(x, sections)`` has an overload for it.
    """
    place = next((i for i, f in enumerate(positional) if f.kind == "List[int]"), None)
    if place is None or place >= len(given) or positional[place].length is not None:
        return False
    return _is_integer(given[place]) and (lenient or not isinstance(given[place], torch.Tensor))


def _packed(positional: Sequence[Formal], given: list[Any]) -> list[Any]:
    place = next((i for i, f in enumerate(positional) if f.kind == "List[int]"), None)
    if place is None or place > 1:
        return given
    end = place
    while end < len(given) and _is_integer(given[end]):
        end += 1
    return [*given[:place], given[place:end], *given[end:]] if end > place else given


def _is_integer(argument: Any) -> bool:
    if isinstance(argument, torch.Tensor):
        return argument.dim() == 0 and not argument.is_floating_point()
    return isinstance(argument, int) and not isinstance(argument, bool)


def _is_number(argument: Any) -> bool:
    return isinstance(argument, (bool, int, float, complex))


def _fits(formal: Formal, argument: Any, lenient: bool) -> bool:
    if argument is None:
        return formal.optional or formal.kind == "NoneType"
    check = FITS.get(formal.kind)
    return check is not None and check(formal, argument, lenient)


def _fits_tensor(formal: Formal, argument: Any, lenient: bool) -> bool:
    return isinstance(argument, torch.Tensor) or (lenient and _is_number(argument))


def _fits_number(formal: Formal, argument: Any, lenient: bool) -> bool:
    return _is_number(argument) or (lenient and _is_single(argument))


def _is_single(argument: Any) -> bool:
    return isinstance(argument, torch.Tensor) and argument.dim() == 0


def _fits_integer(formal: Formal, argument: Any, lenient: bool) -> bool:
    if isinstance(argument, NAMED_INTEGERS):
        return True
    if isinstance(argument, bool):
        return False
    return isinstance(argument, int) or (lenient and _is_single(argument))


def _fits_integers(formal: Formal, argument: Any, lenient: bool) -> bool:
    if isinstance(argument, (list, tuple)):
        return all(_is_integer(item) for item in argument)
    return formal.length is not None and _is_integer(argument)


def _fits_floats(formal: Formal, argument: Any, lenient: bool) -> bool:
    if isinstance(argument, (list, tuple)):
        return all(isinstance(item, (int, float)) for item in argument)
    return formal.length is not None and isinstance(argument, (int, float))


def _fits_tensors(formal: Formal, argument: Any, lenient: bool) -> bool:
    return isinstance(argument, (list, tuple)) and all(
        isinstance(item, torch.Tensor) for item in argument
    )


def _fits_optional_tensors(formal: Formal, argument: Any, lenient: bool) -> bool:
    return isinstance(argument, (list, tuple)) and all(
        item is None or isinstance(item, torch.Tensor) for item in argument
    )


FITS: dict[str, Any] = {
    "Tensor": _fits_tensor,
    "number": _fits_number,
    "int": _fits_integer,
    "float": lambda f, a, lenient: (
        (isinstance(a, (int, float)) and (lenient or not isinstance(a, bool)))
        or (lenient and _is_single(a))
    ),
    "bool": lambda f, a, lenient: isinstance(a, bool),
    "str": lambda f, a, lenient: isinstance(a, str),
    "Device": lambda f, a, lenient: isinstance(a, (torch.device, str, int)),
    "Generator": lambda f, a, lenient: isinstance(a, torch.Generator),
    "List[int]": _fits_integers,
    "List[float]": _fits_floats,
    "List[number]": _fits_floats,
    "List[bool]": lambda f, a, lenient: isinstance(a, (list, tuple)),
    "List[Tensor]": _fits_tensors,
    "List[Optional[Tensor]]": _fits_optional_tensors,
}


def _converted(formal: Formal, argument: Any) -> Any:
    if formal.kind.startswith("List["):
        if isinstance(argument, (list, tuple)):
            return list(argument)
        if argument is not None:
            return [argument] * (formal.length or 1)
    if formal.kind == "float" and isinstance(argument, bool):
        return float(argument)
    return argument

"""Integers that a trace carries in tensors: ``x.size(0)`` is a tensor to the tracer.

They are kept as numbers while only arithmetic is done with them, so that sizes stay exact and
known by their expressions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from torch_onnx import compat
from torch_onnx.graph import Value


@dataclass(frozen=True, slots=True)
class Scalar:
    """A zero-dimensional tensor known as a number: of dtype int64, or float32."""

    number: Any


@dataclass(frozen=True, slots=True)
class Vector:
    """A one-dimensional int64 tensor known by its numbers."""

    numbers: tuple[Any, ...]


class Arithmetic(Protocol):
    def number(self, function: Callable[..., Any], *numbers: Any) -> Any:
        """``function`` of numbers, at run time where one is known only then."""


NOT_A_SCALAR = object()


def is_float(number: Any) -> bool:
    return number.kind == "float" if isinstance(number, Value) else isinstance(number, float)


TWO: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "true_divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "minimum": torch.sym_min,
    "maximum": torch.sym_max,
}
SAME = {"detach", "clone", "alias", "contiguous", "lift_fresh", "lift_fresh_copy", "squeeze"}


def compute(a: Arithmetic, name: str, args: dict[str, Any]) -> Any:
    """The operator on numbers, or ``NOT_A_SCALAR`` where it has to be one on tensors."""
    base = name.removeprefix("aten::").partition(".")[0]
    values = list(args.values())
    if base in TWO:
        return _two(a, TWO[base], args)
    first = values[0]
    if isinstance(first, Scalar):
        return _one(a, base, first, args)
    if isinstance(first, Vector):
        return _of_vector(base, first, args)
    if isinstance(first, list) and first and args.get("dim") == 0:
        return _joined(base, first)
    return NOT_A_SCALAR


def _two(a: Arithmetic, function: Callable[..., Any], args: dict[str, Any]) -> Any:
    x, y = args["self"], args["other"]
    if args.get("alpha", 1) != 1:
        return NOT_A_SCALAR
    numbers = [n.number if isinstance(n, Scalar) else n for n in (x, y)]
    rounding = args.get("rounding_mode")
    if rounding is not None:
        # Division that cuts off is one that rounds down where nothing is negative.
        if any(map(is_float, numbers)) or not (rounding == "floor" or _are_counts(numbers)):
            return NOT_A_SCALAR
        function = operator.floordiv
    if any(isinstance(n, (Vector, torch.Tensor)) or _is_tensor(n) for n in numbers):
        return NOT_A_SCALAR
    return Scalar(a.number(function, *numbers))


def _are_counts(numbers: list[Any]) -> bool:
    return all(
        compat.is_a_count(n.fake) if isinstance(n, Value) else isinstance(n, int) and n >= 0
        for n in numbers
    )


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Value) and value.kind == "tensor"


def _one(a: Arithmetic, base: str, x: Scalar, args: dict[str, Any]) -> Any:
    if base in SAME:
        return x
    if base == "neg":
        return Scalar(a.number(operator.neg, x.number))
    if base == "to" and not is_float(x.number) and args.get("dtype", 4) in (None, 4):
        # int64 to int64; torch.int64 is number 4 in TorchScript.
        return x if isinstance(args.get("dtype"), (int, type(None))) else NOT_A_SCALAR
    return NOT_A_SCALAR


def _of_vector(base: str, x: Vector, args: dict[str, Any]) -> Any:
    numbers = x.numbers
    if base in ("detach", "clone", "contiguous"):
        return x
    if base == "select" and isinstance(args["index"], int):
        return Scalar(numbers[args["index"]])
    if base == "slice":
        bounds = [args["start"], args["end"], args["step"]]
        if all(b is None or isinstance(b, int) for b in bounds):
            return Vector(numbers[slice(*bounds)])
    if base == "unbind":
        return [Scalar(number) for number in numbers]
    return NOT_A_SCALAR


def _joined(base: str, parts: list[Any]) -> Any:
    if base == "stack" and all(isinstance(p, Scalar) and not is_float(p.number) for p in parts):
        return Vector(tuple(p.number for p in parts))
    if base == "cat" and all(isinstance(p, Vector) for p in parts):
        return Vector(tuple(number for p in parts for number in p.numbers))
    return NOT_A_SCALAR

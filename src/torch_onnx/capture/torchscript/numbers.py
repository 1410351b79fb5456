"""Arithmetic of numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch

from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.scalars import is_float
from torch_onnx.capture.torchscript.values import (
    Handlers,
    Raised,
    is_run_time,
    is_tensor,
    number_kind,
)

handles = Handlers()


ON_NUMBERS: dict[str, Callable[..., Any]] = {
    "aten::sub": operator.sub,
    "aten::div": operator.truediv,
    "aten::floordiv": operator.floordiv,
    "aten::remainder": operator.mod,
    "aten::pow": operator.pow,
    "aten::neg": operator.neg,
    "aten::eq": operator.eq,
    "aten::ne": operator.ne,
    "aten::lt": operator.lt,
    "aten::le": operator.le,
    "aten::gt": operator.gt,
    "aten::ge": operator.ge,
    "aten::__and__": operator.and_,
    "aten::__or__": operator.or_,
    "aten::__not__": torch.sym_not,
    "aten::ceil": math.ceil,
    "aten::floor": math.floor,
    "aten::sqrt": torch.sym_sqrt,
    "aten::round": round,
    "prim::max": torch.sym_max,
    "prim::min": torch.sym_min,
}

# These are of lists as well, and so come by way of containers.py.
BESIDE_LISTS: dict[str, Callable[..., Any]] = {"aten::add": operator.add, "aten::mul": operator.mul}

# On numbers that are known only; on others there is no operator.
ON_KNOWN: dict[str, Callable[..., Any]] = {
    "aten::log": math.log,
    "aten::log2": math.log2,
    "aten::log10": math.log10,
    "aten::exp": math.exp,
    "aten::sin": math.sin,
    "aten::cos": math.cos,
    "aten::tan": math.tan,
    "aten::tanh": math.tanh,
    "aten::fabs": math.fabs,
    "prim::abs": abs,
    "aten::__xor__": operator.xor,
    "aten::__lshift__": operator.lshift,
    "aten::__rshift__": operator.rshift,
    "aten::floordiv_": operator.floordiv,
    "aten::fmod": math.fmod,
    "aten::gcd": math.gcd,
    "aten::isnan": math.isnan,
    "aten::isinf": math.isinf,
    "aten::sum": sum,
    "aten::any": any,
    "aten::all": all,
    "prim::ceil": math.ceil,
}


@handles(*ON_NUMBERS)
def on_numbers(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if any(is_tensor(i) for i in inputs):
        return NotImplemented
    function = BESIDE_LISTS.get(node.kind()) or ON_NUMBERS[node.kind()]
    if len(inputs) == 1 and isinstance(inputs[0], list):
        (inputs,) = inputs  # max and min of a list
        total = inputs[0]
        for number in inputs[1:]:
            total = run.number(function, total, number)
        return total
    if isinstance(inputs[0], (list, str, tuple)) or isinstance(inputs[-1], (list, str, tuple)):
        return _on_containers(run, node, function, inputs)
    if function is torch.sym_not and not is_run_time(inputs[0]):
        return not inputs[0]
    if function is operator.truediv and not any(map(is_run_time, inputs)) and inputs[1] == 0:
        raise Raised("division by zero", run.source)
    if function in (operator.and_, operator.or_) and "bool" not in map(number_kind, inputs):
        return (
            _at_run_time(run, node.kind(), inputs)
            if any(map(is_run_time, inputs))
            else (function(*inputs))
        )
    if function in (math.ceil, math.floor, round) and not is_float(inputs[0]):
        return inputs[0]
    return run.number(function, *inputs)


def _on_containers(
    run: Interpreter, node: Any, function: Callable[..., Any], inputs: list[Any]
) -> Any:
    a, b = inputs
    if function in (operator.eq, operator.ne) and any(map(is_run_time, [*a, *b])):
        equal: Any = len(a) == len(b)
        for x, y in zip(a, b, strict=False) if equal else ():
            same_here = run.number(operator.eq, x, y)
            equal = same_here if equal is True else run.number(operator.and_, equal, same_here)
        return run.number(torch.sym_not, equal) if function is operator.ne else equal
    result = function(a, b)
    return run.made(result) if isinstance(result, list) else result


@handles(*ON_KNOWN)
def on_known(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if any(is_tensor(i) for i in inputs) or any(
        isinstance(i, list) and any(map(is_tensor, i)) for i in inputs
    ):
        return NotImplemented
    if node.kind() in QUANTIFIERS:
        return _quantified(run, QUANTIFIERS[node.kind()], inputs[0])
    if any(map(is_run_time, inputs)) or any(
        isinstance(i, list) and any(map(is_run_time, i)) for i in inputs
    ):
        return _at_run_time(run, node.kind(), inputs)
    try:
        return ON_KNOWN[node.kind()](*inputs)
    except (ValueError, OverflowError) as error:
        raise Raised(f"ValueError: {error}", run.source) from error


QUANTIFIERS: dict[str, Callable[..., Any]] = {"aten::any": operator.or_, "aten::all": operator.and_}


def _quantified(run: Interpreter, function: Callable[..., Any], items: list[Any]) -> Any:
    total: Any = function is operator.and_
    for number in items:
        truth = number
        if number_kind(number) != "bool":
            truth = run.number(operator.ne, number, 0)
        total = run.number(function, total, truth)
    return total


def _at_run_time(run: Interpreter, kind: str, inputs: list[Any]) -> Any:
    """What no operator on numbers says, by arithmetic or by the operator on tensors."""
    first, second = inputs[0], inputs[1] if len(inputs) > 1 else None
    if kind == "aten::sum":
        total: Any = 0
        for number in first:
            total = run.number(operator.add, total, number)
        return total
    if kind == "prim::abs" and not is_float(first):
        return run.number(torch.sym_max, first, run.number(operator.neg, first))
    if kind in SHIFTS:
        return run.number(SHIFTS[kind], first, run.number(operator.pow, 2, second))
    name = {"prim::abs": "aten::abs", "aten::fabs": "aten::abs"}.get(kind, kind)
    tensors = [_wide(run, number, kind) for number in inputs]
    arguments = dict(zip(("self", "other"), tensors, strict=False))
    overload = name if len(inputs) == 1 or name == "aten::gcd" else f"{name}.Tensor"
    return run.item(run.named(overload, **arguments))


SHIFTS: dict[str, Callable[..., Any]] = {
    "aten::__lshift__": operator.mul,
    "aten::__rshift__": operator.floordiv,
}
BITWISE = frozenset({"aten::__xor__", "aten::__and__", "aten::__or__", "aten::gcd"})


def _wide(run: Interpreter, number: Any, kind: str) -> Any:
    """A number as a tensor of the widest dtype, which is what Python computes with."""
    dtype = torch.int64 if kind in BITWISE else torch.float64
    return run.named("aten::full", size=[], fill_value=number, dtype=dtype)


@handles("aten::broadcast_shapes")
def broadcast_shapes(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    sizes: list[Any] = []
    for shape in inputs:
        missing = len(shape) - len(sizes)
        sizes = [1] * missing + sizes
        start = len(sizes) - len(shape)
        sizes[start:] = [_broadcast(run, a, b) for a, b in zip(sizes[start:], shape, strict=True)]
    return sizes


def _broadcast(run: Interpreter, a: Any, b: Any) -> Any:
    """The size that two of which one may be 1 have together: 0 beside 1 is 0."""
    if not is_run_time(a) and a == 1:
        return b
    if not is_run_time(b) and b == 1:
        return a
    least = run.number(torch.sym_min, run.number(torch.sym_min, a, b), 1)
    return run.number(operator.mul, run.number(torch.sym_max, a, b), least)

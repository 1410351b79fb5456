"""Types of values, None, strings, and what a program says to its reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.scalars import Scalar, Vector
from torch_onnx.capture.torchscript.values import (
    UNINITIALIZED,
    Handlers,
    Maybe,
    Raised,
    ScriptList,
    UnknownText,
    is_number,
    is_tensor,
    number_kind,
)
from torch_onnx.graph import Value

handles = Handlers()


@handles("prim::unchecked_cast", "prim::unchecked_unwrap_optional", "aten::_unwrap_optional")
@handles("prim::data", "prim::requires_grad_", "prim::rangelist")
def same(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    (value,) = inputs[:1]
    if isinstance(value, Maybe):
        return value.value
    if value is None and "unwrap" in node.kind():
        raise Raised("Unwrapping null optional", run.source)
    return value


@handles("aten::__is__", "aten::__isnot__")
def is_same(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    a, b = inputs
    is_not = node.kind() == "aten::__isnot__"
    if isinstance(a, Maybe) and b is None:
        return a.present if is_not else run.number(torch.sym_not, a.present)
    objects = any(is_tensor(i) or isinstance(i, (list, dict)) for i in inputs)
    equal = a is b or (not objects and a is not None and b is not None and a == b)
    return not equal if is_not else equal


@handles("prim::isinstance")
def is_instance(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    (value,) = inputs
    if isinstance(value, Maybe):
        kinds = [str(kind) for kind in node.tys("types")]
        if kinds == ["NoneType"]:
            return run.number(torch.sym_not, value.present)
        return value.present if any(_is_of(value.value, kind) for kind in kinds) else False
    return any(_is_of(value, str(kind)) for kind in node.tys("types"))


def _is_of(value: Any, kind: str) -> bool:
    if kind in ("int", "float", "bool"):
        return is_number(value) and number_kind(value) == kind
    if kind == "str":
        return isinstance(value, str)
    if kind == "NoneType":
        return value is None
    if kind == "Tensor":
        return is_tensor(value)
    if kind.startswith("Optional["):
        return value is None or _is_of(value, kind[9:-1])
    if kind.startswith("List["):
        if isinstance(value, ScriptList) and value.held is not None:
            return kind[5:-1] == {"tensor": "Tensor"}.get(value.of, value.of)
        return isinstance(value, list) and all(_is_of(item, kind[5:-1]) for item in value)
    if kind.startswith("Dict["):
        return isinstance(value, dict)
    return kind.startswith("Tuple[") and isinstance(value, tuple)


@handles("prim::RaiseException")
def raise_exception(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    raise Raised(str(inputs[0]), run.source)


@handles("prim::Print", "aten::warn", "prim::AddStatValue")
def dropped(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    what = node.kind().partition("::")[2].lower()
    run.notes.append(f"lacks a {what}, which ONNX can't say ({run.source.frame})")
    return None


@handles("prim::Uninitialized")
def uninitialized(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return UNINITIALIZED


@handles("aten::format")
def formatted(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return _text(str(inputs[0]).format(*map(_shown, inputs[1:])), inputs)


def _shown(value: Any) -> Any:
    """What a message shows for a value."""
    return "?" if isinstance(value, (Value, Scalar, Vector, ScriptList, Maybe)) else value


def _text(text: str, inputs: list[Any]) -> str:
    unknown = any(_shown(i) is not i or isinstance(i, UnknownText) for i in inputs)
    return UnknownText(text) if unknown else text


@handles("aten::percentFormat")
def percent_formatted(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    given = inputs[1] if isinstance(inputs[1], tuple) else tuple(inputs[1:])
    if any(_shown(value) is not value for value in given):
        return UnknownText(inputs[0])
    return _text(str(inputs[0]) % given, [*given])


@handles("aten::str", "aten::ord", "aten::chr", "aten::hex", "aten::bin")
def of_one(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if _shown(inputs[0]) is not inputs[0]:
        return UnknownText("?")
    functions: dict[str, Callable[[Any], Any]] = {
        "str": str,
        "ord": ord,
        "chr": chr,
        "hex": hex,
        "bin": bin,
    }
    return functions[node.kind().removeprefix("aten::")](inputs[0])


STRING_METHODS = (
    "lower upper strip lstrip rstrip startswith endswith join replace find isdigit capitalize title"
)


@handles(*(f"aten::{name}" for name in STRING_METHODS.split()))
def string_method(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if not isinstance(inputs[0], str):
        return NotImplemented
    return getattr(inputs[0], node.kind().removeprefix("aten::"))(*inputs[1:])

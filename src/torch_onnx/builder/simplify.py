"""Nodes that do nothing: the builder returns what is there already instead of emitting them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import onnx_ir as ir

from torch_onnx.builder.dtypes import TO_ONNX
from torch_onnx.builder.infer import constant_list
from torch_onnx.builder.values import OnnxValue

Rule: TypeAlias = Callable[[Sequence["OnnxValue | None"], dict[str, Any]], "OnnxValue | None"]


def simplify(
    operator: str, inputs: Sequence[OnnxValue | None], attributes: dict[str, Any]
) -> OnnxValue | None:
    """The value that the node would only repeat, or None where it does something."""
    rule = RULES.get(operator)
    return None if rule is None else rule(inputs, attributes)


def _cast(inputs: Any, attributes: dict[str, Any]) -> OnnxValue | None:
    x: OnnxValue = inputs[0]
    return x if TO_ONNX.get(x.dtype) == ir.DataType(int(attributes["to"])) else None


def _transpose(inputs: Any, attributes: dict[str, Any]) -> OnnxValue | None:
    x: OnnxValue = inputs[0]
    perm = attributes.get("perm")
    return x if perm is not None and list(perm) == list(range(len(perm))) else None


def _reshape(inputs: Any, attributes: dict[str, Any]) -> OnnxValue | None:
    x: OnnxValue = inputs[0]
    target = constant_list(inputs[1])
    if target is None or x.shape is None or len(target) != len(x.shape):
        return None
    copies = not attributes.get("allowzero", 0)
    holes = 0
    for wanted, size in zip(target, x.shape, strict=True):
        if wanted == size or (wanted == 0 and copies):
            continue
        if wanted != -1:
            return None
        holes += 1
    return x if holes <= 1 else None


def _expand(inputs: Any, attributes: dict[str, Any]) -> OnnxValue | None:
    x: OnnxValue = inputs[0]
    target = constant_list(inputs[1])
    if target is None or x.shape is None or len(target) > len(x.shape):
        return None
    tail = x.shape[len(x.shape) - len(target) :]
    return x if all(t in (1, size) for t, size in zip(target, tail, strict=True)) else None


def _concat(inputs: Any, attributes: dict[str, Any]) -> OnnxValue | None:
    return inputs[0] if len(inputs) == 1 else None


def _slice(inputs: Any, attributes: dict[str, Any]) -> OnnxValue | None:
    x: OnnxValue = inputs[0]
    starts, ends = constant_list(inputs[1]), constant_list(inputs[2])
    axes = constant_list(inputs[3]) if len(inputs) > 3 else None
    steps = constant_list(inputs[4]) if len(inputs) > 4 and inputs[4] is not None else None
    if starts is None or ends is None or axes is None or x.shape is None:
        return None
    if any(s != 0 for s in starts) or (steps is not None and any(s != 1 for s in steps)):
        return None
    for end, axis in zip(ends, axes, strict=True):
        size = x.shape[axis]
        whole = end >= size if isinstance(size, int) else end >= 2**31 - 1
        if not whole:
            return None
    return x


def _no_axes(inputs: Any, attributes: dict[str, Any]) -> OnnxValue | None:
    axes = attributes.get("axes")
    if axes is None and len(inputs) > 1:
        axes = constant_list(inputs[1])
    return inputs[0] if axes is not None and len(axes) == 0 else None


def _only(inputs: Any, attributes: dict[str, Any]) -> OnnxValue | None:
    return inputs[0] if len(inputs) == 1 else None


def _neutral(number: float | bool, *, commutes: bool, floats: bool = True) -> Rule:
    """``x op number`` is x, for a zero-dimensional constant that has no say in shape or dtype."""

    def rule(inputs: Any, attributes: dict[str, Any]) -> OnnxValue | None:
        x, y = inputs
        for value, other in ((x, y), (y, x)) if commutes else ((x, y),):
            constant = other.constant
            if constant is None or constant.numel() != 1 or value.shape is None:
                continue
            # Adding 0.0 is no identity of floats: it makes -0.0 a 0.0.
            if value.dtype.is_floating_point and not floats:
                continue
            if constant.dim() <= len(value.shape) and constant.item() == number:
                return value
        return None

    return rule


RULES: dict[str, Rule] = {
    "Add": _neutral(0, commutes=True, floats=False),
    "And": _neutral(True, commutes=True),
    "Div": _neutral(1, commutes=False),
    "Mul": _neutral(1, commutes=True),
    "Or": _neutral(False, commutes=True),
    "Sub": _neutral(0, commutes=False, floats=False),
    "Cast": _cast,
    "Concat": _concat,
    "Expand": _expand,
    "Identity": _only,
    "Max": _only,
    "Min": _only,
    "Reshape": _reshape,
    "Slice": _slice,
    "Squeeze": _no_axes,
    "Sum": _only,
    "Transpose": _transpose,
    "Unsqueeze": _no_axes,
}

"""Nodes on small constants, computed with torch instead of being emitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir
import torch

from torch_onnx.builder.dtypes import FROM_ONNX, is_integer

LARGEST = 1024
"""Constants of more elements than this are never computed, nor copied into nodes."""

Constants: TypeAlias = "Sequence[torch.Tensor | None]"
Rule: TypeAlias = Callable[[Any, dict[str, Any]], "torch.Tensor | None"]


def fold(operator: str, inputs: Constants, attributes: dict[str, Any]) -> torch.Tensor | None:
    """The result of a node on constants, or None where it is not to be folded."""
    rule = RULES.get(operator)
    if rule is None:
        return None
    result = rule(inputs, attributes)
    return None if result is None or result.numel() > LARGEST else result


def _list(
    name: str, position: int, inputs: Constants, attributes: dict[str, Any]
) -> list[int] | None:
    if name in attributes:
        return list(attributes[name])
    if len(inputs) > position and (given := inputs[position]) is not None:
        numbers: list[int] = given.tolist()
        return numbers
    return None


def _divide(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor | None:
    a, b = inputs
    if not is_integer(a.dtype):
        return torch.true_divide(a, b)
    if bool((b == 0).any()):
        return None
    return torch.div(a, b, rounding_mode="trunc")


def _concat(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor:
    return torch.cat(list(inputs), attributes["axis"])


def _gather(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor:
    data, indices = inputs
    axis = attributes.get("axis", 0) % data.dim()
    flat = indices.reshape(-1)
    flat = torch.where(flat < 0, flat + data.shape[axis], flat)
    shape = (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])
    result: torch.Tensor = data.index_select(axis, flat).reshape(shape)
    return result


def _slice(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor | None:
    data = inputs[0]
    starts, ends = inputs[1].tolist(), inputs[2].tolist()
    axes = _list("axes", 3, inputs, attributes) or list(range(len(starts)))
    steps = _list("steps", 4, inputs, attributes) or [1] * len(starts)
    if any(step < 1 for step in steps):
        return None
    index = [slice(None)] * data.dim()
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index[axis] = slice(start, end, step)
    result: torch.Tensor = data[tuple(index)]
    return result


def _squeeze(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor:
    axes = _list("axes", 1, inputs, attributes)
    x: torch.Tensor = inputs[0]
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


def _unsqueeze(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor:
    result: torch.Tensor = inputs[0]
    axes = _list("axes", 1, inputs, attributes) or []
    rank = result.dim() + len(axes)
    for axis in sorted(a % rank for a in axes):
        result = result.unsqueeze(axis)
    return result


def _reshape(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor:
    data, target = inputs[0], inputs[1].tolist()
    if not attributes.get("allowzero", 0):
        target = [data.shape[i] if size == 0 else size for i, size in enumerate(target)]
    result: torch.Tensor = data.reshape(target)
    return result


def _expand(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor | None:
    shape = torch.Size(np.broadcast_shapes(tuple(inputs[0].shape), tuple(inputs[1].tolist())))
    if shape.numel() > LARGEST:
        return None
    result: torch.Tensor = inputs[0].expand(shape)
    return result


def _filled(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor | None:
    shape = torch.Size(inputs[0].tolist())
    value = attributes.get("value")
    if shape.numel() > LARGEST or value is None:
        return None
    return torch.full(shape, value.item(), dtype=value.dtype)


def _range(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor | None:
    start, limit, delta = (i.item() for i in inputs)
    if delta == 0 or (limit - start) / delta > LARGEST:
        return None
    if not is_integer(inputs[0].dtype):
        return None
    return torch.tensor(range(start, limit, delta), dtype=inputs[0].dtype)


def _cast(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor | None:
    target = FROM_ONNX.get(ir.DataType(int(attributes["to"])))
    if target is None or (target.itemsize == 1 and target.is_floating_point):
        return None
    source = inputs[0]
    if source.dtype.is_floating_point and is_integer(target) and not bool(source.isfinite().all()):
        return None
    result: torch.Tensor = source.to(target)
    return result


def _reduce(function: Callable[..., Any]) -> Rule:
    def rule(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor | None:
        axes = _list("axes", 1, inputs, attributes)
        if not axes or inputs[0].numel() == 0:
            return None
        result: torch.Tensor = function(inputs[0], axes, bool(attributes.get("keepdims", 1)))
        return result.to(inputs[0].dtype)

    return rule


def _product(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    for axis in sorted((a % x.dim() for a in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


def _modulo(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor | None:
    a, b = inputs
    if attributes.get("fmod", 0) or not is_integer(a.dtype) or bool((b == 0).any()):
        return None
    return torch.remainder(a, b)


def _power(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor | None:
    base, exponent = inputs
    # Integers have no negative powers, and the result is of the base's dtype.
    is_plain = base.dtype == exponent.dtype and base.dtype.is_floating_point
    return torch.pow(base, exponent) if is_plain else None


def _elementwise(function: Callable[..., Any]) -> Rule:
    def rule(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor | None:
        result: torch.Tensor = function(*inputs)
        return result

    return rule


def _variadic(function: Callable[..., Any]) -> Rule:
    def rule(inputs: Any, attributes: dict[str, Any]) -> torch.Tensor | None:
        result: torch.Tensor = inputs[0]
        for other in inputs[1:]:
            result = function(result, other)
        return result

    return rule


RULES: dict[str, Rule] = {
    "Abs": _elementwise(torch.abs),
    "Add": _elementwise(torch.add),
    "And": _elementwise(torch.logical_and),
    "Cast": _cast,
    "Ceil": _elementwise(torch.ceil),
    "Concat": _concat,
    "ConstantOfShape": _filled,
    "Cos": _elementwise(torch.cos),
    "Div": _divide,
    "Equal": _elementwise(torch.eq),
    "Expand": _expand,
    "Floor": _elementwise(torch.floor),
    "Gather": _gather,
    "Greater": _elementwise(torch.gt),
    "GreaterOrEqual": _elementwise(torch.ge),
    "Identity": _elementwise(lambda x: x),
    "Less": _elementwise(torch.lt),
    "LessOrEqual": _elementwise(torch.le),
    "Max": _variadic(torch.maximum),
    "Min": _variadic(torch.minimum),
    "Mod": _modulo,
    "Mul": _elementwise(torch.mul),
    "Neg": _elementwise(torch.neg),
    "Not": _elementwise(torch.logical_not),
    "Or": _elementwise(torch.logical_or),
    "Pow": _power,
    "Range": _range,
    "ReduceMax": _reduce(torch.amax),
    "ReduceMin": _reduce(torch.amin),
    "ReduceProd": _reduce(_product),
    "ReduceSum": _reduce(torch.sum),
    "Reshape": _reshape,
    "Slice": _slice,
    "Sqrt": _elementwise(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _elementwise(torch.sub),
    "Transpose": lambda i, a: i[0].permute(a.get("perm") or list(range(i[0].dim()))[::-1]),
    "Unsqueeze": _unsqueeze,
    "Where": _elementwise(torch.where),
}

"""The built-in translations, to be called from symbolic functions by their operators' names.

``from torch_onnx import symbolic_opset as opset11`` takes the place of ``from torch.onnx import
symbolic_opset11``: ``opset11.unsqueeze(g, x, 0)`` gives what a call of ``aten::unsqueeze`` becomes
at the export's own opset. ``opset11._cast_Long(g, x, False)`` and its like cast.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from torch_onnx import compat, legacy, symbolic_helper
from torch_onnx.builder.values import OnnxValue
from torch_onnx.capture.binding import operator_named
from torch_onnx.fitting import GIVEN
from torch_onnx.graph import Operator
from torch_onnx.legacy import LegacyGraph, LegacyValue
from torch_onnx.ops import real_table
from torch_onnx.ops.table import SPELLED
from torch_onnx.promotion import promote

_BY_NAME = {name: dtype for dtype, name in legacy.SCALAR_TYPES.items()}


def __getattr__(name: str) -> Callable[..., Any]:
    if name.startswith("_cast_") and name.removeprefix("_cast_") in _BY_NAME:
        return functools.partial(_cast, _BY_NAME[name.removeprefix("_cast_")])
    if name.startswith("__") or not compat.overloads_named(f"aten::{name}"):
        raise AttributeError(f"PyTorch has no operator aten::{name}")
    return functools.partial(_call, name)


def _cast(dtype: torch.dtype, g: LegacyGraph, x: LegacyValue, non_blocking: Any = False) -> Any:
    value = g.tensor(x)
    assert value is not None
    return LegacyValue(g.builder, g.builder.cast(value, dtype))


def select(g: LegacyGraph, self: LegacyValue, dim: Any, index: Any) -> Any:
    """The slices at an index: an index of one dim keeps the axis, as torch.onnx has it."""
    return symbolic_helper._select_helper(g, self, dim, index)


def squeeze(g: LegacyGraph, self: LegacyValue, dim: Any = None) -> Any:
    """The axis taken out, which must be of size 1."""
    if dim is None or symbolic_helper._is_none(dim):
        return g.op("Squeeze", self)
    return symbolic_helper._squeeze_helper(g, self, [symbolic_helper._parse_arg(dim, "i")])


def _call(name: str, g: LegacyGraph, *args: Any, **kwargs: Any) -> Any:
    """The translation of the overload that the arguments fit."""
    given = [_plain(argument) for argument in args]
    named = {key: _plain(argument) for key, argument in kwargs.items()}
    for overload in compat.overloads_named(f"aten::{name}"):
        full = f"aten::{name}" if overload == "default" else f"aten::{name}.{overload}"
        row, operator = real_table().find(full, g.opset), operator_named(full)
        if row is None or operator is None or row.accepts & GIVEN:
            continue
        if not _fits(operator, given, named):
            continue
        bound: dict[str, Any] = {a.name: a.default for a in operator.arguments}
        bound.update(zip(bound, given, strict=False))
        bound.update(named)
        for argument in operator.arguments:
            if "Tensor" not in argument.type:
                bound[argument.name] = _known(bound[argument.name])
        bound = {key: value for key, value in bound.items() if key in row.accepts}
        promote(g.builder, row.promote, row.promote_to_float, bound)
        made = row.fn(g.builder, **{SPELLED.get(key, key): v for key, v in bound.items()})
        if isinstance(made, (list, tuple)):
            return [legacy.wrapped(g.builder, item) for item in made]
        return legacy.wrapped(g.builder, made)
    raise TypeError(f"no overload of aten::{name} can be called with {_kinds(given)}")


def _plain(argument: Any) -> Any:
    if isinstance(argument, LegacyValue):
        if argument.members is not None:
            return [_plain(member) for member in argument.members]
        return argument.constant if argument.onnx is None else argument.onnx
    if isinstance(argument, (list, tuple)):
        return [_plain(item) for item in argument]
    return argument


def _known(argument: Any) -> Any:
    """A number or list of numbers as Python's, where it is a constant of the graph."""
    if isinstance(argument, OnnxValue) and argument.constant is not None:
        return argument.constant.tolist()
    return argument


def _fits(operator: Operator, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    formal = operator.arguments
    if len(args) > len(formal) or operator.is_mutating:
        return False
    given = {a.name for a in formal[: len(args)]} | kwargs.keys()
    if any(not a.has_default and a.name not in given for a in formal):
        return False
    pairs = [(a.type, argument) for a, argument in zip(formal, args, strict=False)]
    pairs += [(a.type, kwargs[a.name]) for a in formal if a.name in kwargs]
    return all(_is_of(kind, argument) for kind, argument in pairs)


def _is_of(kind: str, argument: Any) -> bool:
    if argument is None:
        return kind.startswith("Optional")
    is_list = kind.removeprefix("Optional[").startswith("List")
    if is_list != isinstance(argument, list):
        return False
    sample = argument[0] if is_list and argument else argument
    if isinstance(sample, OnnxValue):
        return "Tensor" in kind or "int" in kind
    return "Tensor" not in kind or (is_list and not argument)


def _kinds(args: Sequence[Any]) -> str:
    return ", ".join(
        "a tensor" if isinstance(argument, OnnxValue) else type(argument).__name__
        for argument in args
    )

"""PyTorch's type promotion, on dtypes and ranks alone."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.dtypes import complex_of
from torch_onnx.builder.values import OnnxValue

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder


def common_dtype(arguments: Sequence[Any], to_float: bool = False) -> torch.dtype:
    """The dtype that PyTorch computes in, by ``torch.result_type``'s rules.

    Tensors of one or more dims outrank zero-dimensional ones, which outrank Python numbers,
    within a category (bool, integer, float, complex). ``to_float`` lifts integers and bools to
    the default float type, as true division does.
    """
    dimensioned, scalar, wrapped = None, None, None
    for argument in arguments:
        if isinstance(argument, OnnxValue) and not argument.is_number:
            if argument.shape == ():
                scalar = _join(scalar, argument.dtype)
            else:
                dimensioned = _join(dimensioned, argument.dtype)
        else:
            wrapped = _join(wrapped, _number_dtype(argument))
    dtype = _result(_result(dimensioned, scalar), wrapped)
    assert dtype is not None, "promotion needs an argument"
    if to_float and not (dtype.is_floating_point or dtype.is_complex):
        return torch.get_default_dtype()
    return dtype


def promote(g: Builder, names: Sequence[str], to_float: bool, args: dict[str, Any]) -> None:
    """Bring those of the arguments to their common type; numbers become constants of it."""
    names = [name for name in names if args.get(name) is not None]
    if not names:
        return
    dtype = common_dtype([args[name] for name in names], to_float)
    for name in names:
        argument = args[name]
        if not isinstance(argument, OnnxValue):
            args[name] = g.constant(argument, dtype)
        elif argument.is_number:
            args[name] = g.scalar(argument, dtype)
        else:
            args[name] = g.cast(argument, dtype)


def _number_dtype(number: Any) -> torch.dtype:
    dtype = number.dtype if isinstance(number, OnnxValue) else torch.tensor(number).dtype
    if dtype.is_floating_point:
        return torch.get_default_dtype()
    return dtype


def _join(a: torch.dtype | None, b: torch.dtype) -> torch.dtype:
    return b if a is None else torch.promote_types(a, b)


@functools.cache
def _category(dtype: torch.dtype) -> int:
    if dtype.is_complex:
        return 3
    if dtype.is_floating_point:
        return 2
    return 0 if dtype == torch.bool else 1


def _result(strong: torch.dtype | None, weak: torch.dtype | None) -> torch.dtype | None:
    """``weak`` counts only where its category is higher."""
    if strong is None or weak is None:
        return strong or weak
    if _category(weak) <= _category(strong):
        return strong
    if _category(weak) == 3 and strong.is_floating_point:
        return complex_of(strong)
    return torch.promote_types(strong, weak) if _category(strong) == _category(weak) else weak

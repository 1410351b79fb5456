"""Shifts of integers: ONNX's BitShift takes unsigned ones only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import Number, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("shifts")

LEFT = (
    "__lshift__.Scalar",
    "__lshift__.Tensor",
    "bitwise_left_shift.Tensor",
    "bitwise_left_shift.Tensor_Scalar",
    "bitwise_left_shift.Scalar_Tensor",
)
RIGHT = tuple(name.replace("__l", "__r").replace("left", "right") for name in LEFT)


@aten(*LEFT)
def left_shift(g: Builder, self: Number, other: Number, result: OnnxValue) -> OnnxValue:
    x, by = _operands(g, self, other, result)
    bits = torch.iinfo(result.dtype).bits
    low = g.Min(g.Max(by, g.constant(0)), g.constant(bits - 1))
    # In two steps, for the highest power is no number of a signed dtype.
    half = g.Div(low, g.constant(2))
    shifted = g.Mul(g.Mul(x, _power(g, half, x)), _power(g, g.Sub(low, half), x))
    beyond = g.Or(g.Less(by, g.constant(0)), g.Greater(by, g.constant(bits - 1)))
    return g.Where(beyond, g.like(0, x), shifted)


@aten(*RIGHT)
def right_shift(g: Builder, self: Number, other: Number, result: OnnxValue) -> OnnxValue:
    x, by = _operands(g, self, other, result)
    unsigned = result.dtype == torch.uint8
    last = torch.iinfo(result.dtype).bits - (1 if unsigned else 2)
    low = g.Min(g.Max(by, g.constant(0)), g.constant(last))
    power = _power(g, low, x)
    beyond = g.Or(g.Less(by, g.constant(0)), g.Greater(by, g.constant(last)))
    if unsigned:
        return g.Where(beyond, g.like(0, x), g.Div(x, power))
    # Division cuts off, and a shift rounds down: of -x - 1 both do the same.
    negative, one = g.Less(x, g.like(0, x)), g.like(1, x)
    mirrored = g.Sub(g.Neg(g.Div(g.Sub(g.Neg(x), one), power)), one)
    shifted = g.Where(negative, mirrored, g.Div(x, power))
    ends = g.Where(negative, g.like(-1, x), g.like(0, x))
    return g.Where(beyond, ends, shifted)


def _operands(
    g: Builder, self: Number, other: Number, result: OnnxValue
) -> tuple[OnnxValue, OnnxValue]:
    """What is shifted, and by how much."""
    if result.dtype.is_floating_point or result.dtype == torch.bool:
        raise NotExpressible(f"a shift of {result.dtype} has no meaning")
    return _tensor(g, self, result.dtype), _tensor(g, other, torch.int64)


def _power(g: Builder, exponent: OnnxValue, x: OnnxValue) -> OnnxValue:
    return g.cast(g.Pow(g.constant(2), exponent), x.dtype)


def _tensor(g: Builder, x: Number, dtype: torch.dtype) -> OnnxValue:
    if isinstance(x, OnnxValue):
        return g.scalar(x, dtype) if x.is_number else g.cast(x, dtype)
    return g.constant(x, dtype)

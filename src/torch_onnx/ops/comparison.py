"""Comparisons, logic and bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("comparison")
BOTH = ("self", "other")


@aten("eq.Tensor", "eq.Scalar", promote=BOTH)
def equal(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return g.Equal(self, other)


@aten("ne.Tensor", "ne.Scalar", promote=BOTH)
def not_equal(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return g.Not(g.Equal(self, other))


@aten("lt.Tensor", "lt.Scalar", promote=BOTH)
def less(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return g.Less(self, other)


@aten("gt.Tensor", "gt.Scalar", promote=BOTH)
def greater(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return g.Greater(self, other)


# Not(Greater) would be true of NaN, hence the Or below opset 12.
@aten("le.Tensor", "le.Scalar", promote=BOTH)
def less_or_equal(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    if g.opset >= 12:
        return g.LessOrEqual(self, other)
    return g.Or(g.Less(self, other), g.Equal(self, other))


@aten("ge.Tensor", "ge.Scalar", promote=BOTH)
def greater_or_equal(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    if g.opset >= 12:
        return g.GreaterOrEqual(self, other)
    return g.Or(g.Greater(self, other), g.Equal(self, other))


@aten("logical_and")
def logical_and(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return g.And(g.cast(self, torch.bool), g.cast(other, torch.bool))


@aten("logical_or")
def logical_or(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return g.Or(g.cast(self, torch.bool), g.cast(other, torch.bool))


@aten("logical_xor")
def logical_xor(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return g.Xor(g.cast(self, torch.bool), g.cast(other, torch.bool))


@aten("logical_not")
def logical_not(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Not(g.cast(self, torch.bool))


def _bitwise(names: tuple[str, ...], on_bools: str, on_integers: str) -> None:
    def translate(g: Builder, self: OnnxValue, other: OnnxValue) -> Any:
        return getattr(g, on_bools if self.dtype == torch.bool else on_integers)(self, other)

    aten(*names, promote=BOTH)(translate)


def _overloads(name: str) -> tuple[str, ...]:
    python = f"__{name}__"
    return (
        f"bitwise_{name}.Tensor",
        f"bitwise_{name}.Scalar",
        f"{python}.Tensor",
        f"{python}.Scalar",
    )


_bitwise(_overloads("and"), "And", "BitwiseAnd")
_bitwise(_overloads("or"), "Or", "BitwiseOr")
_bitwise(_overloads("xor"), "Xor", "BitwiseXor")


@aten("bitwise_not")
def bitwise_not(g: Builder, self: OnnxValue) -> OnnxValue:
    if self.dtype == torch.bool:
        return g.Not(self)
    if g.opset >= 18 or self.dtype == torch.uint8:
        return g.BitwiseNot(self)
    return g.Sub(g.like(-1, self), self)


@aten("where.self", "where.ScalarOther", "where.ScalarSelf", "where.Scalar", promote=BOTH)
def where(g: Builder, condition: OnnxValue, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return g.Where(g.cast(condition, torch.bool), self, other)


@aten("isclose", promote=BOTH)
def is_close(
    g: Builder,
    self: OnnxValue,
    other: OnnxValue,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> OnnxValue:
    same = g.Equal(self, other)
    if self.dtype.is_complex:
        raise NotExpressible("isclose of complex tensors is not translated")
    if equal_nan and self.dtype.is_floating_point:
        same = g.Or(same, g.And(g.IsNaN(self), g.IsNaN(other)))
    if not self.dtype.is_floating_point:
        self, other = (g.cast(x, torch.get_default_dtype()) for x in (self, other))
    bound = g.Add(g.like(atol, self), g.Mul(g.like(rtol, self), g.Abs(other)))
    distance = g.Abs(g.Sub(self, other))
    near = g.And(less_or_equal(g, distance, bound), g.Not(g.IsInf(distance)))
    return g.Or(near, same)

"""Elementwise arithmetic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("arithmetic")
BOTH = ("self", "other")

aten.unary({"abs": "Abs", "neg": "Neg", "sign": "Sign", "sgn": "Sign"})
aten.unary(
    {
        "acos": "Acos", "acosh": "Acosh", "asin": "Asin", "asinh": "Asinh", "atan": "Atan",
        "atanh": "Atanh", "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "log": "Log",
        "reciprocal": "Reciprocal", "sigmoid": "Sigmoid", "sin": "Sin", "sinh": "Sinh",
        "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh",
    },
    promote_to_float=True,
)  # fmt: skip


def scaled(g: Builder, x: OnnxValue, factor: Any) -> OnnxValue:
    """``factor * x``; nothing for a factor of 1."""
    if isinstance(factor, OnnxValue):
        return g.Mul(x, g.scalar(factor, x.dtype))  # type: ignore[no-any-return]
    return x if factor == 1 else g.Mul(x, g.like(factor, x))


@aten("add.Tensor", "add.Scalar", promote=BOTH)
def add(g: Builder, self: OnnxValue, other: OnnxValue, alpha: Any = 1) -> OnnxValue:
    if self.dtype == torch.bool:
        return g.Or(self, other) if alpha else self
    return g.Add(self, scaled(g, other, alpha))  # type: ignore[no-any-return]


@aten("sub.Tensor", "sub.Scalar", promote=BOTH)
def subtract(g: Builder, self: OnnxValue, other: OnnxValue, alpha: Any = 1) -> OnnxValue:
    return g.Sub(self, scaled(g, other, alpha))  # type: ignore[no-any-return]


@aten("rsub.Tensor", "rsub.Scalar", promote=BOTH)
def reverse_subtract(g: Builder, self: OnnxValue, other: OnnxValue, alpha: Any = 1) -> OnnxValue:
    return g.Sub(other, scaled(g, self, alpha))  # type: ignore[no-any-return]


@aten("mul.Tensor", "mul.Scalar", promote=BOTH)
def multiply(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    if self.dtype == torch.bool:
        return g.And(self, other)  # type: ignore[no-any-return]
    return g.Mul(self, other)  # type: ignore[no-any-return]


@aten("div.Tensor", "div.Scalar", "true_divide.Tensor", promote=BOTH, promote_to_float=True)
def divide(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return g.Div(self, other)  # type: ignore[no-any-return]


@aten("div.Tensor_mode", "div.Scalar_mode")
def divide_and_round(
    g: Builder, self: OnnxValue, other: Any, rounding_mode: str | None, result: OnnxValue
) -> OnnxValue:
    if rounding_mode is None:
        x, y = _in(g, self, result.dtype), _in(g, other, result.dtype)
        return divide(g, x, y)
    x, y = _in(g, self, result.dtype), _in(g, other, result.dtype)
    if rounding_mode == "floor":
        return floor_divide(g, x, y)
    quotient = g.Div(x, y)
    return truncate(g, quotient) if x.dtype.is_floating_point else quotient


def _in(g: Builder, number: Any, dtype: torch.dtype) -> OnnxValue:
    if isinstance(number, OnnxValue):
        return g.scalar(number, dtype) if number.is_number else g.cast(number, dtype)
    return g.constant(number, dtype)


@aten("floor_divide", "floor_divide.Scalar", promote=BOTH)
def floor_divide(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """Integers: ONNX's Div truncates, so the remainder (of the divisor's sign) goes off first."""
    if self.dtype.is_floating_point:
        return g.Floor(g.Div(self, other))  # type: ignore[no-any-return]
    if self.dtype in (torch.uint8, torch.bool):
        return g.Div(self, other)  # type: ignore[no-any-return]
    return g.Div(g.Sub(self, g.Mod(self, other)), other)  # type: ignore[no-any-return]


@aten("remainder.Tensor", "remainder.Scalar", "remainder.Scalar_Tensor", promote=BOTH)
def remainder(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """Of the divisor's sign, as Python's ``%``."""
    if not self.dtype.is_floating_point:
        return g.Mod(self, other)  # type: ignore[no-any-return]
    rest = g.Mod(self, other, fmod=1)
    other_sign = g.Less(g.Mul(g.Sign(rest), g.Sign(other)), g.like(0.0, self))
    return g.Where(other_sign, g.Add(rest, other), rest)  # type: ignore[no-any-return]


@aten("fmod.Tensor", "fmod.Scalar", promote=BOTH)
def fmod(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """Of the dividend's sign, as C's fmod."""
    return g.Mod(self, other, fmod=1)  # type: ignore[no-any-return]


@aten("pow.Tensor_Scalar")
def power_of_number(g: Builder, self: OnnxValue, exponent: Any, result: OnnxValue) -> OnnxValue:
    x = g.cast(self, result.dtype)
    simple = {0.5: "Sqrt", -1: "Reciprocal"}
    if not isinstance(exponent, OnnxValue):
        if exponent == 2:
            return g.Mul(x, x)  # type: ignore[no-any-return]
        if exponent == 1:
            return x
        if exponent in simple and x.dtype.is_floating_point:
            return getattr(g, simple[exponent])(x)  # type: ignore[no-any-return]
        if exponent == -0.5:
            return g.Reciprocal(g.Sqrt(x))  # type: ignore[no-any-return]
    return g.Pow(x, _in(g, exponent, x.dtype))  # type: ignore[no-any-return]


@aten("pow.Tensor_Tensor", "pow.Scalar")
def power(g: Builder, self: Any, exponent: OnnxValue, result: OnnxValue) -> OnnxValue:
    return g.Pow(_in(g, self, result.dtype), g.cast(exponent, result.dtype))  # type: ignore[no-any-return]


@aten("square", promote=("self",))
def square(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Mul(self, self)  # type: ignore[no-any-return]


@aten("rsqrt", promote=("self",), promote_to_float=True)
def reciprocal_square_root(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Reciprocal(g.Sqrt(self))  # type: ignore[no-any-return]


@aten("exp2", promote=("self",), promote_to_float=True)
def exp2(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Pow(g.like(2.0, self), self)  # type: ignore[no-any-return]


@aten("log2", promote=("self",), promote_to_float=True)
def log2(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Div(g.Log(self), g.like(math.log(2.0), self))  # type: ignore[no-any-return]


@aten("log10", promote=("self",), promote_to_float=True)
def log10(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Div(g.Log(self), g.like(math.log(10.0), self))  # type: ignore[no-any-return]


@aten("erfc", promote=("self",), promote_to_float=True)
def erfc(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Sub(g.like(1.0, self), g.Erf(self))  # type: ignore[no-any-return]


def _rounding(name: str, onnx_operator: str) -> None:
    def translate(g: Builder, self: OnnxValue) -> Any:
        return getattr(g, onnx_operator)(self) if self.dtype.is_floating_point else self

    aten(name)(translate)


_rounding("ceil", "Ceil")
_rounding("floor", "Floor")
_rounding("round", "Round")


@aten("trunc", "fix")
def truncate(g: Builder, self: OnnxValue) -> OnnxValue:
    if not self.dtype.is_floating_point:
        return self
    return g.Mul(g.Sign(self), g.Floor(g.Abs(self)))  # type: ignore[no-any-return]


@aten("frac")
def fraction(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Sub(self, truncate(g, self))  # type: ignore[no-any-return]


@aten("clamp", "clip")
def clamp(
    g: Builder, self: OnnxValue, result: OnnxValue, min: Any = None, max: Any = None
) -> OnnxValue:
    x = g.cast(self, result.dtype)
    low, high = (None if n is None else _in(g, n, x.dtype) for n in (min, max))
    return clip(g, x, low, high)


@aten("clamp_min")
def clamp_min(g: Builder, self: OnnxValue, min: Any, result: OnnxValue) -> OnnxValue:
    return clamp(g, self, result, min=min)


@aten("clamp_max")
def clamp_max(g: Builder, self: OnnxValue, max: Any, result: OnnxValue) -> OnnxValue:
    return clamp(g, self, result, max=max)


@aten("clamp.Tensor", "clip.Tensor")
def clamp_by_tensors(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    min: OnnxValue | None = None,
    max: OnnxValue | None = None,
) -> OnnxValue:
    x = g.cast(self, result.dtype)
    if min is not None:
        x = g.Max(x, g.cast(min, x.dtype))
    return x if max is None else g.Min(x, g.cast(max, x.dtype))


def clip(g: Builder, x: OnnxValue, low: OnnxValue | None, high: OnnxValue | None) -> OnnxValue:
    """Max before Min, so that the upper bound wins where the bounds cross, as in PyTorch."""
    constant = all(bound is None or bound.constant is not None for bound in (low, high))
    crossing = (
        low is not None
        and high is not None
        and constant
        and low.constant is not None
        and high.constant is not None
        and bool(low.constant > high.constant)
    )
    if constant and not crossing and (g.opset >= 12 or x.dtype.is_floating_point):
        return g.Clip(x, low, high)  # type: ignore[no-any-return]
    if low is not None:
        x = g.Max(x, low)
    return x if high is None else g.Min(x, high)


@aten("maximum", "max.other", promote=BOTH)
def maximum(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    if self.dtype == torch.bool:
        return g.Or(self, other)  # type: ignore[no-any-return]
    return g.Max(self, other)  # type: ignore[no-any-return]


@aten("minimum", "min.other", promote=BOTH)
def minimum(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    if self.dtype == torch.bool:
        return g.And(self, other)  # type: ignore[no-any-return]
    return g.Min(self, other)  # type: ignore[no-any-return]


@aten("addcmul", promote=("self", "tensor1", "tensor2"))
def add_product(
    g: Builder, self: OnnxValue, tensor1: OnnxValue, tensor2: OnnxValue, value: Any = 1
) -> OnnxValue:
    return g.Add(self, scaled(g, g.Mul(tensor1, tensor2), value))  # type: ignore[no-any-return]


@aten("addcdiv", promote=("self", "tensor1", "tensor2"), promote_to_float=True)
def add_quotient(
    g: Builder, self: OnnxValue, tensor1: OnnxValue, tensor2: OnnxValue, value: Any = 1
) -> OnnxValue:
    return g.Add(self, scaled(g, g.Div(tensor1, tensor2), value))  # type: ignore[no-any-return]


@aten("isnan")
def is_nan(g: Builder, self: OnnxValue) -> OnnxValue:
    if self.dtype.is_floating_point:
        return g.IsNaN(self)  # type: ignore[no-any-return]
    return _all_false(g, self)


@aten("isinf")
def is_infinite(g: Builder, self: OnnxValue) -> OnnxValue:
    if self.dtype.is_floating_point:
        return g.IsInf(self)  # type: ignore[no-any-return]
    return _all_false(g, self)


@aten("isfinite")
def is_finite(g: Builder, self: OnnxValue) -> OnnxValue:
    if not self.dtype.is_floating_point:
        return g.Not(_all_false(g, self))  # type: ignore[no-any-return]
    return g.Not(g.Or(g.IsNaN(self), g.IsInf(self)))  # type: ignore[no-any-return]


def _all_false(g: Builder, x: OnnxValue) -> OnnxValue:
    if x.dtype == torch.bool:
        return g.And(x, g.Not(x))  # type: ignore[no-any-return]
    return g.Not(g.Equal(x, x))  # type: ignore[no-any-return]


@aten("lerp.Scalar", "lerp.Tensor", promote=("self", "end", "weight"))
def lerp(g: Builder, self: OnnxValue, end: OnnxValue, weight: OnnxValue) -> OnnxValue:
    return g.Add(self, g.Mul(weight, g.Sub(end, self)))  # type: ignore[no-any-return]

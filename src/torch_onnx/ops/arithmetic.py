"""Elementwise arithmetic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.dtypes import is_integer
from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.approximation import computable
from torch_onnx.ops.integers import integer_power
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("arithmetic")
BOTH = ("self", "other")

aten.unary({"abs": "Abs", "neg": "Neg"})
aten.unary(
    {
        "acos": "Acos", "acosh": "Acosh", "asin": "Asin", "asinh": "Asinh", "atan": "Atan",
        "atanh": "Atanh", "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "log": "Log",
        "reciprocal": "Reciprocal", "sigmoid": "Sigmoid", "sin": "Sin", "sinh": "Sinh",
        "sqrt": "Sqrt", "tanh": "Tanh",
    },
    promote_to_float=True,
)  # fmt: skip


@aten("tan", promote=("self",), promote_to_float=True)
def tan(g: Builder, self: OnnxValue) -> OnnxValue:
    """ONNX Runtime has no Tan of float64, and in float32 the poles are elsewhere."""
    return g.Div(g.Sin(self), g.Cos(self)) if self.dtype == torch.float64 else g.Tan(self)


def scaled(g: Builder, x: OnnxValue, factor: Any) -> OnnxValue:
    """``factor * x``; nothing for a factor of 1."""
    if isinstance(factor, OnnxValue):
        return g.Mul(x, g.scalar(factor, x.dtype))
    return x if factor == 1 else g.Mul(x, g.like(factor, x))


@aten("sign", "sgn")
def sign(g: Builder, self: OnnxValue) -> OnnxValue:
    result = g.Sign(self)
    if not self.dtype.is_floating_point:
        return result
    # PyTorch's sign of NaN is 0.
    return g.Where(g.IsNaN(self), g.like(0.0, self), result)


@aten("angle", promote=("self",), promote_to_float=True)
def angle(g: Builder, self: OnnxValue) -> OnnxValue:
    """π for negative numbers, else 0; NaN stays."""
    zero = g.like(0.0, self)
    result = g.Where(g.Less(self, zero), g.like(math.pi, self), zero)
    return g.Where(g.IsNaN(self), self, result)


@aten("add.Tensor", "add.Scalar", promote=BOTH)
def add(g: Builder, self: OnnxValue, other: OnnxValue, alpha: Any = 1) -> OnnxValue:
    if self.dtype == torch.bool:
        return g.Or(self, other) if alpha else self
    return g.Add(self, scaled(g, other, alpha))


@aten("sub.Tensor", "sub.Scalar", promote=BOTH)
def subtract(g: Builder, self: OnnxValue, other: OnnxValue, alpha: Any = 1) -> OnnxValue:
    return g.Sub(self, scaled(g, other, alpha))


@aten("rsub.Tensor", "rsub.Scalar", promote=BOTH)
def reverse_subtract(g: Builder, self: OnnxValue, other: OnnxValue, alpha: Any = 1) -> OnnxValue:
    return g.Sub(other, scaled(g, self, alpha))


@aten("mul.Tensor", "mul.Scalar", promote=BOTH)
def multiply(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    if self.dtype == torch.bool:
        return g.And(self, other)
    return g.Mul(self, other)


@aten("div.Tensor", "div.Scalar", "true_divide.Tensor", promote=BOTH, promote_to_float=True)
def divide(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return g.Div(self, other)


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
        return _floor_of_quotient(g, self, other)
    if self.dtype in (torch.uint8, torch.bool):
        return g.Div(self, other)
    return g.Div(g.Sub(self, g.Mod(self, other)), other)


def _floor_of_quotient(g: Builder, x: OnnxValue, y: OnnxValue) -> OnnxValue:
    """By the remainder, as Python's ``//``: 1 // 0.1 is 9, though 1 / 0.1 rounds to 10."""
    a, b = computable(g, x), computable(g, y)
    zero, one = g.like(0.0, a), g.like(1.0, a)
    quotient, rest = g.Div(a, b), g.Mod(a, b, fmod=1)
    whole = g.Round(g.Div(g.Sub(a, rest), b))
    below = g.Less(g.Mul(g.Sign(rest), g.Sign(b)), zero)
    whole = g.Where(below, g.Sub(whole, one), whole)
    # A zero has the sign of the quotient, which is itself the result of a division by zero.
    whole = g.Where(g.Equal(whole, zero), g.Mul(zero, quotient), whole)
    return g.cast(g.Where(g.Equal(b, zero), quotient, whole), x.dtype)


@aten("remainder.Tensor", "remainder.Scalar", "remainder.Scalar_Tensor", promote=BOTH)
def remainder(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """Of the divisor's sign, as Python's ``%``."""
    if not self.dtype.is_floating_point:
        return g.Mod(self, other)
    rest = g.Mod(self, other, fmod=1)
    other_sign = g.Less(g.Mul(g.Sign(rest), g.Sign(other)), g.like(0.0, self))
    return g.Where(other_sign, g.Add(rest, other), rest)


@aten("fmod.Tensor", "fmod.Scalar", promote=BOTH)
def fmod(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """Of the dividend's sign, as C's fmod."""
    return g.Mod(self, other, fmod=1)


@aten("pow.Tensor_Scalar")
def power_of_number(g: Builder, self: OnnxValue, exponent: Any, result: OnnxValue) -> OnnxValue:
    x = g.cast(self, result.dtype)
    simple = {0.5: "Sqrt", -1: "Reciprocal"}
    if not isinstance(exponent, OnnxValue):
        if exponent == 2:
            return g.Mul(x, x)
        if exponent == 1:
            return x
        if exponent in simple and x.dtype.is_floating_point:
            return getattr(g, simple[exponent])(x)
        if exponent == -0.5:
            return g.Reciprocal(g.Sqrt(x))
    return _power(g, x, _in(g, exponent, x.dtype))


@aten("pow.Tensor_Tensor", "pow.Scalar")
def power(g: Builder, self: Any, exponent: OnnxValue, result: OnnxValue) -> OnnxValue:
    return _power(g, _in(g, self, result.dtype), g.cast(exponent, result.dtype))


def _power(g: Builder, base: OnnxValue, exponent: OnnxValue) -> OnnxValue:
    whole = is_integer(base.dtype)
    return integer_power(g, base, exponent) if whole else g.Pow(base, exponent)


@aten("square", promote=("self",))
def square(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Mul(self, self)


@aten("rsqrt", promote=("self",), promote_to_float=True)
def reciprocal_square_root(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Reciprocal(g.Sqrt(self))


@aten("exp2", promote=("self",), promote_to_float=True)
def exp2(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Pow(g.like(2.0, self), self)


@aten("log2", promote=("self",), promote_to_float=True)
def log2(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Div(g.Log(self), g.like(math.log(2.0), self))


@aten("log10", promote=("self",), promote_to_float=True)
def log10(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Div(g.Log(self), g.like(math.log(10.0), self))


@aten("erfc", promote=("self",), promote_to_float=True)
def erfc(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Sub(g.like(1.0, self), g.Erf(self))


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
    return g.Mul(g.Sign(self), g.Floor(g.Abs(self)))


@aten("frac")
def fraction(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Sub(self, truncate(g, self))


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
    # In models of opset 11 ONNX Runtime has it of float32 alone.
    if constant and not crossing and (g.opset >= 12 or x.dtype == torch.float32):
        return g.Clip(x, low, high)
    if low is not None:
        x = g.Max(x, low)
    return x if high is None else g.Min(x, high)


@aten("maximum", "max.other", promote=BOTH)
def maximum(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    if self.dtype == torch.bool:
        return g.Or(self, other)
    return g.Max(self, other)


@aten("minimum", "min.other", promote=BOTH)
def minimum(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    if self.dtype == torch.bool:
        return g.And(self, other)
    return g.Min(self, other)


@aten("addcmul", promote=("self", "tensor1", "tensor2"))
def add_product(
    g: Builder, self: OnnxValue, tensor1: OnnxValue, tensor2: OnnxValue, value: Any = 1
) -> OnnxValue:
    return g.Add(self, scaled(g, g.Mul(tensor1, tensor2), value))


@aten("addcdiv", promote=("self", "tensor1", "tensor2"), promote_to_float=True)
def add_quotient(
    g: Builder, self: OnnxValue, tensor1: OnnxValue, tensor2: OnnxValue, value: Any = 1
) -> OnnxValue:
    return g.Add(self, scaled(g, g.Div(tensor1, tensor2), value))


@aten("isnan")
def is_nan(g: Builder, self: OnnxValue) -> OnnxValue:
    if self.dtype.is_floating_point:
        return g.IsNaN(self)
    return _all_false(g, self)


@aten("isinf")
def is_infinite(g: Builder, self: OnnxValue) -> OnnxValue:
    if self.dtype.is_floating_point:
        return g.IsInf(self)
    return _all_false(g, self)


@aten("isposinf")
def is_positive_infinite(g: Builder, self: OnnxValue) -> OnnxValue:
    if self.dtype.is_floating_point:
        return g.IsInf(self, detect_negative=0)
    return _all_false(g, self)


@aten("isneginf")
def is_negative_infinite(g: Builder, self: OnnxValue) -> OnnxValue:
    if self.dtype.is_floating_point:
        return g.IsInf(self, detect_positive=0)
    return _all_false(g, self)


@aten("isfinite")
def is_finite(g: Builder, self: OnnxValue) -> OnnxValue:
    if not self.dtype.is_floating_point:
        return g.Not(_all_false(g, self))
    return g.Not(g.Or(g.IsNaN(self), g.IsInf(self)))


def _all_false(g: Builder, x: OnnxValue) -> OnnxValue:
    if x.dtype == torch.bool:
        return g.And(x, g.Not(x))
    return g.Not(g.Equal(x, x))


@aten("lerp.Scalar", "lerp.Tensor", promote=("self", "end", "weight"))
def lerp(g: Builder, self: OnnxValue, end: OnnxValue, weight: OnnxValue) -> OnnxValue:
    """From the nearer end, as PyTorch computes it: weights of 0 and 1 give just the ends."""
    way = g.Sub(end, self)
    known = None if weight.constant is None else weight.constant
    near = g.Add(self, g.Mul(weight, way))
    if known is not None and bool((known.abs() < 0.5).all()):
        return near
    far = g.Sub(end, g.Mul(way, g.Sub(g.like(1, weight), weight)))
    if known is not None and bool((known.abs() >= 0.5).all()):
        return far
    return g.Where(g.Less(g.Abs(weight), g.like(0.5, weight)), near, far)


@aten("expm1", promote=("self",), promote_to_float=True)
def expm1(g: Builder, self: OnnxValue) -> OnnxValue:
    """``2 sinh(x/2) exp(x/2)`` near zero, where ``exp(x) - 1`` loses digits."""
    near = g.Less(g.Abs(self), g.like(0.5, self))
    half = g.Mul(g.Where(near, self, g.like(0.0, self)), g.like(0.5, self))
    small = g.Mul(g.Mul(g.like(2.0, self), g.Sinh(half)), g.Exp(half))
    return g.Where(near, small, g.Sub(g.Exp(self), g.like(1.0, self)))


@aten("log1p", promote=("self",), promote_to_float=True)
def log1p(g: Builder, self: OnnxValue) -> OnnxValue:
    """``2 atanh(x / (2 + x))`` near zero, where ``log(1 + x)`` loses digits."""
    near = g.Less(g.Abs(self), g.like(0.25, self))
    small = g.Where(near, self, g.like(0.0, self))
    series = g.Mul(g.like(2.0, self), g.Atanh(g.Div(small, g.Add(small, g.like(2.0, self)))))
    return g.Where(near, series, g.Log(g.Add(self, g.like(1.0, self))))


@aten("logit", promote=("self",), promote_to_float=True)
def logit(g: Builder, self: OnnxValue, eps: float | None = None) -> OnnxValue:
    x = self if eps is None else clip(g, self, g.like(eps, self), g.like(1 - eps, self))
    return g.Log(g.Div(x, g.Sub(g.like(1.0, x), x)))


@aten("hypot", promote=BOTH)
def hypot(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """Scaled by the larger side, so that squares neither overflow nor vanish."""
    a, b = g.Abs(self), g.Abs(other)
    large, small = g.Max(a, b), g.Min(a, b)
    zero, one = g.like(0.0, a), g.like(1.0, a)
    plain = g.Or(g.Equal(large, zero), g.IsInf(large))
    ratio = g.Div(small, g.Where(plain, one, large))
    length = g.Mul(large, g.Sqrt(g.Add(g.Mul(ratio, ratio), one)))
    return g.Where(plain, large, length)


@aten("logaddexp", promote=BOTH)
def logaddexp(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    large = g.Max(self, other)
    # Equal infinities have no difference.
    distance = g.Where(g.Equal(self, other), g.like(0.0, self), g.Neg(g.Abs(g.Sub(self, other))))
    return g.Add(large, g.Log(g.Add(g.like(1.0, self), g.Exp(distance))))


@aten(
    "xlogy.Tensor", "xlogy.Scalar_Other", "xlogy.Scalar_Self", promote=BOTH, promote_to_float=True
)
def xlogy(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    product = g.Mul(self, g.Log(other))
    zero = g.And(g.Equal(self, g.like(0.0, self)), g.Not(g.IsNaN(other)))
    return g.Where(zero, g.like(0.0, self), product)


@aten("atan2", promote=BOTH, promote_to_float=True)
def atan2(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """The angle of (other, self), quadrant by quadrant; 1/x tells -0.0 from 0.0."""
    y, x = self, other
    zero, pi = g.like(0.0, y), g.like(math.pi, y)
    both_infinite = g.And(g.IsInf(x), g.IsInf(y))
    a = g.Where(both_infinite, g.Sign(y), y)
    b = g.Where(both_infinite, g.Sign(x), x)
    origin = g.And(g.Equal(a, zero), g.Equal(b, zero))
    # A divisor of -0.0 would turn the angle to the other side.
    angle = g.Where(origin, a, g.Atan(g.Div(a, g.Where(g.Equal(b, zero), zero, b))))
    left = g.Or(g.Less(b, zero), g.And(origin, g.Less(g.Reciprocal(b), zero)))
    below = g.Or(g.Less(a, zero), g.And(g.Equal(a, zero), g.Less(g.Reciprocal(a), zero)))
    turn = g.Where(below, g.Neg(pi), pi)
    return g.Where(left, g.Add(angle, turn), angle)


@aten("fmax", promote=BOTH)
def fmax(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """The larger number; NaN only where both are."""
    return _but_for_nan(g, maximum(g, self, other), self, other)


@aten("fmin", promote=BOTH)
def fmin(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """The smaller number; NaN only where both are."""
    return _but_for_nan(g, minimum(g, self, other), self, other)


def _but_for_nan(g: Builder, chosen: OnnxValue, a: OnnxValue, b: OnnxValue) -> OnnxValue:
    if not a.dtype.is_floating_point:
        return chosen
    return g.Where(g.IsNaN(a), b, g.Where(g.IsNaN(b), a, chosen))


@aten("nan_to_num")
def nan_to_num(
    g: Builder,
    self: OnnxValue,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> OnnxValue:
    if not self.dtype.is_floating_point:
        return self
    limits = torch.finfo(self.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    x = g.Where(g.IsNaN(self), g.like(nan or 0.0, self), self)
    infinite = g.IsInf(x)
    bound = g.Where(g.Greater(x, g.like(0.0, x)), g.like(high, x), g.like(low, x))
    return g.Where(infinite, bound, x)


@aten("heaviside", promote=("self", "values"))
def heaviside(g: Builder, self: OnnxValue, values: OnnxValue) -> OnnxValue:
    zero, one = g.like(0, self), g.like(1, self)
    step = g.Where(g.Greater(self, zero), one, zero)
    return g.Where(g.Equal(self, zero), values, step)


def _by_factor(name: str, factor: float) -> None:
    def translate(g: Builder, self: OnnxValue) -> Any:
        return g.Mul(self, g.like(factor, self))

    aten(name, promote=("self",), promote_to_float=True)(translate)


_by_factor("deg2rad", math.pi / 180)
_by_factor("rad2deg", 180 / math.pi)


@aten("round.decimals")
def round_to_decimals(g: Builder, self: OnnxValue, decimals: int) -> OnnxValue:
    if not self.dtype.is_floating_point:
        return self
    factor = g.like(float(10 ** abs(decimals)), self)
    if decimals < 0:
        return g.Mul(g.Round(g.Div(self, factor)), factor)
    return g.Div(g.Round(g.Mul(self, factor)), factor)


@aten("sinc", promote=("self",), promote_to_float=True)
def sinc(g: Builder, self: OnnxValue) -> OnnxValue:
    zero = g.Equal(self, g.like(0.0, self))
    angle = g.Mul(self, g.like(math.pi, self))
    safe = g.Where(zero, g.like(1.0, self), angle)
    return g.Where(zero, g.like(1.0, self), g.Div(g.Sin(safe), safe))


@aten("signbit")
def sign_bit(g: Builder, self: OnnxValue) -> OnnxValue:
    zero = g.like(0, self)
    if not self.dtype.is_floating_point:
        return g.Less(self, zero)
    # The reciprocal of -0.0 is -inf.
    minus_zero = g.And(g.Equal(self, zero), g.Less(g.Reciprocal(self), zero))
    return g.Or(g.Less(self, zero), minus_zero)


@aten("copysign.Tensor", "copysign.Scalar", promote=BOTH, promote_to_float=True)
def copysign(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    size = g.Abs(self)
    return g.Where(sign_bit(g, other), g.Neg(size), size)

"""Elementary functions of complex numbers, by real ones of their parts.

The formulas keep away from sums that cancel and from squares that overflow; those of the inverse
functions are Kahan's ("Branch cuts for complex elementary functions", 1987).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops import arithmetic
from torch_onnx.ops.arithmetic import clip
from torch_onnx.ops.complex_values import (
    angle_of,
    equal,
    in_complex,
    magnitude,
    multiply,
    plus,
    quotient,
    reciprocal,
)
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("complex_functions")

# Beyond this a hyperbolic tangent is 1 to the last digit, and e to its square is still finite.
FLAT = 20.0


def _turned(g: Builder, x: OnnxValue) -> OnnxValue:
    """``i x``."""
    a, b = g.both_parts(x)
    return g.complex(g.Neg(b), a)


def _turned_back(g: Builder, x: OnnxValue) -> OnnxValue:
    """``-i x``."""
    a, b = g.both_parts(x)
    return g.complex(b, g.Neg(a))


def _one(g: Builder, x: OnnxValue) -> OnnxValue:
    return g.constant(1.0, x.dtype)


def _times(g: Builder, x: OnnxValue, factor: float) -> OnnxValue:
    return multiply(g, x, g.constant(factor, x.dtype))


def _is_negative(g: Builder, x: OnnxValue) -> OnnxValue:
    """Whether a real x is below zero, or -0.0, which says on which side of a cut it is."""
    zero = g.like(0.0, x)
    return g.Or(g.Less(x, zero), g.And(g.Equal(x, zero), g.Less(g.Reciprocal(x), zero)))


# Real functions that ONNX Runtime has for float32 only.


def _log1p(g: Builder, x: OnnxValue) -> OnnxValue:
    if x.dtype != torch.float64:
        return arithmetic.log1p(g, x)
    # The logarithm of the rounded sum, by what the sum really is.
    one = g.like(1.0, x)
    total = g.Add(x, one)
    same = g.Equal(total, one)
    grown = g.Div(g.Mul(g.Log(total), x), g.Where(same, one, g.Sub(total, one)))
    return g.Where(same, x, g.Where(g.IsInf(total), total, grown))


def _asinh(g: Builder, x: OnnxValue) -> OnnxValue:
    if x.dtype != torch.float64:
        result: OnnxValue = g.Asinh(x)
        return result
    size, one = g.Abs(x), g.like(1.0, x)
    root = g.Sqrt(g.Add(g.Mul(x, x), one))
    grown = _log1p(g, g.Add(size, g.Mul(size, g.Div(size, g.Add(root, one)))))
    return g.Where(_is_negative(g, x), g.Neg(grown), grown)


def _hyperbolic(g: Builder, x: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
    """The hyperbolic sine and cosine of a real x; ONNX Runtime has those of float32 only."""
    if x.dtype != torch.float64:
        return g.Sinh(x), g.Cosh(x)
    half = g.like(0.5, x)
    up, down = g.Mul(half, g.Exp(x)), g.Mul(half, g.Exp(g.Neg(x)))
    near = g.Less(g.Abs(x), half)
    small = g.Where(near, x, g.like(0.0, x))
    square, series = g.Mul(small, small), g.like(1.0, x)
    for n in (12, 10, 8, 6, 4, 2):
        series = g.Add(g.like(1.0, x), g.Div(g.Mul(square, series), g.like(n * (n + 1.0), x)))
    return g.Where(near, g.Mul(small, series), g.Sub(up, down)), g.Add(up, down)


# Exponentials and logarithms.


@aten("exp")
def exp(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.parts(self)
    size = g.Exp(a)
    return g.complex(size) if b is None else _polar(g, size, b)


def _polar(g: Builder, size: OnnxValue, angle: OnnxValue) -> OnnxValue:
    return g.complex(g.Mul(size, g.Cos(angle)), g.Mul(size, g.Sin(angle)))


@aten("exp2")
def exp2(g: Builder, self: OnnxValue) -> OnnxValue:
    return exp(g, _times(g, self, math.log(2.0)))


@aten("expm1")
def expm1(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.both_parts(self)
    half = g.Sin(g.Mul(b, g.like(0.5, b)))
    below = g.Mul(g.like(2.0, b), g.Mul(half, half))
    real = g.Sub(g.Mul(arithmetic.expm1(g, a), g.Cos(b)), below)
    return g.complex(real, g.Mul(g.Exp(a), g.Sin(b)))


@aten("log")
def log(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.both_parts(self)
    return g.complex(g.Log(magnitude(g, self)), angle_of(g, a, b))


@aten("log2")
def log2(g: Builder, self: OnnxValue) -> OnnxValue:
    return _times(g, log(g, self), 1 / math.log(2.0))


@aten("log10")
def log10(g: Builder, self: OnnxValue) -> OnnxValue:
    return _times(g, log(g, self), 1 / math.log(10.0))


@aten("log1p")
def log1p(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.both_parts(self)
    whole = log(g, plus(g, self, _one(g, self)))
    real, imaginary = g.both_parts(whole)
    near = g.Less(magnitude(g, self), g.like(0.5, a))
    zero = g.like(0.0, a)
    a, b = g.Where(near, a, zero), g.Where(near, b, zero)
    # The square of |1 + z|, less 1.
    square = g.Add(g.Mul(a, g.Add(a, g.like(2.0, a))), g.Mul(b, b))
    exact = g.Mul(g.like(0.5, a), _log1p(g, square))
    return g.complex(g.Where(near, exact, real), imaginary)


@aten("sigmoid")
def sigmoid(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.both_parts(self)
    # The exponential of the negative of anything below is past all digits.
    low = g.Max(a, g.like(-85.0, a))
    away = exp(g, g.complex(g.Neg(low), g.Neg(b)))
    return reciprocal(g, plus(g, away, _one(g, self)))


@aten("silu")
def silu(g: Builder, self: OnnxValue) -> OnnxValue:
    return multiply(g, self, sigmoid(g, self))


@aten("logaddexp", promote=("self", "other"))
def logaddexp(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """The one with the larger real part, and what the other adds to it."""
    (a, b), (c, d) = g.both_parts(self), g.both_parts(other)
    larger = g.Less(a, c)
    high = g.complex(g.Where(larger, c, a), g.Where(larger, d, b))
    low = g.complex(g.Where(larger, a, c), g.Where(larger, b, d))
    return plus(g, high, log1p(g, exp(g, plus(g, low, high, "Sub"))))


# Powers and roots.


@aten("square")
def square(g: Builder, self: OnnxValue) -> OnnxValue:
    return multiply(g, self, self)


@aten("sqrt")
def sqrt(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.both_parts(self)
    zero, half = g.like(0.0, a), g.like(0.5, a)
    wide = g.Add(g.Mul(g.Abs(a), half), g.Mul(magnitude(g, self), half))
    large = g.Sqrt(wide)
    safe = g.Where(g.Equal(large, zero), g.like(1.0, a), large)
    small = g.Div(g.Mul(g.Abs(b), half), safe)
    right = g.Not(g.Less(a, zero))
    real, height = g.Where(right, large, small), g.Where(right, small, large)
    return g.complex(real, g.Where(_is_negative(g, b), g.Neg(height), height))


@aten("rsqrt")
def reciprocal_square_root(g: Builder, self: OnnxValue) -> OnnxValue:
    return reciprocal(g, sqrt(g, self))


@aten("pow.Tensor_Scalar")
def power_of_number(g: Builder, self: OnnxValue, exponent: Any, result: OnnxValue) -> OnnxValue:
    x = in_complex(g, self, result.dtype)
    if not isinstance(exponent, OnnxValue):
        if exponent == 0.5:
            return sqrt(g, x)
        if exponent == -0.5:
            return reciprocal_square_root(g, x)
        if exponent in (-1, -2, 1, 2, 3):
            product = x
            for _ in range(abs(int(exponent.real)) - 1):
                product = multiply(g, product, x)
            return reciprocal(g, product) if exponent.real < 0 else product
    return power(g, x, in_complex(g, exponent, result.dtype), result)


@aten("pow.Tensor_Tensor", "pow.Scalar")
def power(g: Builder, self: Any, exponent: OnnxValue, result: OnnxValue) -> OnnxValue:
    """By the logarithm, which 0 has not: it is 0 to all powers but 0, which is 1."""
    x, y = in_complex(g, self, result.dtype), in_complex(g, exponent, result.dtype)
    zero = equal(g, x, g.constant(0, x.dtype))
    a, b = g.both_parts(x)
    safe = g.complex(g.Where(zero, g.like(1.0, a), a), g.Where(zero, g.like(0.0, b), b))
    real, imaginary = g.both_parts(exp(g, multiply(g, y, log(g, safe))))
    to_zero = g.cast(equal(g, y, g.constant(0, y.dtype)), real.dtype)
    real = g.Where(zero, to_zero, real)
    return g.complex(real, g.Where(zero, g.like(0.0, imaginary), imaginary))


# Trigonometric and hyperbolic functions; those of x by those of i x.


@aten("sinh")
def sinh(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.both_parts(self)
    rise, level = _hyperbolic(g, a)
    return g.complex(g.Mul(rise, g.Cos(b)), g.Mul(level, g.Sin(b)))


@aten("cosh")
def cosh(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.both_parts(self)
    rise, level = _hyperbolic(g, a)
    return g.complex(g.Mul(level, g.Cos(b)), g.Mul(rise, g.Sin(b)))


@aten("tanh")
def tanh(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.both_parts(self)
    a = clip(g, a, g.like(-FLAT, a), g.like(FLAT, a))
    (rise, level), sine, cosine = _hyperbolic(g, a), g.Sin(b), g.Cos(b)
    square = g.Add(g.Mul(rise, rise), g.Mul(cosine, cosine))
    return g.complex(g.Div(g.Mul(rise, level), square), g.Div(g.Mul(sine, cosine), square))


@aten("acosh")
def acosh(g: Builder, self: OnnxValue) -> OnnxValue:
    one = _one(g, self)
    below, above = sqrt(g, plus(g, self, one, "Sub")), sqrt(g, plus(g, self, one))
    (a, b), (c, d) = g.both_parts(below), g.both_parts(above)
    real = _asinh(g, g.Add(g.Mul(a, c), g.Mul(b, d)))
    return g.complex(real, g.Mul(g.like(2.0, a), angle_of(g, c, b)))


@aten("acos")
def acos(g: Builder, self: OnnxValue) -> OnnxValue:
    below, above = _roots_about_one(g, self)
    (a, b), (c, d) = g.both_parts(below), g.both_parts(above)
    height = g.Sub(g.Mul(b, c), g.Mul(a, d))
    return g.complex(g.Mul(g.like(2.0, a), angle_of(g, c, a)), _asinh(g, height))


@aten("asin")
def asin(g: Builder, self: OnnxValue) -> OnnxValue:
    below, above = _roots_about_one(g, self)
    (a, b), (c, d) = g.both_parts(below), g.both_parts(above)
    width = g.Sub(g.Mul(a, c), g.Mul(b, d))
    height = g.Sub(g.Mul(a, d), g.Mul(b, c))
    return g.complex(angle_of(g, width, g.parts(self)[0]), _asinh(g, height))


def _roots_about_one(g: Builder, x: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
    """The roots of ``1 - x`` and ``1 + x``."""
    a, b = g.both_parts(x)
    one = g.like(1.0, a)
    # Negated, not subtracted from 0: the sign of a zero says on which side of the cut x is.
    return sqrt(g, g.complex(g.Sub(one, a), g.Neg(b))), sqrt(g, g.complex(g.Add(one, a), b))


@aten("atanh")
def atanh(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.both_parts(self)
    one, two = g.like(1.0, a), g.like(2.0, a)
    width = g.Abs(a)
    away = g.Sub(one, width)
    square = g.Add(g.Mul(away, away), g.Mul(b, b))
    ratio = g.Div(g.Mul(g.like(4.0, a), width), square)
    grown = g.Mul(g.like(0.25, a), _log1p(g, ratio))
    real = g.Where(_is_negative(g, a), g.Neg(grown), grown)
    inner = g.Sub(g.Mul(away, g.Add(one, width)), g.Mul(b, b))
    return g.complex(real, g.Mul(g.like(0.5, a), angle_of(g, inner, g.Mul(two, b))))


def _by_turning(name: str, function: Callable[[Builder, OnnxValue], OnnxValue]) -> None:
    def translate(g: Builder, self: OnnxValue) -> OnnxValue:
        return _turned_back(g, function(g, _turned(g, self)))

    aten(name)(translate)


_by_turning("sin", sinh)
_by_turning("tan", tanh)
_by_turning("asinh", asin)
_by_turning("atan", atanh)


@aten("cos")
def cos(g: Builder, self: OnnxValue) -> OnnxValue:
    return cosh(g, _turned(g, self))


@aten("sinc")
def sinc(g: Builder, self: OnnxValue) -> OnnxValue:
    x = _times(g, self, math.pi)
    zero = equal(g, x, g.constant(0, x.dtype))
    a, b = g.both_parts(x)
    safe = g.complex(g.Where(zero, g.like(1.0, a), a), b)
    real, imaginary = g.both_parts(quotient(g, _turned_back(g, sinh(g, _turned(g, safe))), safe))
    return g.complex(g.Where(zero, g.like(1.0, a), real), g.Where(zero, g.like(0.0, b), imaginary))

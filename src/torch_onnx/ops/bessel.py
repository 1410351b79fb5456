"""Bessel and Airy functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops import coefficients as c
from torch_onnx.ops.approximation import Chebyshev, computable, evaluate, horner
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("bessel")


def _inverse(g: Builder, factor: float, x: OnnxValue) -> OnnxValue:
    """``factor / x - 1``."""
    return g.Sub(g.Div(g.like(factor, x), x), g.like(1.0, x))


# I: modified, of the first kind. Their scaled forms, exp(-|x|) I(x), are what is computed.


@aten("special_i0e", promote=("self",), promote_to_float=True)
def i0e(g: Builder, self: OnnxValue) -> OnnxValue:
    return _scaled_i0(g, g.Abs(computable(g, self)))


@aten("i0", "special_i0", "special_modified_bessel_i0", promote=("self",), promote_to_float=True)
def i0(g: Builder, self: OnnxValue) -> OnnxValue:
    size = g.Abs(computable(g, self))
    return g.Mul(g.Exp(size), _scaled_i0(g, size))


@aten("special_i1e", promote=("self",), promote_to_float=True)
def i1e(g: Builder, self: OnnxValue) -> OnnxValue:
    x = computable(g, self)
    return _odd(g, x, _scaled_i1(g, g.Abs(x)))


@aten("special_i1", "special_modified_bessel_i1", promote=("self",), promote_to_float=True)
def i1(g: Builder, self: OnnxValue) -> OnnxValue:
    x = computable(g, self)
    size = g.Abs(x)
    return _odd(g, x, g.Mul(g.Exp(size), _scaled_i1(g, size)))


def _odd(g: Builder, x: OnnxValue, of_size: OnnxValue) -> OnnxValue:
    return g.Where(g.Less(x, g.like(0.0, x)), g.Neg(of_size), of_size)


def _scaled_i0(g: Builder, x: OnnxValue) -> OnnxValue:
    small = evaluate(g, c.I0_SMALL, _eighth(g, x))
    return _small_or_large(g, x, 8.0, small, c.I0_LARGE)


def _scaled_i1(g: Builder, x: OnnxValue) -> OnnxValue:
    small = g.Mul(x, evaluate(g, c.I1_SMALL, _eighth(g, x)))
    return _small_or_large(g, x, 8.0, small, c.I1_LARGE)


def _eighth(g: Builder, x: OnnxValue) -> OnnxValue:
    return g.Sub(g.Mul(x, g.like(0.25, x)), g.like(1.0, x))


def _small_or_large(
    g: Builder, x: OnnxValue, bound: float, small: OnnxValue, series: Chebyshev
) -> OnnxValue:
    """``small`` up to the bound, beyond a series in 1/x over the root of x."""
    large = g.Div(evaluate(g, series, _inverse(g, 2 * bound, x)), g.Sqrt(x))
    return g.Where(g.Greater(x, g.like(bound, x)), large, small)


# K: modified, of the second kind, for positive numbers. Infinite at 0.


@aten("special_modified_bessel_k0", promote=("self",), promote_to_float=True)
def k0(g: Builder, self: OnnxValue) -> OnnxValue:
    x = computable(g, self)
    return _unscaled(g, x, _small_k0(g, x), c.K0_LARGE)


@aten("special_scaled_modified_bessel_k0", promote=("x",), promote_to_float=True)
def scaled_k0(g: Builder, x: OnnxValue) -> OnnxValue:
    x = computable(g, x)
    return _small_or_large(g, x, 2.0, g.Mul(g.Exp(x), _small_k0(g, x)), c.K0_LARGE)


@aten("special_modified_bessel_k1", promote=("self",), promote_to_float=True)
def k1(g: Builder, self: OnnxValue) -> OnnxValue:
    x = computable(g, self)
    return _unscaled(g, x, _small_k1(g, x), c.K1_LARGE)


@aten("special_scaled_modified_bessel_k1", promote=("x",), promote_to_float=True)
def scaled_k1(g: Builder, x: OnnxValue) -> OnnxValue:
    x = computable(g, x)
    return _small_or_large(g, x, 2.0, g.Mul(g.Exp(x), _small_k1(g, x)), c.K1_LARGE)


def _unscaled(g: Builder, x: OnnxValue, small: OnnxValue, series: Chebyshev) -> OnnxValue:
    large = g.Div(evaluate(g, series, _inverse(g, 4.0, x)), g.Sqrt(x))
    return g.Where(g.Greater(x, g.like(2.0, x)), g.Mul(g.Exp(g.Neg(x)), large), small)


def _small_k0(g: Builder, x: OnnxValue) -> OnnxValue:
    """For x up to 2. The logarithm makes it infinite at 0 and NaN below."""
    bend = g.Mul(_log_of_half(g, x), g.Mul(g.Exp(x), evaluate(g, c.I0_SMALL, _eighth(g, x))))
    return g.Sub(evaluate(g, c.K0_SMALL, _half_square(g, x)), bend)


def _small_k1(g: Builder, x: OnnxValue) -> OnnxValue:
    """For x up to 2. x log x is nothing at 0, though the logarithm is infinite."""
    positive = g.Where(g.Equal(x, g.like(0.0, x)), g.like(1.0, x), x)
    i1_over_x = g.Mul(g.Exp(x), evaluate(g, c.I1_SMALL, _eighth(g, x)))
    bend = g.Mul(g.Mul(_log_of_half(g, positive), x), i1_over_x)
    rest = g.Div(evaluate(g, c.K1_SMALL, _half_square(g, x)), g.Abs(x))
    return g.Add(bend, rest)


def _log_of_half(g: Builder, x: OnnxValue) -> OnnxValue:
    return g.Log(g.Mul(x, g.like(0.5, x)))


def _half_square(g: Builder, x: OnnxValue) -> OnnxValue:
    """``x²/2 - 1``."""
    return g.Sub(g.Mul(g.Mul(x, x), g.like(0.5, x)), g.like(1.0, x))


# J and Y: of the first and second kind.


@aten("special_bessel_j0", promote=("self",), promote_to_float=True)
def j0(g: Builder, self: OnnxValue) -> OnnxValue:
    x = g.Abs(computable(g, self))
    cosine, sine = _wave(g, x, 0)
    large = g.Sub(cosine[0], sine[1])
    return g.Where(g.Greater(x, g.like(8.0, x)), large, _small_j0(g, x))


@aten("special_bessel_j1", promote=("self",), promote_to_float=True)
def j1(g: Builder, self: OnnxValue) -> OnnxValue:
    x = computable(g, self)
    size = g.Abs(x)
    cosine, sine = _wave(g, size, 1)
    large = g.Sub(cosine[0], sine[1])
    chosen = g.Where(g.Greater(size, g.like(8.0, x)), large, _small_j1(g, size))
    return _odd(g, x, chosen)


@aten("special_bessel_y0", promote=("self",), promote_to_float=True)
def y0(g: Builder, self: OnnxValue) -> OnnxValue:
    x = computable(g, self)
    cosine, sine = _wave(g, x, 0)
    large = g.Add(sine[0], cosine[1])
    log = g.Mul(g.Log(x), g.like(2 / math.pi, x))
    small = g.Add(evaluate(g, c.Y0_SMALL, _square(g, x)), g.Mul(log, _small_j0(g, x)))
    return g.Where(g.Greater(x, g.like(8.0, x)), large, small)


@aten("special_bessel_y1", promote=("self",), promote_to_float=True)
def y1(g: Builder, self: OnnxValue) -> OnnxValue:
    x = computable(g, self)
    cosine, sine = _wave(g, x, 1)
    large = g.Add(sine[0], cosine[1])
    zero = g.Equal(x, g.like(0.0, x))
    log = g.Log(g.Where(zero, g.like(1.0, x), x))
    # The log is NaN below 0, and 1/|x| infinite at both zeros.
    pole = g.Sub(g.Mul(log, _small_j1(g, x)), g.Reciprocal(g.Abs(x)))
    small = g.Mul(x, evaluate(g, c.Y1_SMALL, _square(g, x)))
    small = g.Add(small, g.Mul(pole, g.like(2 / math.pi, x)))
    return g.Where(g.Greater(x, g.like(8.0, x)), large, small)


def _square(g: Builder, x: OnnxValue) -> OnnxValue:
    """``x²/32 - 1``."""
    return g.Sub(g.Mul(g.Mul(x, x), g.like(1 / 32, x)), g.like(1.0, x))


def _small_j0(g: Builder, x: OnnxValue) -> OnnxValue:
    return g.Mul(_zeros(g, x, c.J0_ZEROS), evaluate(g, c.J0_SMALL, _square(g, x)))


def _small_j1(g: Builder, x: OnnxValue) -> OnnxValue:
    rest = g.Mul(x, evaluate(g, c.J1_SMALL, _square(g, x)))
    return g.Mul(_zeros(g, x, c.J1_ZEROS), rest)


def _zeros(g: Builder, x: OnnxValue, squares: tuple[float, float]) -> OnnxValue:
    square = g.Mul(x, x)
    a, b = (g.Sub(square, g.like(zero, x)) for zero in squares)
    return g.Mul(a, b)


def _wave(
    g: Builder, x: OnnxValue, order: int
) -> tuple[tuple[OnnxValue, OnnxValue], tuple[OnnxValue, OnnxValue]]:
    """√(2/πx) cos and sin of x - (2·order + 1) π/4, each times P and times Q."""
    phase = g.Sub(x, g.like((2 * order + 1) * math.pi / 4, x))
    w = g.Div(g.like(8.0, x), x)
    t = g.Sub(g.Mul(g.Mul(w, w), g.like(2.0, x)), g.like(1.0, x))
    p = evaluate(g, (c.P0, c.P1)[order], t)
    q = g.Mul(w, evaluate(g, (c.Q0, c.Q1)[order], t))
    height = g.Div(g.like(math.sqrt(2 / math.pi), x), g.Sqrt(x))
    cosine, sine = (g.Mul(height, wave) for wave in (g.Cos(phase), g.Sin(phase)))
    return (g.Mul(cosine, p), g.Mul(cosine, q)), (g.Mul(sine, p), g.Mul(sine, q))


@aten("special_spherical_bessel_j0", promote=("x",), promote_to_float=True)
def spherical_j0(g: Builder, x: OnnxValue) -> OnnxValue:
    """``sin(x) / x``."""
    x = computable(g, x)
    small = g.Less(g.Abs(x), g.like(0.5, x))
    square = g.Mul(x, x)
    series = horner(g, square, [(-1) ** k / math.factorial(2 * k + 1) for k in range(7)])
    quotient = g.Div(g.Sin(x), x)
    return g.Where(small, series, g.Where(g.IsInf(x), g.like(0.0, x), quotient))


# Airy's function of the first kind.


@aten("special_airy_ai", promote=("x",), promote_to_float=True)
def airy_ai(g: Builder, x: OnnxValue) -> OnnxValue:
    x = computable(g, x)
    size = g.Abs(x)
    root = g.Sqrt(size)
    # In this order, as PyTorch rounds: of a huge phase that decides.
    zeta = g.Div(g.Mul(g.Add(size, size), root), g.like(3.0, x))
    height = g.Div(g.like(math.sqrt(1 / math.pi), x), g.Sqrt(root))

    start = 2 / 3 * 2**1.5
    half = g.Mul(g.like(0.5, x), evaluate(g, c.AIRY_RIGHT, _inverse(g, 2 * start, zeta)))
    right = g.Mul(g.Mul(height, g.Exp(g.Neg(zeta))), half)

    w = g.Div(g.like(2 / 3 * 3.5**1.5, x), zeta)
    t = g.Sub(g.Mul(g.Mul(w, w), g.like(2.0, x)), g.like(1.0, x))
    phase = g.Add(zeta, g.like(math.pi / 4, x))
    cosine = g.Mul(g.Cos(phase), g.Div(evaluate(g, c.AIRY_G, t), zeta))
    left = g.Mul(height, g.Sub(g.Mul(g.Sin(phase), evaluate(g, c.AIRY_F, t)), cosine))

    centred = g.Div(g.Add(x, g.like(0.75, x)), g.like(2.75, x))
    middle = evaluate(g, c.AIRY_MIDDLE, centred)
    result = g.Where(g.Greater(x, g.like(2.0, x)), right, middle)
    result = g.Where(g.Less(x, g.like(-3.5, x)), left, result)
    # PyTorch gives no limit.
    return g.Where(g.IsInf(x), g.like(math.nan, x), result)

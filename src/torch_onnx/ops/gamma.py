"""The gamma function's family: log Γ and its derivatives, Hurwitz's zeta."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops import coefficients as c
from torch_onnx.ops.approximation import computable, evaluate, horner
from torch_onnx.ops.loops import repeat
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("gamma")


# log Γ and its derivative ψ share a scheme: negative numbers are reflected, those below 1 moved
# up by one step of the recurrence, and from 3 on comes Stirling's formula, its rest a series.


@aten("lgamma", "special_gammaln", promote=("self",), promote_to_float=True)
def lgamma(g: Builder, self: OnnxValue) -> OnnxValue:
    x = computable(g, self)
    negative = g.Less(x, g.like(0.0, x))
    positive = log_gamma_of_positive(g, g.Where(negative, g.Sub(g.like(1.0, x), x), x))
    # log Γ(x) = log π - log |sin πx| - log Γ(1 - x)
    sine = g.Abs(g.Sin(g.Mul(_from_integer(g, x), g.like(math.pi, x))))
    reflected = g.Sub(g.Sub(g.like(math.log(math.pi), x), g.Log(sine)), positive)
    pole = g.Or(g.Equal(sine, g.like(0.0, x)), g.Equal(x, g.like(-math.inf, x)))
    reflected = g.Where(pole, g.like(math.inf, x), reflected)
    return g.Where(negative, reflected, positive)


def log_gamma_of_positive(g: Builder, x: OnnxValue) -> OnnxValue:
    """log Γ(x) for x from 0 on."""
    one = g.like(1.0, x)
    below = g.Less(x, one)
    t = g.Sub(g.Where(below, g.Add(x, one), x), g.like(2.0, x))
    zeros = g.Mul(t, g.Add(t, one))
    step = g.Log(g.Where(below, x, one))
    near = g.Sub(g.Mul(evaluate(g, c.LOG_GAMMA, t), zeros), step)
    rest = stirling_rest(g, x)
    # (x - ½) log x - x + log √2π, such that infinity stays infinite.
    growth = g.Mul(g.Sub(x, g.like(0.5, x)), g.Sub(g.Log(x), one))
    far = g.Add(growth, g.Add(rest, g.like(math.log(2 * math.pi) / 2 - 0.5, x)))
    return g.Where(g.Less(x, g.like(3.0, x)), near, far)


def stirling_rest(g: Builder, x: OnnxValue) -> OnnxValue:
    """What Stirling's formula lacks for log Γ(x), for x from 3 on."""
    return g.Div(evaluate(g, c.LOG_GAMMA_TAIL, _nearness(g, x)), x)


def _nearness(g: Builder, x: OnnxValue) -> OnnxValue:
    """18/x² - 1: from 1 at 3 to -1 at infinity."""
    w = g.Div(g.like(math.sqrt(18), x), x)
    return g.Sub(g.Mul(w, w), g.like(1.0, x))


def _from_integer(g: Builder, x: OnnxValue) -> OnnxValue:
    """The exact distance of x from the nearest integer."""
    return g.Sub(x, g.Round(x))


def _cotangent(g: Builder, x: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
    """cot πx, and where it has poles. The cosine is the sine of what is left to a right angle, so
    that it keeps its digits around its zeros.
    """
    distance = _from_integer(g, x)
    pi = g.like(math.pi, x)
    cosine = g.Sin(g.Mul(pi, g.Sub(g.like(0.5, x), g.Abs(distance))))
    return g.Div(cosine, g.Sin(g.Mul(pi, distance))), g.Equal(distance, g.like(0.0, x))


@aten("digamma", "special_psi", promote=("self",), promote_to_float=True)
def digamma(g: Builder, self: OnnxValue) -> OnnxValue:
    x = computable(g, self)
    negative = g.Less(x, g.like(0.0, x))
    positive = _digamma_of_positive(g, g.Where(negative, g.Sub(g.like(1.0, x), x), x))
    # ψ(x) = ψ(1 - x) - π / tan πx, and NaN where the tangent is 0.
    cotangent, pole = _cotangent(g, x)
    reflected = g.Sub(positive, g.Mul(g.like(math.pi, x), cotangent))
    reflected = g.Where(pole, g.like(math.nan, x), reflected)
    return g.Where(negative, reflected, positive)


def _digamma_of_positive(g: Builder, x: OnnxValue) -> OnnxValue:
    zero, one = g.like(0.0, x), g.like(1.0, x)
    below = g.Less(x, one)
    moved = g.Where(below, g.Add(x, one), x)
    series = evaluate(g, c.DIGAMMA, g.Sub(moved, g.like(2.0, x)))
    near = g.Mul(series, g.Sub(moved, g.like(c.DIGAMMA_ZERO, x)))
    # The reciprocal gives the poles at 0 and -0 their signs.
    near = g.Sub(near, g.Where(below, g.Reciprocal(x), zero))
    rest = g.Div(evaluate(g, c.DIGAMMA_TAIL, _nearness(g, x)), x)
    far = g.Sub(g.Log(x), g.Div(g.Add(rest, g.like(0.5, x)), x))
    return g.Where(g.Less(x, g.like(3.0, x)), near, far)


@aten("polygamma", "special_polygamma", promote=("self",), promote_to_float=True)
def polygamma(g: Builder, n: int, self: OnnxValue) -> OnnxValue:
    """The derivative of order n of ψ.

    ``ψₙ(x) = (-1)ⁿ ψₙ(1 - x) - π dⁿ/dxⁿ cot(πx)`` for negative x, the derivatives of the cotangent
    being polynomials of it; ``ψₙ(x) = (-1)ⁿ⁺¹ n! ζ(n + 1, x)`` for positive x.
    """
    if n == 0:
        return digamma(g, self)
    x = computable(g, self)
    if n == 1:
        return _trigamma(g, x)
    sign = 1.0 if n % 2 else -1.0
    factorial = g.like(sign * _factorial(n), x)
    negative = g.Not(g.Greater(x, g.like(0.0, x)))
    mirrored = g.Where(negative, g.Sub(g.like(1.0, x), x), x)
    positive = g.Mul(factorial, _zeta_of_positive(g, g.like(float(n + 1), x), mirrored))
    cotangent, pole = _cotangent(g, x)
    derivative = horner(g, cotangent, _cotangent_derivative(n))
    mirror = g.Neg(positive) if n % 2 else positive
    reflected = g.Sub(mirror, derivative)
    pole = g.Or(pole, g.Equal(x, g.like(-math.inf, x)))
    reflected = g.Where(pole, g.like(sign * math.inf, x), reflected)
    return g.Where(negative, reflected, positive)


def _factorial(n: int) -> float:
    return float(math.factorial(n)) if n <= 170 else math.inf


def _cotangent_derivative(n: int) -> Sequence[float]:
    """The derivative of order n of π cot(πx) as a polynomial of cot(πx)."""
    polynomial = [0.0, 1.0]
    for _ in range(n):
        slope = [k * value for k, value in enumerate(polynomial)][1:]
        # The derivative of a cotangent is minus (1 + its square).
        low, high = [*slope, 0.0, 0.0], [0.0, 0.0, *slope]
        polynomial = [-(a + b) for a, b in zip(low, high, strict=True)]
    return [value * math.pi ** (n + 1) for value in polynomial]


def _trigamma(g: Builder, x: OnnxValue) -> OnnxValue:
    """π²/sin²(πx) - ψ₁(1 - x) below one half. Near its poles the sine is as inexact as it is in
    PyTorch, so that integers give the same huge numbers.
    """
    one = g.like(1.0, x)
    below = g.Less(x, g.like(0.5, x))
    mirrored = g.Where(below, g.Sub(one, x), x)
    positive = _zeta_of_positive(g, g.like(2.0, x), mirrored)
    ratio = g.Div(g.like(math.pi, x), g.Sin(g.Mul(x, g.like(math.pi, x))))
    result = g.Where(below, g.Sub(g.Mul(ratio, ratio), positive), positive)
    return g.Where(g.Equal(x, g.like(math.inf, x)), g.like(0.0, x), result)


@aten(
    "special_zeta",
    "special_zeta.other_scalar",
    "special_zeta.self_scalar",
    promote=("self", "other"),
    promote_to_float=True,
)
def zeta(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """Hurwitz's ζ(self, other), the sum of (other + k)^-self over k from 0 on."""
    # In doubles, as in PyTorch: terms of different signs cancel.
    s, q = g.cast(self, torch.float64), g.cast(other, torch.float64)
    zero, one = g.like(0.0, s), g.like(1.0, s)
    integral = g.Equal(q, g.Floor(q))
    whole_power = g.Equal(s, g.Floor(s))
    not_positive = g.Not(g.Greater(q, zero))
    # Below 0 the terms have signs, which only integers as powers give a meaning to.
    summed = g.And(g.And(not_positive, g.Not(integral)), g.And(whole_power, g.Greater(s, one)))
    steps = g.Where(summed, g.Neg(g.Floor(q)), zero)
    negative_terms = _sum_of_terms(g, s, q, steps)
    positive = _zeta_of_positive(g, s, g.Where(not_positive, g.Add(q, steps), q))
    result = g.Add(positive, negative_terms)
    nan, infinity = g.like(math.nan, s), g.like(math.inf, s)
    undefined = g.And(not_positive, g.Not(whole_power))
    result = g.Where(undefined, nan, result)
    result = g.Where(g.And(not_positive, integral), infinity, result)
    result = g.Where(g.Less(s, one), nan, result)
    result = g.Where(g.Equal(s, one), infinity, result)
    return g.Where(g.Or(g.IsNaN(s), g.IsNaN(q)), nan, result)


def _sum_of_terms(g: Builder, s: OnnxValue, q: OnnxValue, steps: OnnxValue) -> OnnxValue:
    """The sum of the first ``steps`` terms (q + k)^-s, in as many rounds as the most need."""
    power = g.Neg(s)
    zero = g.like(0.0, s)
    flat = g.Concat(g.Reshape(steps, [-1]), g.constant([0.0], s.dtype), axis=0)
    most = g.cast(g.ReduceMax(flat, axes=[0], keepdims=0), torch.int64)

    def step(index: OnnxValue, total: OnnxValue) -> list[OnnxValue]:
        k = g.cast(index, s.dtype)
        term = g.Where(g.Less(k, steps), g.Pow(g.Add(q, k), power), zero)
        return [g.Add(total, term)]

    return repeat(g, most, [g.Mul(steps, zero)], step)[0]


# Bernoulli's numbers over factorials, B₂ₖ / (2k)!.
BERNOULLI = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000,
    1 / 74724249600, -3617 / 10670622842880000,
)  # fmt: skip
FIRST_TERMS = 9


def _zeta_of_positive(g: Builder, s: OnnxValue, q: OnnxValue) -> OnnxValue:
    """ζ(s, q) for s > 1 and q > 0: nine terms, the rest by Euler and Maclaurin's formula."""
    one = g.like(1.0, q)
    power = g.Neg(s)
    total = g.Pow(q, power)
    for k in range(1, FIRST_TERMS):
        total = g.Add(total, g.Pow(g.Add(q, g.like(float(k), q)), power))
    w = g.Add(q, g.like(float(FIRST_TERMS), q))
    last = g.Pow(w, power)
    # A huge power makes the rest nothing; its ratios may not get out of hand before.
    largest = g.like(4.0, q)
    correction: OnnxValue | None = None
    for k in reversed(range(len(BERNOULLI))):
        if correction is None:
            correction = g.like(BERNOULLI[k], q)
        else:
            first = g.Min(g.Div(g.Add(s, g.like(2.0 * k + 1, q)), w), largest)
            second = g.Min(g.Div(g.Add(s, g.like(2.0 * k + 2, q)), w), largest)
            correction = g.Add(g.Mul(correction, g.Mul(first, second)), g.like(BERNOULLI[k], q))
    assert correction is not None
    tail = g.Add(g.Div(w, g.Sub(s, one)), g.like(0.5, q))
    tail = g.Add(tail, g.Mul(correction, g.Min(g.Div(s, w), largest)))
    return g.Add(total, g.Mul(last, tail))

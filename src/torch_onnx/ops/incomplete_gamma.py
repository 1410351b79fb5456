"""The regularized incomplete gamma functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops import coefficients as c
from torch_onnx.ops.approximation import computable, evaluate, horner
from torch_onnx.ops.erf import erfcx_of_positive
from torch_onnx.ops.gamma import log_gamma_of_positive, stirling_rest
from torch_onnx.ops.loops import repeat_while
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("incomplete_gamma")


@aten("igamma", "special_gammainc", promote=("self", "other"), promote_to_float=True)
def igamma(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """The lower one, P(self, other)."""
    return _regularized(g, self, other, lower=True)


@aten("igammac", "special_gammaincc", promote=("self", "other"), promote_to_float=True)
def igammac(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """The upper one, Q(self, other) = 1 - P(self, other)."""
    return _regularized(g, self, other, lower=False)


def _regularized(g: Builder, self: OnnxValue, other: OnnxValue, lower: bool) -> OnnxValue:
    a, x = computable(g, self), computable(g, other)
    zero, one, infinity = g.like(0.0, a), g.like(1.0, a), g.like(math.inf, a)
    inner = g.And(g.And(g.Greater(a, zero), g.Less(a, infinity)), g.Greater(x, zero))
    inner = g.And(inner, g.Less(x, infinity))
    shape, bound = g.Where(inner, a, one), g.Where(inner, x, one)

    # P by its series where it is the smaller part, else Q by its continued fraction.
    by_series = g.Less(bound, g.Max(shape, one))
    part = _by_iteration(g, shape, bound, by_series)
    rest = g.Sub(one, part)
    small = g.Where(by_series, part, rest) if lower else g.Where(by_series, rest, part)
    large = _by_normal_law(g, shape, bound, lower)
    result = g.Where(g.Greater(shape, g.like(LARGE, a)), large, small)
    return g.Where(inner, result, _at_the_edges(g, a, x, lower))


def _at_the_edges(g: Builder, a: OnnxValue, x: OnnxValue, lower: bool) -> OnnxValue:
    """Where a or x is zero, infinite, negative or NaN."""
    zero, one, nan = (g.like(number, a) for number in (0.0, 1.0, math.nan))
    infinity = g.like(math.inf, a)
    nothing, everything = (zero, one) if lower else (one, zero)
    # The later rules come first in PyTorch.
    infinite = g.Equal(x, infinity)
    edge = g.Where(infinite, everything, nan)
    edge = g.Where(g.Equal(a, infinity), g.Where(infinite, nan, nothing), edge)
    edge = g.Where(g.Equal(x, zero), nothing, edge)
    edge = g.Where(g.Equal(a, zero), g.Where(g.Greater(x, zero), everything, nan), edge)
    return g.Where(g.Or(g.Less(a, zero), g.Less(x, zero)), nan, edge)


LARGE = 1000.0
"""Beyond, the distribution is all but normal, and iterations would take long."""


def _excess(g: Builder, a: OnnxValue, x: OnnxValue) -> OnnxValue:
    """``x/a - 1 - log(x/a)``, at least 0."""
    mu = g.Div(g.Sub(x, a), a)
    series = g.Mul(g.Mul(mu, mu), evaluate(g, c.LOG_EXCESS, g.Add(mu, mu)))
    far = g.Sub(mu, g.Log(g.Div(x, a)))
    return g.Where(g.Less(g.Abs(mu), g.like(0.5, a)), series, far)


def _density(g: Builder, a: OnnxValue, x: OnnxValue) -> OnnxValue:
    """``xᵃ exp(-x) / Γ(a)``, whose large logarithms cancel: from 3 on they do by Stirling."""
    small = g.Less(a, g.like(3.0, a))
    few = g.Where(small, a, g.like(1.0, a))
    exponent = g.Sub(g.Sub(g.Mul(few, g.Log(x)), x), log_gamma_of_positive(g, few))
    many = g.Where(small, g.like(3.0, a), a)
    by_stirling = g.Neg(g.Add(g.Mul(many, _excess(g, many, x)), stirling_rest(g, many)))
    root = g.Sqrt(g.Mul(many, g.like(1 / (2 * math.pi), a)))
    return g.Where(small, g.Exp(exponent), g.Mul(root, g.Exp(by_stirling)))


def _by_iteration(g: Builder, a: OnnxValue, x: OnnxValue, by_series: OnnxValue) -> OnnxValue:
    """P where ``by_series``, else Q: ``density · Σ xⁿ / (a (a + 1) … (a + n))``, or ``density``
    times a continued fraction, by Lentz's method. Both are carried on until none changes.
    """
    zero, one, two = (g.like(number, a) for number in (0.0, 1.0, 2.0))
    precision = g.like(2 * torch.finfo(a.dtype).eps, a)
    tiny = g.like(1e-30, a)
    series_x = g.Where(by_series, x, zero)
    series_a = g.Where(by_series, a, one)
    fraction_a = g.Where(by_series, one, a)
    fraction_b = g.Sub(g.Add(g.Where(by_series, one, x), one), fraction_a)

    def step(
        index: OnnxValue,
        term: OnnxValue,
        total: OnnxValue,
        ratio: OnnxValue,
        inverse: OnnxValue,
        fraction: OnnxValue,
    ) -> list[OnnxValue]:
        n = g.Add(g.cast(index, a.dtype), one)
        term = g.Mul(term, g.Div(series_x, g.Add(series_a, n)))
        total = g.Add(total, term)
        numerator = g.Mul(n, g.Sub(fraction_a, n))
        denominator = g.Add(fraction_b, g.Mul(two, n))
        inverse = g.Add(g.Mul(numerator, inverse), denominator)
        inverse = g.Reciprocal(g.Where(g.Less(g.Abs(inverse), tiny), tiny, inverse))
        ratio = g.Add(denominator, g.Div(numerator, ratio))
        ratio = g.Where(g.Less(g.Abs(ratio), tiny), tiny, ratio)
        factor = g.Mul(ratio, inverse)
        change = g.Max(g.Abs(g.Sub(factor, one)), g.Div(term, total))
        moving = g.cast(g.Greater(change, precision), torch.int64)
        again = g.Greater(g.ReduceSum(moving, keepdims=0), g.constant(0))
        return [again, term, total, ratio, inverse, g.Mul(fraction, factor)]

    ones = g.Expand(one, g.shape_vector(by_series))
    first = g.Reciprocal(g.Where(g.Equal(fraction_b, zero), tiny, fraction_b))
    huge = g.Reciprocal(tiny)
    start = [ones, ones, g.Mul(ones, huge), first, first]
    _, total, _, _, fraction = repeat_while(g, MOST_ROUNDS, start, step)
    density = _density(g, a, x)
    return g.Mul(density, g.Where(by_series, g.Div(total, series_a), fraction))


MOST_ROUNDS = 1000
"""More than are needed for a up to LARGE."""

# The coefficients cₖ(η) of DLMF 8.12.7 as power series, from their recurrence 8.12.11.
TEMME = (
    (
        -0.3333333333333333, 0.08333333333333333, -0.014814814814814815, 0.0011574074074074073,
        0.0003527336860670194, -0.0001787551440329218, 3.919263178522438e-05,
        -2.185448510679992e-06, -1.85406221071516e-06, 8.296711340953087e-07,
        -1.7665952736826078e-07, 6.707853543401498e-09, 1.0261809784240309e-08,
        -4.382036018453353e-09,
    ),
    (
        -0.001851851851851852, -0.003472222222222222, 0.0026455026455026454,
        -0.0009902263374485596, 0.00020576131687242798, -4.018775720164609e-07,
        -1.8098550334489977e-05, 7.64916091608111e-06, -1.6120900894563446e-06,
        4.647127802807434e-09, 1.378633446915721e-07,
    ),
    (
        0.004133597883597883, -0.0026813271604938273, 0.0007716049382716049,
        2.0093878600823047e-06, -0.0001073665322636516, 5.2923448829120125e-05,
        -1.2760635188618728e-05, 3.423578734096138e-08,
    ),
    (
        0.0006494341563786008, 0.00022947209362139917, -0.0004691894943952557,
        0.00026772063206283885, -7.561801671883977e-05,
    ),
)  # fmt: skip


def _by_normal_law(g: Builder, a: OnnxValue, x: OnnxValue, lower: bool) -> OnnxValue:
    """Temme's uniform expansion for large a: erfc of the distance from a, and a correction."""
    excess = _excess(g, a, x)
    eta = g.Sqrt(g.Mul(g.like(2.0, a), excess))
    eta = g.Where(g.Less(x, a), g.Neg(eta), eta)
    # Further out the correction is nothing.
    near = g.Min(g.Max(eta, g.like(-0.5, a)), g.like(0.5, a))
    inverse = g.Reciprocal(a)
    correction = horner(g, near, TEMME[-1])
    for coefficients in reversed(TEMME[:-1]):
        correction = g.Add(g.Mul(correction, inverse), horner(g, near, coefficients))
    exponential = g.Exp(g.Neg(g.Mul(a, excess)))
    scale = g.Sqrt(g.Mul(a, g.like(2 * math.pi, a)))
    correction = g.Div(g.Mul(exponential, correction), scale)
    distance = g.Sqrt(g.Mul(a, excess))
    tail = g.Mul(g.Mul(exponential, erfcx_of_positive(g, distance)), g.like(0.5, a))
    beyond = g.Less(eta, g.like(0.0, a)) if lower else g.Not(g.Less(eta, g.like(0.0, a)))
    share = g.Where(beyond, tail, g.Sub(g.like(1.0, a), tail))
    return g.Sub(share, correction) if lower else g.Add(share, correction)

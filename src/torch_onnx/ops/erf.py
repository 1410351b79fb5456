"""The error function's family: scaled, inverse, and the normal distribution's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops import coefficients as c
from torch_onnx.ops.approximation import computable, evaluate, log_of_one_plus
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("erf")


@aten("special_erfcx", promote=("self",), promote_to_float=True)
def erfcx(g: Builder, self: OnnxValue) -> OnnxValue:
    """``exp(x²) erfc(x)``."""
    x = computable(g, self)
    of_size = erfcx_of_positive(g, g.Abs(x))
    mirrored = g.Sub(g.Mul(g.like(2.0, x), g.Exp(g.Mul(x, x))), of_size)
    return g.Where(g.Less(x, g.like(0.0, x)), mirrored, of_size)


def erfcx_of_positive(g: Builder, x: OnnxValue) -> OnnxValue:
    # 1 - 7.5 / (x + 3.75), such that infinity gives 1.
    t = g.Sub(g.like(1.0, x), g.Div(g.like(7.5, x), g.Add(x, g.like(3.75, x))))
    return g.Div(evaluate(g, c.ERFCX, t), g.Add(g.Add(x, x), g.like(1.0, x)))


@aten("special_log_ndtr", promote=("self",), promote_to_float=True)
def log_ndtr(g: Builder, self: OnnxValue) -> OnnxValue:
    """The logarithm of the normal distribution function, of full precision in both tails."""
    x = computable(g, self)
    t = g.Mul(x, g.like(math.sqrt(0.5), x))
    square = g.Mul(t, t)
    scaled = g.Mul(g.like(0.5, x), erfcx_of_positive(g, g.Abs(t)))
    left = g.Sub(g.Log(scaled), square)
    tail = g.Mul(scaled, g.Exp(g.Neg(square)))
    right = log_of_one_plus(g, g.Neg(tail))
    return g.Where(g.Less(x, g.like(0.0, x)), left, right)


@aten("erfinv", "special_erfinv", promote=("self",), promote_to_float=True)
def erfinv(g: Builder, self: OnnxValue) -> OnnxValue:
    x = computable(g, self)
    size = g.Abs(x)
    half = g.like(0.5, x)
    outer = _quantile_of_tail(g, g.Mul(g.Sub(g.like(1.0, x), size), half))
    outer = g.Mul(g.Mul(outer, g.like(math.sqrt(0.5), x)), g.Sign(x))
    # The logarithm of a negative number is NaN, as is the result outside of [-1, 1].
    return g.Where(g.Less(size, g.like(CENTRE, x)), _erfinv_of_centre(g, x), outer)


@aten("special_ndtri", promote=("self",), promote_to_float=True)
def ndtri(g: Builder, self: OnnxValue) -> OnnxValue:
    """The quantile of the normal distribution."""
    p = computable(g, self)
    one, half = g.like(1.0, p), g.like(0.5, p)
    centred = g.Sub(p, half)
    upper = g.Greater(p, half)
    tail = _quantile_of_tail(g, g.Where(upper, g.Sub(one, p), p))
    outer = g.Where(upper, tail, g.Neg(tail))
    v = g.Add(centred, centred)
    inner = g.Mul(_erfinv_of_centre(g, v), g.like(math.sqrt(2.0), p))
    return g.Where(g.Less(g.Abs(v), g.like(CENTRE, p)), inner, outer)


CENTRE = 1 - 2 * math.exp(-2)
"""Up to here erfinv is a series of its argument, beyond of the logarithm of what is left to 1."""


def _erfinv_of_centre(g: Builder, v: OnnxValue) -> OnnxValue:
    w = g.Mul(v, g.like(math.sqrt(2) / CENTRE, v))
    return g.Mul(v, evaluate(g, c.QUANTILE_CENTRE, g.Sub(g.Mul(w, w), g.like(1.0, v))))


def _quantile_of_tail(g: Builder, p: OnnxValue) -> OnnxValue:
    """Where the normal distribution leaves ``p`` to the right, for p up to exp(-2)."""
    w = g.Sqrt(g.Mul(g.like(-2.0, p), g.Log(p)))
    z = g.Reciprocal(w)
    # 1/w to [-1, 1], from [1/8, 1/2] and from [1/64, 1/8].
    near = g.Div(g.Sub(z, g.like(5 / 16, p)), g.like(3 / 16, p))
    far = g.Div(g.Sub(z, g.like(9 / 128, p)), g.like(7 / 128, p))
    series = g.Where(
        g.Less(w, g.like(8.0, p)),
        evaluate(g, c.QUANTILE_TAIL, near),
        evaluate(g, c.QUANTILE_FAR, far),
    )
    finite = g.Sub(w, g.Mul(g.Add(g.Log(w), series), z))
    return g.Where(g.Equal(p, g.like(0.0, p)), g.like(math.inf, p), finite)

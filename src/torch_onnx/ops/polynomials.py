"""Orthogonal polynomials, by their recurrences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.approximation import computable
from torch_onnx.ops.loops import repeat
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("polynomials")

LARGEST_UNROLLED = 16
"""Up to this degree, known when the model is exported, the recurrence is written out."""

First = Callable[["Builder", OnnxValue], OnnxValue]
Step = Callable[["Builder", OnnxValue, OnnxValue, OnnxValue, OnnxValue], OnnxValue]


def _register(name: str, first: First, step: Step, limits: bool = False) -> None:
    """Register a family: ``first(g, x)`` is the polynomial of degree 1, that of degree k + 1 is
    ``step(g, x, k, now, before)``. PyTorch gives NaN beyond some degree where there are ``limits``.
    """

    def translate(g: Builder, x: OnnxValue, n: OnnxValue) -> Any:
        wide = computable(g, x)
        degree = g.cast(computable(g, n), torch.int64)
        if degree.constant is not None and degree.constant.numel() == 1:
            known = int(degree.constant)
            if 0 <= known <= LARGEST_UNROLLED:
                return _unrolled(g, wide, degree, known, first, step)
        result = _by_loop(g, wide, degree, first, step)
        if not limits:
            return result
        limit = 512 if x.dtype == torch.float64 else 128
        return g.Where(g.Greater(degree, g.like(limit, degree)), g.like(float("nan"), wide), result)

    names = [name, f"{name}.x_scalar", f"{name}.n_scalar"]
    aten(*names, promote=("x", "n"), promote_to_float=True)(translate)


def _unrolled(
    g: Builder, x: OnnxValue, degree: OnnxValue, known: int, first: First, step: Step
) -> OnnxValue:
    one = g.like(1.0, x)
    before, now = one, first(g, x)
    for k in range(1, known):
        now, before = step(g, x, g.like(float(k), x), now, before), now
    if known == 0:
        now = g.Expand(one, g.shape_vector(x))
    # A degree with axes may give the result more of them.
    return g.Expand(now, g.shape_vector(degree)) if degree.rank else now


def _by_loop(g: Builder, x: OnnxValue, degree: OnnxValue, first: First, step: Step) -> OnnxValue:
    """As many rounds as the highest degree needs; each element keeps the value of its own."""
    zero, one = g.like(0.0, x), g.like(1.0, x)
    flat = g.Concat(g.Reshape(degree, [-1]), g.constant([1]), axis=0)
    rounds = g.Sub(g.ReduceMax(flat, axes=[0], keepdims=0), g.constant(1))
    positive = g.Greater(degree, g.constant(0))
    linear = first(g, x)
    found = g.Where(positive, linear, g.Where(g.Equal(degree, g.constant(0)), one, zero))
    # What is carried keeps its shape, which is that of both operands broadcast.
    shape = g.shape_vector(found)
    start = [found, g.Expand(linear, shape), g.Expand(one, shape)]

    def following(
        index: OnnxValue, found: OnnxValue, now: OnnxValue, before: OnnxValue
    ) -> list[OnnxValue]:
        k = g.Add(index, g.constant(1))
        after = step(g, x, g.cast(k, x.dtype), now, before)
        reached = g.Equal(degree, g.Add(k, g.constant(1)))
        return [g.Where(reached, after, found), after, now]

    return repeat(g, rounds, start, following)[0]


def _double(g: Builder, x: OnnxValue) -> OnnxValue:
    return g.Add(x, x)


def _shifted(g: Builder, x: OnnxValue) -> OnnxValue:
    """``2x - 1``."""
    return g.Sub(g.Add(x, x), g.like(1.0, x))


def _chebyshev(
    g: Builder, x: OnnxValue, k: OnnxValue, now: OnnxValue, before: OnnxValue
) -> OnnxValue:
    return g.Sub(g.Mul(_double(g, x), now), before)


def _shifted_chebyshev(
    g: Builder, x: OnnxValue, k: OnnxValue, now: OnnxValue, before: OnnxValue
) -> OnnxValue:
    return _chebyshev(g, _shifted(g, x), k, now, before)


def _chebyshev_family(kind: str, first: First) -> None:
    _register(f"special_chebyshev_polynomial_{kind}", first, _chebyshev)
    _register(
        f"special_shifted_chebyshev_polynomial_{kind}",
        lambda g, x: first(g, _shifted(g, x)),
        _shifted_chebyshev,
    )


_chebyshev_family("t", lambda g, x: x)
_chebyshev_family("u", _double)
_chebyshev_family("v", _shifted)
_chebyshev_family("w", lambda g, x: g.Add(_double(g, x), g.like(1.0, x)))


def _hermite_h(
    g: Builder, x: OnnxValue, k: OnnxValue, now: OnnxValue, before: OnnxValue
) -> OnnxValue:
    return g.Sub(g.Mul(_double(g, x), now), g.Mul(_double(g, k), before))


def _hermite_he(
    g: Builder, x: OnnxValue, k: OnnxValue, now: OnnxValue, before: OnnxValue
) -> OnnxValue:
    return g.Sub(g.Mul(x, now), g.Mul(k, before))


def _laguerre(
    g: Builder, x: OnnxValue, k: OnnxValue, now: OnnxValue, before: OnnxValue
) -> OnnxValue:
    following = g.Add(k, g.like(1.0, x))
    grown = g.Mul(g.Sub(g.Add(k, following), x), now)
    return g.Div(g.Sub(grown, g.Mul(k, before)), following)


def _legendre(
    g: Builder, x: OnnxValue, k: OnnxValue, now: OnnxValue, before: OnnxValue
) -> OnnxValue:
    following = g.Add(k, g.like(1.0, x))
    grown = g.Mul(g.Mul(g.Add(k, following), x), now)
    return g.Div(g.Sub(grown, g.Mul(k, before)), following)


_register("special_hermite_polynomial_h", _double, _hermite_h, limits=True)
_register("special_hermite_polynomial_he", lambda g, x: x, _hermite_he, limits=True)
_register("special_laguerre_polynomial_l", lambda g, x: g.Sub(g.like(1.0, x), x), _laguerre)
_register("special_legendre_polynomial_p", lambda g, x: x, _legendre)

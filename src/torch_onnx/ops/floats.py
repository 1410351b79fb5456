"""Floating-point numbers taken apart: mantissa and exponent, neighbours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.approximation import computable
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("floats")


@aten("frexp.Tensor")
def frexp(g: Builder, self: OnnxValue) -> list[OnnxValue]:
    """A mantissa in [½, 1) and an int32 exponent; zeros, infinities and NaN have the exponent 0."""
    x = computable(g, self)
    zero, half, one, two = (g.like(number, x) for number in (0.0, 0.5, 1.0, 2.0))
    size = g.Abs(x)
    plain = g.And(g.Greater(size, zero), g.Less(size, g.like(math.inf, x)))
    number = g.Where(plain, x, half)
    # The logarithm may be off by one around powers of two.
    guess = g.Floor(g.Div(g.Log(g.Abs(number)), g.like(math.log(2.0), x)))
    exponent = g.Add(guess, one)
    # In two steps: the whole factor of the smallest numbers is not representable.
    first = g.Floor(g.Mul(exponent, half))
    second = g.Sub(exponent, first)
    mantissa = g.Mul(number, g.Pow(two, g.Neg(first)))
    mantissa = g.Mul(mantissa, g.Pow(two, g.Neg(second)))
    large, small = g.Not(g.Less(g.Abs(mantissa), one)), g.Less(g.Abs(mantissa), half)
    exponent = g.Add(exponent, g.Where(large, one, g.Where(small, g.like(-1.0, x), zero)))
    mantissa = g.Mul(mantissa, g.Where(large, half, g.Where(small, two, one)))
    exponent = g.Where(plain, exponent, zero)
    return [g.Where(plain, mantissa, x), g.cast(exponent, torch.int32)]


@aten("nextafter", promote=("self", "other"))
def nextafter(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """The number beside ``self`` on the way to ``other``.

    Adding a little more than half a unit in the last place rounds to the neighbour (Rump and
    others, 2009). Small numbers are scaled up for it; the smallest lie evenly spaced.
    """
    limits = torch.finfo(self.dtype)
    x, target = computable(g, self), computable(g, other)
    unit = limits.eps / 2
    step = limits.tiny * limits.eps
    size = g.Abs(x)
    # What is less than 1 stays finite in half types as well.
    upwards = 2.0 ** min(60, math.frexp(limits.max)[1] - 2)
    scale = g.Where(g.Less(size, g.like(1.0, x)), g.like(upwards, x), g.like(1.0, x))
    scaled = g.Mul(x, scale)
    distance = g.Mul(g.Abs(scaled), g.like(unit * (1 + 2 * unit), x))
    up = g.Greater(target, x)

    def neighbour(from_: OnnxValue, by: OnnxValue) -> OnnxValue:
        return g.Add(from_, g.Where(up, by, g.Neg(by)))

    # Rounded here, for half types are computed in a wider one.
    near = g.cast(g.cast(neighbour(scaled, distance), self.dtype), x.dtype)
    near = g.Div(near, scale)
    lowest = neighbour(x, g.like(step, x))
    near = g.Where(g.Less(size, g.like(2 * limits.tiny, x)), lowest, near)
    ends = g.Mul(g.Sign(x), g.like(limits.max, x))
    near = g.Where(g.IsInf(x), ends, near)
    near = g.Where(g.Equal(x, target), target, near)
    unknown = g.Or(g.IsNaN(x), g.IsNaN(target))
    return g.Where(unknown, g.like(math.nan, x), near)

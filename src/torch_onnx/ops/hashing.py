"""The exclusive or of all elements' bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.axes import rank_of
from torch_onnx.ops.floats import frexp
from torch_onnx.ops.integers import right_shift
from torch_onnx.ops.reduction import Dims, dims_of
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("hashing")

BITS = 64
FRACTION = 52
"""How many bits of a float64 lie below those of its exponent."""


@aten("hash_tensor")
def hash_tensor(
    g: Builder, self: OnnxValue, dim: Dims = (), keepdim: bool = False, mode: int = 0
) -> OnnxValue:
    """A bit is set where an odd number of elements have it, each as an int64 or a float64."""
    whole = _bits_of_double(g, self) if self.is_floating_point else g.cast(self, torch.int64)
    rank, two = rank_of(self), g.constant(2)
    each = g.Unsqueeze(whole, axes=[rank])
    bits = g.Mod(right_shift(g, each, g.constant(torch.arange(BITS))), two)
    if rank:
        number = g.ReduceSum(bits, axes=dims_of(self, dim), keepdims=int(keepdim))
        bits = g.Mod(number, two)
    # In halves: ONNX Runtime adds integers up in float64.
    low, high = (_number(g, bits, start) for start in (0, BITS // 2))
    found = g.Add(low, g.Mul(high, g.constant(1 << BITS // 2)))
    return g.cast(found, torch.uint64)


def _number(g: Builder, bits: OnnxValue, start: int) -> OnnxValue:
    """The number that half of the bits make, from ``start`` on."""
    powers = torch.ones(BITS // 2, dtype=torch.int64) << torch.arange(BITS // 2)
    half = g.Slice(bits, [start], [start + BITS // 2], axes=[-1])
    return g.ReduceSum(g.Mul(half, g.constant(powers)), axes=[-1], keepdims=0)


def _bits_of_double(g: Builder, x: OnnxValue) -> OnnxValue:
    """As an int64. Of the many kinds of NaN it is the one that ``float("nan")`` is."""
    x = g.cast(x, torch.float64)
    limits = torch.finfo(torch.float64)
    size, zero, one = g.Abs(x), g.like(0.0, x), g.like(1.0, x)
    small, infinite = g.Less(size, g.like(limits.tiny, x)), g.IsInf(x)
    plain = g.Where(g.Or(g.Or(small, infinite), g.IsNaN(x)), one, size)
    mantissa, exponent = frexp(g, plain)
    unit = g.constant(1 << FRACTION)
    fraction = g.Mul(g.Sub(g.Add(mantissa, mantissa), one), g.like(2.0**FRACTION, x))
    # The mantissa is at least ½ here, and 1 in the format.
    biased = g.Add(g.cast(exponent, torch.int64), g.constant(1022))
    bits = g.Add(g.Mul(biased, unit), g.cast(fraction, torch.int64))
    # Two steps: 2**1074 is none of the numbers.
    half = g.like(2.0**537, x)
    tiny = g.Mul(g.Mul(g.Where(small, size, zero), half), half)
    bits = g.Where(small, g.cast(tiny, torch.int64), bits)
    bits = g.Where(infinite, g.constant(2047 << FRACTION), bits)
    bits = g.Where(g.IsNaN(x), g.constant(4095 << (FRACTION - 1)), bits)
    # One by -0 is below zero.
    negative = g.Or(g.Less(x, zero), g.Less(g.Div(one, x), zero))
    lowest = g.constant(torch.iinfo(torch.int64).min)
    return g.Where(negative, g.Add(bits, lowest), bits)

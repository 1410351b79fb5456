"""Arithmetic of integers alone: shifts, greatest common divisors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.infer import broadcast
from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.loops import repeat_while
from torch_onnx.ops.reduction import any_
from torch_onnx.ops.shape import broadcast_with
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("integers")
BOTH = ("self", "other")
# Euclid takes the most rounds for neighbouring Fibonacci numbers; 64 bits hold 92 of these.
ROUNDS = 93


# Shifts. ONNX's BitShift has unsigned integers only.


@aten(
    *("bitwise_left_shift.Tensor", "bitwise_left_shift.Tensor_Scalar"),
    *("bitwise_left_shift.Scalar_Tensor", "__lshift__.Tensor", "__lshift__.Scalar"),
    promote=BOTH,
)
def left_shift(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """A product, whose upper bits are lost; 0 by a negative number or all the bits."""
    bits = torch.iinfo(self.dtype).bits
    x, by, outside = _prepared(g, self, other, bits)
    shifted = g.Mul(x, _power_of_two(g, by))
    return g.cast(g.Where(outside, g.constant(0), shifted), self.dtype)


@aten(
    *("bitwise_right_shift.Tensor", "bitwise_right_shift.Tensor_Scalar"),
    *("bitwise_right_shift.Scalar_Tensor", "__rshift__.Tensor", "__rshift__.Scalar"),
    promote=BOTH,
)
def right_shift(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """Division that rounds down; the sign is left by a negative number or all the bits."""
    bits = torch.iinfo(self.dtype).bits
    x, by, outside = _prepared(g, self, other, bits)
    by = g.Where(outside, g.constant(bits if self.dtype == torch.uint8 else bits - 1), by)
    # In two steps, for 2**63 is none of the integers.
    half = g.Div(by, g.constant(2))
    for step in (half, g.Sub(by, half)):
        divisor = _power_of_two(g, step)
        x = g.Div(g.Sub(x, g.Mod(x, divisor)), divisor)
    return g.cast(x, self.dtype)


def _prepared(
    g: Builder, x: OnnxValue, by: OnnxValue, bits: int
) -> tuple[OnnxValue, OnnxValue, OnnxValue]:
    x, by = g.cast(x, torch.int64), g.cast(by, torch.int64)
    outside = g.Or(g.Less(by, g.constant(0)), g.Greater(by, g.constant(bits - 1)))
    return x, g.Where(outside, g.constant(0), by), outside


def _power_of_two(g: Builder, exponent: OnnxValue) -> OnnxValue:
    powers = torch.tensor([1 << i for i in range(63)] + [-(1 << 63)])
    return g.Gather(g.constant(powers), exponent)


# Divisors.


@aten("gcd", promote=BOTH)
def gcd(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    """Euclid's, of all elements at once, until all are done."""
    like = type(self)(self.dtype, broadcast([self.shape, other.shape]))
    whole = [g.Abs(g.cast(x, torch.int64)) for x in (self, other)]
    a = broadcast_with(g, whole[0], [whole[1]], like)
    b = broadcast_with(g, whole[1], [whole[0]], like)

    def step(index: OnnxValue, a: OnnxValue, b: OnnxValue) -> list[OnnxValue]:
        done = g.Equal(b, g.constant(0))
        rest = g.Mod(a, g.Where(done, g.constant(1), b))
        larger = g.Where(done, a, b)
        smaller = g.Where(done, g.constant(0), rest)
        return [any_(g, g.cast(smaller, torch.bool)), larger, smaller]

    found, _ = repeat_while(g, ROUNDS, [a, b], step)
    return g.cast(found, self.dtype)


@aten("lcm", promote=BOTH)
def lcm(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    divisor = gcd(g, self, other)
    # 0 where both are.
    divisor = g.Where(g.Equal(divisor, g.like(0, divisor)), g.like(1, divisor), divisor)
    return g.Abs(g.Mul(g.Div(self, divisor), other))

"""Arithmetic of integers alone: shifts, powers, greatest common divisors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.infer import broadcast
from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.loops import repeat_while
from torch_onnx.ops.reduction import any_
from torch_onnx.ops.shape import broadcast_with, expand_like
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("integers")
BOTH = ("self", "other")
# Euclid takes the most rounds for neighbouring Fibonacci numbers; 64 bits hold 92 of these.
ROUNDS = 93
BITS = 64


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


# Powers.


def integer_power(g: Builder, base: OnnxValue, exponent: OnnxValue) -> OnnxValue:
    """A product, whose upper bits are lost. ONNX Runtime's Pow is computed in float64.

    A negative exponent gives the whole part: 0, or 1 and -1 of these.
    """
    number = _single(exponent)
    if number is not None and number >= 0 and (exponent.rank or 0) <= (base.rank or 0):
        return _power_of_number(g, base, number)
    if base.constant is not None and _single(base) == 2:
        return left_shift(g, g.constant(torch.ones_like(base.constant)), exponent)
    like = type(base)(torch.int64, broadcast([base.shape, exponent.shape]))
    b, n = g.cast(base, torch.int64), g.cast(exponent, torch.int64)
    one, two = g.constant(1), g.constant(2)

    def step(
        index: OnnxValue, product: OnnxValue, square: OnnxValue, bits: OnnxValue
    ) -> list[OnnxValue]:
        odd = g.Equal(g.Mod(bits, two), one)
        product = g.Where(odd, g.Mul(product, square), product)
        rest = g.Div(bits, two)
        return [any_(g, g.cast(rest, torch.bool)), product, g.Mul(square, square), rest]

    start = broadcast_with(g, one, [b, n], like)
    found, _, _ = repeat_while(g, BITS, [start, b, g.Abs(n)], step)
    if exponent.dtype != torch.uint8:
        vanishes = g.And(g.Less(n, g.constant(0)), g.Not(g.Equal(g.Abs(b), one)))
        found = g.Where(vanishes, g.constant(0), found)
    return g.cast(found, base.dtype)


def _single(x: OnnxValue) -> int | None:
    """The number that a constant is."""
    return int(x.constant) if x.constant is not None and x.constant.numel() == 1 else None


def _power_of_number(g: Builder, base: OnnxValue, exponent: int) -> OnnxValue:
    """By squaring: a product for each bit, and one more where it is set."""
    if exponent == 0:
        return expand_like(g, g.like(1, base), base)
    product, square = None, base
    while exponent:
        if exponent % 2:
            product = square if product is None else g.Mul(product, square)
        exponent //= 2
        square = g.Mul(square, square) if exponent else square
    assert product is not None, "some bit of it is set"
    return product


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

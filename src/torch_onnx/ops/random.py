"""Random numbers: uniform and normal ones, and the distributions that are made of them.

Each run of a model draws anew. The numbers are not PyTorch's, their distributions are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.dtypes import is_integer
from torch_onnx.builder.values import Integer, Number, OnnxValue
from torch_onnx.ops.approximation import computable, log_of_one_plus
from torch_onnx.ops.arithmetic import scaled
from torch_onnx.ops.axes import rank_of, sizes_of
from torch_onnx.ops.creation import filled_sizes
from torch_onnx.ops.loops import repeat_while
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("random")

# The sources. What distributions are computed in is float64 or float32.


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


def uniform_numbers(g: Builder, sizes: Sequence[Any], dtype: torch.dtype) -> OnnxValue:
    """Numbers in [0, 1), all multiples of the same power of ½. float32 or float64."""
    if g.opset >= FIRST_WITHOUT_KERNELS:
        return _uniform_of_bits(g, sizes, dtype)
    if sizes and all(isinstance(size, int) for size in sizes):
        return g.RandomUniform(shape=list(sizes), dtype=dtype)
    return g.RandomUniformLike(filled_sizes(g, sizes, 0, torch.float32), dtype=dtype)


def normal_numbers(
    g: Builder, sizes: Sequence[Any], dtype: torch.dtype, mean: float = 0.0, std: float = 1.0
) -> OnnxValue:
    """Numbers of a mean and deviation. float32 or float64."""
    if g.opset >= FIRST_WITHOUT_KERNELS:
        # By Box and Muller's transform.
        u, v = (_uniform_of_bits(g, sizes, dtype) for _ in range(2))
        radius = g.Sqrt(g.Mul(g.like(2.0, u), _exponential(g, u)))
        z = g.Mul(radius, g.Cos(g.Mul(v, g.like(2 * math.pi, v))))
        return _shifted(g, scaled(g, z, std), mean)
    wanted = {"dtype": dtype, "mean": mean, "scale": std}
    if sizes and all(isinstance(size, int) for size in sizes):
        return g.RandomNormal(shape=list(sizes), **wanted)
    return g.RandomNormalLike(filled_sizes(g, sizes, 0, torch.float32), **wanted)


FIRST_WITHOUT_KERNELS = 22
"""ONNX Runtime 1.32 has no kernels for this opset's random operators, save for Dropout: random
bits are drawn with that.
"""


def coins(g: Builder, sizes: Sequence[Any], p: float) -> OnnxValue:
    """Bools that are true with the probability p, which is more than 0."""
    if g.opset < 12:
        u = uniform_numbers(g, sizes, torch.float32)
        return g.Less(u, g.like(p, u))
    ones = filled_sizes(g, sizes, 1.0, torch.float32)
    kept: OnnxValue = g.Dropout(ones, g.constant(1 - p, torch.float32), True, outputs=2)[1]
    return kept


def _uniform_of_bits(g: Builder, sizes: Sequence[Any], dtype: torch.dtype) -> OnnxValue:
    count = 53 if dtype == torch.float64 else 24
    bits = g.cast(coins(g, [*sizes, count], 0.5), dtype)
    return g.MatMul(bits, g.constant([0.5**k for k in range(1, count + 1)], dtype))


def _exponential(g: Builder, u: OnnxValue) -> OnnxValue:
    """``-log(1 - u)``."""
    return g.Neg(g.Log(g.Sub(g.like(1.0, u), u)))


def _below_one(g: Builder, u: OnnxValue, dtype: torch.dtype) -> OnnxValue:
    """u in another dtype: half types would round the largest numbers up to 1."""
    if dtype in (torch.float16, torch.bfloat16):
        cells = g.like(1 / torch.finfo(dtype).eps, u)
        u = g.Div(g.Floor(g.Mul(u, cells)), cells)
    return g.cast(u, dtype)


# Uniform and normal numbers.


@aten("rand", "rand.generator")
def rand(
    g: Builder, size: Sequence[Integer], result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return _below_one(g, uniform_numbers(g, size, _wide(result.dtype)), result.dtype)


@aten("rand_like", "rand_like.generator")
def rand_like(
    g: Builder, self: OnnxValue, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return rand(g, sizes_of(g, self), result)  # type: ignore[arg-type]


@aten("randn", "randn.generator")
def randn(
    g: Builder, size: Sequence[Integer], result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return normal_numbers(g, size, _wide(result.dtype))


@aten("randn_like", "randn_like.generator")
def randn_like(
    g: Builder, self: OnnxValue, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return normal_numbers(g, sizes_of(g, self), _wide(result.dtype))


@aten("uniform")
def uniform(g: Builder, self: OnnxValue, from_: Number = 0.0, to: Number = 1.0) -> OnnxValue:
    u = uniform_numbers(g, sizes_of(g, self), _wide(self.dtype))
    u = _below_one(g, u, self.dtype)
    if isinstance(from_, OnnxValue) or isinstance(to, OnnxValue):
        low, high = (g.scalar(number, u.dtype) for number in (from_, to))
        return g.Add(g.Mul(u, g.Sub(high, low)), low)
    return _shifted(g, scaled(g, u, to - from_), from_)


@aten("normal_functional")
def normal(g: Builder, self: OnnxValue, mean: Number = 0.0, std: Number = 1.0) -> OnnxValue:
    return _normal(g, sizes_of(g, self), mean, std, self.dtype)


@aten("normal.float_float")
def normal_of_size(
    g: Builder,
    mean: Number,
    std: Number,
    size: Sequence[Integer],
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return _normal(g, size, mean, std, result.dtype)


@aten("normal.Tensor_float", "normal.float_Tensor", "normal.Tensor_Tensor")
def normal_of_tensors(g: Builder, mean: Any, result: OnnxValue, std: Any = 1.0) -> OnnxValue:
    return _normal(g, sizes_of(g, result), mean, std, result.dtype)


def _normal(g: Builder, sizes: Sequence[Any], mean: Any, std: Any, dtype: torch.dtype) -> OnnxValue:
    wide = _wide(dtype)
    if not (isinstance(mean, OnnxValue) or isinstance(std, OnnxValue)):
        return normal_numbers(g, sizes, wide, float(mean), float(std))
    z = normal_numbers(g, sizes, wide)
    return g.Add(g.Mul(z, _as_dtype(g, std, wide)), _as_dtype(g, mean, wide))


def _as_dtype(g: Builder, x: Any, dtype: torch.dtype) -> OnnxValue:
    is_tensor = isinstance(x, OnnxValue) and not x.is_number
    return g.cast(x, dtype) if is_tensor else g.scalar(x, dtype)


def _shifted(g: Builder, x: OnnxValue, by: Number) -> OnnxValue:
    return x if by == 0 else g.Add(x, g.scalar(by, x.dtype))


@aten("log_normal")
def log_normal(g: Builder, self: OnnxValue, mean: Number = 1.0, std: Number = 2.0) -> OnnxValue:
    return g.Exp(_normal(g, sizes_of(g, self), mean, std, self.dtype))


# Integers.


def _integers(g: Builder, sizes: Sequence[Any], low: Any, high: Any) -> OnnxValue:
    """Integers from low up to, not including, high, as float64."""
    first, last = (_as_dtype(g, number, torch.float64) for number in (low, high))
    count = g.Sub(last, first)
    u = uniform_numbers(g, sizes, torch.float64)
    steps = g.Min(g.Floor(g.Mul(u, count)), g.Sub(count, g.like(1.0, u)))
    return _shifted(g, steps, low) if isinstance(low, int) else g.Add(steps, first)


@aten("randint", "randint.generator")
def randint(
    g: Builder,
    high: Integer,
    size: Sequence[Integer],
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return g.cast(_integers(g, size, 0, high), result.dtype)


@aten("randint.low", "randint.low_generator")
def randint_from(
    g: Builder,
    low: Integer,
    high: Integer,
    size: Sequence[Integer],
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return g.cast(_integers(g, size, low, high), result.dtype)


@aten(
    "randint_like",
    "randint_like.Tensor",
    "randint_like.generator",
    "randint_like.Tensor_generator",
)
def randint_like(
    g: Builder, self: OnnxValue, high: Any, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return g.cast(_integers(g, sizes_of(g, self), 0, high), result.dtype)


@aten("randint_like.low_dtype", "randint_like.low_generator_dtype")
def randint_like_from(
    g: Builder,
    self: OnnxValue,
    low: Integer,
    high: Integer,
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return g.cast(_integers(g, sizes_of(g, self), low, high), result.dtype)


@aten("random", "random.to", "random.from")
def random(g: Builder, self: OnnxValue, from_: int = 0, to: int | None = None) -> OnnxValue:
    """Without an end: all that the dtype has from ``from_`` on, or that floats hold exactly."""
    if to is None:
        if self.dtype == torch.bool:
            to = 2
        elif is_integer(self.dtype):
            to = torch.iinfo(self.dtype).max + 1
        else:
            to = round(2 / torch.finfo(self.dtype).eps) + 1
    return g.cast(_integers(g, sizes_of(g, self), from_, to), self.dtype)


@aten("randperm", "randperm.generator")
def random_permutation(
    g: Builder, n: Integer, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    """The order of random numbers."""
    keys = uniform_numbers(g, [n], torch.float32)
    _, order = g.TopK(keys, g.vector([n]), outputs=2)
    return g.cast(order, result.dtype)


# Distributions made of uniform numbers.


@aten("bernoulli")
def bernoulli(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.cast(_chances(g, sizes_of(g, self), self), self.dtype)


@aten("bernoulli.Tensor")
def bernoulli_of_tensor(g: Builder, self: OnnxValue, p: OnnxValue) -> OnnxValue:
    return g.cast(_chances(g, sizes_of(g, self), p), self.dtype)


@aten("bernoulli.p")
def bernoulli_of_number(g: Builder, self: OnnxValue, p: Number) -> OnnxValue:
    sizes = sizes_of(g, self)
    if isinstance(p, OnnxValue):
        return g.cast(_chances(g, sizes, g.scalar(p, torch.float32)), self.dtype)
    if p in (0, 1):
        return filled_sizes(g, sizes, int(p), self.dtype)  # type: ignore[arg-type]
    return g.cast(coins(g, sizes, p), self.dtype)


def _chances(g: Builder, sizes: Sequence[Any], p: OnnxValue) -> OnnxValue:
    p = computable(g, p)
    return g.Less(uniform_numbers(g, sizes, p.dtype), p)


@aten("exponential")
def exponential(g: Builder, self: OnnxValue, lambd: Number = 1.0) -> OnnxValue:
    u = uniform_numbers(g, sizes_of(g, self), _wide(self.dtype))
    waits = _exponential(g, u)
    return waits if lambd == 1 else g.Div(waits, g.scalar(lambd, u.dtype))


@aten("cauchy")
def cauchy(g: Builder, self: OnnxValue, median: Number = 0.0, sigma: Number = 1.0) -> OnnxValue:
    u = uniform_numbers(g, sizes_of(g, self), _wide(self.dtype))
    # Between two of the numbers that there are, so that no tangent is infinite.
    between = torch.finfo(u.dtype).eps / 4
    angle = g.Mul(g.Add(u, g.like(between - 0.5, u)), g.like(math.pi, u))
    tangent = g.Div(g.Sin(angle), g.Cos(angle))
    return _shifted(g, scaled(g, tangent, sigma), median)


@aten("geometric")
def geometric(g: Builder, self: OnnxValue, p: Number) -> OnnxValue:
    """How many trials the first success takes."""
    u = uniform_numbers(g, sizes_of(g, self), _wide(self.dtype))
    failure = g.Neg(log_of_one_plus(g, g.Neg(g.scalar(p, u.dtype))))
    trials = g.Ceil(g.Div(_exponential(g, u), failure))
    return g.cast(g.Max(trials, g.like(1.0, u)), self.dtype)


@aten("poisson")
def poisson(g: Builder, self: OnnxValue) -> OnnxValue:
    """How many events at random distances come before ``self``: counted in a Loop."""
    rate = computable(g, self)
    sizes = sizes_of(g, self)
    zeros = g.Mul(rate, g.like(0.0, rate))

    def step(index: OnnxValue, count: OnnxValue, time: OnnxValue) -> list[OnnxValue]:
        time = g.Add(time, _exponential(g, uniform_numbers(g, sizes, rate.dtype)))
        comes = g.Less(time, rate)
        any_comes = g.ReduceSum(g.cast(comes, torch.int64), keepdims=0)
        count = g.Add(count, g.cast(comes, rate.dtype))
        return [g.Greater(any_comes, g.constant(0)), count, time]

    return repeat_while(g, 2**62, [zeros, zeros], step)[0]


@aten("multinomial")
def multinomial(
    g: Builder, self: OnnxValue, num_samples: Integer, replacement: bool = False
) -> OnnxValue:
    """Indices along the last axis, as likely as the weights there say."""
    weights = computable(g, self)
    if not replacement:
        # The exponential race: the first ones of independent arrivals.
        u = uniform_numbers(g, sizes_of(g, weights), weights.dtype)
        arrival = g.Max(_exponential(g, u), g.like(torch.finfo(u.dtype).tiny, u))
        keys = g.Sub(g.Log(weights), g.Log(arrival))
        chosen: OnnxValue = g.TopK(keys, g.vector([num_samples]), outputs=2)[1]
        return chosen
    rank = rank_of(weights)
    rows = g.Unsqueeze(weights, axes=[0]) if rank == 1 else weights
    if g.opset < FIRST_WITHOUT_KERNELS and isinstance(num_samples, int):
        logits = g.Log(g.cast(rows, torch.float32))
        drawn = g.Multinomial(logits, sample_size=num_samples, dtype=torch.int64)
    else:
        drawn = _by_cumulated_weights(g, rows, num_samples)
    return g.Squeeze(drawn, axes=[0]) if rank == 1 else drawn


def _by_cumulated_weights(g: Builder, rows: OnnxValue, num_samples: Integer) -> OnnxValue:
    """The number of cumulated weights that a random share of their sum has passed."""
    cumulated = g.Unsqueeze(g.CumSum(rows, g.constant(1)), axes=[1])
    total = g.Unsqueeze(g.ReduceMax(cumulated, axes=[2], keepdims=0), axes=[2])
    u = uniform_numbers(g, [g.size(rows, 0), num_samples, 1], rows.dtype)
    # Rounding may not make it the whole sum.
    share = g.Mul(total, g.Min(u, g.like(1 - torch.finfo(u.dtype).eps, u)))
    passed = g.Not(g.Greater(cumulated, share))
    return g.ReduceSum(g.cast(passed, torch.int64), axes=[2], keepdims=0)

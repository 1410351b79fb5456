"""Random numbers. ONNX's generators draw other ones than PyTorch's, from the same distributions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Integer, Number, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import rank_of
from torch_onnx.ops.creation import filled_sizes
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("random")

DRAWN = (torch.float16, torch.float32, torch.float64)


def _sizes(g: Builder, x: OnnxValue) -> list[Integer]:
    return [g.size(x, axis) for axis in range(rank_of(x))]


# Drawing. Other dtypes are drawn in one of these and cast.


def _uniform(
    g: Builder, sizes: Sequence[Integer], dtype: torch.dtype, low: float = 0.0, high: float = 1.0
) -> OnnxValue:
    """Uniform numbers of ``[low, high)``."""
    return _drawn(g, "RandomUniform", sizes, dtype, low=low, high=high)


def _normal(
    g: Builder, sizes: Sequence[Integer], dtype: torch.dtype, mean: float = 0.0, std: float = 1.0
) -> OnnxValue:
    return _drawn(g, "RandomNormal", sizes, dtype, mean=mean, scale=std)


def _drawn(
    g: Builder, operator: str, sizes: Sequence[Integer], dtype: torch.dtype, **attributes: float
) -> OnnxValue:
    drawn = dtype if dtype in DRAWN else torch.float32
    options: dict[str, Any] = dict(attributes)
    if all(isinstance(size, int) for size in sizes):
        # ONNX Runtime takes no empty list of sizes.
        shape = list(sizes) or [1]
        result: OnnxValue = g.node(operator, dtype=drawn, shape=shape, **options)
        result = result if sizes else g.Reshape(result, [])
    else:
        template = filled_sizes(g, sizes, 0, drawn)
        result = g.node(f"{operator}Like", template, dtype=drawn, **options)
    return g.cast(result, dtype)


def _integers(
    g: Builder, sizes: Sequence[Integer], low: Number, high: Number, dtype: torch.dtype
) -> OnnxValue:
    """Integers of ``[low, high)``, drawn with 53 bits."""
    start, end = _real(g, low), _real(g, high)
    share = _uniform(g, sizes, torch.float64)
    return g.cast(g.Floor(g.Add(g.Mul(share, g.Sub(end, start)), start)), dtype)


def _real(g: Builder, number: Number) -> OnnxValue:
    if isinstance(number, OnnxValue):
        return (
            g.scalar(number, torch.float64) if number.is_number else g.cast(number, torch.float64)
        )
    return g.constant(float(number), torch.float64)


# Operators.


@aten("rand", "rand.generator")
def rand(
    g: Builder, size: Sequence[Integer], result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return _uniform(g, size, result.dtype)


@aten("randn", "randn.generator")
def randn(
    g: Builder, size: Sequence[Integer], result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return _normal(g, size, result.dtype)


@aten("rand_like", "rand_like.generator")
def rand_like(
    g: Builder, self: OnnxValue, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return _uniform(g, _sizes(g, self), result.dtype)


@aten("randn_like", "randn_like.generator")
def randn_like(
    g: Builder, self: OnnxValue, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return _normal(g, _sizes(g, self), result.dtype)


@aten("randint", "randint.generator")
def randint(
    g: Builder,
    high: Integer,
    size: Sequence[Integer],
    result: OnnxValue,
    dtype: torch.dtype | None = torch.int64,
) -> OnnxValue:
    return _integers(g, size, 0, high, result.dtype)


@aten("randint.low", "randint.low_generator")
def randint_from(
    g: Builder,
    low: Integer,
    high: Integer,
    size: Sequence[Integer],
    result: OnnxValue,
    dtype: torch.dtype | None = torch.int64,
) -> OnnxValue:
    return _integers(g, size, low, high, result.dtype)


@aten("randint_like", "randint_like.Tensor")
def randint_like(
    g: Builder,
    self: OnnxValue,
    high: Number,
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return _integers(g, _sizes(g, self), 0, high, result.dtype)


@aten("randint_like.low_dtype")
def randint_like_from(
    g: Builder,
    self: OnnxValue,
    low: Integer,
    high: Integer,
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return _integers(g, _sizes(g, self), low, high, result.dtype)


@aten("randperm", "randperm.generator")
def randperm(
    g: Builder, n: Integer, result: OnnxValue, dtype: torch.dtype | None = torch.int64
) -> OnnxValue:
    share = _uniform(g, [n], torch.float32)
    _, order = g.TopK(share, g.vector([n]), outputs=2)
    return g.cast(order, result.dtype)


@aten("bernoulli")
def bernoulli(g: Builder, self: OnnxValue, result: OnnxValue) -> OnnxValue:
    return _bernoulli(g, _sizes(g, self), self, result.dtype)


@aten("bernoulli.p")
def bernoulli_all(g: Builder, self: OnnxValue, p: float, result: OnnxValue) -> OnnxValue:
    return _bernoulli(g, _sizes(g, self), g.constant(p, torch.float32), result.dtype)


@aten("bernoulli.Tensor")
def bernoulli_each(g: Builder, self: OnnxValue, p: OnnxValue, result: OnnxValue) -> OnnxValue:
    return _bernoulli(g, _sizes(g, self), p, result.dtype)


def _bernoulli(g: Builder, sizes: Sequence[Integer], p: OnnxValue, dtype: torch.dtype) -> OnnxValue:
    p = p if p.dtype in DRAWN else g.cast(p, torch.float32)
    return g.cast(g.Less(_uniform(g, sizes, p.dtype), p), dtype)


@aten("uniform")
def uniform(g: Builder, self: OnnxValue, from_: float = 0.0, to: float = 1.0) -> OnnxValue:
    return _uniform(g, _sizes(g, self), self.dtype, from_, to)


@aten("normal_functional")
def normal_like(g: Builder, self: OnnxValue, mean: float = 0.0, std: float = 1.0) -> OnnxValue:
    return _normal(g, _sizes(g, self), self.dtype, mean, std)


@aten("normal.Tensor_Tensor", "normal.Tensor_float", "normal.float_Tensor")
def normal(g: Builder, mean: Number, std: Number, result: OnnxValue) -> OnnxValue:
    noise = _normal(g, _sizes(g, _like_result(mean, std, result)), result.dtype)
    return g.Add(g.Mul(noise, std), mean)


def _like_result(mean: Number, std: Number, result: OnnxValue) -> OnnxValue:
    """The one of two tensors that has the result's shape, or the result's known shape."""
    for x in (mean, std):
        if isinstance(x, OnnxValue) and x.shape == result.shape:
            return x
    return result


@aten("normal.float_float")
def normal_sized(
    g: Builder,
    mean: float,
    std: float,
    size: Sequence[Integer],
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return _normal(g, size, result.dtype, mean, std)


@aten("exponential")
def exponential(g: Builder, self: OnnxValue, lambd: float = 1.0) -> OnnxValue:
    return g.Div(_standard_exponential(g, _sizes(g, self), self.dtype), g.like(lambd, self))


def _standard_exponential(g: Builder, sizes: Sequence[Integer], dtype: torch.dtype) -> OnnxValue:
    # A share is never 1, so that the logarithm is finite.
    return g.Neg(g.Log(g.Sub(g.constant(1.0, dtype), _uniform(g, sizes, dtype))))


@aten("cauchy")
def cauchy(g: Builder, self: OnnxValue, median: float = 0.0, sigma: float = 1.0) -> OnnxValue:
    angle = _uniform(g, _sizes(g, self), self.dtype, -math.pi / 2, math.pi / 2)
    return g.Add(g.Mul(g.Tan(angle), g.like(sigma, self)), g.like(median, self))


@aten("log_normal")
def log_normal(g: Builder, self: OnnxValue, mean: float = 1.0, std: float = 2.0) -> OnnxValue:
    return g.Exp(_normal(g, _sizes(g, self), self.dtype, mean, std))


@aten("geometric")
def geometric(g: Builder, self: OnnxValue, p: float) -> OnnxValue:
    dtype = self.dtype if self.dtype in DRAWN else torch.float64
    waited = _standard_exponential(g, _sizes(g, self), dtype)
    turns = g.Ceil(g.Div(waited, g.constant(-math.log1p(-p), dtype)))
    return g.cast(g.Max(turns, g.constant(1.0, dtype)), self.dtype)


@aten("random.from")
def random_from(g: Builder, self: OnnxValue, from_: int, to: int | None) -> OnnxValue:
    high = _bound(self.dtype) + 1 if to is None else to
    return _integers(g, _sizes(g, self), from_, high, self.dtype)


@aten("random.to")
def random_to(g: Builder, self: OnnxValue, to: int) -> OnnxValue:
    return _integers(g, _sizes(g, self), 0, to, self.dtype)


@aten("random")
def random(g: Builder, self: OnnxValue) -> OnnxValue:
    return _integers(g, _sizes(g, self), 0, _bound(self.dtype) + 1, self.dtype)


def _bound(dtype: torch.dtype) -> int:
    """The largest number that PyTorch draws by itself."""
    if dtype == torch.bool:
        return 1
    if dtype.is_floating_point:
        return int(2 ** -math.log2(torch.finfo(dtype).eps)) * 2
    return torch.iinfo(dtype).max


@aten("multinomial")
def multinomial(
    g: Builder, self: OnnxValue, num_samples: Integer, replacement: bool = False
) -> OnnxValue:
    weights = g.cast(self, torch.float32)
    if rank_of(self) == 1:
        weights = g.Unsqueeze(weights, axes=[0])
    logits = g.Log(weights)
    if replacement and isinstance(num_samples, int):
        drawn: OnnxValue = g.Multinomial(logits, sample_size=num_samples, dtype=torch.int64)
    elif replacement:
        raise NotExpressible("how many samples are drawn must be known when the model is exported")
    else:
        # The largest of the logits with Gumbel noise are a sample without replacement.
        waited = _standard_exponential(g, _sizes(g, weights), torch.float32)
        _, drawn = g.TopK(g.Sub(logits, g.Log(waited)), g.vector([num_samples]), outputs=2)
    return g.Squeeze(drawn, axes=[0]) if rank_of(self) == 1 else drawn


# Dropout, which is random in training only.


@aten("dropout")
def dropout(g: Builder, input: OnnxValue, p: float, train: bool) -> OnnxValue:
    if not train or p == 0:
        return input
    return _kept(g, input, _sizes(g, input), p)


@aten("feature_dropout")
def feature_dropout(g: Builder, input: OnnxValue, p: float, train: bool) -> OnnxValue:
    if not train or p == 0:
        return input
    return _kept(g, input, _features(g, input), p)


def _kept(g: Builder, x: OnnxValue, sizes: Sequence[Integer], p: float) -> OnnxValue:
    """What a mask of these sizes leaves, scaled to keep the mean."""
    if p == 1:
        return g.Mul(x, g.like(0, x))
    keep = _bernoulli(g, sizes, g.constant(1 - p, torch.float32), x.dtype)
    return g.Mul(x, g.Div(keep, g.like(1 - p, x)))


def _features(g: Builder, x: OnnxValue) -> list[Integer]:
    sizes = _sizes(g, x)
    return sizes[:2] + [1] * (len(sizes) - 2)


@aten("alpha_dropout")
def alpha_dropout(g: Builder, input: OnnxValue, p: float, train: bool) -> OnnxValue:
    if not train or p == 0:
        return input
    return _saturated(g, input, _sizes(g, input), p)


@aten("feature_alpha_dropout")
def feature_alpha_dropout(g: Builder, input: OnnxValue, p: float, train: bool) -> OnnxValue:
    if not train or p == 0:
        return input
    return _saturated(g, input, _features(g, input), p)


# What SELU saturates at: -scale * alpha.
SATURATION = 1.7580993408473766


def _saturated(g: Builder, x: OnnxValue, sizes: Sequence[Integer], p: float) -> OnnxValue:
    """Dropout for SELU: what is left out saturates, and mean and variance stay."""
    if p == 1:
        return g.Mul(x, g.like(0, x))
    a = 1 / math.sqrt((SATURATION**2 * p + 1) * (1 - p))
    keep = _bernoulli(g, sizes, g.constant(1 - p, torch.float32), torch.bool)
    kept = g.Where(keep, x, g.like(-SATURATION, x))
    return g.Add(g.Mul(kept, g.like(a, x)), g.like(SATURATION * a * p, x))


@aten("native_dropout")
def native_dropout(
    g: Builder, input: OnnxValue, p: float, train: bool | None
) -> tuple[OnnxValue, OnnxValue]:
    if not train or p == 0:
        return input, filled_sizes(g, _sizes(g, input), True, torch.bool)
    keep = _bernoulli(g, _sizes(g, input), g.constant(1 - p, torch.float32), torch.bool)
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return g.Mul(g.Mul(input, g.cast(keep, input.dtype)), g.like(scale, input)), keep

"""Dropout in all its forms: random in training, nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.axes import rank_of, sizes_of
from torch_onnx.ops.creation import filled_like
from torch_onnx.ops.random import coins, uniform_numbers
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("dropout")


@aten("dropout")
def dropout(g: Builder, input: OnnxValue, p: float, train: bool) -> OnnxValue:
    return native_dropout(g, input, p, train)[0] if train and p > 0 else input


@aten("native_dropout")
def native_dropout(
    g: Builder, input: OnnxValue, p: float, train: bool | None
) -> Sequence[OnnxValue]:
    """What is left, and where it is."""
    if not train or p == 0:
        return [input, filled_like(g, input, True, torch.bool)]
    if p == 1:
        return [_nothing(g, input), filled_like(g, input, False, torch.bool)]
    kept = _kept_elements(g, input, p)
    return [_kept(g, input, kept, p), kept]


def _kept_elements(g: Builder, x: OnnxValue, p: float) -> OnnxValue:
    if g.opset < 12:
        return coins(g, sizes_of(g, x), 1 - p)
    # Its mask: ONNX Runtime 1.32 takes a Dropout away whose mask nothing uses, in training too.
    mask: OnnxValue = g.Dropout(x, g.constant(p, torch.float32), True, outputs=2)[1]
    return mask


def _nothing(g: Builder, x: OnnxValue) -> OnnxValue:
    """Zeros, but what is not finite becomes NaN, as in PyTorch."""
    return g.Mul(x, g.like(0.0, x))


def _kept(g: Builder, x: OnnxValue, kept: OnnxValue, p: float) -> OnnxValue:
    return g.Mul(x, g.Where(kept, g.like(1 / (1 - p), x), g.like(0.0, x)))


def _channels(g: Builder, x: OnnxValue) -> list[Any]:
    """One number a channel: the sizes of the first two axes, then ones."""
    return [*sizes_of(g, x)[:2], *[1] * (rank_of(x) - 2)]


@aten("feature_dropout")
def feature_dropout(g: Builder, input: OnnxValue, p: float, train: bool) -> OnnxValue:
    """Drops whole channels."""
    if not train or p == 0:
        return input
    if p == 1:
        return _nothing(g, input)
    return _kept(g, input, coins(g, _channels(g, input), 1 - p), p)


@aten("alpha_dropout")
def alpha_dropout(g: Builder, input: OnnxValue, p: float, train: bool) -> OnnxValue:
    return _alpha_dropout(g, input, p, train, sizes_of(g, input))


@aten("feature_alpha_dropout")
def feature_alpha_dropout(g: Builder, input: OnnxValue, p: float, train: bool) -> OnnxValue:
    return _alpha_dropout(g, input, p, train, _channels(g, input))


def _alpha_dropout(
    g: Builder, x: OnnxValue, p: float, train: bool, sizes: Sequence[Any]
) -> OnnxValue:
    """What is dropped becomes the limit of SELU; then mean and variance are as they were."""
    if not train or p == 0:
        return x
    if p == 1:
        return _nothing(g, x)
    limit = 1.7580993408473766
    scale = 1 / math.sqrt((limit**2 * p + 1) * (1 - p))
    shift = limit * scale * p
    kept = coins(g, sizes, 1 - p)
    factor = g.Where(kept, g.like(scale, x), g.like(0.0, x))
    return g.Add(
        g.Mul(x, factor), g.Where(kept, g.like(shift, x), g.like(shift - limit * scale, x))
    )


@aten("rrelu")
def randomized_leaky_relu(
    g: Builder, self: OnnxValue, lower: Any = 0.125, upper: Any = 1 / 3, training: bool = False
) -> OnnxValue:
    if not training:
        return g.LeakyRelu(self, alpha=(lower + upper) / 2)
    dtype = torch.float64 if self.dtype == torch.float64 else torch.float32
    u = uniform_numbers(g, sizes_of(g, self), dtype)
    slope = g.Add(g.like(float(lower), u), g.Mul(u, g.like(float(upper - lower), u)))
    steep = g.Greater(self, g.like(0.0, self))
    return g.Where(steep, self, g.Mul(self, g.cast(slope, self.dtype)))

"""Random complex numbers: both parts are drawn, normal ones each with half of the variance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.dtypes import real_of
from torch_onnx.builder.sizes import AnySize
from torch_onnx.builder.values import Number, OnnxValue
from torch_onnx.ops.axes import sizes_of
from torch_onnx.ops.complex_values import scaled
from torch_onnx.ops.random import normal_numbers
from torch_onnx.ops.random import uniform as real_uniform
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("complex_random")


@aten("randn", "randn.generator")
def randn(
    g: Builder, size: Sequence[AnySize], result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    half = g.constant(math.sqrt(0.5), torch.float32)
    parts = [g.Mul(normal_numbers(g, size, torch.float32), half) for _ in range(2)]
    return g.complex(*(g.cast(part, real_of(result.dtype)) for part in parts))


@aten("randn_like", "randn_like.generator")
def randn_like(
    g: Builder, self: OnnxValue, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return randn(g, sizes_of(g, g.shaped_alike(self)), result)


@aten("normal_functional")
def normal(g: Builder, self: OnnxValue, mean: Number = 0.0, std: Number = 1.0) -> OnnxValue:
    """The mean is that of either part, as in PyTorch."""
    found = scaled(g, randn(g, sizes_of(g, g.shaped_alike(self)), self), std)
    moved = g.scalar(mean, real_of(self.dtype))
    return g.complex(*(g.Add(part, moved) for part in g.both_parts(found)))


@aten("uniform")
def uniform(g: Builder, self: OnnxValue, from_: Number = 0.0, to: Number = 1.0) -> OnnxValue:
    """Within a square: neither part's range is narrowed."""
    return g.complex(*(real_uniform(g, part, from_, to) for part in g.both_parts(self)))

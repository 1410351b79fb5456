"""Activation functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.arithmetic import clip
from torch_onnx.ops.axes import axis_of
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("activation")
aten.unary({"relu": "Relu", "selu": "Selu"})


@aten("relu6")
def relu6(g: Builder, self: OnnxValue) -> OnnxValue:
    return hardtanh(g, self, 0, 6)


@aten("hardtanh")
def hardtanh(g: Builder, self: OnnxValue, min_val: Any = -1, max_val: Any = 1) -> OnnxValue:
    return clip(g, self, g.like(min_val, self), g.like(max_val, self))


@aten("gelu", since=20)
def gelu(g: Builder, self: OnnxValue, approximate: str = "none") -> OnnxValue:
    return g.Gelu(self, approximate=approximate)


@aten("gelu")
def gelu_by_erf_or_tanh(g: Builder, self: OnnxValue, approximate: str = "none") -> OnnxValue:
    if approximate == "tanh":
        cube = g.Mul(g.Mul(self, self), self)
        inner = g.Add(self, g.Mul(g.like(0.044715, self), cube))
        bent = g.Tanh(g.Mul(g.like(math.sqrt(2 / math.pi), self), inner))
    else:
        bent = g.Erf(g.Div(self, g.like(math.sqrt(2.0), self)))
    half = g.Mul(g.like(0.5, self), self)
    return g.Mul(half, g.Add(bent, g.like(1.0, self)))


@aten("silu")
def silu(g: Builder, self: OnnxValue) -> OnnxValue:
    if g.opset == 24:
        # In models of opset 25 and later ONNX Runtime 1.32 finds no kernel for Swish.
        return g.Swish(self)
    return g.Mul(self, g.Sigmoid(self))


@aten("mish")
def mish(g: Builder, self: OnnxValue) -> OnnxValue:
    if g.opset >= 18:
        return g.Mish(self)
    return g.Mul(self, g.Tanh(g.Softplus(self)))


@aten("hardsigmoid")
def hardsigmoid(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.HardSigmoid(self, alpha=1 / 6, beta=0.5)


@aten("hardswish")
def hardswish(g: Builder, self: OnnxValue) -> OnnxValue:
    if g.opset >= 14:
        return g.HardSwish(self)
    return g.Mul(self, hardsigmoid(g, self))


@aten("elu")
def elu(
    g: Builder, self: OnnxValue, alpha: Any = 1, scale: Any = 1, input_scale: Any = 1
) -> OnnxValue:
    if scale == 1 and input_scale == 1:
        return g.Elu(self, alpha=alpha)
    negative = g.Sub(g.Exp(g.Mul(self, g.like(input_scale, self))), g.like(1.0, self))
    bent = g.Where(g.Greater(self, g.like(0.0, self)), self, g.Mul(negative, g.like(alpha, self)))
    return g.Mul(bent, g.like(scale, self))


@aten("celu")
def celu(g: Builder, self: OnnxValue, alpha: Any = 1.0) -> OnnxValue:
    if g.opset >= 12:
        return g.Celu(self, alpha=alpha)
    divisor = g.like(alpha, self)
    return g.Mul(g.Elu(g.Div(self, divisor)), divisor)


@aten("leaky_relu")
def leaky_relu(g: Builder, self: OnnxValue, negative_slope: Any = 0.01) -> OnnxValue:
    return g.LeakyRelu(self, alpha=negative_slope)


@aten("prelu", "_prelu_kernel")
def prelu(g: Builder, self: OnnxValue, weight: OnnxValue) -> OnnxValue:
    rank = self.rank or 0
    if weight.rank == 1 and rank > 2 and weight.shape != (1,):
        # One slope a channel: the axis after the batch.
        weight = g.Unsqueeze(weight, axes=list(range(1, rank - 1)))
    if rank == 0 and weight.rank == 1:
        weight = g.Squeeze(weight, axes=[0])
    return g.PRelu(self, weight)


@aten("softplus")
def softplus(g: Builder, self: OnnxValue, beta: Any = 1, threshold: Any = 20) -> OnnxValue:
    factor = g.like(beta, self)
    stretched = g.Mul(self, factor)
    soft = g.Div(g.Softplus(stretched), factor)
    # Beyond the threshold softplus is linear in PyTorch; from 20 on the two differ by less than
    # 32 bits of a float can say.
    if isinstance(threshold, (int, float)) and threshold >= 20 and self.dtype != torch.float64:
        return soft
    return g.Where(g.Greater(stretched, g.like(threshold, self)), self, soft)


@aten("log_sigmoid")
def log_sigmoid(g: Builder, self: OnnxValue) -> OnnxValue:
    # min(x, 0) - log(1 + exp(-|x|)) neither overflows nor loses small values.
    low = g.Min(self, g.like(0.0, self))
    return g.Sub(low, g.Softplus(g.Neg(g.Abs(self))))


@aten("threshold")
def threshold(g: Builder, self: OnnxValue, threshold: Any, value: Any) -> OnnxValue:
    return g.Where(g.Greater(self, g.like(threshold, self)), self, g.like(value, self))


@aten("softshrink")
def softshrink(g: Builder, self: OnnxValue, lambd: Any = 0.5) -> OnnxValue:
    return g.Shrink(self, lambd=lambd, bias=lambd)


@aten("hardshrink")
def hardshrink(g: Builder, self: OnnxValue, lambd: Any = 0.5) -> OnnxValue:
    return g.Shrink(self, lambd=lambd)


@aten("glu")
def glu(g: Builder, self: OnnxValue, dim: int = -1) -> OnnxValue:
    axis = axis_of(self, dim)
    size = g.size(self, axis)
    half = g.floordiv(size, 2)
    gate = g.Sigmoid(g.Slice(self, [half], [size], axes=[axis]))
    return g.Mul(g.Slice(self, [0], [half], axes=[axis]), gate)

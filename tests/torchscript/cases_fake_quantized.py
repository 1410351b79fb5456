"""Fake quantization, whose scales are known, given, or a layer's own."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.ao import quantization

from torchscript.runner import Cases

CASES = Cases()
X = torch.randn(6, 4, 3, 3)
OTHERS = (torch.randn(2, 4, 3, 3) * 3,)
BATCH = {0: {0: "n"}}


@CASES(X, dynamic=BATCH, others=OTHERS)
def per_tensor(x: Tensor):
    return (
        torch.fake_quantize_per_tensor_affine(x, 1.0 / 127, 0, -128, 127),
        torch.fake_quantize_per_tensor_affine(x, 0.02, 13, 0, 255),
        torch.fake_quantize_per_tensor_affine(x, 0.05, 3, 0, 127),
    )


@CASES(
    X,
    torch.tensor(1.0 / 127),
    torch.tensor(0, dtype=torch.int32),
    dynamic=BATCH,
    others=((OTHERS[0], torch.tensor(0.03), torch.tensor(5, dtype=torch.int32)),),
)
def per_tensor_as_given(x: Tensor, scale: Tensor, zero_point: Tensor):
    return torch.fake_quantize_per_tensor_affine(x, scale, zero_point, -128, 127)


@CASES(X, torch.tensor(1.0 / 127), torch.tensor(0))
def per_tensor_with_a_wide_zero(x: Tensor, scale: Tensor, zero_point: Tensor):
    return torch.fake_quantize_per_tensor_affine(x, scale, zero_point, -128, 127)


@CASES(X, dynamic=BATCH, others=OTHERS, since=13)
def per_channel(x: Tensor):
    largest = torch.ones(4)
    scale = largest / 127.0
    zero_point = torch.zeros_like(largest, dtype=torch.int)
    y = torch.fake_quantize_per_channel_affine(x, scale, zero_point, 1, 0, 255)
    return y, torch.fake_quantize_per_channel_affine(y, scale, zero_point, 1, -128, 127)


def _observed() -> nn.Module:
    """A linear layer whose results are kept within the lower half of a byte."""
    layer = nn.Linear(1, 1)
    layer.qconfig = quantization.QConfig(
        activation=quantization.default_fake_quant,
        weight=quantization.default_per_channel_weight_fake_quant,
    )
    quantization.prepare_qat(layer.train(), inplace=True)
    layer.apply(quantization.enable_observer)
    layer.apply(quantization.enable_fake_quant)
    for module in layer.modules():
        if isinstance(module, quantization.FakeQuantize):
            module.calculate_qparams()
    layer.apply(quantization.disable_observer)
    layer.weight = nn.Parameter(torch.tensor([[1.0], [1.0], [1.0]]))
    layer.bias = nn.Parameter(torch.tensor([0.0]))
    return layer


CASES(torch.tensor([[150.0], [127.0], [-5.0]]), strategies=("trace",), name="observed")(
    partial(_observed)
)

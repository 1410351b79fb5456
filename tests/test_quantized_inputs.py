"""Quantized tensors as inputs and outputs: three tensors each, integers, scale and zero point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torch_onnx
from test_quantized import LAYERS, OPERATIONS, STEP, Function, affine, norm, weights

nnq = pytest.importorskip("torch.ao.nn.quantized")
nniq = pytest.importorskip("torch.ao.nn.intrinsic.quantized")
pytestmark = pytest.mark.filterwarnings("ignore")

torch.manual_seed(3)
LINE, IMAGE, SPACE = torch.randn(3, 4, 12), torch.randn(2, 4, 9, 8), torch.randn(2, 4, 6, 6, 6)
FLAT = torch.randn(1, 4, 2, 3)


def quantized(x: torch.Tensor, scale: float = STEP, zero_point: int = 120) -> torch.Tensor:
    return torch.quantize_per_tensor(x, scale, zero_point, torch.quint8)


def functional(name: str, *others: Any, **options: Any) -> Callable[..., torch.Tensor]:
    return lambda *tensors: getattr(nnq.QFunctional(), name)(*tensors, *others, **options)


WHOLE = [nn.Parameter(torch.randn(4, 2, 3)) for _ in range(2)]
MODULES: dict[str, tuple[nn.Module, torch.Tensor]] = {
    "conv1d": (weights(nnq.Conv1d(4, 6, 3, stride=2)), LINE),
    "conv2d": (weights(nnq.Conv2d(4, 6, 3, stride=2)), IMAGE),
    "conv3d": (weights(nnq.Conv3d(4, 6, [2, 3, 4], stride=[3, 1, 2])), SPACE),
    "conv1d-relu": (weights(nniq.ConvReLU1d(4, 6, 3, stride=2)), LINE),
    "conv3d-relu": (weights(nniq.ConvReLU3d(4, 6, [2, 3, 4], stride=[3, 1, 2])), SPACE),
    "transposed1d": (weights(nnq.ConvTranspose1d(4, 6, 3, output_padding=1, stride=2)), LINE),
    "transposed2d": (
        weights(nnq.ConvTranspose2d(4, 6, 3, output_padding=(0, 1), stride=2)),
        IMAGE,
    ),
    "transposed3d": (
        weights(nnq.ConvTranspose3d(4, 6, [2, 3, 4], output_padding=(0, 1, 1), stride=[3, 2, 2])),
        SPACE,
    ),
    "adaptive": (nn.AdaptiveAvgPool2d((3, 4)), IMAGE),
    "layer-norm": (norm(nnq.LayerNorm([4, 2, 3], *WHOLE, 0.04, 110)), FLAT),
    "instance-norm": (norm(nnq.InstanceNorm1d(4, *affine(4), 0.04, 110)), LINE),
    "group-norm": (norm(nnq.GroupNorm(2, 4, *affine(4), 0.04, 110)), FLAT),
    **{name: (layer, FLAT) for name, (layer, _) in LAYERS.items() if name == "hardswish"},
    **{
        kind.__name__: (kind(), FLAT)
        for kind in (nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.Hardsigmoid, nn.Tanh, nn.Hardtanh)
    },
}
FUNCTIONS: dict[str, tuple[Callable[..., Any], list[torch.Tensor]]] = {
    "transpose": (lambda x: torch.transpose(x, 0, 1), [FLAT]),
    "expand": (lambda x: x.expand(2, 4, 2, 3), [FLAT]),
    "view": (lambda x: x.view(1, 4, 6), [FLAT]),
    "select": (lambda x: x.select(1, 1), [FLAT]),
    "flatten": (torch.flatten, [FLAT]),
    "strided": (lambda x: torch.as_strided(x, (2, 2), (1, 2)), [FLAT]),
    "dequantized": (torch.dequantize, [FLAT]),
    "with itself": (lambda x: functional("cat", dim=1)((x, x)), [LINE]),
    "joined": (lambda x, y: functional("cat", dim=0)((x, y)), [LINE, LINE[:1]]),
    "sum and product": (
        lambda x, y: functional("mul")(functional("add")(x, y), x),
        [LINE, LINE.flip(0)],
    ),
    **{name: (f, [LINE[0], LINE[1]]) for name, f in OPERATIONS.items() if name != "matmul"},
}


def parts_of(result: Any) -> list[torch.Tensor]:
    if not result.is_quantized:
        return [result]
    whole = result.int_repr()
    zero_point = torch.tensor(result.q_zero_point(), dtype=whole.dtype)
    return [whole, torch.tensor(result.q_scale(), dtype=torch.float32), zero_point]


def check(model: nn.Module, inputs: list[torch.Tensor], strategy: str, opset: int = 20) -> None:
    """Integers differ by one at most, and one in twenty at most; the rest is equal."""
    given = torch.jit.script(model.eval()) if strategy == "script" else model.eval()
    options = {} if strategy == "script" else {"strategy": strategy}
    program = torch_onnx.export(given, tuple(inputs), opset_version=opset, **options)
    got, wanted = program(*inputs), parts_of(model(*inputs))
    assert [(t.dtype, t.shape) for t in got] == [(t.dtype, t.shape) for t in wanted]
    error = (got[0].double() - wanted[0].double()).abs()
    assert error.max() <= (1 if len(wanted) == 3 else 1e-6)
    assert (error == 0).double().mean() >= (0.95 if len(wanted) == 3 else 0)
    for one, other in zip(got[1:], wanted[1:], strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("strategy", ["trace", "script"])
@pytest.mark.parametrize("name", MODULES)
def test_layers_on_quantized_inputs(name: str, strategy: str) -> None:
    module, x = MODULES[name]
    check(module, [quantized(x)], strategy)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_operators_on_quantized_inputs(name: str) -> None:
    function, tensors = FUNCTIONS[name]
    scales = [(STEP, 120), (0.0717, 63)]
    inputs = [quantized(x, *scale) for x, scale in zip(tensors, scales, strict=False)]
    check(Function(function), inputs, "trace")


@pytest.mark.parametrize("opset", [11, 13, 18, 23])
def test_quantized_outputs(opset: int) -> None:
    model = Function(lambda x: torch.quantize_per_tensor(x, 0.0213, -5, torch.qint8))
    check(model, [F.hardtanh(LINE)], "trace", opset)

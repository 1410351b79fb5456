"""Fake quantization: models that are trained for quantization, and their weights as integers."""

from __future__ import annotations

import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torch_onnx

tq = pytest.importorskip("torch.ao.quantization")

torch.manual_seed(4)
VECTOR = torch.randn(40, 6)


def check(model: nn.Module, strategy: str, step: float) -> dict[str, int]:
    """Within a step of PyTorch at two sizes; the types of the initializers."""
    model = model.eval()
    axes = {"x": [0]}
    program = torch_onnx.export(
        model, (VECTOR,), strategy=strategy, input_names=["x"], dynamic_axes=axes
    )
    for x in (VECTOR, VECTOR[:7] * 0.9):
        error = (program(x)[0] - model(x)).abs()
        assert error.max() <= step * 1.001
        assert (error <= step * 0.01).float().mean() >= 0.95
    return {tensor.name: tensor.data_type for tensor in program.model_proto.graph.initializer}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("per_channel", [False, True])
def test_models_being_trained(per_channel: bool) -> None:
    weight = (
        tq.default_per_channel_weight_fake_quant if per_channel else tq.default_weight_fake_quant
    )
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU())
    model.qconfig = tq.QConfig(activation=tq.default_fake_quant, weight=weight)
    model = tq.prepare_qat(model.train())
    model(VECTOR)
    model.apply(tq.disable_observer)
    step = float(model[0].activation_post_process.scale)
    held = check(model, "trace", step)
    assert held["0.weight.quantized"] == onnx.TensorProto.INT8
    assert "0.weight" not in held


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("strategy", ["record", "export", "trace"])
@pytest.mark.parametrize("observing", [False, True])
@pytest.mark.parametrize("engine", ["x86", "qnnpack"])
def test_fused_observers(engine: str, observing: bool, strategy: str) -> None:
    def prepared() -> nn.Module:
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(6, 4), nn.ReLU())
        model.qconfig = tq.get_default_qat_qconfig(engine)
        model = tq.prepare_qat(model.train())
        model(VECTOR)
        model.apply(tq.enable_observer if observing else tq.disable_observer)
        return model.eval()

    # Every run moves the ranges that an observer has seen, the example's as well.
    model, twin = prepared(), prepared()
    program = torch_onnx.export(model, (VECTOR,), strategy=strategy)
    if strategy == "trace":
        twin(VECTOR)
    (got,), wanted = program(VECTOR * 1.3), twin(VECTOR * 1.3)
    error = (got - wanted).abs()
    assert error.max() <= twin[0].activation_post_process.scale * 1.01
    assert (error < 1e-5).float().mean() >= 0.95


class FakeWeight(nn.Module):
    def __init__(self, per_channel: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 6))
        self.register_buffer("scale", torch.rand(5) / 50 + 0.01)
        self.register_buffer("zero_point", torch.zeros(5, dtype=torch.int32))
        self.per_channel = per_channel

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.per_channel:
            by = self.scale, self.zero_point
            weight = torch.fake_quantize_per_channel_affine(self.weight, *by, 0, -127, 127)
        else:
            weight = torch.fake_quantize_per_tensor_affine(self.weight, 0.02, 3, -128, 127)
        return F.linear(x, weight)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("strategy", ["record", "export", "trace", "script"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_weights_fake_quantized_are_stored_as_integers(strategy: str, per_channel: bool) -> None:
    held = check(FakeWeight(per_channel), strategy, 1e-4)
    assert held["weight.quantized"] == onnx.TensorProto.INT8
    assert "weight" not in held

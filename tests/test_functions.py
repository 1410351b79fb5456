"""Modules as functions of the model, and compiled regions."""

from __future__ import annotations

from typing import Any

import onnx
import pytest
import torch
from torch import nn

import torch_onnx
from releases import since
from torch_onnx import errors

EACH = pytest.mark.parametrize("strategy", ["record", "export", "trace"])
X = torch.randn(3, 5, 4)
DYNAMIC = {"x": {0: "n", 1: "t"}}


class Block(nn.Module):
    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.linear, self.norm, self.scale = nn.Linear(4, 4), nn.LayerNorm(4), scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.linear(x).relu() * self.scale + x)
        # A product of sizes, which every block needs and PyTorch computes once.
        return y.reshape(x.shape[0] * x.shape[1], 2, 2).reshape(x.shape[0], -1, 4)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Block(), Block(), Block(2.0), Block()])
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> Any:
        for layer in self.layers:
            x = layer(x)
        return self.head(x), x.mean(1)


def calls(program: torch_onnx.ONNXProgram) -> list[str]:
    return [node.op_type for node in program.model.graph]


@EACH
@pytest.mark.parametrize("functions", [["layers.*"], Block, [Block]])
def test_equal_modules_are_one_function(strategy: str, functions: Any) -> None:
    program = torch_onnx.export(
        Model(), (X,), dynamic_shapes=DYNAMIC, strategy=strategy, functions=functions
    )
    # The third block differs by its scale.
    assert calls(program)[:4] == ["Block", "Block", "Block_1", "Block"]
    assert len(program.model.functions) == 2
    first = program.model.graph[0]
    assert first.name == "/layers.0/Block"
    assert [value.name for value in first.inputs if value is not None] == [
        "x", *(f"layers.0.{name}" for name in program_weights(first))
    ]  # fmt: skip
    onnx.checker.check_model(program.model_proto, full_check=True)
    assert not program.verify(torch.randn(2, 7, 4)).mismatches


def program_weights(node: Any) -> list[str]:
    names = [value.name.removeprefix("layers.0.") for value in node.inputs[1:]]
    assert sorted(names) == ["linear.bias", "linear.weight", "norm.bias", "norm.weight"]
    return names


@EACH
def test_functions_call_functions(strategy: str) -> None:
    program = torch_onnx.export(
        Model(), (X,), strategy=strategy, functions=[Block, nn.LayerNorm], verify=True
    )
    functions = {f.name: [node.op_type for node in f] for f in program.model.functions.values()}
    assert functions["LayerNorm"] == ["LayerNormalization"]
    assert "LayerNorm" in functions["Block"]


def test_a_model_calls_a_module_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = Block()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.block(self.block(x) * 2 + 1)

    program = torch_onnx.export(
        Twice(), (X,), functions=["block"], dynamic_shapes=DYNAMIC, verify=True
    )
    assert calls(program) == ["Block", "Mul", "Add", "Block"]
    assert len(program.model.functions) == 1


def test_control_flow_and_constants_within_functions() -> None:
    class Branch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x + torch.tensor([1.0, 2.0, 3.0, 4.0])
            return torch.cond(
                x.sum() > 0, lambda x: x * self.weight, lambda x: x - self.weight, (x,)
            )

    model = nn.Sequential(Branch(), Branch())
    program = torch_onnx.export(
        model, (X,), functions=Branch, dynamic_shapes=({0: "n"},), strategy="export"
    )
    assert len(program.model.functions) == 1
    for other in (X, -X - 100):
        assert not program.verify(other).mismatches


def test_functions_are_tidied() -> None:
    class Norm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight

    program = torch_onnx.export(
        nn.Sequential(Norm(), Norm()), (X,), functions=Norm, opset_version=23, verify=True
    )
    (function,) = program.model.functions.values()
    assert "RMSNormalization" in [node.op_type for node in function]
    assert len(function) == 1, "what the fusion leaves over is removed"


def test_what_names_no_module_is_told() -> None:
    with pytest.raises(errors.InputError) as caught:
        torch_onnx.export(Model(), (X,), functions=["blocks.*"])
    assert str(caught.value) == (
        "functions= names 'blocks.*'; the model's modules are layers, layers.0, layers.0.linear, "
        "layers.0.norm, layers.1, layers.1.linear, layers.1.norm, layers.2."
    )
    with pytest.raises(errors.NotExpressible, match="possible from opset 15"):
        torch_onnx.export(Model(), (X,), functions=Block, opset_version=14)


def test_torch_onnx_callers_option() -> None:
    program = torch_onnx.export(Model(), (X,), export_modules_as_functions={Block}, verify=True)
    assert calls(program)[:2] == ["Block", "Block"]
    program = torch_onnx.export(Model(), (X,), export_modules_as_functions=True, verify=True)
    assert {f.name for f in program.model.functions.values()} >= {"Block", "Linear", "LayerNorm"}


@since("2.13", "its equal regions are not one before")
def test_compiled_regions_are_functions() -> None:
    region = getattr(torch.compiler, "nested_compile_region", None)
    if region is None:
        pytest.skip("this PyTorch has no compiled regions")

    class Regions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        @region
        def part(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x).relu()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.part(self.part(x))

    program = torch.export.export(Regions(), (X,), strict=True)
    kept = [n for n in program.graph.nodes if "invoke_subgraph" in str(n.target)]
    exported = torch_onnx.export(program, (X,), verify=True)
    assert len(exported.model.functions) == bool(kept)

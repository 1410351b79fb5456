"""Traced and scripted programs: control flow, containers, writes, dynamic sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import torch_onnx
from torch_onnx import errors

X = torch.randn(3, 4)
OTHERS = (torch.ones(5, 4), -torch.ones(2, 4), torch.randn(1, 4))
ROWS = {"x": {0: "rows"}}


class Branch(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            y = x * 2
        elif bool(x.min() < -3):
            y = x + 5
        else:
            y = x - 1
        return y


class BranchOnSize(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.size(0) > 2:
            return x + 1
        return x - 1


class CountedLoop(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for i in range(x.size(0)):
            x = x + i
        return x


class FixedLoop(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = 0
        for i in range(7):
            if i == 2:
                continue
            if i == 5:
                break
            total += i
            x = x + i
        return x * total


class WhileLoop(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        i = 0
        x = x.abs() + 0.1
        while bool(x.sum() < 100):
            x = x * 2 + 1
            i += 1
        return x, i


class GrowingLoop(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x[:1]
        for i in range(x.size(0)):
            y = torch.cat([y, x[i : i + 1] * y[-1:]])
        return y


class NestedLoops(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.zeros(4)
        for i in range(x.size(0)):
            for j in range(3):
                if bool(x[i, j] > 0):
                    y = y + x[i]
                else:
                    y = y - j
        return y


class Writes(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.zeros_like(x)
        row = y[0]
        for i in range(x.size(0)):
            y[i] = x[i] * i
            if bool(x[i, 0] > 0):
                row.add_(1)
        if x.sum() > 0:
            y += 1
        return y


class Containers(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(4, 4) for _ in range(3)])
        self.scale = 0.5

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        outputs: list[torch.Tensor] = []
        named: dict[str, torch.Tensor] = {}
        for i, layer in enumerate(self.layers):
            x = torch.relu(layer(x)) * self.scale
            outputs.append(x)
            named["{}".format(i)] = x  # noqa: UP032 - scripts know no f-strings
        pairs = [a + b for a, b in zip(outputs, outputs[1:])]  # noqa: B905, RUF007
        return torch.cat(outputs + pairs, -1), named


class Sizes(torch.nn.Module):
    def forward(
        self, x: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        rows, columns = x.size(0), x.shape[1]
        half = rows // 2 + columns * 2
        flat = x.view(rows * columns)
        other = torch.arange(half).float().sum() + torch.zeros(rows + 1).numel()
        as_tensor = torch.stack([torch.tensor(rows * 2)])
        return flat, as_tensor, other, x.new_ones([rows, int(columns / 2)])


class Optionals(torch.nn.Module):
    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is not None:
            x = x * mask
        assert x.size(1) == 4, "four columns are needed"
        if bool(x.sum() > 1e9):
            raise ValueError("too large")
        return x


def agree(model: Any, strategy: str, opset: int = 20, others: Any = OTHERS) -> Any:
    program = torch_onnx.export(
        model, (X,), dynamic_shapes=ROWS, strategy=strategy, opset_version=opset
    )
    for x in (X, *others):
        assert not program.verify(x).mismatches
    return program


SCRIPTED = [
    *(Branch, BranchOnSize, CountedLoop, FixedLoop, WhileLoop, GrowingLoop, NestedLoops),
    *(Writes, Containers, Sizes),
]


@pytest.mark.parametrize("opset", [11, 13, 20, 28])
@pytest.mark.parametrize("make", SCRIPTED)
def test_scripted(make: Callable[[], torch.nn.Module], opset: int) -> None:
    agree(make().eval(), "script", opset)


@pytest.mark.parametrize("make", [Containers, Sizes])
def test_traced(make: Callable[[], torch.nn.Module]) -> None:
    agree(make().eval(), "trace")


def test_sizes_stay_numbers_in_traces() -> None:
    program = agree(Sizes().eval(), "trace")
    assert "Cast" not in {node.op_type for node in program.model.graph if "view" in str(node.name)}
    assert [str(size) for size in program.model.graph.outputs[0].shape] == ["4*rows"]


def test_script_modules_functions_and_files(tmp_path: Path) -> None:
    script = torch.jit.script(Containers().eval())
    agree(script, "auto")
    program = torch_onnx.export(torch.jit.trace(Containers().eval(), X, strict=False), (X,))
    assert not program.verify().mismatches
    assert "layers.0.weight" in program.model.graph.initializers

    @torch.jit.script
    def function(x: torch.Tensor, n: int = 2) -> torch.Tensor:
        return x * n if bool(x.sum() > 0) else x

    agree(function, "auto")
    script.save(str(tmp_path / "model.pt"))
    loaded = torch_onnx.export(tmp_path / "model.pt", (X,))
    torch.testing.assert_close(loaded(X)[0], script(X)[0])


def test_optional_arguments_and_assertions() -> None:
    program = torch_onnx.export(
        torch.jit.script(Optionals()), (X, torch.ones(4)), dynamic_shapes={"x": {0: "rows"}}
    )
    assert not program.verify(OTHERS[0], torch.rand(4)).mismatches
    assert any("lacks an assertion" in note for note in program.notes)
    assert program.input_names == ["x", "mask"]
    agree(torch.jit.script(Optionals()), "auto")


def test_a_model_that_torch_export_refuses_is_traced_and_told() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        return x if x.nonzero().shape[0] > 3 else x + 1

    with pytest.warns(errors.ModelNotes) as told:
        program = torch_onnx.export(model, (X,))
    text = str(told[0].message)
    assert "is a trace, for torch.export refused it: A branch depends on data" in text
    assert "is frozen at test_torchscript.py" in text
    assert "return x if x.nonzero().shape[0] > 3 else x + 1" in text
    assert not program.verify().mismatches

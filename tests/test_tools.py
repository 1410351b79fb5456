"""Test cases as files, annotations, intermediate outputs, stripped models, loops by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

import torch_onnx
from releases import needs, since
from torch_onnx import errors, ops

EACH = pytest.mark.parametrize("strategy", ["record", "export", "trace"])
X = torch.randn(3, 4)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 40), nn.Linear(40, 2)

    def forward(self, x: torch.Tensor, scale: torch.Tensor) -> Any:
        with torch_onnx.annotate(stage=1, part="front"):
            y = x * scale
            with torch_onnx.annotate(part="inner"):
                y = self.first(y)
        y = torch_onnx.as_output("hidden", y.relu())
        return self.second(y)


ARGS = (X, torch.tensor(2.0))


@EACH
def test_annotations_reach_the_nodes(strategy: str) -> None:
    if strategy == "export":
        needs("2.10", "nodes of torch.export carry no annotations before")
    program = torch_onnx.export(Net(), ARGS, strategy=strategy, metadata=False)
    found = {n.op_type: dict(n.metadata_props) for n in program.model.graph}
    assert found["Mul"] == {"stage": "1", "part": "front"}
    assert {"stage": "1", "part": "inner"} in [dict(n.metadata_props) for n in program.model.graph]
    assert found["Relu"] == {}


@EACH
def test_an_intermediate_value_is_an_output(strategy: str) -> None:
    program = torch_onnx.export(Net(), ARGS, strategy=strategy, verify=True)
    assert program.output_names == ["output", "hidden"]
    assert [o.shape for o in program.verification.outputs] == [(3, 2), (3, 40)]
    assert torch.equal(torch_onnx.as_output("any", X), X)

    class Twice(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch_onnx.as_output("a", x + 1) * torch_onnx.as_output("a", x + 2)

    with pytest.raises(errors.ExportError, match="two values are called 'a'"):
        torch_onnx.export(Twice(), (X,), strategy=strategy)


def read(path: Path) -> Any:
    return numpy_helper.to_array(onnx.load_tensor(path))


def test_a_test_case_is_what_a_runtime_needs(tmp_path: Path) -> None:
    model = Net()
    for add in (False, True):
        torch_onnx.export_testcase(
            model, ARGS, tmp_path, gradients=True, metadata={"author": "me"}, add_data_set=add
        )
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for number in (0, 1):
        folder = tmp_path / f"test_data_set_{number}"
        names = [declared.name for declared in session.get_inputs()]
        feeds = {name: read(folder / f"input_{i}.pb") for i, name in enumerate(names)}
        for i, output in enumerate(session.run(None, feeds)):
            np.testing.assert_allclose(output, read(folder / f"output_{i}.pb"), atol=1e-5)
    assert json.loads((tmp_path / "meta.json").read_text())["author"] == "me"
    x = X.clone().requires_grad_()
    model(x, ARGS[1]).sum().backward()
    folder = tmp_path / "test_data_set_0"
    np.testing.assert_allclose(read(folder / "gradient_input_0.pb"), x.grad, atol=1e-5)
    assert onnx.load_tensor(folder / "gradient_0.pb").name == "first.weight"
    np.testing.assert_allclose(read(folder / "gradient_0.pb"), model.first.weight.grad, atol=1e-5)
    with pytest.raises(errors.InputError, match="there is no"):
        torch_onnx.export_testcase(model, ARGS, tmp_path / "new", add_data_set=True)


def test_large_tensors_are_stripped_and_filled(tmp_path: Path) -> None:
    model = Net()
    torch_onnx.export_testcase(model, ARGS, tmp_path, strip_larger_than=100)
    proto = torch_onnx.load_model(tmp_path / "model.onnx")
    (stripped,) = [t for t in proto.graph.initializer if t.data_location]
    facts = json.loads(stripped.external_data[0].value)
    assert facts["average"] == pytest.approx(model.first.weight.mean().item(), abs=1e-6)
    assert torch_onnx.strip_large_tensors(proto, 100) == []
    assert torch_onnx.fill_stripped_tensors(proto) == [stripped.name]
    filled = numpy_helper.to_array(
        next(t for t in proto.graph.initializer if t.name == stripped.name)
    )
    assert filled.std() == pytest.approx(model.first.weight.std().item(), rel=0.3)
    onnxruntime.InferenceSession(proto.SerializeToString())


class Loops(nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        (doubled,) = ops.fori_loop(0, x.shape[0], lambda i, y: y * 2 + i, (x,))
        count, grown = ops.while_loop(
            lambda i, y: y.abs().sum() < 100, lambda i, y: (i + 1, y * 2), (torch.tensor(0), x)
        )
        return doubled, count, ops.cond(x.sum() > 0, lambda y: y + 1, lambda y: y - 1, (grown,))


@since("2.7", "its torch.export has no while_loop within")
def test_loops_and_branches_by_name() -> None:
    program = torch_onnx.export(Loops(), (X,), dynamic_shapes={"x": {0: "rows"}}, strategy="export")
    assert [n.op_type for n in program.model.graph].count("Loop") == 2
    for other in (X, -X[:1], torch.randn(6, 4)):
        assert not program.verify(other).mismatches
    with pytest.raises(errors.ExportError, match="needs strategy='export'"):
        torch_onnx.export(Loops(), (X,), strategy="trace")


class Force(nn.Module):
    """Forces are the gradient of an energy that a network computes."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

    def energy(self, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return (self.net(x) * scale).sum()

    def forward(self, x: torch.Tensor, scale: torch.Tensor) -> Any:
        return self.energy(x, scale), -ops.gradient(self.energy, x, scale)


@EACH
def test_a_gradient_is_computed_in_the_model(strategy: str) -> None:
    model = Force()
    program = torch_onnx.export(
        model,
        (X, torch.tensor(2.0)),
        dynamic_shapes={"x": {0: "n"}, "scale": None},
        strategy=strategy,
    )
    assert not program.verify(torch.randn(7, 4), torch.tensor(3.0)).mismatches
    assert "net.0.weight" in program.model.graph.initializers
    x = X.clone().requires_grad_()
    model.energy(x, torch.tensor(2.0)).backward()
    torch.testing.assert_close(program(X, torch.tensor(2.0))[1], -x.grad)

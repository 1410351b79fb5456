"""Files: whole or not at all, the same bytes, weights streamed and stored once."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch

from torch_onnx import errors, saving
from torch_onnx.weights import ComputedWeight, Weight


def model_of(*weights: Weight | ComputedWeight) -> ir.Model:
    """Each weight is passed on as an output."""
    nodes, values, outputs = [], [], []
    for i, weight in enumerate(weights):
        type_ = ir.TensorType(weight.dtype)
        value = ir.Value(name=weight.name, shape=weight.shape, type=type_, const_value=weight)
        node = ir.node("Identity", [value])
        node.outputs[0].name, node.outputs[0].shape, node.outputs[0].type = (
            f"y{i}",
            weight.shape,
            type_,
        )
        values.append(value)
        nodes.append(node)
        outputs.append(node.outputs[0])
    graph = ir.Graph(
        [], outputs, nodes=nodes, initializers=values, opset_imports={"": 20}, name="g"
    )
    return ir.Model(graph, ir_version=10)


@pytest.mark.parametrize("external", [False, True])
def test_round_trip(tmp_path: Path, external: bool) -> None:
    tensors = [
        torch.randn(3, 5),
        torch.randn(4).double(),
        torch.randn(2, 3, 4).transpose(0, 2),
        torch.tensor([True, False]),
        torch.arange(6, dtype=torch.int8),
        torch.randn(5).half(),
        torch.tensor(3.5),
        torch.zeros(0, 3),
    ]
    weights = [Weight(f"w{i}", tensor) for i, tensor in enumerate(tensors)]
    path = tmp_path / "m.onnx"
    written = saving.save(model_of(*weights), path, external_data=external)
    assert sorted(p.name for p in written.paths) == sorted(p.name for p in tmp_path.iterdir())
    assert written.bytes == sum(p.stat().st_size for p in tmp_path.iterdir())
    onnx.checker.check_model(path, full_check=True)
    loaded = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    for weight, tensor in zip(weights, tensors, strict=True):
        np.testing.assert_array_equal(loaded[weight.key], tensor.numpy())


def test_bfloat16_and_float8_keep_their_bits(tmp_path: Path) -> None:
    brain = torch.randn(7).bfloat16()
    eight = torch.randn(7).to(torch.float8_e4m3fn)
    path = tmp_path / "m.onnx"
    saving.save(model_of(Weight("a", brain), Weight("b", eight)), path)
    a, b = onnx.load(path).graph.initializer
    assert a.raw_data == brain.view(torch.uint8).numpy().tobytes()
    assert b.raw_data == eight.view(torch.uint8).numpy().tobytes()


def test_transposed_and_computed_weights(tmp_path: Path) -> None:
    matrix = torch.randn(3000, 2000)  # more than one block of rows
    double = ComputedWeight(
        "d", {"x": "x"}, {"x": matrix}, lambda x: x[:2] * 2, torch.float32, (2, 2000)
    )
    path = tmp_path / "m.onnx"
    saving.save(model_of(Weight("t", matrix, transpose=True), double), path)
    t, d = (onnx.numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer)
    np.testing.assert_array_equal(t, matrix.T.numpy())
    np.testing.assert_array_equal(d, 2 * matrix[:2].numpy())


def test_same_program_same_bytes() -> None:
    tensor = torch.randn(100, 10)
    files = [io.BytesIO(), io.BytesIO()]
    for file in files:
        saving.save(model_of(Weight("w", tensor)), file)
    assert files[0].getvalue() == files[1].getvalue()


@pytest.mark.parametrize("external", [False, True])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, external: bool) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"old")

    def fail(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no")

    bad = ComputedWeight("b", {"x": "x"}, {"x": torch.ones(2)}, fail, torch.float32, (2,))
    with pytest.raises(RuntimeError, match="no"):
        saving.save(model_of(Weight("w", torch.ones(9)), bad), path, external_data=external)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_paths_that_cannot_be_written(tmp_path: Path) -> None:
    for path, reason in [
        (tmp_path, "it is a folder"),
        (tmp_path / "none" / "m.onnx", "does not exist"),
    ]:
        with pytest.raises(errors.CannotWrite, match=reason):
            saving.check_writable(path)


def test_weights_without_data_are_named() -> None:
    meta = torch.empty(3, device="meta")
    with pytest.raises(errors.MissingWeights, match=r"1 weights have no data: layer\.weight"):
        saving.save(model_of(Weight("layer.weight", meta)), io.BytesIO())


def test_peak_memory_does_not_grow_with_the_weights(tmp_path: Path) -> None:
    script = """
import resource, sys, torch
sys.path.insert(0, sys.argv[2])
from test_saving import model_of
from torch_onnx import saving
from torch_onnx.weights import Weight
model = model_of(*[Weight(f"w{i}", torch.ones(5000, 5000), transpose=bool(i)) for i in range(4)])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
saving.save(model, sys.argv[1])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "m.onnx"), str(Path(__file__).parent)]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown < 100, "400 MB of weights were saved"

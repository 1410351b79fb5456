"""Whole models with dynamic dimensions: exported once, right at three shapes."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest
import torch

import torch_onnx
from zoo.case import Case, Inputs, difference, eager
from zoo.models import TINY

pytestmark = pytest.mark.models


@pytest.mark.parametrize("case", TINY, ids=str)
def test_model_matches_pytorch_at_three_shapes(case: Case, tmp_path: Path) -> None:
    model, args, kwargs = case.build()
    path = tmp_path / "model.onnx"

    program = torch_onnx.export(model, args, kwargs=kwargs, dynamic_shapes=case.dynamic_shapes)
    program.save(path)

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert names_of_axes(session) >= wanted_names(case.dynamic_shapes)
    # The example again, for the export must have left the model and its inputs as they were.
    calls = [(args, kwargs), *(make() for make in case.other_inputs)]
    for call in calls:
        compare(case, model, program, call)


def compare(
    case: Case, model: torch.nn.Module, program: torch_onnx.ONNXProgram, call: Inputs
) -> None:
    # ONNX Runtime goes first: eager models write to the cache that they are given.
    actual = program(*call[0], **call[1])
    expected = eager(model, call)
    assert len(actual) == len(expected)
    for name, got, want in zip(program.output_names, actual, expected, strict=True):
        far = difference(got, want)
        assert far.relative <= case.tolerance, f"{name}{list(want.shape)}: {far}"


def names_of_axes(session: onnxruntime.InferenceSession) -> set[str]:
    return {axis for value in session.get_inputs() for axis in value.shape if isinstance(axis, str)}


def wanted_names(shapes: object) -> set[str]:
    if isinstance(shapes, str):
        return {shapes}
    parts = shapes.values() if isinstance(shapes, dict) else shapes
    return {name for part in parts or () for name in wanted_names(part)}

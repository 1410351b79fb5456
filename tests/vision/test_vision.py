"""torchvision's and timm's models with dynamic dimensions, as in ``tests/test_models.py``."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("torchvision")
pytest.importorskip("timm")

import torch_onnx
from zoo.case import Case, Inputs, difference, eager, flat
from zoo.vision import DETECTORS, MODELS

pytestmark = [pytest.mark.models, pytest.mark.vision]


def calls_of(case: Case, example: Inputs) -> list[Inputs]:
    return [example, *(make() for make in case.other_inputs)]


@pytest.mark.parametrize("case", MODELS, ids=str)
def test_model_matches_pytorch_at_three_shapes(case: Case, tmp_path: Path) -> None:
    model, args, kwargs = case.build()

    program = torch_onnx.export(model, args, kwargs=kwargs, dynamic_shapes=case.dynamic_shapes)
    program.save(tmp_path / "model.onnx")

    for call in calls_of(case, (args, kwargs)):
        actual, expected = program(*call[0], **call[1]), eager(model, call)
        assert len(actual) == len(expected)
        for name, got, want in zip(program.output_names, actual, expected, strict=True):
            far = difference(got, want)
            assert far.relative <= case.tolerance, f"{name}{list(want.shape)}: {far}"


@pytest.mark.parametrize("case", DETECTORS, ids=str)
def test_detector_matches_pytorch_at_three_sizes(case: Case, tmp_path: Path) -> None:
    model, args, kwargs = case.build()

    program = torch_onnx.export(model, args, kwargs=kwargs, dynamic_shapes=case.dynamic_shapes)
    program.save(tmp_path / "model.onnx")

    for call in calls_of(case, (args, kwargs)):
        actual, expected = program(*call[0], **call[1]), eager(model, call)
        assert len(actual) == len(expected)
        (boxes, *_), (wanted_boxes, *_) = actual, expected
        assert boxes.shape == wanted_boxes.shape
        assert len(boxes), "nothing was detected: the case would test nothing"
        for got, want in zip(by_score(actual), by_score(expected), strict=True):
            far = difference(got, want)
            assert far.relative <= case.tolerance, far


def by_score(outputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Put detections in the order of their boxes: those of equal scores may change places."""
    boxes = outputs[0]
    order = sorted(range(len(boxes)), key=lambda row: boxes[row].round(decimals=1).tolist())
    return [output[torch.tensor(order, dtype=torch.int64)] for output in flat(outputs)]

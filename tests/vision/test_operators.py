"""torchvision's own operators against PyTorch, at sizes that are not the example's."""

from __future__ import annotations

import pytest
import torch
import torchvision

import torch_onnx
from torch_onnx import errors

pytestmark = pytest.mark.vision


def boxes(count: int, size: float = 40.0) -> torch.Tensor:
    corner = torch.rand(count, 2) * size
    return torch.cat([corner, corner + torch.rand(count, 2) * size / 2], 1)


def check(model: object, *calls: tuple[torch.Tensor, ...], opset: int, dynamic: object) -> None:
    program = torch_onnx.export(model, calls[0], opset_version=opset, dynamic_shapes=dynamic)
    for call in calls:
        for got, want in zip(program(*call), [model(*call)], strict=True):
            torch.testing.assert_close(got, want)


@pytest.mark.parametrize("opset", [11, 20, 28])
def test_nms(opset: int) -> None:
    def model(boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return torchvision.ops.nms(boxes, scores, 0.3)

    calls = [(boxes(n), torch.rand(n)) for n in (50, 3, 0, 200)]
    equal = (boxes(30), torch.ones(30))
    check(model, *calls, equal, opset=opset, dynamic={"boxes": {0: "n"}, "scores": {0: "n"}})


# ONNX Runtime 1.32 has no kernel for the RoiAlign of opset 22.
@pytest.mark.parametrize("opset", [11, 16, 21])
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 2])
def test_roi_align(opset: int, aligned: bool, ratio: int) -> None:
    def model(x: torch.Tensor, rois: torch.Tensor) -> torch.Tensor:
        return torchvision.ops.roi_align(x, rois, (3, 4), 0.25, ratio, aligned)

    def call(batch: int, height: int, count: int) -> tuple[torch.Tensor, ...]:
        image = torch.randint(batch, (count, 1)).float()
        return torch.randn(batch, 2, height, 13), torch.cat([image, boxes(count)], 1)

    calls = [call(2, 11, 9), call(3, 14, 4), call(1, 11, 0)]
    dynamic = {"x": {0: "batch", 2: "height"}, "rois": {0: "count"}}
    if aligned and opset < 16:
        with pytest.raises(errors.UnsupportedOperators, match="opset 16"):
            check(model, *calls, opset=opset, dynamic=dynamic)
    else:
        check(model, *calls, opset=opset, dynamic=dynamic)


@pytest.mark.parametrize("masked", [False, True])
def test_deform_conv(masked: bool) -> None:
    layer = torchvision.ops.DeformConv2d(4, 6, 3, stride=2, padding=1, groups=2).eval()

    def call(batch: int, height: int) -> tuple[torch.Tensor, ...]:
        rows = (height - 1) // 2 + 1
        offsets, mask = torch.randn(batch, 18, rows, 4), torch.rand(batch, 9, rows, 4)
        x = torch.randn(batch, 4, height, 8)
        return (x, offsets, mask) if masked else (x, offsets)

    dynamic = {"input": {0: "batch"}, "offset": {0: "batch"}}
    check(
        layer,
        call(2, 9),
        call(3, 9),
        opset=20,
        dynamic={**dynamic, "mask": {0: "batch"}} if masked else dynamic,
    )

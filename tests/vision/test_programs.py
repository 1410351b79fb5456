"""torchvision's operators and parts of its detectors, traced and scripted."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Dict, List  # noqa: UP035 - scripts of modules know these

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import AnchorGenerator, RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform

import torch_onnx

pytestmark = [pytest.mark.vision, pytest.mark.filterwarnings("ignore")]
ops = torchvision.ops
STRATEGIES = ("trace", "script", "auto")


def boxes(count: int, size: float = 1.0) -> Tensor:
    corner = torch.rand(count, 2) * size
    return torch.cat([corner, corner + torch.rand(count, 2) * size], 1)


def rois(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32)


class Suppressed(nn.Module):
    def forward(self, boxes: Tensor, scores: Tensor, classes: Tensor):
        kept = ops.nms(boxes, scores, 0.4)
        return kept, ops.batched_nms(boxes, scores, classes, 0.4)


class Clipped(nn.Module):
    def forward(self, boxes: Tensor, image: Tensor):
        return ops.boxes.clip_boxes_to_image(boxes, (image.shape[0], image.shape[1]))


def transform() -> nn.Module:
    return GeneralizedRCNNTransform(60, 90, [0.5, 0.4, 0.3], [0.2, 0.25, 0.3])


class Resized(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.transform = transform()

    def forward(self, image: Tensor):
        return self.transform.resize(image, None)[0]


class Batched(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.transform = transform()

    def forward(self, images: List[Tensor]):  # noqa: UP006 - scripts know no other
        return self.transform(images)[0].tensors


class Pooled(nn.Module):
    """Regions from the level of the pyramid that suits their size."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = ops.MultiScaleRoIAlign(["fine", "coarse"], 3, 2)
        self.sizes = [(256, 256)]

    def forward(self, maps: Dict[str, Tensor], boxes: List[Tensor]):  # noqa: UP006
        return self.pool(maps, boxes, self.sizes)


def pyramid() -> tuple[Any, ...]:
    maps = {"fine": torch.rand(1, 2, 32, 32), "coarse": torch.rand(1, 2, 8, 8)}
    return maps, [boxes(6, 128.0)]


class Proposed(nn.Module):
    """The boxes that a network proposes, of the sizes of its images."""

    def __init__(self) -> None:
        super().__init__()
        anchors = AnchorGenerator(((16,), (32,)), ((0.5, 1.0, 2.0),) * 2)
        head = RPNHead(8, anchors.num_anchors_per_location()[0])
        for layer in (head.cls_logits, head.bbox_pred):
            # Scores that lie well apart: else rounding changes the order.
            nn.init.normal_(layer.weight, std=0.5)
        many = {"training": 50, "testing": 40}
        self.rpn = RegionProposalNetwork(anchors, head, 0.7, 0.3, 64, 0.5, many, many, 0.7)

    def forward(self, images: Tensor, features: Dict[str, Tensor]):  # noqa: UP006
        sizes = [(i.shape[-1], i.shape[-2]) for i in images]
        return self.rpn(ImageList(images, sizes), features)


def pictures(size: int) -> tuple[Any, ...]:
    maps = {str(step): torch.randn(2, 8, size // step, size // step) for step in (8, 16)}
    return torch.rand(2, 3, size, size), maps


IMAGE, TWO = torch.rand(1, 1, 10, 10), torch.randn(2, 2, 11, 13)
REGIONS = rois((0, 0, 0, 30, 25), (1, 7.5, 3, 50, 60), (1, 1, 2, 1, 2), (0, 20, 20, 10, 10))
ONE = rois((0, 0.2, 0.3, 4.5, 3.5))
MARKED = (boxes(40), torch.rand(40), torch.randint(0, 4, (40,)))
# What makes the model, the calls, the dynamic axes, and the opset to export at.
CASES: dict[str, tuple[Callable[[], nn.Module], list[Any], dict[str, list[int]], int]] = {
    "suppressed": (Suppressed, [MARKED], {}, 20),
    "clipped": (
        Clipped,
        [(boxes(5, 300), torch.rand(200, 300)), (boxes(5, 300), torch.rand(90, 400))],
        {"image": [0, 1]},
        20,
    ),
    "aligned": (lambda: ops.RoIAlign((5, 5), 1.0, 2), [(IMAGE, rois((0, 0, 0, 4, 4)))], {}, 11),
    "aligned half": (lambda: ops.RoIAlign((5, 5), 0.5, 3, aligned=True), [(IMAGE, ONE)], {}, 16),
    "aligned larger": (lambda: ops.RoIAlign((2, 2), 2.5, 0, aligned=True), [(IMAGE, ONE)], {}, 20),
    # ONNX Runtime 1.32 has no kernel for the MaxRoiPool of opset 22.
    "maxima": (lambda: ops.RoIPool((5, 5), 2.0), [(IMAGE, rois((0, 0, 0, 4, 4)))], {}, 11),
    "maxima of two": (lambda: ops.RoIPool((3, 4), 0.25), [(TWO, REGIONS)], {}, 21),
    "resized": (
        Resized,
        [(torch.rand(3, 10, 20),), (torch.rand(3, 80, 50),)],
        {"image": [0, 1, 2]},
        20,
    ),
    "batched": (Batched, [([torch.rand(3, 40, 70), torch.rand(3, 60, 60)],)], {}, 20),
    "of levels": (Pooled, [pyramid(), pyramid()], {}, 20),
    "proposed": (
        Proposed,
        [pictures(64), pictures(96)],
        {name: [2, 3] for name in ("images", "fine", "coarse")},
        20,
    ),
}
NAMES = {
    "clipped": ["boxes", "image"],
    "resized": ["image"],
    "proposed": ["images", "fine", "coarse"],
}
# A list of tuples grows with the batch, which scripts do not settle. Python's own min, of two
# sizes, is decided by the example; in a trace these are tensors.
LEFT_OUT = {("proposed", "script"), ("resized", "auto")}
RUNS = [
    (name, strategy)
    for name in CASES
    for strategy in STRATEGIES
    if (name, strategy) not in LEFT_OUT
]


@pytest.mark.parametrize(("name", "strategy"), RUNS)
def test_parts_of_detectors(name: str, strategy: str) -> None:
    make, calls, axes, opset = CASES[name]
    torch.manual_seed(0)
    model = make().eval()
    given = torch.jit.script(model) if strategy == "script" else model
    options = {"strategy": strategy} if strategy != "script" else {}
    if axes:
        options |= {"input_names": NAMES[name], "dynamic_axes": axes}
    program = torch_onnx.export(given, copy.deepcopy(calls[0]), opset_version=opset, **options)
    for call in calls:
        program.verify(*call)

"""Models of torchvision and timm with random weights; importable where both are installed.

``MODELS`` take an image batch and give tensors; ``DETECTORS`` take a list of images and give a
list of dicts whose sizes depend on the data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import timm
import torch
from torchvision.models import detection, get_model, optical_flow, segmentation, video

from zoo.case import Case, Inputs, case

BATCH = {0: "batch"}
ANY_SIZE = {0: "batch", 2: "height", 3: "width"}
SMALL = ((2, 64, 96), (1, 96, 64), (3, 64, 64))
# Deep, with batch norms over few values: float32 itself is up to 2e-4 from float64 in these.
NOISY = 1e-3
SQUARE = ((2, 224, 224), (1, 224, 224), (3, 224, 224))


def _images(batch: int, height: int, width: int) -> Inputs:
    return (torch.randn(batch, 3, height, width),), {}


def _video(batch: int, frames: int, size: int) -> Inputs:
    return (torch.randn(batch, 3, frames, size, size),), {}


def _pair(batch: int, height: int, width: int) -> Inputs:
    # RAFT correlates at an eighth of the size, on a pyramid of four levels: 128 is the least.
    shape = (batch, 3, height, width)
    return (torch.rand(shape) * 2 - 1, torch.rand(shape) * 2 - 1), {}


def _one_photo(height: int, width: int) -> Inputs:
    return ([torch.rand(3, height, width)],), {}


def _torchvision(name: str, **options: Any) -> Callable[[], torch.nn.Module]:
    return lambda: get_model(name, weights=None, **options)


def _timm(name: str) -> Callable[[], torch.nn.Module]:
    return lambda: timm.create_model(name, pretrained=False)


def _deeplab() -> torch.nn.Module:
    return segmentation.deeplabv3_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=7, aux_loss=True
    )


def _raft() -> torch.nn.Module:
    # Twelve updates are the default; three show the loop and run in seconds.
    return _WithUpdates(optical_flow.raft_small(weights=None))


class _WithUpdates(torch.nn.Module):
    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image1: torch.Tensor, image2: torch.Tensor) -> list[torch.Tensor]:
        flows: list[torch.Tensor] = self.model(image1, image2, num_flow_updates=3)
        return flows


def _detector(
    build: Callable[..., torch.nn.Module], **options: Any
) -> Callable[[], torch.nn.Module]:
    # Random scores lie near 1 / classes: without a low threshold nothing would be detected, and
    # with a small number of detections the order of almost equal scores matters less.
    return lambda: build(weights=None, weights_backbone=None, num_classes=5, **options)


PHOTOS = ((96, 128), (128, 96), (160, 144))
DETECTED = {"images": [{1: "height", 2: "width"}]}
SMALL_SIZES = {"min_size": 96, "max_size": 160}
FEW = {"box_score_thresh": 0.0, "box_detections_per_img": 20, "rpn_post_nms_top_n_test": 50}


def _torchvision_cases() -> list[Case]:
    any_size, batch = {"x": ANY_SIZE}, {"x": BATCH}
    return [
        case("resnet50", _torchvision("resnet50"), _images, any_size, SMALL, NOISY),
        case("mobilenet_v3", _torchvision("mobilenet_v3_small"), _images, any_size, SMALL, 1e-4),
        case("vit_b_16", _torchvision("vit_b_16"), _images, batch, SQUARE),
        case("swin_t", _torchvision("swin_t"), _images, batch, SQUARE),
        case("maxvit_t", _torchvision("maxvit_t"), _images, batch, SQUARE),
        case("efficientnet_b0", _torchvision("efficientnet_b0"), _images, any_size, SMALL, NOISY),
        case("deeplabv3", _deeplab, _images, any_size, SMALL, 1e-4),
        case(
            "raft",
            _raft,
            _pair,
            {"image1": BATCH, "image2": BATCH},
            ((2, 128, 136), (1, 128, 136), (3, 128, 136)),
            tolerance=1e-4,  # each update samples at positions that the last one computed
        ),
        case(
            "r3d",
            lambda: video.r3d_18(weights=None),
            _video,
            {"x": {0: "batch", 2: "frames"}},
            ((2, 8, 48), (1, 8, 48), (3, 12, 48)),
        ),
    ]


def _timm_cases() -> list[Case]:
    batch = {"x": BATCH}
    names = {
        "resnet18": 1e-5,
        "convnext_atto": 1e-5,
        "mobilenetv4_conv_small": NOISY,
        "deit_tiny_patch16_224": 1e-5,
        "efficientvit_b0": NOISY,
        "regnety_002": 1e-5,
        "mixer_s32_224": 1e-5,
        "poolformer_s12": 1e-5,
    }
    return [
        case(f"timm_{name}", _timm(name), _images, batch, SQUARE, tolerance)
        for name, tolerance in names.items()
    ]


def _detector_cases() -> list[Case]:
    builders = {
        "faster_rcnn": _detector(detection.fasterrcnn_mobilenet_v3_large_fpn, **SMALL_SIZES, **FEW),
        "mask_rcnn": _detector(detection.maskrcnn_resnet50_fpn, **SMALL_SIZES, **FEW),
        "ssdlite": _detector(
            detection.ssdlite320_mobilenet_v3_large, score_thresh=0.0, detections_per_img=20
        ),
    }
    # Without trained norms the deep backbone amplifies: float32 itself is up to 5e-3 from float64.
    tolerances = {"faster_rcnn": 1e-4, "mask_rcnn": 1e-2, "ssdlite": 1e-4}
    return [
        case(name, build, _one_photo, DETECTED, PHOTOS, tolerance=tolerances[name])
        for name, build in builders.items()
    ]


MODELS = [*_torchvision_cases(), *_timm_cases()]
DETECTORS = _detector_cases()

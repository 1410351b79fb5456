"""Layers in training mode, and models of which some layers are not in it."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
IMAGES = torch.randn(4, 3, 9, 9) * 2
OTHER = torch.randn(6, 3, 9, 9)


class Normalised(nn.Module):
    """Three norms between convolutions; ``apart`` is the mode of the last one."""

    def __init__(self, norm: Any, affine: tuple[bool, bool, bool], apart: bool | None) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (norm(3, affine=each) for each in affine)
        self.convolution1, self.convolution2 = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)
        if apart is not None:
            self.train(not apart)
            self.norm3.train(apart)

    def forward(self, x: Tensor):
        x = self.convolution1(self.norm1(x))
        x = self.convolution2(self.norm2(x))
        return self.norm3(x)


EDGES, MIDDLE = (True, False, True), (False, True, False)
for label, norm, affine in (
    ("tracked", partial(nn.InstanceNorm2d, track_running_stats=True), MIDDLE),
    ("untracked", partial(nn.BatchNorm2d, track_running_stats=False), MIDDLE),
    ("averaged", partial(nn.BatchNorm2d, momentum=None), EDGES),
):
    for training, apart in (("train", False), ("eval", True), ("preserve", False)):
        row = CASES(
            IMAGES,
            dynamic={0: {0: "n"}},
            others=(OTHER,),
            training=training,
            name=f"{label}-{training}",
        )
        row(partial(Normalised, norm, affine, apart))

for layer, x in (
    (nn.BatchNorm1d, torch.randn(5, 4)),
    (nn.BatchNorm1d, torch.randn(5, 4, 3)),
    (nn.BatchNorm3d, torch.randn(2, 4, 3, 3, 2)),
    (partial(nn.GroupNorm, 2), torch.randn(2, 4, 3)),
    (nn.InstanceNorm1d, torch.randn(2, 4, 3)),
):
    told = layer.func.__name__ if isinstance(layer, partial) else layer.__name__
    CASES(x, training="train", name=f"{told}-{x.dim()}d")(partial(layer, 4))
for layer in (nn.Dropout, nn.AlphaDropout, nn.Dropout1d):
    CASES(IMAGES[0], training="train", name=f"{layer.__name__}-of-none")(partial(layer, 0.0))
CASES(IMAGES, training="train", name="dropout-of-all")(partial(nn.Dropout, 1.0))
CASES(IMAGES, training="eval", name="dropout-idle")(partial(nn.Dropout, 0.3))
CASES(IMAGES, training="eval", name="rrelu-idle")(partial(nn.RReLU, 0.1, 0.3))

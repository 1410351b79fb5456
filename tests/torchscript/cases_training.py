"""Layers that do other things in training, as a whole or one by one."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()


class Normed(nn.Module):
    """Convolutions between normalisations, one of which is in another mode than the rest."""

    def __init__(self, kind: Any, affine: tuple[bool, ...], mode: str) -> None:
        super().__init__()
        self.train(mode.startswith("train"))
        a, b, c = (kind(3, affine=each) for each in affine)
        one, two = nn.Conv2d(3, 3, 4), nn.Conv2d(3, 3, 4)
        self.layers = nn.Sequential(a, one, b, two, c)
        self.train(mode.startswith("train"))
        if "but the last" in mode:
            c.train(not c.training)

    def forward(self, x: Tensor):
        return self.layers(x)


AFFINE = (True, False, True)
MODES = ("train", "train, but the last", "eval", "eval, but the last")
for kind, mode, training in product(
    (nn.BatchNorm2d, nn.InstanceNorm2d), MODES, ("preserve", "train", "eval")
):
    affine = AFFINE if "but" in mode else (False, True, False)
    CASES(
        torch.randn(4, 3, 12, 12) * 2, name=f"{kind.__name__} {mode} {training}", training=training
    )(partial(Normed, kind, affine, mode))


class Twice(nn.Module):
    """A normalisation that follows two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=3, bias=False)
        self.second, self.third = nn.Conv2d(8, 2, 1, bias=False), nn.Conv2d(2, 2, 3, padding=1)
        self.norm, self.other = nn.BatchNorm2d(8), nn.BatchNorm2d(2)
        self.relu, self.pool = nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, x: Tensor):
        x = self.pool(self.relu(self.norm(self.first(x))))
        x = self.relu(self.other(self.second(x)))
        return self.relu(self.other(self.third(x)))


class Once(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 1, stride=2, padding=3), nn.BatchNorm2d(8)

    def forward(self, x: Tensor):
        return self.norm(self.conv(x))


for training in ("eval", "train"):
    for model in (Once, Twice):
        CASES(torch.randn(2, 3, 20, 20), training=training, name=f"{model.__name__} {training}")(
            model
        )

"""Convolutions, pooling, resizing and normalisation, as layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchscript.runner import BOTH, SCRIPTED, Cases

CASES = Cases()
X1, X2, X3 = torch.randn(2, 4, 20), torch.randn(2, 4, 10, 12), torch.randn(2, 4, 6, 7, 8)
BATCH = {0: {0: "n"}}

LAYERS = {
    "conv1d": (nn.Conv1d(4, 3, 3, stride=2), X1),
    "conv2d": (nn.Conv2d(4, 3, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1)), X2),
    "conv3d": (nn.Conv3d(4, 3, (3, 5, 2), stride=(2, 1, 1), padding=(4, 2, 0)), X3),
    "conv1d_valid": (nn.Conv1d(4, 3, 3, padding="valid"), X1),
    "conv2d_valid": (nn.Conv2d(4, 3, (3, 5), padding="valid", dilation=(3, 1)), X2),
    "conv3d_same": (nn.Conv3d(4, 3, (3, 5, 2), padding="same"), X3),
    "conv2d_same_circular": (nn.Conv2d(4, 3, 3, padding="same", padding_mode="circular"), X2),
    "transposed1d": (nn.ConvTranspose1d(4, 3, 3, stride=2), X1),
    "transposed2d": (
        nn.ConvTranspose2d(4, 3, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1)),
        X2,
    ),
    "transposed3d": (nn.ConvTranspose3d(4, 3, (3, 5, 2), stride=(2, 1, 1), padding=(1, 2, 0)), X3),
    "conv_norm1d": (nn.Sequential(nn.Conv1d(4, 3, 3, stride=2), nn.BatchNorm1d(3)), X1),
    "conv_norm2d": (
        nn.Sequential(nn.Conv2d(4, 2, 1, stride=2, padding=3, bias=False), nn.BatchNorm2d(2)),
        X2,
    ),
    "conv_norm3d": (
        nn.Sequential(
            nn.Conv3d(4, 2, (3, 5, 2), stride=(2, 1, 1), padding=(3, 2, 0), bias=False),
            nn.BatchNorm3d(2),
        ),
        X3,
    ),
    "maxpool1d": (nn.MaxPool1d(2, stride=1), X1),
    "maxpool1d_ceil": (nn.MaxPool1d(3, 2, ceil_mode=True), X1),
    "maxpool1d_indices": (nn.MaxPool1d(2, stride=1, return_indices=True), X1),
    "maxpool1d_dilated": (nn.MaxPool1d(2, stride=1, dilation=2), X1),
    "maxpool1d_adaptive": (nn.AdaptiveMaxPool1d(5), X1),
    "maxpool2d": (nn.MaxPool2d(5, padding=(1, 2)), X2),
    "maxpool2d_ceil": (nn.MaxPool2d(3, 2, ceil_mode=True), X2),
    "maxpool2d_indices": (nn.MaxPool2d(3, 2, return_indices=True), X2),
    "maxpool3d_ceil": (nn.MaxPool3d(3, 2, ceil_mode=True), X3),
    "avgpool1d": (nn.AvgPool1d(2, stride=1), X1),
    "avgpool1d_ceil": (nn.AvgPool1d(3, 2, ceil_mode=True), X1),
    "avgpool3d_ceil": (nn.AvgPool3d(3, 2, ceil_mode=True), X3),
}
for padding in (0, 1):
    for ceil in (True, False):
        for counted in (True, False):
            name = f"avgpool2d_{padding}{'_ceil' if ceil else ''}{'_counted' if counted else ''}"
            layer = nn.AvgPool2d(3, 3, padding=padding, ceil_mode=ceil, count_include_pad=counted)
            LAYERS[name] = (layer, X2)
for groups, channels, affine in (
    (2, 4, True),
    (1, 4, True),
    (4, 4, True),
    (2, 4, False),
    (1, 4, False),
):
    name = f"groupnorm_{groups}{'' if affine else '_plain'}"
    LAYERS[name] = (nn.GroupNorm(groups, channels, 0.002, affine=affine), X2)
for name, (layer, example) in LAYERS.items():
    CASES(example, name=name, dynamic=BATCH, others=(example[:1],))(layer.eval())
CASES(
    X2,
    dynamic={0: {0: "n", 2: "h", 3: "w"}},
    name="conv2d_sizes",
    others=(torch.randn(3, 4, 13, 9),),
)(LAYERS["conv2d"][0])
CASES(
    X3,
    dynamic={0: {0: "n", 2: "h", 4: "w"}},
    name="avgpool3d_sizes",
    others=(torch.randn(3, 4, 9, 7, 5),),
)(LAYERS["avgpool3d_ceil"][0])
CASES.texts({"pools": "F.max_pool2d(x, 2), F.avg_pool2d(x, 2)"}, X2)


class NormUnlessPositive(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv1d(5, 5, 3, padding=2), nn.BatchNorm1d(5)

    def forward(self, x):
        wanted = True
        if x.sum() > -1:
            wanted = False
        if wanted:
            x = self.norm(self.conv(x))
        return x


CASES(
    torch.ones(2, 5, 9),
    dynamic={0: {0: "n", 2: "k"}},
    others=(-torch.ones(3, 5, 4),),
    strategies=(SCRIPTED,),
)(NormUnlessPositive)


class TimeFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 3, 4))
        self.bias = nn.Parameter(torch.randn(4))

    def forward(self, x):
        return torch.conv_tbc(x.contiguous(), self.weight, self.bias, 0), torch.conv_tbc(
            x, self.weight, self.bias, 1
        )


CASES(torch.randn(10, 7, 3), dynamic={0: {0: "t", 1: "n"}}, others=(torch.randn(8, 2, 3),))(
    TimeFirst
)


class ScaledByABuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.rand(5))

    def forward(self, x):
        return x * self.weight.reshape(1, -1, 1, 1)


CASES(torch.randn(4, 5), dynamic=BATCH, others=(torch.randn(2, 5),))(ScaledByABuffer)


# Resizing.

ROWS = {1: torch.randn(1, 2, 6), 2: torch.randn(1, 2, 4, 6), 3: torch.randn(1, 2, 4, 4, 6)}
MODES = {
    1: ("nearest", "linear"),
    2: ("nearest", "bilinear", "bicubic"),
    3: ("nearest", "trilinear"),
}
SIZES = {1: ([16], [2]), 2: ([16, 32], [2, 3]), 3: ([6, 8, 16], [2, 3, 5])}
SCALES = {1: ([2.3], [0.5]), 2: ([2.3, 3.1], [0.5, 0.7]), 3: ([2.3, 3.1, 1.6], [0.5, 0.7, 0.6])}
for rank, x in ROWS.items():
    for mode in MODES[rank]:
        for corners in ("", ", align_corners=True") if mode != "nearest" else ("",):
            rest = f"mode={mode!r}{corners}"
            more = f"{rest}, recompute_scale_factor=False"
            name = f"{mode}_{rank}{'_corners' if corners else ''}"
            for kind, how in {
                "sizes": [f"size={size}, {rest}" for size in (12, *SIZES[rank])],
                "scales": [f"scale_factor={scale}, {more}" for scale in (2.0, 0.5, *SCALES[rank])],
            }.items():
                calls = ", ".join(f"F.interpolate(x, {arguments})" for arguments in how)
                CASES.texts({f"{name}_{kind}": calls}, x)
        if mode != "nearest":
            ones = [
                [1 if i == axis else size for i, size in enumerate(x.shape[2:])]
                for axis in range(rank)
            ]
            calls = ", ".join(f"F.interpolate(x, mode={mode!r}, size={size})" for size in ones)
            CASES.texts({f"{mode}_to_one": f"({calls},)"}, x)
CASES.texts(
    {
        "area": (
            "F.interpolate(x, mode='area', size=3), F.interpolate(x, mode='area', scale_factor=0.5)"
        )
    },
    ROWS[1],
)
CASES.texts(
    {
        "resized_to_another": (
            "x = torch.add(x, x)\n"
            "a = F.interpolate(x, mode='bilinear', size=(16, 16), align_corners=False)\n"
            "b = F.interpolate(x, mode='nearest', size=(int(y.size(0)), int(y.size(1))))\n"
            "return a, b"
        )
    },
    torch.randn(1, 2, 4, 4),
    torch.randn(16, 16),
    dynamic={0: {0: "a", 1: "b", 2: "c", 3: "d"}, 1: {0: "h", 1: "w"}},
    others=((torch.randn(2, 1, 5, 6), torch.randn(3, 9)),),
    strategies=(SCRIPTED,),
)


class Doubled(torch.jit.ScriptModule):
    @torch.jit.script_method
    def forward(self, x):
        return F.interpolate(x, mode="nearest", scale_factor=2.0)


class DoubledWithin(torch.jit.ScriptModule):
    def __init__(self):
        super().__init__()
        self.within = Doubled()

    @torch.jit.script_method
    def forward(self, x):
        return self.within(x)


CASES(ROWS[3], strategies=(SCRIPTED,))(DoubledWithin)


@torch.jit.script
def doubled(x: Tensor):
    return F.interpolate(x, mode="nearest", scale_factor=2.0)


@CASES(ROWS[3], strategies=BOTH)
def doubled_by_a_function(x: Tensor):
    return doubled(x)

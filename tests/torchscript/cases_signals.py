"""Windows over an axis: transforms, paddings, patches, sums and shuffles."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
X = torch.randn(2, 3, 5, 6)
ALL = {0: {0: "n", 1: "c", 2: "h", 3: "w"}}
OTHER = torch.randn(3, 2, 7, 4)


class Transformed(nn.Module):
    """A short-time Fourier transform; its window is made by the model."""

    def __init__(self, window: int | None = None, **options: Any) -> None:
        super().__init__()
        self.window = None if window is None else torch.hann_window(window)
        self.options = {"center": False, "return_complex": False, **options}

    def forward(self, x: Tensor):
        return torch.stft(x, 16, window=self.window, **self.options)


for window, options in (
    (None, {}),
    (None, {"hop_length": 4}),
    (None, {"hop_length": 5}),
    (None, {"win_length": 16}),
    (None, {"win_length": 9}),
    (16, {}),
    (10, {"win_length": 10}),
    (16, {"normalized": True}),
    (16, {"onesided": False}),
    (None, {"center": True}),
):
    label = "-".join(f"{key}={value}" for key, value in {"window": window, **options}.items())
    for x in (torch.randn(1, 32), torch.randn(32)):
        row = CASES(
            x,
            dynamic={0: {x.dim() - 1: "length"}},
            others=(torch.randn(*x.shape[:-1], 41),),
            strategies=("trace",),
            name=f"transformed-{x.dim()}d-{label}",
        )
        row(partial(Transformed, window, **options))


@CASES(torch.randn(2, 32))
def transformed_by_script(x: Tensor):
    window = torch.hann_window(16)
    return (
        torch.stft(x, n_fft=16, center=False, return_complex=False),
        torch.stft(x, n_fft=16, hop_length=5, center=False, window=window, return_complex=False),
        torch.stft(x, 16, win_length=9, center=False, onesided=False, return_complex=False),
    )


for layer in (
    *(partial(nn.ConstantPad2d, (3, 0, 2, 1), 3.5), partial(nn.ConstantPad2d, (-1, 2, 0, -1), 1.0)),
    *(partial(nn.ReflectionPad2d, (3, 0, 2, 1)), partial(nn.ReplicationPad2d, (3, 0, 2, 1))),
    *(partial(nn.CircularPad2d, (2, 1, 2, 1)), partial(nn.ZeroPad2d, 2)),
):
    CASES(X, dynamic=ALL, others=(OTHER,), name=f"{layer.func.__name__}-{layer.args[0]}")(layer)
for layer in (nn.ReflectionPad1d, nn.ReplicationPad1d, partial(nn.ConstantPad1d, value=3.5)):
    told = layer.__name__ if isinstance(layer, type) else "ConstantPad1d"
    CASES(X[0], dynamic={0: {0: "c", 1: "h", 2: "w"}}, others=(OTHER[0],), name=told)(
        partial(layer, 2)
    )


@CASES(X, dynamic=ALL, others=(OTHER,))
def padded_circularly(x: Tensor):
    return (
        F.pad(x, (1, 2, 1, 2), mode="circular"),
        F.pad(x, (2, 1, 2, 1), mode="circular"),
        F.pad(x[0], (-1, -2), mode="circular"),
        F.pad(x[0], (3, -1), mode="circular"),
    )


@CASES(X, dynamic=ALL, others=(OTHER,))
def padded_by_sizes(x: Tensor):
    n = x.size(1)
    return F.pad(x, [n - 1, 1]), F.pad(x, [0, n, -1, n], value=1.5), F.pad(x, [1, x.size(3) - 1])


def _padded(x: Tensor, pad: list[int]):
    return F.pad(x, pad), F.pad(x, pad, mode="constant", value=2.0)


CASES(X, [2, 4], name="padded-by-numbers")(_padded)
CASES(X, [torch.tensor(2), torch.tensor(4)], strategies=("trace",), name="padded-by-tensors")(
    _padded
)


@CASES(torch.randn(4, 2, 5), dynamic={0: {0: "n", 1: "m"}}, others=(torch.randn(2, 3, 5),))
def unfolded(x: Tensor):
    return x.unfold(dimension=2, size=2, step=2), x.unfold(-1, 3, 1), x.unfold(2, 1, 3)


class UnfoldedConvolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(3, 1, 3, stride=2)

    def forward(self, x: Tensor):
        return self.convolution(x).unfold(dimension=2, size=2, step=2)


CASES(torch.randn(4, 3, 20), dynamic={0: {0: "n", 2: "w"}}, others=(torch.randn(2, 3, 31),))(
    UnfoldedConvolution
)


@CASES(torch.randn(4, 2, 4), strategies=("trace", "script"))
def unfolded_by_sizes(x: Tensor):
    n = x.shape[1]
    return x.unfold(2, n, n - 1), x.unfold(dimension=2, size=n, step=1)


@CASES(torch.rand(1, 1, 40, 34))
def patches(x: Tensor):
    return (
        F.unfold(x, kernel_size=(5, 7), dilation=2, padding=5, stride=3),
        F.unfold(x, kernel_size=(2, 2), dilation=1, padding=0, stride=3),
        F.unfold(x, kernel_size=(1, 1), dilation=5, padding=2, stride=3),
    )


@CASES(X, dynamic=ALL, others=(OTHER,))
def patches_of_any(x: Tensor):
    wide = F.unfold(x, 3, dilation=(1, 2), padding=1, stride=(2, 1))
    return wide, F.unfold(x[0], 2), F.unfold(x, (2, 1), stride=3)


for layer, shape in product((nn.PixelShuffle, nn.PixelUnshuffle), ((2, 16, 4, 6), (4, 32, 8, 4))):
    row = CASES(
        torch.randn(shape),
        dynamic=ALL,
        others=(torch.randn(3, 8, 2, 2),),
        name=f"{layer.__name__}-{shape}",
    )
    row(partial(layer, 2))


@CASES(torch.randn(2, 8, 4, 6), strategies=("trace", "script"))
def shuffled(x: Tensor):
    return (
        torch.pixel_shuffle(x, upscale_factor=2),
        torch.pixel_unshuffle(x, downscale_factor=2),
        torch.channel_shuffle(x, 4),
    )


def _summed(x: Tensor):
    return torch.cumsum(x, dim=0), torch.cumsum(x, 0, dtype=torch.float32), x.cumsum(-1)


for x in (torch.randn(2, 3), torch.tensor([2, 3], dtype=torch.int32), torch.tensor([False, True])):
    CASES(x, dynamic={0: {0: "n"}}, others=(torch.cat([x, x]),), name=f"summed-{x.dtype}")(_summed)


def _triangles(x: Tensor):
    return [torch.tril(x), torch.triu(x), x.tril(diagonal=1), x.triu(-1), x.tril(-1), x.triu(2)]


for x in (torch.randn(2, 3, 4), torch.ones(3, 3, dtype=torch.bool), torch.randint(9, (4, 3))):
    row = CASES(
        x,
        dynamic={0: {x.dim() - 1: "m", x.dim() - 2: "n"}},
        others=(torch.ones(*x.shape[:-2], 5, 2).to(x.dtype),),
        name=f"triangles-{x.dtype}",
    )
    row(_triangles)


def _triangles_by_number(x: Tensor, diagonal: int):
    return torch.tril(x, diagonal=diagonal), torch.triu(x, diagonal)


for diagonal in (5, -2, 0):
    CASES(torch.randn(2, 3, 4), diagonal, name=f"triangles-from-{diagonal}")(_triangles_by_number)


@CASES(torch.randn(3, 4), dynamic={0: {0: "n"}}, others=(torch.randn(5, 4),))
def triangles_by_size(x: Tensor):
    n = x.size(0)
    return torch.tril(x, n - 2), torch.triu(x, -n + 1)

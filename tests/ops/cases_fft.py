"""Fourier transforms: ONNX's operator where the runtime has its digits, else matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from runner import case
from torch import fft

torch.manual_seed(0)
r = torch.randn
C64 = torch.complex64
SHORT = torch.hamming_window(9)
CLOSE = {"rtol": 1e-4, "atol": 2e-5}


def whole(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Each transform, of one axis that is neither the last nor a power of two long."""
    return (
        fft.fft(x, dim=-2),
        fft.ifft(x, dim=1, norm="ortho"),
        fft.rfft(x, dim=1),
        fft.ihfft(x, dim=1, norm="forward"),
        fft.irfft(x, dim=1),
        fft.irfft(x + 1j, n=7, dim=1, norm="ortho"),
        fft.hfft(x, dim=1, norm="ortho"),
    )


def planar(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    z = fft.rfft2(x, norm="ortho")
    return (
        z,
        fft.irfft2(z, s=x.shape[-2:], norm="ortho"),
        fft.fftn(x, dim=(0, -1), norm="forward"),
        fft.ifftn(z, s=(3, 8)),
        fft.hfftn(z, norm="backward"),
        fft.ihfft2(x, norm="forward"),
    )


def spectrogram(n: int, hop: int, **options: Any) -> Callable[..., torch.Tensor]:
    window = torch.hann_window(n)
    return lambda x: torch.stft(x, n, hop, n, window, return_complex=True, **options).abs()


def back_and_forth(n: int, hop: int, **options: Any) -> Callable[..., torch.Tensor]:
    window = torch.hann_window(n)

    def run(x: torch.Tensor) -> torch.Tensor:
        z = torch.stft(x, n, hop, window=window, return_complex=True, **options)
        return torch.istft(z * 2, n, hop, window=window, **options)

    return run


CASES = [
    case("one-axis", whole, r(2, 5, 3), others=((r(2, 8, 3),), (r(2, 6, 4),)), **CLOSE),
    case("one-axis-of-two-to-the-n", whole, r(2, 8, 3), **CLOSE),
    case("one-axis-double", whole, r(2, 6, 3, dtype=torch.float64), others=(
        (r(2, 5, 3, dtype=torch.float64),),)),
    case("several-axes", planar, r(2, 5, 6), others=((r(2, 4, 9),),), **CLOSE),
    case(
        "cut-and-padded",
        lambda x: (fft.fft(x, 4), fft.fft(x, 9), fft.rfft(x, 3), fft.irfft(x * 1j, 12),
                   fft.fft(x, x.shape[0], 1)),
        r(3, 6), others=((r(4, 7),), (r(9, 5),)), **CLOSE,
    ),
    case("long", lambda x: fft.rfft(x), r(2, 1030), opsets=(13, 20), rtol=1e-4, atol=1e-3),
    case("long-and-double", lambda z: fft.ifft(z), r(1, 1030, dtype=torch.complex128),
         opsets=(17,), rtol=1e-9, atol=1e-9),
    case(
        "shifted",
        lambda x, z: (fft.fftshift(x), fft.ifftshift(z, dim=1), fft.fftfreq(7, 0.5)),
        r(5, 4), r(2, 3, dtype=C64), others=((r(6, 3), r(2, 4, dtype=C64)),),
    ),
    case("stft", spectrogram(16, 4), r(2, 64), others=((r(3, 75),),), **CLOSE),
    case("stft-not-two-to-the-n", spectrogram(12, 5, center=False, normalized=True), r(50),
         others=((r(61),),), opsets=(11, 17, 20), **CLOSE),
    case("stft-short-window",
         lambda x: torch.stft(x, 16, 4, 9, SHORT, pad_mode="constant", onesided=False,
                              return_complex=True),
         r(2, 40), opsets=(13, 20), **CLOSE),
    case("stft-no-window", lambda x: torch.stft(x, 10, return_complex=True), r(40), **CLOSE),
    case("istft", back_and_forth(16, 4), r(2, 64), others=((r(2, 81),),), **CLOSE),
    case("istft-odd-hop", back_and_forth(10, 3, normalized=True), r(60), others=((r(47),),),
         **CLOSE),
]  # fmt: skip

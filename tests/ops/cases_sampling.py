"""Sampling at computed positions. torchvision's operators are in tests/vision."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from runner import case

torch.manual_seed(0)


def grid(batch: int, *spatial: int) -> torch.Tensor:
    """Positions within, at the edges of and beyond the image."""
    positions = torch.rand(batch, *spatial, len(spatial)) * 3 - 1.5
    positions.view(-1)[:2] = torch.tensor([-1.0, 1.0])
    return positions


def sampled(x: torch.Tensor, where: torch.Tensor) -> list[torch.Tensor]:
    modes = ("bilinear", "nearest", "bicubic")[: 3 if x.dim() == 4 else 2]
    paddings = ("zeros", "border", "reflection")
    return [
        F.grid_sample(x, where, mode, padding, align_corners)
        for mode, padding, align_corners in itertools.product(modes, paddings, (True, False))
    ]


def affine(theta: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return (
        F.affine_grid(theta, x.shape, align_corners=False),
        F.affine_grid(theta, x.shape, align_corners=True),
    )


CASES = [
    case(
        "grid",
        sampled,
        torch.randn(2, 3, 5, 7),
        grid(2, 4, 6),
        others=((torch.randn(1, 3, 6, 4), grid(1, 7, 3)),),
        since=16,
        rtol=1e-5,
        atol=1e-5,
    ),
    case(
        "grid-of-volume",
        sampled,
        torch.randn(2, 3, 4, 5, 6),
        grid(2, 3, 4, 6),
        others=((torch.randn(1, 3, 5, 6, 4), grid(1, 2, 7, 3)),),
        since=20,
    ),
    case(
        "grid-f64",
        lambda x, where: F.grid_sample(x, where, align_corners=False),
        torch.randn(2, 3, 5, 7).double(),
        grid(2, 4, 6).double(),
        opsets=(16, 20),
        rtol=1e-5,
        atol=1e-5,
    ),
    case(
        "affine",
        affine,
        torch.randn(2, 2, 3),
        torch.randn(2, 3, 5, 1),
        # PyTorch itself fixes height and width when it captures affine_grid.
        others=((torch.randn(1, 2, 3), torch.randn(1, 3, 5, 1)),),
    ),
    case("affine-of-volume", affine, torch.randn(2, 3, 4), torch.randn(2, 3, 5, 6, 4)),
]

"""What the check runs operators on at other sizes."""

from __future__ import annotations

import pytest
import torch

from conformance.resized import resized

SEED = torch.Generator().manual_seed(0)


def every_axis(*tensors: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
    return list(resized(tensors, [list(range(tensor.dim())) for tensor in tensors]))


def test_sizes() -> None:
    shapes = [tuple(x.shape) for (x,) in every_axis(torch.rand(3, 1, generator=SEED))]
    assert shapes == [(4, 2), (4, 1), (6, 2)]


def test_axes_that_are_fixed() -> None:
    (shape, *_) = [tuple(x.shape) for (x,) in resized((torch.rand(3, 4),), [[1]])]
    assert shape == (3, 5)


@pytest.mark.parametrize("sample", [torch.eye(3) + 0.1, torch.rand(3, 3, generator=SEED).tril()])
def test_matrices_stay_regular(sample: torch.Tensor) -> None:
    for (x,) in every_axis(sample):
        assert torch.linalg.cond(x) < 10 * torch.linalg.cond(sample)


def test_symmetric_stays_positive() -> None:
    half = torch.randn(4, 4, generator=SEED)
    for (x,) in every_axis(half @ half.T + torch.eye(4)):
        assert torch.equal(x, x.T)
        assert torch.linalg.eigvalsh(x).min() > 0


def test_indices_stay_different() -> None:
    for (x,) in every_axis(torch.tensor([3, 0, 2])):
        assert x.unique().numel() == x.numel()


def test_repeated_indices_stay_in_range() -> None:
    for (x,) in every_axis(torch.tensor([[1, 1], [4, 1]])):
        assert x.max() == 4


def test_sorted_stays_sorted() -> None:
    for (x,) in every_axis(torch.rand(2, 6, generator=SEED).sort().values):
        assert (x.diff() > 0).all()


def test_elements_stay_different_and_between_the_sample_s() -> None:
    sample = torch.rand(5, 4, generator=SEED) + 1
    for (x,) in every_axis(sample):
        assert x.unique().numel() == x.numel()
        assert sample.min() <= x.min()
        assert x.max() <= sample.max()

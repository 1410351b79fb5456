"""The tensors of a sample at other sizes, of values that an operator takes like the sample's.

What is added lies within the values that are there: floats between two of them, indices in range
and unique where they were; what is sorted, symmetric or triangular stays so. A row is never a copy
of another, which would make matrices singular and the order of equal elements matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

Tensors = tuple[torch.Tensor, ...]
Axes = Sequence[Sequence[int]]
"""Of each tensor, the axes that may have other sizes."""

LARGEST_INDEX = 200
LARGEST_DOUBLED = 4096
"""So many elements: more would have equal ones among them, and take their time."""


def resized(tensors: Tensors, axes: Axes) -> Iterator[Tensors]:
    """One more along each of the axes; that but where there is one; twice as many.

    Operators differ in what they take: one broadcasts, another splits into equal parts.
    """
    for longer in (_one_more, _one_more_of_several, _twice):
        if longer is _twice and max(map(_doubled, tensors, axes), default=0) > LARGEST_DOUBLED:
            return
        made = tuple(
            _resized(tensor, own, longer) for tensor, own in zip(tensors, axes, strict=True)
        )
        if any(a.shape != b.shape for a, b in zip(made, tensors, strict=True)):
            yield made


def _one_more(size: int) -> int:
    return size + 1


def _one_more_of_several(size: int) -> int:
    return size + 1 if size > 1 else size


def _twice(size: int) -> int:
    return 2 * size


def _doubled(tensor: torch.Tensor, axes: Sequence[int]) -> int:
    return tensor.numel() << len(axes)


def _resized(
    tensor: torch.Tensor, axes: Sequence[int], longer: Callable[[int], int]
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    more = {
        axis: longer(size) - size for axis, size in enumerate(tensor.shape) if axis in axes and size
    }
    made = tensor
    columns = more.get(tensor.dim() - 1, 0) if tensor.dim() > 1 else 0
    if columns and columns == more.get(tensor.dim() - 2, 0) and _is_square(tensor):
        for _ in range(columns):
            made = _bordered(made, generator)
        more = {axis: count for axis, count in more.items() if axis < tensor.dim() - 2}
    for axis, count in more.items():
        made = _with_slices(made, axis, count, generator)
    if tensor.dim() and tensor.shape[-1] > 1 and _is_sorted(tensor):
        made = made.sort().values
    return made


def _is_square(x: torch.Tensor) -> bool:
    return x.is_floating_point() and x.shape[-1] == x.shape[-2]


def _bordered(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A square matrix with one more row and column, about as far from a singular one."""
    size = x.square().mean().sqrt() * x.shape[-1] ** 0.5
    made = x.new_zeros([*x.shape[:-2], x.shape[-2] + 1, x.shape[-1] + 1])
    if not _is_structured(x):
        made = 0.05 * size * torch.rand(made.shape, generator=generator).to(x.dtype)
    made[..., :-1, :-1] = x
    made[..., -1, -1] = size
    return made


def _is_structured(x: torch.Tensor) -> bool:
    alike = torch.allclose(x, x.mT, rtol=1e-5, atol=1e-6)
    return alike or torch.equal(x, x.tril()) or torch.equal(x, x.triu())


def _is_sorted(x: torch.Tensor) -> bool:
    return not x.is_complex() and bool((x[..., 1:] >= x[..., :-1]).all())


def _with_slices(
    x: torch.Tensor, axis: int, count: int, generator: torch.Generator
) -> torch.Tensor:
    """So many more slices along the axis, each between two that are there."""
    if not x.is_floating_point() and not x.is_complex() and x.dtype != torch.bool:
        while count and _is_distinct(x, axis):
            x, count = torch.cat([x, _unused(x, axis)], axis), count - 1
    size = x.shape[axis]
    starts = torch.arange(count) % max(size - 1, 1)
    before = x.index_select(axis, starts)
    after = x.index_select(axis, (starts + 1) % size)
    others = [a for a in range(x.dim()) if a != axis and x.shape[a] > 1]
    made = before.roll(1, others[-1]) if others else before
    if x.is_floating_point() and not _are_numbers(x):
        weights = torch.rand(before.shape, generator=generator, dtype=torch.float64) * 0.3 + 0.1
        mixed = torch.lerp(made.double(), after.double(), weights).to(x.dtype)
        made = torch.where(mixed.isfinite(), mixed, made)
    order = torch.cat([torch.arange(size) * 1.0, starts + 0.5]).argsort(stable=True)
    return torch.cat([x, made], axis).index_select(axis, order)


def _are_numbers(x: torch.Tensor) -> bool:
    """Integers in floating point, and repeated: what has a meaning of its own."""
    return torch.equal(x, x.round()) and x.unique().numel() < x.numel()


def _is_distinct(x: torch.Tensor, axis: int) -> bool:
    """Whether these may be indices, each line along the axis of different ones."""
    if x.numel() == 0 or int(x.min()) < 0 or int(x.max()) > LARGEST_INDEX:
        return False
    return int(_counts(x, axis).max()) == 1


def _counts(x: torch.Tensor, axis: int) -> torch.Tensor:
    """How often each line along the axis has each index, and one more than there are."""
    return torch.nn.functional.one_hot(x.long(), int(x.max()) + 2).sum(axis, keepdim=True)


def _unused(x: torch.Tensor, axis: int) -> torch.Tensor:
    """Of each line along the axis the first index that it lacks."""
    return (_counts(x, axis) == 0).int().argmax(-1).to(x.dtype)


__all__ = ["Axes", "Tensors", "resized"]

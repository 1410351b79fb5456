"""``x[...]`` and ``x[...] = y`` as the calls of ATen operators that PyTorch makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torch_onnx.capture.recording.numbers import plain

Apply = Callable[..., Any]
"""Calls a torch operator by its name, and records it."""

MAXIMUM = 2**63 - 1


def get(apply: Apply, x: torch.Tensor, index: Any) -> Any:
    """``x[index]``."""
    view, tensors = _views(apply, x, _as_tuple(index))
    if any(tensor is not None for tensor in tensors):
        return apply("aten::index", view, _trimmed(tensors))
    return apply("aten::alias", view) if view is x else view


def set_(apply: Apply, x: torch.Tensor, index: Any, content: Any) -> None:
    """``x[index] = content``."""
    view, tensors = _views(apply, x, _as_tuple(index))
    is_tensor = isinstance(content, torch.Tensor)
    if any(tensor is not None for tensor in tensors):
        if not is_tensor:
            content = apply("aten::scalar_tensor", content, dtype=x.dtype, device=x.device)
        elif content.dtype != x.dtype:
            content = apply("aten::to", content, x.dtype)
        apply("aten::index_put_", view, _trimmed(tensors), _without_ones(apply, view, content))
    elif is_tensor:
        apply("aten::copy_", view, _without_ones(apply, view, content))
    else:
        apply("aten::fill_", view, content)


def _without_ones(apply: Apply, view: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
    """PyTorch drops leading axes of size 1 that the place written to does not have."""
    while content.dim() > view.dim() and content.shape[0] == 1:
        content = apply("aten::squeeze", content, 0)
    return content


def _as_tuple(index: Any) -> tuple[Any, ...]:
    if isinstance(index, tuple):
        return index
    # As NumPy once did: a short list that holds slices or tensors stands for a tuple.
    if isinstance(index, list) and any(
        isinstance(item, (slice, torch.Tensor, list, tuple)) or item is None or item is Ellipsis
        for item in index
    ):
        return tuple(index)
    return (index,)


def _views(
    apply: Apply, x: torch.Tensor, index: tuple[Any, ...]
) -> tuple[torch.Tensor, list[torch.Tensor | None]]:
    """What basic indexing gives, and the tensors left to index each of its axes."""
    used = sum(_axes_used(item) for item in index)
    axis = 0
    tensors: list[torch.Tensor | None] = []
    view = x
    for item in index:
        if isinstance(item, torch.Tensor) and item.dtype == torch.uint8:
            # A mask, as bytes once were; PyTorch's types know those of bool only.
            item = apply("aten::to", item, torch.bool)
        if item is Ellipsis:
            skipped = x.dim() - used
            axis += skipped
            tensors += [None] * skipped
        elif item is None:
            view = apply("aten::unsqueeze", view, axis)
            tensors.append(None)
            axis += 1
        elif isinstance(item, bool):
            view = apply("aten::unsqueeze", view, axis)
            tensors.append(torch.tensor([item]).nonzero().reshape(-1))
            axis += 1
        elif isinstance(item, slice):
            view = _slice(apply, view, axis, item)
            tensors.append(None)
            axis += 1
        elif isinstance(item, torch.Tensor):
            if item.dim() == 0 and not item.is_floating_point() and item.dtype != torch.bool:
                if _alone(index):
                    view = apply("aten::select", view, axis, item)
                    continue
            elif item.dim() == 0 and item.dtype == torch.bool:
                # A mask of a new axis of size 1.
                view = apply("aten::unsqueeze", view, axis)
                item = apply("aten::unsqueeze", item, 0)
            tensors.append(item)
            axis += max(item.dim(), 1) if item.dtype == torch.bool else 1
            tensors += [None] * (axis - len(tensors))
        elif isinstance(item, (list, tuple)) or type(item).__module__ == "numpy":
            if hasattr(item, "__index__") and not isinstance(item, (list, tuple)):
                view = apply("aten::select", view, axis, int(item))
                continue
            tensors.append(
                torch.as_tensor(item) if len(item) else torch.zeros(0, dtype=torch.int64)
            )
            axis += 1
        else:
            view = apply("aten::select", view, axis, item)
    return view, tensors


def _alone(index: tuple[Any, ...]) -> bool:
    """Whether no other tensor indexes: then a tensor of one element is a number."""
    return not any(
        i.dim() > 0 if isinstance(i, torch.Tensor) else isinstance(i, list) for i in index
    )


def _axes_used(item: Any) -> int:
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    if isinstance(item, torch.Tensor) and item.dtype in (torch.bool, torch.uint8):
        return item.dim()
    return 1


def _slice(apply: Apply, view: torch.Tensor, axis: int, item: slice) -> torch.Tensor:
    start, end = item.start, item.stop
    step = 1 if item.step is None else item.step
    if start is None and end is None and plain(step) == 1:
        return view
    start = 0 if start is None else start
    sliced: torch.Tensor = apply(
        "aten::slice", view, axis, start, MAXIMUM if end is None else end, step
    )
    return sliced


def _trimmed(tensors: list[torch.Tensor | None]) -> list[torch.Tensor | None]:
    while tensors and tensors[-1] is None:
        tensors = tensors[:-1]
    return tensors

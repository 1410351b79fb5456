"""What PyTorch's tracer would take for constants: tensors made of lists of sizes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from torch_onnx import compat


@contextlib.contextmanager
def sizes_in_tensors() -> Iterator[None]:
    """Within, ``torch.tensor`` and ``torch.as_tensor`` stack what the tracer follows.

    It follows sizes as tensors of one number, but not into a new tensor made of a list of them.
    """
    before = (torch.tensor, torch.as_tensor)
    stacking = (_stacking(torch.tensor), _stacking(torch.as_tensor))
    # Functions may be compiled while they are traced.
    with compat.compiled_alike(dict(zip(stacking, before, strict=True))):
        torch.tensor, torch.as_tensor = stacking
        try:
            yield
        finally:
            torch.tensor, torch.as_tensor = before


def _stacking(make: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def stacked(data: Any) -> torch.Tensor:
        if isinstance(data, torch.Tensor):
            return data
        return torch.stack([stacked(item) for item in data]) if _holds_tensors(data) else make(data)

    def made(data: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        if not _holds_tensors(data):
            return make(data, *args, **kwargs)
        dtype = next(iter(args), kwargs.get("dtype"))
        result = stacked(data)
        return result if dtype is None else result.to(dtype)

    return made


def _holds_tensors(data: Any) -> bool:
    return isinstance(data, (list, tuple)) and any(
        isinstance(item, torch.Tensor) or _holds_tensors(item) for item in data
    )

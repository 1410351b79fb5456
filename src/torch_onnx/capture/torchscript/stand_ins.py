"""Types of values that are one of several."""

from __future__ import annotations

from typing import Any

import torch

from torch_onnx.capture.torchscript.interpreter import Interpreter


def unknown_number(run: Interpreter, kind: str) -> Any:
    """A stand-in for a number that no size settles."""
    dtype = {"int": torch.int64, "float": torch.float64, "bool": torch.bool}[kind]
    with run.fakes.mode:
        return torch.empty((), dtype=dtype).item()


def joined(run: Interpreter, x: Any, y: Any) -> Any:
    """The type of a tensor that is one of two: sizes that differ are unknown."""
    sizes = []
    for m, n in zip(x.shape, y.shape, strict=True):
        same = run.dims.size(m) == run.dims.size(n)
        sizes.append(m if same else run.fakes.unknown_size())
    with run.fakes.mode:
        return torch.empty(sizes, dtype=x.dtype)

"""What an export changes for its duration, and gives back: training mode, garbage collection."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from torch_onnx.signature import modules_of


@contextmanager
def mode(model: Any, wanted: str) -> Iterator[None]:
    """Within, the modules are in ``eval`` or ``train`` mode, or as they are (``preserve``).

    Those that a callable uses are found too. Each module gets its own mode back, also when some
    were frozen.
    """
    if wanted == "preserve" or isinstance(model, torch.export.ExportedProgram):
        yield
        return
    training = wanted == "train"
    roots = modules_of(model).values() if callable(model) else ()
    changed = [m for root in roots for m in root.modules() if m.training != training]
    try:
        for module in changed:
            module.training = training
        yield
    finally:
        for module in changed:
            module.training = not training


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Leave the collector off: a capture makes millions of live objects, and every full collection
    walks them all, which costs a large model a sixth of its time and makes it grow with the square
    of the number of layers.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

"""The modules' training mode during an export, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def mode(model: Any, wanted: str) -> Iterator[None]:
    """Within, the modules are in ``eval`` or ``train`` mode, or as they are (``preserve``).

    Each module gets its own mode back, also when some were frozen.
    """
    if not isinstance(model, torch.nn.Module) or wanted == "preserve":
        yield
        return
    training = wanted == "train"
    changed = [module for module in model.modules() if module.training != training]
    if not changed:
        yield
        return
    try:
        model.train(training)
        yield
    finally:
        for module in changed:
            module.training = not training

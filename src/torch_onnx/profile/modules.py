"""The calls of a model's modules while it is captured, timed by PyTorch's own hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from torch_onnx.profile.stages import ModuleTime, Profile
from torch_onnx.signature import modules_of


def paths_of(model: Any) -> dict[int, str]:
    """The path of each module that a model has, by identity; empty for what is no callable."""
    if not callable(model):
        return {}
    roots = modules_of(model)
    paths: dict[int, str] = {}
    for root_name, root in roots.items():
        for name, module in root.named_modules():
            prefix = root_name if len(roots) > 1 else ""
            paths.setdefault(id(module), ".".join(part for part in (prefix, name) if part))
    return paths


@contextmanager
def timed(
    model: Any, profile: Profile, entered: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Within, each call of one of the model's modules is noted; ``entered`` is told its path."""
    paths = paths_of(model)
    if not paths or not (profile.detailed or entered):
        yield
        return
    # Path, start, and the seconds of the modules within.
    stack: list[tuple[int, str, float, list[float]]] = []

    def before(module: torch.nn.Module, args: Any) -> None:
        path = paths.get(id(module))
        if path is not None:
            stack.append((id(module), path, profile.now(), []))
            if entered is not None:
                entered(path)

    def after(module: torch.nn.Module, args: Any, result: Any) -> None:
        if not stack or stack[-1][0] != id(module):
            return
        _, path, start, inside = stack.pop()
        seconds = profile.now() - start
        if stack:
            stack[-1][3].append(seconds)
        if profile.detailed:
            profile.modules.append(ModuleTime(path, start, seconds, seconds - sum(inside)))

    hooks = [
        torch.nn.modules.module.register_module_forward_pre_hook(before),
        torch.nn.modules.module.register_module_forward_hook(after, always_call=True),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()

"""What a run knows of the model's modules, and gives back as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from torch_onnx.capture.recording.recorder import Recorder


def names_of_tensors(flat: torch.nn.Module) -> dict[int, tuple[str, str]]:
    """The name and kind of each parameter and buffer, by identity."""
    names: dict[int, tuple[str, str]] = {}
    for name, parameter in flat.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), (name.removeprefix("model."), "parameter"))
    for name, buffer in flat.named_buffers(remove_duplicate=False):
        names.setdefault(id(buffer), (name.removeprefix("model."), "buffer"))
    return names


@contextlib.contextmanager
def as_they_were(flat: torch.nn.Module) -> Iterator[None]:
    """Undo what forward assigns to modules: stand-ins must not stay in them."""
    before = [(module, _contents(module)) for module in flat.modules() if module is not flat]
    try:
        yield
    finally:
        for module, (attributes, containers) in before:
            now = module.__dict__
            if now.keys() != attributes.keys():
                for name in [n for n in now if n not in attributes]:
                    del now[name]
            now.update(attributes)
            for container, items in containers:
                _refill(container, items)


def _contents(module: torch.nn.Module) -> tuple[dict[str, Any], list[tuple[Any, Any]]]:
    """A module's attributes, and copies of the containers among them (hooks and buffers too)."""
    attributes = dict(module.__dict__)
    containers = [(v, v.copy()) for v in attributes.values() if isinstance(v, (dict, list, set))]
    return attributes, containers


def _refill(container: Any, items: Any) -> None:
    same = len(container) == len(items)
    if isinstance(container, dict):
        if not same or any(container.get(k) is not v for k, v in items.items()):
            container.clear()
            container.update(items)
    elif isinstance(container, list):
        container[:] = items
    elif not same:
        container.clear()
        container.update(items)


@contextlib.contextmanager
def stack_of_calls(flat: torch.nn.Module, recorder: Recorder) -> Iterator[None]:
    """Keep the recorder's stack of the modules that are being called."""
    paths = {id(module): name for name, module in flat.named_modules()}

    def entered(module: torch.nn.Module, args: Any) -> None:
        path = paths.get(id(module))
        parent, scope, _ = recorder.modules[-1] if recorder.modules else ("", "", "")
        if path is None or path in ("", "model"):
            recorder.modules.append((parent, scope, type(module).__name__))
            return
        path = path.removeprefix("model.")
        if path != parent:
            inside = path[len(parent) + 1 :] if parent and path.startswith(f"{parent}.") else path
            scope = f"{scope}/{inside}"
        recorder.modules.append((path, scope, type(module).__name__))

    def left(module: torch.nn.Module, args: Any, result: Any) -> None:
        recorder.modules.pop()

    hooks = [
        torch.nn.modules.module.register_module_forward_pre_hook(entered),
        torch.nn.modules.module.register_module_forward_hook(left, always_call=True),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()

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

"""TorchScript graphs of Modules and of the user's own programs, with what they hold."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.assumptions import FRAMEWORK
from torch_onnx.capture.quantized import is_quantized
from torch_onnx.capture.sources import Sources
from torch_onnx.capture.torchscript.sources import inlined_with_callers
from torch_onnx.capture.torchscript.stacking import sizes_in_tensors
from torch_onnx.errors import CaptureError
from torch_onnx.graph import Frame

# What the tracer says of Python that it can't follow. Other warnings of its are of constants.
FROZEN = ("Converting a tensor to", "Iterating over a tensor", "Using len to get tensor")
# Of these in PyTorch's own code, what is not one of its checks of what it is given.
NUMBERS = ("Converting a tensor to a Python integer", "Converting a tensor to a Python float")


@dataclass(frozen=True, slots=True)
class Program:
    """A TorchScript graph. Its first input is the program's module, if it has one; its last ones
    are the tensors in ``owned``, by name. ``classes`` are those of modules, by path; ``callers``
    the places of calls that were inlined, by what stands there now.
    """

    graph: Any
    classes: Mapping[str, str]
    module: Any = None
    owned: Mapping[str, torch.Tensor] = field(default_factory=dict)
    callers: Mapping[str, str] = field(default_factory=dict)


def program_of(script: Any) -> Program:
    """A ScriptModule or ScriptFunction with all calls within it inlined.

    Raises:
        CaptureError: for a module without forward.
    """
    if not isinstance(script, torch.nn.Module):
        graph, callers = inlined_with_callers(script.graph.copy())
        return Program(graph, {}, callers=callers)
    if not hasattr(script, "forward"):
        # TorchScript keeps overloads (of LSTM, GRU) apart and knows none by this name.
        raise CaptureError(
            "torch.jit.script gave a module without forward: script a module that calls it."
        )
    classes = {name: str(module.original_name) for name, module in script.named_modules()}
    forward: Any = script.graph
    graph, callers = inlined_with_callers(forward.copy())
    return Program(graph, classes, script, callers=callers)


@dataclass(frozen=True, slots=True)
class Trace:
    """A traced module, and what the tracer froze."""

    program: Program
    notes: list[str]


def trace(module: torch.nn.Module, tensors: Sequence[torch.Tensor]) -> Trace:
    """Run ``module(*tensors)`` once under PyTorch's tracer.

    Raises:
        Exception: what the model raises.
    """
    sources, notes = Sources(""), []

    def tell(message: Warning | str, category: type[Warning], *place: Any, **_: Any) -> None:
        text = str(message)
        if category.__name__ == "TracerWarning" and text.startswith(FROZEN):
            inner = sources.shorten(place[0]).startswith(FRAMEWORK)
            frame = _user_frame(sources) if not inner or text.startswith(NUMBERS) else None
            if frame is not None:
                notes.append(f"is frozen at {frame}: {frame.code}")

    with warnings.catch_warnings(), torch.no_grad(), sizes_in_tensors():
        warnings.simplefilter("always")
        warnings.showwarning = tell  # while the frames that it is about are there
        program = _traced(module, tensors)
    return Trace(program, list(dict.fromkeys(notes)))


def _user_frame(sources: Sources) -> Frame | None:
    """The innermost frame of the user's code."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        path = sources.shorten(frame.f_code.co_filename)
        if not path.startswith(FRAMEWORK) and path != "warnings.py":
            return sources.frame_at(frame)
        frame = frame.f_back
    return None


def _traced(module: torch.nn.Module, tensors: Sequence[torch.Tensor]) -> Program:
    modules = dict(module.named_modules())
    scripts = any(isinstance(inner, torch.jit.ScriptModule) for inner in modules.values())
    if scripts or is_quantized(modules.values(), tensors):
        # Only attributes of ScriptModules can hold their objects.
        return program_of(compat.traced(module, tuple(tensors)))
    owned = _tensors_of(module)
    graph = compat.traced_graph(module, tensors, list(owned.values()))
    classes = {name: type(inner).__name__ for name, inner in modules.items()}
    return Program(compat.inlined(graph), classes, owned=owned)


def _tensors_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters, buffers and tensors that are plain attributes, each once."""
    found = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for path, inner in module.named_modules():
        for name, value in vars(inner).items():
            if isinstance(value, torch.Tensor):
                found[f"{path}.{name}" if path else name] = value
    by_identity: dict[int, tuple[str, torch.Tensor]] = {}
    for name, tensor in found.items():
        by_identity.setdefault(id(tensor), (name, tensor))
    return dict(by_identity.values())

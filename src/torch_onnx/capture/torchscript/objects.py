"""A program's constants, modules, attributes and objects."""

from __future__ import annotations

from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.scalars import Scalar
from torch_onnx.capture.torchscript.values import (
    Handlers,
    ModuleAt,
    ScriptList,
    ScriptObject,
)

handles = Handlers()


@handles("prim::Constant")
def constant(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    value = node.output().toIValue()
    if isinstance(value, torch.Tensor) and value.dim() == 0 and value.dtype == torch.int64:
        return Scalar(int(value))
    return owned(run, value, None)


def owned(run: Interpreter, value: Any, path: str | None) -> Any:
    """A value of the program's own, of a module's attribute if there is a ``path``."""
    if isinstance(value, torch.nn.Parameter) and path:
        return run.parameter(path, value, "parameter")
    if isinstance(value, torch.Tensor):
        return run.parameter(path, value, "buffer") if path else run.constant(value)
    if isinstance(value, list):
        return run.made(ScriptList(owned(run, v, _within(path, i)) for i, v in enumerate(value)))
    if isinstance(value, tuple):
        return tuple(owned(run, v, _within(path, i)) for i, v in enumerate(value))
    if isinstance(value, dict):
        return run.made({k: owned(run, v, _within(path, k)) for k, v in value.items()})
    if isinstance(value, torch.nn.Module) or compat.is_script(value):
        return ModuleAt(value, path or "")
    return value


def _within(path: str | None, place: Any) -> str | None:
    return f"{path}.{place}" if path else None


@handles("prim::GetAttr")
def get_attribute(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    (owner,) = inputs
    name = node.s("name")
    if isinstance(owner, ScriptObject):
        return owner[name]
    if not isinstance(owner, ModuleAt):
        raise run.error(f"The program reads {name!r} of an object that is no module.")
    path = owner.name_of(name)
    return run.attributes[path] if path in run.attributes else _original(run, owner, name)


def _original(run: Interpreter, owner: ModuleAt, name: str) -> Any:
    """A module's attribute as it was before the program set it; always the same object."""
    path = owner.name_of(name)
    if path not in run.owned:
        run.owned[path] = owned(run, getattr(owner.module, name), path)
    return run.owned[path]


@handles("prim::SetAttr")
def set_attribute(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    owner, value = inputs
    name = node.s("name")
    if isinstance(owner, ScriptObject):
        run.changes(owner)
        owner[name] = value
        return None
    path = owner.name_of(name)
    if path not in run.original and hasattr(owner.module, name):
        run.original[path] = _original(run, owner, name)
    run.changes(run.attributes)
    run.attributes[path] = value
    return None


@handles("prim::CreateObject")
def create_object(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return run.made(ScriptObject())


# Parts of a program that are graphs of their own.


@handles("prim::fork")
def fork(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """What runs beside the rest runs here: ONNX has an order of data only."""
    return _called(run, node.g("Subgraph"), inputs)


@handles("aten::wait")
def wait(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return inputs[0]


@handles("prim::CallFunction", "prim::CallMethod")
def call(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """A call that inlining left, as those in a fork's graph are."""
    if node.kind() == "prim::CallMethod":
        function = getattr(inputs[0].module, node.s("name"))
        return _called(run, function.inlined_graph, inputs)
    return _called(run, inputs[0].inlined_graph, inputs[1:])


@handles("prim::PythonOp")
def python_function(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """An autograd Function: what its forward did when it was traced."""
    if not node.hasAttribute("Subgraph"):
        raise run.error(f"The program calls the Python function {node.pyname()}.")
    return _called(run, node.g("Subgraph"), inputs)


def _called(run: Interpreter, graph: Any, inputs: list[Any]) -> Any:
    source, outer = run.source, run.env
    # Another graph has values of the same names.
    run.env = {}
    try:
        results = run.block(compat.inlined(graph), inputs)
    finally:
        run.source, run.env = source, outer
    return results[0] if len(results) == 1 else results


# Regions.


@handles("prim::Enter", "prim::Exit", "aten::set_grad_enabled", "aten::_set_grad_enabled")
def region(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """The ends of ``with`` statements, which are about gradients and profiles."""
    return inputs[0] if list(node.outputs()) else None

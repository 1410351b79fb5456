"""Operators that are not translated, kept as nodes of their own: ``operator_export_type``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from torch_onnx import compat
from torch_onnx.builder.dtypes import TO_ONNX
from torch_onnx.builder.emit import Builder
from torch_onnx.builder.values import OnnxValue
from torch_onnx.graph import Call, Value, values_of

ATEN_DOMAIN = "org.pytorch.aten"

Keep: TypeAlias = Callable[[Builder, Call, dict[str, Any]], list[Any]]
"""Makes one node of a call on translated arguments; gives a result for each output."""


def kept_by(kind: str) -> Keep | None:
    """How operators without a translation are kept; None where they are errors."""
    if kind == "ONNX_FALLTHROUGH":
        return as_own_node
    return None if kind == "ONNX" else as_aten_node


def as_own_node(g: Builder, call: Call, args: dict[str, Any]) -> list[Any]:
    """A node of the operator's name in its own domain: tensors are inputs, the rest attributes."""
    inputs: list[OnnxValue | None] = []
    attributes: dict[str, Any] = {}
    for name, argument in args.items():
        if isinstance(argument, OnnxValue) or _has_values(argument):
            inputs += _inputs(g, argument)
        elif isinstance(argument, torch.Tensor):
            inputs.append(g.constant(argument))
        elif isinstance(argument, torch.dtype):
            attributes[name] = int(TO_ONNX[argument]) if argument in TO_ONNX else str(argument)
        elif isinstance(argument, (list, tuple)) and argument:
            attributes[name] = [int(i) if isinstance(i, bool) else i for i in argument]
        elif isinstance(argument, (bool, int, float, str)):
            attributes[name] = int(argument) if isinstance(argument, bool) else argument
    namespace, _, base = call.op.name.partition("::")
    return _node(g, namespace, base.partition(".")[0], inputs, attributes, call)


def as_aten_node(g: Builder, call: Call, args: dict[str, Any]) -> list[Any]:
    """ONNX's stand-in for PyTorch's operators, ``ATen``: arguments by position are inputs."""
    namespace, _, base = call.op.name.partition("::")
    operator, _, overload = base.partition(".")
    attributes = {"operator": operator if namespace == "aten" else f"{namespace}::{operator}"}
    attributes["overload_name"] = overload
    inputs: list[OnnxValue | None] = []
    for name, argument in args.items():
        if isinstance(argument, str):
            attributes[name] = argument
            inputs.append(None)
        elif isinstance(argument, OnnxValue) or _has_values(argument):
            inputs += _inputs(g, argument)
        elif isinstance(argument, torch.dtype):
            inputs.append(g.constant(compat.number_of_dtype(argument), torch.int64))
        elif isinstance(argument, (list, tuple)):
            whole = all(isinstance(item, int) for item in argument)
            inputs.append(g.constant(list(argument), torch.int64 if whole else torch.float32))
        elif isinstance(argument, (bool, int, float, torch.Tensor)):
            inputs.append(g.constant(argument))
        else:
            # None, and devices, layouts and memory formats, which mean nothing outside of PyTorch.
            inputs.append(None)
    while inputs and inputs[-1] is None:
        inputs.pop()
    return _node(g, ATEN_DOMAIN, "ATen", inputs, attributes, call)


def _has_values(argument: Any) -> bool:
    return isinstance(argument, list) and any(isinstance(item, OnnxValue) for item in argument)


def _inputs(g: Builder, argument: Any) -> list[OnnxValue | None]:
    if isinstance(argument, OnnxValue):
        return [g.scalar(argument) if argument.is_number else argument]
    if any(isinstance(item, OnnxValue) and item.is_number for item in argument):
        return [g.vector(argument)]
    return [item if isinstance(item, OnnxValue) else None for item in argument]


def _node(
    g: Builder,
    domain: str,
    operator: str,
    inputs: list[OnnxValue | None],
    attributes: dict[str, Any],
    call: Call,
) -> list[Any]:
    values = [value for output in call.outputs for value in values_of(output)]
    types = [(value.dtype or torch.float32, value.shape) for value in values]
    g.use_domain(domain)
    made = iter(g.raw_node(domain, operator, inputs, attributes, types))
    results: list[Any] = []
    for output in call.outputs:
        if isinstance(output, list):
            results.append([next(made) for _ in output])
        else:
            results.append(next(made) if isinstance(output, Value) else None)
    return results

"""Models run by onnx's reference evaluator, with Python implementations of custom operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import onnx
import torch

from torch_onnx.errors import ExportError

if TYPE_CHECKING:
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.op_run import OpRun

ReferenceOps: TypeAlias = "Mapping[str, Callable[..., Any]] | Sequence[type[OpRun]]"
"""Classes of ``onnx.reference.op_run.OpRun``, or functions by operator (``"com.acme::Rotate"``)."""


def evaluator(model: onnx.ModelProto, operators: ReferenceOps) -> ReferenceEvaluator:
    """A ReferenceEvaluator that knows these operators.

    A function takes torch tensors (None for an optional input that is not given) and the node's
    attributes by name; it gives a tensor, or several.
    """
    from onnx.reference import ReferenceEvaluator

    if isinstance(operators, Mapping):
        operators = [_class_of(name, function) for name, function in operators.items()]
    return ReferenceEvaluator(model, new_ops=list(operators))


def run(session: ReferenceEvaluator, inputs: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    """All outputs. Inputs that the model does not have are left out."""
    feeds = {name: _array(inputs[name]) for name in session.input_names if name in inputs}
    results = session.run(None, feeds)
    return [torch.from_numpy(np.array(result)) for result in results]


def _array(tensor: torch.Tensor) -> Any:
    tensor = tensor.detach().cpu()
    return (torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor).numpy()


def _class_of(operator: str, function: Callable[..., Any]) -> type[OpRun]:
    from onnx.reference.op_run import OpRun

    domain, separator, name = operator.rpartition("::")
    if not separator:
        raise ExportError(f"{operator!r} names no domain: write it as 'com.acme::Rotate'.")

    def compute(self: Any, *inputs: Any, **attributes: Any) -> tuple[Any, ...]:
        given = [None if i is None else torch.from_numpy(np.array(i)) for i in inputs]
        # OpRun also hands over attributes of an ONNX operator of the same name.
        own = {attribute.name for attribute in self.onnx_node.attribute}
        known = {key: value for key, value in attributes.items() if key in own}
        results = function(*given, **known)
        many = results if isinstance(results, (tuple, list)) else (results,)
        return tuple(np.asarray(result.detach().numpy()) for result in many)

    return type(name, (OpRun,), {"op_domain": domain, "_run": compute})

"""``torch_onnx.ops.gradient``: a derivative within the exported model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch

from torch_onnx import compat_extending, marks, signature


def gradient(function: Callable[..., Any], *inputs: Any, argnum: int = 0) -> torch.Tensor:
    """The derivative of ``function(*inputs)``, a tensor without dims, by its argument ``argnum``.

    ``torch.func.grad``, whose result the exported model computes: the operators of the backward
    pass are written into it. Weights of modules that the function uses are weights of the model.
    """
    take = torch.func.grad(function, argnum)
    if marks.active() is None:
        made: torch.Tensor = take(*inputs)
        return made
    modules = list(signature.modules_of(function).values())
    weights = [dict(m.named_parameters()) | dict(m.named_buffers()) for m in modules]

    def typed(values: list[list[Any]], given: list[Any]) -> Any:
        # Below autograd, where this runs, there are no derivatives; their type is known.
        return torch.zeros_like(given[argnum])

    def body(values: list[list[Any]], given: list[Any]) -> Any:
        with contextlib.ExitStack() as stack:
            for module, names, new in zip(modules, weights, values, strict=True):
                swapped = dict(zip(names, new, strict=True))
                stack.enter_context(compat_extending.weights_replaced(module, swapped))
            return take(*given)

    values = [list(named.values()) for named in weights]
    result: torch.Tensor = marks.keep("gradient", typed, [values, list(inputs)], None, body)
    return result

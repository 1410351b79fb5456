"""Branches and loops for ``torch_onnx.ops``, which decide at run time in the exported model too.

Run eagerly they are Python's own. An export through torch.export makes If and Loop of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torch_onnx import compat, compat_extending, marks
from torch_onnx.errors import CaptureError


def cond(
    condition: torch.Tensor | bool,
    true_function: Callable[..., Any],
    false_function: Callable[..., Any],
    operands: Sequence[Any] = (),
) -> Any:
    """``true_function(*operands)`` or ``false_function(*operands)``; both give like tensors."""
    if _is_captured("cond"):
        return torch.cond(condition, true_function, false_function, tuple(operands))
    return true_function(*operands) if condition else false_function(*operands)


def while_loop(
    condition: Callable[..., Any], body: Callable[..., Any], carried: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, ...]:
    """``carried = body(*carried)`` as long as ``condition(*carried)``; types stay the same."""
    if _is_captured("while_loop"):
        loop: Any = compat_extending.while_loop()
        made: tuple[torch.Tensor, ...] = loop(condition, body, tuple(carried))
        return made
    state = tuple(carried)
    while condition(*state):
        result = body(*state)
        state = tuple(result) if isinstance(result, (tuple, list)) else (result,)
    return state


def fori_loop(
    lower: int | torch.Tensor,
    upper: int | torch.Tensor,
    body: Callable[..., Any],
    carried: Sequence[torch.Tensor],
) -> tuple[torch.Tensor, ...]:
    """``carried = body(i, *carried)`` for i from ``lower`` to ``upper`` - 1, i as a tensor."""
    first, last = _integer(lower).clone(), _integer(upper)

    def turn(i: torch.Tensor, *state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        result = body(i, *state)
        new = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        return (i + 1, *new)

    _, *results = while_loop(lambda i, *_: i < last, turn, (first, *carried))
    return tuple(results)


def _integer(number: int | torch.Tensor) -> torch.Tensor:
    """An integer, which may be a symbolic size, as a tensor."""
    if isinstance(number, torch.Tensor):
        return number
    return torch.scalar_tensor(number, dtype=torch.int64)


def _is_captured(name: str) -> bool:
    if marks.active() is None:
        return False
    if compat.is_tracing():
        # A trace would hold the example's turns for all inputs.
        raise CaptureError(f"torch_onnx.ops.{name} needs strategy='export'; a trace can't branch.")
    return True

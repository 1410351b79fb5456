"""Axes dropped where their size is 1: the rank of the result may be known at run time only.

Then all that follows goes into both branches of an If on that size, each of a known rank.
"""

from __future__ import annotations

import operator
from typing import Any

from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.scalars import Scalar
from torch_onnx.capture.torchscript.values import Diverges, Handlers, is_run_time
from torch_onnx.graph import Value

handles = Handlers()


def axis_of(axis: Any, x: Value) -> int:
    number: int = axis.number if isinstance(axis, Scalar) else axis
    return number % x.fake.dim()


@handles("aten::squeeze")
def squeeze(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """``aten::squeeze``: tensor; no axis, an axis or axes."""
    x = inputs[0]
    axes = _named_axes(x, inputs[1:])
    ones = {axis: _is_one(run, x, axis) for axis in axes}
    if not any(is_run_time(run.size(x, axis)) for axis in axes):
        return NotImplemented
    if any(isinstance(known, Value) for known in ones.values()):
        raise Diverges(
            "squeeze drops an axis if its size is 1, which is known at run time only.",
            run.source.frame,
        )
    for axis in sorted((axis for axis, known in ones.items() if known), reverse=True):
        x = run.named("aten::select.int", self=x, dim=axis, index=0)
    return x


def undecided(run: Interpreter, x: Any, given: list[Any]) -> Value | None:
    """Whether an axis has size 1, of the first that nothing is known of."""
    conditions = (_is_one(run, x, axis) for axis in _named_axes(x, given))
    return next((c for c in conditions if isinstance(c, Value)), None)


def _named_axes(x: Any, given: list[Any]) -> list[int]:
    if not isinstance(x, Value) or x.kind != "tensor" or x.fake.dim() == 0:
        return []
    if not given:
        return list(range(x.fake.dim()))
    axes = given[0] if isinstance(given[0], (list, tuple)) else [given[0]]
    known = not any(is_run_time(axis) for axis in axes)
    return [axis_of(axis, x) for axis in axes] if known else []


def _is_one(run: Interpreter, x: Any, axis: int) -> Any:
    return run.number(operator.eq, run.size(x, axis), 1)

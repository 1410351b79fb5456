"""Sizes that operators are given, where TorchScript says them otherwise than ATen's schemas."""

from __future__ import annotations

import operator
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.scalars import Scalar, Vector
from torch_onnx.capture.torchscript.values import Handlers, is_run_time
from torch_onnx.graph import Value

handles = Handlers()


@handles("aten::tensor_split")
def split_by_tensor(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """A trace gives sizes as tensors, which are numbers all the same."""
    x, where, axis = inputs
    if isinstance(where, Scalar):
        args = {"self": x, "sections": where.number, "dim": axis}
        return run.named("aten::tensor_split.sections", **args)
    if isinstance(where, Vector):
        args = {"self": x, "indices": list(where.numbers), "dim": axis}
        return run.named("aten::tensor_split.indices", **args)
    return NotImplemented


@handles("aten::expand")
def expand(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    x, sizes = inputs[0], inputs[1]
    if not isinstance(x, Value):
        return NotImplemented
    if _is_assigned(node):
        return x
    if not isinstance(sizes, list) or not any(map(_may_be_negative, sizes)):
        return NotImplemented
    added = len(sizes) - x.fake.dim()
    target = [_kept(run, x, axis - added, size) for axis, size in enumerate(sizes)]
    return run.named("aten::expand", self=x, size=target)


def _may_be_negative(size: Any) -> bool:
    return is_run_time(size) and not compat.is_a_count(size.fake)


def _kept(run: Interpreter, x: Value, axis: int, size: Any) -> Any:
    """A size to expand to, where one that is known at run time only may be -1, for the size that
    is there.
    """
    if axis < 0 or not _may_be_negative(size):
        return size
    here = run.size(x, axis)
    if isinstance(here, int) and here != 1:
        return here
    # Of -1 it makes 1, to which nothing is expanded.
    return run.number(torch.sym_max, size, run.number(operator.neg, size))


# ``x[places] = y`` is traced as views of x, and y viewed and expanded to the example's sizes, for
# ``copy_``, which broadcasts anyway.


@handles("aten::view")
def view(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """Of a tensor that is assigned, the leading sizes of 1 are left out."""
    x, target = inputs
    sizes = _example_sizes(node)
    if not isinstance(x, Value) or not isinstance(target, list) or not _is_assigned(node):
        return NotImplemented
    if sizes is None or sizes != [1] * (len(sizes) - len(target)) + target:
        return NotImplemented
    excess = len(sizes) - len(target)
    for _ in range(excess):
        x = run.named("aten::select.int", self=x, dim=0, index=0)
    return x


def _example_sizes(node: Any) -> list[int] | None:
    """The sizes that a traced node's first argument had; None of a scripted one."""
    sizes: list[int] | None = next(node.inputs()).type().sizes()
    return sizes


def _is_assigned(node: Any) -> bool:
    """Whether a result is only copied into another tensor, maybe expanded before."""
    (output,) = node.outputs()
    uses = list(output.uses())
    if len(uses) != 1:
        return False
    user, place = uses[0].user, uses[0].offset
    if user.kind() == "aten::expand":
        return place == 0 and _is_assigned(user)
    return user.kind() == "aten::copy_" and place == 1

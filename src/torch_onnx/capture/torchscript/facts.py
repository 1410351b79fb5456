"""Facts about tensors: sizes, ranks, dtypes."""

from __future__ import annotations

import operator
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.binding import operator_named
from torch_onnx.capture.quantized import Quantized
from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.scalars import Scalar, Vector
from torch_onnx.capture.torchscript.squeezing import axis_of, undecided
from torch_onnx.capture.torchscript.values import Handlers, is_run_time
from torch_onnx.graph import Value

handles = Handlers()


@handles("aten::dim")
def rank(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if isinstance(inputs[0], (Scalar, Vector)):
        return int(isinstance(inputs[0], Vector))
    return inputs[0].fake.dim()


@handles("aten::size", "prim::shape")
def size(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    x = inputs[0]
    if not isinstance(x, Value):
        sizes = [len(x.numbers)] if isinstance(x, Vector) else []
        return sizes[inputs[1]] if len(inputs) > 1 else sizes
    if len(inputs) > 1:
        if is_run_time(inputs[1]):
            raise run.error("The axis of a size is known at run time only.")
        return run.size(x, axis_of(inputs[1], x))
    return run.made([run.size(x, axis) for axis in range(x.fake.dim())])


@handles("aten::_shape_as_tensor")
def shape_as_tensor(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return Vector(tuple(size(run, node, inputs)))


@handles("aten::numel")
def number_of_elements(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if not isinstance(inputs[0], Value):
        return 1
    total: Any = 1
    for axis in range(inputs[0].fake.dim()):
        total = run.number(operator.mul, total, run.size(inputs[0], axis))
    return total


@handles("prim::dtype")
def dtype(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    x = run.tensor(inputs[0])
    return compat.number_of_dtype(x.scheme.dtype if isinstance(x, Quantized) else x.fake.dtype)


@handles("prim::device")
def device(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return torch.device("cpu")


@handles("prim::type")
def type_of_device(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return inputs[0].type


@handles("prim::layout")
def layout(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return 0


FALSE_FACTS = "is_cuda is_mkldnn is_sparse is_xpu is_mps is_meta is_nested"


@handles(*(f"prim::{name}" for name in FALSE_FACTS.split()))
def false_fact(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return False


@handles("prim::is_quantized")
def is_quantized(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return isinstance(inputs[0], Quantized)


# PyTorch's attention takes a fast path where no gradient is needed: one operator that hides what
# it does. It asks whether gradients are recorded and for which tensors.
ATTENTION = "torch/nn/modules/"


@handles("aten::is_grad_enabled")
def records_gradients(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return ATTENTION in node.sourceRange()


@handles("prim::requires_grad", "aten::requires_grad")
def needs_gradient(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    owned = run.parameters.values()
    return any(p.value is inputs[0] and p.kind == "parameter" for p in owned)


AUTOCAST = "is_autocast_enabled is_autocast_cpu_enabled is_autocast_cache_enabled"


@handles(*(f"aten::{name}" for name in AUTOCAST.split()))
def autocast_is_on(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return False


@handles("prim::is_cpu")
def is_cpu(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return True


@handles("aten::is_floating_point", "aten::is_complex", "aten::is_signed")
def fact_of_dtype(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    fake = run.tensor(inputs[0]).fake
    return getattr(fake, node.kind().removeprefix("aten::"))()


@handles("aten::get_device", "aten::cuda", "aten::cpu")
def moved(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return -1 if node.kind() == "aten::get_device" else inputs[0]


@handles("aten::is_scripting", "aten::_is_tracing")
def is_scripting(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return node.kind() == "aten::is_scripting"


# Views of the tensor itself.

RESHAPED_IN_PLACE = "squeeze_ swapaxes_ swapdims_ t_ transpose_ unsqueeze_"


@handles(*(f"aten::{name}" for name in RESHAPED_IN_PLACE.split()))
def reshaped(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """Every name of the tensor stands for its view from now on."""
    old = inputs[0]
    if run.frames:
        raise run.error(f"{node.kind()} gives a tensor another shape in a branch or loop.")
    if node.kind() == "aten::squeeze_" and undecided(run, old, inputs[1:]) is not None:
        raise run.error(
            "squeeze_ drops an axis if its size is 1, which is known at run time only.",
            "Use squeeze, whose result is a tensor of its own.",
        )
    name, _, overload = node.schema().partition("(")[0].partition(".")
    name = name.removesuffix("_")
    plain = {"aten::transpose": "int", "aten::squeeze": overload}.get(name, overload)
    op = operator_named(f"{name}.{plain}" if plain else name)
    assert op is not None, name
    new = run.call(op, {a.name: i for a, i in zip(op.arguments, inputs, strict=True)})
    run.env.update({name: new for name, value in run.env.items() if value is old})
    return new

"""Numbers from tensors, tensors from numbers."""

from __future__ import annotations

import operator
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.torchscript import lists
from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.scalars import Scalar, Vector
from torch_onnx.capture.torchscript.values import (
    Handlers,
    ScriptList,
    is_tensor,
    number_kind,
)
from torch_onnx.graph import Value

handles = Handlers()


@handles("prim::NumToTensor")
def number_to_tensor(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    (number,) = inputs
    if number_kind(number) == "bool" or isinstance(number, bool):
        return run.tensor(number)
    return Scalar(number)


@handles("aten::Int", "aten::IntImplicit")
def to_int(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    number = run.item(inputs[0])
    if isinstance(number, Value):
        return number if number.kind == "int" else run.number(torch.sym_int, number)
    return int(number)


@handles("aten::Float", "aten::FloatImplicit")
def to_float(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    number = run.item(inputs[0])
    if isinstance(number, Value):
        return number if number.kind == "float" else run.number(torch.sym_float, number)
    return float(number)


@handles("aten::Bool")
def to_bool(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    number = run.item(inputs[0])
    if isinstance(number, Value):
        return number if number.kind == "bool" else run.number(operator.ne, number, 0)
    return bool(number)


@handles("aten::item", "aten::ScalarImplicit")
def item(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return run.item(inputs[0])


@handles("aten::tensor", "aten::as_tensor")
def tensor_of(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    data, wanted = inputs[0], inputs[1]
    if is_tensor(data):
        x = run.tensor(data)
        return x if wanted is None else _cast(run, x, wanted)
    as_integers = wanted in (None, 4)
    if _is_integer(data) and as_integers:
        return Scalar(data)
    if isinstance(data, list) and data and as_integers and all(map(_is_integer, data)):
        return Vector(tuple(data))
    dtype = None if wanted is None else compat.dtype_numbered(wanted)
    if not _has_run_time(data):
        return run.constant(torch.tensor(data, dtype=dtype))
    made = _stacked(run, data)
    return made if dtype is None else _cast(run, made, wanted)


def _cast(run: Interpreter, x: Value, dtype: int) -> Any:
    return run.named("aten::to.dtype", self=x, dtype=dtype)


def _is_integer(number: Any) -> bool:
    plain = isinstance(number, int) and not isinstance(number, bool)
    return plain or number_kind(number) == "int"


def _has_run_time(data: Any) -> bool:
    if isinstance(data, list):
        return any(_has_run_time(item) for item in data)
    return isinstance(data, (Value, Scalar))


def _stacked(run: Interpreter, data: Any) -> Any:
    if isinstance(data, list):
        parts = [_stacked(run, item) for item in data]
        floats = any(part.fake.is_floating_point() for part in parts)
        if floats:
            parts = [_cast(run, part, 6) for part in parts]
        return run.named("aten::stack", tensors=parts)
    return run.tensor(data)


@handles("prim::tolist")
def to_list(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """A tensor's elements: as many as its shape tells, or a vector where that is dynamic."""
    if isinstance(inputs[0], Vector):
        return list(inputs[0].numbers)
    x = run.tensor(inputs[0])
    return _elements(run, x)


def _elements(run: Interpreter, x: Value) -> Any:
    rank = x.fake.dim()
    if rank == 0:
        return run.item(x)
    size = run.size(x, 0)
    if isinstance(size, int):
        rows = (run.named("aten::select.int", self=x, dim=0, index=i) for i in range(size))
        return run.made(ScriptList(_elements(run, row) for row in rows))
    if rank > 1:
        raise run.error("tolist is asked of a matrix whose length is known at run time only.")
    of = "bool" if x.fake.dtype == torch.bool else "int"
    of = "float" if x.fake.is_floating_point() else of
    dtype = compat.number_of_dtype(lists.NUMBER_DTYPES[of])
    return run.made(ScriptList((), _cast(run, x, dtype), of))


# Operators that TorchScript alone has.


@handles("aten::to")
def to(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """``x.to(device, dtype)`` as TorchScript spells it; the rest are operators."""
    if type(inputs[0]) is int:
        # A trace takes torch.tensor(1) and a 1 that it wrapped elsewhere for one constant.
        inputs[0] = Scalar(inputs[0])
    if ".prim_" not in node.schema():
        return NotImplemented
    dtype = next((i for i in inputs[1:3] if isinstance(i, int) and not isinstance(i, bool)), None)
    if ".prim_other" in node.schema():
        dtype = None
    return inputs[0] if dtype is None else _cast(run, run.tensor(inputs[0]), dtype)


@handles("aten::equal", "aten::allclose")
def agree(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """Whether two tensors agree, as a number."""
    a, b = run.tensor(inputs[0]), run.tensor(inputs[1])
    if node.kind() == "aten::allclose":
        names = ("rtol", "atol", "equal_nan")
        near = run.named(
            "aten::isclose", self=a, other=b, **dict(zip(names, inputs[2:], strict=True))
        )
        return run.item(run.named("aten::all", self=near))
    if a.fake.dim() != b.fake.dim():
        return False
    same: Any = True
    for axis in range(a.fake.dim()):
        equal = run.number(operator.eq, run.size(a, axis), run.size(b, axis))
        same = run.number(operator.and_, same, equal)
    if same is not True:
        raise run.error("Whether two tensors are equal is asked of sizes that may differ.")
    return run.item(run.named("aten::all", self=run.named("aten::eq.Tensor", self=a, other=b)))

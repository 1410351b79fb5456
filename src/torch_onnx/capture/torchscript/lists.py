"""Lists whose length is known at run time only: sequences of tensors, and vectors of numbers."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch

from torch_onnx.capture.binding import number_operator, operator_named
from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.stand_ins import joined
from torch_onnx.capture.torchscript.values import (
    Diverges,
    Handlers,
    ScriptList,
    is_number,
    is_tensor,
    number_kind,
)
from torch_onnx.graph import Call, Value

handles = Handlers()

FLOAT = 6
"""What TorchScript writes for torch.float32."""

NUMBER_DTYPES = {"int": torch.int64, "float": torch.float64, "bool": torch.bool}


# Making one.


def kind_of_items(items: ScriptList) -> str | None:
    """``tensor``, ``int``, ``float`` or ``bool``; None for an empty list, "" for other things."""
    if items.held is not None:
        return items.of
    if not items:
        return None
    if all(map(is_tensor, items)):
        return "tensor"
    kinds = {number_kind(item) for item in items} if all(map(is_number, items)) else {""}
    return kinds.pop() if len(kinds) == 1 else ""


def element_type(run: Interpreter, parts: Sequence[ScriptList]) -> Any:
    """A fake tensor that stands for any element; None where they have several ranks or none."""
    fakes: list[Any] = []
    for part in parts:
        if part.held is not None:
            fakes.append(part.held.fake)
        else:
            fakes += [run.tensor(item).fake for item in part if is_tensor(item)]
    return join(run, fakes)


def join(run: Interpreter, fakes: Sequence[Any]) -> Any:
    """One that stands for all of these; None where one is unknown or ranks differ."""
    if not fakes or any(fake is None for fake in fakes):
        return None
    result = fakes[0]
    for fake in fakes[1:]:
        if fake.dtype != result.dtype:
            raise Diverges(
                f"A list holds tensors of {_name(result.dtype)} and {_name(fake.dtype)}, "
                "and its length is known at run time only.",
                run.source.frame,
            )
        if fake.dim() != result.dim():
            return None
        result = joined(run, result, fake)
    return result


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def value_of_list(run: Interpreter, like: Any, dtype: torch.dtype | None = None) -> Value:
    """A Value of kind "list"; ``like`` stands for any element."""
    run.count += 1
    if like is None:
        return Value(f"v{run.count}", dtype or torch.float32, None, "list")
    element = run.value(like)
    return Value(f"v{run.count}", element.dtype, element.shape, "list", fake=like)


def held(run: Interpreter, items: ScriptList, of: str, like: Any = None) -> Value:
    """The list's elements as one Value."""
    if items.held is not None:
        return items.held
    if of == "tensor":
        tensors = [run.tensor(item) for item in items]
        if like is None:
            like = element_type(run, [items])
        dtype = tensors[0].dtype if tensors else None
        return _emit(run, "make", {"tensors": tensors}, value_of_list(run, like, dtype))
    if not items:
        return run.constant(torch.empty(0, dtype=NUMBER_DTYPES[of]))
    return _vector(run, of, list(items))


def empty(run: Interpreter, of: str, like: Any) -> Value:
    """A list without elements."""
    return held(run, ScriptList(), of, like)


def _vector(run: Interpreter, of: str, numbers: list[Any]) -> Value:
    if not any(isinstance(number, Value) for number in numbers):
        return run.constant(torch.tensor(numbers, dtype=NUMBER_DTYPES[of]))
    dtype = NUMBER_DTYPES[of]
    parts = [run.named("aten::full", size=[1], fill_value=n, dtype=dtype) for n in numbers]
    made: Value = run.named("aten::cat", tensors=parts)
    return made


def _emit(run: Interpreter, name: str, args: dict[str, Any], output: Value) -> Value:
    op = number_operator(f"python::list_{name}", tuple(args))
    run.calls.append(Call(op, args, [output], run.source))
    return output


def convert(run: Interpreter, items: ScriptList) -> ScriptList:
    """A list of known length as one of which it is not; itself where it is one already."""
    if items.held is not None:
        return items
    of = kind_of_items(items)
    if not of:
        raise run.error("A list of such things has to have a length that is known.")
    return ScriptList((), held(run, items, of), of)


@handles("aten::unbind", "aten::split", "aten::chunk", "aten::unsafe_chunk", "aten::unsafe_split")
def parts(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """A tensor in as many parts as is known at run time only."""
    if not is_tensor(inputs[0]):
        return NotImplemented
    x = run.tensor(inputs[0])
    size, dim = (None, inputs[1]) if len(inputs) == 2 else inputs[1:]
    users = [use.user.kind() for use in node.output().uses()]
    if isinstance(size, list) or x.fake.dim() == 0:
        return NotImplemented
    axis = dim % x.fake.dim()
    length = run.size(x, axis)
    if users == ["prim::ListUnpack"]:  # as many as the program unpacks
        if not isinstance(size, Value):
            return NotImplemented
        return _unpacked(run, node, x, size, axis)
    if not isinstance(length, Value) and not isinstance(size, Value):
        return NotImplemented
    if size is not None and "chunk" in node.kind():
        more = run.number(operator.sub, size, 1)
        size = run.number(operator.floordiv, run.number(operator.add, length, more), size)
    sizes = list(x.fake.shape)
    sizes[axis : axis + 1] = [] if size is None else [run.fakes.unknown_size()]
    with run.fakes.mode:
        like = torch.empty(sizes, dtype=x.fake.dtype)
    args = {"tensor": x, "size": size, "dim": axis}
    return run.made(ScriptList((), _emit(run, "split", args, value_of_list(run, like)), "tensor"))


def _unpacked(run: Interpreter, node: Any, x: Value, size: Value, axis: int) -> Any:
    """The parts of a tensor whose number the program takes for known."""
    count = len(list(node.output().uses()[0].user.outputs()))
    op = operator_named(node.schema().partition("(")[0])
    assert op is not None
    sizes = list(x.fake.shape)
    made = []
    for _ in range(count):
        sizes[axis] = run.fakes.unknown_size()
        with run.fakes.mode:
            made.append(run.value(torch.empty(sizes, dtype=x.fake.dtype)))
    args = dict(zip((a.name for a in op.arguments), (x, size, axis), strict=True))
    run.calls.append(Call(op, args, [made], run.source))
    return made


def as_tensors(run: Interpreter, items: ScriptList) -> ScriptList:
    """Numbers as tensors, one of each, which is how a program returns them."""
    if items.held is None or items.of == "tensor":
        return items
    vector = items.held
    if items.of == "float":
        vector = run.named("aten::to.dtype", self=vector, dtype=FLOAT)
    like = run.fakes.run(torch.ops.aten.select.int, [vector.fake, 0, 0], {})
    args = {"tensor": vector, "size": None, "dim": 0}
    return ScriptList((), _emit(run, "split", args, value_of_list(run, like)), "tensor")


# Reading.


@handles("list aten::len")
def length(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return length_of(run, inputs[0])


def length_of(run: Interpreter, items: ScriptList) -> Any:
    assert items.held is not None
    if items.of != "tensor":
        return run.size(items.held, 0)
    number = run.value(run.fakes.unknown_size())
    return _emit(run, "length", {"list": items.held}, number)


@handles("list aten::__getitem__")
def get_item(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return item(run, convert(run, inputs[0]), inputs[1])


def item(run: Interpreter, items: ScriptList, index: Any) -> Any:
    """One element; ``index`` may be known at run time only."""
    held = items.held
    assert held is not None
    if items.of != "tensor":
        return run.item(run.named("aten::select.int", self=held, dim=0, index=index))
    if held.fake is None:
        raise run.error("A list holds tensors of several ranks, of which one is taken.")
    with run.fakes.mode:
        like = torch.empty_like(held.fake)
    return _emit(run, "item", {"list": held, "index": index}, run.value(like))


@handles("list prim::ListUnpack")
def unpack(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    outputs = list(node.outputs())
    found = [item(run, inputs[0], index) for index in range(len(outputs))]
    return found if len(outputs) != 1 else found[0]


@handles("list aten::slice")
def sliced(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    items, start, stop, step = inputs
    return run.made(_sliced(run, items, start, stop, step))


def _sliced(run: Interpreter, items: ScriptList, start: Any, stop: Any, step: Any) -> ScriptList:
    held = items.held
    assert held is not None
    if items.of != "tensor":
        args = {"self": held, "dim": 0, "start": start, "end": stop, "step": step}
        return ScriptList((), run.named("aten::slice.Tensor", **args), items.of)
    args = {"list": held, "start": start, "stop": stop, "step": step}
    made = _emit(run, "slice", args, value_of_list(run, held.fake, held.dtype))
    return ScriptList((), made, items.of)


@handles("list aten::copy", "list aten::list")
def copied(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return run.made(inputs[0].copy())


@handles("list aten::stack", "list aten::cat", "list aten::concat")
def together(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    items, dim = inputs
    assert items.held is not None
    like = items.held.fake
    if like is None:
        raise run.error("A list holds tensors of several ranks, which are put together.")
    stacks = node.kind() == "aten::stack"
    axis = dim % (like.dim() + stacks)
    sizes = list(like.shape)
    sizes[axis : axis if stacks else axis + 1] = [run.fakes.unknown_size()]
    with run.fakes.mode:
        fake = torch.empty(sizes, dtype=like.dtype)
    name = "stack" if stacks else "cat"
    return _emit(run, name, {"list": items.held, "dim": axis}, run.value(fake))


@handles("list aten::tensor")
def to_tensor(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    items, dtype = inputs[0], inputs[1]
    assert items.held is not None
    if dtype is None:
        dtype = {"int": 4, "float": FLOAT, "bool": 11}[items.of]
    return run.named("aten::to.dtype", self=items.held, dtype=dtype)


@handles("list aten::sum", "list prim::max", "list prim::min", "list aten::any", "list aten::all")
def reduced(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    items = inputs[0]
    if len(inputs) != 1 or items.of == "tensor":
        raise run.error(f"{node.kind()} is given a list whose length is known at run time only.")
    name = node.kind().partition("::")[2]
    return run.item(run.named(f"aten::{name}", self=items.held))


@handles("list aten::__contains__")
def contains(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    items, number = inputs
    if items.of == "tensor":
        raise run.error("A list whose length is known at run time only is searched for a tensor.")
    equal = run.named("aten::eq.Scalar", self=items.held, other=number)
    return run.item(run.named("aten::any", self=equal))


# Changing. A list that is changed holds another Value from then on.


def hold(run: Interpreter, items: ScriptList) -> None:
    """Make a list one whose length is known at run time only."""
    whole = convert(run, items)
    assert whole.held is not None
    _becomes(run, items, whole.held, whole.of)


def _becomes(run: Interpreter, items: ScriptList, new: Value, of: str) -> None:
    run.changes(items)
    items.clear()
    items.held, items.of = new, of


@handles("list aten::append")
def append(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    items, element = inputs
    if isinstance(element, ScriptList):
        raise run.error("A list of lists has to have a length that is known.")
    _insert(run, items, element, None)
    return items


@handles("list aten::insert")
def insert(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    items, index, element = inputs
    _insert(run, items, element, index)
    return None


def _insert(run: Interpreter, items: ScriptList, element: Any, position: Any) -> None:
    old = items.held
    assert old is not None
    if items.of == "tensor":
        tensor = run.tensor(element)
        like = join(run, [old.fake, tensor.fake])
        args = {"list": old, "tensor": tensor, "position": position}
        new = _emit(run, "insert", args, value_of_list(run, like, old.dtype))
    elif position is None:
        new = run.named("aten::cat", tensors=[old, _vector(run, items.of, [element])])
    else:
        before = _sliced(run, items, 0, position, 1)
        after = _sliced(run, items, position, None, 1)
        parts = [before.held, _vector(run, items.of, [element]), after.held]
        new = run.named("aten::cat", tensors=parts)
    _becomes(run, items, new, items.of)


@handles("list aten::_set_item")
def set_item(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    items, index, element = inputs
    put_item(run, items, index, element)
    return items


def put_item(run: Interpreter, items: ScriptList, index: Any, element: Any) -> None:
    """``items[index] = element``, where one of them is known at run time only."""
    held = convert(run, items).held
    assert held is not None
    of = kind_of_items(items)
    assert of is not None
    if of == "tensor":
        tensor = run.tensor(element)
        like = join(run, [held.fake, tensor.fake])
        args = {"list": held, "index": index, "tensor": tensor}
        new = _emit(run, "set", args, value_of_list(run, like, held.dtype))
    else:
        number = run.named("aten::select.int", self=held, dim=0, index=index)
        one = run.named("aten::full_like", self=number, fill_value=element)
        args = {"self": held, "src": one, "dim": 0, "index": index}
        new = run.named("aten::select_scatter", **args)
    _becomes(run, items, new, of)


@handles("list aten::pop", "list aten::Delete")
def pop(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    items = inputs[0]
    index = inputs[1] if len(inputs) > 1 else -1
    taken = item(run, items, index) if node.kind() == "aten::pop" else None
    if items.of == "tensor":
        args = {"list": items.held, "index": index}
        new = _emit(run, "erase", args, value_of_list(run, items.held.fake, items.held.dtype))
    else:
        after = run.number(operator.add, index, 1)
        parts = [_sliced(run, items, 0, index, 1)]
        if not (isinstance(after, int) and after == 0):
            parts.append(_sliced(run, items, after, None, 1))
        new = run.named("aten::cat", tensors=[part.held for part in parts])
    _becomes(run, items, new, items.of)
    return taken


@handles("list aten::clear")
def clear(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    (items,) = inputs
    run.changes(items)
    items.held, items.of = None, ""
    return None


@handles("list aten::reverse")
def reverse(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    (items,) = inputs
    if items.of == "tensor":
        new = _sliced(run, items, None, None, -1).held
    else:
        new = run.named("aten::flip", self=items.held, dims=[0])
    assert new is not None
    _becomes(run, items, new, items.of)
    return None


@handles("list aten::add", "list aten::add_", "list aten::extend")
def extend(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    a, b = inputs
    of = kind_of_items(a) or kind_of_items(b)
    assert of is not None
    target = run.made(a.copy()) if node.kind() == "aten::add" else a
    if a.held is not None and b.held is None:
        for element in b:
            _insert(run, target, element, None)
        return None if node.kind() == "aten::extend" else target
    like = element_type(run, [a, b])
    x, y = held(run, a, of, like), held(run, b, of, like)
    if of == "tensor":
        new = _emit(run, "concat", {"a": x, "b": y}, value_of_list(run, like, x.dtype))
    else:
        new = run.named("aten::cat", tensors=[x, y])
    _becomes(run, target, new, of)
    return None if node.kind() == "aten::extend" else target

"""Lists, dicts and tuples, on Python's own objects while the graph is read."""

from __future__ import annotations

import operator
from typing import Any

import torch

from torch_onnx.capture.torchscript import cutting, lists, numbers
from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.scalars import Scalar, Vector
from torch_onnx.capture.torchscript.values import (
    Diverges,
    Handlers,
    Raised,
    ScriptList,
    UnknownText,
    is_number,
    is_run_time,
    is_tensor,
)
from torch_onnx.graph import Value

handles = Handlers()


# Making, reading.


@handles("prim::TupleConstruct")
def make_tuple(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return tuple(inputs)


@handles("prim::ListConstruct")
def make_list(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return run.made(ScriptList(inputs))


@handles("prim::DictConstruct")
def make_dict(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return run.made(dict(zip(inputs[::2], inputs[1::2], strict=True)))


@handles("prim::TupleUnpack", "prim::ListUnpack")
def unpack(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    (container,) = inputs
    if isinstance(container, Vector):
        container = [Scalar(number) for number in container.numbers]
    members = list(container)
    return members if len(list(node.outputs())) != 1 else members[0]


@handles("prim::TupleIndex", "prim::TupleSlice")
def tuple_item(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if node.kind() == "prim::TupleSlice":
        return inputs[0][node.i("beg") : node.i("end")]
    return inputs[0][inputs[1]]


@handles("aten::__getitem__")
def get_item(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container, index = inputs
    if is_run_time(index):
        if not isinstance(container, ScriptList):
            raise run.error("A dict or string is read at a number that is known at run time only.")
        return lists.item(run, lists.convert(run, container), index)
    try:
        return container[_key(index)]
    except (KeyError, IndexError) as error:
        raise Raised(f"{type(error).__name__}: {error}", run.source) from error


@handles("aten::_set_item")
def set_item(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container, index, value = inputs
    if is_run_time(index):
        lists.put_item(run, container, index, value)
        return container
    run.changes(container)
    container[_key(index)] = value
    return container


def _key(key: Any) -> Any:
    return key.number if isinstance(key, Scalar) else key


@handles("aten::append", "aten::extend", "aten::insert", "aten::reverse", "aten::clear")
def change_list(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container, *arguments = inputs
    if not isinstance(container, (list, dict)):
        return NotImplemented
    if (
        isinstance(container, ScriptList)
        and node.kind() == "aten::insert"
        and is_run_time(arguments[0])
    ):
        lists.hold(run, container)
        return lists.insert(run, node, inputs)
    run.changes(container)
    getattr(container, node.kind().removeprefix("aten::"))(*arguments)
    return container if list(node.outputs()) else None


@handles("aten::pop", "aten::popitem", "aten::Delete", "aten::remove", "aten::update")
def change_container(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container, *arguments = inputs
    if any(map(is_run_time, arguments)) and isinstance(container, ScriptList):
        lists.hold(run, container)
        return lists.pop(run, node, inputs)
    run.changes(container)
    name = node.kind().removeprefix("aten::")
    if name == "Delete":
        del container[arguments[0]]
        return None
    if name == "pop" and isinstance(container, list) and not arguments:
        arguments = [-1]
    return getattr(container, name)(*arguments)


@handles("aten::list", "aten::dict")
def copied(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    (container,) = inputs or [()]
    return run.made(ScriptList(container) if node.kind() == "aten::list" else dict(container))


@handles("aten::keys", "aten::values", "aten::items")
def listed(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return list(getattr(inputs[0], node.kind().removeprefix("aten::"))())


@handles("aten::__contains__")
def contains(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container, item = inputs
    if isinstance(container, dict) or not is_number(item):
        return item in container
    found: Any = False
    for other in container:
        equal = run.number(operator.eq, other, item)
        found = run.number(operator.or_, found, equal)
    return found


@handles("aten::get", "aten::setdefault")
def get(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if node.kind() == "aten::setdefault":
        run.changes(inputs[0])
    return getattr(inputs[0], node.kind().removeprefix("aten::"))(*inputs[1:])


@handles("aten::len")
def length(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    (container,) = inputs
    if isinstance(container, Vector):
        return len(container.numbers)
    if is_tensor(container):
        return run.size(container, 0)
    return len(container)


@handles("aten::range_length", "aten::__range_length")
def range_length(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    low, high, step = inputs
    if is_run_time(step):
        raise run.error("The step of a range is known at run time only.")
    if step < 0:
        low, high, step = high, low, -step
    span = run.number(operator.sub, high, low)
    if step != 1:
        span = run.number(operator.floordiv, run.number(operator.add, span, step - 1), step)
    return run.number(torch.sym_max, span, 0)


@handles("aten::__derive_index")
def derive_index(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    index, start, step = inputs
    return run.number(operator.add, start, run.number(operator.mul, index, step))


# Operators on lists that share their name with those on tensors.


@handles("aten::slice")
def list_slice(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container = inputs[0]
    if not isinstance(container, (list, str)):
        return NotImplemented
    if any(map(is_run_time, inputs)):
        if isinstance(container, ScriptList) and cutting.needs_length(run, node):
            start, stop, step = cutting.bounds(run, container, inputs[1:])
            if any(isinstance(bound, Value) for bound in (start, stop, step)):
                raise Diverges("A list is cut at a place known at run time only.", run.source.frame)
            return list(container[start:stop:step])
        items = lists.convert(run, container)  # type: ignore[arg-type]
        return lists.sliced(run, node, [items, *inputs[1:]])
    result = container[slice(*inputs[1:])]
    return list(result) if isinstance(result, list) else result


@handles("aten::copy", "aten::count", "aten::index")
def list_method(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container, *arguments = inputs
    if not isinstance(container, (list, dict, str)):
        return NotImplemented
    if any(map(is_run_time, [*container, *arguments])):
        raise run.error("A list is searched for a number that is known at run time only.")
    result = getattr(container, node.kind().removeprefix("aten::"))(*arguments)
    return run.made(result) if isinstance(result, (list, dict)) else result


@handles("aten::add", "aten::add_", "aten::mul")
def list_arithmetic(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    a, b = inputs[0], inputs[1]
    if isinstance(a, UnknownText) or isinstance(b, UnknownText):
        return UnknownText(str(a) + str(b))
    if isinstance(a, ScriptList) and isinstance(b, ScriptList):
        if node.kind() == "aten::add":
            return [*a, *b]
        run.changes(a)
        a.extend(b)
        return a
    if isinstance(a, ScriptList) or isinstance(b, ScriptList):
        items, times = (a, b) if isinstance(a, ScriptList) else (b, a)
        if is_tensor(times):
            return NotImplemented
        if is_run_time(times):
            raise run.error("A list is repeated as often as is known at run time only.")
        return list(items) * times
    return numbers.on_numbers(run, node, inputs) if node.kind() != "aten::add_" else NotImplemented


@handles("aten::sort", "aten::sorted")
def sort(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    items = inputs[0]
    if not isinstance(items, ScriptList):
        return NotImplemented
    if any(map(is_run_time, items)) or any(map(is_tensor, items)):
        raise run.error("A list is sorted whose elements are known at run time only.")
    if node.kind() == "aten::sorted":
        return sorted(items)
    run.changes(items)
    items.sort(reverse=bool(inputs[1]) if len(inputs) > 1 else False)
    return None

"""TorchScript's operators on Python's own objects, done while the graph is read."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.quantized import Quantized
from torch_onnx.capture.torchscript.interpreter import Handler, Interpreter, ModuleAt, Raised
from torch_onnx.capture.torchscript.scalars import Scalar, Vector, is_float
from torch_onnx.graph import Value

TABLE: dict[str, Handler] = {}


def handles(*kinds: str) -> Callable[[Handler], Handler]:
    """The function does these kinds of nodes; NotImplemented leaves one to the operators."""

    def register(handler: Handler) -> Handler:
        for kind in kinds:
            assert kind not in TABLE, kind
            TABLE[kind] = handler
        return handler

    return register


def is_tensor(value: Any) -> bool:
    """Whether the program has a tensor here."""
    if isinstance(value, Value):
        return value.kind == "tensor"
    return isinstance(value, (Scalar, Vector, torch.Tensor))


def is_run_time(value: Any) -> bool:
    """Whether the program has a number here that is known at run time only."""
    return isinstance(value, Value) and value.kind != "tensor"


# Constants and attributes.


@handles("prim::Constant")
def constant(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    value = node.output().toIValue()
    if isinstance(value, torch.Tensor):
        if value.dim() == 0 and value.dtype == torch.int64:
            return Scalar(int(value))
        return run.constant(value)
    if isinstance(value, list) and any(isinstance(item, torch.Tensor) for item in value):
        return [run.constant(item) for item in value]
    return value


@handles("prim::GetAttr")
def get_attribute(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    (owner,) = inputs
    name = node.s("name")
    if not isinstance(owner, ModuleAt):
        raise run.error(f"The program reads {name!r} of an object that is no module.")
    path = owner.name_of(name)
    if path in run.attributes:
        return run.attributes[path]
    return attribute_of(run, owner, name)


def attribute_of(run: Interpreter, owner: ModuleAt, name: str) -> Any:
    """A module's attribute: a weight, a module, or a Python value."""
    value = getattr(owner.module, name)
    path = owner.name_of(name)
    if isinstance(value, torch.nn.Parameter):
        return run.parameter(path, value, "parameter")
    if isinstance(value, torch.Tensor):
        return run.parameter(path, value, "buffer")
    if isinstance(value, (torch.nn.Module, torch.jit.ScriptModule)) or compat.is_script(value):
        return ModuleAt(value, path)
    return value


@handles("prim::SetAttr")
def set_attribute(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    owner, value = inputs
    if run.depth:
        raise run.error(
            f"The program sets {node.s('name')!r} in a branch or loop that is decided at run time."
        )
    run.attributes[owner.name_of(node.s("name"))] = value
    return None


# Containers.


@handles("prim::TupleConstruct")
def make_tuple(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return tuple(inputs)


@handles("prim::ListConstruct")
def make_list(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return _made(run, list(inputs))


def _made(run: Interpreter, container: Any) -> Any:
    run.made_at[id(container)] = run.depth
    run.kept.append(container)
    return container


def changes(run: Interpreter, container: Any) -> None:
    """A list or dict is changed: only a run decides whether, if that is within a branch."""
    if run.made_at.get(id(container), 0) < run.depth:
        raise run.error(
            "A list or dict is changed in a branch or loop that is decided at run time.",
            "Give the loop a tensor to fill, or a number of steps that is known.",
        )


@handles("prim::DictConstruct")
def make_dict(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return _made(run, dict(zip(inputs[::2], inputs[1::2], strict=True)))


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
        raise run.error("A list is indexed with a number that is known at run time only.")
    return container[_key(index)]


@handles("aten::_set_item")
def set_item(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container, index, value = inputs
    changes(run, container)
    container[_key(index)] = value
    return container


def _key(key: Any) -> Any:
    return key.number if isinstance(key, Scalar) else key


@handles("aten::append", "aten::extend", "aten::insert", "aten::reverse", "aten::clear")
def change_list(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container, *arguments = inputs
    if not isinstance(container, (list, dict)):
        return NotImplemented
    changes(run, container)
    getattr(container, node.kind().removeprefix("aten::"))(*arguments)
    return container if list(node.outputs()) else None


@handles("aten::pop", "aten::popitem", "aten::Delete", "aten::remove", "aten::update")
def change_container(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container, *arguments = inputs
    changes(run, container)
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
    kind = list if node.kind() == "aten::list" else dict
    return _made(run, kind(container))


@handles("aten::keys", "aten::values", "aten::items")
def listed(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return _made(run, list(getattr(inputs[0], node.kind().removeprefix("aten::"))()))


@handles("aten::__contains__")
def contains(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container, item = inputs
    if is_tensor(item) or is_run_time(item):
        return NotImplemented
    return item in container


@handles("aten::get", "aten::setdefault")
def get(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if node.kind() == "aten::setdefault":
        changes(run, inputs[0])
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
    span = run.number(operator.sub, high, low)
    if step == 1:
        return run.number(torch.sym_max, span, 0)
    if any(is_run_time(n) for n in inputs):
        raise run.error("A range with a step has bounds that are known at run time only.")
    return len(range(low, high, step))


@handles("aten::__derive_index")
def derive_index(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    index, start, step = inputs
    return run.number(operator.add, start, run.number(operator.mul, index, step))


# Types, None, strings.


@handles("prim::unchecked_cast", "prim::unchecked_unwrap_optional", "aten::_unwrap_optional")
@handles("prim::data", "prim::requires_grad_", "prim::rangelist")
def same(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if inputs[0] is None:
        raise Raised("Unwrapping null optional", run.source)
    return inputs[0]


@handles("aten::__is__", "aten::__isnot__")
def is_same(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    a, b = inputs
    if a is not None and b is not None and (is_tensor(a) or is_tensor(b)):
        return NotImplemented
    equal = a is b or (a is not None and b is not None and a == b)
    return equal if node.kind() == "aten::__is__" else not equal


@handles("prim::isinstance")
def is_instance(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    (value,) = inputs
    return any(_is_of(value, str(kind)) for kind in node.tys("types"))


def _is_of(value: Any, kind: str) -> bool:
    plain = {
        "int": lambda v: (isinstance(v, int) and not isinstance(v, bool)) or _kind(v) == "int",
        "float": lambda v: isinstance(v, float) or _kind(v) == "float",
        "bool": lambda v: isinstance(v, bool) or _kind(v) == "bool",
        "str": lambda v: isinstance(v, str),
        "NoneType": lambda v: v is None,
        "Tensor": is_tensor,
    }
    if kind in plain:
        return bool(plain[kind](value))
    if kind.startswith("Optional["):
        return value is None or _is_of(value, kind[9:-1])
    if kind.startswith("List["):
        return isinstance(value, list) and all(_is_of(item, kind[5:-1]) for item in value)
    if kind.startswith("Dict["):
        return isinstance(value, dict)
    return kind.startswith("Tuple[") and isinstance(value, tuple)


def _kind(value: Any) -> str:
    return value.kind if isinstance(value, Value) else ""


@handles("prim::RaiseException")
def raise_exception(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    raise Raised(str(inputs[0]), run.source)


@handles("prim::Print", "aten::warn", "prim::AddStatValue")
def dropped(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    what = node.kind().partition("::")[2].lower()
    run.notes.append(f"lacks a {what}, which ONNX can't say ({run.source.frame})")
    return None


@handles("prim::Uninitialized")
def uninitialized(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return UNINITIALIZED


UNINITIALIZED = object()
"""What a branch gives that never goes on from there."""


@handles("aten::format")
def formatted(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return str(inputs[0]).format(*inputs[1:])


@handles("aten::str", "aten::ord", "aten::chr", "aten::hex", "aten::bin")
def of_one(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    functions: dict[str, Callable[[Any], Any]] = {
        "str": str,
        "ord": ord,
        "chr": chr,
        "hex": hex,
        "bin": bin,
    }
    return functions[node.kind().removeprefix("aten::")](inputs[0])


STRING_METHODS = (
    "lower upper strip lstrip rstrip startswith endswith join replace find isdigit capitalize title"
)


@handles(*(f"aten::{name}" for name in STRING_METHODS.split()))
def string_method(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if not isinstance(inputs[0], str):
        return NotImplemented
    return getattr(inputs[0], node.kind().removeprefix("aten::"))(*inputs[1:])


# Facts about tensors.


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
        return run.size(x, _key(inputs[1]) % x.fake.dim())
    return _made(run, [run.size(x, axis) for axis in range(x.fake.dim())])


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


@handles("prim::layout")
def layout(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return 0


FALSE_FACTS = "is_cuda is_mkldnn is_sparse is_xpu is_mps is_meta is_nested requires_grad"


@handles(*(f"prim::{name}" for name in FALSE_FACTS.split()), "aten::requires_grad")
def false_fact(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return False


@handles("prim::is_quantized")
def is_quantized(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return isinstance(inputs[0], Quantized)


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


@handles("aten::is_scripting", "aten::is_grad_enabled", "aten::_is_tracing")
def is_scripting(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    return node.kind() == "aten::is_scripting"


# Numbers from tensors, tensors from numbers.


@handles("prim::NumToTensor")
def number_to_tensor(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    (number,) = inputs
    if _kind(number) == "bool" or isinstance(number, bool):
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
        return x if wanted is None else run.named("aten::to.dtype", self=x, dtype=wanted)
    as_integers = wanted in (None, 4)
    if _is_integer(data) and as_integers:
        return Scalar(data)
    if isinstance(data, list) and data and as_integers and all(map(_is_integer, data)):
        return Vector(tuple(data))
    dtype = None if wanted is None else compat.dtype_numbered(wanted)
    if not _has_run_time(data):
        return run.constant(torch.tensor(data, dtype=dtype))
    made = _stacked(run, data)
    return made if dtype is None else run.named("aten::to.dtype", self=made, dtype=wanted)


def _is_integer(number: Any) -> bool:
    plain = isinstance(number, int) and not isinstance(number, bool)
    return plain or _kind(number) == "int"


def _has_run_time(data: Any) -> bool:
    if isinstance(data, list):
        return any(_has_run_time(item) for item in data)
    return isinstance(data, (Value, Scalar))


def _stacked(run: Interpreter, data: Any) -> Any:
    if isinstance(data, list):
        parts = [_stacked(run, item) for item in data]
        floats = any(part.fake.is_floating_point() for part in parts)
        if floats:
            parts = [run.named("aten::to.dtype", self=part, dtype=6) for part in parts]
        return run.named("aten::stack", tensors=parts)
    return run.tensor(data)


# Arithmetic of numbers.

ON_NUMBERS: dict[str, Callable[..., Any]] = {
    "aten::add": operator.add,
    "aten::sub": operator.sub,
    "aten::mul": operator.mul,
    "aten::div": operator.truediv,
    "aten::floordiv": operator.floordiv,
    "aten::remainder": operator.mod,
    "aten::pow": operator.pow,
    "aten::neg": operator.neg,
    "aten::eq": operator.eq,
    "aten::ne": operator.ne,
    "aten::lt": operator.lt,
    "aten::le": operator.le,
    "aten::gt": operator.gt,
    "aten::ge": operator.ge,
    "aten::__and__": operator.and_,
    "aten::__or__": operator.or_,
    "aten::__not__": torch.sym_not,
    "aten::ceil": math.ceil,
    "aten::floor": math.floor,
    "aten::sqrt": torch.sym_sqrt,
    "aten::round": round,
    "prim::max": torch.sym_max,
    "prim::min": torch.sym_min,
}

# On numbers that are known only; on others there is no operator.
ON_KNOWN: dict[str, Callable[..., Any]] = {
    "aten::log": math.log,
    "aten::log2": math.log2,
    "aten::log10": math.log10,
    "aten::exp": math.exp,
    "aten::sin": math.sin,
    "aten::cos": math.cos,
    "aten::tan": math.tan,
    "aten::tanh": math.tanh,
    "aten::fabs": math.fabs,
    "prim::abs": abs,
    "aten::__xor__": operator.xor,
    "aten::__lshift__": operator.lshift,
    "aten::__rshift__": operator.rshift,
    "aten::floordiv_": operator.floordiv,
    "aten::fmod": math.fmod,
    "aten::gcd": math.gcd,
    "aten::isnan": math.isnan,
    "aten::isinf": math.isinf,
    "aten::sorted": sorted,
    "aten::sum": sum,
    "prim::ceil": math.ceil,
}


@handles(*ON_NUMBERS)
def on_numbers(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if any(is_tensor(i) for i in inputs):
        return NotImplemented
    function = ON_NUMBERS[node.kind()]
    if len(inputs) == 1 and isinstance(inputs[0], list):
        (inputs,) = inputs  # max and min of a list
        total = inputs[0]
        for number in inputs[1:]:
            total = run.number(function, total, number)
        return total
    if isinstance(inputs[0], (list, str, tuple)) or isinstance(inputs[-1], (list, str, tuple)):
        return _on_containers(run, node, function, inputs)
    if function is torch.sym_not and not is_run_time(inputs[0]):
        return not inputs[0]
    if function is operator.truediv and not any(map(is_run_time, inputs)) and inputs[1] == 0:
        raise Raised("division by zero", run.source)
    if function in (math.ceil, math.floor, round) and not is_float(inputs[0]):
        return inputs[0]
    return run.number(function, *inputs)


def _on_containers(
    run: Interpreter, node: Any, function: Callable[..., Any], inputs: list[Any]
) -> Any:
    a, b = inputs
    if function in (operator.eq, operator.ne) and _has_run_time([*a, *b]):
        equal: Any = len(a) == len(b)
        for x, y in zip(a, b, strict=False) if equal else ():
            same_here = run.number(operator.eq, x, y)
            equal = same_here if equal is True else run.number(operator.and_, equal, same_here)
        return run.number(torch.sym_not, equal) if function is operator.ne else equal
    result = function(a, b)
    return _made(run, result) if isinstance(result, list) else result


@handles(*ON_KNOWN)
def on_known(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    if any(is_tensor(i) for i in inputs) or any(
        isinstance(i, list) and any(map(is_tensor, i)) for i in inputs
    ):
        return NotImplemented
    if any(map(is_run_time, inputs)) or any(
        isinstance(i, list) and any(map(is_run_time, i)) for i in inputs
    ):
        raise run.error(f"{node.kind()} is needed of a number that is known at run time only.")
    return ON_KNOWN[node.kind()](*inputs)


# Slices of lists share their name with those of tensors.
@handles("aten::slice")
def list_slice(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container = inputs[0]
    if not isinstance(container, (list, str)):
        return NotImplemented
    result = container[slice(*inputs[1:])]
    return _made(run, result) if isinstance(result, list) else result


@handles("aten::copy", "aten::count", "aten::index")
def list_method(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    container, *arguments = inputs
    if not isinstance(container, (list, dict, str)):
        return NotImplemented
    result = getattr(container, node.kind().removeprefix("aten::"))(*arguments)
    return _made(run, result) if isinstance(result, (list, dict)) else result

"""The helpers that symbolic functions written for torch.onnx use, on this project's values.

``from torch_onnx import symbolic_helper`` takes the place of ``from torch.onnx import
symbolic_helper``. Names, arguments and meanings are those that public projects rely on.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import torch

from torch_onnx import compat
from torch_onnx.builder.dtypes import TO_ONNX
from torch_onnx.errors import NotExpressible
from torch_onnx.legacy import SCALAR_TYPES, LegacyGraph, LegacyValue, wrapped
from torch_onnx.ops.table import DEFAULT_OPSET

F = TypeVar("F", bound=Callable[..., Any])

# By the names of scalar types, by PyTorch's short names, and in the order of ScalarType.
scalar_name_to_pytorch = {
    "uint8_t": "Byte", "int8_t": "Char", "double": "Double", "float": "Float", "half": "Half",
    "int": "Int", "int64_t": "Long", "int16_t": "Short", "bool": "Bool", "bfloat16": "BFloat16",
    "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip
cast_pytorch_to_onnx = {
    name: TO_ONNX[dtype] for dtype, name in SCALAR_TYPES.items() if dtype in TO_ONNX
}
pytorch_name_to_type = {name: dtype for dtype, name in SCALAR_TYPES.items()}
scalar_type_to_pytorch_type = [compat.dtype_numbered(number) for number in range(12)]
scalar_type_to_onnx = [
    TO_ONNX.get(dtype, TO_ONNX[torch.float32]) for dtype in scalar_type_to_pytorch_type
]


# What a value is.


def _is_value(x: Any) -> bool:
    return isinstance(x, LegacyValue)


def _is_none(value: Any) -> bool:
    """Whether an optional argument is left out."""
    return value is None or (isinstance(value, LegacyValue) and value.is_none)


def _is_constant(value: Any) -> bool:
    return not isinstance(value, LegacyValue) or value.is_constant


def _is_tensor(x: Any) -> bool:
    return isinstance(x, LegacyValue) and x.onnx is not None


def _is_list(x: Any) -> bool:
    return isinstance(x, LegacyValue) and (
        x.members is not None or isinstance(x.constant, (list, tuple))
    )


_is_packed_list = _is_list


def _is_tensor_list(x: Any) -> bool:
    return isinstance(x, LegacyValue) and x.members is not None


def _is_bool(value: Any) -> bool:
    return _dtype(value) == torch.bool


def _is_fp(value: Any) -> bool:
    """Whether a value holds floats; an unknown type counts as such."""
    dtype = _dtype(value)
    return dtype is None or dtype.is_floating_point


def _dtype(value: Any) -> torch.dtype | None:
    if isinstance(value, LegacyValue):
        return value.type().dtype()
    return torch.as_tensor(value).dtype


def _unpack_list(value: LegacyValue) -> list[Any]:
    """The members of a list."""
    if value.members is not None:
        return list(value.members)
    return [wrapped(value.g, item) for item in value.constant]


# Constants.


def _parse_arg(value: Any, desc: str, arg_name: str | None = None, node_name: str = "") -> Any:
    """A value as the Python constant that ``desc`` names.

    ``v`` leaves a value as it is, ``i`` an int, ``f`` a float, ``b`` a bool, ``s`` a string,
    ``is`` and ``fs`` lists, ``t`` a tensor, ``none`` nothing.

    Raises:
        NotExpressible: the value is known at run time only.
    """
    if desc == "v" or not isinstance(value, LegacyValue):
        return value
    if desc == "none":
        return None
    if not value.is_constant and value.members is None:
        name = f"argument {arg_name!r}" if arg_name else "an argument"
        of = f" of {node_name}" if node_name else ""
        raise NotExpressible(f"{name}{of} must be a constant, it is known at run time only")
    if value.members is not None and desc in ("is", "fs"):
        return [_parse_arg(member, desc[0], arg_name, node_name) for member in value.members]
    found = value.toIValue()
    if found is None or desc == "t":
        return found if desc != "t" or isinstance(found, torch.Tensor) else torch.as_tensor(found)
    plain = found.tolist() if isinstance(found, torch.Tensor) else found
    if desc in ("is", "fs"):
        convert = int if desc == "is" else float
        return [convert(item) for item in (plain if isinstance(plain, list) else [plain])]
    if isinstance(plain, list) and len(plain) == 1:
        (plain,) = plain
    convert_one: Any = {"i": int, "f": float, "b": bool, "s": str}[desc]
    return convert_one(plain)


def _get_const(value: Any, desc: str, arg_name: str) -> Any:
    """The constant in a value; an error where it is none."""
    if _is_none(value):
        return None
    return _parse_arg(value, desc, arg_name)


def _maybe_get_const(value: Any, descriptor: str) -> Any:
    """The constant in a value, or the value itself where its content is not known."""
    if isinstance(value, LegacyValue) and (value.is_constant or _known_list(value)):
        return _parse_arg(value, descriptor)
    return value


def _maybe_get_scalar(value: Any) -> Any:
    """A constant of one element as a tensor, other values as they are."""
    constant = _maybe_get_const(value, "t")
    return constant if isinstance(constant, torch.Tensor) and constant.dim() == 0 else value


def _scalar(x: Any) -> Any:
    """The number in a constant tensor of one element, else None."""
    if isinstance(x, torch.Tensor):
        return x.item() if x.numel() == 1 else None
    if isinstance(x, LegacyValue):
        return _scalar(x.toIValue())
    return x if isinstance(x, (int, float, bool)) else None


def _known_list(value: LegacyValue) -> bool:
    return value.members is not None and all(member.is_constant for member in value.members)


def parse_args(*arg_descriptors: str) -> Callable[[F], F]:
    """Give a symbolic function Python constants for arguments that are such.

    ``@parse_args("v", "i", "is")`` describes the arguments after ``g``, see ``_parse_arg``. Further
    arguments are handed over as they are only where the function takes them.
    """

    def decorator(fn: F) -> F:
        names = [p.name for p in list(inspect.signature(fn).parameters.values())[1:]]

        @functools.wraps(fn)
        def parsed(g: Any, *args: Any, **kwargs: Any) -> Any:
            if len(args) > len(arg_descriptors):
                raise TypeError(
                    f"{fn.__name__} got {len(args)} arguments, its parse_args describes "
                    f"{len(arg_descriptors)}"
                )
            found = [
                _parse_arg(value, desc, names[i] if i < len(names) else None, fn.__name__)
                for i, (value, desc) in enumerate(zip(args, arg_descriptors, strict=False))
            ]
            by_name = dict(zip(names, arg_descriptors, strict=False))
            named = {
                key: _parse_arg(value, by_name.get(key, "v"), key, fn.__name__)
                for key, value in kwargs.items()
            }
            return fn(g, *found, **named)

        return parsed  # type: ignore[return-value]

    return decorator


def quantized_args(*arg_q_descriptors: bool, **scale: Any) -> Callable[[F], F]:
    """Kept for its callers: quantized tensors arrive as floats with their scale beside."""
    return lambda fn: fn


# Types and sizes.


def _get_tensor_rank(x: LegacyValue) -> int | None:
    return x.type().dim() if _is_tensor(x) else None


def _get_tensor_sizes(x: LegacyValue, allow_nonstatic: bool = True) -> list[int | None] | None:
    """The sizes, None for each that is known at run time only (or for all, on request)."""
    sizes = x.type().sizes() if _is_tensor(x) else None
    if sizes is not None and None in sizes and not allow_nonstatic:
        return None
    return sizes


def _get_tensor_dim_size(x: LegacyValue, dim: int) -> int | None:
    sizes = _get_tensor_sizes(x)
    return None if sizes is None else sizes[dim]


def _try_get_scalar_type(*args: Any) -> str | None:
    """The name of the first value's scalar type that is known."""
    for value in args:
        dtype = _dtype(value) if not _is_none(value) else None
        if dtype is not None:
            return SCALAR_TYPES.get(dtype)
    return None


def args_have_same_dtype(args: Sequence[LegacyValue]) -> bool:
    return len({_dtype(value) for value in args}) <= 1


def _if_scalar_type_as(self: Any, tensor: LegacyValue) -> Any:
    """A number in the type of a tensor; values as they are."""
    if isinstance(self, LegacyValue):
        return self
    return torch.tensor(self, dtype=_dtype(tensor))


# Parts of graphs.


def _unsqueeze_helper(g: LegacyGraph, input: LegacyValue, axes_i: Sequence[int]) -> Any:
    return g.op("Unsqueeze", input, axes_i=list(axes_i))


def _squeeze_helper(g: LegacyGraph, input: LegacyValue, axes_i: Sequence[int]) -> Any:
    if not isinstance(axes_i, (list, tuple)):
        axes_i = _parse_arg(axes_i, "is") if _is_constant(axes_i) else axes_i
    return g.op("Squeeze", input, axes_i=list(axes_i))


def _reducesum_helper(
    g: LegacyGraph,
    input: LegacyValue,
    axes_i: Sequence[int] | None = None,
    keepdims_i: int = 1,
    noop_with_empty_axes_i: int = 0,
) -> Any:
    given: dict[str, Any] = {} if axes_i is None else {"axes_i": list(axes_i)}
    if noop_with_empty_axes_i:
        given["noop_with_empty_axes_i"] = 1
    return g.op("ReduceSum", input, keepdims_i=keepdims_i, **given)


def _slice_helper(
    g: LegacyGraph,
    input: LegacyValue,
    axes: Any,
    starts: Any,
    ends: Any,
    steps: Any = None,
    dynamic_slice: bool = False,
) -> Any:
    builder = g.builder
    given = [None if part is None else _vector(g, part) for part in (starts, ends, axes, steps)]
    return LegacyValue(builder, builder.node("Slice", g.tensor(input), *given))


def _vector(g: LegacyGraph, part: Any) -> Any:
    if isinstance(part, LegacyValue):
        value = g.tensor(part)
        return g.builder.as_vector(value) if value is not None else None
    if any(isinstance(item, LegacyValue) for item in part):
        return g.builder.vector([_integer(g, item) for item in part])
    return g.builder.constant(list(part), torch.int64)


def _integer(g: LegacyGraph, item: Any) -> Any:
    if not isinstance(item, LegacyValue):
        return item
    value = g.tensor(item)
    return g.builder.as_vector(value) if value is not None else 0


def _reshape_helper(g: LegacyGraph, input: LegacyValue, shape: Any, allowzero: int = 0) -> Any:
    zero = {"allowzero_i": 1} if allowzero else {}
    shape = LegacyValue(g.builder, _vector(g, shape))
    return g.op("Reshape", input, shape, **zero)


def _size_helper(g: LegacyGraph, self: LegacyValue, dim: Any) -> Any:
    """One size of a tensor, as a zero-dimensional value."""
    axis = _parse_arg(dim, "i")
    builder = g.builder
    return LegacyValue(builder, builder.scalar(builder.size(_tensor(g, self), axis)))


def _select_helper(g: LegacyGraph, self: LegacyValue, dim: Any, index: Any) -> Any:
    """The slices at an index, whose axis goes where it is a number."""
    return g.op("Gather", self, index, axis_i=_parse_arg(dim, "i"))


def _topk_helper(
    g: LegacyGraph,
    input: LegacyValue,
    k: Any,
    dim: int,
    largest: bool = True,
    sorted: bool = False,
    out: Any = None,
) -> Any:
    count = LegacyValue(g.builder, _vector(g, [k]))
    return g.op("TopK", input, count, axis_i=dim, largest_i=int(largest), sorted_i=int(sorted),
                outputs=2)  # fmt: skip


def quantize_helper(
    g: LegacyGraph, tensor: LegacyValue, scale: Any, zero_point: Any, axis: int | None = None
) -> Any:
    """``tensor`` quantized: the node alone, for its scale and zero point are at hand."""
    axes = {} if axis is None else {"axis_i": axis}
    return g.op("QuantizeLinear", tensor, scale, zero_point, **axes)


def _tensor(g: LegacyGraph, value: Any) -> Any:
    found = g.tensor(value)
    assert found is not None, "a tensor is needed here, not None"
    return found


# Refusals.


def _unimplemented(op: str, msg: str, value: Any = None) -> NoReturn:
    """torch.onnx warns and goes on; here nothing is written that means something else."""
    raise NotExpressible(f"{op}: {msg}")


def _onnx_unsupported(op_name: str, value: Any = None) -> NoReturn:
    raise NotExpressible(f"{op_name} is not supported")


def _onnx_opset_unsupported(
    op_name: str, current_opset: int, supported_opset: int, value: Any = None
) -> NoReturn:
    raise NotExpressible(f"{op_name} is not supported at opset {current_opset}", supported_opset)


def _onnx_opset_unsupported_detailed(
    op_name: str, current_opset: int, supported_opset: int, reason: str, value: Any = None
) -> NoReturn:
    raise NotExpressible(
        f"{op_name} is not supported at opset {current_opset}: {reason}", supported_opset
    )


def check_training_mode(op_train_mode: int, op_name: str) -> None:
    if op_train_mode:
        warnings.warn(f"{op_name} is exported in training mode.", UserWarning, stacklevel=2)


assert_training_mode = check_training_mode

_default_onnx_opset_version = DEFAULT_OPSET

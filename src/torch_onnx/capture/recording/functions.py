"""What models call that is no ATen operator: sizes, conversions, tensors of Python data."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from torch_onnx import compat
from torch_onnx.capture.recording import indexing
from torch_onnx.capture.recording.entries import Unrecordable
from torch_onnx.capture.recording.numbers import RECORDED, compute, plain

if TYPE_CHECKING:
    from torch_onnx.capture.recording.mode import RecordingMode

Handler: TypeAlias = "Callable[[RecordingMode, Any, tuple[Any, ...], dict[str, Any]], Any]"


def _leaves(argument: Any) -> list[Any]:
    if isinstance(argument, (list, tuple)):
        return [leaf for item in argument for leaf in _leaves(item)]
    return [argument]


# Sizes.


def _shape(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor = args[0]
    return torch.Size([mode.recorder.size(tensor, axis) for axis in range(_rank(tensor))])


def _size(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    axis = args[1] if len(args) > 1 else kwargs.get("dim")
    if axis is None:
        return _shape(mode, func, args, kwargs)
    rank = _rank(args[0])
    if not -rank <= axis < rank:
        return NotImplemented
    return mode.recorder.size(args[0], axis)


def _rank(tensor: torch.Tensor) -> int:
    return len(tensor.shape)


def _numel(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    product: Any = 1
    for axis in range(_rank(args[0])):
        product = mode.recorder.size(args[0], axis) * product
    return product


def _length(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # Python makes a plain integer of it; the other run tells if that mattered.
    if not _rank(args[0]):
        return NotImplemented
    return int(plain(mode.recorder.size(args[0], 0)))


# Python's numbers from tensors.


def _elements(mode: RecordingMode, tensor: torch.Tensor) -> torch.Tensor | None:
    """What a tensor holds, where nothing but constants went into it."""
    return mode.recorder.known.get(id(mode.recorder.fake_of(tensor)))


def item(mode: RecordingMode, tensor: torch.Tensor) -> Any:
    """The number in a tensor: known for a constant, else known at run time only."""
    recorder = mode.recorder
    elements = _elements(mode, tensor)
    if elements is not None:
        return elements.item()
    known = recorder.contents.get(id(tensor))
    if known is not None and not isinstance(known, list):
        return known
    kind = float if tensor.is_floating_point() else int
    if tensor.dtype == torch.bool or tensor.is_complex():
        raise Unrecordable("the model reads the elements of a tensor", recorder.frame())
    return recorder.unknown_number(kind, ("aten::item", (recorder.value_of(tensor),)))


def _item(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return item(mode, args[0])


def _tolist(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor, recorder = args[0], mode.recorder
    elements = _elements(mode, tensor)
    if elements is not None:
        return elements.tolist()
    known = recorder.contents.get(id(tensor))
    if known is not None:
        return known
    if tensor.dim() == 0:
        return item(mode, tensor)
    if tensor.dim() == 1 and isinstance(mode.recorder.size(tensor, 0), int):
        size = mode.recorder.size(tensor, 0)
        if not isinstance(size, RECORDED):
            return [item(mode, mode.apply("aten::select", tensor, 0, i)) for i in range(size)]
    raise Unrecordable("the model reads the elements of a tensor", recorder.frame())


def _as_number(
    mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    tensor, recorder = args[0], mode.recorder
    elements = _elements(mode, tensor)
    if elements is not None:
        return func(elements, *args[1:], **kwargs)
    known = recorder.contents.get(id(tensor))
    if known is not None and not isinstance(known, list):
        return plain(known)
    if func.__name__ in ("__bool__", "is_nonzero"):
        return recorder.answer()
    if func.__name__ in ("__int__", "__index__") and recorder.is_framework(sys._getframe(3)):
        # PyTorch checks sizes with it. Where it goes into a call, the other run's is another one.
        return int(
            plain(recorder.unknown_number(int, ("aten::item", (recorder.value_of(tensor),))))
        )
    raise Unrecordable("the model reads the elements of a tensor", recorder.frame())


# Tensors from Python data.


def _tensor(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    recorder = mode.recorder
    data = args[0] if args else kwargs.get("data")
    leaves = _leaves(data)
    dtype, device = kwargs.get("dtype"), kwargs.get("device")
    if isinstance(data, torch.Tensor):
        if getattr(func, "__name__", "") == "as_tensor" or compat.is_fake(data):
            return data if dtype is None else mode.apply("aten::to", data, dtype)
        data = recorder.fake_of(data)
        return data if dtype is None else mode.apply("aten::to", data, dtype)
    known = recorder.made_of(leaves)
    if known and not any(isinstance(leaf, torch.Tensor) for leaf in leaves):
        recorder.within = True
        made = recorder.constant(func(*args, **kwargs))
        recorder.within = False
        return made
    if dtype is None:
        dtype = _common_dtype(leaves)
    recorder.within = known is False
    made = _stacked(mode, data, dtype, device)
    recorder.within = False
    recorder.contents[id(made)] = _numbers(data, dtype)
    return made


def _common_dtype(leaves: list[Any]) -> torch.dtype:
    if any(isinstance(leaf, torch.Tensor) for leaf in leaves):
        return next(leaf.dtype for leaf in leaves if isinstance(leaf, torch.Tensor))
    if any(isinstance(leaf, float) for leaf in leaves):
        return torch.get_default_dtype()
    return torch.int64


def _stacked(mode: RecordingMode, data: Any, dtype: torch.dtype, device: Any) -> torch.Tensor:
    if isinstance(data, (list, tuple)):
        parts = [_stacked(mode, member, dtype, device) for member in data]
        stacked: torch.Tensor = mode.apply("aten::stack", parts)
        return stacked
    if isinstance(data, torch.Tensor):
        cast: torch.Tensor = mode.apply("aten::to", data, dtype)
        return cast
    made: torch.Tensor = mode.apply("aten::scalar_tensor", data, dtype=dtype)
    return made


def _numbers(data: Any, dtype: torch.dtype) -> Any:
    if isinstance(data, (list, tuple)):
        return [_numbers(member, dtype) for member in data]
    return data


def _new_tensor(
    mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    own, rest = args[0], args[1:]
    named = {"dtype": own.dtype, **{k: v for k, v in kwargs.items() if k != "requires_grad"}}
    return _tensor(mode, torch.tensor, rest, named)


# Conversions.


def _to_dtype(dtype: torch.dtype) -> Handler:
    def convert(
        mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return _converted(mode, args[0], dtype)

    return convert


def _converted(mode: RecordingMode, tensor: torch.Tensor, dtype: torch.dtype) -> Any:
    if tensor.dtype == dtype:
        return tensor
    result = mode.apply("aten::to", tensor, dtype)
    known = mode.recorder.contents.get(id(tensor))
    if known is not None and not dtype.is_floating_point and not tensor.is_floating_point():
        mode.recorder.contents[id(result)] = known
    return result


def _to(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor = args[0]
    dtype = None
    for argument in [*args[1:], *kwargs.values()]:
        if isinstance(argument, torch.dtype):
            dtype = argument
        elif isinstance(argument, torch.Tensor):
            dtype = argument.dtype
    copies = kwargs.get("copy", False)
    if dtype is None or dtype == tensor.dtype:
        return mode.apply("aten::clone", tensor) if copies else tensor
    return _converted(mode, tensor, dtype)


def _type(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    wanted = args[1] if len(args) > 1 else kwargs.get("dtype")
    if wanted is None:
        return f"torch.{TENSOR_TYPES.get(args[0].dtype, 'FloatTensor')}"
    dtype = wanted if isinstance(wanted, torch.dtype) else _dtype_called(str(wanted))
    if dtype is None:
        return NotImplemented
    return _converted(mode, args[0], dtype)


TENSOR_TYPES = {
    torch.float32: "FloatTensor",
    torch.float64: "DoubleTensor",
    torch.float16: "HalfTensor",
    torch.bfloat16: "BFloat16Tensor",
    torch.int64: "LongTensor",
    torch.int32: "IntTensor",
    torch.int16: "ShortTensor",
    torch.int8: "CharTensor",
    torch.uint8: "ByteTensor",
    torch.bool: "BoolTensor",
}


def _dtype_called(name: str) -> torch.dtype | None:
    for dtype, text in TENSOR_TYPES.items():
        if text in name:
            return dtype
    return None


def _itself(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0]


def _view_called(name: str) -> Handler:
    def view(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return mode.apply(name, args[0])

    return view


def _set_data(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if args[0] is args[1]:
        # What Module.to does where nothing changes.
        return None
    raise Unrecordable("the model replaces the data of a tensor", mode.recorder.frame())


# PyTorch's functions of numbers.


def _on_numbers(name: str, function: Callable[..., Any]) -> Handler:
    def apply(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if any(isinstance(argument, torch.Tensor) for argument in args):
            return NotImplemented
        if not any(isinstance(argument, RECORDED) for argument in args):
            return function(*args)
        return compute(name, function, *args)

    return apply


def _sym_sum(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return sum(args[0][1:], args[0][0]) if args[0] else 0


def _assert(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``torch._assert(condition, message)``: one on data is not checked in the graph."""
    condition, message = (*args, *kwargs.values())[:2]
    if isinstance(condition, torch.Tensor):
        frame = mode.recorder.frame()
        if frame is not None:
            mode.recorder.checks.append(frame)
    elif not condition:
        raise AssertionError(message)


# Indexing.


def _getitem(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor, index = args
    recorder = mode.recorder
    known = recorder.contents.get(id(tensor))
    result = indexing.get(mode.apply, tensor, _read(mode, index))
    if isinstance(known, list) and isinstance(index, int):
        recorder.contents[id(result)] = known[index]
    return result


def _setitem(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    indexing.set_(mode.apply, args[0], _read(mode, args[1]), args[2])
    return None


def _read(mode: RecordingMode, index: Any) -> Any:
    """The index with tensors that bound slices read as numbers."""
    if isinstance(index, tuple):
        return tuple([_read(mode, part) for part in index])
    if isinstance(index, slice):
        parts = (index.start, index.stop, index.step)
        return slice(*(item(mode, p) if isinstance(p, torch.Tensor) else p for p in parts))
    return index


def _passed(mode: RecordingMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What has no say in the graph."""
    return func(*args, **kwargs)


# What makes Python's own objects of a tensor's elements.
READ = (
    "__bool__ __int__ __float__ __index__ __complex__ __contains__ __array__ numpy is_nonzero"
).split()

# What tells something of a tensor that is the same in every run, or has no say in the graph.
QUERIES = (
    "get.dtype get.device get.ndim get.layout get.requires_grad get.is_cuda get.is_meta "
    "get.is_sparse get.is_quantized get.is_leaf get.grad_fn get.grad get.names get.itemsize "
    "get._version get.is_nested get.is_mps get.is_xpu get.is_cpu get.is_sparse_csr get.is_mkldnn "
    "get.output_nr set.requires_grad set.grad dim ndimension __hash__ __repr__ __str__ __format__ "
    "is_floating_point is_complex get_device is_contiguous element_size is_conj is_neg is_signed "
    "is_inference has_names stride storage_offset untyped_storage data_ptr result_type can_cast "
    "register_hook retain_grad is_same_size __reduce_ex__"
).split()

HANDLERS: dict[str, Handler] = {
    "get.shape": _shape,
    "size": _size,
    "numel": _numel,
    "nelement": _numel,
    "__len__": _length,
    "item": _item,
    "tolist": _tolist,
    **dict.fromkeys(READ, _as_number),
    "tensor": _tensor,
    "as_tensor": _tensor,
    "asarray": _tensor,
    "new_tensor": _new_tensor,
    "to": _to,
    "type": _type,
    "float": _to_dtype(torch.float32),
    "double": _to_dtype(torch.float64),
    "half": _to_dtype(torch.float16),
    "bfloat16": _to_dtype(torch.bfloat16),
    "long": _to_dtype(torch.int64),
    "int": _to_dtype(torch.int32),
    "short": _to_dtype(torch.int16),
    "char": _to_dtype(torch.int8),
    "byte": _to_dtype(torch.uint8),
    "bool": _to_dtype(torch.bool),
    "cpu": _itself,
    "cuda": _itself,
    "requires_grad_": _itself,
    "get.T": _view_called("aten::numpy_T"),
    "get.mT": _view_called("aten::mT"),
    "get.H": _view_called("aten::matrix_H"),
    "get.mH": _view_called("aten::mH"),
    "get.real": _view_called("aten::real"),
    "get.imag": _view_called("aten::imag"),
    "get.data": _view_called("aten::detach"),
    "set.data": _set_data,
    "sym_int": _on_numbers("trunc", math.trunc),
    "sym_float": _on_numbers("float", float),
    "sym_max": _on_numbers("max", max),
    "sym_min": _on_numbers("min", min),
    "sym_not": lambda mode, func, args, kwargs: not args[0],
    "_sym_sqrt": _on_numbers("sqrt", math.sqrt),
    "sym_sqrt": _on_numbers("sqrt", math.sqrt),
    "sym_sum": _sym_sum,
    "_assert": _assert,
    "__getitem__": _getitem,
    "__setitem__": _setitem,
    **dict.fromkeys(QUERIES, _passed),
}  # fmt: skip

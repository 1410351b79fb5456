"""Operators whose results' sizes the elements of tensors decide: what stands for their results.

The stand-in has made-up sizes, others in each of the two runs, so that all that follows from them
shows; in the graph each such size has a name of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from torch_onnx.capture.recording.recorder import UNKNOWN

Unknown = Callable[[Mapping[str, Any], int], Any]


def _nonzero(args: Mapping[str, Any], size: int) -> Any:
    x = args["self"]
    return x.new_empty([size, x.dim()], dtype=torch.int64)


def _nonzero_numpy(args: Mapping[str, Any], size: int) -> Any:
    x = args["self"]
    return [x.new_empty([size], dtype=torch.int64) for _ in range(max(x.dim(), 1))]


def _masked_select(args: Mapping[str, Any], size: int) -> Any:
    return args["self"].new_empty([size])


def _unique(args: Mapping[str, Any], size: int) -> Any:
    x = args["self"]
    inverse = x.shape if args.get("return_inverse", True) else [0]
    counts = [size] if args.get("return_counts", True) else [0]
    return (
        x.new_empty([size]),
        x.new_empty(inverse, dtype=torch.int64),
        x.new_empty(counts, dtype=torch.int64),
    )


def _unique_dim(args: Mapping[str, Any], size: int) -> Any:
    x, dim = args["self"], args["dim"]
    sizes = list(x.shape)
    length = sizes[dim]
    sizes[dim] = size
    inverse = [length] if args.get("return_inverse", True) else [0]
    counts = [size] if args.get("return_counts", True) else [0]
    return (
        x.new_empty(sizes),
        x.new_empty(inverse, dtype=torch.int64),
        x.new_empty(counts, dtype=torch.int64),
    )


def _unique_consecutive(args: Mapping[str, Any], size: int) -> Any:
    if args.get("dim") is None:
        x = args["self"]
        inverse = x.shape if args.get("return_inverse", False) else [0]
        counts = [size] if args.get("return_counts", False) else [0]
        return (
            x.new_empty([size]),
            x.new_empty(inverse, dtype=torch.int64),
            x.new_empty(counts, dtype=torch.int64),
        )
    return _unique_dim({"return_inverse": False, "return_counts": False, **args}, size)


def _repeat_interleave(args: Mapping[str, Any], size: int) -> Any:
    return args["repeats"].new_empty([size])


def _repeat_interleave_self(args: Mapping[str, Any], size: int) -> Any:
    x, dim = args["self"], args["dim"]
    if dim is None:
        return x.new_empty([size])
    sizes = list(x.shape)
    sizes[dim] = size
    return x.new_empty(sizes)


def _bincount(args: Mapping[str, Any], size: int) -> Any:
    weights = args["weights"]
    dtype = torch.int64 if weights is None else torch.float64
    if weights is not None and weights.dtype == torch.float32:
        dtype = torch.float32
    return args["self"].new_empty([size], dtype=dtype)


def _one_hot(args: Mapping[str, Any], size: int) -> Any:
    x = args["self"]
    return x.new_empty([*x.shape, size])


def _nms(args: Mapping[str, Any], size: int) -> Any:
    return args["dets"].new_empty([size], dtype=torch.int64)


def _index(args: Mapping[str, Any], size: int) -> Any:
    """A mask of several axes is as many vectors of positions."""
    indices: list[Any] = []
    for index in args["indices"]:
        if isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8):
            positions = index.new_empty([size], dtype=torch.int64)
            indices += [positions] * index.dim()
        else:
            indices.append(index)
    return torch.ops.aten.index.Tensor(args["self"], indices)


RESULTS: dict[str, Unknown] = {
    "aten::nonzero": _nonzero,
    "aten::nonzero_numpy": _nonzero_numpy,
    "aten::argwhere": _nonzero,
    "aten::where": _nonzero_numpy,
    "aten::masked_select": _masked_select,
    "aten::_unique": lambda args, size: _unique({**args, "return_counts": False}, size)[:2],
    "aten::_unique2": _unique,
    "aten::unique_dim": _unique_dim,
    "aten::unique_consecutive": _unique_consecutive,
    "aten::unique_dim_consecutive": _unique_dim,
    "aten::repeat_interleave.Tensor": _repeat_interleave,
    "aten::repeat_interleave.self_Tensor": _repeat_interleave_self,
    "aten::bincount": _bincount,
    "aten::one_hot": _one_hot,
    "aten::index.Tensor": _index,
    "torchvision::nms": _nms,
}


def size_of_unknowns(is_second: bool, count: int) -> int:
    """A made-up size: a new one for each result, and another one in each run."""
    return (UNKNOWN[1] + 10 * count) if is_second else (UNKNOWN[0] + 6 * count)

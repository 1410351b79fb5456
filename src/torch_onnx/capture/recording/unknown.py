"""Operators whose results' sizes the elements of tensors decide: what stands for their results.

The stand-in has made-up sizes, others in each of the two runs, so that all that follows from them
shows; in the graph each such size has a name of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from torch_onnx.capture import answers
from torch_onnx.capture.recording.recorder import UNKNOWN

Unknown = Callable[[Mapping[str, Any], int], Any]


def _nonzero(args: Mapping[str, Any], size: int) -> Any:
    x = args["self"]
    return x.new_empty([size, x.dim()], dtype=torch.int64)


def _nonzero_numpy(args: Mapping[str, Any], size: int) -> Any:
    (x,) = args.values()  # ``self``, or ``condition`` to where
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


def _combinations(args: Mapping[str, Any], size: int) -> Any:
    x, r = args["self"], args["r"]
    return x.new_empty([x.shape[0] if r == 1 else size, r])


def _covariance(args: Mapping[str, Any], size: int) -> Any:
    """Of known sizes; PyTorch's own code looks at the weights."""
    return answers.type_of_covariance(**args)


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


def _packed(args: Mapping[str, Any], size: int) -> Any:
    x = args["input"]
    return x.new_empty([size, *x.shape[2:]]), args["lengths"].new_empty([size + SECOND])


def _padded(args: Mapping[str, Any], size: int) -> Any:
    """A packed sequence padded again: how many members it has is not known."""
    data, steps = args["data"], args["batch_sizes"]
    length = args["total_length"] if args["total_length"] > 0 else steps.shape[0]
    outer = [size, length] if args["batch_first"] else [length, size]
    return data.new_empty([*outer, *data.shape[1:]]), steps.new_empty([size])


def _packed_layer(args: Mapping[str, Any], size: int) -> Any:
    states = args["hx"] if isinstance(args["hx"], (list, tuple)) else [args["hx"]]
    width = states[0].shape[-1] * (2 if args["bidirectional"] else 1)
    data = args["data"]
    return data.new_empty([data.shape[0], width]), *[torch.empty_like(s) for s in states]


SECOND = 2
"""Added to a made-up size where a result has two of them."""

# Operators whose own kernels look at the elements, or run step by step.
ALWAYS: dict[str, Unknown] = {
    "aten::_pack_padded_sequence": _packed,
    "aten::_pad_packed_sequence": _padded,
    **dict.fromkeys(
        ("aten::lstm.data", "aten::gru.data", "aten::rnn_tanh.data", "aten::rnn_relu.data"),
        _packed_layer,
    ),
}

# PyTorch finds the types of these by running them step by step, unless told otherwise.
RECURRENT = frozenset(
    ("aten::lstm.input", "aten::gru.input", "aten::rnn_tanh.input", "aten::rnn_relu.input")
)

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
    "aten::combinations": _combinations,
    "aten::cov": _covariance,
    "aten::corrcoef": _covariance,
    "aten::index.Tensor": _index,
    "torchvision::nms": _nms,
}


def size_of_unknowns(is_second: bool, count: int) -> int:
    """A made-up size: a new one for each result, and another one in each run."""
    return (UNKNOWN[1] + 10 * count) if is_second else (UNKNOWN[0] + 6 * count)

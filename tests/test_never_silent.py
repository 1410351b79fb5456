"""What Python makes of sizes and data without a trace: refused, told in a note, or right."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional

import torch_onnx
from torch_onnx import errors

W = torch.randn(3)
X = torch.randn(6, 3)
NUMBER, OTHER_NUMBER = torch.tensor(2), torch.tensor(3)


def to_a_square(x: torch.Tensor) -> torch.Tensor:
    height, width = x.shape
    side = max(height, width)
    return functional.pad(x, (0, side - width, 0, side - height))


def written_where_any(x: torch.Tensor) -> torch.Tensor:
    out, mask = torch.zeros_like(x), x[:, 0] > 0
    if mask.any():
        out[mask] += x[mask] * 2
    return out


def mean_of_some(x: torch.Tensor) -> torch.Tensor:
    mask = x[:, 0] > 0
    if not mask.any():
        return x.sum(0)
    return (x[mask] * (x + 1)[mask]).mean(0)


def larger_of_two(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.zeros(max(x.shape[1], y.shape[1])) + x[0, 0]


def padded_unless_seven(x: torch.Tensor) -> torch.Tensor:
    return functional.pad(x, (0, 1)) if x.shape[0] % 7 != 0 else x


ROWS = ({0: "n"},)
BOTH = ({0: "n", 1: "m"},)
ROWS_AND_NUMBER = ({0: "n"}, None)
SIZES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Any, tuple[Any, ...]]] = {
    "square": (to_a_square, (X.T,), BOTH, (torch.randn(7, 5),)),
    "as-many-tensors": (lambda x: x + torch.stack([W] * x.shape[0]), (X,), ROWS, (X[:4],)),
    "as-often": (lambda x: torch.cat([x] * x.shape[0]), (X,), ROWS, (X[:4],)),
    "which": (lambda x: [x + i for i in range(9)][x.shape[0]], (X,), ROWS, (X[:4],)),
    "as-many-results": (lambda x: [x] * x.shape[0], (X,), ROWS, (X[:4],)),
    "length-returned": (lambda x: (x * 2, len(x)), (X,), ROWS, (X[:4],)),
    "half-returned": (lambda x: (x, int(x.shape[0] / 2)), (X,), ROWS, (X[:4],)),
    "dtype-of-size": (
        lambda x: x.to((torch.float64, torch.float32, torch.float16)[x.shape[0] % 3]) + 1,
        *((X,), ROWS, (X[:4],)),
    ),
    "parity": (lambda x: functional.pad(x, (0, x.shape[0] & 1)), (X,), ROWS, (X[:5],)),
    "aligned-down": (lambda x: x[: x.shape[0] & ~3], (X,), ROWS, (torch.randn(9, 3),)),
    "or-1": (lambda x: x * (x.shape[0] | 1), (X,), ROWS, (torch.randn(9, 3),)),
    "xor-shift": (lambda x: x * (x.shape[0] ^ 3) + (x.shape[0] << 2), (X,), ROWS, (X[:5],)),
    "divisor": (lambda x: x * math.gcd(x.shape[0], 6), (X,), ROWS, (X[:4],)),
    "of-a-table": (lambda x: x * (0.0, 1.0, 2.0, 3.0)[x.shape[0] % 4], (X,), ROWS, (X[:5],)),
    "whole": (lambda x: x * 2 if (x.shape[0] / 2).is_integer() else x, (X,), ROWS, (X[:5],)),
    "distance": (
        lambda x: functional.pad(x, (0, abs(x.shape[0] - x.shape[1]))),
        *((X.T,), BOTH, (torch.randn(7, 5),)),
    ),
    "none": (
        lambda x: x.new_zeros(1) if x.shape[0] == 0 else x.sum(1),
        *((X,), ROWS, (X[:0],)),
    ),
    "larger": (
        larger_of_two,
        *((torch.randn(2, 5), torch.randn(2, 4)), ({1: "n"}, {1: "m"})),
        (torch.randn(2, 2), torch.randn(2, 8)),
    ),
    "seven": (padded_unless_seven, (X,), ROWS, (torch.randn(7, 3),)),
    "hundred": (lambda x: x if x.shape[0] == 100 else x * 2, (X,), ROWS, (torch.randn(100, 3),)),
    "length": (lambda x: x * 2 if len(x) > 5 else x, (X,), ROWS, (X[:3],)),
    "length-of-one": (lambda x: x * 2 if len(x) > 1 else x, (X[:1],), ROWS, (X[:1],)),
    "bytes": (lambda x: x * 2 if x.nbytes > 60 else x, (X,), ROWS, (X[:3],)),
    "written": (written_where_any, (X,), ROWS, (torch.randn(9, 3),)),
    "mean-of-some": (mean_of_some, (X,), ROWS, (torch.randn(9, 3),)),
    "as-often-as-data": (
        lambda x, n: torch.cat([x] * n.item()),
        *((X, NUMBER), ROWS_AND_NUMBER, (X, OTHER_NUMBER)),
    ),
    "parity-of-data": (
        lambda x, n: (x + 1, x * 2)[n.item() % 2],
        *((X, NUMBER), ROWS_AND_NUMBER, (X, OTHER_NUMBER)),
    ),
    "bit-of-data": (
        lambda x, n: x * (n.item() & 1),
        *((X, NUMBER), ROWS_AND_NUMBER, (X, OTHER_NUMBER)),
    ),
    "whole-of-data": (
        lambda x, number: x + int(number.item()),
        *((X, torch.tensor(2.7)), ROWS_AND_NUMBER, (X, torch.tensor(-3.2))),
    ),
    "distance-of-data": (
        lambda x, number: x * abs(number.item()),
        *((X, torch.tensor(-2.0)), ROWS_AND_NUMBER, (X, torch.tensor(3.0))),
    ),
    "length-of-data": (lambda x: len(x[x > 0]) + x, (X,), ROWS, (X[:4],)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SIZES)
def test_what_leaves_no_trace(name: str) -> None:
    function, inputs, dynamic, other = SIZES[name]
    try:
        program = torch_onnx.export(function, inputs, dynamic_shapes=dynamic)
    except errors.ExportError:
        return
    program.verify(*inputs)
    if not program.notes:
        program.verify(*other)


@pytest.mark.parametrize("name", ["aligned-down", "or-1", "xor-shift", "distance", "parity"])
def test_arithmetic_that_is_followed(name: str) -> None:
    function, inputs, dynamic, other = SIZES[name]
    program = torch_onnx.export(function, inputs, dynamic_shapes=dynamic, strategy="record")
    assert not program.notes
    program.verify(*other)

"""Tensors that are made: ranges, fills, identities, and writes in place."""

from __future__ import annotations

import torch
from torch import Tensor

from torchscript.runner import SCRIPTED, TRACED, Cases

CASES = Cases()
X = torch.randn(2, 3, 4)
ALL = {0: {0: "a", 1: "b", 2: "c"}}
OTHERS = (torch.randn(5, 6, 7), torch.randn(1, 2, 1))
Y = torch.randn(3, 4)
TWO = {0: {0: "a", 1: "b"}}
MORE = (torch.randn(6, 2), torch.randn(1, 5))


@CASES(Y, dynamic=TWO, others=MORE)
def ranges(x: Tensor):
    n, m = x.size(0), x.size(1)
    return (
        torch.arange(n, dtype=torch.float).view(-1, 1) + x,
        torch.arange(n),
        torch.arange(2, n + 2, dtype=torch.float).view(-1, 1) + x,
        torch.arange(2, n * m + 2, m, dtype=torch.float).view(-1, 1) + x,
        torch.arange(n, -2, -1),
        torch.arange(0, m, 2, dtype=torch.int32),
    )


@CASES(Y, dynamic=TWO, others=MORE)
def ranges_of_floats(x: Tensor):
    n, m = x.size(0), x.size(1)
    return (
        torch.arange(2.7, n + 2).view(-1, 1) + x,
        torch.arange(2.7, n * m + 2, m).view(-1, 1),
        torch.arange(0.5, n),
        torch.arange(n, 0, -0.25),
        torch.arange(n / 2),
    )


@CASES(torch.ones(5, 6), dynamic=TWO, others=(torch.ones(2, 3),))
def range_of_axis(x: Tensor):
    return torch._dim_arange(x, -1), torch._dim_arange(x, 0)


@CASES(X, dynamic=ALL, others=OTHERS)
def zeros_and_ones(x: Tensor):
    return (
        torch.zeros(x.size()) + torch.ones(x.size()),
        torch.zeros(x.shape, dtype=torch.float) + torch.ones(x.shape, dtype=torch.int64),
        torch.zeros_like(x, dtype=torch.float, layout=torch.strided, device=torch.device("cpu")),
        torch.ones_like(x, dtype=torch.bool),
        x.new_zeros(x.shape[1:2]),
        x.new_zeros(x.shape[2:], dtype=torch.long),
        x.new_ones(x.shape[1:2]),
        x.new_ones(x.shape[:-1], dtype=torch.long),
    )


@CASES(X, dynamic=ALL, others=OTHERS)
def fills(x: Tensor):
    return (
        x.new_empty(x.shape[0]).fill_(0),
        x.new_empty(x.shape[0], dtype=torch.long) * 0,
        x.new_full(x.shape[1:2], 5),
        x.new_full(x.shape[0:1], 1.3, dtype=torch.long),
        torch.full_like(x, 1.3, dtype=torch.int),
        torch.full((x.size(0), 2), x.size(1)),
        torch.full((2,), 1.5, dtype=torch.float64),
    )


@CASES(torch.tensor(12), torch.tensor(2), others=((torch.tensor(1), torch.tensor(-3)),))
def fills_of_tensors(x: Tensor, y: Tensor):
    return torch.full_like(x, y + 2), torch.full((2, 2), y * 2), torch.full_like(x, 1.3)


@CASES(X, dynamic=ALL, others=OTHERS)
def identities(x: Tensor):
    return (
        torch.eye(x.size()[1], 3),
        torch.eye(4, 4, dtype=torch.long),
        torch.eye(x.size()[1], 2, dtype=torch.long),
        torch.eye(x.shape[0]),
        torch.eye(x.shape[0], dtype=torch.float64),
    )


@CASES(torch.tensor([2]), others=(torch.tensor([3]),), strategies=(TRACED,))
def sizes_of_tensors(x: Tensor):
    return torch.zeros(x, 1), torch.ones(2, x), torch.full((x, 2), 1.5), torch.zeros(x[0])


@CASES(
    torch.randn(2, 3, 4, 5),
    torch.randn(1, 2, 3, 4),
    dynamic={i: {axis: f"{name}{axis}" for axis in range(4)} for i, name in enumerate("xy")},
    others=((torch.randn(3, 1, 2, 2), torch.randn(2, 1, 3, 2)),),
)
def sizes_joined(x: Tensor, y: Tensor):
    lengths = [x.shape[0], x.shape[1], 2]
    return (
        x.new_zeros(x.shape[2:] + y.shape[1:]),
        x.new_ones(x.shape + y.shape[:1]),
        x.new_zeros(lengths + [y.shape[0], y.shape[1]]),
        x.new_zeros(list(x.shape) + list(y.shape)[1:2]),
    )


@CASES(torch.randint(100, (1,)), others=(torch.randint(100, (1,)),), strategies=(SCRIPTED,))
def list_of_one(x: Tensor):
    numbers: list[int] = x.tolist()
    return numbers


@CASES(Y, dynamic=TWO, others=MORE, strategies=(SCRIPTED,))
def count_of_axes(x: Tensor):
    return torch.ones(len(x.shape)), torch.zeros([x.dim(), len(x)])


# Writes in place.


@CASES(X, dynamic=ALL, others=OTHERS)
def zeroed(x: Tensor):
    return x.zero_(), x


@CASES(X, dynamic=ALL, others=OTHERS)
def filled(x: Tensor):
    y = x + 0
    return x.fill_(3), x, y.fill_(x[0, 0, 0]), y


@CASES(torch.randn(9, 3, 4), dynamic=ALL, others=(torch.randn(5, 1, 2),))
def part_zeroed(x: Tensor):
    y = x + 0
    y[..., 0].fill_(2).add_(1)
    return x[2:4].zero_(), x, y


@CASES(
    Y,
    torch.randn(3, 4),
    dynamic={0: {0: "a", 1: "b"}, 1: {0: "a", 1: "b"}},
    others=((torch.randn(2, 3), torch.randn(2, 3)),),
)
def written_then_joined(x: Tensor, y: Tensor):
    z = torch.cat([x.add_(3), y.fill_(0)])
    y.mul_(x).sub_(1, alpha=2)
    return z, x, y

"""Operators in programs: with sizes, dtypes and devices that the program itself asks for."""

from __future__ import annotations

from functools import partial
from typing import List

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchscript.runner import SCRIPT, Cases

CASES = Cases()
X = torch.randn(3, 4)


# Windows of a length that is an argument.


class Windowed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.length = 0


class Periodic(Windowed):
    def forward(self, x: Tensor, length: int):
        self.length = length
        return torch.add(x, torch.hann_window(self.length, periodic=True, dtype=torch.float))


class Symmetric(Windowed):
    def forward(self, x: Tensor, length: int):
        self.length = length
        return torch.add(x, torch.hann_window(self.length, periodic=False, dtype=torch.float))


class Default(Windowed):
    def forward(self, x: Tensor, length: int):
        self.length = length
        return torch.add(x, torch.relu(torch.hann_window(self.length)))


for window in (Periodic, Symmetric, Default):
    CASES(torch.randn(30), 30)(window)


@CASES(torch.randn(7), dynamic={0: {0: "n"}}, others=(torch.randn(12), torch.randn(1)))
def windows_of_a_size(x: Tensor):
    n = x.size(0)
    return torch.hann_window(n) * x, torch.hamming_window(n, False) + x, torch.blackman_window(n)


# Products over several dims.


def integers(*shape: int) -> Tensor:
    return torch.randint(6, shape)


@CASES(
    integers(7, 5, 3, 4),
    integers(3, 4, 9, 2),
    dynamic={0: {0: "a", 1: "b", 2: "c", 3: "d"}, 1: {0: "c", 1: "d", 2: "e", 3: "f"}},
    others=((integers(8, 6, 2, 5), integers(2, 5, 3, 4)),),
)
def tensordot_of_two(x: Tensor, y: Tensor):
    return torch.tensordot(x, y, 2)


@CASES(
    integers(7, 5, 3, 4),
    integers(3, 4, 9, 2),
    dynamic={0: {0: "a", 1: "b", 2: "c", 3: "d"}, 1: {0: "e", 1: "f", 2: "g", 3: "h"}},
    others=((integers(8, 6, 2, 5), integers(2, 5, 3, 4)),),
    name="tensordot_of_two, all apart",
)
def tensordot_apart(x: Tensor, y: Tensor):
    return torch.tensordot(x, y, 2)


@CASES(integers(7, 4, 3, 5, 2), integers(5, 4, 4, 2, 6), others=())
def tensordot_of_lists(x: Tensor, y: Tensor):
    return torch.tensordot(x, y, ([1, -2, -1], [1, 0, 3]))


@CASES(integers(2, 3), integers(4))
def tensordot_of_none(x: Tensor, y: Tensor):
    return torch.tensordot(x, y, 0)


# Devices, dtypes and numbers.


@CASES(torch.randn(6), torch.randn(6))
def to_the_device_of(x: Tensor, y: Tensor):
    return x.to(y.device), y, x.to(y.device, dtype=torch.long), x.to(y)


@CASES(X, dynamic={0: {0: "n"}}, others=(torch.randn(5, 4),))
def on_the_cpu(x: Tensor):
    if x.device != torch.device("cpu"):
        return x
    return torch.zeros_like(x)


class FilledInt(nn.Module):
    def forward(self, x: Tensor, value: int):
        return x.fill_(value)


class FilledFloat(nn.Module):
    def forward(self, x: Tensor, value: float):
        return x.fill_(value)


CASES(torch.randn(4, 5, 6), 7)(FilledInt)
CASES(torch.randn(4, 5, 6), 7.5)(FilledFloat)


@CASES(torch.ones(2, 3, dtype=torch.long))
def filled_in_its_own_dtype(x: Tensor):
    y = x + 2
    y.fill_(2.5)
    return y, x


@CASES(X)
def unsafe_pieces(x: Tensor):
    return torch.unsafe_chunk(x, 3, dim=1), torch.unsafe_split(x, 2, 1)


@CASES(torch.ones(0), torch.ones(1))
def nothing_and_one(x: Tensor, y: Tensor):
    return torch.add(x, y) + torch.mul(y, y)


# Sums at indices.


class Added(nn.Module):
    def __init__(self, dim: int, index: Tensor, source: Tensor, turns: int = 1) -> None:
        super().__init__()
        self.dim, self.index, self.source, self.turns = dim, index, source, turns

    def forward(self, x: Tensor):
        x.index_add_(self.dim, self.index, self.source)
        return x


class AddedInTurns(Added):
    def forward(self, x: Tensor):
        for _ in range(self.turns):
            x.index_add_(self.dim, self.index, self.source)
        return x


class AddedEitherWay(Added):
    def forward(self, x: Tensor, there: Tensor):
        if there:
            x.index_add_(self.dim, self.index, self.source)
        else:
            x.index_add_(self.dim, self.index.flip(0), self.source, alpha=2)
        return x


FOUR, THREE = torch.tensor([0, 2, 3, 1]), torch.tensor([0, 2, 1])
CUBE = torch.randn(1, 4, 3)
for name, x, dim, index, source in (
    ("rows", torch.ones(5, 1), 0, torch.tensor([0, 2, 3, 1, 4]), torch.randn(5, 1)),
    ("middle", torch.ones(1, 4, 3), 1, FOUR, CUBE),
    ("last", torch.ones(1, 4, 3), 2, THREE, CUBE),
    ("negative", torch.ones(1, 4, 3), -1, THREE, CUBE),
    ("fewer", torch.ones(1, 4, 3), 1, THREE, CUBE[:, :3]),
    ("repeated", torch.ones(1, 4, 3), 1, torch.tensor([1, 1, 1]), CUBE[:, :3]),
):
    CASES(x, name=f"index_add {name}")(partial(Added, dim, index, source))
CASES(torch.ones(1, 4, 3), name="index_add in turns")(partial(AddedInTurns, 1, FOUR, CUBE, 7))
CASES(
    *(torch.ones(1, 4, 3), torch.tensor(True)),
    others=((torch.ones(1, 4, 3), torch.tensor(False)),),
    strategies=SCRIPT,
    name="index_add in branches",
)(partial(AddedEitherWay, 1, FOUR, CUBE))
CASES(
    torch.ones(1, 4, 3),
    dynamic={0: {1: "rows"}},
    others=(torch.ones(1, 6, 3),),
    name="index_add dynamic",
)(partial(Added, 1, FOUR, CUBE))
CASES(
    torch.ones(1, 4, 3),
    dynamic={0: {0: "n", 1: "rows"}},
    name="index_add dynamic, where one is fixed",
)(partial(Added, 1, FOUR, CUBE))


# Moves, sums and broadcasts.


class Rolled(nn.Module):
    def __init__(self, shifts, dims) -> None:
        super().__init__()
        self.shifts, self.dims = shifts, dims

    def forward(self, x: Tensor):
        return torch.roll(x, self.shifts, self.dims)


for shifts, dims in (([1, 1], [1, 0]), ([0, 1, 2], [1, 0, 2]), (2, 1), ([-1, 3], [-2, -1])):
    CASES(torch.randn(2, 3, 4), name=f"rolled {shifts} {dims}")(partial(Rolled, shifts, dims))


@CASES(torch.ones(12, 3), dynamic={0: {0: "n"}}, others=(torch.ones(5, 3), torch.ones(0, 3)))
def summed(x: Tensor):
    return torch.sum(x)


for x in (torch.ones(12), torch.ones(2, 0, 3), torch.ones(0), torch.ones(0, dtype=torch.int32)):

    @CASES(x, name=f"sum of nothing {list(x.shape)} {x.dtype}")
    def sum_of_nothing(x: Tensor):
        return x[0:0].sum(), x.sum(), x[0:0].prod()


for x, y in (
    (integers(1), integers(5)),
    (integers(4, 2, 1, 4), integers(2, 3, 1)),
    (torch.randn(2, 1, 4), torch.randn(5, 2, 3, 1)),
):

    @CASES(x, y, name=f"broadcast {list(x.shape)} {list(y.shape)}")
    def broadcast(x: Tensor, y: Tensor):
        return torch.broadcast_tensors(x, y)


@CASES(torch.rand(5, 4, 3), dynamic={0: {0: "n"}}, others=(torch.rand(2, 4, 3),))
def interpolated(x: Tensor):
    return (
        x.lerp(torch.full_like(x, 10), 0.4),
        x.lerp(torch.full_like(x, 20), 0.7),
        x.lerp(torch.full_like(x, 30), torch.tensor(0.4)),
        x.lerp(torch.full_like(x, 40), x / 10.0),
        x.lerp(torch.tensor(10.0), x / 10.0),
        x.lerp(torch.tensor(10.0), 0.4),
        x.lerp(torch.tensor(10.0), torch.tensor(0.4)),
    )


# Lists of numbers as tensors.


@CASES(torch.randn(10, 5))
def tensors_of_numbers(x: Tensor):
    rows = x.size(0)
    return (
        torch.tensor([2 for _ in range(rows)], dtype=torch.int),
        torch.tensor([1.1 for _ in range(rows)], dtype=torch.float),
        torch.tensor([False for _ in range(rows)], dtype=torch.bool),
    )


@CASES(
    torch.randn(10, 5),
    dynamic={0: {0: "n"}},
    others=(torch.randn(3, 5),),
    strategies=SCRIPT,
    name="tensors_of_numbers, dynamic",
)
def tensors_of_numbers_dynamic(x: Tensor):
    rows = x.size(0)
    return (
        torch.tensor([2 for _ in range(rows)], dtype=torch.int),
        torch.tensor([1.1 for _ in range(rows)], dtype=torch.float),
        torch.tensor([i % 2 == 0 for i in range(rows)], dtype=torch.bool),
    )


@CASES(torch.zeros(1), others=(torch.ones(1),), strategies=SCRIPT)
def pair_or_exception(t: Tensor):
    if float(t) < 0:
        raise Exception("negative")
    else:
        return torch.zeros(5), torch.ones(5)


class Printing(nn.Module):
    def forward(self, x: Tensor):
        first = x[:, 0]
        print(f"first: {first}")  # noqa: T201
        _: List[float] = x.tolist()
        return first


CASES(torch.randn(6, 5))(Printing)


# Layers given as calls.


class Convolved(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(8, 3, 3, 3))

    def forward(self, x: Tensor):
        one, none = [1, 1], [0, 0]
        older = torch._convolution(
            x, self.weight, None, [2, 2], none, one, False, none, 1, False, False, True
        )
        return older, torch._convolution(
            x, self.weight, None, [2, 2], none, one, False, none, 1, False, False, True, True
        )


CASES(torch.randn(1, 3, 24, 24))(Convolved)


class Sampled(nn.Module):
    def __init__(self, mode: str, padding: str, align: bool) -> None:
        super().__init__()
        self.mode, self.padding, self.align = mode, padding, align

    def forward(self, x: Tensor, grid: Tensor):
        return F.grid_sample(x, grid, self.mode, self.padding, self.align)


IMAGE, GRID = torch.randn(1, 1, 3, 2), torch.randn(1, 2, 4, 2)
VOLUME, SPACE = torch.randn(1, 1, 2, 3, 2), torch.randn(1, 3, 2, 4, 3)
for mode in ("bilinear", "nearest", "bicubic"):
    for padding in ("zeros", "border", "reflection"):
        for align in (True, False):
            name = f"sampled {mode} {padding} {align}"
            model = partial(Sampled, mode, padding, align)
            CASES(IMAGE, GRID, name=name, since=16)(model)
            if mode != "bicubic":
                CASES(VOLUME, SPACE, name=f"{name} 3d", since=20)(model)

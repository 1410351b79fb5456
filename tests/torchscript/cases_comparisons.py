"""Comparisons, logic, shifts, arithmetic, and the dtypes that come out of them."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
X = torch.randn(3, 4)
N = torch.randint(-5, 5, (3, 4))
ROWS = {0: {0: "n"}}
BOTH_ROWS = {0: {0: "n"}, 1: {0: "n"}}


@CASES(torch.arange(24).reshape(3, 4, 2), dynamic=ROWS, others=(torch.arange(16).view(2, 4, 2),))
def shifts(x: Tensor):
    return x >> 1, x << 3, x >> torch.tensor([1, 2]), torch.tensor([1, 2]) << x % 5


@CASES(torch.randint(-99, 99, (3, 4, 2)), others=(torch.full((3, 4, 2), -1),))
def shifts_of_negatives(x: Tensor):
    return x >> 1, x << 3, x >> torch.tensor([1, 2])


@CASES(torch.arange(24, dtype=torch.uint8), others=(torch.full((24,), 255, dtype=torch.uint8),))
def shifts_of_bytes(x: Tensor):
    return x >> 1, x << 4, x[:2] >> torch.tensor([1, 2], dtype=torch.uint8)


@CASES(torch.arange(24, dtype=torch.int32))
def shifts_of_int32(x: Tensor):
    return x >> 1, x << 3, x[:2] >> torch.tensor([1, 2], dtype=torch.int32), x >> x % 7


@CASES(X > 0, torch.randn(3, 4) > 0, dynamic=BOTH_ROWS, others=((X[:2] > 1, X[:2] > 0),))
def logic_by_signs(x: Tensor, y: Tensor):
    return x ^ y, x | y, x & y, ~x


@CASES(N, N.flip(0), dynamic=BOTH_ROWS, others=((N[:2], N[1:]),), since=18)
def bits_by_signs(x: Tensor, y: Tensor):
    return x ^ y, x | y, x & y, ~x


class Logic(nn.Module):
    def forward(self, x: Tensor, y: Tensor):
        return (
            torch.logical_and(x, y),
            torch.logical_or(x, y),
            torch.logical_xor(x, y),
            torch.logical_not(x),
        )


class Compared(nn.Module):
    def forward(self, x: Tensor, y: Tensor):
        return x == y, x != y, x < y, x <= y, x > y, x >= y


class ComparedWithNumbers(nn.Module):
    def forward(self, x: Tensor):
        return x == 1, x > 1, x >= 1.5, x < 1, x <= -0.5, 1 != x


KINDS = {
    "bool": (N > 0, N < 2),
    "int32": (N.int(), N.flip(0).int()),
    "float": (N.float(), N.flip(1).float()),
    "double": (N.double(), N.flip(1).double()),
}
for (name, (x, _)), (other, (_, y)) in product(KINDS.items(), KINDS.items()):
    if name != other and {name, other} != {"int32", "float"}:
        continue
    rows = {"dynamic": BOTH_ROWS, "others": ((x[:2], y[1:]),)}
    CASES(x, y, name=f"logic_{name}_{other}", **rows)(Logic)
    CASES(x, y, name=f"compared_{name}_{other}", **rows)(Compared)
    if name == other:
        CASES(x, dynamic=ROWS, others=(y[1:],), name=f"with_numbers_{name}")(ComparedWithNumbers)
CASES(N.float().view(1, 3, 4), N.view(3, 1, 4).int(), name="compared_broadcast")(Compared)


# Dtypes that come out.


@CASES(X, dynamic=ROWS, others=(torch.randn(5, 4),))
def sizes_in_arithmetic(x: Tensor):
    return x.size(0) * 2 * x, 2 - x, x / x.size(0), x.size(0) // 2 + x, x.size(0) / 2 - x


@CASES(N.int(), X, dynamic=BOTH_ROWS, others=((N[:2].int(), X[1:]),))
def comparisons_of_two_dtypes(x: Tensor, y: Tensor):
    a = torch.tensor([12.0])
    return x.lt(1.5) & y.le(2) & x.le(1), x.gt(y), x.lt(y), a.ge(x.size(0))


@CASES(torch.randn(3, 3), others=(torch.ones(3, 3),))
def products_and_sums(x: Tensor):
    return torch.mm(x, x) + x + torch.mm(x, x) + x, torch.mm(x, x) + 1, torch.addmm(x, x, x)


@CASES(torch.tensor(12.0), others=(torch.tensor(-1.5),))
def full_of_tensor(x: Tensor):
    return torch.full((3, 4), x), torch.full_like(x, 3)


@CASES(torch.tensor([0.5]).half(), torch.tensor([1.5]), torch.tensor([2]))
def joined_dtypes(half: Tensor, single: Tensor, whole: Tensor):
    return (
        torch.cat([half, single]),
        torch.cat([half, whole]),
        torch.stack([single, whole]),
        half + single,
        half * 2,
        whole * 1.5,
        whole / 2,
    )


class InPlace(nn.Module):
    def forward(self, x: Tensor, y: Tensor):
        return x.add_(y), x.mul_(y), x.sub_(1).div_(2.0), x.clamp_(max=y)


for dtype, other in (
    (torch.half, torch.float),
    (torch.float, torch.double),
    (torch.float, torch.long),
):
    x, y = N.to(dtype), N.flip(0).to(other)
    CASES(x, y, name=f"in_place_{dtype}_{other}".replace("torch.", ""))(InPlace)


class Rounded(nn.Module):
    def forward(self, x: Tensor):
        pad = nn.functional.pad(x, (1, 1))
        return torch.clamp(x, 0, 1), torch.relu(x), pad, torch.min(x, x + 1), torch.max(x, -x)


for dtype in (torch.int32, torch.int64, torch.float):
    CASES(N.to(dtype), dynamic=ROWS, others=(N[1:].to(dtype),), name=f"whole_{dtype}"[12:])(Rounded)


class Inverted(nn.Module):
    def forward(self, x: Tensor):
        return torch.reciprocal(x), 1 / x, x.rsqrt(), x.sqrt()


for dtype in (torch.int64, torch.int32, torch.float, torch.double):
    CASES(torch.tensor([2, 4]).to(dtype), name=f"inverted_{dtype}")(Inverted)


class Product(nn.Module):
    def forward(self, x: Tensor, y: Tensor):
        return torch.matmul(x, y)


for dtype in (torch.float, torch.int64, torch.int32):
    for sizes in (((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3))):
        x, y = (torch.randint(-9, 9, size).to(dtype) for size in sizes)
        title = f"matmul_{dtype}_{len(sizes[0])}_{len(sizes[1])}".replace("torch.", "")
        CASES(x, y, name=title)(Product)


class NumberOfPython(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.limit: int = 2

    def forward(self, x: int):
        return self.limit > x, self.limit - x


CASES(3)(NumberOfPython)


class ItemOf(nn.Module):
    def forward(self, x: Tensor, y: Tensor, i: int):
        return int(x[y[i]].item())


CASES(
    torch.arange(6.0),
    torch.arange(5),
    3,
    others=((torch.randn(6) * 9, torch.tensor([3, 1, 0, 5, 2]), 3),),
    strategies=("script",),
)(ItemOf)


class NumbersBeside(nn.Module):
    def forward(self, x: Tensor, y: Tensor):
        return x + 1, x * 2, 3 - x, x / 2, x // 2, x % 2, y[0] + x, y.narrow(0, torch.tensor(1), 2)


for dtype in (torch.uint8, torch.int32, torch.int64, torch.half):
    x, y = torch.tensor(3, dtype=dtype), torch.arange(4, dtype=dtype)
    CASES(x, y, others=((x + 1, y * 2),), name=f"numbers_beside_{dtype}".replace("torch.", ""))(
        NumbersBeside
    )

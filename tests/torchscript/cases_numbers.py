"""Numbers: arithmetic, ranges, tensors of numbers and numbers of tensors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from torchscript.runner import Cases

CASES = Cases()
X = torch.randn(3, 4)
ROWS = {0: {0: "n"}}
OTHERS = (torch.randn(5, 4), torch.randn(1, 4))


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def int_state(x: Tensor):
    c = 0
    f = 0.5
    for i in range(x.size(0)):
        if bool(x[i].sum() > 0):
            c += 1
        else:
            f *= 2.0
    return c, f, x * c


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def range_step(x: Tensor):
    r = torch.zeros(4)
    for i in range(0, x.size(0), 2):
        r = r + x[i]
    return r


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def range_step_neg(x: Tensor):
    r = torch.zeros(4)
    for i in range(x.size(0) - 1, -1, -1):
        r = r * 0.5 + x[i]
    return r


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def range_start(x: Tensor):
    r = torch.zeros(4)
    for i in range(1, x.size(0)):
        r = r + x[i] * i
    return r


@CASES(X, torch.tensor(2), strategies=("script",))
def isinstance_(x: Tensor, n: Tensor):
    y: int | Tensor = 3
    if isinstance(y, int):
        return x + y
    return x


@CASES(X, strategies=("script",))
def numbers(x: Tensor):
    a = 7 // 2 + 7 % 3 - (-7 // 2) + int(3.7) + round(2.5) + abs(-3) + min(3, 2) + max([1, 5, 2])
    b = (
        2.0**3
        + 7 / 2
        + math.sqrt(4.0)
        + math.floor(2.5)
        + math.ceil(2.5)
        + math.exp(0.0)
        + math.pi
        + float("inf") * 0.0
        if False
        else 1.5
    )
    c = 1 << 3 | 5 ^ 1 & 3
    l = [1, 2, 3] + [4] * 2
    return x * a + b + c + sum(l) + l[1:3][0] + len(l) + (3 if 2 in l else 4)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def numbers_dynamic(x: Tensor):
    n = x.size(0)
    a = n // 2 + n % 3 - (-n // 2) + int(n * 0.7) + max(n, 2) + min([n, 5, 2]) + abs(-n)
    b = n**2 + n / 2 + math.sqrt(n) + math.floor(n / 3) + math.ceil(n / 3) + math.log(n) + float(n)
    c = (n << 1) + (n >> 1)
    l = [n, n + 1, 3]
    return x * a + b + c + sum(l) + l[1]


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def tensor_of(x: Tensor):
    n = x.size(0)
    return (
        torch.tensor([n, 2]),
        torch.tensor(n),
        torch.tensor([float(n), 1.5]),
        torch.tensor([[1, n], [2, 3]]),
        torch.tensor(x[0, 0].item()),
        torch.tensor([x.size(0), 1], dtype=torch.float),
        torch.as_tensor(3),
        torch.tensor([True, False]),
    )


@CASES(X, dynamic=ROWS, others=OTHERS)
def tensor_of_traced(x: Tensor):
    n = x.size(0)
    return (
        x.new_zeros(n, 3),
        torch.zeros(n, 2),
        torch.ones(x.shape),
        torch.full((n, 2), 3.0),
        torch.arange(n),
        torch.full([2, n], 7),
        torch.empty_like(x).fill_(2),
        torch.zeros([n, n], dtype=torch.int64),
        torch.ones_like(x, dtype=torch.int32),
    )


@CASES(X, torch.tensor(3), others=((X, torch.tensor(1)),), strategies=("script",))
def item_arith(x: Tensor, n: Tensor):
    k = n.item()
    m = int(n) + 1
    return x * k, x[: m - 1], torch.zeros(m), x + float(n) / 2


@CASES(X, 3, 2.5, True)
def py_scalars(x: Tensor, k: int, f: float, b: bool):
    if b:
        x = x + k
    return x * f


@CASES(X, strategies=("script",))
def ternary_bool(x: Tensor):
    a = True if x.size(0) == 3 and not x.is_cuda else False
    b = x.dtype == torch.float32 or x.dim() > 5
    return x * 2 if a and b else x, a


@CASES(
    X,
    torch.tensor([2, 1]),
    dynamic=ROWS,
    others=((torch.randn(6, 4), torch.tensor([3, 4])),),
    strategies=("script",),
)
def tolist_like(x: Tensor, s: Tensor):
    l: list[int] = s.tolist()
    return x[: l[0]], torch.zeros(l)


@CASES(X, strategies=("script",))
def device_things(x: Tensor):
    d = x.device
    y = torch.zeros(3, 4, device=d, dtype=x.dtype)
    if x.device == torch.device("cpu"):
        y = y + 1
    return x.to(d) + y.to(x) + x.to(torch.float64).float() + x.type_as(y)

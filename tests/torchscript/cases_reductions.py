"""Sums, products, extremes and where they are, by dtype and axis."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
N = torch.randint(-5, 10, (4, 5))
ALL = {0: {0: "a", 1: "b"}}
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
FLOATS = (torch.half, torch.float, torch.double)


class Sum(nn.Module):
    def forward(self, x: Tensor):
        return x.sum(-1), x.sum(), x.sum(0, keepdim=True), x.sum(dim=[0, 1])


class Prod(nn.Module):
    def forward(self, x: Tensor):
        return x.prod(-1), x.prod(), x.prod(0, keepdim=True)


class Mean(nn.Module):
    def forward(self, x: Tensor):
        return x.mean(-1), x.mean(), x.mean(0, keepdim=True), x.mean([0, 1])


# Small numbers, whose products fit each dtype.
for make, dtypes in {Sum: INTEGERS + FLOATS, Prod: INTEGERS + FLOATS[1:], Mean: FLOATS}.items():
    for dtype in dtypes:
        x = (N % 3 if make is Prod else N.abs()).to(dtype)
        title = f"{make.__name__}_{dtype}".replace("torch.", "")
        CASES(x, dynamic=ALL, others=(x[:2, 1:],), name=title)(make)


class AsAnother(nn.Module):
    def forward(self, x: Tensor):
        return (
            x.sum(dtype=torch.float),
            x.sum(dim=-1, dtype=torch.float),
            x.sum(dim=0, dtype=torch.int64),
            x.mean(dtype=torch.float),
            x.prod(1, dtype=torch.double),
            x.cumsum(0, dtype=torch.float),
        )


for dtype in (torch.half, torch.int32, torch.bool):
    x = N.to(dtype)
    CASES(x, dynamic=ALL, others=(x[1:3],), name=f"as_another_{dtype}".replace("torch.", ""))(
        AsAnother
    )


class Extremes(nn.Module):
    def forward(self, x: Tensor):
        return (
            torch.min(x, dim=-1)[0],
            torch.max(x, dim=0)[0],
            torch.max(x),
            torch.amax(x, dim=0, keepdim=True),
            torch.amin(x, dim=[0, 1], keepdim=False),
            torch.aminmax(x, dim=1, keepdim=True),
            torch.aminmax(x, keepdim=False),
            torch.max(x, x[:1]),
            torch.minimum(x, x[:, :1]),
        )


for dtype in (torch.int32, torch.int64, torch.float, torch.double):
    x = N.to(dtype)
    CASES(x, dynamic=ALL, others=(x[:2, 1:],), name=f"extremes_{dtype}".replace("torch.", ""))(
        Extremes
    )


class Where(nn.Module):
    def forward(self, x: Tensor):
        return (
            torch.argmin(x),
            torch.argmax(x),
            torch.argmin(x, keepdim=True),
            torch.argmax(x, keepdim=True),
            torch.argmin(x, dim=0, keepdim=True),
            torch.argmax(x, dim=-1),
        )


CASES(torch.randn(7, 3, 5), dynamic=ALL, others=(torch.randn(2, 4, 5),))(Where)
# The first of several that are equal.
TIES = torch.tensor([[1.0, 2.0, 3.0], [1.0, 1.0, 2.0]])
CASES(TIES, others=(torch.ones(2, 3), -TIES, TIES.flip(1)), name="where_tied")(Where)


@CASES(N.float(), dynamic=ALL, others=(torch.randn(2, 3), torch.full((2, 3), -200.0)))
def log_sum_exp(x: Tensor):
    return torch.logsumexp(x, dim=0) + torch.logsumexp(x, dim=(0, 1)), x.logsumexp(-1, keepdim=True)

"""Masks: what is selected and written by them, what makes them, and what is asked of all of one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
X = torch.tensor([[0.2, 0.9, -1.0, 0.5], [1.5, 0.0, 0.7, -0.3], [0.5, 0.6, 0.1, 2.0]])
OTHER = torch.linspace(-1, 2, 20).view(5, 4)
ROWS = {0: {0: "n"}}
INF, NAN = float("inf"), float("nan")
SPECIAL = torch.tensor([[1.0, 2, INF], [-2, NAN, -INF]])
BOOLS = torch.tensor([[True, False, True], [False, False, True], [True, True, True]])


@CASES(X, dynamic=ROWS, others=(OTHER, torch.zeros(2, 4)))
def selected(x: Tensor):
    return torch.masked_select(x, x.ge(0.5)), x[x < 0], x.masked_select(x[:1] > 0)


@CASES(X, dynamic=ROWS, others=(OTHER,))
def scattered(x: Tensor):
    filled = torch.masked_scatter(x, x.ge(0.5), torch.arange(100).view(10, 10) * 5.0)
    return filled, x.clone().masked_scatter_(x[:1] < 0.3, torch.full((7, 7), 3.0))


@CASES(X, torch.tensor(0.5), dynamic=ROWS, others=((OTHER, torch.tensor(0.1)),))
def filled_where_equal(x: Tensor, number: Tensor):
    mask = x.clone()
    mask[mask != number] = 1
    mask[mask == number] = 0
    return mask


@CASES(X, torch.tensor(0.5), torch.arange(12.0))
def as_many_as_were_selected(x: Tensor, number: Tensor, values: Tensor):
    y = x.clone()
    y[y != number] = values[:10]
    return y


@CASES(
    torch.randn(6, 2, 3),
    torch.tensor([False, True, True, False, False, True]),
    torch.randn(3, 2, 3),
    dynamic={0: {0: "n"}, 1: {0: "n"}, 2: {0: "m"}},
    others=((torch.randn(3, 2, 3), torch.tensor([True, False, True]), torch.randn(2, 2, 3)),),
)
def written_by_rows(x: Tensor, mask: Tensor, values: Tensor):
    x = x.clone()
    x[mask] = values
    return x


@CASES(torch.randn(4, 3), torch.tensor([1, 0, 0, 1], dtype=torch.bool), torch.randn(2, 3))
def written_into_the_input(x: Tensor, mask: Tensor, values: Tensor):
    x[mask] = values
    return x * 1


@CASES(X, OTHER[:3], dynamic={0: {0: "n"}, 1: {0: "n"}}, others=((OTHER, OTHER * 0.9),))
def chosen(x: Tensor, y: Tensor):
    return (
        torch.where(x > 0, x, y),
        torch.where(x > y, x[:1], y[:, :1]),
        torch.where(x > 0, 1.5, y),
        torch.where(x > 0, x, 2),
        torch.stack(torch.where(x > 0.5), dim=1),
        torch.stack(torch.where(x > y), dim=1),
        torch.stack(torch.where(x[0] > 0.5), dim=0),
    )


@CASES(torch.tensor([[1, 0], [0, 1]], dtype=torch.uint8), torch.randn(2, 2), torch.randn(1, 2))
def chosen_by_bytes(condition: Tensor, x: Tensor, y: Tensor):
    return torch.where(condition, x, y)


@CASES(BOOLS, BOOLS.flip(0), dynamic=ROWS | {1: {0: "n"}}, others=((BOOLS[:1], BOOLS[1:2]),))
def booleans_compared(x: Tensor, y: Tensor):
    return torch.stack(torch.where(x > 0.5), dim=1), torch.stack(torch.where(x > y), 1), x.ge(y)


@CASES(BOOLS, dynamic=ROWS, others=(BOOLS[:1], torch.zeros(0, 3, dtype=torch.bool)))
def asked_of_all(x: Tensor):
    numbers = x.int() * 3
    return (
        (x.any(), x.all(), numbers.any(), numbers.all()),
        (x.any(dim=1), x.all(dim=1), x.any(-2), x.all(-2)),
        (x.any(dim=0, keepdim=True), x.all(dim=1, keepdim=True)),
    )


@CASES(SPECIAL, others=(SPECIAL.flip(1),))
def infinities(x: Tensor):
    return x.isinf(), x.isfinite(), x.isnan(), x.isposinf(), x.isneginf()


@CASES(SPECIAL, others=(-SPECIAL,))
def numbers_for_nan(x: Tensor):
    return x.nan_to_num(), x.nan_to_num(nan=2.3, posinf=4.5, neginf=6.7), x.nan_to_num(posinf=1.0)


def _finite(x: Tensor):
    return x.nan_to_num(), x.nan_to_num(1.0), x.isnan(), x.isinf(), x.isfinite()


for dtype in (torch.float64, torch.float16, torch.int32, torch.bool):
    CASES(torch.ones(2, 4).to(dtype), name=f"finite-{dtype}")(_finite)


class Extremes(nn.Module):
    def forward(self, x: Tensor, y: Tensor):
        return torch.maximum(x, y), torch.minimum(x, y), torch.fmax(x, y), torch.fmin(x, y)


row = CASES(
    SPECIAL, torch.ones(1, 3), others=((SPECIAL.flip(0), -torch.ones(1, 3)),), name="extremes"
)
row(Extremes)

f16, f32, i16, i32, bool_ = (
    torch.randn(5, 1).half(),
    torch.randn(5, 5),
    torch.randint(10, (5, 5), dtype=torch.int16),
    torch.randint(10, (1, 5), dtype=torch.int32),
    torch.randint(2, (5, 5), dtype=torch.bool),
)
for x, y in ((f16, f32), (f16, i16), (i16, i32), (i32, bool_), (bool_, bool_), (f32, i32)):
    CASES(x, y, name=f"extremes-{x.dtype}-{y.dtype}")(Extremes)

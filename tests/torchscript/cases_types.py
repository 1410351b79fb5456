"""Dtypes asked for, compared and promoted, and tensors made like others."""

from __future__ import annotations

import torch
from torch import Tensor

from torchscript.runner import Cases

CASES = Cases()
X, Y = torch.randn(2, 3), torch.randn(2, 3)
ROWS = {0: {0: "n"}}
OTHERS = (torch.randn(4, 3),)
WHOLE = torch.tensor([1])


def _like(x: Tensor, y: Tensor):
    return x.to(dtype=y.dtype) + y, x.to(y) + y, x.type_as(y), torch.cat((x.to(y), y), 0)


for x, y in (
    (X, Y),
    (X, Y.long()),
    (X, Y > 0),
    (X.long(), Y.half()),
    (X > 0, Y.double()),
    (X.int(), Y.to(torch.uint8)),
):
    row = CASES(
        *(x, y),
        dynamic={0: {0: "n"}, 1: {0: "n"}},
        others=((torch.cat([x, x]), torch.cat([y, y])),),
        name=f"like-{x.dtype}-{y.dtype}",
    )
    row(_like)


@CASES(X, Y, strategies=("script",))
def compared(x: Tensor, y: Tensor):
    if x.dtype == y.dtype:
        x = x + y
    if x.dtype != torch.int64 and x.is_floating_point():
        return x
    return y


@CASES(X, WHOLE, strategies=("script",))
def compared_with_another(x: Tensor, y: Tensor):
    if x.dtype == y.dtype:
        return x + y
    return x


@CASES(torch.ones(3, 4, dtype=torch.float16), since=13)
def brain_floats(x: Tensor):
    y = torch.ones((3, 4), dtype=torch.bfloat16)
    return x.type_as(y).to(dtype=torch.float16), (x.to(torch.bfloat16) + y).half()


@CASES(X, dynamic=ROWS, others=OTHERS)
def booleans(x: Tensor):
    true = torch.ones(x.shape, dtype=torch.bool)
    return x.to(true) & true, true | x.to(torch.bool), true ^ (x > 0), ~true


@CASES(X, dynamic=ROWS, others=OTHERS)
def sizes_as_operands(x: Tensor):
    return (
        x.size(0) * 2 * x,
        2 - x,
        x.numel() * x,
        x / x.size(0),
        x.size(0) // 2 * x,
        torch.tensor([12.0]).ge(x.size(0)),
        x.sum() > x.numel(),
    )


@CASES(torch.randn(0), dynamic=ROWS, others=(torch.randn(4),))
def of_nothing(x: Tensor):
    y = x * 2
    return x.numel() * x, y * y.dim(), x.sum(), x.size(0) + x


class Dimensions(torch.nn.Module):
    def forward(self, x: Tensor):
        y = x * 2
        y *= y.dim()
        return y, x.ndim, x.dim() + x.size(0)


for x in (torch.randn(0), torch.randn(1, 2, 3), torch.tensor(2.0).view(1)):
    CASES(x, name=f"dimensions-{tuple(x.shape)}", strategies=("script",))(Dimensions)


@CASES(torch.ones(2, 3, dtype=torch.int32), Y, dynamic={0: {0: "n"}, 1: {0: "n"}})
def compared_across(x: Tensor, y: Tensor):
    return (
        x.lt(1.5) & y.le(2) & x.le(1),
        x.gt(y),
        x.lt(y),
        x == 1,
        x != y,
        y >= 1,
        torch.tensor([12.0]).ge(x.size(0)),
    )


@CASES(torch.tensor(12.0), others=(torch.tensor(-3.5),))
def filled_with_what_is_given(x: Tensor):
    return torch.full((3, 4), x), torch.full_like(torch.ones(2), x), torch.zeros(2).fill_(x)


@CASES(torch.tensor([0.5]).half(), torch.tensor([1.5]))
def joined(x: Tensor, y: Tensor):
    return torch.cat([x, y]), torch.stack([y, y]), torch.cat([y, x.double()])


@CASES(torch.tensor(12), torch.tensor(2), others=((torch.tensor(1), torch.tensor(-7)),))
def made_like(x: Tensor, y: Tensor):
    return (
        torch.full_like(x, 1.3, dtype=torch.int),
        torch.full_like(x, y + 2),
        torch.ones_like(x, dtype=torch.float16),
        torch.zeros_like(y, dtype=torch.bool),
    )


def _one(x: Tensor):
    return x.type_as(torch.tensor([1.0])), x.float(), x.to(torch.int64), x.to(torch.bool), x.half()


for x in (torch.tensor([True, False]), torch.randn(3, 4).double(), torch.ones(2, 2).long()):
    CASES(x, name=f"cast-{x.dtype}")(_one)


def _moved(x: Tensor):
    return (
        x.movedim(1, 3),
        x.movedim(2, 0),
        x.movedim(1, 1),
        x.movedim((1, 2, 3), (3, 0, 1)),
        x.movedim((0, 1, 2), (1, 2, 3)),
        x.moveaxis((1, 3, 2), (1, 3, 2)),
        x.moveaxis(-1, 0),
        torch.moveaxis(x, [0, 1], [-1, -2]),
    )


row = CASES(
    torch.randn(5, 3, 4, 2),
    dynamic={0: {0: "a", 2: "b"}},
    others=(torch.randn(1, 3, 6, 2),),
    name="moved",
)
row(_moved)


@CASES(torch.randn(1, 2, 3))
def split_by_size(x: Tensor):
    return torch.split(x, x.size(1)), x.split(x.size(1), 2), x.chunk(x.size(1), -1)


@CASES(torch.randn(1, 2, 3), dynamic={0: {2: "n"}}, others=(torch.randn(1, 2, 5),))
def split_by_a_dynamic_size(x: Tensor):
    first, second = x.split([1, x.size(2) - 1], 2)
    return first, second


class Buffered(torch.nn.Module):
    """The size of a buffer is a number."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(5))

    def forward(self, x: Tensor):
        return x + self.weight.shape[0], self.weight.size(0) * x, x / self.weight.numel()


CASES(torch.randn(2, 5), dynamic=ROWS, others=(torch.randn(3, 5),))(Buffered)


@torch.jit.script
def _from(x: Tensor, start: Tensor):
    return x[:, start:]


@CASES(torch.randn(3, 4), dynamic={0: {1: "n"}}, others=(torch.randn(3, 6),))
def cut_by_script(x: Tensor):
    return _from(x, torch.tensor(x.shape[1] - 1)), x[:, x.size(1) - 2 :]

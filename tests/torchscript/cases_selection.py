"""What is taken out of tensors, and put into them, by index or by mask."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchscript.runner import TRACED, Cases

CASES = Cases()
X = torch.randn(3, 4, 5)
ALL = {0: {0: "a", 1: "b", 2: "c"}}
OTHERS = (torch.randn(4, 3, 6),)
FLAT = {0: {0: "n"}}


@CASES(X, dynamic=ALL, others=OTHERS)
def narrowed(x: Tensor):
    return (
        torch.narrow(x, 0, 0, 2),
        torch.narrow(x, 0, 0, x.shape[0] - 1),
        torch.narrow(x, -1, -2, 2),
        torch.narrow(x, 1, x.size(1) - 2, 1),
        x.narrow(2, torch.tensor(1), 2),
    )


@CASES(X, dynamic=ALL, others=OTHERS)
def selected(x: Tensor):
    return x[:, 1], x[:, -1], x.select(-1, -2), x.select(0, x.size(0) - 1), x[-1, ..., 0]


@CASES(X, torch.tensor([2, 0]), dynamic=ALL, others=((OTHERS[0], torch.tensor([1, 1])),))
def by_index(x: Tensor, i: Tensor):
    return (
        x.index_fill(2, i, -1),
        x.index_fill(-2, torch.tensor([2, 0]), 0.5),
        x.index_fill(0, i, x[0, 0, 0]),
        torch.index_select(x, 1, i),
        torch.index_select(x, -1, i[0]),
        torch.index_select(x, 1, torch.tensor(2)),
        torch.take(x, torch.tensor([4, 1, 17, -3])),
        torch.take(x, i.view(2, 1)),
    )


@CASES(X, others=(torch.randn(3, 4, 5),))
def index_copied(x: Tensor):
    source = torch.ones(3, 2, 5)
    return x.index_copy(1, torch.tensor([2, 0]), source), x.index_add(
        1, torch.tensor([1, 1]), source
    )


class Offset(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.base = torch.tensor(1)

    def forward(self, x: Tensor, offset: Tensor):
        return torch.index_select(x, 1, self.base + offset)


CASES(X, torch.tensor(2), others=((X, torch.tensor(0)),))(Offset)


@CASES(torch.randn(5, 6), torch.tensor(3), others=((torch.randn(5, 6), torch.tensor(1)),))
def topk_of_tensor(x: Tensor, k: Tensor):
    rest = torch.topk(x, k, dim=0, largest=False, sorted=False)
    return torch.topk(x, k), torch.topk(x, k, largest=False), torch.sort(rest.values, 0).values


CASES(
    torch.randn(5, 6),
    torch.tensor(3, dtype=torch.int32),
    others=((torch.randn(5, 6), torch.tensor(2, dtype=torch.int32)),),
    name="topk_of_int32",
)(topk_of_tensor)


@CASES(torch.randn(5), dynamic=FLAT, others=(torch.randn(9),))
def topk(x: Tensor):
    return torch.topk(x, 3), torch.topk(x, 2, 0, False), torch.topk(x, x.size(0) - 1)


# Scatter and gather.

Z = torch.zeros(3, 4)
I = torch.tensor([[1, 0], [0, 2], [3, 1]])
V = torch.randn(3, 2)


@CASES(Z, I, V, dynamic={0: {0: "n"}, 1: {0: "n"}, 2: {0: "n"}}, others=((Z[:2], I[1:], V[:2]),))
def scattered(x: Tensor, i: Tensor, v: Tensor):
    return x.scatter(1, i, v), x.scatter(-1, i, 1.0), x.scatter(1, i, 2)


CASES(
    torch.zeros(3, 4, 5, 6),
    I.view(3, 2, 1, 1).expand(3, 2, 5, 6),
    torch.randn(3, 2, 5, 6),
    name="scattered_4d",
)(scattered)
CASES(
    torch.zeros(3, 4, 2),
    torch.tensor([[[1, 0], [0, 1]], [[1, 1], [0, 1]], [[0, 1], [0, 1]]]),
    torch.randn(3, 2, 2),
    name="scattered_3d",
)(scattered)


@CASES(Z.double(), I)
def scattered_number(x: Tensor, i: Tensor):
    return x.scatter(1, i, 1.0), x.scatter(1, i, 3)


@torch.jit.script
def sums_at(v: Tensor, i: Tensor):
    return torch.zeros(v.size(), dtype=v.dtype).scatter_add_(1, i, v)


@CASES(
    torch.rand(3, 2),
    torch.tensor([[0, 0], [1, 1], [0, 1]]),
    dynamic={0: {0: "n"}, 1: {0: "n"}},
    others=((torch.rand(2, 2), torch.tensor([[1, 1], [0, 1]])),),
)
def added_into_made(v: Tensor, i: Tensor):
    return sums_at(v, i)


J = torch.tensor([[0, 1, 2, 0, 0], [1, 0, 2, 1, 2]])


@CASES(
    torch.zeros(3, 5),
    J,
    torch.randn(2, 5),
    dynamic={1: {0: "a", 1: "b"}, 2: {0: "c", 1: "d"}},
    others=(
        (torch.zeros(3, 5), J[:1], torch.randn(1, 5)),
        (torch.zeros(3, 5), J[:1], torch.randn(3, 5)),
        (torch.zeros(3, 5), J[:, :4], torch.randn(3, 5)),
    ),
)
def added_in_part(x: Tensor, i: Tensor, v: Tensor):
    return x.scatter_add(0, i, v)


CASES(torch.zeros(3, 5), J[:1], torch.ones(2, 5), name="added_rows")(added_in_part)


def reduced_at(v: Tensor, i: Tensor, x: Tensor):
    return (
        x.scatter_reduce(0, i, v, reduce="sum"),
        x.scatter_reduce(0, i, v, reduce="prod"),
        x.scatter_reduce(0, i, v, reduce="mean", include_self=False),
    )


def extremes_at(v: Tensor, i: Tensor, x: Tensor):
    return (
        x.scatter_reduce(0, i, v, reduce="amax"),
        x.scatter_reduce(0, i, v, reduce="amin"),
        x.scatter_reduce(0, i, v, reduce="amax", include_self=False),
    )


EMPTY = torch.tensor([])
for program in (reduced_at, extremes_at):
    CASES(
        torch.randn(6),
        torch.tensor([0, 1, 0, 1, 2, 1]),
        torch.tensor([1.0, 2.0, 3.0, 8.0]),
        dynamic={0: {0: "n"}, 1: {0: "n"}},
        others=((torch.randn(2), torch.tensor([3, 3]), torch.randn(4)),),
    )(program)
    title = program.__name__
    CASES(EMPTY, EMPTY.long(), EMPTY, name=f"{title}_empty")(program)
    numbers = torch.tensor(2.0), torch.tensor(0), torch.tensor(3.0)
    CASES(*numbers, name=f"{title}_0d")(program)


@CASES(X, torch.tensor([[[1, 0]], [[0, 2]], [[3, 1]]]), dynamic={0: {0: "n"}, 1: {0: "n"}})
def gathered(x: Tensor, i: Tensor):
    return x.gather(1, i), x.gather(-1, i), x[0].gather(0, i[0, :, :1])


class Embedded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(3))
        self.register_buffer("shift", torch.randn(1, 1, 3, 1))
        self.embed = nn.Embedding(8, 3)

    def forward(self, x: Tensor):
        count = self.weight.shape[0]
        x += self.shift[0]
        y = torch.ones(1, 4, dtype=torch.long)
        return x.clamp(min=5 - count), self.embed(y), F.pad(x, [1, count, count, 0])


CASES(torch.randn(2, 3, 4), dynamic={0: {0: "n", 2: "w"}}, others=(torch.randn(1, 3, 6),))(Embedded)


@CASES(torch.tensor([[2, 5, 10], [6, 8, 3]]), torch.tensor([1, 5, 7, 8, 10]))
def bucketized(x: Tensor, edges: Tensor):
    return torch.bucketize(x, edges), torch.bucketize(x, edges, right=True)


@CASES(torch.arange(10), dynamic=FLAT, others=(torch.arange(3),))
def one_hot(x: Tensor):
    return F.one_hot(x, 15)


@CASES(
    torch.arange(10), torch.full((1,), 15.0), others=((torch.arange(10), torch.full((1,), 11.0)),)
)
def one_hot_of_tensor(x: Tensor, classes: Tensor):
    return F.one_hot(x, classes.to(torch.int32)[0])


# Masks.


@CASES(torch.zeros(4, 2, 3), dynamic=FLAT, others=(torch.ones(5, 2, 3) * 4,))
def masked_fill(x: Tensor):
    mask = torch.tensor([[0, 0, 1], [1, 1, 0]], dtype=torch.bool)
    y = x.masked_fill(mask, 2)
    x.masked_fill_(x > 3, -1)
    return y, x, x.masked_fill(mask, torch.tensor(7.0))


@CASES(X, dynamic=ALL, others=OTHERS)
def masked(x: Tensor):
    return (
        torch.masked_scatter(x, x.ge(0.5), torch.arange(200.0).view(20, 10)),
        torch.masked_select(x, x.ge(0.5)),
        x.masked_select(x[0] > 0),
        x[x > 1],
    )


@CASES(
    torch.randn(2, 2, 2),
    torch.tensor(5.0),
    others=((torch.full((2, 2, 2), 5.0), torch.tensor(5.0)),),
)
def masks_written(x: Tensor, c: Tensor):
    y = x.clone()
    y[y != c] = 1
    y[y == c] = 0
    return y


@CASES(torch.randn(2, 2, 2), torch.tensor(5.0))
def mask_written_by_many(x: Tensor, c: Tensor):
    y = x.clone()
    y[y != c] = torch.arange(8.0)
    return y


@CASES(
    torch.randn(8, 4, 5),
    torch.arange(8) % 2 == 1,
    torch.randn(4, 4, 5),
    dynamic={0: {0: "n"}, 1: {0: "n"}, 2: {0: "m"}},
    others=((torch.randn(3, 4, 5), torch.tensor([True, True, False]), torch.randn(2, 4, 5)),),
)
def rows_written(x: Tensor, mask: Tensor, rows: Tensor):
    x[mask] = rows
    return x


@CASES(
    torch.randn(60).index_fill_(0, torch.randint(0, 60, (20,)), 0).view(3, 4, 5),
    strategies=(TRACED,),
)
def nonzero(x: Tensor):
    return x.nonzero(), x.nonzero(as_tuple=True), torch.nonzero(x[0] > 0)


# Order.


@CASES(torch.randn(3, 4), dynamic=FLAT, others=(torch.randn(5, 4),))
def sorted_along_each(x: Tensor):
    out = [torch.sort(x, dim=i, descending=True) for i in range(-2, 2)]
    for i in range(-2, 2):
        out.append(torch.sort(x, dim=i, descending=False))
    return out


@CASES(torch.randn(3, 4), dynamic=FLAT, others=(torch.randn(5, 4),))
def argsorted(x: Tensor):
    return torch.argsort(x, dim=1, descending=False), torch.argsort(x, 0, True), x.argsort()


@CASES(X, dynamic=ALL, others=OTHERS)
def diagonals(x: Tensor):
    return (
        torch.diagonal(x),
        torch.diagonal(x, offset=-1),
        torch.diagonal(x, offset=1),
        torch.diagonal(x, offset=-1, dim1=1, dim2=2),
        torch.diagonal(x, offset=-2, dim1=2, dim2=0),
        torch.diagonal(x, offset=2),
        torch.diagonal(x, offset=7),
        torch.diagonal(x, offset=-7),
    )

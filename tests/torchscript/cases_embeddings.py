"""Tables of rows, bags of them, what is unique, and grids."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
TABLE = torch.rand(10, 3)
ROWS = {0: {0: "n"}}


@CASES(
    torch.tensor([1, 0, 1, 3]),
    TABLE,
    dynamic={0: {0: "n"}, 1: {0: "rows", 1: "columns"}},
    others=((torch.tensor([6, 1]), torch.rand(7, 4)),),
)
def looked_up(x: Tensor, table: Tensor):
    return F.embedding(x, table, padding_idx=1), F.embedding(x.view(-1, 2), table), table[x]


class Tables(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Embedding(4, 3, padding_idx=1)
        self.second = nn.Embedding(4, 3, padding_idx=1)
        self.third = nn.Embedding(4, 3)
        with torch.no_grad():
            self.second.weight[1] = torch.ones(3)

    def forward(self, x: Tensor):
        return self.first(x), self.second(x), self.third(x)


for training in ("eval", "train"):
    row = CASES(
        torch.tensor([1, 2, 1, 3]),
        dynamic=ROWS,
        others=(torch.tensor([0, 1]),),
        training=training,
        name=f"tables-{training}",
    )
    row(Tables)
    CASES(torch.randint(4, (4, 3, 2)), training=training, name=f"tables-3d-{training}")(Tables)

for norm, kind, places in ((0.2, 2.0, [2, 1]), (0.5, 1.0, [4, 3, 4, 2]), (0.3, 3.0, [0, 6])):
    row = CASES(
        torch.tensor(places),
        dynamic=ROWS,
        others=(torch.tensor([1, 1, 5]),),
        name=f"renormed-{norm}-{kind}",
    )
    row(partial(nn.Embedding, 7, 5, max_norm=norm, norm_type=kind))


# Bags.

PLACES, STARTS = torch.tensor([3, 1, 4, 1, 5, 9, 2]), torch.tensor([0, 2, 5, 6])
BAG_AXES = {0: {0: "n"}, 1: {0: "bags"}}
OTHER_BAGS = (torch.tensor([1, 8, 2]), torch.tensor([0, 0, 2]))

for mode in ("sum", "mean", "max"):
    for last in (False, True):
        starts = torch.tensor([0, 2, 5, 7]) if last else STARTS
        other = (OTHER_BAGS[0], torch.tensor([0, 1, 3])) if last else OTHER_BAGS
        row = CASES(
            *(PLACES, starts),
            dynamic=BAG_AXES,
            others=(other,),
            name=f"bags-{mode}-{last}",
        )
        row(partial(nn.EmbeddingBag, 10, 5, mode=mode, include_last_offset=last))
    row = CASES(
        torch.randint(10, (7, 5)),
        dynamic={0: {0: "n", 1: "m"}},
        others=(torch.randint(10, (2, 3)),),
        name=f"bags-of-rows-{mode}",
    )
    row(partial(nn.EmbeddingBag, 10, 5, mode=mode))
CASES(PLACES, STARTS, name="bags-scaled")(
    partial(nn.EmbeddingBag, 10, 5, mode="sum", scale_grad_by_freq=True)
)
CASES(PLACES, STARTS, name="bags-padded")(
    partial(nn.EmbeddingBag, 10, 5, mode="mean", padding_idx=1)
)


@CASES(
    torch.rand(10, 4),
    torch.tensor([0, 3, 6, 2, 2, 1]),
    torch.tensor([0, 2, 5]),
    torch.randn(6),
    dynamic={0: {0: "rows", 1: "columns"}, 1: {0: "n"}, 2: {0: "bags"}, 3: {0: "n"}},
    others=((torch.rand(12, 5), torch.tensor([7, 0]), torch.tensor([0]), torch.randn(2)),),
)
def weighted_bags(table: Tensor, places: Tensor, starts: Tensor, weights: Tensor):
    return F.embedding_bag(places, table, starts, mode="sum", per_sample_weights=weights)


@CASES(
    torch.rand(10, 4),
    torch.randint(7, (2, 3)),
    torch.randn(2, 3),
    dynamic={0: {0: "rows", 1: "columns"}, 1: {0: "n", 1: "m"}, 2: {0: "n", 1: "m"}},
    others=((torch.rand(12, 5), torch.randint(7, (3, 5)), torch.randn(3, 5)),),
)
def weighted_bags_of_rows(table: Tensor, places: Tensor, weights: Tensor):
    return F.embedding_bag(places, table, mode="sum", per_sample_weights=weights)


# What is unique.


@CASES(torch.tensor([1, 3, 2, 3]), dynamic=ROWS, others=(torch.tensor([5, 5]),))
def unique(x: Tensor):
    return (
        torch.unique(x, sorted=True, return_inverse=False, return_counts=True),
        torch.unique(x, dim=0, sorted=True, return_inverse=True, return_counts=False),
        torch.unique(x, return_inverse=True, return_counts=True),
        torch.unique(x),
        torch.unique_consecutive(x),
    )


@CASES(torch.tensor([[1, 3], [2, 3], [1, 3]]), others=(torch.tensor([[5, 5], [4, 4], [5, 5]]),))
def unique_rows(x: Tensor):
    return torch.unique(x, dim=0), torch.unique(x, dim=1, return_inverse=True), torch.unique(x)


# Grids.


@CASES(
    torch.randn(3),
    torch.zeros(4),
    torch.randn(5),
    torch.tensor(2.0),
    dynamic={0: {0: "a"}, 1: {0: "b"}, 2: {0: "c"}},
    others=((torch.randn(1), torch.zeros(2), torch.randn(6), torch.tensor(3.0)),),
)
def grids(x: Tensor, y: Tensor, z: Tensor, number: Tensor):
    a, b, c = torch.meshgrid(x, y, z)
    d, e = torch.meshgrid(x, number)
    f, g = torch.meshgrid([x, y], indexing="xy")
    return a, b, c, d, e, f, g, torch.cartesian_prod(x, y)

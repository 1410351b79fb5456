"""Sorting, ranks, searching, counting."""

from __future__ import annotations

import torch
from runner import case

torch.manual_seed(0)
r = torch.randn
INTS = torch.tensor([[3, -1, 3, 2], [0, 0, 5, 5], [7, 1, 1, 7]])
GAPS = torch.tensor([[1.0, torch.nan, 3.0], [2.0, 1.0, 4.0], [torch.nan, torch.nan, torch.nan]])
EDGES = torch.tensor([1.0, 2.0, 2.0, 5.0])
VALUES = torch.tensor([[0.0, 1.0, 2.0], [5.0, 6.0, torch.nan]])


def with_size(n: int) -> torch.Tensor:
    return torch.randint(-3, 3, (3, n))


CASES = [
    case(
        "topk", lambda x: (*x.topk(2), *x.topk(2, 0, largest=False)), r(3, 4), others=((r(5, 4),),)
    ),
    case("topk-size", lambda x: x.topk(x.shape[1] // 2, 1).values, r(3, 4), others=((r(3, 8),),)),
    case(
        "sort",
        lambda x: (
            *x.sort(stable=True),
            *x.sort(dim=0, descending=True, stable=True),
            x.argsort(dim=1, stable=True),
            torch.msort(x),
        ),
        INTS,
        others=((with_size(6),),),
    ),
    case("sort-bool", lambda x: (x > 2).sort(stable=True), INTS, opsets=(11, 20)),
    case("sort-nan", lambda x: (x.sort(1).values, x.sort(1, True).values), GAPS, opsets=(11, 20)),
    case(
        "zero-axes",
        lambda x: (
            *x.sort(0),
            *x.topk(1, 0),
            *x.median(0),
            x.argsort(0),
            *x.kthvalue(1, 0),
            *x.mode(0),
        ),
        torch.tensor(2.0),
        opsets=(20,),
    ),
    case(
        "ranks",
        lambda x: (
            x.kthvalue(2).values,
            x.kthvalue(3, 0, keepdim=True).values,
            x.median(),
            x.median(1).values,
            x.median(0, keepdim=True).values,
        ),
        r(3, 4),
        others=((r(5, 4),),),
    ),
    case("ranks-int", lambda x: (x.kthvalue(2).values, x.median(), x.median(1).values), INTS),
    case(
        "median-nan",
        lambda x: (*x.median(1), x.nanmedian(1).values, x.nanmedian(), x.median()),
        GAPS,
        opsets=(11, 20),
    ),
    case("mode", lambda x: (*x.mode(), *x.mode(0, keepdim=True)), INTS, others=((with_size(5),),)),
    case(
        "unique",
        lambda x: (torch.unique(x), *torch.unique(x, return_inverse=True, return_counts=True)),
        INTS,
        others=((with_size(5),),),
    ),
    case(
        "unique-dim",
        lambda x: torch.unique(x.int(), dim=0, return_inverse=True, return_counts=True),
        torch.cat([INTS, INTS]),
        opsets=(11, 20),
    ),
    case(
        "unique-runs",
        lambda x: (
            *torch.unique_consecutive(x, return_inverse=True, return_counts=True),
            *torch.unique_consecutive(x, dim=1, return_inverse=True, return_counts=True),
        ),
        INTS,
        others=((with_size(7),),),
    ),
    case(
        "searchsorted",
        lambda e, v: (
            torch.searchsorted(e, v),
            torch.searchsorted(e, v, right=True),
            torch.bucketize(v, e, out_int32=True),
            torch.searchsorted(e, 2.0, side="right"),
        ),
        EDGES,
        VALUES,
        others=((torch.arange(9.0), r(2, 5)),),
        opsets=(13, 20),
    ),
    case(
        "searchsorted-rows",
        lambda e, v: (
            torch.searchsorted(e, v),
            torch.searchsorted(e.flip(1), v, sorter=torch.tensor([[3, 2, 1, 0]] * 3)),
        ),
        INTS.sort(1).values,
        INTS,
    ),
    case(
        "bincount",
        lambda x: (torch.bincount(x), torch.bincount(x, minlength=9), torch.bincount(x, x * 0.5)),
        torch.tensor([1, 5, 1]),
        others=((torch.tensor([0, 2, 2, 7]),),),
        opsets=(11, 20),
    ),
    case(
        "histc",
        lambda x: (torch.histc(x, 4, -1, 1), torch.histc(x, 5), torch.histc(x.round(), 4, 0, 3)),
        r(50),
        others=((r(80),),),
        opsets=(11, 20),
    ),
    case(
        "isin",
        lambda x, y: (
            torch.isin(x, y),
            torch.isin(x, y, invert=True),
            torch.isin(x, 3),
            torch.isin(5, x),
        ),
        INTS,
        torch.tensor([3, 7]),
        others=((with_size(5), torch.tensor([1, 2, 3])),),
        opsets=(11, 20),
    ),
]

"""Reductions, softmax, running sums."""

from __future__ import annotations

import math

import torch
from runner import case

torch.manual_seed(0)
r = torch.randn
X = r(2, 3, 4)
ZERO_D = torch.tensor(2.5)
FAR = torch.tensor([[-1234.0, -1400, -1234], [2000, 1, -2000], [-math.inf, -math.inf, -1234]])
INTS = torch.tensor([[3, -1, 3], [0, 0, 0]])
SOME = torch.tensor([[True, False], [False, False], [True, True]])
GAPS = torch.tensor([[1.0, torch.nan, 3.0], [torch.nan, torch.nan, torch.nan]])
LOW = torch.full((2, 3), -torch.inf)


def bounds(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return (*x.max(-1), *x.min(0, keepdim=True), x.amax((0, 1)), x.amin(), x.max(), x.min())


CASES = [
    case(
        "sums",
        lambda x: (
            x.sum(),
            x.sum(-1),
            x.sum((0, 2), keepdim=True),
            x.mean(1),
            x.mean((0, -1)),
            x.prod(),
            x.prod(1),
        ),
        X,
        others=((r(3, 5, 4),),),
    ),
    case(
        "sums-int",
        lambda x: (
            x.sum(),
            x.sum(1),
            x.prod(0),
            x.float().mean(),
            x.mean(dtype=torch.float64),
            x.sum(0, dtype=torch.float32),
        ),
        INTS,
    ),
    case("sums-narrow", lambda x: (x.sum(), x.prod(1), x.bool().sum(0)), INTS.to(torch.int8)),
    case(
        "zero-axes",
        lambda x: (
            x.sum(0),
            x.mean(-1),
            x.amax(0),
            x.argmax(0),
            x.softmax(0),
            x.log_softmax(-1),
            x.cumsum(0),
            x.norm(),
            (-x).norm(1),
            x.var(0, correction=0),
            x.max(0).indices,
            x.logsumexp(0),
            (x > 0).any(0),
            x.std(),
        ),
        ZERO_D,
    ),
    case(
        "empty",
        lambda x: (
            x.sum(1),
            x.mean(1),
            x.prod(1),
            (x > 0).any(1),
            (x > 0).all(1),
            x.norm(dim=1),
            x.logsumexp(1),
        ),
        r(2, 0),
    ),
    case("bounds", bounds, X, others=((r(4, 3, 4),),)),
    case("bounds-int", bounds, INTS),
    case("bounds-bool", lambda x: (x.amax(0), x.amin(1), x.max(), x.aminmax()), SOME),
    case(
        "places",
        lambda x: (
            x.argmax(),
            x.argmin(-1),
            x.argmax(0, keepdim=True),
            x.argmin(None, keepdim=True),
        ),
        X,
        others=((r(4, 3, 4),),),
    ),
    case("places-int", lambda x: (x.argmax(1), x.to(torch.int16).argmin(0)), INTS),
    case(
        "logical",
        lambda x: (
            x.any(),
            x.all(),
            x.any(0),
            x.all(-1, keepdim=True),
            x.any((0, 1)),
            x.to(torch.uint8).any(1),
            x.float().all(1),
        ),
        SOME,
    ),
    case(
        "logical-none", lambda x: (torch.any(x, dim=()), torch.all(x, dim=())), SOME, opsets=(20,)
    ),
    case(
        "variances",
        lambda x: (
            x.var(),
            x.std(1),
            x.var(-1, correction=0),
            x.std((0, 1), unbiased=False),
            torch.var_mean(x, 1),
            torch.std_mean(x, (0, 2), correction=2, keepdim=True),
            x.var((0, 1), correction=0),
        ),
        X,
        others=((r(4, 3, 4),),),
    ),
    case("variance-half", lambda x: x.var(-1), (r(2, 50) * 100).half(), opsets=(11, 20)),
    case("variance-one", lambda x: (x.var(-1), x.std(-1)), r(2, 1), opsets=(20,)),
    case(
        "any-all-of-none",
        lambda x: (x.any(), x.all(), (x > 0).any(0), (x > 0).all(0), (x > 0).all(1)),
        torch.randn(3, 4),
        others=((torch.randn(0, 4),),),
    ),
    case(
        "norms",
        lambda x: [
            torch.linalg.vector_norm(x, p, -1) for p in (0, 0.5, 1, 2, 3, torch.inf, -torch.inf)
        ],
        X,
    ),
    case(
        "norms-all",
        lambda x: (
            x.norm(),
            x.norm(3, 1),
            x.norm(p="fro", dim=(0, 1)),
            torch.linalg.norm(x[0]),
            torch.linalg.matrix_norm(x),
            x.norm(1, -1, dtype=torch.float64),
        ),
        X,
    ),
    case(
        "logsumexp",
        lambda x: (x.logsumexp(1), x.logsumexp((0, 1), keepdim=True)),
        torch.cat([r(1, 3) * 1000, LOW]),
        others=((r(5, 3),),),
    ),
    case("logsumexp-far", lambda x: x.logsumexp(1), FAR),
    case("logsumexp-int", lambda x: x.logsumexp(1), INTS),
    case(
        "gaps", lambda x: (x.nansum(1), x.nansum(), x.nanmean(1), INTS.to(x.device).nansum()), GAPS
    ),
    case(
        "nonzeros", lambda x: (x.count_nonzero(), x.count_nonzero(1), x.count_nonzero((0, 1))), INTS
    ),
    case(
        "softmax",
        lambda x: (
            x.softmax(0),
            x.softmax(1),
            x.log_softmax(-1),
            x.log_softmax(1),
            x.softmax(-1, dtype=torch.float64),
        ),
        X,
        others=((r(3, 5, 4),),),
    ),
    case("softmax-int", lambda x: x.softmax(1, dtype=torch.float32), INTS),
    case("softmax-safe", lambda x: torch._safe_softmax(x, -1), torch.cat([r(1, 3), LOW])),
    case(
        "cumsum",
        lambda x: (x.cumsum(-1), x.cumsum(0), (x > 0).cumsum(1)),
        X,
        others=((r(3, 5, 4),),),
    ),
    case(
        "cumprod",
        lambda x: (x.cumprod(1), x.cumprod(-1), x.int().cumprod(0)),
        X,
        others=((r(3, 5, 4),),),
    ),
    case("logcumsumexp", lambda x: x.logcumsumexp(1), X, others=((r(3, 5, 4),),)),
    case(
        "cummax",
        lambda x: (*x.cummax(1), *x.cummin(0), *x.cummax(-1)),
        torch.cat([INTS, INTS]),
        opsets=(11, 20, 28),
        others=((torch.randint(0, 3, (6, 3)),),),
    ),
    case(
        "renorm-bfloat16",
        lambda x: x.renorm(2, 0, 1.5),
        r(3, 4, 4).bfloat16(),
        others=((r(3, 5, 4).bfloat16(),),),
        opsets=(13, 20),
    ),
    *(
        case(
            f"cummax-{name}",
            lambda x: (*x.cummax(1), *x.cummin(1), *x.cummax(0), *x.cummin(-1)),
            x,
            others=((x[:, :3],),),
            opsets=(11, 20, 28),
        )
        for name, x in (
            ("nan", torch.tensor([[1, torch.nan, 5, torch.nan, 3], [2, 2, 1, 3, 3]])),
            ("infinite", torch.tensor([[-torch.inf] * 2 + [0, torch.inf, torch.inf]])),
            ("smallest", torch.tensor([[0, 0, 255, 1, 255]], dtype=torch.uint8)),
            ("bool", torch.tensor([[False, False, True, False, True]])),
        )
    ),
    case(
        "spread-of-any-number",
        lambda x: (x.var(0), x.std(0), x.var(0, correction=0)),
        X,
        others=((X[:1],), (X[:0],)),
        opsets=(11, 20),
    ),
]

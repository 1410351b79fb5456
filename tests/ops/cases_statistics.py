"""Quantiles, covariances, histograms, distances, segments; extremes where there is NaN."""

from __future__ import annotations

import torch
from runner import case

torch.manual_seed(0)
r = torch.randn
NAN, INF = torch.nan, torch.inf
GAPS = torch.tensor([[1.0, NAN, 3.0, -INF], [2.0, 1.0, 4.0, INF], [NAN, NAN, NAN, NAN]])
Q = torch.tensor([0.0, 0.3, 0.5, 1.0])
METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def segments(x: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, ...]:
    reductions = ("sum", "mean", "prod", "max", "min")
    return tuple(
        torch.segment_reduce(x, how, lengths=lengths, initial=initial)
        for how in reductions
        for initial in (None, 2)
    )


CASES = [
    case(
        "extremes-nan",
        lambda x: (
            *x.max(1),
            *x.min(0),
            x.amax((0, 1)),
            x.amin(1, keepdim=True),
            x.argmax(),
            x.argmin(0, keepdim=True),
            x.norm(float("inf"), 1),
        ),
        GAPS,
        others=((torch.cat([GAPS, GAPS]),),),
        opsets=(11, 20),
    ),
    case(
        "variance-of-nothing",
        lambda x: (*torch.var_mean(x, 0), *torch.std_mean(x, 1), x.std()),
        r(0, 3),
        opsets=(11, 20),
    ),
    case(
        "quantile",
        lambda x: (
            *(x.quantile(0.3, 1, interpolation=how) for how in METHODS),
            x.quantile(Q, 0, keepdim=True),
            x.quantile(Q),
            x.quantile(0.5, keepdim=True),
        ),
        r(5, 4),
        others=((r(8, 4),),),
        opsets=(11, 20),
    ),
    case(
        "quantile-nan",
        lambda x, q: (
            x.quantile(q, 1),
            x.nanquantile(q, 1),
            x.nanquantile(0.3, 0, True),
            x.nanquantile(q),
        ),
        GAPS,
        Q,
        others=((GAPS[:, :3], Q[:2]),),
        opsets=(11, 20),
    ),
    case(
        "cov",
        lambda x, f, a: (
            x.cov(),
            x.cov(correction=0, aweights=a),
            x.cov(correction=2, fweights=f, aweights=a),
            x[0].cov(),
            torch.corrcoef(x),
            torch.corrcoef(x[0]),
        ),
        r(3, 5),
        torch.tensor([1, 2, 0, 4, 1]),
        torch.rand(5),
        others=((r(4, 6), torch.tensor([1, 2, 0, 4, 1, 3]), torch.rand(6)),),
        opsets=(11, 20),
    ),
    case(
        "cov-promoted",
        lambda x, a: (x.cov(aweights=a), x[0].cov(correction=0, aweights=a), x.int().cov()),
        r(3, 5).half(),
        torch.rand(5),
        opsets=(13, 20),
        rtol=2e-3,
        atol=2e-3,
    ),
    case(
        "histogram",
        lambda x: (
            *torch.histogram(x, 4),
            *torch.histogram(x, 3, range=(-1.0, 1.0), density=True),
            *torch.histogram(x, torch.tensor([-2.0, 0.0, 0.5, 3.0]), weight=x.abs()),
        ),
        torch.tensor([0.0, 0.5, 3.0, -2.0, 1.0, -1.0, 7.0]),
        others=((r(30),),),
        opsets=(11, 20),
    ),
    case(
        "histogram-nan",
        lambda x: torch.histogram(x, 2, range=(0.0, 2.0))[0],
        torch.tensor([0.0, 2.0, NAN, INF, -INF, 1.0]),
        opsets=(11, 20),
    ),
    case(
        "histogramdd",
        lambda x: (lambda h: (h[0], *h[1]))(
            torch.histogramdd(x, [2, 3], range=[-1.0, 1.0, -2.0, 2.0], density=True)
        ),
        r(9, 2),
        others=((r(20, 2),),),
        opsets=(11, 20),
    ),
    case(
        "cdist",
        lambda x, y: tuple(torch.cdist(x, y, p) for p in (0.0, 1.0, 2.0, 3.5, INF)),
        r(2, 3, 4),
        r(1, 5, 4),
        others=((r(3, 2, 4), r(1, 6, 4)),),
        opsets=(11, 20),
    ),
    case(
        "cdist-many",
        lambda x: torch.cdist(x, 1 - x),
        r(30, 5),
        rtol=1e-4,
        atol=1e-3,
        opsets=(11, 20),
    ),
    case("pdist", lambda x: torch.pdist(x, 3), r(4, 3), others=((r(7, 3),),), opsets=(11, 20)),
    case(
        "segments",
        segments,
        torch.tensor([[1.0, 2.0], [3.0, NAN], [-5.0, 4.0], [2.0, 2.0]]),
        torch.tensor([1, 0, 3]),
        others=((r(5, 2), torch.tensor([2, 1, 0, 2])),),
        opsets=(11, 20),
    ),
    case(
        "segments-offsets",
        lambda x, o: torch.segment_reduce(x, "max", offsets=o, axis=1),
        r(2, 6, 3),
        torch.tensor([[0, 2, 2, 6], [0, 1, 5, 6]]),
        opsets=(11, 20),
    ),
    case(
        "equal",
        lambda x, y: (torch.equal(x, y), x.equal(x), torch.allclose(x, y, atol=0.5)),
        r(3, 4),
        r(3, 4),
        others=((torch.zeros(2, 4), torch.full((2, 4), 0.25)),),
        opsets=(13, 20),
    ),
]

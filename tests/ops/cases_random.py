"""Random numbers: their dtypes, sizes and bounds; and shifts of integers.

What is drawn differs from PyTorch's, so rows compare what is sure of it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from runner import Case, case

torch.manual_seed(0)
X = torch.randn(3, 4)
MORE = ((torch.randn(5, 4),),)
ENDS = (11, 20)


def sure(name: str, draw: Callable[..., torch.Tensor], low: float, high: float) -> Case:
    """Everything drawn lies within the bounds, and has the size and dtype that PyTorch's has."""

    def bounded(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        drawn = draw(x)
        within = (drawn >= low).all() & (drawn <= high).all()
        return within, torch.zeros_like(drawn)

    return case(name, bounded, X, others=MORE, opsets=ENDS)


def mean_of(name: str, draw: Callable[..., torch.Tensor], mean: float) -> Case:
    """The mean of many is near what it has to be."""

    def near(x: torch.Tensor) -> torch.Tensor:
        return (draw(x.new_zeros(100, 100)).double().mean() - mean).abs() < 0.1

    return case(name, near, X, opsets=(20,))


WHOLE = torch.tensor([5, -5, 127, -128, 0, 1])
BY = torch.tensor([0, 1, 3, 6, 7, 40])


def shifts(dtype: torch.dtype) -> list[Case]:
    x, by = WHOLE.to(dtype), BY.to(dtype)
    name = str(dtype).removeprefix("torch.")
    return [
        case(f"left-{name}", lambda x, y: (x << 2, x << y), x, by, opsets=ENDS),
        case(f"right-{name}", lambda x, y: (x >> 2, x >> y), x, by, opsets=ENDS),
    ]


CASES = [
    sure("rand", lambda x: torch.rand(x.shape[0], 2, dtype=torch.float64), 0, 1),
    sure("rand_like", torch.rand_like, 0, 1),
    sure("randint", lambda x: torch.randint(-2, 3, (x.shape[0], 50)), -2, 2),
    sure("randint_like", lambda x: torch.randint_like(x, 3), 0, 2),
    sure("uniform", lambda x: x.clone().uniform_(-3, -2), -3, -2),
    sure("bernoulli", lambda x: torch.bernoulli(x.sigmoid()), 0, 1),
    sure("bernoulli-p", lambda x: x.clone().bernoulli_(1.0), 1, 1),
    sure("geometric", lambda x: x.clone().geometric_(0.5), 1, 1000),
    sure("exponential", lambda x: x.clone().exponential_(), 0, 1000),
    sure("multinomial", lambda x: torch.multinomial(x.abs(), 7, replacement=True), 0, 3),
    sure("feature_dropout", lambda x: F.dropout2d(x[None, :, :, None], 1.0, True), 0, 0),
    case(
        "multinomial-all",  # without replacement each is drawn once
        lambda x: torch.multinomial(x.abs(), 4).sort(-1).values,
        X,
        others=MORE,
        opsets=ENDS,
    ),
    case("randperm", lambda x: torch.randperm(6).sort().values, X, opsets=ENDS),
    mean_of("normal", lambda x: torch.randn_like(x) * 2 + 3, 3),
    mean_of("normal-tensors", lambda x: torch.normal(x + 1, x + 2), 1),
    mean_of("dropout", lambda x: F.dropout(x + 1, 0.3, True), 1),
    mean_of("alpha_dropout", lambda x: F.alpha_dropout(torch.randn_like(x), 0.3, True), 0),
    mean_of("rrelu", lambda x: F.rrelu(x - 1, 0.2, 0.4, True), -0.3),
    mean_of("log_normal", lambda x: x.clone().log_normal_(0, 0.5).log(), 0),
    *(row for d in (torch.int64, torch.int32, torch.int8, torch.uint8) for row in shifts(d)),
]

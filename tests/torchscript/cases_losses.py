"""Losses: reductions, weights, what is ignored, and targets of any rank."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchscript.runner import SCRIPT, TRACE, Cases

CASES = Cases()
REDUCTIONS = ("none", "sum", "mean")
WEIGHT = torch.rand(5) + 0.2
BATCH = {0: {0: "n"}, 1: {0: "n"}}


def _classes(*shape: int, ignored: int) -> Tensor:
    """Targets of which some are ignored, the first in any case."""
    target = torch.randint(5, shape)
    target[target == 1] = ignored
    target.view(-1)[0] = ignored
    return target


# Of classes.


class LikelihoodOfPixels(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 5, 2)
        self.logarithms = nn.LogSoftmax(dim=1)
        self.loss = nn.NLLLoss(**options)

    def forward(self, x: Tensor, target: Tensor):
        return self.loss(self.logarithms(self.convolution(x)), target)


SETTINGS = product((-100, 1), REDUCTIONS, (None, WEIGHT))
for turn, (ignored, reduction, weight) in enumerate(SETTINGS):
    options = {"reduction": reduction, "ignore_index": ignored, "weight": weight}
    label = f"{ignored}-{reduction}-{'plain' if weight is None else 'weighted'}"
    rest = ((), (2,), (2, 4))[turn % 3]
    row = CASES(
        *(torch.randn(3, 5, *rest), _classes(3, *rest, ignored=ignored)),
        dynamic=BATCH,
        others=((torch.randn(6, 5, *rest), _classes(6, *rest, ignored=ignored)),),
        name=f"cross-entropy-{label}",
    )
    row(partial(nn.CrossEntropyLoss, **options))
    row = CASES(
        *(torch.randn(2, 3, 4, 5), _classes(2, 3, 4, ignored=ignored)),
        dynamic=BATCH,
        others=((torch.randn(3, 3, 4, 5), _classes(3, 3, 4, ignored=ignored)),),
        strategies=("trace", "script")[turn % 2 : turn % 2 + 1],
        name=f"likelihood-of-pixels-{label}",
    )
    row(partial(LikelihoodOfPixels, **options))


@CASES(torch.randn(5, 16), _classes(5, ignored=-100))
def likelihood_of_twice(x: Tensor, target: Tensor):
    return F.nll_loss(F.log_softmax(2 * x, dim=1), target, reduction="none")


@CASES(
    torch.randn(5, 8),
    torch.tensor([0, 5, 2, 5, 7]),
    torch.randint(10, (5, 5)),
    dynamic={0: {0: "n"}, 1: {0: "n"}, 2: {0: "n", 1: "ignored"}},
    others=((torch.randn(3, 8), torch.tensor([0, 6, 2]), torch.ones(3, 6, dtype=torch.int64)),),
)
def ignoring_what_a_size_tells(x: Tensor, target: Tensor, start: Tensor):
    loss = F.nll_loss(F.log_softmax(x, dim=-1), target, ignore_index=start.size(1))
    return loss + start.float()


@CASES(torch.randn(4, 5), torch.rand(4, 5).softmax(1), dynamic=BATCH)
def of_probabilities(x: Tensor, target: Tensor):
    return (
        F.cross_entropy(x, target),
        F.cross_entropy(x, target, reduction="none"),
        F.cross_entropy(x, target.argmax(1), label_smoothing=0.1),
    )


# Of numbers.

PAIR = (torch.randn(2, 3, 5), torch.randn(2, 3, 5))
OTHER_PAIR = ((torch.randn(4, 3, 5), torch.randn(4, 3, 5)),)


class Reduced(nn.Module):
    """One loss, in each reduction."""

    def __init__(self, loss: Any, **options: Any) -> None:
        super().__init__()
        self.none = loss(reduction="none", **options)
        self.sum = loss(reduction="sum", **options)
        self.mean = loss(reduction="mean", **options)

    def forward(self, x: Tensor, target: Tensor):
        return self.none(x, target), self.sum(x, target), self.mean(x, target)


for loss in (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss, nn.SoftMarginLoss):
    row = CASES(*PAIR, dynamic=BATCH, others=OTHER_PAIR, name=f"numbers-{loss.__name__}")
    row(partial(Reduced, loss))


def _divergence(x: Tensor, target: Tensor):
    return (
        F.kl_div(x, target, reduction="none"),
        F.kl_div(x, target, reduction="batchmean"),
        F.kl_div(x, target, reduction="sum"),
        F.kl_div(x, target.log(), reduction="none", log_target=True),
        F.kl_div(x, target.log(), reduction="mean", log_target=True),
        F.kl_div(x, target.log(), reduction="batchmean", log_target=True),
        F.kl_div(x, target * 0),
    )


for shape in ((5,), (2, 3, 5), (2, 3, 5, 7)):
    args = (torch.rand(shape).log(), torch.rand(shape))
    other = (torch.rand(4, *shape[1:]).log(), torch.rand(4, *shape[1:]))
    CASES(*args, dynamic=BATCH, others=(other,), name=f"divergence-{len(shape)}d")(_divergence)
for target in (True, False):
    row = CASES(*[torch.rand(3, 2)] * 2, name=f"divergence-averaged-{target}")
    row(partial(nn.KLDivLoss, reduction="batchmean", size_average=False, log_target=target))


def _binary(x: Tensor, target: Tensor, weight: Tensor | None, of_ones: Tensor | None):
    loss = F.binary_cross_entropy_with_logits
    return (
        loss(x, target, weight, pos_weight=of_ones, reduction="none"),
        loss(x, target, weight, pos_weight=of_ones, reduction="mean"),
        loss(x, target, weight, pos_weight=of_ones, reduction="sum"),
    )


ONES = torch.tensor([[2.0, 0, 1, 0.5]] * 2)
for told, shape, weight, of_ones in (
    ("plain", (5,), None, None),
    ("weighted", (3, 4), torch.tensor([3]), None),
    ("ones-weighted", (3, 2, 4), None, ONES),
    ("both-weighted", (3, 2, 4), torch.tensor([3.0]), ONES),
):
    args = (torch.randn(shape), torch.randint(2, shape).float(), weight, of_ones)
    CASES(*args, name=f"binary-{told}")(_binary)


PROBABILITIES = (torch.rand(3, 4), torch.randint(2, (3, 4)).float())


@CASES(*PROBABILITIES, strategies=SCRIPT)
@CASES(
    *PROBABILITIES,
    strategies=TRACE,
    release=("2.13", "its torch.jit.trace can't run a weighted binary_cross_entropy before"),
)
def binary_of_probabilities(x: Tensor, target: Tensor):
    return F.binary_cross_entropy(x, target), F.binary_cross_entropy(x, target, target + 1)


@CASES(torch.randn(4, 3), torch.randn(4, 3), torch.randn(4, 3))
def of_three(x: Tensor, y: Tensor, z: Tensor):
    return (
        F.triplet_margin_loss(x, y, z),
        F.margin_ranking_loss(x, y, z.sign(), margin=0.1),
        F.cosine_embedding_loss(x, y, torch.ones(4)),
        F.poisson_nll_loss(x, y.abs()),
        F.hinge_embedding_loss(x, z.sign()),
        F.multi_margin_loss(x, torch.tensor([0, 2, 1, 1])),
    )

"""Results that are None in some runs."""

from __future__ import annotations

from itertools import product
from typing import Optional

import torch
from torch import Tensor

from torchscript.runner import SCRIPT, Cases

CASES = Cases()


@CASES(
    torch.ones(3, 4, dtype=torch.int),
    dynamic={0: {0: "a", 1: "b"}},
    others=(torch.ones(1, 4, dtype=torch.int), torch.ones(1, 7, dtype=torch.int)),
    strategies=SCRIPT,
)
def never_none_where_given(y: Optional[Tensor]) -> Optional[Tensor]:
    if y is not None:
        if y.shape[1] < 5:
            if y.size(0) == 1:
                y = y + 4
            else:
                return y
    return y


def none_if_short(x) -> Optional[Tensor]:
    y: Optional[Tensor] = None
    if x.size(0) > 1:
        y = x
    return y


def none_if_long(x) -> Optional[Tensor]:
    y: Optional[Tensor] = x
    if x.size(0) > 1:
        y = None
    return y


def none_without_turns(x) -> Optional[Tensor]:
    y: Optional[Tensor] = None
    for _ in range(x.size(0)):
        y = x
    return y


def none_after_turns(x) -> Optional[Tensor]:
    y: Optional[Tensor] = x
    for _ in range(x.size(0)):
        y = None
    return y


MODELS = (none_if_short, none_if_long, none_without_turns, none_after_turns)
for program, n in product(MODELS, (0, 1, 2)):
    name = f"{program.__name__}, {n} rows"
    lengths = [torch.ones(length) for length in range(4)]
    CASES(
        *(torch.ones(n),),
        dynamic={0: {0: "n"}},
        others=lengths,
        strategies=SCRIPT,
        since=16,
        name=name,
    )(program)

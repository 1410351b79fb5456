"""Recurrent layers without biases, of states that are made, stacked and projected, and cells."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
INPUT, HIDDEN = 5, 4
AXES = {0: {0: "steps", 1: "batch"}}
LAYERS: dict[str, Any] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": partial(nn.RNN, nonlinearity="relu"),
}


class Alone(nn.Module):
    """A layer that makes its first state."""

    def __init__(self, make: Any, **options: Any) -> None:
        super().__init__()
        self.layer = make(INPUT, HIDDEN, **options)

    def forward(self, x: Tensor):
        return self.layer(x)


class Single(Alone):
    def forward(self, x: Tensor, h: Tensor):
        return self.layer(x, h)


class Pair(Alone):
    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]):
        return self.layer(x, state)


for kind, layers, both in product(LAYERS, (1, 2), (False, True)):
    options = {"num_layers": layers, "bidirectional": both, "bias": False}
    name = f"{kind} of {layers}{', both ways' * both}"
    CASES(torch.randn(4, 3, INPUT), dynamic=AXES, others=(torch.randn(6, 2, INPUT),), name=name)(
        partial(Alone, LAYERS[kind], **options)
    )
    made = [torch.randn(2, layers * (1 + both), n, HIDDEN).unbind() for n in (3, 3)]
    states = [(h, c) if kind == "lstm" else h for h, c in made]
    CASES(
        torch.randn(4, 3, INPUT),
        states[0],
        others=((torch.randn(4, 3, INPUT), states[1]),),
        name=f"{name}, with state",
    )(partial(Pair if kind == "lstm" else Single, LAYERS[kind], **options))


class MadeState(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(INPUT, HIDDEN)
        self.hidden = HIDDEN

    def forward(self, x: Tensor):
        batch = x.size()[1]
        h = torch.ones([1, batch, self.hidden])
        return self.layer(x, (h, h * 2))


CASES(torch.randn(4, 1, INPUT), dynamic=AXES, others=(torch.randn(3, 4, INPUT),))(MadeState)


class Cells(nn.Module):
    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTMCell(INPUT, HIDDEN, bias=bias)
        self.gru = nn.GRUCell(INPUT, HIDDEN, bias=bias)
        self.rnn = nn.RNNCell(INPUT, HIDDEN, bias=bias, nonlinearity="relu")

    def forward(self, x: Tensor, h: Tensor, c: Tensor):
        return self.lstm(x, (h, c)), self.gru(x, c), self.rnn(x)


for bias in (True, False):
    CASES(
        torch.randn(3, INPUT),
        torch.randn(3, HIDDEN),
        torch.randn(3, HIDDEN),
        dynamic={i: {0: "n"} for i in range(3)},
        others=((torch.randn(1, INPUT), torch.randn(1, HIDDEN), torch.randn(1, HIDDEN)),),
        name=f"cells{'_bias' * bias}",
    )(partial(Cells, bias))


class Stacked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.LSTM(8, 8, bidirectional=True, batch_first=True)
        self.narrow = nn.Linear(16, 8)
        self.two = nn.GRU(8, 8, 2, bidirectional=True, batch_first=True, dropout=0.5)

    def forward(self, x: Tensor):
        y, _ = self.one(x)
        y, _ = self.two(self.narrow(y))
        return y


CASES(torch.zeros(1, 10, 8), dynamic={0: {0: "n", 1: "w"}}, others=(torch.randn(3, 5, 8),))(Stacked)


class Projected(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(INPUT, 6, proj_size=3)

    def forward(self, x: Tensor):
        return self.layer(x)


CASES(torch.randn(4, 2, INPUT), dynamic=AXES, others=(torch.randn(2, 3, INPUT),))(Projected)

"""Recurrent layers, cells and packed sequences."""

from __future__ import annotations

from typing import Any

import torch
from runner import Case, case
from torch import nn

torch.manual_seed(0)
r = torch.randn
lstm, gru, rnn = nn.LSTM, nn.GRU, nn.RNN


def layer(
    name: str, module: nn.Module, *inputs: torch.Tensor, others: Any = (), **options: Any
) -> Case:
    # ONNX Runtime's sigmoid and tanh are good to some 1e-6, and it rounds to 16 bits at the end.
    is_full = inputs[0].dtype == torch.float32
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if is_full else {"rtol": 2e-2, "atol": 5e-3}
    return case(name, module.eval(), *inputs, others=others, **tolerance, **options)


class WithStates(nn.Module):
    """A layer that is given its first states."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor, *states: torch.Tensor) -> Any:
        return self.layer(x, states[0] if len(states) == 1 else states)


class Scaled(nn.Module):
    """Weights that are known at run time only, in a layer that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.GRU(4, 4, bidirectional=True)

    def forward(self, x: torch.Tensor, scale: torch.Tensor) -> Any:
        weights = [weight * scale for weight in self.layer.parameters()]
        state = torch.zeros(2, x.shape[1], 4)
        y, h = torch.gru(x, state, weights, True, 1, 0.0, False, True, False)
        return y, h, self.layer(x), self.layer(x + 1)


CASES = [
    layer("lstm", lstm(4, 3), r(5, 2, 4), others=((r(5, 3, 4),),)),
    layer("lstm-projected", lstm(4, 3, 2, proj_size=2, bidirectional=True), r(5, 2, 4)),
    layer("lstm-half", lstm(4, 3, bias=False, proj_size=2).half(), r(5, 2, 4).half()),
    layer("lstm-bfloat", lstm(4, 3, proj_size=2).bfloat16(), r(5, 2, 4).bfloat16(), since=13),
    layer(
        "lstm-deep",
        lstm(4, 3, 3, bidirectional=True, batch_first=True, dropout=0.5),
        r(2, 5, 4),
        others=((r(3, 5, 4),),),
    ),
    layer("lstm-bare", WithStates(lstm(4, 3, 2, bias=False)), r(5, 2, 4), r(2, 2, 3), r(2, 2, 3)),
    layer("lstm-unbatched", lstm(4, 3, bidirectional=True), r(5, 4)),
    layer("gru", gru(4, 3, 2, bidirectional=True), r(5, 2, 4), others=((r(5, 3, 4),),)),
    layer("gru-bare", WithStates(gru(4, 3, bias=False, batch_first=True)), r(2, 5, 4), r(1, 2, 3)),
    layer("gru-run-time", Scaled(), r(5, 2, 4), r(1)),
    layer("rnn", rnn(4, 3, 2, bidirectional=True), r(5, 2, 4), others=((r(5, 3, 4),),)),
    layer("rnn-relu", rnn(4, 3, nonlinearity="relu", bidirectional=True), r(5, 2, 4)),
    layer("lstm-cell", nn.LSTMCell(4, 3), r(2, 4), others=((r(5, 4),),)),
    layer("gru-cell", nn.GRUCell(4, 3), r(2, 4), r(2, 3), others=((r(5, 4), r(5, 3)),)),
    layer("rnn-cell", nn.RNNCell(4, 3, bias=False), r(4)),
    layer("rnn-relu-cell", nn.RNNCell(4, 3, nonlinearity="relu"), r(2, 4), r(2, 3)),
]

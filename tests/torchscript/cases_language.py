"""Recurrent models of words, which keep their last state in an attribute."""

from __future__ import annotations

from functools import partial
from typing import Optional, Tuple  # TorchScript's own spelling

import torch
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
WORDS, WIDTH, LAYERS, BATCH = 20, 5, 3, 4
TOKENS = torch.arange(WORDS).view(-1, BATCH)
STATE = torch.randn(LAYERS, BATCH, WIDTH)
STEPS = {0: {0: "steps"}}


class OfWords(nn.Module):
    """Tokens to scores of the next ones; ``tied`` gives both ends one matrix."""

    def __init__(self, layer: type, tied: bool = False, **options: str) -> None:
        super().__init__()
        self.dropped = nn.Dropout(0.2)
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.layers = layer(WIDTH, WIDTH, LAYERS, dropout=0.2, **options)
        self.scores = nn.Linear(WIDTH, WORDS)
        if tied:
            self.scores.weight = self.embedding.weight

    def scored(self, found: Tensor) -> Tensor:
        rows = found.view(found.size(0) * found.size(1), found.size(2))
        scores = self.scores(rows)
        return scores.view(found.size(0), found.size(1), scores.size(1))


class OneState(OfWords):
    def __init__(self, *args: type, **options: str) -> None:
        super().__init__(*args, **options)
        self.state = torch.zeros(LAYERS, BATCH, WIDTH)

    def forward(self, tokens: Tensor, state: Tensor) -> Tensor:
        found, state = self.layers(self.dropped(self.embedding(tokens)), state)
        self.state = state.detach()
        return self.scored(self.dropped(found))


class TwoStates(OfWords):
    def __init__(self, *args: type, **options: str) -> None:
        super().__init__(*args, **options)
        self.state = (torch.zeros(LAYERS, BATCH, WIDTH), torch.zeros(LAYERS, BATCH, WIDTH))

    @staticmethod
    def detached(state: Tuple[Tensor, Tensor]) -> Tuple[Tensor, Tensor]:
        return (state[0].detach(), state[1].detach())

    def forward(self, tokens: Tensor, state: Optional[Tuple[Tensor, Tensor]] = None) -> Tensor:
        found, last = self.layers(self.dropped(self.embedding(tokens)), state)
        self.state = self.detached(last)
        return self.scored(self.dropped(found))


MODELS = {
    "rnn_tanh": partial(OneState, nn.RNN, nonlinearity="tanh"),
    "rnn_relu": partial(OneState, nn.RNN, nonlinearity="relu"),
    "gru": partial(OneState, nn.GRU),
    "gru_tied": partial(OneState, nn.GRU, True),
}
for name, model in MODELS.items():
    CASES(TOKENS, STATE, name=name, dynamic=STEPS, others=((TOKENS[:2], STATE),))(model)
PAIR = (STATE, STATE + 1)
for name, more in {"lstm": (PAIR,), "lstm_without_state": ()}.items():
    others = ((TOKENS[:2], *more),)
    CASES(TOKENS, *more, name=name, dynamic=STEPS, others=others)(partial(TwoStates, nn.LSTM))

"""Recurrent layers: layers, directions, initial states, packed sequences, dropout between."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any, Optional, Tuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from torchscript.runner import SCRIPT, TRACE, Cases

CASES = Cases()
INPUT, HIDDEN = 5, 3
LAYERS: dict[str, Any] = {
    "tanh": partial(nn.RNN, nonlinearity="tanh"),
    "relu": partial(nn.RNN, nonlinearity="relu"),
    "lstm": nn.LSTM,
    "gru": nn.GRU,
}


class Padded(nn.Module):
    """A layer on padded sequences, packed meanwhile if their lengths are given."""

    def __init__(self, kind: str, packed: bool, **options: Any) -> None:
        super().__init__()
        self.layer = LAYERS[kind](INPUT, HIDDEN, **options)
        self.packed, self.batch_first = packed, self.layer.batch_first

    def forward(self, x: Tensor, *more: Any) -> tuple[Any, ...]:
        if not self.packed:
            y, state = self.layer(x, *more)
            return y, state
        *state, lengths = more
        packed = pack_padded_sequence(x, lengths, self.batch_first)
        y, last = self.layer(packed, *state)
        return pad_packed_sequence(y, self.batch_first)[0], last


def example(
    kind: str, lengths: list[int], layers: int, directions: int, stated: bool, packing: str
) -> tuple[Any, ...]:
    """Sequences of these lengths, the longest first, with the states and lengths that are asked."""
    batch = len(lengths)
    x = torch.randn(batch, lengths[0], INPUT)
    args: list[Any] = [x if packing == "batch first" else x.transpose(0, 1)]
    if stated:
        states = [torch.randn(directions * layers, batch, HIDDEN) for _ in range(2)]
        args.append(tuple(states) if kind == "lstm" else states[0])
    if packing:
        args.append(torch.tensor(lengths, dtype=torch.int32))
    return tuple(args)


def axes(kind: str, stated: bool, packing: str) -> dict[int, dict[int, str]]:
    """All dynamic sizes, each by a name of its own."""
    found: list[dict[int, str]] = [{0: "first", 1: "second"}]
    if stated:
        found += [{1: "h"}, {1: "c"}] if kind == "lstm" else [{1: "h"}]
    if packing:
        found.append({0: "lengths"})
    return dict(enumerate(found))


def title(kind: str, layers: int, bidirectional: bool, stated: bool, packing: str) -> str:
    ways = "both ways" if bidirectional else "one way"
    return f"{kind} of {layers}, {ways}, {'with' if stated else 'without'} state, {packing}"


PACKINGS = ("", "time first", "batch first")
for kind, layers, bidirectional, stated, packing in product(
    LAYERS, (1, 3), (True, False), (True, False), PACKINGS
):
    shape = layers, 1 + bidirectional, stated, packing
    CASES(
        *example(kind, [5, 4, 2], *shape),
        dynamic=axes(kind, stated, packing),
        others=(example(kind, [6, 3, 3, 1], *shape), example(kind, [2], *shape)),
        strategies=TRACE,
        name=title(kind, layers, bidirectional, stated, packing),
    )(
        partial(
            Padded,
            kind,
            bool(packing),
            num_layers=layers,
            bidirectional=bidirectional,
            batch_first=packing == "batch first",
            # With a single layer there is nothing between layers.
            dropout=0.2 if layers > 1 else 0.0,
        )
    )


class Packed(nn.Module):
    """What scripts take: the types of all that goes in."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.batch_first = layer, layer.batch_first

    def packed(self, x: Tensor, lengths: Tensor) -> PackedSequence:
        return pack_padded_sequence(x, lengths, self.batch_first)

    def padded(self, y: PackedSequence) -> Tensor:
        return pad_packed_sequence(y, self.batch_first)[0]


class PackedOfOneState(Packed):
    def forward(self, x: Tensor, state: Tensor, lengths: Tensor):
        y, last = self.layer(self.packed(x, lengths), state)
        return self.padded(y), last


class PackedOfTwoStates(Packed):
    def forward(self, x: Tensor, state: Tuple[Tensor, Tensor], lengths: Tensor):
        y, last = self.layer(self.packed(x, lengths), state)
        return self.padded(y), last


class PackedOfNoState(Packed):
    def forward(self, x: Tensor, lengths: Tensor):
        y, last = self.layer(self.packed(x, lengths))
        return self.padded(y), last


class OfOneState(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, state: Optional[Tensor] = None):
        return self.layer(x, state)


class OfTwoStates(OfOneState):
    def forward(self, x: Tensor, state: Optional[Tuple[Tensor, Tensor]] = None):
        return self.layer(x, state)


def scripted(kind: str, stated: bool, packing: str, options: dict[str, Any]) -> nn.Module:
    layer = LAYERS[kind](INPUT, HIDDEN, **options)
    if not packing:
        return (OfTwoStates if kind == "lstm" else OfOneState)(layer)
    if not stated:
        return PackedOfNoState(layer)
    return (PackedOfTwoStates if kind == "lstm" else PackedOfOneState)(layer)


for kind, stated, packing in product(LAYERS, (True, False), PACKINGS):
    shape = 2, 2, stated, packing
    options = {"num_layers": 2, "bidirectional": True, "batch_first": packing == "batch first"}
    CASES(
        *example(kind, [5, 4, 2], *shape),
        dynamic=axes(kind, stated, packing),
        others=(example(kind, [6, 3, 3, 1], *shape), example(kind, [2], *shape)),
        strategies=SCRIPT,
        name=title(kind, 2, True, stated, packing),
    )(partial(scripted, kind, stated, packing, options))

"""Sequences of any length, padded and packed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import torch_onnx

torch.manual_seed(0)
LAYERS = [nn.LSTM(4, 3, 2, bidirectional=True), nn.GRU(4, 3, bidirectional=True), nn.RNN(4, 3, 2)]
X, LENGTHS = torch.randn(5, 2, 4), torch.tensor([3, 5])
OTHER = torch.randn(7, 3, 4), torch.tensor([4, 6, 1])


@pytest.mark.parametrize("strategy", ["export", "trace"])
@pytest.mark.parametrize("layer", [*LAYERS, nn.LSTM(4, 3, proj_size=2)], ids=str)
def test_length_is_dynamic(layer: nn.Module, strategy: str) -> None:
    program = torch_onnx.export(
        layer.eval(), (X,), dynamic_shapes=({0: "time", 1: "batch"},), strategy=strategy
    )
    program.verify(X)
    program.verify(torch.randn(8, 3, 4))
    program.verify(torch.randn(1, 1, 4))


class Packed(nn.Module):
    def __init__(self, layer: nn.Module, total: int | None, scale: bool) -> None:
        super().__init__()
        self.layer, self.total, self.scale = layer, total, scale

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> Any:
        packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
        if self.scale:
            packed = PackedSequence(packed.data * 2, *packed[1:])
        y, last = self.layer(packed)
        return pad_packed_sequence(y, padding_value=-1.5, total_length=self.total), last


@pytest.mark.parametrize("opset", [11, 13, 20, 28])
@pytest.mark.parametrize(
    ("layer", "total", "scale"),
    [(LAYERS[0], None, False), (LAYERS[1], 9, True), (LAYERS[2], None, True)],
    ids=str,
)
def test_packed(layer: nn.Module, total: int | None, scale: bool, opset: int) -> None:
    program = torch_onnx.export(
        Packed(layer, total, scale).eval(),
        (X, LENGTHS),
        dynamic_shapes=({0: "time", 1: "batch"}, {0: "batch"}),
        strategy="trace",
        opset_version=opset,
    )
    program.verify(X, LENGTHS)
    program.verify(*OTHER)

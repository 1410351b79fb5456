"""Dropout in training mode: random, and as much as it says."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import torch_onnx


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("opset", [11, 12, 20])
@pytest.mark.parametrize("strategy", ["trace", "script"])
def test_elements_are_dropped_at_random(strategy: str, opset: int) -> None:
    x = torch.rand(10, 3, 40, 40) + 1
    program = torch_onnx.export(
        nn.Sequential(nn.Dropout(0.4)),
        (x,),
        training="train",
        strategy=strategy,
        opset_version=opset,
    )
    first, second = program(x)[0], program(x)[0]
    assert abs((first == 0).float().mean() - 0.4) < 0.02
    assert (first != second).float().mean() > 0.3
    kept = first != 0
    torch.testing.assert_close(first[kept], x[kept] / 0.6)

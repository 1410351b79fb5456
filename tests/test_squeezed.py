"""Axes that PyTorch drops where their size is 1, of sizes known at run time only."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import torch_onnx
from torch_onnx import errors

ROWS = {"x": {0: "rows"}}


class Squeezed(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.squeeze(x, 0) * 2


class OfWhatDataTell(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.nonzero().squeeze()


squeezed, of_what_data_tell = Squeezed(), OfWhatDataTell()


@pytest.mark.parametrize("strategy", ["record", "export"])
def test_a_dynamic_size_that_is_not_1_is_told(strategy: str) -> None:
    with pytest.warns(errors.ModelNotes, match="holds where rows != 1, .*torch.squeeze"):
        program = torch_onnx.export(
            squeezed, (torch.randn(3, 4),), dynamic_shapes=ROWS, strategy=strategy
        )
    program.verify(torch.randn(5, 4))


@pytest.mark.parametrize("strategy", ["record", "export"])
def test_no_word_of_sizes_that_can_not_be_1(strategy: str) -> None:
    rows = {"x": {0: torch.export.Dim("rows", min=2)}}
    program = torch_onnx.export(
        squeezed, (torch.randn(3, 4),), dynamic_shapes=rows, strategy=strategy
    )
    assert program.notes == []


@pytest.mark.parametrize(
    ("strategy", "reason"),
    [("record", "the example goes another way"), ("export", "the dynamic size rows, which is 1")],
)
def test_the_example_is_not_squeezed_in_silence(strategy: str, reason: str) -> None:
    with pytest.raises(errors.CaptureError, match=f"(?s){reason}.*torch.squeeze"):
        torch_onnx.export(squeezed, (torch.randn(1, 4),), dynamic_shapes=ROWS, strategy=strategy)


@pytest.mark.parametrize("strategy", ["record", "export"])
def test_a_rank_that_depends_on_data_is_refused(strategy: str) -> None:
    with pytest.raises(errors.CaptureError, match=r"(?s)depends on data.*nonzero"):
        torch_onnx.export(of_what_data_tell, (torch.ones(4),), strategy=strategy)


@pytest.mark.filterwarnings("ignore::torch_onnx.errors.ModelNotes")
def test_auto_gives_both_ranks() -> None:
    program = torch_onnx.export(squeezed, (torch.randn(1, 4),), dynamic_shapes=ROWS)
    for rows in (1, 3):
        program.verify(torch.randn(rows, 4))
    program = torch_onnx.export(of_what_data_tell, (torch.ones(4),))
    for x in (torch.ones(4), torch.tensor([0.0, 2.0, 0.0, 0.0]), torch.zeros(4)):
        program.verify(x)


def test_in_place_is_refused() -> None:
    def model(x: Tensor) -> Tensor:
        return (x + 1).squeeze_(0)

    with pytest.raises(errors.CaptureError, match=r"(?s)squeeze_ drops.*Use squeeze,"):
        torch_onnx.export(model, (torch.randn(1, 4),), dynamic_shapes=ROWS, strategy="trace")

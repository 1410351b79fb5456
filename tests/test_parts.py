"""How many parts a tensor is split into is the example's; sizes that give others are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import torch_onnx
from torch_onnx import errors
from torch_onnx.capture.parts import number_of_parts

ROWS = {"x": {0: "rows", 1: "columns"}}


def in_two(x: Tensor) -> Tensor:
    first, second = x.chunk(2)
    return first.sum() - second.sum()


def in_three(x: Tensor) -> Tensor:
    return torch.stack([part.sum() for part in x.chunk(3)])


def of_many(x: Tensor) -> Tensor:
    return torch.cat([part * 2 for part in x.split(512, 1)], 1)


def doubled(x: Tensor) -> Tensor:
    first, second = torch.cat([x, x * 2]).chunk(2)
    return first + second


def exported(model: Callable[..., Tensor], strategy: str) -> torch_onnx.ONNXProgram:
    x = torch.randn(6, 5)
    return torch_onnx.export(model, (x,), dynamic_shapes=ROWS, strategy=strategy)


@pytest.mark.parametrize("strategy", ["record", "export", "trace"])
@pytest.mark.parametrize(
    ("model", "condition"),
    [(in_two, "rows > 1"), (in_three, "rows makes 3 chunks"), (of_many, "columns <= 512")],
)
def test_sizes_of_other_counts_are_told(
    model: Callable[..., Tensor], condition: str, strategy: str
) -> None:
    with pytest.warns(errors.ModelNotes, match=f"holds where {condition}"):
        program = exported(model, strategy)
    program.verify(torch.randn(9, 7))


@pytest.mark.parametrize("strategy", ["record", "export", "trace"])
def test_no_word_where_every_size_gives_as_many(strategy: str) -> None:
    program = exported(doubled, strategy)
    assert program.notes == []
    program.verify(torch.randn(1, 3))


def test_traces_tell_of_rows_that_were_taken_apart() -> None:
    with pytest.warns(errors.ModelNotes, match=r"holds where rows == 6, .*x\.unbind"):
        program = exported(lambda x: torch.stack([row * 2 for row in x.unbind()]), "trace")
    program.verify(torch.randn(6, 3))


@pytest.mark.parametrize("strategy", ["export", "trace"])
def test_numbers_that_pytorch_itself_makes_of_sizes_are_told(strategy: str) -> None:
    def model(x: Tensor) -> Tensor:
        samples = torch.full((1, 1, 2), 0.3)
        return torch.nn.functional.fractional_max_pool2d(
            x[None], 2, output_ratio=(0.5, 0.5), _random_samples=samples
        )

    with pytest.warns(errors.ModelNotes, match="TruncToInt|is frozen at test_parts"):
        torch_onnx.export(
            model, (torch.randn(1, 8, 9),), dynamic_shapes={"x": {1: "h"}}, strategy=strategy
        )


@pytest.mark.parametrize("size", range(12))
def test_the_number_is_pytorchs(size: int) -> None:
    x = torch.zeros(size)
    for by in range(1, 6):
        assert number_of_parts("aten::split.Tensor", size, by) == len(x.split(by))
        assert number_of_parts("aten::chunk", size, by) == len(x.chunk(by))

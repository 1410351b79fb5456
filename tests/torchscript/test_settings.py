"""What PyTorch's global settings and registrations say of a program."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import torch_onnx
from torchscript.runner import BOTH, SCRIPTED

INTS = torch.randint(-9, 9, (2, 3, 4), dtype=torch.int)
POSITIVE = torch.arange(1, 25, dtype=torch.int).view(2, 3, 4)


@pytest.fixture(params=[torch.float32, torch.float64])
def default_dtype(request: pytest.FixtureRequest) -> Iterator[torch.dtype]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(request.param)
    yield request.param
    torch.set_default_dtype(before)


class Quotients(torch.nn.Module):
    def forward(self, x: Tensor, y: Tensor):
        x, y = x.transpose(1, 2), y.transpose(1, 2)
        return x / y, torch.true_divide(x, y), x * 0.5


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("how", ["traced before", *BOTH])
def test_quotients_of_integers_have_the_default_dtype(how: str, default_dtype: torch.dtype) -> None:
    model: torch.nn.Module = Quotients()
    args = (INTS, POSITIVE)
    if how == "traced before":
        model = torch.jit.trace(model, args)
    elif how == SCRIPTED:
        model = torch.jit.script(model)
    strategy = how if how in BOTH else "auto"
    program = torch_onnx.export(model, args, strategy=strategy)
    program.verify()
    assert all(output.dtype == default_dtype for output in program(*args))

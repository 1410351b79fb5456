"""What is drawn at random: its sizes, and its moments over many draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, distributions, nn

import torch_onnx
from torchscript.runner import Called

pytestmark = pytest.mark.filterwarnings("ignore")
OPSETS = (11, 17, 20)
STRATEGIES = ("trace", "auto")


def exported(model: nn.Module, args: tuple[Any, ...], strategy: str, **options: Any) -> Any:
    if strategy == "script":
        return torch_onnx.export(torch.jit.script(model), args, **options)
    return torch_onnx.export(model, args, strategy=strategy, **options)


def initialized() -> Tensor:
    x = torch.ones([]).new_empty(1, 200, 100)
    return nn.init.normal_(x, 5.0, 10.0)


LOW, HIGH = torch.tensor([5.0]), torch.tensor([10.0])
DRAWN: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...], float, float]] = {
    "normal": (lambda x, y: distributions.Normal(x, y).sample([20000]), (LOW, HIGH), 5, 10),
    "uniform": (
        lambda x, y: distributions.Uniform(x, y).sample([20000]),
        (LOW, HIGH),
        7.5,
        5 / 12**0.5,
    ),
    "initialized": (initialized, (), 5, 10),
}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("name", DRAWN)
def test_moments(name: str, opset: int, strategy: str) -> None:
    function, args, mean, deviation = DRAWN[name]
    program = exported(Called(function), args, strategy, opset_version=opset)
    (drawn,), (again,) = program(*args), program(*args)
    assert drawn.shape == function(*args).shape
    assert not torch.equal(drawn, again)
    # Five standard errors of 20,000 draws.
    assert abs(float(drawn.mean()) - mean) < 5 * deviation / 20000**0.5
    assert abs(float(drawn.std()) - deviation) < 0.05 * deviation
    if name == "uniform":
        assert drawn.min() >= 5
        assert drawn.max() <= 10


PARAMETERS = [
    (torch.tensor([0.0]), torch.tensor([[1.0], [2.0]])),
    (torch.tensor([0.0]), torch.tensor([1.0])),
    (torch.tensor([[[0.0], [1.0]], [[2.0], [3.0]]]), torch.tensor([[7.0], [8.0]])),
]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("parameters", PARAMETERS, ids=lambda p: str(list(p[0].shape)))
@pytest.mark.parametrize("kind", [distributions.Normal, distributions.Uniform])
def test_sizes_of_draws(kind: Any, parameters: tuple[Tensor, Tensor], strategy: str) -> None:
    model = Called(lambda x, y: (kind(x, y).sample().size(0), kind(x, y).sample().size(), x, y))
    program = exported(model, parameters, strategy)
    program.verify(*parameters)


@pytest.mark.parametrize("strategy", ["trace", "script", "auto"])
@pytest.mark.parametrize("opset", [11, 12, 20])
def test_dropout_in_training(opset: int, strategy: str) -> None:
    x = torch.rand(10, 3, 64, 64) + 0.5
    model = nn.Sequential(nn.Dropout(0.4)).train()
    program = exported(model, (x,), strategy, opset_version=opset, training="train")
    (dropped,) = program(x)
    kept = dropped != 0
    assert float(kept.float().mean()) == pytest.approx(0.6, abs=0.01)
    torch.testing.assert_close(dropped[kept], x[kept] / 0.6)
    assert not torch.equal(dropped, program(x)[0])

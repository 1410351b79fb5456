"""torch.cond, while_loop, scan and map through torch.export."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import torch_onnx
from releases import needs

higher = pytest.importorskip("torch._higher_order_ops")

X = torch.randn(3, 4)
ROWS = {"x": {0: "rows"}}
OTHERS = (torch.ones(5, 4), -torch.ones(2, 4), torch.randn(1, 4))


class Cond(nn.Module):
    """Captured weights and values, several results of different types."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> Any:
        y = x * 2

        def yes(x: torch.Tensor) -> Any:
            return self.linear(x) + y, x.sum(0), (x > 0).long()

        def no(x: torch.Tensor) -> Any:
            return x - 1, x.sum(0) * y.mean(), (x < 0).long()

        return torch.cond(x.sum() > 0, yes, no, (x,))


class CondOnSize(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(
            x.shape[0] > 3, lambda x: x[:2].sum(), lambda x: x.reshape(-1).mean() + x.shape[0], (x,)
        )


class Nested(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def inner(x: torch.Tensor) -> torch.Tensor:
            return torch.cond(x.max() > 0.5, lambda x: x * 3, lambda x: x + 1, (x,))

        return torch.cond(x.sum() > 0, inner, lambda x: x.abs(), (x,))


class While(nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        step = x.abs().mean() + 0.1

        def goes_on(i: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return (y.abs().sum() + i < 50) & (i < 20)

        def body(i: torch.Tensor, y: torch.Tensor) -> Any:
            return i + 1, y * 1.5 + step

        return torch.while_loop(goes_on, body, (torch.tensor(0), x))


class WhileOfNumbers(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def body(i: int, y: torch.Tensor) -> Any:
            return i + 1, y * 2

        count, y = torch.while_loop(lambda i, y: i < 3, body, (0, x))
        return y + count


class Scan(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))

    def forward(self, x: torch.Tensor) -> Any:
        def step(state: torch.Tensor, row: torch.Tensor) -> Any:
            new = state * 0.5 + row @ self.weight
            return new, new.relu()

        last, rows = higher.scan(step, torch.zeros(4), x, dim=0)
        backwards = higher.scan(lambda c, r: (c + r, c * r), torch.ones(3), x[:, :3], reverse=True)
        return last, rows, *backwards


class Map(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = x.sum(0)
        return higher.map(lambda row, w: (row * w).cumsum(0), x, weight)


class AssociativeScan(nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        product = higher.associative_scan(lambda a, b: a * b, x, dim=0, combine_mode="generic")
        gates = (x.sigmoid(), x)
        pairs = higher.associative_scan(
            lambda a, b: (a[0] * b[0], a[1] * b[0] + b[1]), gates, dim=1, combine_mode="generic"
        )
        return product, *pairs


class WriteInside(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def yes(x: torch.Tensor) -> torch.Tensor:
            y = x.clone()
            y[:, 0] = 7
            return y

        return torch.cond(x.sum() > 0, yes, lambda x: x + 0, (x,))


MODELS = [Cond, CondOnSize, Nested, While, WhileOfNumbers, Scan, Map, AssociativeScan, WriteInside]


OLDER = [Cond, While, Scan]
# torch.export takes these from later releases on.
SINCE: dict[Any, str] = {
    **dict.fromkeys((While, WhileOfNumbers), "2.7"),
    **dict.fromkeys((Scan, AssociativeScan, WriteInside), "2.8"),
    Map: "2.11",
}


@pytest.mark.parametrize(
    ("model", "opset"), [*((m, 20) for m in MODELS), *((m, 13) for m in OLDER)],
    ids=lambda given: getattr(given, "__name__", given),
)  # fmt: skip
def test_control_flow(model: type[nn.Module], opset: int) -> None:
    needs(SINCE.get(model, "2.6"), "its torch.export can't do this")
    program = torch_onnx.export(
        model(), (X,), dynamic_shapes=ROWS, opset_version=opset, strategy="export"
    )
    for other in (X, *OTHERS):
        if model is AssociativeScan and other.shape[0] == 1:
            continue
        assert not program.verify(other).mismatches

"""Modules that write to their own attributes, and to those of the modules within them."""

from __future__ import annotations

from typing import List, Optional, Tuple

import torch
from torch import Tensor, nn

from torchscript.runner import SCRIPT, Cases

CASES = Cases()
X = torch.randn(3, 4)
ROWS = {0: {0: "n"}}
OTHERS = (torch.randn(5, 4), torch.randn(1, 4))


class Holder(nn.Module):
    """A layer whose parameters are written to before they are read."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(5, 3, 2)
        self.conv.weight = nn.Parameter(torch.full((3, 5), 0.5))
        self.conv.bias = nn.Parameter(torch.full((3, 5, 2), 0.25))


class FlagAndWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 4, 2)
        self.ready = False

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        self.ready = True
        self.conv.weight = weight
        scaled = torch.softmax(self.conv.weight, dim=1)
        self.conv.weight = scaled * 2
        if self.ready:
            return x * self.conv.weight
        return x - self.conv.weight


CASES(X, torch.rand(3, 4), strategies=SCRIPT)(FlagAndWeight)


class BiasIfThere(Holder):
    def write(self, offsets: Tensor) -> None:
        if self.conv.bias is not None:
            bias = self.conv.bias
            assert bias is not None
            self.conv.bias = bias - offsets
        elif self.conv.weight is not None:
            self.conv.weight = torch.rand(3, 5)
            self.conv.bias = self.conv.weight[1:]

    def forward(self, offsets: Tensor) -> Optional[Tensor]:
        self.write(offsets)
        return self.conv.bias


CASES(torch.randn(3, 5, 2), strategies=SCRIPT)(BiasIfThere)


class WeightAndArgument(Holder):
    def write(self, offsets: Tensor, boxes: Tensor) -> None:
        self.conv.weight = torch.full((3, 5), 2.0)
        if self.conv.bias is not None:
            self.conv.bias = torch.rand(3, 5, 2)
            self.conv.weight = self.conv.weight - offsets
            boxes[:] = torch.full((2, 3), 7.0)

    def forward(self, offsets: Tensor) -> Tuple[Tensor, Tensor]:
        boxes = torch.ones(4, 2, 3)
        self.write(offsets, boxes)
        if self.conv.bias is not None:
            return self.conv.weight, boxes
        return offsets, boxes


CASES(torch.randn(3, 5), strategies=SCRIPT)(WeightAndArgument)


class ListOfAttributes(Holder):
    def write(self, offsets: Tensor) -> None:
        self.conv.weight = torch.zeros(5, 3)
        if self.conv.bias is not None:
            bias = self.conv.bias
            assert bias is not None
            self.conv.bias = bias * offsets
        else:
            self.conv.bias = torch.ones(3, 5, 2)

    def forward(self, maps: Tensor, offsets: Tensor) -> Tuple[Tensor, Tensor]:
        self.write(offsets)
        found = []
        if self.conv.bias is not None:
            bias = self.conv.bias
            assert bias is not None
            found += [bias]
        found += [maps]
        return found[0], found[1]


CASES(torch.randn(2, 6, 4), torch.randn(3, 5, 2), strategies=SCRIPT)(ListOfAttributes)


class NestedLoops(Holder):
    def write(self, offsets: Tensor) -> None:
        self.conv.weight = torch.arange(6)
        for i in range(6):
            if i == 2:
                for _ in range(4):
                    weight = self.conv.weight
                    self.conv.weight = torch.arange(6) + weight
            self.conv.weight = self.conv.weight + torch.arange(6)
            if self.conv.bias is not None:
                bias = self.conv.bias
                assert bias is not None
                self.conv.bias = bias + offsets

    def forward(self, offsets: Tensor):
        self.write(offsets)
        return self.conv.weight, self.conv.bias


CASES(torch.randn(3, 5, 2), strategies=SCRIPT)(NestedLoops)


class LoopOverOwnSize(Holder):
    def write(self, offsets: Tensor, boxes: Tensor) -> None:
        self.conv.weight = torch.rand(3, 5)
        for i in range(self.conv.weight.size(0)):
            for j in range(4):
                self.conv.bias = torch.rand(3, 5, 2)
                self.conv.weight = offsets * i
                boxes[j] += torch.full((3, 3), 0.5)

    def forward(self, offsets: Tensor) -> Tuple[Tensor, Tensor]:
        boxes = torch.ones(4, 3, 3)
        self.write(offsets, boxes)
        if self.conv.bias is not None:
            return self.conv.weight, boxes
        return offsets, boxes


CASES(torch.randn(6), dynamic=ROWS, others=(torch.randn(4),), strategies=SCRIPT)(LoopOverOwnSize)


class ListInLoops(Holder):
    def __init__(self) -> None:
        super().__init__()
        self.boxes: List[Tensor] = [torch.ones(1)]

    def write(self, offsets: Tensor) -> None:
        self.conv.weight = torch.rand(3, 5)
        for i in range(self.conv.weight.size(0)):
            for j in range(2):
                self.conv.bias = torch.rand(3, 5, 2)
                self.conv.weight = offsets * i
                self.boxes.append(torch.full((2, 3), 0.5) * j)

    def forward(self, offsets: Tensor) -> Tuple[Tensor, List[Tensor]]:
        self.boxes = []
        self.write(offsets)
        if self.conv.bias is not None:
            return self.conv.weight, self.boxes
        return offsets, self.boxes


CASES(torch.randn(6), dynamic=ROWS, others=(torch.randn(4),), strategies=SCRIPT)(ListInLoops)


class ListByRows(Holder):
    def __init__(self) -> None:
        super().__init__()
        self.boxes: List[Tensor] = [torch.ones(1)]

    def forward(self, x: Tensor) -> Tuple[List[Tensor], Tensor]:
        self.boxes = []
        for i in range(x.size(0)):
            self.boxes.append(x[i] * i)
        return self.boxes, torch.stack(self.boxes)


CASES(X, dynamic=ROWS, others=OTHERS, strategies=SCRIPT, since=13)(ListByRows)


class Table(nn.Module):
    """Positions that are computed once, then written again at each call."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.table = Table.computed(width)
        self.register_buffer("like", torch.zeros(1))
        self.factor = 2

    @staticmethod
    def computed(width: int):
        step = 3 / ((width // 2) - 1)
        return torch.exp(torch.arange(width // 2, dtype=torch.float) * -step)

    def forward(self, x: Tensor, state: Optional[Tensor] = None):
        batch, length = x.shape[0], x.shape[1]
        self.factor = 3
        if self.table is None:
            self.table = Table.computed(8)
        self.table = self.table.to(self.like)
        self.table = self.table * self.factor
        if state is not None:
            return self.table[1 + length, :].expand(batch, 1, -1)
        ones = torch.ones((batch * length), dtype=torch.int64)
        return self.table.index_select(0, ones).view(batch, length, -1)


class InTheTable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = Table(8)
        self.other = Table.computed(4)

    def forward(self, x: Tensor):
        return self.table(x)[:, :, :1] - self.other


BOTH_SIZES = {0: {0: "n", 1: "m"}}
CASES(torch.randn(3, 6), dynamic=BOTH_SIZES, others=(torch.randn(2, 9),))(InTheTable)
CASES(torch.randn(3, 6), name="InTheTable, fixed")(InTheTable)


class Remade(Table):
    """Positions that are computed at each call."""

    def __init__(self) -> None:
        super().__init__(8)
        self.width = 8
        self.scale = 2.5

    def forward(self, x: Tensor, state: Optional[Tensor] = None):
        batch, length = x.shape[0], x.shape[1]
        self.scale = 1.5
        self.table = Table.computed(self.width)
        ones = torch.ones((batch * length), dtype=torch.int64)
        return self.table.index_select(0, ones).view(batch, length, -1) * self.scale


CASES(torch.randn(3, 6), dynamic=BOTH_SIZES, others=(torch.randn(2, 9),))(Remade)

"""States that are written to as a whole, or in part, by branches and loops."""

from __future__ import annotations

from typing import Tuple

import torch
from torch import Tensor, nn

from torchscript.runner import BOTH, SCRIPT, Cases

CASES = Cases()
IMAGE, NONE = torch.rand(1, 5, 4, 3), torch.zeros(0, 0, 0, 0, 0)
DYNAMIC = {0: {0: "n", 1: "c", 2: "h", 3: "w"}, 1: {i: f"state{i}" for i in range(5)}}


def sizes(image: Tensor, hidden: int) -> Tuple[int, int, int, int]:
    return image.size(0), hidden, image.size(2), image.size(3)


def zeros(image: Tensor, hidden: int) -> Tensor:
    n, c, h, w = sizes(image, hidden)
    return torch.zeros((2, n, c, h, w), device=image.device)


@torch.jit.script
def two_states(image: Tensor, hidden: int, previous: Tensor) -> Tuple[Tensor, Tensor]:
    shape = sizes(image, hidden)
    state, other = zeros(image, hidden), zeros(image, hidden)
    if previous.size(0) == 0:
        state[:] = torch.full(shape, 2.0) + state[:]
        other[:] = torch.ones(shape) * 2
        other[:] = torch.ones(shape) * 3
    else:
        state[:] = torch.ones(shape) * 4
    return state, other


@torch.jit.script
def by_the_state(image: Tensor, hidden: int, previous: Tensor) -> Tuple[Tensor, Tensor]:
    shape = sizes(image, hidden)
    state, other = zeros(image, hidden), zeros(image, hidden)
    if previous.size(0) == 0:
        for i in range(2):
            state[:] = torch.ones(shape) * i
            other[:] = torch.ones(shape) * (i + 1)
    elif previous.size(0) == 1:
        whole = state[:]
        state[:] = previous + whole
    elif previous.size(0) == 2:
        state[:] = torch.ones(shape) * 4
    return state, other


@torch.jit.script
def rebound_within(image: Tensor, hidden: int, previous: Tensor) -> Tensor:
    state = zeros(image, hidden)
    if previous.size(0) < 2:
        state = state * 3
        if previous.size(0) == 0:
            state[:] = torch.ones(sizes(image, hidden)) * 3
        else:
            state = state + 2
    return state


@torch.jit.script
def rebound_between(image: Tensor, hidden: int, previous: Tensor) -> Tensor:
    state = zeros(image, hidden)
    if previous.size(0) == 0:
        state = state + 3
        state[:] = torch.ones(sizes(image, hidden)) * 3
        state = state + 3
        state[:] = torch.ones(sizes(image, hidden)) * 4
    else:
        state = state + 2
    return state


@torch.jit.script
def kept_before(image: Tensor, hidden: int, previous: Tensor) -> Tuple[Tensor, Tensor]:
    state = zeros(image, hidden)
    kept = state
    if previous.size(0) == 0:
        state[:] = torch.ones(sizes(image, hidden)) * 3
        state = state + 3
        state[:] = torch.ones(sizes(image, hidden)) * 4
    else:
        state = state + 2
    return state, kept


class Starting(nn.Module):
    """A cell that makes its state if it is given an empty one."""

    def __init__(self, start) -> None:
        super().__init__()
        self.start, self.hidden = start, 4

    def forward(self, image: Tensor, previous: Tensor):
        return self.start(image, self.hidden, previous)


STARTS = (two_states, by_the_state, rebound_within, rebound_between, kept_before)


def a_state(first: int, n: int = 1, h: int = 4, w: int = 3) -> Tensor:
    return torch.rand(first, n, 4, h, w)


GIVEN = [(IMAGE, a_state(1)), (IMAGE, a_state(2))]
BIGGER = [(torch.rand(2, 5, 6, 2), state) for state in (NONE, a_state(1, 2, 6, 2))]
for start in STARTS:
    model = Starting(start).eval()
    name = start.name
    CASES(IMAGE, NONE, dynamic=DYNAMIC, others=[*GIVEN, *BIGGER], name=name)(model)
    CASES(IMAGE, NONE, dynamic={1: DYNAMIC[1]}, others=GIVEN, name=f"{name}, state dynamic")(model)
    CASES(IMAGE, NONE, name=f"{name}, fixed")(model)


@torch.jit.script
def in_place(image: Tensor, hidden: int) -> Tensor:
    state = zeros(image, hidden)
    shape = sizes(image, hidden)
    if image.size(0) == 1:
        state[1] += torch.ones(shape) * 2
        state[1] /= torch.ones(shape) * 3
    for i in range(image.size(0)):
        state[1] += torch.ones(shape)
        state[1] /= torch.ones(shape) * i
        state[0] -= state[1] * 0.5
        state[0] *= 2
    return state


class InPlace(nn.Module):
    def forward(self, image: Tensor):
        return in_place(image, 4)


CASES(IMAGE, dynamic={0: DYNAMIC[0]}, others=(torch.rand(2, 5, 6, 2),))(InPlace)
CASES(IMAGE, name="InPlace, fixed")(InPlace)


@CASES(
    torch.tensor([0, 4, 24, 25, 30]),
    torch.rand(5, 4),
    others=((torch.tensor([25, -1, 26, 1, 7]), torch.rand(5, 4)),),
)
def masked_rows(key: Tensor, y: Tensor):
    y[(key <= 0) | (key > 25), :] = 0.0
    return y + 0.5


@CASES(torch.tensor([0, 4, 24, 25]), torch.tensor([0, 3, 12, 15]), torch.rand(4, 4))
def masked_pairs(rows: Tensor, columns: Tensor, y: Tensor):
    y[(rows <= 0) | (rows > 25), (columns < 1) | (columns >= 12)] = 0.0
    return y


@CASES(torch.tensor([0, 4, 24, 30]), torch.tensor([0, 3, 12, 15]), torch.rand(4, 4))
def masked_equally_often(rows: Tensor, columns: Tensor, y: Tensor):
    y[(rows <= 0) | (rows > 25), (columns < 1) | (columns >= 15)] = 0.0
    return y


Y = torch.randn(4, 5)
THREE = torch.randn(3, 2, 4)
BY_ROWS = {0: {0: "n", 1: "m"}}
OTHER_ROWS = ((torch.randn(5, 3, 4), Y), (torch.randn(1, 2, 4), Y))


@CASES(THREE, Y, name="appended, fixed")
@CASES(THREE, Y, dynamic=BY_ROWS, others=OTHER_ROWS, strategies=SCRIPT, since=13)
def appended(x: Tensor, y: Tensor):
    res = []
    for i in range(x.size(0)):
        res.append(torch.matmul(x[i], y))
    return res


@CASES(THREE, Y, dynamic=BY_ROWS, others=OTHER_ROWS, strategies=SCRIPT, since=13)
def appended_in_nested_loops(x: Tensor, y: Tensor):
    res = []
    for i in range(x.size(0)):
        for j in range(x.size(1)):
            res.append(torch.matmul(x[i][j], y))
    return res


@CASES(THREE, Y, dynamic=BY_ROWS, others=OTHER_ROWS, strategies=SCRIPT, since=13)
def popped(x: Tensor, y: Tensor):
    res = []
    last = torch.matmul(x[0], y)
    for i in range(x.size(0)):
        res.append(torch.matmul(x[i], y))
    for i in range(x.size(0)):
        last = res.pop()
    for i in range(x.size(0)):
        res.append(torch.matmul(x[i], y))
        last = res.pop()
    return res.append(last)


@CASES(THREE, Y, dynamic=BY_ROWS, others=OTHER_ROWS, strategies=SCRIPT, since=13)
def deleted(x: Tensor, y: Tensor):
    res = []
    first = torch.matmul(x[0], y)
    for i in range(x.size(0)):
        res.append(torch.matmul(x[i], y))
    for i in range(x.size(0)):
        del res[0]
    for i in range(x.size(0)):
        res.append(torch.matmul(x[i], y))
        del res[0]
    return res.append(first)


@CASES(THREE, Y, others=((torch.randn(3, 2, 4), Y),), strategies=BOTH)
def unpacked(x: Tensor, y: Tensor):
    res = []
    for i in range(x.size(0)):
        res.append(torch.matmul(x[i], y))
    a, b, c = res
    return b, a

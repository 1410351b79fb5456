"""Branches that sizes and types settle, values set in some of them only, tuples and turns."""

from __future__ import annotations

import torch
from torch import Tensor

from torchscript.runner import Cases

CASES = Cases()
X = torch.ones(3, 4, dtype=torch.int32)
BOTH_AXES = {0: {0: "n", 1: "m"}}
SCRIPT = ("script",)


def _rank_is_two(x: Tensor):
    if x.dim() == 2:
        x = x + 4
        x = x + 2
    else:
        x = x - 1
    return x


def _some_elements(x: Tensor):
    if x.numel() > 1:
        x = x + 4
    else:
        x = x + 2
    return x


def _returns_early(x: Tensor):
    if x.dim() != 3:
        x = x + 4
        x = x + 2
    else:
        return x
    return x


def _at_least_one_axis(x: Tensor):
    if x.dim() >= 1:
        x = x + 4
    else:
        x = x - 1
    return x


def _at_most_one_axis(x: Tensor):
    if x.dim() <= 1:
        x = x + 4
    else:
        x = x + 2
    return x


def _rank_and_type(x: Tensor):
    if x.dim() < 3 and x.dtype == torch.int:
        x = x + 4
    else:
        return x
    if x.dim() == 3 and x.dtype == torch.int:
        x = x + 4
    else:
        x = x + 1
    return x


def _elements_and_rank(x: Tensor):
    if x.numel() != 0 and x.dim() == 2:
        x = x + 4
        x = x + 2
    else:
        return x
    return x


def _without_else(x: Tensor):
    y = x + 1
    if y.dim() > 2:
        if y.dim() > 3:
            y += 3
        else:
            pass
    else:
        pass
    return y


for program in (
    *(_rank_is_two, _some_elements, _returns_early, _at_least_one_axis, _at_most_one_axis),
    *(_rank_and_type, _elements_and_rank, _without_else),
):
    for x in (X, torch.ones(3), torch.ones(2, 1, 3), torch.ones(1, 2, 1, 2)):
        other = torch.ones(5, *x.shape[1:]).to(x.dtype)
        row = CASES(
            x,
            dynamic={0: {0: "n"}},
            others=(other,),
            strategies=SCRIPT,
            name=f"{program.__name__[1:]}-{x.dim()}d",
        )
        row(program)


@CASES(X, X, dynamic={0: {0: "n"}, 1: {0: "n"}}, others=((X[:1], X[:1]),), strategies=SCRIPT)
def as_many_elements(x: Tensor, y: Tensor):
    if x.numel() == y.numel():
        y = x + y
    else:
        y = y - x
    if x.numel() != y.numel():
        y = x + y
    else:
        y = y - x
    return y


@CASES(
    X,
    dynamic=BOTH_AXES,
    others=(torch.ones(6, 7).int(), torch.ones(1, 4).int(), torch.ones(1, 6).int()),
    strategies=SCRIPT,
)
def returned_in_one_branch(x: Tensor):
    if x.shape[1] < 5:
        if x.size(0) == 1:
            x = x + 4
        else:
            return x
    return x


@CASES(
    X,
    dynamic=BOTH_AXES,
    others=(torch.ones(6, 7).int(), torch.ones(1, 4).int()),
    strategies=SCRIPT,
)
def list_returned_in_one_branch(x: Tensor):
    if x[0].shape[0] < 5:
        if x.size(0) == 1:
            x = x + 4
        else:
            return [x]
    return [x]


@CASES(
    torch.ones(3, 4).double(),
    dynamic=BOTH_AXES,
    others=(torch.ones(6, 7).double(), torch.ones(1, 4).double()),
    strategies=SCRIPT,
    since=13,
)
def rows_returned(x: Tensor):
    if x[0].shape[0] < 5:
        if x.size(0) == 1:
            x += x
        else:
            return list(x)
    return list(x)


@CASES(
    X,
    torch.tensor(True),
    dynamic=BOTH_AXES,
    others=((X[:1], torch.tensor(False)),),
    strategies=SCRIPT,
)
def written_and_given_by_a_branch(x: Tensor, condition: Tensor):
    y = x + 1
    z = x * 2
    if condition:
        z = y
        w = y
        y += 1
    else:
        w = y
    return z, w, y


@CASES(X, dynamic=BOTH_AXES, others=(X[:2], torch.ones(7, 2).int()), strategies=SCRIPT)
def numbers_returned(x: Tensor):
    y = list(range(x.size(0)))
    if y[0] < 5:
        if x.size(0) == 3:
            y.append(10)
        else:
            return y
    return y


@CASES(
    X,
    dynamic=BOTH_AXES,
    others=(torch.ones(4, 6).int(), torch.ones(1, 2).int()),
    strategies=SCRIPT,
    since=13,
)
def lists_of_several_lengths(x: Tensor):
    if x.shape[1] < 5:
        if x.size(0) == 1:
            x = x + 4
        else:
            rows = [x, x]
            rows.append(x)
            return rows
    return [x, x]


@CASES(X, dynamic=BOTH_AXES, others=(X[:2], X[:1]), strategies=SCRIPT)
def numbers_computed(x: Tensor):
    wide = [float(i) * 0.5 for i in range(x.size(0))]
    truths = [i > 1 for i in range(x.size(0))]
    return wide, truths, [x.size(0), 2], 3.5


@CASES(X, dynamic=BOTH_AXES, others=(torch.ones(2, 5).int(),))
def stacked_in_turns(x: Tensor):
    outputs = []
    for _ in range(3):
        outputs += [x]
    return torch.stack(outputs).transpose(0, 1)


# Tuples.

THREE = (torch.randn(2), torch.randn(2), torch.randn(2))


@CASES(*THREE)
def tuples_rebuilt(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    a = (x, y)
    b = a
    c = (x, y, z)
    for _ in range(5):
        d = a[0]
        for _ in range(2):
            e, f = a
            a = (d, f)
            f = c[2]
            if f.size(0) != x.size(-1):
                g = b[1]
                b = (g, f)
            else:
                k = c[1:]
                b = (f, k[0])
        m, n = b
        c = (x, n, m)
    p, q, r = c
    return p + q + r


@CASES(*THREE[:2])
def tuple_taken_apart(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    a = (x, y)
    for _ in range(5):
        c, d = a
        a = (c, d)
    return a


@CASES(THREE[:2], THREE[1:])
def tuples_of_tuples(
    x: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor]
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    a = x
    b = y
    for _ in range(5):
        c, d = a
        e, f = b
        if c.shape[0] == e.shape[0]:
            e = e + c
        else:
            f = f + d
        a = (e, f)
        b = (c, d)
    return a, b


# Turns counted down and up by more than one.


@CASES(
    torch.randn(5, 3),
    dynamic={0: {0: "n"}},
    others=(torch.randn(4, 3), torch.randn(1, 3)),
    strategies=SCRIPT,
    since=13,
)
def steps(x: Tensor):
    down = []
    for i in range(len(x) - 1, -len(x), -2):
        down += [x * x[i]]
    up = []
    for i in range(-len(x), len(x) - 1, 2):
        up += [x * x[i]]
    down3 = []
    for i in range(len(x) - 1, -len(x), -3):
        down3.append(x * x[i])
    up3 = []
    for i in range(-len(x), len(x) - 1, 3):
        up3.append(x[i])
    return down, up, down3, up3


@CASES(torch.randn(5, 3))
def steps_known(x: Tensor):
    found = []
    for step in (-2, -3):
        for i in range(len(x) - 1, -len(x), step):
            found += [x[i]]  # noqa: RUF005
    for step in (2, 3):
        for i in range(-len(x), len(x) - 1, step):
            found += [x[i]]
    return found


# Branches on data and on sizes whose values differ in shape.


@CASES(torch.randn(2, 3), strategies=SCRIPT, dynamic=BOTH_AXES, others=(torch.randn(3, 5),))
def turned_back(x: Tensor):
    x = x.transpose(0, 1)
    if x.size(0) == 2:
        return x.transpose(0, 1)
    else:  # noqa: RET505
        return x


CONDITION = torch.tensor(True)


@CASES(
    torch.randn(2, 3),
    torch.randn(3, 3),
    CONDITION,
    others=((torch.randn(2, 3), torch.randn(3, 3), ~CONDITION),),
    strategies=SCRIPT,
)
def one_of_two_in_a_list(x: Tensor, y: Tensor, condition: Tensor):
    found = []
    if condition:
        found = found + [x]
    else:
        found = found + [y]
    return found


@CASES(
    torch.randn(2, 6, 2, 2),
    torch.randn(2, 6, 4),
    CONDITION,
    dynamic={0: {0: "n", 1: "m"}, 1: {0: "n", 1: "m"}},
    others=(
        (torch.randn(2, 6, 2, 2), torch.randn(2, 6, 4), ~CONDITION),
        (torch.randn(1, 3, 2, 2), torch.randn(1, 3, 4), CONDITION),
    ),
    strategies=SCRIPT,
)
def viewed_in_a_branch(x: Tensor, y: Tensor, condition: Tensor):
    n, m = y.shape[:2]
    if condition:
        z = x.view(n, m, -1)
    else:
        z = y
    return z.transpose(1, 2)


@CASES(
    torch.rand(2, 2, 3),
    dynamic={0: {0: "n"}},
    others=(torch.rand(4, 2, 3),),
    strategies=SCRIPT,
    since=13,
)
def each_row_of_what_was_made(x: Tensor):
    boxes = torch.zeros([x.shape[0], 2, 4]) + x[:, :, :1] * 9
    found = []
    for box in boxes:
        even = box[..., 0::2].clamp(min=0, max=3)
        odd = box[..., 1::2].clamp(min=0, max=2)
        found.append(torch.stack((even, odd), dim=2).reshape(box.shape))
    return found

"""What goes in and what comes out: tuples, dicts, numbers, None, and what is left out."""

from __future__ import annotations

from collections import OrderedDict
from typing import Dict, List, Optional, Tuple  # TorchScript's own spelling

import torch
from torch import Tensor

from torchscript.runner import SCRIPTED, TRACED, Cases

CASES = Cases()
X, Y, Z, W = (torch.randn(2, 3) for _ in range(4))
ROWS = {0: {0: "n"}}


@CASES({"key": torch.randn(1, 2, 3)}, strategies=(TRACED,))
class DictByText(torch.nn.Module):
    def forward(self, given):
        return {"result": given["key"] + 2.0}


@CASES({torch.tensor(1.0): torch.randn(1, 2, 3)}, strategies=(TRACED,))
def dict_by_tensor(given):
    key = next(iter(given))
    return {"result": given[key] + key}


@CASES({"a": X, "b": Y}, strategies=(SCRIPTED,))
def dict_scripted(given: Dict[str, Tensor]):
    return {"sum": given["a"] + given["b"], "b": given["b"] * 2}


class Result(OrderedDict):
    tensor: Tensor
    pair: Optional[Tuple[Tensor, Tensor]] = None
    row: Optional[List[Tensor]] = None


@CASES(X, Y, Z, W, strategies=(TRACED,))
def dict_of_containers(a, b, c, d):
    return Result(tensor=a + 1, pair=(b, c), row=[d])


@CASES(X, Y, Z, W)
def tuple_within(a: Tensor, b: Tensor, c: Tensor, d: Tensor):
    return a, (b, c * 2), d


@CASES(X, Y, Z, W)
def tuples_within(a: Tensor, b: Tensor, c: Tensor, d: Tensor):
    return a + 1, ((b,), (c, d))


@CASES(X)
def none_among_results(x: Tensor):
    return (x, (x + 1, None, (x, None)))


@CASES((torch.randn(3, 4), torch.randn(4, 3)))
def pair_returned(pair: Tuple[Tensor, Tensor]):
    return pair


@CASES((3, X), Y)
def number_in_a_pair(pair: Tuple[int, Tensor], y: Tensor):
    return pair[0], pair[1] + y


@CASES(X, (Y, (torch.randn(1, 3), torch.randn(2, 1))))
def nested_pair(x: Tensor, pair: Tuple[Tensor, Tuple[Tensor, Tensor]]):
    return x + pair[0] * pair[1][0] - pair[1][1]


@CASES([X, Y], Z)
def list_given(rows: List[Tensor], x: Tensor):
    return rows[0] - rows[1] + x


# What is None, and what is not, decides which way a program goes.


def first_given(x, y: Optional[Tensor] = None, z: Optional[Tensor] = None):
    if y is not None:
        return x + y
    if z is not None:
        return x - z
    return x * 2


GIVEN = {
    "y_given": ((X, Y, None), {}),
    "z_given": ((X, None, Z), {}),
    "none_given": ((X,), {}),
    "all_given": ((X, Y, Z), {}),
    "y_by_name": ((X,), {"y": Y}),
    "z_by_name": ((X,), {"z": Z}),
    "y_none_by_name": ((X,), {"y": None, "z": Z}),
    "z_none_by_name": ((X,), {"y": Y, "z": None}),
}
for name, (args, kwargs) in GIVEN.items():
    CASES(*args, kwargs=kwargs, name=name)(first_given)


class TensorsByDefault(torch.nn.Module):
    def forward(
        self, x, y: Optional[Tensor] = torch.ones(2, 3), z: Optional[Tensor] = torch.zeros(2, 3)
    ):
        if y is not None:
            return x + y
        if z is not None:
            return x - z
        return x


for name, (args, kwargs) in GIVEN.items():
    CASES(*args, kwargs=kwargs, name=f"{name}_or_by_default")(TensorsByDefault)


class AllByDefault(torch.nn.Module):
    def forward(
        self, x: Optional[Tensor] = torch.ones(2, 3), y: Optional[Tensor] = torch.zeros(2, 3)
    ):
        if x is not None:
            return x + 1
        elif y is not None:
            return y - 1
        else:
            return torch.tensor(-1.0)


for name, args, kwargs in (
    ("x_only", (X,), {}),
    ("x_and_none", (X, None), {}),
    ("none_and_y", (None, Y), {}),
    ("both", (X, Y), {}),
    ("both_by_name", (), {"x": X, "y": Y}),
    ("x_by_name", (), {"x": X, "y": None}),
    ("y_only_by_name", (), {"y": Y}),
):
    CASES(*args, kwargs=kwargs, name=f"{name}_of_two")(AllByDefault)


class PairByDefault(torch.nn.Module):
    def forward(
        self,
        x,
        y: Tuple[Optional[Tensor], Optional[Tensor]] = (torch.zeros(2, 3), torch.zeros(2, 3)),
    ):
        first, second = y
        if first is not None:
            return x + first
        if second is not None:
            return x - second
        return x


for name, pair in (
    ("second", (None, Y)),
    ("first", (Y, None)),
    ("pair", (Y, Z)),
    ("no_part", (None, None)),
):
    CASES(X, pair, name=f"{name}_of_a_pair")(PairByDefault)
    CASES(X, kwargs={"y": pair}, name=f"{name}_of_a_pair_by_name")(PairByDefault)
CASES(X, name="pair_by_default")(PairByDefault)


# Numbers.

CASES.texts({"integer": "x + y, y * 2"}, 3, torch.randint(10, (2, 3, 4)))
CASES.texts({"floating": "x + y, x / 2"}, 3.0, torch.randn(2, 3, 4))
for flag in (True, False):
    CASES.texts({f"flag_{flag}": "if x:\n    return y\nreturn z"}, flag, X, Y)
CASES.texts(
    {"integer_arithmetic": "x = x + y\nx = x - y\nx = x * (y * 3)\nreturn x / (y * 4)"}, X, 2
)
CASES.texts(
    {"floating_arithmetic": "x = x + y\nx = x - y\nx = x * (y * 3)\nreturn x / (y * 4)"}, X, 2.5
)
CASES.texts({"compared": "x == y, x < y, x // y, x % y, x / y"}, 3, 2)


@CASES(X, 2, False, 2.5)
def mixed_numbers(x: Tensor, y: int, z: bool, t: float):
    x = x + y
    if z:
        x = x * (y * 3)
    return x / t, z


CASES.texts(
    {"sizes_returned": "x = x - 3\nreturn x.shape[0], x.shape[1] / 2, x.dim()"},
    X,
    dynamic={0: {0: "n", 1: "k"}},
    others=(torch.randn(4, 5),),
)
CASES.texts({"dim_given": "x.squeeze(y), x.unsqueeze(y)"}, torch.randn(2, 1, 4), 1)
CASES.texts({"last_dim_given": "x.unsqueeze(y), x.squeeze(y), x.sum(y)"}, torch.randn(2, 4, 1), -1)


# What is not read.

CASES.texts(
    {"list_unpacked": "rows = [x, y]\na, b = rows\nreturn a"},
    torch.tensor(0),
    torch.tensor([42]),
)


class Shaped(torch.jit.ScriptModule):
    @torch.jit.script_method
    def forward(self, x):
        return x.new_zeros(x.data.size())


CASES(X, dynamic={0: {0: "n", 1: "k"}}, others=(torch.randn(4, 5),), strategies=(SCRIPTED,))(Shaped)
CASES(X, strategies=(SCRIPTED,), name="shaped_fixed")(Shaped)


class AtLeast(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, bound):
        ctx.save_for_backward(x)
        return x.clamp(min=bound)


@CASES(X, torch.tensor([0.0]), others=((Y, torch.tensor([0.5])),), strategies=(TRACED,))
def function_of_two(x: Tensor, bound: Tensor):
    return AtLeast.apply(x, bound)


@CASES(X, strategies=(TRACED,))
def function_of_a_number(x: Tensor):
    return AtLeast.apply(x, 0)

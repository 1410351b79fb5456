"""Tuples, dicts, strings."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from torchscript.runner import Cases

CASES = Cases()
X = torch.randn(3, 4)
ROWS = {0: {0: "n"}}
OTHERS = (torch.randn(5, 4), torch.randn(1, 4))


class PNT(NamedTuple):
    a: Tensor
    b: Tensor


@CASES(X, strategies=("script",))
def named_tuple(x: Tensor):
    p = PNT(x, x + 1)
    q = p.a + p.b
    return PNT(q, p.a)


@CASES(X)
def tuple_nested(x: Tensor):
    t = (x, (x + 1, x + 2))
    a, (b, c) = t
    return t[1][0] * a, (b, [c, a])


@CASES(X, strategies=("script",))
def dict_const(x: Tensor):
    d = {"a": x, "b": x + 1}
    d["c"] = d["a"] * d["b"]
    out: dict[str, Tensor] = {}
    for k, v in d.items():
        out[k + "_x"] = v * 2
    if "c" in d:
        del d["a"]
    return out, len(d), list(d.values())


@CASES(X, strategies=("script",))
def dict_int(x: Tensor):
    d: dict[int, Tensor] = {}
    for i in range(3):
        d[i] = x + i
    return d[0] + d[2], d.get(1), d.pop(0)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def dict_if(x: Tensor):
    d: dict[str, Tensor] = {"a": x}
    if bool(x.sum() > 0):
        d["a"] = x + 1
    else:
        d["a"] = x * 3
    return d["a"]


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def dict_loop(x: Tensor):
    d: dict[str, Tensor] = {"a": x, "b": torch.zeros(4)}
    for i in range(x.size(0)):
        d["b"] = d["b"] + d["a"][i]
    return d["b"]


@CASES(X, strategies=("script",))
def strings(x: Tensor):
    s = "abc"
    t = "{}_{}".format(s, 3)
    print(t, x)  # noqa: T201 - dropped, and told
    n = 0
    for ch in s:
        n += ord(ch)
    if t.startswith("abc") and s != "x" and s.upper() == "ABC" and len(t.split("_")) == 2:
        return x + n
    return x


@CASES(X, strategies=("script",))
def enumerate_zip(x: Tensor):
    a = [x, x + 1]
    b = [x * 2, x * 3]
    r = torch.zeros_like(x)
    for i, (u, v) in enumerate(zip(a, b)):
        r = r + u * v * i
    for i in range(10, 0, -3):
        r = r + i
    for u in a[::-1]:
        r = r - u
    return r


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def loop_tuple_state(x: Tensor):
    st = (torch.zeros(4), torch.ones(4))
    for i in range(x.size(0)):
        st = (st[0] + x[i], st[1] * st[0])
    return st


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def loop_list_state(x: Tensor):
    st = [torch.zeros(4), torch.ones(4)]
    for i in range(x.size(0)):
        st[0] = st[0] + x[i]
        st[1] = st[1] * st[0]
    return st[0], st[1]


@CASES(X, strategies=("script",))
def try_format(x: Tensor):
    s = "%d-%s" % (3, "a")
    t = f"{x.size(0)}"
    if s == "3-a" and t == "3":
        return x
    return x + 1

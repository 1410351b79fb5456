"""Lists: of known length, and of one that is known at run time only."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from torchscript.runner import Cases

CASES = Cases()
X = torch.randn(3, 4)
ROWS = {0: {0: "n"}}
OTHERS = (torch.randn(5, 4), torch.randn(1, 4))


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",), since=13)
def list_append_stack(x: Tensor):
    res: list[Tensor] = []
    for i in range(x.size(0)):
        res.append(x[i] * 2)
    return torch.stack(res)


@CASES(
    X,
    torch.randn(4, 3),
    dynamic=ROWS,
    others=((torch.randn(5, 4), torch.randn(4, 3)),),
    strategies=("script",),
    since=13,
)
def list_iadd_matmul(x: Tensor, y: Tensor):
    res = []
    for i in range(x.size(0)):
        res += [torch.matmul(x[i], y)]
    return torch.cat(res)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",), since=13)
def list_return(x: Tensor):
    res: list[Tensor] = []
    for i in range(x.size(0)):
        res.append(x[i] * 2)
    return res


@CASES(
    torch.randn(2, 3, 4),
    dynamic={0: {0: "a", 1: "b"}},
    others=((torch.randn(3, 5, 4),),),
    strategies=("script",),
    since=13,
)
def list_append_nested(x: Tensor):
    res: list[Tensor] = []
    for i in range(x.size(0)):
        for j in range(x.size(1)):
            res.append(x[i][j])
    return res, len(res)


@CASES(
    torch.randn(2, 3, 4),
    dynamic={0: {0: "a", 1: "b"}},
    others=((torch.randn(3, 5, 4),),),
    strategies=("script",),
    since=13,
)
def list_append_nested_cond(x: Tensor):
    res: list[Tensor] = []
    for i in range(x.size(0)):
        if bool(x[i].sum() > 0):
            for j in range(x.size(1)):
                res.append(x[i][j])
        else:
            res.append(x[i][0])
    return torch.stack(res)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",), since=13)
def list_pop_loop(x: Tensor):
    res: list[Tensor] = []
    for i in range(x.size(0)):
        res.append(x[i])
    last = res.pop()
    return torch.stack(res) if len(res) > 0 else x, last


@CASES(X, strategies=("script",))
def list_pop_static(x: Tensor):
    res: list[Tensor] = []
    for i in range(x.size(0)):
        res.append(x[i])
    res.pop()
    res.pop(0)
    return torch.stack(res)


@CASES(
    X,
    dynamic=ROWS,
    others=((torch.randn(5, 4),), (torch.randn(2, 4),)),
    strategies=("script",),
    since=13,
)
def list_pop_cond(x: Tensor):
    res: list[Tensor] = []
    for i in range(x.size(0)):
        res.append(x[i])
        if i % 2 == 1:
            res.pop()
    return torch.stack(res)


@CASES(
    X,
    dynamic=ROWS,
    others=((torch.randn(5, 4),), (torch.randn(2, 4),)),
    strategies=("script",),
    since=13,
)
def list_del_dynamic(x: Tensor):
    res: list[Tensor] = []
    for i in range(x.size(0)):
        res.append(x[i])
    del res[1]
    return torch.stack(res)


@CASES(
    X,
    dynamic=ROWS,
    others=((torch.randn(5, 4),), (torch.randn(2, 4),)),
    strategies=("script",),
    since=13,
)
def list_set_dynamic(x: Tensor):
    res: list[Tensor] = []
    for i in range(x.size(0)):
        res.append(x[i])
    res[1] = x[0] * 5
    res[-1] = x[0] * 7
    return torch.stack(res)


@CASES(
    X,
    dynamic=ROWS,
    others=((torch.randn(5, 4),), (torch.randn(2, 4),)),
    strategies=("script",),
    since=13,
)
def list_insert_dynamic(x: Tensor):
    res: list[Tensor] = []
    for i in range(x.size(0)):
        res.insert(0, x[i])
    return torch.stack(res)


@CASES(
    X,
    dynamic=ROWS,
    others=((torch.randn(5, 4),), (torch.randn(2, 4),)),
    strategies=("script",),
    since=13,
)
def list_iter_dynamic(x: Tensor):
    res: list[Tensor] = []
    for i in range(x.size(0)):
        res.append(x[i] + i)
    total = torch.zeros(4)
    for r in res:
        total = total + r
    return total, len(res)


@CASES(
    X,
    dynamic=ROWS,
    others=((torch.randn(5, 4),), (torch.randn(2, 4),)),
    strategies=("script",),
    since=13,
)
def list_idx_sum(x: Tensor):
    indices = torch.arange(x.shape[0])
    xs: list[Tensor] = []
    for i in range(x.shape[0]):
        xs.append(x[i])
    return torch.sum(torch.stack([xs[int(i)] for i in indices[:2]]), dim=-1)


@CASES(X, torch.tensor([2, 0, 1]), strategies=("script",))
def list_index_tensor(x: Tensor, idx: Tensor):
    xs: list[Tensor] = []
    for i in range(x.shape[0]):
        xs.append(x[i])
    return xs[int(idx[1])], xs[int(idx[0])]


@CASES(
    X,
    dynamic=ROWS,
    others=((torch.randn(5, 4),), (torch.randn(2, 4),)),
    strategies=("script",),
    since=13,
)
def list_comprehension_dynamic(x: Tensor):
    xs = [x[i] * 2 for i in range(x.size(0))]
    return torch.stack(xs, 1)


@CASES(
    X,
    dynamic=ROWS,
    others=((torch.randn(5, 4),), (torch.randn(2, 4),)),
    strategies=("script",),
    since=13,
)
def list_iter_tensor(x: Tensor):
    xs: list[Tensor] = []
    for row in x:
        xs.append(row.exp())
    return torch.stack(xs)


@CASES(
    X,
    dynamic=ROWS,
    others=((torch.randn(5, 4),), (torch.randn(2, 4),)),
    strategies=("script",),
    since=13,
)
def list_unbind(x: Tensor):
    xs: list[Tensor] = []
    for row in x.unbind(0):
        xs.append(row.exp())
    return torch.stack(xs)


@CASES(
    X,
    dynamic={0: {1: "n"}},
    others=((torch.randn(3, 7),), (torch.randn(3, 3),)),
    strategies=("script",),
)
def list_split_dynamic(x: Tensor):
    xs = torch.split(x, 2, 1)
    y = torch.zeros(3)
    for s in xs:
        y = y + s.sum(1)
    return y, len(xs)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def if_list(x: Tensor):
    y = torch.ones(2)
    if bool(x.sum() > 0):
        r = [x, y]
    else:
        r = [x * 2, y * 3]
    return r[0], r[1]


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",), since=13)
def if_list_len(x: Tensor):
    r: list[Tensor] = []
    if bool(x.sum() > 0):
        r = [x, x]
    else:
        r = [x * 2]
    return torch.cat(r)


@CASES(X, strategies=("script",))
def annotate(x: Tensor):
    l = torch.jit.annotate(list[Tensor], [])
    l.append(x)
    l.extend([x + 1, x + 2])
    l.insert(1, x * 5)
    l[0] = x * 7
    l.reverse()
    o = torch.jit.annotate(Optional[Tensor], None)
    if o is None:
        l.append(x)
    c = l.copy()
    c.clear()
    return torch.cat(l), len(c), l.pop(1)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def list_int_view(x: Tensor):
    s = x.size()
    t = list(s) + [1]
    t[1] = 2
    t.append(2)
    t = t[:-2] + t[-1:]
    return x.view(t), x.view(s[0], -1, 2), x.reshape(s[:-1] + [2, 2])


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def list_int_grow(x: Tensor):
    l: list[int] = []
    for i in range(x.size(0)):
        l.append(i * 2)
    return torch.tensor(l)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def list_float_grow(x: Tensor):
    l: list[float] = []
    for i in range(x.size(0)):
        l.append(float(x[i, 0]))
    return torch.tensor(l), len(l)


@CASES([X, X + 1])
def list_in(t: list[Tensor]):
    return torch.cat(t), len(t)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",), since=13)
def while_list(x: Tensor):
    outs: list[Tensor] = []
    while bool(x.sum() < 50):
        x = x + 1.5
        outs.append(x)
    return torch.stack(outs) if len(outs) else x[None]


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def list_contains(x: Tensor):
    l = [1, 2, x.size(0)]
    y = 5 in l
    z = 2 in l
    return x + 1 if y else x - 1, z


@CASES(X, strategies=("script",))
def sort_list(x: Tensor):
    l = [3, 1, 2]
    l.sort()
    m = sorted([2.5, 1.5])
    return x * l[0] + m[0] + l.index(3) + l.count(1)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def bool_list(x: Tensor):
    flags: list[bool] = []
    for i in range(4):
        flags.append(bool(x[0, i] > 0))
    n = 0
    for f in flags:
        if f:
            n += 1
    return x * n, any(flags), all(flags)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def list_in_tuple_loop(x: Tensor):
    st = (torch.zeros(4), [torch.zeros(4)])
    for i in range(x.size(0)):
        a, b = st
        st = (a + x[i], [b[0] + a])
    return st[0], st[1][0]


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",), since=13)
def list_of_lists(x: Tensor):
    l: list[list[Tensor]] = [[], []]
    for i in range(x.size(0)):
        l[0].append(x[i])
        l[1].append(x[i] * 2)
    return torch.stack(l[0]) + torch.stack(l[1])


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",), since=13)
def extend_dynamic(x: Tensor):
    l: list[Tensor] = []
    for i in range(x.size(0)):
        l.extend([x[i], x[i] + 1])
    m = l + l
    return torch.stack(m), torch.stack(l[1:]), l[0], l[-1]

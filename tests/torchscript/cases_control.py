"""Branches and loops, optionals, assertions, and what goes in and out."""

from __future__ import annotations

import torch
from torch import Tensor

from torchscript.runner import Cases

CASES = Cases()
X = torch.randn(3, 4)
ROWS = {0: {0: "n"}}
OTHERS = (torch.randn(5, 4), torch.randn(1, 4))


@CASES(
    X,
    torch.tensor(1),
    dynamic=ROWS,
    others=((torch.randn(5, 4), torch.tensor(-1)),),
    strategies=("script",),
)
def if_else_int(x: Tensor, y: Tensor):
    if bool(y > 0):
        return x + 1
    elif bool(y < -5):
        return x * 2
    else:
        return x - 1


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def loop_size0(x: Tensor):
    for i in range(x.size(0)):
        x = x + i
    return x


@CASES(
    torch.randn(2, 3, 4),
    dynamic={0: {0: "a", 1: "b"}},
    others=((torch.randn(3, 5, 4),),),
    strategies=("script",),
)
def loop_nested(x: Tensor):
    y = torch.zeros(4)
    for i in range(x.size(0)):
        for j in range(x.size(1)):
            y = y + x[i, j]
    return y


@CASES(torch.randn(4, 3), dynamic={0: {1: "n"}}, others=((torch.randn(4, 7),),))
def chunk_dyn(x: Tensor):
    a, b = torch.chunk(x, 2, 0)
    return a, b


@CASES(torch.randn(4, 4), dynamic={0: {0: "n"}}, others=((torch.randn(6, 4),),))
def chunk_dyn_axis(x: Tensor):
    a, b = torch.chunk(x, 2, 0)
    return a, b


@CASES(torch.randn(5, 4), dynamic={0: {0: "n"}}, others=((torch.randn(7, 4),),))
def split_sizes_dyn(x: Tensor):
    a, b, c = torch.split(x, [2, 1, x.size(0) - 3], 0)
    return a, b, c


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def while_cond(x: Tensor):
    i = torch.tensor(0)
    a = x
    while bool(i < 4):
        a = a + x
        i = i + 1
    return a, i


@CASES(
    X,
    torch.tensor(5),
    dynamic=ROWS,
    others=((torch.randn(5, 4), torch.tensor(2)), (torch.randn(5, 4), torch.tensor(0))),
    strategies=("script",),
)
def while_tensor_bound(x: Tensor, n: Tensor):
    i = 0
    while bool(torch.tensor(i) < n):
        x = x * 1.5
        i += 1
        if i == 4:
            break
    return x, i


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def early_return(x: Tensor):
    if bool(x.sum() > 0):
        return x + 1
    y = x * 2
    if bool(y.max() > 3):
        return y
    return y - 1


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def early_return_loop(x: Tensor):
    for i in range(x.size(0)):
        if bool(x[i].sum() > 1):
            return x[i]
    return torch.zeros(4)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def continue_break(x: Tensor):
    s = torch.zeros(4)
    for i in range(x.size(0)):
        if bool(x[i, 0] < 0):
            continue
        if bool(x[i, 1] > 2):
            break
        s = s + x[i]
    return s


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def index_put_if(x: Tensor):
    y = x.clone()
    if bool(x[0, 0] > 0):
        y[0] = 5.0
    else:
        y[0, 1] = 7.0
    return y


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def index_put_loop_if(x: Tensor):
    y = torch.zeros(10, 4)
    for i in range(x.size(0)):
        if bool(x[i].sum() > 0):
            y[i] = x[i]
        elif i % 2 == 0:
            y[i, 0] += 1
        else:
            y[:i] *= 0.5
    return y


@CASES(X, strategies=("script",))
def optional_arg(x: Tensor, y: Tensor | None = None):
    if y is not None:
        return x + y
    return x


@CASES(X, None, X + 1)
def optional_mixed(x: Tensor, y: Tensor | None = None, z: Tensor | None = None):
    if y is not None:
        x = x + y
    if z is not None:
        x = x * z
    return x


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def optional_state(x: Tensor):
    h: Tensor | None = None
    for i in range(x.size(0)):
        if h is None:
            h = x[i]
        else:
            h = h * 0.5 + x[i]
    assert h is not None
    return h


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def optional_if(x: Tensor):
    h: Tensor | None = None
    if bool(x.sum() > 0):
        h = x * 2
    if h is not None:
        x = x + h
    return x


@CASES(X, strategies=("script",))
def optional_none_out(x: Tensor) -> tuple[Tensor, Tensor | None]:
    return x + 1, None


@CASES(X, dynamic={}, others=((-X,),), strategies=("script",))
def if_rank(x: Tensor):
    if bool(x.sum() > 0):
        y = x.unsqueeze(0)
    else:
        y = x
    return y.sum()


@CASES(X, dynamic={}, others=((-X,),), strategies=("script",))
def if_dtype(x: Tensor):
    if bool(x.sum() > 0):
        y = x > 0
    else:
        y = x
    return y * 1.0


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def uninit2(x: Tensor):
    if bool(x.sum() > 0):
        if bool(x[0, 0] > 0):
            return x
        y = x * 2
    else:
        y = x * 3
    return y + 1


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def asserts(x: Tensor):
    assert x.size(1) == 4, "four"
    assert bool((x < 1e6).all()), f"big {x.size(0)}"
    torch._assert(x.size(0) > 0, "hm")
    return x


@CASES((X, X + 1), {"a": X})
def containers_in(t: tuple[Tensor, Tensor], d: dict[str, Tensor]):
    return t[0] + t[1] * d["a"]


@CASES(X, X + 1)
def out_is_in(x: Tensor, y: Tensor):
    return x, y + 1, y


@CASES(X, X + 1)
def unused_in(x: Tensor, y: Tensor):
    return x * 2


@CASES(X, others=((-X,),), strategies=("script",))
def bool_tensor_logic(x: Tensor):
    a = bool(x.sum() > 0)
    b = bool(x[0, 0] > 0)
    if a and not b or (not a and b):
        return x + 1
    return x - 1


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def loop_transpose(x: Tensor):
    res = torch.zeros_like(x[0])
    for _ in range(x.size(0)):
        res = res.unsqueeze(0).transpose(0, 1).squeeze(1)
    return res


@CASES(
    torch.randn(2, 3, 4),
    torch.randint(0, 3, (2,)),
    dynamic={0: {0: "n"}, 1: {0: "n"}},
    others=((torch.randn(4, 3, 4), torch.randint(0, 3, (4,))),),
    strategies=("script",),
    since=13,
)
def loop_lengths(x: Tensor, lens: Tensor):
    outs: list[Tensor] = []
    for i in range(x.size(0)):
        l = int(lens[i])
        outs.append(x[i, :l].sum(0))
    return torch.stack(outs)


@CASES(
    torch.randn(2, 3, 4),
    torch.tensor([1, 3]),
    dynamic={0: {0: "n"}, 1: {0: "n"}},
    others=((torch.randn(4, 3, 4), torch.tensor([2, 1, 3, 3])),),
    strategies=("script",),
    since=13,
)
def loop_lengths_cat(x: Tensor, lens: Tensor):
    outs: list[Tensor] = []
    for i in range(x.size(0)):
        outs.append(x[i, : int(lens[i])])
    return torch.cat(outs), outs


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def loop_cat_grow(x: Tensor):
    y = torch.zeros(0, 4)
    for i in range(x.size(0)):
        y = torch.cat([y, x[i : i + 1]], 0)
    return y


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",), since=13)
def loop_outs_two(x: Tensor):
    h = torch.zeros(4)
    outs = torch.jit.annotate(list[Tensor], [])
    attn = torch.jit.annotate(list[Tensor], [])
    for i in range(x.size(0)):
        h = torch.tanh(h + x[i])
        outs += [h]
        attn += [h.sum()]
    return torch.stack(outs), torch.stack(attn), h


@CASES(X, strategies=("script",))
def empty_branch(x: Tensor):
    if bool(x.sum() > 1e5):
        pass
    return x + 1


@CASES(
    torch.randn(3, 4, 5),
    dynamic={0: {0: "n"}},
    others=((torch.randn(2, 4, 5),), (torch.randn(1, 4, 5),)),
    strategies=("script",),
)
def squeeze_rank_cond(x: Tensor):
    if x.size(0) == 1:
        y = x.squeeze(0)
    else:
        y = x.sum(0)
    return y


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def if_int_bool(x: Tensor):
    k = 1
    if bool(x.sum() > 0):
        k = 2
    n: int = 3 if x.size(0) > 2 else 4
    return x * k + n, k


@CASES(X, torch.tensor([True, False, True, True]), dynamic=ROWS, others=(), strategies=("script",))
def loop_over_bools(x: Tensor, m: Tensor):
    for i in range(4):
        if bool(m[i]):
            x = x + i
    return x

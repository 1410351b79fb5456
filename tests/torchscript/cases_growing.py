"""Lists filled, cut and read in loops, nested ones too, and tensors written in them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from torchscript.runner import SCRIPTED, Cases

CASES = Cases()
ONLY = (SCRIPTED,)
X, Y = torch.randn(4, 3, 4), torch.randn(4, 5)
ROWS = {0: {0: "n"}}
OTHERS = ((torch.randn(3, 3, 4), Y), (torch.randn(6, 3, 4), Y))
Z = torch.randn(3, 4, 2, 4)
TWO = {0: {0: "a", 1: "b"}}
NESTED = ((torch.randn(4, 3, 2, 4), Y), (torch.randn(5, 5, 2, 4), Y))


@CASES(X, Y, strategies=ONLY)
def products(x: Tensor, y: Tensor):
    out = []
    for i in range(x.size(0)):
        out += [torch.matmul(x[i], y)]
    return out


CASES(X, Y, dynamic=ROWS, others=OTHERS, strategies=ONLY, since=13, name="products_dynamic")(
    products
)


@CASES(Z, Y, strategies=ONLY)
def products_nested(x: Tensor, y: Tensor):
    out = []
    for i in range(x.size(0)):
        for j in range(x.size(1)):
            out += [torch.matmul(x[i][j], y)]
    return out


CASES(Z, Y, dynamic=TWO, others=NESTED, strategies=ONLY, since=13, name="products_nested_dynamic")(
    products_nested
)


@CASES(Z, strategies=ONLY)
def two_lists(x: Tensor):
    out = []
    kept = []
    for i in range(x.size(0)):
        if len(out) > 2:
            for j in range(x.size(1)):
                out.append(x[i][j])
            kept.append(out[-1])
            out.append(kept[-1])
        else:
            out.append(x[i][0])
    return out, kept


CASES(
    Z,
    dynamic=TWO,
    others=(torch.randn(5, 2, 2, 4), torch.randn(2, 3, 2, 4)),
    strategies=ONLY,
    since=13,
    name="two_lists_dynamic",
)(two_lists)


@CASES(Z, Z[0, 0], strategies=ONLY)
def of_conditions(x: Tensor, y: Tensor):
    out = []
    for i in range(x.size(0)):
        for j in range(x.size(1)):
            if i == j:
                out.append(x == y)
            else:
                out.append(x != y)
    return out


CASES(
    Z,
    Z[0, 0],
    dynamic=TWO,
    others=((torch.randn(4, 2, 2, 4), Z[0, 0]),),
    strategies=ONLY,
    since=13,
    name="of_conditions_dynamic",
)(of_conditions)


@CASES(X, Y, dynamic=ROWS, others=OTHERS, strategies=ONLY, since=13)
def popped(x: Tensor, y: Tensor):
    out = []
    for i in range(x.size(0)):
        out += [torch.matmul(x[i], y)]
    last = out.pop()
    first = out.pop(0)
    return out, last + first


@CASES(Z, Y, dynamic=TWO, others=NESTED, strategies=ONLY, since=13)
def popped_nested(x: Tensor, y: Tensor):
    out = []
    for i in range(x.size(0)):
        for j in range(x.size(1)):
            out += [torch.matmul(x[i][j], y)]
            out.pop()
        out += [torch.matmul(x[i][0], y)]
    return out


@CASES(Z, Y, strategies=ONLY)
def deleted_nested(x: Tensor, y: Tensor):
    out = []
    for i in range(x.size(0)):
        for j in range(x.size(1)):
            out += [torch.matmul(x[i][j], y)]
            del out[i]
        out += [torch.matmul(x[i][0], y)]
    return out


CASES(Z, Y, dynamic=TWO, others=NESTED, strategies=ONLY, since=13, name="deleted_nested_dynamic")(
    deleted_nested
)


@CASES(X, Y, dynamic=ROWS, others=OTHERS, strategies=ONLY, since=13)
def deleted(x: Tensor, y: Tensor):
    out = []
    for i in range(x.size(0)):
        out += [torch.matmul(x[i], y)]
    del out[2]
    del out[-2]
    return out


R = torch.randn(6, 4)


@CASES(R, torch.tensor(2), others=((R, torch.tensor(5)), (R, torch.tensor(-2))), strategies=ONLY)
def set_at_tensor(x: Tensor, i: Tensor):
    out = []
    for j in range(x.size(0)):
        out.append(x[j])
    out[i] = x[i] * 2
    return out


CASES(
    R,
    torch.tensor(2),
    dynamic=ROWS,
    others=((R[:3], torch.tensor(-1)), (R, torch.tensor(0))),
    strategies=ONLY,
    since=13,
    name="set_at_tensor_dynamic",
)(set_at_tensor)


@CASES(R, torch.tensor(2), others=((R, torch.tensor(3)),), strategies=ONLY)
def read_at_tensor(x: Tensor, n: Tensor):
    places = torch.arange(x.size(0))
    out = []
    for j in range(x.size(0)):
        out.append(x[j])
    return out[torch.sum(places[:n])]


CASES(
    R,
    torch.tensor(2),
    dynamic=ROWS,
    others=((R[:4], torch.tensor(3)),),
    strategies=ONLY,
    since=13,
    name="read_at_tensor_dynamic",
)(read_at_tensor)


@CASES(
    torch.randn(3, 4),
    torch.randn(1, 4),
    torch.randn(2, 4),
    torch.tensor(1),
    others=((torch.randn(3, 4), torch.randn(1, 4), torch.randn(2, 4), torch.tensor(-3)),),
    strategies=ONLY,
)
def one_of_three(x: Tensor, y: Tensor, z: Tensor, i: Tensor):
    return [x, y, z][i]


@CASES(torch.randn(16), others=(torch.randn(16),), strategies=ONLY)
def filled_from_parts(x: Tensor):
    a, b, d, e = [], [], [], []
    parts = x.split([3, 4, 1, 1, 2, 3, 2], 0)
    c = torch.zeros(3, 4, dtype=torch.long)
    for i in range(len(parts)):
        a.append(parts[i].sum(0, False))
        b.append(parts[-1 - i].sum(0, False))
        c += 1
        d = d + [parts[i].sum(0, False)]
        e += [parts[-1 - i].sum(0, False)]
    return a, b, c, torch.stack(d), torch.stack(e)


@CASES(torch.randn(16, 1), dynamic={0: {1: "n"}}, others=(torch.randn(16, 3),), strategies=ONLY)
def edited(x: Tensor):
    rows = x.unbind()
    out = []
    out.append(rows[0])
    out.append(rows[1])
    out.pop(1)
    out.insert(0, rows[1])
    out.append(rows[2])
    out += [rows[3], rows[4]]
    out = out + [rows[5]]
    return torch.ones(len(out)), torch.stack(out)


CASES(
    torch.randn(16, 1),
    dynamic=ROWS,
    others=(torch.randn(7, 1),),
    strategies=ONLY,
    name="edited_dynamic",
)(edited)


@CASES(
    torch.arange(6.0),
    torch.tensor(2),
    torch.tensor([0, 1, 2, 3]),
    others=((torch.arange(6.0), torch.tensor(1), torch.tensor([3, 0, 1, 1])),),
    strategies=ONLY,
)
def numbers_read(x: Tensor, i: Tensor, y: Tensor):
    k = int(i)
    return int(x[y[k]].item()), float(x[k]), x[y[k]].item()


# Loops that write.


@CASES(
    torch.zeros(1, 2, 3, dtype=torch.long),
    dynamic={0: {2: "n"}},
    others=(torch.ones(1, 2, 5).long(),),
    strategies=ONLY,
)
def counted(x: Tensor):
    for i in range(x.size(2)):
        x = x + i
    for i in range(5):
        a = 0
        while a < 4:
            a += 1
        x = x + a
    return x


@CASES(torch.randn(5, 3, 3), dynamic=ROWS, others=(torch.randn(2, 3, 3),), strategies=ONLY)
def transposed_sum(x: Tensor):
    out = torch.zeros_like(x[0])
    for i in range(x.size(0)):
        out += x[0].transpose(0, 1) * i
    return out


@CASES(
    torch.randint(0, 5, (8, 1, 17)),
    torch.ones(1).long(),
    others=((torch.randint(0, 5, (8, 1, 17)), torch.tensor([3])),),
    strategies=ONLY,
)
def followed(x: Tensor, y: Tensor):
    for row in torch.flip(x.narrow(0, 0, 7), [0]):
        y = row[0][y]
    return y


CASES(
    torch.randint(0, 5, (8, 1, 17)),
    torch.ones(1).long(),
    dynamic=ROWS,
    others=((torch.randint(0, 5, (9, 1, 17)), torch.tensor([3])),),
    strategies=ONLY,
    name="followed_dynamic",
)(followed)

V = torch.randn(12)


@CASES(V, dynamic=ROWS, others=(torch.randn(1),), strategies=ONLY)
def added_in_place(x: Tensor):
    a = torch.ones(12)
    for i in range(10):
        a.add_(torch.ones(12))
    return a + x


@CASES(V, others=(torch.randn(12),), strategies=ONLY)
def shared_and_copied(x: Tensor):
    step = torch.ones(12)
    a = torch.ones(12)
    b = x.clone()
    b_before = b
    for i in range(10):
        if i == 3:
            for j in range(5):
                a += step
                step.add_(torch.ones(12))
                b = b + torch.ones(12)
        step.add_(torch.ones(12))
        a += step
    b_before += torch.ones(12)
    return step + x, a, b, b_before


@CASES(V, torch.tensor(10), others=((V, torch.tensor(2)), (V, torch.tensor(0))), strategies=ONLY)
def shared_by_data(x: Tensor, n: Tensor):
    step = torch.ones(12)
    a = torch.ones(12)
    a_before = a
    for i in range(int(n)):
        if i == 3:
            for j in range(5):
                a += step
                step.add_(torch.ones(12))
        step.add_(torch.ones(12))
        a += step
    a_before += torch.ones(12)
    return step + x, a, a_before


class Attribute(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bias = torch.arange(12)

    def forward(self, x: Tensor, n: int):
        self.bias = torch.arange(12)
        for i in range(n):
            if i == 3:
                for j in range(5):
                    self.bias += torch.arange(12)
                self.bias.copy_(self.bias + torch.arange(12))
            self.bias.copy_(self.bias + torch.arange(12))
        return self.bias + x


CASES(V, 10, strategies=ONLY)(Attribute)


class AttributeByData(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bias = torch.arange(12)

    def forward(self, x: Tensor, n: Tensor):
        self.bias = torch.arange(12)
        for i in range(int(n)):
            if i == 3:
                for j in range(5):
                    self.bias += torch.arange(12)
                self.bias.copy_(self.bias + torch.arange(12))
            self.bias.copy_(self.bias + torch.arange(12))
        return self.bias + x


CASES(V, torch.tensor(6), others=((V, torch.tensor(2)),), strategies=ONLY)(AttributeByData)


class Beams(nn.Module):
    def process(self, found: list[Tensor], done: Tensor, x: Tensor):
        for i in range(x.shape[0]):
            if done[i]:
                continue
            count = 0
            for _, token in enumerate(x[i]):
                found.append(token)
                count += 1
                if count == 6:
                    break
            done[i] = len(found) > 4
        return found, done

    def forward(self, x: Tensor):
        found: list[Tensor] = []
        done = torch.zeros(x.shape[0], dtype=torch.bool)
        step = 0
        while step < x.shape[1]:
            found, done = self.process(found, done, x[:, 0, :])
            step = step + 1
        return found


CASES(torch.randn(8, 4, 3), others=(torch.randn(8, 4, 3),), strategies=ONLY)(Beams)
CASES(
    torch.randn(3, 4, 3),
    dynamic={0: {0: "a", 1: "b", 2: "c"}},
    others=(torch.randn(2, 2, 7), torch.randn(1, 3, 2)),
    strategies=ONLY,
    since=13,
    name="beams_dynamic",
)(Beams)

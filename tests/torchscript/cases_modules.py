"""Modules: attributes and buffers, interfaces, objects, scripted pieces and autograd functions."""

import torch
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
X = torch.randn(3, 4)
ROWS = {0: {0: "n"}}
OTHERS = (torch.randn(5, 4), torch.randn(1, 4))


def helper(x: Tensor, n: int) -> tuple[Tensor, int]:
    if n > 1:
        x = x * n
    return helper2(x), n


def helper2(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, x * 0.1)


def loop_size0(x: Tensor):
    for i in range(x.size(0)):
        x = x + i
    return x


class BoxAttr(nn.Module):
    boxes: Tensor

    def __init__(self):
        super().__init__()
        self.boxes = torch.zeros(3, 4)
        self.register_buffer("count", torch.zeros(1))
        self.n = 3

    def forward(self, x: Tensor):
        self.boxes = x * 2
        self.count += 1
        self.n = self.n + 1
        return self.boxes + self.count, self.n


CASES(X, strategies=("script",))(BoxAttr)


class AttrIf(nn.Module):
    boxes: Tensor

    def __init__(self):
        super().__init__()
        self.boxes = torch.zeros(3, 4)
        self.w = torch.ones(1)

    def set(self, v: Tensor, w: Tensor):
        self.boxes = v
        self.w = w

    def forward(self, x: Tensor):
        if bool(x.sum() > 0):
            self.set(x * 2, self.w + 1)
        else:
            self.set(x - 1, self.w)
        return self.boxes + self.w


CASES(X, dynamic={}, strategies=("script",))(AttrIf)


class AttrLoop(nn.Module):
    boxes: Tensor

    def __init__(self):
        super().__init__()
        self.boxes = torch.zeros(4)
        self.k = 0

    def forward(self, x: Tensor):
        for i in range(x.size(0)):
            self.boxes = self.boxes + x[i]
            self.k += 1
        return self.boxes, self.k


CASES(X, dynamic=ROWS, others=(), strategies=("script",))(AttrLoop)


class AttrList(nn.Module):
    cells: list[Tensor]

    def __init__(self):
        super().__init__()
        self.cells = [torch.zeros(4), torch.ones(4)]
        self.d = {"a": torch.ones(4)}
        self.names = ["a", "b"]

    def forward(self, x: Tensor):
        for i, c in enumerate(self.cells):
            x = x + c * i
        for n in self.names:
            x = x + len(n)
        return x * self.d["a"]


CASES(X, strategies=("script",))(AttrList)


@CASES(X)
def fork_wait(x: Tensor):
    f = torch.jit.fork(torch.relu, x)
    y = x * 2
    return torch.jit.wait(f) + y


class Sub(nn.Module):
    def forward(self, x: Tensor, k: int = 2) -> Tensor:
        return x * k


@torch.jit.interface
class Iface(nn.Module):
    def forward(self, x: Tensor, k: int = 2) -> Tensor:
        pass


class UseIface(nn.Module):
    sub: Iface

    def __init__(self) -> None:
        super().__init__()
        self.sub = Sub()
        self.m = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.ReLU()})

    def forward(self, x: Tensor):
        for k, m in self.m.items():
            x = m(x)
        return self.sub.forward(x, 3)


CASES(X, strategies=("script",))(UseIface)


class Lists(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)])
        self.p = nn.ParameterList([nn.Parameter(torch.randn(4)) for _ in range(2)])

    def forward(self, x: Tensor):
        for i, l in enumerate(self.l):
            if i % 2 == 0:
                x = l(x)
        for l in self.l[1:]:
            x = x + l(x)
        return x


CASES(X)(Lists)


class Ext(nn.Module):
    __constants__ = ["k"]

    def __init__(self) -> None:
        super().__init__()
        self.k = 3
        self.mode = "mean"
        self.opt: Tensor | None = None
        self.t = (1, 2.5)

    @torch.jit.export
    def other(self, x: Tensor):
        return x * self.k

    def forward(self, x: Tensor):
        if self.mode == "mean":
            x = x + x.mean()
        if self.opt is not None:
            x = x + self.opt
        return self.other(x) + self.t[0] * self.t[1]


CASES(X)(Ext)


@torch.jit.script
class Pair:
    def __init__(self, a: Tensor, n: int):
        self.a = a
        self.n = n

    def total(self):
        return self.a * self.n

    def bump(self):
        self.n += 1


@CASES(X, strategies=("script",))
def script_class(x: Tensor):
    p = Pair(x, 2)
    p.bump()
    p.a = p.a + 1
    return p.total()


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def script_class_loop(x: Tensor):
    p = Pair(torch.zeros(4), 1)
    for i in range(x.size(0)):
        p.a = p.a + x[i]
        p.bump()
    return p.total(), p.n


class FnRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, k):
        return x.clamp(min=0) * k

    @staticmethod
    def symbolic(g, x, k):
        return g.op("Mul", g.op("Relu", x), g.op("Constant", value_t=torch.tensor(float(k))))


class FnPlain(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0), x * 2


class UseFn(nn.Module):
    def forward(self, x):
        return FnRelu.apply(x, 3)


class UseFnPlain(nn.Module):
    def forward(self, x):
        a, b = FnPlain.apply(x)
        return a + b


CASES(X, strategies=("trace",))(UseFn)


CASES(X, strategies=("trace",))(UseFnPlain)


class ScriptedPiece(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = torch.jit.script(loop_size0)

    def forward(self, x):
        return self.f(x) + 1


CASES(X, dynamic=ROWS, others=OTHERS, strategies=("trace",))(ScriptedPiece)


class ScriptedPiece2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = torch.jit.script(Lists())
        self.g = torch.jit.script(AttrList())

    def forward(self, x):
        return self.f(x) + self.g(x)


CASES(X, dynamic=ROWS, others=OTHERS, strategies=("trace",))(ScriptedPiece2)


class TracedPiece(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = torch.jit.trace(Lists().eval(), X)

    def forward(self, x: Tensor):
        if bool(x.sum() > 0):
            x = self.f(x)
        return x


CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))(TracedPiece)


class Cell(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.LSTMCell(4, 5)
        self.g = nn.GRUCell(5, 5)
        self.r = nn.RNNCell(5, 5)

    def forward(self, x: Tensor):
        h, c = torch.zeros(x.size(1), 5), torch.zeros(x.size(1), 5)
        k = torch.zeros(x.size(1), 5)
        outs: list[Tensor] = []
        for t in range(x.size(0)):
            h, c = self.c(x[t], (h, c))
            k = self.r(self.g(h, k))
            outs.append(k)
        return torch.stack(outs), h


CASES(
    torch.randn(3, 2, 4),
    dynamic={0: {0: "t", 1: "b"}},
    others=((torch.randn(5, 3, 4),),),
    strategies=("script",),
    since=13,
)(Cell)


class CustomLSTM(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.LSTMCell(4, 5)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]):
        inputs = x.unbind(0)
        outputs = torch.jit.annotate(list[Tensor], [])
        for i in range(len(inputs)):
            state = self.c(inputs[i], state)
            outputs += [state[0]]
        return torch.stack(outputs), state


CASES(
    torch.randn(3, 2, 4),
    (torch.randn(2, 5), torch.randn(2, 5)),
    dynamic={0: {0: "t"}},
    others=((torch.randn(5, 2, 4), (torch.randn(2, 5), torch.randn(2, 5))),),
    strategies=("script",),
    since=13,
)(CustomLSTM)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def with_nograd(x: Tensor):
    with torch.no_grad():
        y = x * 2
    return y


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def recursive_calls(x: Tensor):
    return helper(x, 2)[0]

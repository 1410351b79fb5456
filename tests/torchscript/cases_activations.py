"""Functions of each element, and sizes among their operands."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
X = torch.randn(2, 3, 4) * 3
SOME = {0: {1: "n", 2: "m"}}
OTHERS = (torch.randn(2, 4, 5) * 3, torch.randn(2, 1, 1) * 3)

for layer in (
    *(nn.PReLU, nn.ReLU6, nn.SiLU, nn.Mish, nn.CELU, nn.RReLU, nn.GELU, nn.ELU, nn.SELU),
    *(nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.LeakyReLU, nn.LogSigmoid, nn.Softsign),
    *(nn.Softplus, nn.Softshrink, nn.Tanhshrink, nn.Hardshrink, nn.Identity, nn.Dropout),
    *(partial(nn.CELU, 2.0), partial(nn.RReLU, 0.1, 0.3), partial(nn.GELU, "tanh")),
):
    told = layer.__name__ if isinstance(layer, type) else f"{layer.func.__name__}-{layer.args}"
    CASES(X, dynamic=SOME, others=OTHERS, name=told)(layer)
for dtype in (torch.float64, torch.float16):
    for layer in (nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.ReLU6):
        CASES(X.to(dtype), strategies=("trace",), name=f"{layer.__name__}-{dtype}")(layer)
CASES(torch.scalar_tensor(-1.0), name="PReLU-of-a-number")(nn.PReLU)
CASES(torch.randn(2, 3, 4, 5), name="PReLU-by-channel")(partial(nn.PReLU, 3))
CASES(torch.randn(3), name="PReLU-of-a-row")(nn.PReLU)


@CASES(torch.randn(2, 4, 5, 6), dynamic={0: {0: "n", 2: "m"}}, others=(torch.randn(3, 4, 2, 6),))
def gates(x: Tensor):
    return F.glu(x), F.glu(x, 1), F.gelu(x, approximate="none"), F.gelu(x, approximate="tanh")


@CASES(torch.rand(2, 3, 4), dynamic={0: {0: "n"}}, others=(torch.rand(1, 3, 4),))
def logarithms(x: Tensor):
    return torch.log(x), torch.log1p(x), torch.log10(x), torch.log2(x), torch.log2(x[0, 0, 0])


def _roots(x: Tensor):
    return x.rsqrt(), x.sqrt(), torch.reciprocal(x), 1 / x, x**-1


for x in (torch.rand(2, 3), torch.rand(2, 3).double(), torch.zeros(2, 3).double()):
    CASES(x, name=f"roots-{x.dtype}-{x.sum() == 0}")(_roots)


def _reciprocal(x: Tensor):
    return torch.reciprocal(x), x.reciprocal() + 1


for dtype in (torch.int64, torch.int32, torch.float32, torch.float64):
    CASES(torch.tensor([2, 4, -5], dtype=dtype), name=f"reciprocal-{dtype}")(_reciprocal)


@CASES(torch.tensor([0.992, -1.0362, -1.5, 3.5, 2.5, -0.5]))
def rounded(x: Tensor):
    return torch.round(x), x.round(decimals=2), x.floor(), x.ceil(), x.trunc(), x.frac()


@CASES(torch.randn(1, 3), torch.randn(3, 1), torch.randn(1, 3))
def products_added(x: Tensor, a: Tensor, b: Tensor):
    return (
        torch.addcmul(x, a, b),
        torch.addcmul(x, a, b, value=2.2),
        torch.addcdiv(x, a, b, value=-0.5),
        torch.lerp(x, b, 0.3),
        torch.lerp(x, b, a),
    )


def _divided(x: Tensor, y: Tensor):
    return (
        torch.remainder(x, y),
        torch.fmod(x, y),
        x % y,
        torch.div(x, y, rounding_mode="floor"),
        torch.div(x, y, rounding_mode="trunc"),
        x / y,
        x // y,
    )


WHOLE, BY = torch.tensor([7, 6, -7, -6]), torch.tensor([2])
for x, y in (
    (torch.randn(4, 2, 3), torch.randn(1, 2, 1)),
    (WHOLE, BY),
    (WHOLE, -BY),
    (WHOLE.float(), BY),
    (WHOLE.float(), BY.float()),
    (WHOLE.int(), BY.float()),
    (WHOLE.short(), BY),
    (WHOLE.half(), BY.half()),
):
    CASES(x, y, name=f"divided-{x.dtype}-{y.dtype}-{y.sum() > 0}")(_divided)


def _divided_by_numbers(x: Tensor):
    return (
        torch.remainder(x, 2.55),
        torch.remainder(x, -2),
        torch.remainder(5, x + 20),
        torch.fmod(x, 2.55),
        torch.fmod(x, -3),
        x % 3,
        x // 2,
    )


for x in (WHOLE, WHOLE.float(), WHOLE.int()):
    CASES(x, name=f"divided-by-numbers-{x.dtype}")(_divided_by_numbers)


@CASES(X)
def added_in_place(x: Tensor):
    x += 12
    x *= 2
    return x


@CASES(X, strategies=("trace",))
def dropped_out(x: Tensor):
    return F.dropout(x, 0.3, training=False), F.dropout1d(x, training=False)

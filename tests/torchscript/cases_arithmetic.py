"""Arithmetic between dtypes: divisions, powers, shifts, remainders, bounds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from torchscript.runner import SCRIPTED, Cases

CASES = Cases()
X = torch.randn(2, 3, 4)
INTS = torch.randint(-9, 9, (2, 3, 4), dtype=torch.int)
POSITIVE = torch.arange(1, 25).view(2, 3, 4).to(torch.int)

CASES.texts(
    {"arithmetic": "x = x + 2\nx = x - 4\nx = x * 6\nreturn x / 8", "squared": "torch.square(x)"}, X
)
DIVIDED = (
    "a, b = x.transpose(1, 2), y.transpose(1, 2)\n"
    "return x / y, torch.true_divide(a, b), x.div(y, rounding_mode=None), "
    "x.div(y, rounding_mode='trunc'), torch.div(a, b, rounding_mode='floor'), x // y"
)
PAIRS = {
    "int": (INTS, POSITIVE),
    "float": (X * 50, torch.rand(2, 3, 4) * 10 + 0.1),
    "int_by_double": (INTS, POSITIVE.double()),
    "double_by_int": (INTS.double(), POSITIVE),
    "long_by_int": (INTS.long(), POSITIVE),
    "negative": (INTS, -POSITIVE),
    "float_by_int": (X * 50, POSITIVE),
}
for kind, (x, y) in PAIRS.items():
    CASES.texts({f"{kind}_divided": DIVIDED}, x, y)
CASES.texts(
    {
        "floors": (
            "x // 3, x // 2.0, x.to(dtype=torch.float64) // 3, x.to(dtype=torch.float64) // 2.0, "
            "x // (y + 1.0).to(dtype=torch.int64), x.to(dtype=torch.float64) // y, "
            "x // y.double(), "
            "x // -2, x.to(dtype=torch.int8) // 3"
        )
    },
    torch.arange(-2, 4).reshape(2, 3, 1),
    torch.arange(1, 25).reshape(2, 3, 4),
)
CASES.texts({"floor_by_float": "x // 3, x // 2.0, x // y"}, torch.arange(-2, 4).reshape(2, 3, 1), X)

POWERS = {
    "float": (X.abs(), X),
    "long_to_int": (torch.randint(10, (2, 3)), torch.randint(10, (2, 3), dtype=torch.int)),
    "long": (torch.randint(10, (2, 3)), torch.randint(10, (2, 3))),
    "double_to_long": (X.double(), torch.randint(10, (2, 3, 4))),
    "negative_float": (X, torch.randint(3, (2, 3, 4)).float()),
}
for kind, (x, y) in POWERS.items():
    CASES.texts({f"power_of_{kind}": "x.pow(y), x**2, torch.pow(2, y)"}, x, y)
CASES.texts(
    {"powers_as_indices": "y[torch.pow(2, x)]"}, torch.randint(5, (2, 3, 4)), torch.rand(100)
)

# Of narrow dtypes ONNX's operators know but some.
SMALL = torch.tensor([2, 3, 5])
LOW = {
    "uint8": (torch.uint8, torch.uint8),
    "int8": (torch.int8, torch.int8),
    "int16": (torch.int16, torch.int16),
    "uint8_and_float": (torch.uint8, torch.float32),
    "uint8_and_double": (torch.uint8, torch.float64),
    "uint8_and_int32": (torch.uint8, torch.int32),
    "uint8_and_long": (torch.uint8, torch.int64),
    "int8_and_uint8": (torch.int8, torch.uint8),
}
for kind, (first, second) in LOW.items():
    CASES.texts(
        {
            f"narrow_{kind}": (
                "x + y, x - y, x * y, x / y, x.pow(y), x.pow(y * 0 + 1), "
                "torch.fmod(x, y).to(dtype=torch.long), torch.fmod(x, y), torch.remainder(x, y), "
                "x // y"
            )
        },
        SMALL.to(first),
        SMALL.flip(0).to(second),
    )

FLAGS = torch.tensor([True, False, True, False]), torch.tensor([True, True, False, False])
CASES.texts({"flags_multiplied": "torch.mul(x, y)"}, *FLAGS)
CASES.texts(
    {"flags_by_numbers": "torch.mul(x, y), torch.mul(y, x), x + y"},
    FLAGS[0],
    torch.tensor([1.0, 2.0, 3.0, 0.0]),
)

for dtype in (torch.int64, torch.uint8, torch.int32, torch.int8):
    if dtype != torch.uint8:
        CASES.texts(
            {
                f"shifted_{str(dtype)[6:]}": (
                    "x >> 1, x << 3, x >> torch.tensor([1, 2]), x << 4, (-x) >> 1"
                )
            },
            torch.arange(24, dtype=dtype).reshape(3, 4, 2),
        )
    CASES.texts(
        {f"shifted_by_{str(dtype)[6:]}": "x >> y, x << y, x >> 1, x << 3"},
        torch.arange(24, dtype=dtype).reshape(3, 4, 2),
        torch.tensor([1, 2], dtype=dtype),
    )

for dtype in (torch.int32, torch.int64):
    CASES.texts(
        {
            f"bounds_of_{str(dtype)[6:]}": (
                "torch.clamp(x, 0, 1), torch.relu(x), F.pad(x, (1, 1)), torch.min(x, x + 1), "
                "torch.max(x, x + 1), torch.clamp(x, max=2)"
            )
        },
        torch.randint(-5, 5, (3, 3), dtype=dtype),
    )
CASES.texts({"clamped": "x.clamp(-0.5, 0.5), x.clamp(min=-0.5), x.clamp(max=0.5)"}, X)
CASES.texts(
    {"clamped_by_tensors": "x.clamp(y, z), x.clamp(min=y), x.clamp(max=z)"},
    X,
    X.flip(0) - 1,
    X.flip(1) + 1,
)
CASES.texts(
    {"least_of_an_item": "min(int(x[3]), 3), max(int(x[5]), 3)"},
    torch.arange(6),
    strategies=(SCRIPTED,),
    others=(-torch.arange(6),),
)
CASES.texts(
    {"least_with_an_item": "i = 3\nreturn min(x[i], i)"},
    torch.arange(6),
    strategies=(SCRIPTED,),
    others=(torch.arange(6) * 2,),
)
CASES.texts({"product_of_itself": "torch.mm(x, x) + x"}, torch.ones(3, 3))


@torch.jit.script
def first_numbered(boxes: list[Tensor]):
    made = []
    for i, box in enumerate(boxes):
        made.append(torch.full_like(box[:, 1], i))
    return made[0], made[2]


@CASES(torch.rand(5, 5), dynamic={0: {0: "n"}}, others=(torch.rand(2, 5),))
def numbered(x: Tensor):
    return first_numbered([x for _ in range(3)])


# Questions about the type, which is known.


def asked(x: Tensor):
    if x.is_floating_point():
        return x.new_zeros(x.shape)
    return x.new_ones(x.shape)


def asked_within(x: Tensor):
    if x.size(0) > 1:
        a = x + 2
        if a.is_floating_point():
            return x + 1
        return x - 1
    return x


def ranks_apart(x: Tensor):
    if x.size(0) > 1:
        a = x + 2
        if a.is_floating_point():
            return x.new_zeros(x.shape[1:])
        return x.new_zeros(x.shape)
    return x


for program in (asked, asked_within, ranks_apart):
    options = {"dynamic": {0: {0: "a", 1: "b", 2: "c"}}, "strategies": (SCRIPTED,)}
    CASES(X, others=(torch.randn(1, 5, 2), torch.randn(4, 1, 2)), **options)(program)
    CASES(INTS, name=f"{program.__name__}_of_integers", **options)(program)

ACTIVATIONS = (
    "F.hardtanh(x), F.hardtanh(x, -1.5, 2.5), F.hardswish(x), F.hardsigmoid(x), F.tanhshrink(x), "
    "F.hardshrink(x), F.softshrink(x), F.hardshrink(x, 1.0), F.softshrink(x, 0.1), "
    "F.normalize(x.reshape(1, -1)), F.normalize(x.reshape(-1, 1), p=1.0, dim=0)"
)
for kind, x in {
    "floats": torch.arange(-5.0, 5.0),
    "a_bound": torch.tensor(3.0),
    "the_other_bound": torch.tensor(-3.0),
    "a_half": torch.tensor(0.5),
    "minus_a_half": torch.tensor(-0.5),
    "doubles": torch.rand(3, 3, dtype=torch.float64) - 0.5,
}.items():
    CASES.texts({f"activations_of_{kind}": ACTIVATIONS}, x)
CASES.texts({"logit": "x.logit(1e-6), x.logit()"}, torch.rand(1, 3, 8, 8))
CASES.texts(
    {"norm_in_double": "torch.ops.aten.norm(x, 2, [1], True, dtype=torch.float64)"},
    torch.randn(3, 3),
)
for module in (
    nn.Hardtanh(-1.5, 2.5),
    nn.Hardswish(),
    nn.Hardsigmoid(),
    nn.Tanhshrink(),
    nn.Hardshrink(),
    nn.Softshrink(),
    nn.ReLU(),
):
    CASES(torch.randn(3, 4), name=type(module).__name__.lower())(module)

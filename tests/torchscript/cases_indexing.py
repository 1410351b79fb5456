"""Indexing, slices, and what is written through them."""

from __future__ import annotations

import torch
from torch import Tensor

from torchscript.runner import BOTH, SCRIPTED, TRACED, Cases

CASES = Cases()
X = torch.randn(3, 4, 5, 6, 7)
SMALL = torch.randn(3, 4, 5)
MATRIX = torch.randn(3, 4)
ALL_AXES = {0: {0: "a", 1: "b", 2: "c", 3: "d", 4: "e"}}
OTHER = torch.randn(4, 5, 6, 5, 8)

CASES.texts(
    {
        "one_index": "x[0], x[-1], x[1, :], x[:, 1], x[:, -1], x[..., -1]",
        "slices": "x[0:1], x[0:1, :], x[0:-1, :], x[-1:], x[:, :, -3:-1, :, -1], x[:, :, 1:100:2]",
        "masks": "x[torch.arange(x.size(0)) == 1], x[x > 0], x[:, :, x[0, 0, :, 0, 0] > 0]",
        "indices_apart": (
            "x[:, torch.tensor([[0, 2], [1, 1]]), :, torch.tensor([2, 1]), torch.tensor([0, 3])]"
        ),
        "indices_around_none": (
            "x[:, torch.tensor([0, 2]), None, 2:4, torch.tensor([[1, 3], [4, 0]])]"
        ),
        "indices_that_broadcast": (
            "x[:, torch.tensor([0, 2]), torch.tensor([1]), 2:4, torch.tensor([[1], [4]])]"
        ),
        "indices_beside": "x[:, torch.tensor([0, 2]), torch.tensor([[1, 3], [4, 0]]), None]",
        "narrowed": (
            "torch.narrow(x, 0, 0, 2), torch.narrow(x, 0, 0, x.shape[0] - 1), x.narrow(-1, -2, 2)"
        ),
        "taken": "torch.take(x, torch.tensor([4, 1, 7, 15, -63])), x.flip(0), x.flip([1, -1])",
    },
    X,
    dynamic=ALL_AXES,
    others=(OTHER,),
)
# TorchScript's language has no dots before indices.
CASES.texts(
    {"indices_behind_dots": "x[..., torch.tensor([2, 1]), torch.tensor([0, 3])]"},
    X,
    dynamic=ALL_AXES,
    others=(OTHER,),
    strategies=(TRACED,),
)
CASES.texts(
    {
        "mask_of_bool": "x[torch.tensor([False, True, False])]",
        "mask_of_bytes": "x[torch.tensor([0, 1, 0], dtype=torch.uint8)]",
    },
    X,
)


@CASES(torch.rand(5, 5, 5), dynamic={0: {0: "a", 1: "b", 2: "c"}}, others=(torch.rand(6, 7, 8),))
def slices_by_turns(x: Tensor):
    results = []
    for i in range(4):
        results.append(x[: x.size(0) - i, i : x.size(2), i:3])
    for i in range(4):
        results.append(x[:, i:, x.size(2) - 5])
    return results


CASES.texts(
    {
        "slice_of_another_size": "x[1 : x.size(1)]",
        "shape_sliced": "x.new_ones(x.shape[-2:]), x.new_zeros(x.shape[1:-1])",
        "shape_unpacked": "a, b = x.shape[:2]\nreturn x.new_zeros((a, b))",
        "shape_unpacked_behind": "a, b = x.shape[2:]\nreturn x.new_zeros((b, a, 1))",
    },
    torch.rand(2, 2, 3, 4),
    dynamic={0: {0: "a", 1: "b", 2: "c", 3: "d"}},
    others=(torch.rand(3, 4, 3, 2),),
)

# A rank that a size decides. A trace has the example's.
CASES.texts(
    {
        "shape_cut_at_a_size": "x.new_zeros(x.shape[1 : x.size(2)]) + 1, x * 2",
        "shape_cut_from_behind": (
            "x.new_ones(x.shape[-x.size(0) :]), x.new_ones(x.shape[: -x.size(3) + 4])"
        ),
        "shape_cut_by_steps": "torch.zeros(x.shape[x.size(1) :: -1])",
    },
    torch.rand(1, 2, 3, 4),
    dynamic={0: {0: "a", 1: "b", 2: "c", 3: "d"}},
    others=(torch.rand(2, 3, 2, 5), torch.rand(3, 1, 5, 6), torch.rand(5, 5, 1, 7)),
    strategies=(SCRIPTED,),
)

I2, I4 = torch.tensor([0, 2]), torch.tensor([[0, 2], [1, 1]])
WRITES = {
    "at_a_slice_and_an_index": ("x[1:2, 1:3, torch.tensor([1])] += y", torch.randint(9, (1, 2, 1))),
    "at_pairs": ("x[torch.tensor([0, 2]), torch.tensor([1, 2])] += y", torch.randn(2, 5)),
    "at_indices_and_a_slice": ("x[torch.tensor([0, 2]), 1:2] += y", torch.randint(9, (2, 1, 1))),
    "at_indices_and_one": ("x[torch.tensor([0, 2]), 2] += y", torch.randint(9, (2, 1))),
    "at_indices_inside": ("x[1:3, torch.tensor([0, 2]), 2] += y", torch.randint(9, (2, 1))),
    "at_a_slice_and_one": ("x[1:3, 0] = y", torch.arange(10.0).view(2, 5)),
    "from_one_on": ("x[1:, 0] = y", torch.arange(10.0).view(2, 5)),
    "up_to_three": ("x[:3, 0] = y", torch.arange(15.0).view(3, 5)),
    "up_to_its_size": ("x[: y.size(0), 0, :] = y", torch.rand(2, 5)),
    "up_to_minus_one": ("x[:-1, 0, 1:-1] = y", torch.rand(2, 3)),
    "every_second": ("x[::2, 1::2] = y", torch.rand(2, 2, 5)),
    "copied": ("x.copy_(y)", torch.randn(3, 1, 5)),
    "copied_through_a_view": ("x[0].t().copy_(y)", torch.randn(5, 4)),
    "at_the_last": ("x[..., 1] = y", torch.ones(1)),
    "around_dots": ("x[2, ..., 1:3] = y", torch.ones(1)),
    "indices_behind_dots_written": (
        "x[..., torch.tensor([2, 1, 3]), 2:4] += y",
        torch.randn(3, 3, 2),
    ),
    "one_and_indices_behind_dots": ("x[2, ..., torch.tensor([2, 1, 3])] += y", torch.randn(4, 3)),
}
for name, (text, value) in WRITES.items():
    strategies = (TRACED,) if "..., torch" in text else BOTH
    CASES.texts({name: f"{text}\nreturn x"}, SMALL, value, strategies=strategies)
    if "torch.tensor" not in text and value.dim() == 1:
        more = {0: {0: "a", 1: "b", 2: "c"}}
        CASES.texts({f"{name}_dynamic": f"{text}\nreturn x"}, SMALL, value, dynamic=more)

CASES.texts({"at_given_indices": "x[y] = z\nreturn x"}, MATRIX, torch.tensor([1]), torch.ones(4))
CASES.texts(
    {
        "added_at_indices": "x.index_put_((y,), z, True)\nreturn x",
        "added_twice_at_one": "return x.index_put((torch.cat([y, y]),), z, accumulate=True)",
    },
    MATRIX,
    torch.tensor([1]),
    torch.ones(4),
)
CASES.texts(
    {"at_a_matrix_of_indices": "x[y, 1:3] = z.view(1, 1, 1, 5).expand(2, 2, 2, 5)\nreturn x"},
    SMALL,
    I4,
    torch.randn(5),
)
CASES.texts(
    {"at_an_index_of_no_axes": "x[y] = z\nreturn x"}, MATRIX, torch.tensor(2), torch.randn(4)
)
CASES.texts(
    {"true_at_indices": "x[y] = True\nreturn x"},
    torch.zeros(30, dtype=torch.bool),
    torch.randint(30, (9,)),
    dynamic={0: {0: "n"}, 1: {0: "k"}},
    others=((torch.zeros(20, dtype=torch.bool), torch.randint(20, (4,))),),
)
CASES.texts(
    {"a_number_at_indices": "x[y] = torch.tensor(5.5)\nreturn x"},
    torch.rand(30),
    torch.randint(30, (9,)),
    dynamic={0: {0: "n"}, 1: {0: "k"}},
    others=((torch.rand(20), torch.randint(20, (4,))),),
)
for width in (1, 2):
    CASES.texts(
        {
            f"a_part_of_rows_{width}": "x[1:3, 0] = y\nreturn x",
            f"a_row_{width}": "x[1, 1:3] = y\nreturn x",
        },
        MATRIX,
        torch.rand(width),
    )
CASES.texts(
    {"with_too_many_axes": "x[1, 1:3] = y\nreturn x"},
    MATRIX,
    torch.rand(1, 2),
    strategies=(TRACED,),
)


@CASES(
    torch.zeros(2, 17, 3, dtype=torch.int64),
    dynamic={0: {0: "n"}},
    others=(torch.ones(3, 17, 3, dtype=torch.int64),),
)
def into_a_new_tensor(poses: Tensor):
    w = 32
    boxes = torch.zeros([poses.shape[0], 17, 4])
    boxes[:, :, 0] = poses[:, :, 0] - (w - 1) // 2
    return boxes


@CASES(torch.randn(3, 4, 5, 6))
def after_a_reshape(x: Tensor):
    x = x.reshape(4, 3, 5, 6)
    x[2, ..., 1:3] = torch.ones(1)
    return x


@CASES(MATRIX, torch.randn(3, 1))
def copied_if_given(x: Tensor, mask: Tensor):
    if mask is not None:
        x.copy_(mask)
        return x


@torch.jit.script
def diagonal_bias(length: int, rows: int, device: torch.device, dtype: torch.dtype):
    bias = torch.ones((rows, length), device=device, dtype=dtype) * float("-inf")
    for row in range(rows):
        for i in range(length):
            bias = bias * 2
            bias[row, i] = 5
            bias = bias * 5
            bias[0, 0] = 5
    for row in range(rows):
        for i in range(length):
            bias[row, i] = 5
            bias[0, i] = 5
    return bias


@CASES(torch.randn(6, 2), dynamic={0: {0: "length", 1: "batch"}}, others=(torch.randn(4, 1),))
def written_in_loops(x: Tensor):
    length, batch = x.shape[:2]
    return diagonal_bias(8, 2, x.device, x.dtype)[:, :length]


CASES.texts(
    {
        "filled": (
            "x.index_fill(2, torch.tensor([2, 0]), -1), x.index_fill(-2, torch.tensor(1), 2.5)"
        ),
        "copied_at": "x.index_copy(1, torch.tensor([2, 0]), torch.ones(3, 2, 5))",
        "selected_by_a_number": "torch.index_select(x, 1, torch.tensor(2))",
    },
    SMALL,
)
CASES.texts(
    {"selected_by_a_sum": "torch.index_select(x, 1, torch.tensor(1) + y)"},
    MATRIX,
    torch.tensor(2),
    others=((MATRIX, torch.tensor(-1 + 1)),),
)


@CASES(torch.randn(5, 8, 7), strategies=(TRACED,))
def strided(x: Tensor):
    size, stride = list(x.size()), list(x.stride())
    size[1] = size[1] * 2 - 1
    stride[1] = stride[1] // 2
    return x.as_strided((3, 3, 3), (1, 4, 2), storage_offset=2), x.as_strided(size, stride)


TOP = torch.tensor([2.0, 5.0, 1.0, 4.0, 3.0])
CASES.texts({"top_three": "torch.topk(x, 3)"}, TOP)
for dtype in (torch.int32, torch.int64):
    k = torch.tensor(3, dtype=dtype)
    options = {"others": ((TOP, k - 1),)}
    # Only Python takes a tensor for a number, and int() of it is frozen by a trace.
    CASES.texts({"top_k": "torch.topk(x, y)"}, TOP, k, strategies=(TRACED,), **options)
    CASES.texts(
        {
            "top_of_an_item": "torch.topk(x, int(y))",
            "lowest": (
                "torch.topk(x, int(y), largest=False), "
                "torch.topk(x, int(y), largest=False, sorted=False).values.sort().values"
            ),
        },
        TOP,
        k,
        strategies=(SCRIPTED,),
        **options,
    )

"""Sizes changed: views, repeats, parts and what is joined of them."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from torchscript.runner import SCRIPTED, TRACED, Cases

CASES = Cases()
X = torch.randn(3, 4, 5)
ALL = {0: {0: "a", 1: "b", 2: "c"}}
OTHERS = (torch.randn(6, 3, 4),)
ROWS = {0: {0: "n"}}


@CASES(torch.randn(2, 1, 4), others=(torch.randn(2, 1, 4),))
def expanded(x: Tensor):
    return x.expand(2, 3, -1), x[0, :, :1].expand(-1, x.size(0)), x.expand(5, 2, 3, 4)


@CASES(torch.randn(3), torch.tensor(-1), others=((torch.randn(3), torch.tensor(3)),))
def expanded_to_tensor(x: Tensor, size: Tensor):
    return x.expand(size), x.expand(2, size)


@CASES(torch.ones(3, 2), dynamic={0: {0: "a", 1: "b"}}, others=(torch.randn(3, 5),))
def expanded_as(x: Tensor):
    return torch.tensor([[0], [1], [2]]).expand_as(x)


@CASES(
    torch.ones(2, 5), dynamic={0: {0: "a", 1: "b"}}, others=(torch.randn(3, 4), torch.randn(2, 2))
)
def slice_filled(x: Tensor):
    x[:, x.size(0) :] = 0
    return x


@CASES(torch.ones(2, 5, 3), dynamic=ALL, others=(torch.randn(3, 4, 3), torch.randn(4, 6, 3)))
def slice_written(x: Tensor):
    x[:, x.size(0) :] = torch.tensor([1, 2, 3])
    return x


@CASES(
    torch.tensor([1, 2, 3]),
    torch.tensor([4, 5, 8, 9]),
    dynamic={0: {0: "m"}, 1: {0: "n"}},
    others=((torch.tensor([4]), torch.tensor([1, 2])),),
)
def repeated(x: Tensor, y: Tensor):
    return x.repeat(y.shape[0], 1) + y.view(-1, 1), y.repeat(2), x.tile((2, y.size(0)))


W = torch.tensor([[1, 2, 4], [3, 4, 7]])


@CASES(W, dynamic={0: {1: "n"}}, others=(W[:, :2], torch.tensor([[1], [2]])))
def interleaved(x: Tensor):
    return (
        x.repeat_interleave(2),
        x.repeat_interleave(4, dim=1),
        torch.repeat_interleave(x, torch.tensor([4]), dim=1),
        torch.repeat_interleave(x, torch.tensor(4), dim=-1),
        torch.repeat_interleave(x, torch.tensor([1, 2]), dim=0),
        torch.repeat_interleave(x.T, torch.tensor([2, 0]), dim=-1),
        x.repeat_interleave(1, dim=1),
        x.flatten().repeat_interleave(3),
    )


@CASES(torch.randn(3, 2), dynamic=ROWS, others=(torch.randn(1, 2),))
def interleaved_rows(x: Tensor):
    return torch.repeat_interleave(x, torch.tensor([4]), dim=0), x.repeat_interleave(2, 0)


@CASES(
    W,
    torch.tensor([2]),
    dynamic={0: {1: "w"}, 1: {0: "r"}},
    others=((W[:, :2], torch.tensor([4])), (W, torch.tensor([1, 0, 2]))),
)
def interleaved_by_tensor(x: Tensor, repeats: Tensor):
    return torch.repeat_interleave(x, repeats, dim=1)


@CASES(
    W,
    torch.tensor([2, 3, 4]),
    torch.tensor([2, 3]),
    dynamic={1: {0: "r"}, 2: {0: "s"}},
    others=((W, torch.tensor([4, 3, 2]), torch.tensor([1, 5])),),
)
def interleaved_each(x: Tensor, columns: Tensor, rows: Tensor):
    return (
        torch.repeat_interleave(x, columns, dim=1),
        torch.repeat_interleave(x, rows, dim=0),
        torch.repeat_interleave(columns),
        torch.repeat_interleave(x, 2, dim=-1, output_size=6),
    )


# Views.


@CASES(
    torch.randint(10, (4, 2, 3, 4)),
    dynamic={0: {0: "n"}},
    others=(torch.randint(10, (1, 2, 3, 4)),),
)
def viewed(x: Tensor):
    return x.view(-1, 24), x.view(x.size(0), 6, 4), x.reshape(-1), x.view(x.size(0) * 2, -1)


@CASES(
    torch.randn(2, 3, 4),
    torch.randn(6, 4),
    dynamic={0: {0: "a", 1: "b", 2: "c"}, 1: {0: "d", 1: "e"}},
    others=((torch.randn(2, 2, 2), torch.randn(4, 2)), (torch.randn(3, 1, 4), torch.randn(2, 6))),
    release=("2.8", "its view needs the axes that are equal in the example to be so, before"),
)
def viewed_as_another(x: Tensor, y: Tensor):
    return x.view(y.shape), x.view_as(y), x.reshape_as(y)


@CASES(torch.ones(2), dynamic=ROWS, others=(torch.empty(0), torch.ones(6)))
def viewed_of_none(x: Tensor):
    return x.view(-1, 2).view(1, -1), x.view(-1, 2)


@CASES(
    torch.randint(10, (1, 2, 3, 4)),
    dynamic={0: {0: "a", 2: "b"}},
    others=(torch.randint(10, (3, 2, 5, 4)),),
)
def flattened(x: Tensor):
    return (
        torch.flatten(x),
        torch.flatten(x, 1),
        torch.flatten(x, 1, -1),
        torch.flatten(x, 0, -2),
        torch.flatten(x, 1, -2),
        torch.flatten(x, start_dim=2, end_dim=3),
    )


for rank in (0, 1):
    CASES(torch.randn([4] * rank), name=f"flattened_{rank}d")(nn.Flatten(0))


@CASES(
    torch.randn(2, 16, 4, 6),
    dynamic={0: {0: "a", 2: "b", 3: "c"}},
    others=(torch.randn(4, 16, 2, 4),),
)
def pixels_shuffled(x: Tensor):
    return torch.pixel_shuffle(x, upscale_factor=2), torch.pixel_unshuffle(x, downscale_factor=2)


CASES(
    torch.randn(2, 16, 4, 6),
    dynamic={0: {0: "a", 1: "b", 2: "c", 3: "d"}},
    others=(torch.randn(4, 32, 8, 4),),
    name="pixels_shuffled_with_channels",
)(pixels_shuffled)


@CASES(torch.randn(4, 2, 3), dynamic={0: {0: "a", 1: "b"}}, others=(torch.randn(2, 1, 3),))
def unfolded(x: Tensor):
    return x.unfold(2, 2, 2), x.unfold(dimension=-1, size=2, step=1)


@CASES(torch.randn(4, 2, 4), others=(torch.randn(4, 2, 4),))
def unfolded_by_sizes(x: Tensor):
    return x.unfold(2, x.shape[1], x.shape[1] - 1), x.unfold(2, x.shape[1], 1)


@CASES(torch.randn(4, 3, 8), dynamic={0: {2: "n"}}, others=(torch.randn(4, 3, 5),))
def unfolded_dynamic(x: Tensor):
    return x.unfold(2, 3, 2), x.unfold(-1, 2, 1)


class Strided(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 1, 3, stride=2)

    def forward(self, x: Tensor):
        return self.conv(x).unfold(dimension=2, size=2, step=2)


CASES(torch.randn(4, 3, 16), dynamic={0: {0: "n", 2: "l"}}, others=(torch.randn(1, 3, 12),))(
    Strided
)


# Parts.


@CASES(torch.randn(5, 4, 3), dynamic={0: {2: "n"}}, others=(torch.randn(5, 4, 1),))
def split(x: Tensor):
    return (
        x.split([2, 1, 2]),
        x.split([3, 2])[0],
        x.split([2, 1, 1], -2),
        x.split([2, 2], -2)[-1],
        x.split(2),
        x.split(2)[1],
        x.split(2, -3)[-1],
    )


@CASES(
    torch.randn(2, 3),
    torch.randn(2, 4),
    torch.randn(2, 7),
    dynamic={i: {0: "n", 1: name} for i, name in enumerate("abc")},
    others=((torch.randn(3, 1), torch.randn(3, 2), torch.randn(3, 3)),),
)
def split_by_sizes(x: Tensor, y: Tensor, z: Tensor):
    a, b = torch.split(z, (x.size(1), y.size(1)), dim=1)
    return a, b


@CASES(
    torch.randn(6, 4, 3),
    [torch.tensor(2), torch.tensor(4)],
    others=((torch.randn(6, 4, 3), [torch.tensor(5), torch.tensor(1)]),),
    strategies=(TRACED,),
)
def split_by_tensors(x: Tensor, sizes: list[Tensor]):
    parts = x.split(sizes)
    return torch.cat([part * i for i, part in enumerate(parts)], dim=0), parts[1]


@CASES(torch.randn(4, 6, 2), dynamic=ROWS, others=(torch.randn(2, 6, 2),))
def split_of_fixed(x: Tensor):
    return x.split(1, dim=-1), x.tensor_split(1, dim=-1), x.chunk(4, 1)


class Chunks(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor):
        return torch.chunk(x, 3, dim=self.dim)


class ChunksBySize(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor):
        return torch.chunk(x, x.size(0), dim=self.dim)


for dim in (1, -1):
    for make in (Chunks, ChunksBySize):
        CASES(
            torch.randn(3, 18),
            dynamic={0: {0: "n", 1: "m"}},
            others=[torch.randn(3, size) for size in (13, 14, 15)],
            name=f"{make.__name__}_{dim}",
        )(partial(make, dim))


@CASES(torch.randn(5, 4, 3), dynamic={0: {2: "n"}}, others=(torch.randn(5, 4, 6),))
def tensor_split(x: Tensor):
    return (
        x.tensor_split([1, 3]),
        x.tensor_split([2, 4])[0],
        x.tensor_split([1, 3, 4], dim=-2),
        x.tensor_split([0, 2], dim=-2)[-1],
        x.tensor_split([2, 3, 5]),
        torch.tensor_split(x, x.size(1)),
        torch.tensor_split(x, 3, dim=1),
    )


@CASES(X, dynamic={0: {2: "n"}}, others=(torch.randn(3, 4, 1),))
def unbound(x: Tensor):
    _, a, _ = x.unbind()
    _, b, _, _ = x.unbind(1)
    _, c, _, d = x.unbind(-2)
    return a, b, c + d


@CASES(X, dynamic=ALL, others=OTHERS, strategies=(SCRIPTED,))
def unbound_dynamic(x: Tensor):
    return x.unbind()[1], x.unbind(-1)[-2], len(x.unbind(1)) + x, x.split(2)[0], x.split(2, -3)[-1]


@CASES(X, dynamic=ALL, others=OTHERS, strategies=(SCRIPTED,))
def joined_again(x: Tensor):
    return torch.cat(x.unbind()), torch.stack(x.unbind(), 1), torch.stack(x.unbind(-1), -2)


@CASES(
    *(torch.randn(3, 4, 5) for _ in range(3)),
    dynamic={i: {0: "n"} for i in range(3)},
    others=(tuple(torch.randn(2, 4, 5) for _ in range(3)),),
)
def joined(x: Tensor, y: Tensor, z: Tensor):
    return torch.cat((x, y[:1], z)), torch.stack((x, y, z), 1), torch.stack([x, z], -1)

"""Sizes in shapes, indexing and writes, what tensors are made from, and layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
X, Y = torch.randn(3, 4), torch.randn(3, 4)
ROWS = {0: {0: "n"}}
OTHERS = (torch.randn(5, 4), torch.randn(1, 4))
BOTH_ROWS = {0: {0: "n"}, 1: {0: "n"}}
BOTH_OTHERS = ((torch.randn(5, 4), torch.randn(5, 4)),)


@CASES(X, dynamic=ROWS, others=OTHERS)
def views(x: Tensor):
    n = x.size(0)
    return (
        x.view(n, -1, 2),
        x.reshape(n * 2, 2),
        x.unflatten(1, (2, 2)).flatten(0, 1),
        x.unsqueeze(1).expand(-1, 3, 4),
        x[:1].expand_as(x),
        x.repeat(n, 1),
        torch.narrow(x, 0, 0, n),
        x.numel() * x,
        torch._shape_as_tensor(x),
    )


@CASES(X, dynamic=ROWS, others=OTHERS)
def made_from_sizes(x: Tensor):
    n = x.size(0)
    return (
        torch.arange(1, n + 2, 2),
        torch.full((n, 2), 3),
        torch.eye(n),
        torch.linspace(-1, 2, n),
        x.new_ones(2, n),
        torch.zeros(x.shape, dtype=torch.int32),
        torch.empty_like(x).fill_(4),
    )


@CASES(X, dynamic=ROWS, others=OTHERS)
def indexed(x: Tensor):
    return (
        x[-1],
        x[:, 1:3],
        x[..., None, 0],
        x[::2],
        x[: x.size(0) - 1],
        x[:, [0, -1]],
        x[x > 0],
        x[torch.arange(x.size(0)), torch.arange(x.size(0)) % 4],
        x[:, torch.tensor([True, False, True, False])],
        torch.where(x > 0),
    )


@CASES(X, Y, dynamic=BOTH_ROWS, others=BOTH_OTHERS)
def written(x: Tensor, y: Tensor):
    x = x + 0
    x[0] = 1.0
    x[:, 1] = y[:, 0]
    x[..., 2] += 1
    x[x > 1] = 0.5
    x[[0, 1], 3] = 7.0
    x[:, 1:3] *= 2
    x[x.size(0) - 1 :] = 9.0
    x.t()[0] = y[:, 1]
    x[1].add_(1).mul_(2)
    x.index_put_((torch.tensor([0, 1]),), y[:2])
    x.masked_fill_(y > 0, 3.0)
    return x


@CASES(X, Y, dynamic=BOTH_ROWS, others=BOTH_OTHERS)
def reshaped_in_place(x: Tensor, y: Tensor):
    x = x + 0
    x.unsqueeze_(0)
    x.transpose_(0, 1)
    y = y.clone().t_()
    return x + 1, y * 2


@CASES(X, dynamic=ROWS, others=OTHERS)
def sizes_that_pytorch_fixes(x: Tensor):
    return torch.kron(x, x[:1]), torch.take_along_dim(x, x.argsort(1), 1)


@CASES(torch.tensor([1, 3, 0]), others=(torch.tensor([5, 0, 2]),))
def as_many_as_the_data_tells(n: Tensor):
    return F.one_hot(n), n.nonzero(), torch.unique(n)


@CASES(X, dynamic=ROWS, others=OTHERS, strategies=("script",))
def asked_of_tensors(x: Tensor):
    if torch.equal(x, x + 0) and not torch.allclose(x, x + 1):
        x = x + 1
    if x.dtype == torch.float32 and x.dim() == 2 and not x.is_cuda:
        x = x * 2
    return x


@CASES(
    torch.randn(1, 2, 5, 6),
    dynamic={0: {2: "h", 3: "w"}},
    others=(torch.randn(1, 2, 4, 9),),
)
def interpolated(x: Tensor):
    size = [x.size(2) * 2, x.size(3) + 1]
    return (
        F.interpolate(x, size=size, mode="bilinear"),
        F.interpolate(x, scale_factor=2.0, mode="nearest"),
        F.interpolate(x, scale_factor=2.0, mode="nearest-exact"),
    )


# Values of one type share their stand-ins: no two may be taken for one.


@CASES(X, dynamic=ROWS, others=OTHERS)
def decomposed_on_one_type(x: Tensor):
    a, b = x + 1, x * 2
    return torch.arctan2(a, b), torch.subtract(b, a)


@CASES(X, dynamic=ROWS, others=OTHERS[:1])
def views_and_copies_of_one_type(x: Tensor):
    base, other = x + 1, x + 2
    copy = base.to(torch.float32, copy=True)
    copy.add_(1)
    view = base.view(-1)
    view.mul_(2)
    copied = base.t().reshape(-1)
    copied.sub_(3)
    viewed = other.reshape(-1)
    viewed.mul_(5)
    return base, copy, view, copied, other, viewed


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(5, 4, bidirectional=True)

    def forward(self, x: Tensor, lengths: Tensor):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths)
        y, _ = self.layer(packed)
        return nn.utils.rnn.pad_packed_sequence(y)[0]


CASES(torch.randn(3, 2, 5), torch.tensor([3, 2]))(Packed)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor, mask: Tensor):
        return self.layer(x, x, x, key_padding_mask=mask, need_weights=False)[0]


CASES(torch.randn(2, 3, 8), torch.tensor([[False, False, True], [False, True, True]]))(Attention)


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Tensor):
        return self.layers(x)


CASES(torch.randn(2, 3, 8), dynamic={0: {0: "batch"}}, others=(torch.randn(4, 3, 8),))(Encoder)

"""Results whose sizes are arithmetic on the inputs' sizes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchscript.runner import SCRIPT, TRACE, Cases

CASES = Cases()
FOUR = {0: "a", 1: "b", 2: "c", 3: "d"}


@CASES(
    torch.ones(2, 3, 4, 5),
    torch.randn(3, 4, 5, 2),
    dynamic={0: FOUR, 1: {0: "e", 1: "f", 2: "g", 3: "h"}},
    others=((torch.ones(3, 2, 2, 1), torch.randn(4, 3, 2, 1)),),
)
def reshaped_to_another(x: Tensor, y: Tensor):
    y = y.reshape(x.size()[:3] + (-1,))
    return y.transpose(1, 2)


@CASES(torch.ones(2, 3, 4, 5), torch.randn(3, 4, 5, 2), strategies=TRACE, name="tuple, fixed")
def reshaped_to_another_fixed(x: Tensor, y: Tensor):
    y = y.reshape(x.size()[:3] + (-1,))
    return y.transpose(1, 2)


@CASES(torch.tensor(2.0))
def flat(x: Tensor):
    return x.view(-1), x.reshape(1, 1), x.flatten()


@CASES(torch.randn(2, 3, 4, 5, 6))
def viewed_by_sizes(x: Tensor):
    n, c, h, w = x.shape[0], x.shape[2], x.shape[3], x.shape[4]
    return x.view(n, -1, c, h, w).permute(0, 3, 4, 1, 2).reshape(n, -1, c)


@CASES(
    torch.randn(2, 3, 4, 5, 6),
    dynamic={0: {0: "n", 1: "k", 2: "c", 3: "h", 4: "w"}},
    others=(torch.randn(1, 2, 3, 2, 5),),
    name="viewed_by_sizes, dynamic",
)
def viewed_by_dynamic_sizes(x: Tensor):
    n, c, h, w = x.shape[0], x.shape[2], x.shape[3], x.shape[4]
    return x.view(n, -1, c, h, w).permute(0, 3, 4, 1, 2).reshape(n, -1, c)


def _frames(signal: Tensor):
    step = 2
    frames, length = signal.size()[-2:]
    piece = signal.size()[0]
    piece_step = step // piece
    per_frame = length // piece
    size = step * (frames - 1) + length
    return torch.arange(0, size // piece), torch.arange(piece_step, per_frame + piece_step)


@CASES(
    torch.randint(5, (1, 2, 3, 4)),
    dynamic={0: FOUR},
    others=(torch.randint(5, (1, 3, 4, 5)), torch.randint(5, (2, 3, 7, 5))),
)
def frames(signal: Tensor):
    return _frames(signal)


@CASES(torch.randint(5, (1, 2, 3, 4)), name="frames, fixed")
def frames_fixed(signal: Tensor):
    return _frames(signal)


@CASES(
    torch.ones(2, 4),
    dynamic={0: {0: "n", 1: "m"}},
    others=(torch.rand(3, 5), torch.rand(6, 4)),
)
def large_boxes(boxes: Tensor):
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return torch.where((widths >= 0.01) & (heights >= 0.01))[0]


@CASES(
    torch.rand(2, 4),
    torch.ones(1, 4),
    others=((torch.rand(2, 4), -torch.ones(1, 4)),),
    strategies=SCRIPT,
)
def few_boxes_doubled(boxes: Tensor, scores: Tensor):
    kept = boxes[torch.where(scores > 0.0)[0]]
    if kept.numel() > 3:
        return kept
    else:
        return kept * 2


@CASES(torch.rand(2, 4), torch.ones(1, 4), strategies=TRACE)
def few_boxes_doubled_in_a_trace(boxes: Tensor, scores: Tensor):
    kept = boxes[torch.where(scores > 0.0)[0]]
    if kept.numel() > 3:
        return kept
    else:
        return kept * 2


@CASES(
    torch.randn(2, 3, 4),
    dynamic={0: {0: "a", 1: "b", 2: "c"}},
    others=(torch.randn(5, 1, 1), torch.randn(8, 1, 1)),
)
def ranges_with_steps(x: Tensor):
    n = x.size(0)
    return (
        torch.arange(n, 8.5, 1.5, dtype=torch.int64),
        torch.arange(n, 8.5, 1.5, dtype=torch.double),
        torch.arange(n, 8.5, 1.5),
        torch.arange(8.5, n, -1.5),
        torch.arange(n, dtype=torch.float16),
    )


for shape in ((2,), (2, 3, 4)):

    @CASES(
        torch.randn(shape),
        dynamic={0: {i: f"d{i}" for i in range(len(shape))}},
        others=(torch.randn([size + 1 for size in shape]),),
        name=f"where {len(shape)} dims are not 0",
    )
    def where_not_zero(x: Tensor):
        cpu = torch.device("cpu")
        ones = torch.ones_like(x, dtype=torch.float, layout=torch.strided, device=cpu)
        zeros = torch.zeros_like(x, dtype=torch.float, layout=torch.strided, device=cpu)
        return torch.nonzero(ones), torch.nonzero(zeros)


@CASES(torch.randn(6, 1, requires_grad=True))
def expanded(x: Tensor):
    return x.expand(4, 6, 2)


@CASES(torch.randn(3, 16), dynamic={0: {0: "n", 1: "t"}}, others=(torch.randn(2, 5),))
def causal_mask(x: Tensor):
    batch, length = x.size()
    places = torch.arange(length)
    mask = places[None, None, :].repeat(batch, length, 1) <= places[None, :, None]
    return mask.transpose(0, 1)


@CASES(
    torch.randn(3, 16),
    torch.randn(1, 3, 20, 8),
    dynamic={0: {0: "n", 1: "t"}, 1: FOUR},
    others=(
        (torch.randn(2, 5), torch.randn(2, 3, 7, 4)),
        (torch.randn(2, 9), torch.randn(2, 3, 7, 4)),
    ),
)
def the_last_of_another(x: Tensor, bias: Tensor):
    batch, length = x.size()
    return bias[:, :, -length:, :].transpose(0, 1)


@CASES(torch.randn(1, 3, 20, 8))
def the_last_two(bias: Tensor):
    return bias[:, :, -2:, :].transpose(0, 1)


@CASES(torch.randn(3, 16), dynamic={0: {0: "n", 1: "t"}}, others=(torch.randn(2, 5),))
def rows_of_the_last_axis(ids: Tensor):
    return ids.view(-1, ids.size()[-1]).transpose(0, 1)


@CASES(
    torch.randn(1, 1, 40, 70),
    dynamic={0: {2: "h", 3: "w"}},
    others=(torch.randn(1, 1, 90, 30), torch.randn(1, 1, 7, 11)),
    strategies=SCRIPT,
)
def scaled_by_data(x: Tensor):
    # 70 * 1.2857142686843872 is a little less than 90, which float32 does not hold.
    scale = (90.0 / torch.tensor(max(x.shape[2], x.shape[3])).float()).item()
    return (
        math.floor(float(x.size(3)) * scale),
        math.ceil(-x.size(3) * scale),
        F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False),
        F.interpolate(x, scale_factor=scale, mode="nearest", recompute_scale_factor=True),
    )


@CASES(
    torch.randn(1, 1, 4, 7),
    torch.tensor(3.0),
    others=[(torch.randn(1, 1, 4, 7), torch.tensor(scale)) for scale in (2.0, 1.5, 0.5, 1.7)],
    strategies=SCRIPT,
)
def nearest_by_data(x: Tensor, scale: Tensor):
    return F.interpolate(x, scale_factor=scale.item(), mode="nearest")


@CASES(
    torch.tensor(2.6),
    torch.tensor(4.2),
    others=((torch.tensor(3.0), torch.tensor(1.5)),),
    strategies=SCRIPT,
)
def two_numbers_of_one_type(a: Tensor, b: Tensor):
    rows, columns = int(a.item()), int(b.item())
    return torch.ones(rows, columns), torch.cat([torch.zeros(rows), torch.ones(columns)])


@CASES(torch.tensor([0, 1, 1, 0, 1]), others=(torch.tensor([1, 1, 1, 0, 1]),))
def two_counts_of_one_type(x: Tensor):
    return torch.where(x == 0)[0], torch.where(x == 1)[0] * 2


# Recurrent layers, of any number of steps and of a fixed batch, which the state has.
TIMES = {0: {0: "time"}}
STATE = torch.randn(1, 3, 4)


class LSTM(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(5, 4)

    def forward(self, x: Tensor, h: Tensor, c: Tensor):
        return self.layer(x, (h, c))


CASES(
    *(torch.randn(6, 3, 5), STATE, STATE),
    dynamic=TIMES,
    others=((torch.randn(2, 3, 5), STATE, STATE),),
)(LSTM)

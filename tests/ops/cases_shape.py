"""Cases of shape, joining and slicing: elements are moved, never computed."""

import torch
from runner import case
from torch.nn.functional import unfold

FEW = (11, 20)
A = torch.arange(24.0).reshape(2, 3, 4)
B = torch.arange(60.0).reshape(5, 3, 4)
LONG = torch.arange(40.0).reshape(2, 5, 4)
V = torch.arange(6)
SCALAR = torch.tensor(3.5)
IMAGES = torch.arange(2 * 8 * 4 * 6.0).reshape(2, 8, 4, 6)
WIDE = torch.arange(3 * 8 * 2 * 8.0).reshape(3, 8, 2, 8)


def same(name, fn, *inputs, **options):
    return case(name, fn, *inputs, **{"opsets": FEW, **options})


def _select_by_size(x):
    return x.select(1, x.shape[1] - 1)


CASES = [
    same("view", lambda x: x.view(-1, 2, 2), A, others=((B,),)),
    same("view-sizes", lambda x: x.view(x.shape[0], x.shape[1] * 4), A, others=((LONG[:1],), (B,))),
    same(
        "reshape-swapped", lambda x: x.transpose(0, 1).reshape(x.shape[1], -1), A, others=((LONG,),)
    ),
    same("reshape-scalar", lambda x: x.reshape(()), torch.ones(1, 1)),
    same("reshape-empty", lambda x: x.reshape(0, 7), torch.ones(0, 3)),
    same("view-as", lambda x, y: x.view_as(y), A, A.reshape(6, 4), others=((B, B.reshape(15, 4)),)),
    same("view-dtype", lambda x: x.view(torch.uint8), torch.tensor([-1, 5], dtype=torch.int8)),
    same(
        "flatten",
        lambda x: (x.flatten(), x.flatten(1), x.flatten(0, 1), x.flatten(-2, -1)),
        A,
        others=((B,), (LONG,)),
    ),
    same(
        "flatten-middle",
        lambda x: x.flatten(1, 2),
        torch.rand(2, 3, 4, 5),
        others=((torch.rand(2, 3, 4, 7),),),
    ),
    same("flatten-scalar", lambda x: x.flatten(), SCALAR),
    same("unflatten", lambda x: x.unflatten(-1, (2, -1)), A, others=((B,),)),
    same(
        "unflatten-dynamic",
        lambda x: x.unflatten(0, (-1, 2)),
        torch.rand(4, 3),
        others=((torch.rand(6, 3),),),
    ),
    case(
        "squeeze",
        lambda x: (x.squeeze(), x.squeeze(1), x.squeeze(-1), x.squeeze((0, 1))),
        torch.rand(3, 1, 1),
        others=((torch.rand(4, 1, 1),),),
        opsets=(11, 13),
    ),
    same("squeeze-scalar", lambda x: (x.squeeze(), x.squeeze(0), x.unsqueeze(-1)), SCALAR),
    case(
        "unsqueeze",
        lambda x: (x.unsqueeze(0), x.unsqueeze(-1), x.unsqueeze(-2)),
        A,
        opsets=(11, 13),
    ),
    same(
        "permute",
        lambda x: (
            x.permute(-1, 0, 1),
            x.transpose(-1, 0),
            x.mT,
            x.swapaxes(0, -1),
            x.swapdims(1, 2),
        ),
        A,
        others=((B,),),
    ),
    same("transpose-bool", lambda x: (x.t(), x.T), torch.tensor([[True, False, True]])),
    same("transpose-scalar", lambda x: (x.t(), x.permute(()), x.transpose(0, -1)), SCALAR),
    same("movedim", lambda x: (x.movedim(0, -1), x.moveaxis((0, 1), (-1, 0))), A),
    same("expand", lambda x: x.expand(5, -1, 4), torch.rand(3, 1)),
    same(
        "expand-dynamic",
        lambda x, y: (x.expand(y.shape[0], -1, -1), x.expand_as(y)),
        A[:1],
        A,
        others=((A[:1], B),),
    ),
    same(
        "broadcast-tensors",
        lambda x, y: torch.broadcast_tensors(x, y),
        torch.rand(3, 1),
        torch.rand(1, 4),
        others=((torch.rand(3, 1), torch.rand(1, 6)), (torch.rand(5, 1), torch.rand(1, 2))),
    ),
    same("broadcast-to", lambda x: x.broadcast_to(2, 3), torch.tensor(True)),
    same(
        "repeat",
        lambda x: (x.repeat(2, 1, 3), x.repeat(3, 1, 1, 1), x.tile((2,))),
        A,
        others=((B,),),
    ),
    same(
        "repeat-bfloat16",
        lambda x: x.repeat(2),
        torch.rand(3, dtype=torch.bfloat16),
        opsets=(13, 20),
    ),
    same(
        "repeat-by-size",
        lambda x, y: x.repeat(y.shape[0], 1),
        torch.rand(1, 2),
        A,
        others=((torch.rand(1, 2), B),),
    ),
    same(
        "repeat-interleave",
        lambda x: (x.repeat_interleave(2, 0), x.repeat_interleave(3, -1), x.repeat_interleave(2)),
        A,
        others=((B,), (LONG,)),
    ),
    case(
        "repeat-interleave-last",
        lambda x: x.repeat_interleave(2, -1),
        torch.rand(2, 3),
        others=((torch.rand(2, 5),),),
    ),
    case(
        "repeat-interleave-tensor",
        lambda x, n: x.repeat_interleave(n, 1),
        A,
        torch.tensor([2, 0, 1]),
        others=((B, torch.tensor([1, 1, 3])),),
        opsets=(11, 13, 20),
    ),
    same(
        "cat",
        lambda x, y: (torch.cat([x, y], 1), torch.cat([x, x, y], -2)),
        A,
        LONG,
        others=((A, A),),
    ),
    same("cat-promotes", lambda x, y: torch.cat([x, y]), V, torch.rand(2)),
    same("cat-legacy-empty", lambda x: torch.cat([torch.zeros(0), x], 1), A),
    same("stack", lambda x, y: (torch.stack([x, y], -1), torch.stack([x, y], 1)), A, -A),
    same(
        "stacks",
        lambda x, y: (
            torch.hstack([x, y]),
            torch.vstack([x, y]),
            torch.dstack([x, y]),
            torch.column_stack([x, y]),
        ),
        V,
        V + 1,
    ),
    same(
        "block-diag",
        lambda x, y: torch.block_diag(x, y),
        torch.rand(2, 3),
        torch.rand(1, 2),
        others=((torch.rand(4, 3), torch.rand(1, 2)),),
    ),
    case(
        "split",
        lambda x: (x.split(2, -1), x.split(3, -1), x.split([1, 3], 2), x.unbind(1)),
        A,
        others=((B,),),
        opsets=(11, 13, 18),
    ),
    case(
        "chunk",
        lambda x: (x.chunk(2, 0), x.chunk(3, 0), x.tensor_split(4, 0), x.tensor_split((1, -2), 0)),
        torch.rand(7, 2),
        opsets=(11, 13, 18),
    ),
    case(
        "chunk-dynamic",
        lambda x: x.chunk(2, -1),
        torch.rand(2, 8),
        others=((torch.rand(2, 6),), (torch.rand(2, 12),)),
        opsets=(11, 13, 18),
    ),
    same("hsplit", lambda x: (x.hsplit(2), x.vsplit([1])), torch.rand(3, 4)),
    same("narrow", lambda x: (x.narrow(1, -2, 2), x.narrow(-1, 1, 2)), A, others=((LONG,),)),
    same(
        "slice",
        lambda x: (x[1:], x[:, -2:], x[..., :-1], x[..., ::2], x[:, 1:100], x[:, -100:2], x[:, :0]),
        A,
        others=((LONG,),),
    ),
    same(
        "slice-by-size",
        lambda x, y: (x[:, : y.shape[1]], x[:, y.shape[1] - 1 :]),
        torch.rand(2, 9),
        A,
        others=((torch.rand(2, 9), LONG),),
    ),
    same("select", lambda x: (x[:, 0], x[-1], x[..., -2]), A, others=((B,),)),
    same("select-by-size", _select_by_size, A, others=((LONG,),)),
    same("flip", lambda x: (x.flip(0, -1), x.fliplr(), x.flipud()), A, others=((B,),)),
    same("rot90", lambda x: (x.rot90(), x.rot90(2), x.rot90(-1, (2, 0))), A),
    same("roll", lambda x: (x.roll(1, -1), x.roll((-2, 7), (0, 1)), x.roll(5)), A, others=((B,),)),
    same(
        "diagonal",
        lambda x: (x.diagonal(), x.diagonal(1, 1, 2), x.diagonal(-2, -1, 0), x.diagonal(9, 0, 1)),
        A,
        others=((B,), (LONG,)),
    ),
    case(
        "diag-embed",
        lambda x: (torch.diag_embed(x), torch.diag_embed(x, 1), torch.diag_embed(x, -2, 0, 1)),
        torch.tensor([[1.0, float("nan"), float("inf")]]),
        others=((torch.rand(1, 5),),),
        opsets=(11, 20),
    ),
    same(
        "diag",
        lambda x, y: (x.diag(), x.diag(-1), y.diag(1), torch.diagflat(y, 1)),
        V,
        torch.rand(3, 3),
    ),
    same(
        "unfold",
        lambda x: (x.unfold(1, 2, 1), x.unfold(-1, 2, 2), x.unfold(0, 2, 1)),
        A,
        others=((LONG,), (B,)),
    ),
    same(
        "patches",
        lambda x: (
            unfold(x, 2),
            unfold(x, (3, 1), dilation=(1, 2), padding=(0, 1), stride=(2, 1)),
            unfold(x[0], 1, stride=2),
        ),
        IMAGES,
        others=((IMAGES[:1, :3, :, :5],), (torch.randn(1, 1, 40, 40),)),
    ),
    same("as-strided", lambda x: x.as_strided((3, 2), (4, 1), 1), A),
    same(
        "meshgrid",
        lambda x, y: (*torch.meshgrid(x, y, indexing="ij"), *torch.meshgrid(x, y, indexing="xy")),
        V,
        V[:3] * 2,
        others=((V, V[:4]),),
    ),
    same(
        "pixel-shuffle",
        lambda x: (torch.pixel_shuffle(x, 2), torch.pixel_unshuffle(x, 2)),
        IMAGES,
        others=((WIDE,),),
    ),
    same(
        "pixel-shuffle-integers",
        lambda x: torch.pixel_unshuffle(torch.pixel_shuffle(x, 2), 2),
        IMAGES[0].long(),
    ),
    same("pixel-shuffle-five", lambda x: torch.pixel_shuffle(x, 2), torch.rand(2, 3, 4, 2, 2)),
    same(
        "channel-shuffle",
        lambda x: torch.nn.functional.channel_shuffle(x, 2),
        IMAGES,
        others=((WIDE,),),
    ),
    same(
        "atleast",
        lambda x, y: (torch.atleast_1d(x), torch.atleast_2d(y), torch.atleast_3d(x, y)),
        SCALAR,
        V,
    ),
    same(
        "select-scatter",
        lambda x, y: (x.select_scatter(y, 1, -1), x.select_scatter(y, 1, 0)),
        A,
        torch.rand(2, 4),
        others=((LONG, torch.rand(2, 4)),),
    ),
    same(
        "slice-scatter",
        lambda x, y: (
            x.slice_scatter(y, 1, 1, 3),
            x.slice_scatter(y, 1, -2),
            x.slice_scatter(y, 1, 0, 4, 2),
        ),
        LONG[:, :4],
        torch.rand(2, 2, 4),
    ),
    same(
        "slice-scatter-dynamic",
        lambda x, y: x.slice_scatter(y, 1, 1, 1 + y.shape[1]),
        LONG,
        torch.rand(2, 2, 4),
        others=((LONG, torch.rand(2, 3, 4)),),
    ),
    same(
        "diagonal-scatter",
        lambda x, y: (x.diagonal_scatter(y), x.diagonal_scatter(y[:2], -1)),
        torch.rand(3, 3),
        torch.rand(3),
    ),
    case(
        "combinations",
        lambda x: (
            torch.combinations(x, 0),
            torch.combinations(x, 1),
            torch.combinations(x),
            torch.combinations(x, 3, with_replacement=True),
        ),
        V,
        others=((V[:1],), (torch.arange(9),)),
        opsets=(11, 20),
    ),
    case(
        "chunk-cat",
        lambda x, y: torch._chunk_cat([x, y], 0, 2),
        torch.rand(3, 2, 1),
        torch.rand(1, 4),
        others=((torch.rand(4, 2, 1), torch.rand(5, 4)), (torch.rand(2, 1, 1), torch.rand(2, 3))),
        opsets=(11, 20),
    ),
]

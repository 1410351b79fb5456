"""Cases of indexing and scatter: reading and writing at places that tensors name."""

import torch
from runner import case
from torch.nn import functional

FEW = (11, 20)
REDUCING = (11, 16, 18, 20)
A = torch.arange(60.0).reshape(3, 4, 5)
B = torch.arange(120.0).reshape(6, 4, 5)
PICKS = torch.tensor([2, 0, -1])
J = torch.tensor([[1], [-2]])
K = torch.tensor([0, 1, 2])
ROWS = torch.tensor([0, 2, 1, 1])
MASK = torch.tensor([True, False, True, True])
MATRIX = torch.arange(12.0).reshape(3, 4)
MASKS = MATRIX % 3 > 0
PLACES = torch.tensor([[0, 2, 1, 0], [1, 0, 0, 2]])
SOURCE = torch.rand(3, 4) + 0.5
NUMBERS = torch.tensor([[0.0, 1.0, 0.0], [float("nan"), -2.0, 0.0]])
TABLE = torch.rand(10, 4)


def same(name, fn, *inputs, **options):
    return case(name, fn, *inputs, **{"opsets": FEW, **options})


def put(x, *parts):
    x = x.clone()
    *indices, values = parts
    x[tuple(indices)] = values
    return x


def put_rows(x, i, values):
    return put(x, slice(None), i, values)


def put_mask(x, mask, values):
    x = x.clone()
    x[mask] = values
    return x


def accumulated(x, i, j, values):
    return x.index_put((i, j), values, accumulate=True)


CASES = [
    same(
        "one",
        lambda x, i, j: (x[i], x[:, i], x[..., j], x[:, j]),
        A,
        PICKS,
        J,
        others=((B, torch.tensor([1, 0]), J),),
    ),
    same("one-int32", lambda x, i: x[i], A, PICKS.int()),
    same(
        "leading",
        lambda x, i, j: (x[i, j], x[i, i, i], x[j, i, None]),
        A,
        PICKS,
        J,
        others=((A, PICKS, torch.tensor([[0], [1], [2]])),),
    ),
    same(
        "adjacent", lambda x, i, j: (x[:, i, j], x[..., j, i]), A, PICKS, J, others=((B, PICKS, J),)
    ),
    same(
        "separated",
        lambda x, i, j: (x[i, :, i], x[j, :, i], x[i, None, :, j[:, 0, None]]),
        A,
        PICKS,
        J,
    ),
    same(
        "mask",
        lambda x, m: (x[:, m], x[:, m][..., 0], x[0][m]),
        A,
        MASK,
        others=((B, ~MASK),),
        release=("2.7", "its torch.export asks whether what a mask leaves is empty before"),
    ),
    same("mask-matrix", lambda x, m: (x[m], x[..., 0][m], x.transpose(0, 2)[:, m.T]), A, MASKS),
    same("mask-of-values", lambda x: (x[x > 30], x.masked_select(x > 30)), A, others=((B,),)),
    same(
        "constant-indices",
        lambda x: (
            x[[0, 2]],
            x[:, [1, 3], [0, 4]],
            x[..., torch.tensor([True, False, True, False, True])],
        ),
        A,
        others=((B,),),
    ),
    same(
        "batch",
        lambda x, i: x[torch.arange(x.shape[0]), i],
        A,
        torch.tensor([0, 3, 1]),
        others=((B, torch.tensor([0, 1, 2, 3, 0, 1])),),
    ),
    same(
        "index-select",
        lambda x, i: (x.index_select(1, i), x.index_select(-1, i[0])),
        A,
        K,
        others=((A, K[:2]),),
    ),
    same("gather", lambda x, i: (x.gather(0, i), x.gather(-1, i)), MATRIX, PLACES),
    same(
        "gather-scalar",
        lambda x: (x[0, 0].gather(0, torch.tensor([0, 0])), x[0].gather(0, torch.tensor(2))),
        MATRIX,
    ),
    same(
        "take",
        lambda x, i: (
            x.take(i),
            x.take_along_dim(i),
            x[:2].take_along_dim(i, 1),
            x.take_along_dim(i[:1], 0),
        ),
        MATRIX,
        PLACES,
    ),
    same(
        "masked-fill",
        lambda x, m: (x.masked_fill(m, float("-inf")), x.masked_fill(m, x[0, 0])),
        MATRIX,
        MASKS,
        others=((MATRIX, ~MASKS),),
    ),
    same("masked-fill-bool", lambda x, m: x.masked_fill(m, True), ~MASKS, MASKS[:1]),
    same("masked-fill-integers", lambda x, m: x.masked_fill(m, -1), MATRIX.long(), MASKS),
    same("nonzero", lambda x: (x.nonzero(), *x.nonzero(as_tuple=True), torch.argwhere(x)), NUMBERS),
    same(
        "nonzero-float64", lambda x: x.nonzero(), torch.tensor([0.0, 1e-300], dtype=torch.float64)
    ),
    same("nonzero-scalar", lambda x: x.sum().nonzero(), MATRIX),
    same("masked-scatter", lambda x, m, s: x.masked_scatter(m, s), MATRIX, MASKS, SOURCE),
    same("one-hot", lambda i: functional.one_hot(i, 5), PLACES),
    same(
        "embedding",
        lambda w, i: functional.embedding(i, w, padding_idx=0),
        TABLE,
        PLACES,
        others=((TABLE, PLACES[:, :2]),),
    ),
    case(
        "embedding-bag-rows",
        lambda w, i: (
            functional.embedding_bag(i, w, mode="sum"),
            functional.embedding_bag(i, w),
            functional.embedding_bag(i, w, mode="max"),
        ),
        TABLE,
        PLACES,
        opsets=FEW,
    ),
    case(
        "embedding-bag",
        lambda w, i, o: (
            functional.embedding_bag(i, w, o, mode="sum"),
            functional.embedding_bag(i, w, o),
            functional.embedding_bag(i, w, o, padding_idx=2),
        ),
        TABLE,
        ROWS,
        torch.tensor([0, 2, 2]),
        opsets=(11, 16, 20),
    ),
    case(
        "embedding-bag-weighted",
        lambda w, i, o, s: functional.embedding_bag(
            i, w, o, mode="sum", per_sample_weights=s, include_last_offset=True
        ),
        TABLE,
        ROWS,
        torch.tensor([0, 3, 4]),
        torch.rand(4),
        opsets=(13, 16),
    ),
    *(
        case(
            f"embedding-bag-{name}",
            lambda w, i, o, s: (
                functional.embedding_bag(i, w, o),
                functional.embedding_bag(i, w, o, mode="sum", per_sample_weights=s),
                functional.embedding_bag(i, w, o, mode="max"),
            ),
            TABLE.to(dtype),
            ROWS,
            torch.tensor([0, 2, 2]),
            torch.rand(4).to(dtype),
            opsets=(18, 20),
        )
        for name, dtype in (("half", torch.half), ("bfloat16", torch.bfloat16))
    ),
    same("put-one", put, A, PICKS, torch.rand(3, 4, 5)),
    same(
        "put-rows",
        put_rows,
        A,
        PICKS,
        torch.rand(3, 3, 5),
        others=((B, PICKS, torch.rand(6, 3, 5)),),
    ),
    same("put-broadcast", put_rows, A, PICKS, torch.rand(5)),
    same(
        "put-two",
        lambda x, i, j, v: (put(x, i, j, v), put(x, slice(None), i, j, 1.5)),
        A,
        K,
        K,
        torch.rand(5),
    ),
    same(
        "put-separated", lambda x, i, j, v: put(x, i, slice(None), j, v), A, K, K, torch.rand(3, 4)
    ),
    same(
        "put-mask-number",
        lambda x, m: (put_mask(x, m, 1.5), put(x, slice(None), m[0], -1.0)),
        A,
        MASKS,
    ),
    same("put-mask-values", lambda x, m, v: put_mask(x, m, v), MATRIX, MASKS, torch.rand(8)),
    same("put-integers", lambda x, i: put(x, i, 7), MATRIX.long(), PICKS),
    case("accumulate", accumulated, MATRIX, ROWS, ROWS, torch.rand(4), opsets=REDUCING, since=16),
    case(
        "accumulate-rows",
        lambda x, i, v: torch.ops.aten.index_put(x, [None, i], v, True),
        MATRIX,
        ROWS,
        torch.rand(3, 4),
        opsets=(16, 20),
    ),
    same(
        "put-flat",
        lambda x, i, v: x.put(i, v),
        MATRIX,
        PLACES + 4 * torch.arange(2)[:, None],
        SOURCE[:2],
    ),
    case(
        "index-add",
        lambda x, i, v: (
            x.index_add(0, i, v),
            x.index_add(1, i, v.T, alpha=2),
        ),
        torch.rand(3, 3),
        ROWS,
        torch.rand(4, 3),
        opsets=(13, *REDUCING),
    ),
    case(
        "index-add-dtypes",
        lambda x, i, v: [
            x.to(d).index_add(1, i, v.to(d))
            for d in (torch.int32, torch.int64, torch.float16, torch.float64)
        ],
        (torch.rand(2, 3, 2) * 9),
        torch.tensor([2, 0, 2, 2]),
        torch.rand(2, 4, 2) * 9,
        opsets=(11, 13, 16, 20),
    ),
    same(
        "index-copy",
        lambda x, i, v: x.index_copy(1, i, v),
        MATRIX,
        torch.tensor([2, 0]),
        torch.rand(3, 2),
    ),
    same(
        "index-fill",
        lambda x, i: (x.index_fill(1, i, -1), x.index_fill(0, i[:2], 2.5)),
        MATRIX,
        PICKS,
        others=((MATRIX, PICKS[1:]),),
    ),
    case(
        "index-reduce",
        lambda x, i, v: (
            x.index_reduce(0, i, v, "amax"),
            x.index_reduce(0, i, v, "prod", include_self=False),
            x.index_reduce(0, i, v, "mean"),
        ),
        torch.rand(3, 3),
        ROWS,
        torch.rand(4, 3),
        opsets=(16, 18),
        since=18,
    ),
    same(
        "scatter",
        lambda x, i, s: (x.scatter(0, i, s), x.scatter(0, i, 2.5)),
        MATRIX,
        PLACES,
        SOURCE,
    ),
    case(
        "scatter-add",
        lambda x, i, s: (
            x.scatter_add(0, i, s),
            x.scatter(0, i, s, reduce="multiply"),
            x.scatter(0, i, 2, reduce="add"),
        ),
        MATRIX,
        PLACES,
        SOURCE,
        opsets=REDUCING,
        since=16,
    ),
    case(
        "scatter-reduce",
        lambda x, i, s: [
            x.scatter_reduce(0, i, s, r, include_self=k)
            for r in ("sum", "prod", "mean", "amax", "amin")
            for k in (True, False)
        ],
        MATRIX,
        PLACES,
        SOURCE,
        opsets=(16, 18, 20),
        since=18,
    ),
    case(
        "scatter-reduce-integers",
        lambda x, i, s: [
            x.scatter_reduce(0, i, s, r, include_self=k)
            for r in ("mean", "amax", "amin")
            for k in (True, False)
        ],
        -MATRIX.long(),
        PLACES,
        (SOURCE * 9).long(),
        opsets=(18,),
    ),
    case(
        "scatter-add-half",
        lambda x, i, s: (x.scatter_add(0, i, s), x.index_add(0, i[0], s.repeat(2, 1)[:4])),
        MATRIX.half(),
        PLACES,
        SOURCE.half(),
        opsets=(16, 20),
    ),
    case(
        "scatter-reduce-bool",
        lambda x, i, s: (x.scatter_reduce(0, i, s, "amax"), x.scatter_reduce(0, i, s, "amin")),
        MASKS,
        PLACES,
        ~MASKS,
        opsets=(18, 20),
    ),
    case(
        "scatter-scalar",
        lambda x: x.sum().scatter_add(0, torch.tensor(0), x[0, 0]),
        MATRIX,
        opsets=(16,),
    ),
]

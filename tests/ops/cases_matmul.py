"""Products of matrices, einsum, groups of rows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from runner import case

torch.manual_seed(0)
r = torch.randn
WEIGHT, BIAS = r(4, 3), r(4)


def ints(*shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    return torch.randint(-5, 5, shape).to(dtype)


def grouped(x: torch.Tensor, w: torch.Tensor, offs: torch.Tensor) -> torch.Tensor:
    return torch._grouped_mm(x, w, offs)


def offsets(*ends: int) -> torch.Tensor:
    return torch.tensor(ends, dtype=torch.int32)


CASES = [
    case("linear-2d", lambda x: F.linear(x, WEIGHT, BIAS), r(2, 3), others=((r(5, 3),),)),
    case("linear-3d", lambda x: F.linear(x, WEIGHT, BIAS), r(2, 2, 3), others=((r(3, 5, 3),),)),
    case("linear-1d", lambda x, w: (F.linear(x, WEIGHT), F.linear(x, w)), r(3), r(3)),
    case("linear-int", F.linear, ints(2, 3), ints(4, 3), ints(4), opsets=(20,)),
    case(
        "matmul-ranks",
        lambda a, b: (a @ b, a[0, 0] @ b, a @ b[0, :, 0], b[0, :, 0] @ b[0, :, 0]),
        r(2, 4, 3),
        r(2, 3, 5),
        others=((r(3, 2, 3), r(3, 3, 7)),),
    ),
    case(
        "matmul-int8",
        lambda a, b: a @ b,
        ints(2, 3, dtype=torch.int8),
        ints(3, 2, dtype=torch.int8),
        opsets=(11, 20),
    ),
    case("mm-transposed", lambda a, b: torch.mm(a.t(), b.t()), r(3, 2), r(4, 3)),
    case(
        "addmm",
        lambda c, a, b: (
            torch.addmm(c, a, b.t(), beta=0.5, alpha=2),
            torch.addmm(c * torch.nan, a, b.t(), beta=0),
        ),
        r(4),
        r(2, 3),
        r(4, 3),
        others=((r(4), r(5, 3), r(4, 3)),),
    ),
    case(
        "addmm-int",
        lambda c, a, b: torch.addmm(c, a, b, beta=2, alpha=3),
        ints(4),
        ints(2, 3),
        ints(3, 4),
        opsets=(20,),
    ),
    case(
        "added",
        lambda v, m, b, c: (
            torch.addmv(v, m, v, alpha=2),
            torch.baddbmm(b, b, c, beta=0.5),
            torch.addbmm(m, b, c),
            torch.addr(m, v, v),
            torch.mv(m, v),
            torch.bmm(b, c),
        ),
        r(3),
        r(3, 3),
        r(2, 3, 3),
        r(2, 3, 3),
        opsets=(11, 20),
    ),
    case(
        "addbmm",
        lambda s, a, b: (torch.addbmm(s, a, b, beta=0.5, alpha=2), torch.addbmm(s, a, b, beta=0)),
        r(2, 4),
        r(3, 2, 5),
        r(3, 5, 4),
        others=((r(6, 7), r(4, 6, 5), r(4, 5, 7)),),
    ),
    case("addbmm-of-none", torch.addbmm, r(2, 4), r(0, 2, 5), r(0, 5, 4)),
    case(
        "addr-promoted",
        lambda s, a, b: (torch.addr(s, a, b, beta=0.5, alpha=2), torch.addr(s[0], a, b, beta=0)),
        r(2, 4).double(),
        r(2),
        r(4),
    ),
    case(
        "outer", lambda a, b: (torch.outer(a, b), torch.inner(a, a), torch.vdot(a, a)), r(3), r(4)
    ),
    case("kron", torch.kron, r(2, 3), r(4)),
    case(
        "chain",
        lambda a, b, c: (torch.linalg.multi_dot([a, b, c]), torch.chain_matmul(a, b, c)),
        r(2, 3),
        r(3, 4),
        r(4, 5),
        opsets=(20,),
    ),
    case(
        "cross",
        lambda a, b: (torch.linalg.cross(a, b), torch.cross(a, b, dim=-1)),
        r(2, 3),
        r(1, 3),
    ),
    case(
        "int-mm",
        torch._int_mm,
        ints(32, 16, dtype=torch.int8),
        ints(16, 8, dtype=torch.int8),
        opsets=(20,),
    ),
    case(
        "einsum-batched",
        lambda q, k: (
            torch.einsum("bqhd,bkhd->bhqk", q, k),
            torch.einsum("bqhd, bkhd -> bhkq", q, k),
        ),
        r(2, 3, 2, 4),
        r(2, 5, 2, 4),
        others=((r(3, 4, 2, 4), r(3, 2, 2, 4)),),
    ),
    case(
        "einsum-plain",
        lambda x, w: (
            torch.einsum("nli,io->nlo", x, w),
            torch.einsum("nli,io", x, w),
            torch.einsum("...i,ij->...j", x, w),
        ),
        r(2, 3, 4),
        r(4, 5),
        others=((r(3, 2, 4), r(4, 5)),),
    ),
    case(
        "einsum-vectors",
        lambda x, v: (
            torch.einsum("bij,bj->bi", x, v),
            torch.einsum("bij->bj", x),
            torch.einsum("bij,bk->ijbk", x, v),
            torch.einsum("ijk->kji", x),
            torch.einsum("bij,bj->", x, v),
        ),
        r(2, 3, 4),
        r(2, 4),
        others=((r(5, 3, 4), r(5, 4)),),
    ),
    case(
        "einsum-two-sums",
        lambda x, y: torch.einsum("abcd,cdef->abef", x, y),
        r(2, 3, 4, 2),
        r(4, 2, 3, 5),
        others=((r(1, 5, 4, 2), r(4, 2, 3, 2)),),
    ),
    case(
        "einsum-three",
        lambda x, y, z: torch.einsum("ni,nj,oij->no", x, y, z),
        r(2, 3),
        r(2, 4),
        r(5, 3, 4),
    ),
    case(
        "einsum-diagonal",
        lambda x: torch.einsum("bii->bi", x),
        r(2, 3, 3),
        since=12,
        opsets=(11, 13, 20),
    ),
    case(
        "tensordot",
        lambda x, y: (
            torch.tensordot(x, y, dims=2),
            torch.tensordot(x, y, ([0], [1])),
            torch.tensordot(x, y, dims=0),
        ),
        r(3, 2, 3),
        r(2, 3, 4),
        others=((r(3, 2, 3), r(2, 3, 6)),),
    ),
    case(
        "bilinear",
        torch.nn.functional.bilinear,
        r(2, 5, 3),
        r(2, 5, 4),
        r(6, 3, 4),
        r(6),
        others=((r(3, 2, 3), r(3, 2, 4), r(6, 3, 4), r(6)),),
    ),
    case(
        "grouped-mm",
        grouped,
        r(8, 16).bfloat16(),
        r(3, 16, 8).bfloat16(),
        offsets(2, 2, 8),
        others=((r(5, 16).bfloat16(), r(3, 16, 8).bfloat16(), offsets(0, 4, 5)),),
        rtol=2e-2,
        atol=2e-2,
        since=13,
        release=("2.9", "no _grouped_mm on the CPU before"),
    ),
]

"""Complex numbers: in inputs, outputs, weights and constants, and what becomes of them between."""

from __future__ import annotations

import torch
from runner import case
from torch import nn

torch.manual_seed(0)
r = torch.randn
C64, C128 = torch.complex64, torch.complex128


def c(*shape: int, dtype: torch.dtype = C64) -> torch.Tensor:
    return r(*shape, dtype=dtype)


Z = c(2, 3, 4)
# All quadrants, both sides of the cuts, and sizes whose squares leave float32.
PLACES = torch.tensor(
    [complex(a, b) for a in (-2.0, -0.5, -0.0, 0.0, 0.7, 3.0) for b in (-1.5, -0.0, 0.0, 0.25)]
    + [1e25 + 1e25j, 3e-30 - 4e-30j]
)
CUTS = PLACES[:-2]


class Rotary(nn.Module):
    """As Llama's authors write it: pairs turned by complex numbers kept in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        angles = torch.outer(torch.arange(8.0), torch.tensor([1.0, 0.1]))
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
        turned = pairs * self.turns[: x.shape[1]].unsqueeze(1)
        return torch.view_as_real(turned).flatten(3)


CASES = [
    case(
        "made",
        lambda a, b: (
            torch.complex(a, b),
            torch.polar(a.abs(), b),
            torch.view_as_complex(torch.stack([a.broadcast_to(b.shape), b], -1)),
            a.to(C64),
            torch.full((2, 2), 1 - 2j),
            torch.zeros_like(a, dtype=C64),
            torch.ones(2, dtype=C128),
        ),
        r(3),
        r(2, 3),
        others=((r(5), r(2, 5)),),
    ),
    case(
        "taken-apart",
        lambda z: (
            z.real,
            z.imag,
            torch.view_as_real(z * 1j),
            z.conj(),
            z.mH,
            torch.sgn(z),
            z.angle(),
            z.to(torch.complex128),
            z.size(1),
        ),
        Z,
        others=((c(2, 5, 4),),),
        atol=1e-5,
        rtol=1e-5,
    ),
    case("sizes", lambda z: (z.abs(), torch.abs(z) ** 2), PLACES[:-2]),
    case("extreme-sizes", lambda z: (z.abs(), z / z, z.reciprocal()), PLACES[-2:]),
    case(
        "sums-and-products",
        lambda z, w, x: (
            z + w,
            z - x,
            x - z,
            torch.add(z, w, alpha=2 - 1j),
            z * w,
            z * x,
            2j * x,
            z / w,
            z / x,
            x / z,
            1 / z,
            z + 1.5,
            torch.addcmul(z, w, x, value=0.5),
            z == w,
            z != x,
        ),
        c(2, 1, 4),
        c(3, 1),
        r(3, 4),
        others=((c(2, 1, 5), c(3, 1), r(3, 5)),),
        atol=1e-5,
        rtol=1e-4,
    ),
    case(
        "powers",
        lambda z: (z**2, z**3, z**-1, z**0.5, z ** (0.5 + 1j), 2**z, z**z, z.square(), z.rsqrt()),
        c(8),
        rtol=1e-4,
        atol=1e-4,
    ),
    case(
        "functions",
        lambda z: (
            *(z.exp(), z.expm1(), z.sigmoid(), z.sin(), z.cos(), z.tan()),
            *(z.sinh(), z.cosh(), z.tanh(), z.sqrt()),
        ),
        CUTS,
        rtol=1e-5,
        atol=1e-5,
    ),
    case(
        "inverse-functions",
        lambda z: (
            *(z.log(), z.log2(), z.log10(), z.log1p(), z.asinh()),
            *(z.asin(), z.acos(), z.acosh(), z.atanh()),
        ),
        CUTS[CUTS != 0],
        rtol=1e-5,
        atol=1e-5,
    ),
    case(
        "inverse-tangent",
        torch.atan,
        CUTS[CUTS != 0],
        rtol=1e-5,
        atol=1e-5,
        release=("2.7", "its atan takes one side of the cut for the other before"),
    ),
    case(
        "moved",
        lambda z: (
            z.flatten(1),
            z.permute(2, 0, 1),
            z.transpose(-1, 0),
            z[:, -1, 1:],
            z.flip(-1),
            z.roll(1, 1),
            z.unsqueeze(-1).expand(-1, -1, -1, 2),
            torch.cat([z, z.real], 1),
            torch.stack([z, 1j * z], -1),
            z.unbind(0)[1],
            nn.functional.pad(z, (1, 0, 0, 2), value=2.0),
            torch.where(z.real > 0, z, 0.0),
            z.masked_fill(z.imag > 0, 3 - 1j),
            z.index_select(-1, torch.tensor([2, 0])),
            z.diagonal(0, 0, -1),
            z.tril(),
            z.repeat(1, 2, 1),
        ),
        Z,
        others=((c(2, 6, 4),),),
    ),
    case(
        "reduced",
        lambda z: (
            z.sum(),
            z.mean(0),
            z.prod(-1),
            z.prod(0),
            z.cumsum(0),
            z.cumprod(-1),
            z.var(0),
            z.std(-1, keepdim=True),
            torch.linalg.vector_norm(z, 2, -1),
            torch.linalg.vector_norm(z, 1),
            (z.real > 0).to(C64).any(-1),
            torch.isfinite(z).all(),
            torch.count_nonzero(z * z.real.sign()),
        ),
        Z,
        others=((c(2, 5, 4),),),
        rtol=1e-4,
        atol=1e-4,
    ),
    case(
        "multiplied",
        lambda a, b, x: (
            a @ b,
            x.to(C64) @ b,
            a[0] @ b[0],
            torch.bmm(a, b),
            torch.einsum("bij,bjk,k->bi", a, b, b[0, 0]),
            torch.addmm(a[0, :, :1] * b[0, :1], a[0], b[0], beta=2j, alpha=1 - 1j),
            torch.vdot(a[0, 0], a[1, 0]),
            nn.functional.linear(a, b[0].mT, b[0, 0]),
            torch.outer(a[0, 0], x[0]),
        ),
        c(2, 3, 4),
        c(2, 4, 5),
        r(3, 4),
        others=((c(2, 3, 6), c(2, 6, 5), r(3, 6)),),
        rtol=1e-4,
        atol=1e-4,
    ),
    case(
        "convolved",
        lambda x, w, b: nn.functional.conv2d(x, w, b, padding=1),
        c(1, 2, 5, 5),
        c(3, 2, 3, 3),
        c(3),
        rtol=1e-4,
        atol=1e-4,
    ),
    case("not-numbers", lambda z: (z.isnan(), z.isinf(), z.isfinite(), z.isreal(), z.bool()),
         torch.tensor([1 + 0j, 0j, complex(torch.nan, 1), complex(0, torch.inf), -0.5j])),
    case("in-double", lambda z, x: (z * x, z.abs(), (z @ z.mH).real, z.mean()),
         c(3, 4, dtype=C128), r(4, dtype=torch.float64)),
    case("in-half", lambda z: (z + z, z.real, z.chalf(), z.reshape(4)),
         c(2, 2).to(torch.complex32)),
    case("rotary", Rotary(), r(2, 5, 3, 4), others=((r(2, 7, 3, 4),),)),
]  # fmt: skip

"""What of a result is unique, where PyTorch's own is one of many right ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

Tensors = list[torch.Tensor]


def _of_eigenvectors(results: Sequence[torch.Tensor]) -> Tensors:
    """Eigenvectors are unique up to signs, and not even that where eigenvalues are equal."""
    values, vectors = results
    product = (vectors * values.unsqueeze(-2)) @ vectors.mT
    return [values, product, vectors.mT @ vectors]


def _of_singular_vectors(results: Sequence[torch.Tensor], conjugated: bool) -> Tensors:
    """Singular vectors are unique up to common signs, those past the rank up to a rotation."""
    u, values, v = results
    if u.numel() == 0 or v.numel() == 0 or not (u.any() and v.any()):
        # Not asked for: empty, or zeros.
        return list(results)
    v = v.mT if conjugated else v
    size = values.shape[-1]
    product = (u[..., :size] * values.unsqueeze(-2)) @ v[..., :size].mT
    return [values, product, u.mT @ u, v.mT @ v]


def _complex(x: torch.Tensor) -> torch.Tensor:
    """A complex tensor, also from pairs of real numbers, in complex128."""
    x = x if x.is_complex() else torch.complex(x[..., 0], x[..., 1])
    return x.to(torch.complex128)


def _pairs(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A complex tensor as pairs of real numbers of the precision of ``like``."""
    return torch.view_as_real(x).to(like.real.dtype if like.is_complex() else like.dtype)


def _of_complex_eigenvectors(results: Sequence[torch.Tensor]) -> Tensors:
    """The matrix itself: eigenvalues have no order, and vectors may be multiplied by a phase."""
    values, vectors = map(_complex, results)
    inverse = torch.linalg.inv(vectors)
    product = (vectors * values.unsqueeze(-2)) @ inverse
    lengths = torch.linalg.vector_norm(vectors, dim=-2)
    return [_pairs(product, results[0]), lengths]


def _of_eigenvalues(results: Sequence[torch.Tensor]) -> Tensors:
    """The coefficients of the polynomial they are the roots of, having no order."""
    values = _complex(results[0])
    size = values.abs().sum(-1, keepdim=True).clamp_min(1e-30)
    found = torch.ones_like(size, dtype=values.dtype)
    for i in range(values.shape[-1]):
        zero, root = torch.zeros_like(found[..., :1]), values[..., i : i + 1] / size
        found = torch.cat([found, zero], -1) - root * torch.cat([zero, found], -1)
    return [size, _pairs(found, results[0])]


UNIQUE: dict[str, Callable[[Sequence[torch.Tensor]], Tensors]] = {
    "linalg.eig": _of_complex_eigenvectors,
    "linalg.eigvals": _of_eigenvalues,
    "linalg.eigh": _of_eigenvectors,
    "linalg.svd": lambda results: _of_singular_vectors(results, True),
    "svd": lambda results: _of_singular_vectors(results, False),
}
"""By the database's name: what is compared in place of the results, types and shapes aside."""

IN_FLOAT64 = frozenset({"matrix_exp"})
"""Operators whose float32 results PyTorch itself has in error by more than the tolerance (a
matrix of the database: by 0.2 %): compared with what it computes in float64."""

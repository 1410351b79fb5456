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


UNIQUE: dict[str, Callable[[Sequence[torch.Tensor]], Tensors]] = {
    "linalg.eigh": _of_eigenvectors,
    "linalg.svd": lambda results: _of_singular_vectors(results, True),
    "svd": lambda results: _of_singular_vectors(results, False),
}
"""By the database's name: what is compared in place of the results, types and shapes aside."""

IN_FLOAT64 = frozenset({"matrix_exp"})
"""Operators whose float32 results PyTorch itself has in error by more than the tolerance (a
matrix of the database: by 0.2 %): compared with what it computes in float64."""

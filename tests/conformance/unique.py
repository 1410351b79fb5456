"""What of a result is unique, where PyTorch's own is one of many right ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from conformance.samples import Sample

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


def _of_places(results: Sequence[torch.Tensor], sample: Sample, argument: int) -> Tensors:
    """What stands at the places, each named once: equals come in any order but a stable one.

    ``argument`` is where the call names the axis, if by position.
    """
    *values, places = results
    x = sample.tensors[0]
    if x.dim() == 0 or sample.kwargs.get("stable"):
        return list(results)
    given = sample.args[argument] if len(sample.args) > argument else -1
    axis = sample.kwargs.get("dim", given)
    places = places if places.dim() == x.dim() else places.unsqueeze(axis)
    repeated = places.sort(axis).values.diff(dim=axis) == 0
    return [*values, x.gather(axis, places), repeated]


UNIQUE: dict[str, Callable[[Sequence[torch.Tensor], Sample], Tensors]] = {
    "argsort": lambda results, sample: _of_places(results, sample, 1),
    "kthvalue": lambda results, sample: _of_places(results, sample, 2),
    "linalg.eig": lambda results, sample: _of_complex_eigenvectors(results),
    "linalg.eigvals": lambda results, sample: _of_eigenvalues(results),
    "linalg.eigh": lambda results, sample: _of_eigenvectors(results),
    "linalg.svd": lambda results, sample: _of_singular_vectors(results, True),
    "sort": lambda results, sample: _of_places(results, sample, 1),
    "svd": lambda results, sample: _of_singular_vectors(results, False),
    "topk": lambda results, sample: _of_places(results, sample, 2),
}
"""By the database's name: what is compared in place of the results, types and shapes aside."""

HALF = frozenset({torch.float16, torch.bfloat16})

IN_FLOAT64: dict[str, frozenset[torch.dtype]] = {
    # A matrix of the database: by 0.2 %.
    "matrix_exp": HALF | {torch.float32},
    # Each term is added in the half type itself, or each weight computed in it.
    **dict.fromkeys(
        (
            "_unsafe_masked_index_put_accumulate",
            "addbmm",
            "addr",
            "grid_sampler_2d",
            "grid_sampler_3d",
            "nn.functional.conv_transpose2d",
            "nn.functional.conv_transpose3d",
            "nn.functional.grid_sample",
        ),
        HALF,
    ),
    "nn.functional.instance_norm": frozenset({torch.bfloat16}),
    "nn.functional.interpolate": HALF,
    # A logarithm of numbers that float16 does not hold, or not well.
    "nn.functional.poisson_nll_loss": frozenset({torch.float16}),
    "nn.functional.soft_margin_loss": frozenset({torch.float16}),
}
"""Operators whose results in these dtypes PyTorch itself has in error by more than the tolerance:
compared with what it computes in float64."""

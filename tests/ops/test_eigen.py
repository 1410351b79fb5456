"""Eigenvalues of matrices that are not symmetric: these have no order, and their vectors no phase.

So what is tested is not equality with PyTorch's, but that they are right.
"""

from __future__ import annotations

import onnxruntime
import pytest
import torch
from runner import case, export, from_ort, to_ort

torch.manual_seed(0)
DOUBLE = torch.float64


def matrices() -> list[torch.Tensor]:
    cycle = torch.roll(torch.eye(4, dtype=DOUBLE), 1, 0)
    graded = torch.tensor([1e-6, 1e-3, 1, 1e3, 1e6], dtype=DOUBLE)
    return [
        torch.randn(4, 6, 6, dtype=DOUBLE),
        # What the usual shift leaves as it is.
        torch.stack([cycle, -cycle]),
        torch.zeros(1, 3, 3, dtype=DOUBLE),
        torch.eye(3, dtype=DOUBLE).expand(2, 3, 3),
        # A single vector.
        torch.ones(3, dtype=DOUBLE).diag(1)[None],
        torch.randn(2, 5, 5, dtype=DOUBLE) * graded[:, None],
        torch.randn(2, 3, 3, dtype=DOUBLE) * 1e250,
        torch.zeros(0, 3, 3, dtype=DOUBLE),
        torch.zeros(2, 0, 0, dtype=DOUBLE),
    ]


@pytest.mark.parametrize("opset", [11, 20])
def test_eigenvectors_are_kept_by_their_matrices(opset: int) -> None:
    first, *others = matrices()
    eig = case("eig", torch.linalg.eig, first, others=tuple((x,) for x in others))
    session = onnxruntime.InferenceSession(
        export(eig, opset).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for x in (first, *others):
        parts = from_ort(session.run_with_ort_values(None, {"x0": to_ort(x)}))
        values, vectors = (torch.complex(part[..., 0], part[..., 1]) for part in parts)
        assert values.shape == x.shape[:-1]
        assert vectors.shape == x.shape
        scale = x.abs().amax() if x.numel() else torch.ones(())
        scale = torch.where(scale == 0, 1, scale)
        scaled, values = (x / scale).to(values.dtype), values / scale
        zero = scaled @ vectors - vectors * values.unsqueeze(-2)
        torch.testing.assert_close(zero, torch.zeros_like(zero), rtol=0, atol=1e-13)
        lengths = torch.linalg.vector_norm(vectors, dim=-2)
        torch.testing.assert_close(lengths, torch.ones_like(lengths))
        # All of them, each as often as it is one.
        trace = scaled.diagonal(dim1=-2, dim2=-1).sum(-1)
        torch.testing.assert_close(values.sum(-1), trace)


def test_eigenvalues_alone_are_the_same() -> None:
    x = torch.randn(3, 5, 5)
    proto = export(case("both", lambda x: (*torch.linalg.eig(x), torch.linalg.eigvals(x)), x), 20)
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    values, _, alone = from_ort(session.run_with_ort_values(None, {"x0": to_ort(x)}))
    torch.testing.assert_close(alone, values)

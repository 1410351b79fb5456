"""Samples that can't count, each with the reason. The table shows them as excluded.

What only fails is not here: an operator is excluded where there is nothing that an ONNX model
could be compared with. It counts as not passing all the same, unless other samples of it pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch.utils._pytree import tree_leaves

from conformance.samples import Sample


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why samples can't count, and which of an operator's are meant."""

    reason: str
    applies: Callable[[Sample], bool] = lambda sample: True


def _reads_beyond(sample: Sample) -> bool:
    try:
        sample.call(*[tensor.clone() for tensor in sample.tensors])
    except RuntimeError:
        return True
    return False


def _returns_nothing(sample: Sample) -> bool:
    return not tree_leaves(sample.call(*sample.tensors))


def _counts_by_a_tensor(sample: Sample) -> bool:
    return any(tensor.dim() == 0 for tensor in sample.tensors)


JITERATOR = Exclusion("Compiles CUDA C++ given as a string: PyTorch runs it on GPUs only.")
SPARSE = Exclusion(
    "Takes or returns sparse tensors. ONNX has none but as initializers, and ONNX Runtime neither "
    "takes nor returns any."
)

EXCLUSIONS: dict[str, Exclusion] = {
    "as_strided.partial_views": Exclusion(
        "Reads elements of the base that the view given does not have: what comes to an exported "
        "model is the view's elements, not the memory they lie in. PyTorch refuses a copy, too.",
        _reads_beyond,
    ),
    "broadcast_shapes": Exclusion(
        "Takes and returns no tensor, and of no shapes an empty one: an ONNX model has outputs.",
        _returns_nothing,
    ),
    "jiterator_2inputs_2outputs": JITERATOR,
    "jiterator_4inputs_with_extra_args": JITERATOR,
    "jiterator_binary": JITERATOR,
    "jiterator_binary_return_by_ref": JITERATOR,
    "jiterator_unary": JITERATOR,
    "sparse.mm.reduce": SPARSE,
    "sparse.sampled_addmm": SPARSE,
    "tensor_split": Exclusion(
        "A tensor tells how many results there are: an ONNX model has as many in each run.",
        _counts_by_a_tensor,
    ),
    "to_sparse": SPARSE,
}


def excluded(operator: str, sample: Sample) -> str | None:
    """Why a sample can't count; None where it does."""
    found = EXCLUSIONS.get(operator)
    return found.reason if found is not None and found.applies(sample) else None

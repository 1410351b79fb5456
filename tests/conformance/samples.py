"""Operators and samples of PyTorch's own database, as callables on tensors."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import OpInfo
from torch.utils._pytree import tree_flatten, tree_unflatten

# What comes out is whatever lies in memory, or differs from run to run: only types are compared.
UNSPECIFIED = frozenset(
    "empty empty_like empty_permuted empty_strided new_empty new_empty_strided "
    "bernoulli multinomial normal rand_like randint randint_like randn randn_like uniform "
    "nn.functional.alpha_dropout nn.functional.dropout nn.functional.dropout2d "
    "nn.functional.dropout3d nn.functional.feature_alpha_dropout exponential cauchy geometric "
    "log_normal nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d "
    "nn.functional.rrelu pca_lowrank svd_lowrank".split()
)

# They drop out in some samples, whose values are random.
UNSPECIFIED_IN_PART = frozenset(
    "nn.functional.multi_head_attention_forward nn.functional.scaled_dot_product_attention".split()
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One call: ``call(*tensors)`` is the operator with everything else filled in.

    ``args`` and ``kwargs`` are the database's, tensors included.
    """

    call: Callable[..., Any]
    tensors: tuple[torch.Tensor, ...]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @property
    def drops_out(self) -> bool:
        return bool(self.kwargs.get("dropout_p") or self.kwargs.get("training"))


def operators() -> dict[str, OpInfo]:
    """All of the database by name, variants told apart (``div.floor_rounding``)."""
    found = {}
    for info in op_db:
        name = f"{info.name}.{info.variant_test_name}" if info.variant_test_name else info.name
        found[name] = info
    return dict(sorted(found.items()))


def samples(info: OpInfo, dtype: torch.dtype, at_most: int | None = None) -> Iterator[Sample]:
    """The database's samples of an operator."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = info.sample_inputs("cpu", dtype, requires_grad=False)
        for sample in itertools.islice(found, at_most):
            yield _sample(info.op, (sample.input, *sample.args), sample.kwargs)


def values_count(name: str, sample: Sample) -> bool:
    """Whether a sample's values can be compared, and not only their types."""
    random = name in UNSPECIFIED_IN_PART and sample.drops_out
    return not (random or name in UNSPECIFIED)


def _sample(op: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sample:
    leaves, structure = tree_flatten((args, kwargs))
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]

    def call(*tensors: torch.Tensor) -> Any:
        filled = list(leaves)
        for place, tensor in zip(places, tensors, strict=True):
            filled[place] = tensor
        positional, named = tree_unflatten(filled, structure)
        return op(*positional, **named)

    tensors = tuple(leaves[place].detach() for place in places)
    return Sample(call, tensors, args, kwargs)

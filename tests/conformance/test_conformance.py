"""A sample of each operator of PyTorch's database; ``make conformance`` runs all of them."""

from __future__ import annotations

import pytest
import torch

from conformance.check import OK, check_operator
from conformance.exclusions import excluded
from conformance.samples import Sample, operators, samples
from releases import needs

OPSET = 20
DTYPES = (torch.float32, torch.int64, torch.bool, torch.complex64)
"""The first that an operator has is taken."""

RELEASES = {
    "tensor_split": ("2.10", "its torch.export asks where to split before"),
}
"""The PyTorch that an operator takes, and why."""

OPERATORS = operators()


def first_sample(name: str) -> tuple[torch.dtype, Sample]:
    """The first that counts. Skips the test where none does, saying why."""
    info = OPERATORS[name]
    reason = "PyTorch has it on the CPU for none of these dtypes"
    for dtype in (dtype for dtype in DTYPES if dtype in info.dtypes):
        for sample in samples(info, dtype):
            why_not = excluded(name, sample)
            if why_not is None:
                return dtype, sample
            reason = why_not
    pytest.skip(reason)


@pytest.mark.parametrize("name", OPERATORS)
def test_first_sample(name: str) -> None:
    if name in RELEASES:
        needs(*RELEASES[name])
    dtype, sample = first_sample(name)
    outcome = check_operator(OPERATORS[name], dtype, sample, OPSET)
    assert outcome == OK, outcome

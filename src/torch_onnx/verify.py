"""ONNX Runtime against PyTorch: the same inputs, the outputs compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from torch_onnx.errors import Mismatch

# What rounding alone explains, by dtype; relative to the largest value where that is above 1.
TOLERANCES: dict[torch.dtype, float] = {
    torch.float64: 1e-5,  # ONNX Runtime computes some float64 operators in float32
    torch.float32: 1e-4,
    torch.float16: 2e-2,
    torch.bfloat16: 1e-1,
}


@dataclass(slots=True)
class OutputComparison:
    """One output: the largest absolute error, and that error over the largest expected value."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    absolute: float
    relative: float


@dataclass(slots=True)
class Verification:
    """What a comparison found; ``mismatches`` is empty when all outputs agree."""

    outputs: list[OutputComparison] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)

    @property
    def largest_error(self) -> float:
        return max((output.absolute for output in self.outputs), default=0.0)


def compare(
    names: Sequence[str],
    actual: Sequence[torch.Tensor],
    expected: Sequence[torch.Tensor],
    inputs: str = "",
    steps: Mapping[str, float] | None = None,
) -> Verification:
    """Compare outputs by dtype, shape, NaN pattern and value.

    ``steps`` are the differences allowed in outputs that are rounded to steps.
    """
    result = Verification()
    if len(actual) != len(expected):
        problem = f"{len(actual)} outputs, PyTorch has {len(expected)}"
        result.mismatches.append(Mismatch("outputs", problem, inputs))
        return result
    for name, got, want in zip(names, actual, expected, strict=True):
        difference, row = _compare_output(name, got, want, (steps or {}).get(name, 0.0))
        result.outputs.append(row)
        if difference is not None:
            result.mismatches.append(Mismatch(name, difference, inputs))
    return result


def _compare_output(
    name: str, got: torch.Tensor, want: torch.Tensor, step: float
) -> tuple[str | None, OutputComparison]:
    want = want.detach().cpu()
    if want.is_complex():
        want = torch.view_as_real(want.resolve_conj())
    row = OutputComparison(name, got.dtype, tuple(got.shape), 0.0, 0.0)
    if got.dtype != want.dtype:
        return f"dtype {got.dtype}, PyTorch has {want.dtype}", row
    if got.shape != want.shape:
        return f"shape {tuple(got.shape)}, PyTorch has {tuple(want.shape)}", row
    if not want.dtype.is_floating_point:
        apart = (got.double() - want.double()).abs() > step if step else got != want
        different = int(apart.sum())
        row.absolute = float(different)
        return (f"{different} of {want.numel()} elements differ" if different else None), row
    a, b = got.double(), want.double()
    if not torch.equal(a.isnan(), b.isnan()):
        return "NaN at other places than in PyTorch", row
    finite = b.isfinite()
    if not torch.equal(a.isfinite(), finite) or not torch.equal(a.isposinf(), b.isposinf()):
        return "infinity at other places than in PyTorch", row
    if not bool(finite.any()):
        return None, row
    row.absolute = (a - b)[finite].abs().max().item()
    scale = max(b[finite].abs().max().item(), 1e-12)
    row.relative = row.absolute / scale
    tolerance = TOLERANCES.get(want.dtype, 1e-1)
    if row.absolute > max(tolerance * max(scale, 1.0), 1.001 * step):
        return f"differs by {row.absolute:.3g} (values up to {scale:.3g})", row
    return None, row

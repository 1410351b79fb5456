"""ONNX Runtime against PyTorch: the same inputs, the outputs compared."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import torch

from torch_onnx import rendering, saving
from torch_onnx.errors import Mismatch
from torch_onnx.generate import DynamicSizes, Samples

# What rounding alone explains, by dtype; relative to the largest value where that is above 1.
TOLERANCES: dict[torch.dtype, float] = {
    torch.float64: 1e-5,  # ONNX Runtime computes some float64 operators in float32
    torch.float32: 1e-4,
    torch.float16: 2e-2,
    torch.bfloat16: 1e-1,
}

EXAMPLE = "example"


@dataclass(slots=True)
class OutputComparison:
    """One output: the largest absolute error, and that error over the largest expected value."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    absolute: float
    relative: float
    inputs: str = ""
    """Which inputs: the example, or the sizes of generated ones."""
    tolerance: float = 0.0


@dataclass(slots=True)
class Verification:
    """What a comparison found; ``mismatches`` is empty when all outputs agree.

    Attributes:
        outputs: every output for all inputs.
        mismatches: what differs, or what ONNX's checker refuses.
        sizes: the other sizes at which each dynamic dim was tried.
        skipped: sizes that the torch model itself refuses, and what it says.
        is_checked: whether ONNX's checker has seen the model.
    """

    outputs: list[OutputComparison] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)
    sizes: dict[str, list[int]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    is_checked: bool = False
    failing: list[torch.Tensor] | None = None
    """The generated inputs for which outputs differ first."""

    @property
    def largest_error(self) -> float:
        return max((output.absolute for output in self.outputs), default=0.0)

    def table(self) -> str:
        """What was compared, as text."""
        rows: list[tuple[str, ...]] = [
            ("inputs", "output", "dtype", "shape", "absolute", "relative", "tolerance")
        ]
        for row in self.outputs:
            dtype = str(row.dtype).removeprefix("torch.")
            errors = [f"{value:.1e}" for value in (row.absolute, row.relative, row.tolerance)]
            rows.append((row.inputs, row.name, dtype, str(list(row.shape)), *errors))
        text = [rendering.table(rows, indent="")]
        text += [f"differs: {m.output}: {m.problem}  [{m.inputs}]" for m in self.mismatches]
        text += [f"{name} was tried at {sizes}" for name, sizes in self.sizes.items()]
        text += [f"skipped {sizes}: {reason}" for sizes, reason in self.skipped.items()]
        return "\n".join(text)

    def __str__(self) -> str:
        return self.table()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "agrees": not self.mismatches,
            "is_checked": self.is_checked,
            "outputs": [
                {
                    "name": row.name,
                    "inputs": row.inputs,
                    "dtype": str(row.dtype).removeprefix("torch."),
                    "shape": list(row.shape),
                    "absolute": row.absolute,
                    "relative": row.relative,
                    "tolerance": row.tolerance,
                }
                for row in self.outputs
            ],
            "mismatches": [
                {"output": m.output, "problem": m.problem, "inputs": m.inputs}
                for m in self.mismatches
            ],
            "sizes": self.sizes,
            "skipped": self.skipped,
        }

    def add(self, other: Verification) -> None:
        self.outputs += other.outputs
        self.mismatches += other.mismatches


Call = tuple[tuple[Any, ...], dict[str, Any]]
Run = Callable[[tuple[Any, ...], dict[str, Any]], Sequence[torch.Tensor]]
NamedRun = Callable[[tuple[Any, ...], dict[str, Any]], Sequence[tuple[str, torch.Tensor]]]


@dataclass(frozen=True, slots=True)
class Pair:
    """An exported model and its original, to be run on the same inputs.

    ``steps`` are the differences allowed in outputs that are rounded to steps.
    """

    exported: NamedRun
    eager: Run
    steps: Mapping[str, float] = field(default_factory=dict)

    def compare(self, call: Call, inputs: str = "") -> Verification:
        """Run both. ONNX Runtime goes first: eager models write to caches that they are given."""
        actual = self.exported(*call)
        return self._compared(actual, self.eager(*call), inputs)

    def _compared(
        self,
        actual: Sequence[tuple[str, torch.Tensor]],
        expected: Sequence[torch.Tensor],
        inputs: str,
    ) -> Verification:
        names = [name for name, _ in actual]
        return compare(names, [tensor for _, tensor in actual], expected, inputs, self.steps)

    def compare_at_other_sizes(
        self,
        dynamic: DynamicSizes,
        tensors: Sequence[torch.Tensor],
        rebuild: Callable[[Sequence[torch.Tensor]], Call],
        tell: Callable[[str], None] | None = None,
    ) -> Verification:
        """Run both on inputs generated for other sizes of each dynamic dim.

        What PyTorch itself refuses says nothing of the exported model: it is skipped, and told.
        """
        result = Verification()
        samples = Samples(dynamic, tensors)
        for sample in samples:
            try:
                expected = self.eager(*rebuild([t.clone() for t in sample.tensors]))
            except Exception as error:
                lines = str(error).strip().splitlines() or [""]
                result.skipped[str(sample)] = f"{type(error).__name__}: {lines[0]}"[:120]
                continue
            samples.accept(sample)
            if tell is not None:
                tell(str(sample))
            try:
                actual = self.exported(*rebuild(sample.tensors))
            except Exception as error:
                lines = str(error).strip().splitlines() or [""]
                problem = f"ONNX Runtime fails: {lines[0][:300]}"
                result.mismatches.append(Mismatch("all outputs", problem, str(sample)))
            else:
                result.add(self._compared(actual, expected, str(sample)))
            if result.mismatches and result.failing is None:
                result.failing = sample.tensors
        result.sizes = {name: sorted(sizes) for name, sizes in samples.tried.items()}
        return result


def check(model: ir.Model) -> str | None:
    """What ONNX's checker has against the model, shapes and types included; None for nothing.

    The weights' bytes are left out: the checker has no use for them. So are outputs whose rank is
    known at run time only: it wants a shape of each, and ONNX has none for these.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        saving.save(model, path, include_initializers=False)
        if any(output.shape is None for output in model.graph.outputs):
            _leave_out_unshaped(path)
        try:
            onnx.checker.check_model(str(path), full_check=True)
        except Exception as error:
            lines = [line for line in str(error).strip().splitlines() if line.strip()]
            return " ".join(lines[:3])[:400]
    return None


def _leave_out_unshaped(path: Path) -> None:
    proto = onnx.load(path, load_external_data=False)
    shaped = [
        output
        for output in proto.graph.output
        if not output.type.HasField("tensor_type") or output.type.tensor_type.HasField("shape")
    ]
    del proto.graph.output[:]
    proto.graph.output.extend(shaped)
    onnx.save(proto, path)


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
        difference, row = compare_output(name, got, want, (steps or {}).get(name, 0.0))
        row.inputs = inputs
        result.outputs.append(row)
        if difference is not None:
            result.mismatches.append(Mismatch(name, difference, inputs))
    return result


def compare_output(
    name: str, got: torch.Tensor, want: torch.Tensor, step: float = 0.0
) -> tuple[str | None, OutputComparison]:
    """What differs between two tensors, in words, or None; and how far they are apart."""
    want = want.detach().cpu()
    if want.is_complex():
        want = torch.view_as_real(want.resolve_conj())
    tolerance = TOLERANCES.get(want.dtype, 1e-1) if want.dtype.is_floating_point else 0.0
    row = OutputComparison(name, got.dtype, tuple(got.shape), 0.0, 0.0, tolerance=tolerance)
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
    if row.absolute > max(tolerance * max(scale, 1.0), 1.001 * step):
        return f"differs by {row.absolute:.3g} (values up to {scale:.3g})", row
    return None, row

"""One sample exported, loaded, run and compared."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch.testing._internal.opinfo.core import OpInfo

import torch_onnx
from conformance.resized import resized
from conformance.samples import Sample, values_count
from conformance.unique import IN_FLOAT64, UNIQUE
from torch_onnx import runtime
from torch_onnx.errors import DimensionSpecialized, ExportError, UnsupportedOperators


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sample went: ``ok``, or at which step it failed, and the first line of why."""

    step: str
    reason: str = ""


OK = Outcome("ok")
LARGEST_RANK = 8


Unique = Callable[[Sequence[torch.Tensor], Sample], list[torch.Tensor]]


def check_operator(
    info: OpInfo, dtype: torch.dtype, sample: Sample, opset: int, dynamic: bool = False
) -> Outcome:
    """``check``, by what of the operator's results is specified."""
    return check(
        sample,
        opset,
        dynamic,
        values=values_count(info.name, sample),
        unique=UNIQUE.get(info.name),
        in_float64=dtype in IN_FLOAT64.get(info.name, ()),
    )


def check(
    sample: Sample,
    opset: int,
    dynamic: bool = False,
    values: bool = True,
    unique: Unique | None = None,
    in_float64: bool = False,
) -> Outcome:
    """Export a sample, run it in ONNX Runtime, and compare values, dtypes and shapes.

    ``unique`` gives what of the results is compared where these are not; ``in_float64`` takes for
    right what PyTorch computes in float64.
    """
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            wanted = _flat(sample.call(*[tensor.clone() for tensor in sample.tensors]))
            if in_float64:
                exact = _flat(sample.call(*[_double(tensor) for tensor in sample.tensors]))
                wanted = [e.to(w.dtype) for e, w in zip(exact, wanted, strict=True)]
        except Exception as error:
            return Outcome("eager", _first(error))
        shapes = list(map(_all_dynamic, sample.tensors)) if dynamic else []
        try:
            program = _exported(sample, opset, shapes)
        except UnsupportedOperators as error:
            calls = {
                f"{call.op}{f' ({call.reason})' if call.reason else ''}" for call in error.calls
            }
            return Outcome("unsupported", ", ".join(sorted(calls))[:300])
        except ExportError as error:
            return Outcome("refused", _first(error))
        except Exception as error:
            return Outcome("crash", f"{type(error).__name__}: {_first(error)}")
        try:
            session = runtime.session(program.model)
        except Exception as error:
            return Outcome("load", _first(error))

        def outcome_for(tensors: tuple[torch.Tensor, ...], wanted: list[torch.Tensor]) -> Outcome:
            try:
                names = [value.name for value in session.get_inputs()]
                feeds = dict(zip(program.input_names, tensors, strict=True))
                got = runtime.run(session, {name: feeds[name] for name in names})
            except Exception as error:
                return Outcome("run", _first(error))
            outcome = _compare(got, wanted, values and unique is None)
            if outcome is OK and unique is not None:
                of = replace(sample, tensors=tensors)
                outcome = _compare(unique(got, of), unique(wanted, of), values)
            return outcome

        outcome = outcome_for(sample.tensors, wanted)
        if outcome is not OK or not dynamic:
            return outcome
        needless = _fixed_without_need(sample, shapes, wanted)
        if needless:
            return Outcome("fixed", needless)
        # What the notes say of sizes need not hold for others.
        if program.notes or in_float64:
            return OK
        for tensors in resized(sample.tensors, _dynamic_axes(program, sample.tensors)):
            there = _at(sample, tensors, wanted)
            if there is None:
                continue
            outcome = outcome_for(tensors, there)
            if outcome is not OK:
                return Outcome(f"other size: {outcome.step}", outcome.reason)
        return OK


def _at(
    sample: Sample, tensors: tuple[torch.Tensor, ...], wanted: list[torch.Tensor]
) -> list[torch.Tensor] | None:
    """What PyTorch gives for other sizes; None where no model could give that and ``wanted``.

    The operator, or what the sample fixes of it, may not take these sizes; and an ONNX model has as
    many outputs of as many axes in each run.
    """
    try:
        found = _flat(sample.call(*[tensor.clone() for tensor in tensors]))
    except Exception:
        return None
    return found if [x.dim() for x in found] == [x.dim() for x in wanted] else None


def _fixed_without_need(
    sample: Sample, shapes: list[dict[int, object]], wanted: list[torch.Tensor]
) -> str:
    """Dims that the exporter said are fixed, though PyTorch takes the sample at other sizes."""
    everything = [list(range(tensor.dim())) for tensor in sample.tensors]
    for tensors in resized(sample.tensors, everything):
        fixed = [
            f"tensor {index}, axis {axis}"
            for index, (tensor, other) in enumerate(zip(sample.tensors, tensors, strict=True))
            for axis in everything[index]
            if axis not in shapes[index] and tensor.shape[axis] != other.shape[axis]
        ]
        if not fixed:
            continue
        if _at(sample, tensors, wanted) is not None:
            return f"not fixed by PyTorch: {', '.join(fixed)}"
    return ""


def _dynamic_axes(
    program: torch_onnx.ONNXProgram, tensors: tuple[torch.Tensor, ...]
) -> list[list[int]]:
    """Of each tensor the axes that the model takes at any size."""
    declared = {value.name: value.shape for value in program.model.graph.inputs}
    return [
        [
            axis
            for axis in range(tensor.dim())
            if not isinstance(declared.get(name, tensor.shape)[axis], int)
        ]
        for name, tensor in zip(program.input_names, tensors, strict=True)
    ]


def _double(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.is_complex():
        return tensor.to(torch.complex128)
    return tensor.double() if tensor.is_floating_point() else tensor.clone()


def _exported(
    sample: Sample, opset: int, shapes: list[dict[int, object]]
) -> torch_onnx.ONNXProgram:
    """The sample exported with these dims dynamic, but for those that it asks of its inputs.

    ``x.expand(3, 4)`` and ``x.index_add(0, index, y)`` take just one size of some dims, whatever is
    allowed of the others: these leave ``shapes``.
    """
    for _ in range(LARGEST_RANK):
        try:
            return torch_onnx.export(
                sample.call,
                sample.tensors,
                opset_version=opset,
                dynamic_shapes=(tuple(shapes),) if any(shapes) else None,
            )
        except DimensionSpecialized as error:
            for dimension in error.dimensions:
                shapes[int(dimension.input_name.rpartition(".")[2])].pop(dimension.axis, None)
    raise ExportError("more dims are fixed with each try")


def _all_dynamic(tensor: torch.Tensor) -> dict[int, object]:
    return dict.fromkeys(range(tensor.dim()), torch.export.Dim.AUTO)


def _compare(got: list[torch.Tensor], wanted: list[torch.Tensor], values: bool) -> Outcome:
    if len(got) != len(wanted):
        return Outcome("outputs", f"{len(got)} instead of {len(wanted)}")
    for ours, theirs in zip(got, wanted, strict=True):
        is_complex = theirs.is_complex()
        if is_complex:
            theirs = torch.view_as_real(theirs.resolve_conj())
        if ours.dtype != theirs.dtype:
            return Outcome("dtype", f"{ours.dtype} instead of {theirs.dtype}")
        if ours.shape != theirs.shape:
            return Outcome("shape", f"{list(ours.shape)} instead of {list(theirs.shape)}")
        if not values:
            continue
        if is_complex and theirs.dtype != torch.float16:
            # The digits of a complex number are those of its size.
            ours, theirs = (torch.complex(x[..., 0], x[..., 1]) for x in (ours, theirs))
        try:
            torch.testing.assert_close(ours, theirs, equal_nan=True, **_tolerance(theirs.dtype))
        except AssertionError as error:
            lines = [line for line in str(error).splitlines() if "difference" in line]
            return Outcome("values", (lines or [_first(error)])[0])
    return OK


def _tolerance(dtype: torch.dtype) -> dict[str, float]:
    """Twice PyTorch's own for its backends: two libraries add up in different orders."""
    table = {
        torch.float16: (2e-3, 2e-3),
        torch.bfloat16: (3.2e-2, 2e-2),
        torch.float32: (1e-4, 2e-5),
        torch.float64: (1e-5, 1e-6),
        torch.complex64: (1e-4, 2e-5),
        torch.complex128: (1e-5, 1e-6),
    }
    rtol, atol = table.get(dtype, (0.0, 0.0))
    return {"rtol": rtol, "atol": atol}


def _flat(result: object) -> list[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, (list, tuple)):
        return [leaf for item in result for leaf in _flat(item)]
    # A number is an output as torch.tensor makes it.
    return [] if result is None else [torch.as_tensor(result)]


def _first(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]


__all__ = ["OK", "Outcome", "check", "check_operator"]

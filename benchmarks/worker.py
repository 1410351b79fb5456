"""One exporter on one model, in a process of its own: ``run`` starts it.

Writes the model and the inputs for the latency run into a directory, and a JSON row beside them.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import os
import re
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from benchmarks.exporters import EXPORTERS, Job, prepared, warm_up
from benchmarks.measure import PeakMemory, count_nodes, file_megabytes
from zoo import models
from zoo.case import Case, difference, eager, flat


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--exporter", choices=EXPORTERS, required=True)
    parser.add_argument("--size", choices=("tiny", "full"), required=True)
    parser.add_argument("--opset", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

    case = find(options.model, options.size)
    row: dict[str, Any] = {}
    try:
        measure(case, options.exporter, options.opset, options.directory, row)
    except Exception as error:
        traceback.print_exc()
        row["error"] = first_line(error)
    (options.directory / "row.json").write_text(json.dumps(row), encoding="utf-8")


def find(name: str, size: str) -> Case:
    cases = {"tiny": models.TINY, "full": models.FULL}[size]
    return next(case for case in cases if case.name == name)


def measure(case: Case, exporter: str, opset: int, directory: Path, row: dict[str, Any]) -> None:
    """Fill the row as far as it gets, so that a wrong model still shows its export's figures."""
    first = directory / "first"
    first.mkdir()
    row["first_export_s"] = warm_up(exporter, opset, first)

    model, args, kwargs = case.build()
    example = copy.deepcopy((args, kwargs))  # an export may write to the cache it is given
    written = directory / "model"
    written.mkdir()
    job = Job(model, (args, kwargs), case.dynamic_shapes, opset, written / "model.onnx")
    with torch.no_grad():
        job = prepared(exporter, job)
        memory = PeakMemory()
        seconds = EXPORTERS[exporter](job)
    row["peak_mb"] = memory.megabytes()
    row["export_s"] = seconds.total
    row["export_without_saving_s"] = seconds.export if seconds.save is not None else None
    row["export_cpu_s"] = seconds.cpu
    row["nodes"] = count_nodes(job.path)
    row["file_mb"] = file_megabytes(written)

    session = onnxruntime.InferenceSession(job.path, providers=["CPUExecutionProvider"])
    calls = [example, *(make() for make in case.other_inputs)]
    absolute = relative = 0.0
    for index, call in enumerate(calls):
        feeds = feeds_of(session, call)
        np.savez(directory / f"feeds{index}.npz", **feeds)
        actual = [torch.from_numpy(output) for output in session.run(None, feeds)]
        for name, got, want in match(session, actual, eager(model, call)):
            try:
                far = difference(got, want)
            except ValueError as error:
                raise ValueError(f"output {name} of call {index}: {error}") from None
            absolute, relative = max(absolute, far.absolute), max(relative, far.relative)
    row["absolute_error"], row["relative_error"] = absolute, relative
    row["accurate"] = relative <= 10 * case.tolerance


def feeds_of(session: onnxruntime.InferenceSession, call: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Inputs by name; inputs that the model does not use may be missing from the file."""
    declared = [value.name for value in session.get_inputs()]
    args, kwargs = call
    tensors = flat(args) + flat(kwargs)
    numbers = [v for v in [*args, *kwargs.values()] if isinstance(v, (bool, int, float))]
    if numbers:  # constants of the example, not inputs
        tensors = flat(args) + [v for v in kwargs.values() if isinstance(v, torch.Tensor)]
    if len(declared) == len(tensors):
        return {name: tensor.numpy() for name, tensor in zip(declared, tensors, strict=True)}
    return {name: kwargs[name].numpy() for name in declared}


def match(
    session: onnxruntime.InferenceSession, actual: list[torch.Tensor], expected: list[torch.Tensor]
) -> list[tuple[str, torch.Tensor, torch.Tensor]]:
    if len(actual) != len(expected):
        raise ValueError(f"{len(actual)} outputs instead of {len(expected)}")
    names = [value.name for value in session.get_outputs()]
    return list(zip(names, actual, expected, strict=True))


def first_line(error: BaseException) -> str:
    """Of the first cause, which says more than "step 3 failed"."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]


if __name__ == "__main__":
    main()

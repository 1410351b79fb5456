"""The exporters, with one signature each: export a case's model and write it.

Each is a pair: ``prepare`` imports what the exporter needs and exports a trivial model, so that
the measurement holds no lazy imports; ``export`` returns its seconds and those of writing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.flatten import FlatModel, flat_inputs, is_flat
from zoo.case import Inputs


@dataclass(frozen=True, slots=True)
class Job:
    """What is exported, and where it is written."""

    model: torch.nn.Module
    inputs: Inputs
    dynamic_shapes: dict[str, Any]
    opset: int
    path: Path


@dataclass(frozen=True, slots=True)
class Seconds:
    """``save`` is None where the exporter writes as it exports."""

    export: float
    save: float | None

    @property
    def total(self) -> float:
        return self.export + (self.save or 0.0)


def ours(job: Job, strategy: str = "auto") -> Seconds:
    import torch_onnx

    args, kwargs = job.inputs
    start = time.perf_counter()
    program = torch_onnx.export(
        job.model,
        args,
        kwargs=kwargs,
        dynamic_shapes=job.dynamic_shapes,
        opset_version=job.opset,
        strategy=strategy,
    )
    exported = time.perf_counter()
    program.save(job.path)
    return Seconds(exported - start, time.perf_counter() - exported)


def ours_traced(job: Job) -> Seconds:
    return ours(job, "trace")


def dynamo(job: Job) -> Seconds:
    model, (args, kwargs) = job.model, job.inputs
    dynamic: Any = job.dynamic_shapes
    names = None
    if not is_flat(job.inputs):
        tensors = flat_inputs(model, job.inputs, job.dynamic_shapes)
        model, kwargs = FlatModel(model, job.inputs), {}
        args, names = tuple(t.tensor for t in tensors), [t.name for t in tensors]
        dynamic = (tuple(t.axes for t in tensors),)  # for *args, in a tuple of its own
    start = time.perf_counter()
    program = torch.onnx.export(
        model,
        args,
        kwargs=kwargs or None,
        input_names=names,
        dynamic_shapes=dynamic or None,
        opset_version=job.opset,
        dynamo=True,
        verbose=False,
    )
    exported = time.perf_counter()
    assert program is not None
    program.save(job.path)
    return Seconds(exported - start, time.perf_counter() - exported)


def torchscript(job: Job) -> Seconds:
    tensors = flat_inputs(job.model, job.inputs, job.dynamic_shapes)
    model = FlatModel(job.model, job.inputs).eval()
    start = time.perf_counter()
    torch.onnx.export(
        model,
        tuple(t.tensor for t in tensors),
        job.path,
        input_names=[t.name for t in tensors],
        dynamic_axes={t.name: t.axes for t in tensors if t.axes},
        opset_version=job.opset,
        dynamo=False,
        verbose=False,
    )
    return Seconds(time.perf_counter() - start, None)


EXPORTERS: dict[str, Callable[[Job], Seconds]] = {
    "torch_onnx": ours,
    "torch_onnx_trace": ours_traced,
    "dynamo": dynamo,
    "torchscript": torchscript,
}


def warm_up(export: Callable[[Job], Seconds], opset: int, directory: Path) -> float:
    """Seconds of the process's first, trivial export: imports and registries."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()).eval()
    inputs: Inputs = ((torch.randn(2, 2),), {})
    job = Job(model, inputs, {"input": {0: "batch"}}, opset, directory / "first.onnx")
    start = time.perf_counter()
    export(job)
    return time.perf_counter() - start

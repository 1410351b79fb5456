"""The exporters, with one signature each: export a case's model and write it.

Each returns its seconds and those of writing. ``warm_up`` exports a trivial model, so that the
measurement holds no lazy imports; ``prepared`` is what comes before the export and is not measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.flatten import FlatInput, FlatModel, flat_inputs, is_flat
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
    """``save`` is None where the exporter writes as it exports; ``cpu`` is the process's in all."""

    export: float
    save: float | None
    cpu: float

    @property
    def total(self) -> float:
        return self.export + (self.save or 0.0)


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds since it was made: on the wall, and of the process on all of its cores."""

    wall: float
    cpu: float

    @staticmethod
    def start() -> Clock:
        return Clock(time.perf_counter(), time.process_time())

    def seconds(self, exported: float | None = None) -> Seconds:
        """Until now; ``exported`` is when the writing began."""
        now, cpu = time.perf_counter(), time.process_time() - self.cpu
        if exported is None:
            return Seconds(now - self.wall, None, cpu)
        return Seconds(exported - self.wall, now - exported, cpu)


def ours(job: Job, strategy: str = "auto") -> Seconds:
    import torch_onnx

    args, kwargs = job.inputs
    clock = Clock.start()
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
    return clock.seconds(exported)


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
    clock = Clock.start()
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
    return clock.seconds(exported)


def torchscript(job: Job) -> Seconds:
    tensors = flat_inputs(job.model, job.inputs, job.dynamic_shapes)
    model = FlatModel(job.model, job.inputs).eval()
    return torchscript_given(replace(job, model=model, **_flat(tensors)))


def torchscript_given(job: Job) -> Seconds:
    """Of a job whose inputs are flat: a trace, for one."""
    clock = Clock.start()
    torch.onnx.export(
        job.model,
        job.inputs[0],
        job.path,
        input_names=list(job.dynamic_shapes),
        dynamic_axes={name: axes for name, axes in job.dynamic_shapes.items() if axes},
        opset_version=job.opset,
        dynamo=False,
        verbose=False,
    )
    return clock.seconds()


def ours_given(job: Job) -> Seconds:
    """As ``torchscript_given``."""
    import torch_onnx

    clock = Clock.start()
    program = torch_onnx.export(
        job.model,
        job.inputs[0],
        input_names=list(job.dynamic_shapes),
        dynamic_axes={name: axes for name, axes in job.dynamic_shapes.items() if axes},
        opset_version=job.opset,
    )
    exported = time.perf_counter()
    program.save(job.path)
    return clock.seconds(exported)


def _flat(tensors: Sequence[FlatInput]) -> dict[str, Any]:
    return {
        "inputs": (tuple(t.tensor for t in tensors), {}),
        "dynamic_shapes": {t.name: t.axes for t in tensors},
    }


EXPORTERS: dict[str, Callable[[Job], Seconds]] = {
    "torch_onnx": ours,
    "torch_onnx_trace": ours_traced,
    "torch_onnx_script": ours_given,
    "dynamo": dynamo,
    "torchscript": torchscript,
    "torchscript_script": torchscript_given,
}


def prepared(exporter: str, job: Job) -> Job:
    """The job as the exporter is given it: some get a ScriptModule, the model's trace."""
    if not exporter.endswith("_script"):
        return job
    tensors = flat_inputs(job.model, job.inputs, job.dynamic_shapes)
    model = FlatModel(job.model, job.inputs).eval()
    trace: Any = torch.jit.trace
    script = trace(model, tuple(t.tensor for t in tensors), check_trace=False, strict=False)
    return replace(job, model=script, **_flat(tensors))


def warm_up(exporter: str, opset: int, directory: Path) -> float:
    """Seconds of the process's first, trivial export: imports and registries."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()).eval()
    inputs: Inputs = ((torch.randn(2, 2),), {})
    job = Job(model, inputs, {"input": {0: "batch"}}, opset, directory / "first.onnx")
    job = prepared(exporter, job)
    start = time.perf_counter()
    EXPORTERS[exporter](job)
    return time.perf_counter() - start

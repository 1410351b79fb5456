"""What profiling costs an export: ``python -m benchmarks.overhead``, in per cent of its time.

The stages' clock is always on, so it is measured by itself: the cost of one stage, times how many
an export has. ``profile=True`` is measured by exports with and without, turn by turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch

import torch_onnx
from benchmarks.worker import find
from torch_onnx.observer import Observer
from torch_onnx.profile import Profile

LIMIT = 2.0
ENTERED = 2000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--model", default="bert")
    parser.add_argument("--size", choices=("tiny", "full"), default="full")
    parser.add_argument("--runs", type=int, default=7, help="exports of each kind")
    parser.add_argument("--output", type=Path, help="the JSON to write")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    row = measure(options.model, options.size, options.runs)
    if options.output is not None:
        options.output.write_text(json.dumps(row) + "\n", encoding="utf-8")
    print(
        f"{options.model} ({options.size}), {row['export_s']:.3f} s: stages "
        f"{row['stages_percent']:.3f} %, profile=True {row['detailed_percent']:.1f} %"
    )
    return 0 if row["stages_percent"] < LIMIT else 1


def measure(model: str, size: str, runs: int) -> dict[str, Any]:
    """Seconds of an export, and the shares that profiling has in them."""
    built, args, kwargs = (case := find(model, size)).build()

    def export(detailed: bool) -> tuple[float, Profile]:
        start = time.perf_counter()
        program = torch_onnx.export(
            built,
            args,
            kwargs=kwargs,
            dynamic_shapes=case.dynamic_shapes,
            profile=detailed,
            progress=False,
        )
        return time.perf_counter() - start, program.profile

    export(True)
    plain, detailed = [], []
    for _ in range(runs):
        seconds, profile = export(False)
        plain.append(seconds)
        detailed.append(export(True)[0])
    median = statistics.median(plain)
    stages = sum(1 + len(stage.inside) for stage in profile.stages)
    # The least of each is what noise disturbs least.
    ratio = min(detailed) / min(plain)
    return {
        "model": model,
        "size": size,
        "export_s": median,
        "stages": stages,
        "stages_percent": 100 * stages * seconds_of_a_stage() / median,
        "detailed_percent": 100 * (ratio - 1),
    }


def seconds_of_a_stage() -> float:
    """Of entering and leaving one, as an export does."""
    observer = Observer(Profile())
    start = time.perf_counter()
    for _ in range(ENTERED):
        with observer.stage("stage"):
            pass
        # Looking for the nodes before a stage takes longer the more stages there are.
        del observer.profile.stages[12:]
    return (time.perf_counter() - start) / ENTERED


if __name__ == "__main__":
    sys.exit(main())

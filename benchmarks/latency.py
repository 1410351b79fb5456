"""ONNX Runtime latency of the models that several exporters wrote, turn by turn in one process.

Turns make the figures comparable: what else the machine does hits all of them alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

WARM_UP = 2
AT_LEAST, AT_MOST = 5, 100


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("directories", type=Path, nargs="+")
    options = parser.parse_args()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    # Spinning threads of one session would take the cores from another.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    sessions = {
        directory: onnxruntime.InferenceSession(
            directory / "model" / "model.onnx", settings, providers=["CPUExecutionProvider"]
        )
        for directory in options.directories
    }
    figures: dict[str, dict[str, float]] = {directory.name: {} for directory in sessions}
    for key, feeds in (("latency_ms", "feeds0.npz"), ("latency_larger_ms", "feeds2.npz")):
        runs = [(session, load(path / feeds)) for path, session in sessions.items()]
        medians = turns(runs, options.seconds)
        for directory, median in zip(sessions, medians, strict=True):
            figures[directory.name][key] = median
    options.output.write_text(json.dumps(figures), encoding="utf-8")


def load(path: Path) -> dict[str, Any]:
    with np.load(path) as arrays:
        return dict(arrays)


def turns(
    runs: list[tuple[onnxruntime.InferenceSession, dict[str, Any]]], seconds: float
) -> list[float]:
    """Median milliseconds of each."""
    for session, feeds in runs:
        for _ in range(WARM_UP):
            session.run(None, feeds)
    taken: list[list[float]] = [[] for _ in runs]
    end = time.perf_counter() + seconds * len(runs)
    while len(taken[0]) < AT_LEAST or (len(taken[0]) < AT_MOST and time.perf_counter() < end):
        for (session, feeds), times in zip(runs, taken, strict=True):
            start = time.perf_counter()
            session.run(None, feeds)
            times.append(time.perf_counter() - start)
    return [1000 * statistics.median(times) for times in taken]


if __name__ == "__main__":
    main()

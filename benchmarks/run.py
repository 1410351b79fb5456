"""Benchmark the exporters side by side: ``python -m benchmarks.run``.

Each model goes through each exporter in a process of its own; then what they wrote runs in ONNX
Runtime, turn by turn. Prints the figures and their ratios, and writes them to a dated JSON that
``python -m benchmarks.compare`` compares with another.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import results

ROOT = Path(__file__).parents[1]
OUTPUT = Path(__file__).parent / "results"
# Those called script are given a ScriptModule: a trace, whose making is not measured.
EXPORTERS = (
    *("torch_onnx", "torch_onnx_trace", "torch_onnx_script"),
    *("dynamo", "torchscript", "torchscript_script"),
)
DEFAULT = ("torch_onnx", "torch_onnx_trace", "dynamo", "torchscript")
MODELS = (
    *("bert", "gpt2", "llama", "llama_cache", "qwen3_moe", "t5", "whisper_encoder"),
    *("whisper_decoder", "wav2vec2", "clip", "vit", "convnext", "resnet", "mobilenet_v2"),
    *("segformer", "mamba"),
)


def main() -> int:
    options = arguments()
    rows: list[results.Row] = []
    started = time.time()
    now = datetime.datetime.now().astimezone()
    path = options.output or OUTPUT / f"{now:%Y-%m-%dT%H%M%S}.json"
    result: dict[str, Any] = {
        "date": now.isoformat(timespec="seconds"),
        "commit": results.commit(),
        "size": "tiny" if options.quick else "full",
        "opset": options.opset,
        "machine": results.machine(options.threads),
        "versions": results.versions(),
        "profiling": None,
        "rows": rows,
    }
    for model in options.models:
        with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
            rows += run_model(model, Path(scratch), options)
        result["seconds"] = round(time.time() - started, 1)
        # After each model, so that what was measured is there if the rest is not.
        results.write(path, result)
    result["profiling"] = overhead(options)
    results.write(path, result)
    print("\n" + results.figures_table(rows))
    finished = {row["exporter"] for row in rows if "error" not in row}
    # Without this exporter's own rows, the first of the peers is what the rest is compared with.
    reference = next((name for name in options.exporters if name in finished), None)
    if reference is not None and len(options.exporters) > 1:
        print("\n" + results.ratios_table(rows, reference))
    for peer, own in results.pairs(finished):
        if own != reference:
            print(
                "\n" + results.ratios_table([r for r in rows if r["exporter"] in (own, peer)], own)
            )
    told = result["profiling"]
    if told is not None:
        print(
            f"\nprofiling takes {told['stages_percent']:.3f} % of an export of {told['model']}, "
            f"with profile=True {told['detailed_percent']:.1f} %"
        )
    print(f"\n{path}  ({result['seconds']:.0f} s)")
    return 0


def overhead(options: argparse.Namespace) -> dict[str, Any] | None:
    """What profiling costs, of ``benchmarks.overhead``; None where it can't be measured."""
    size = "tiny" if options.quick else "full"
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        output = Path(scratch) / "overhead.json"
        failure = start("overhead", ["--size", size, "--output", output], options)
        if not output.exists():
            print(f"profiling was not measured: {failure}")
            return None
        found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
        return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, metavar="MODEL")
    parser.add_argument("--exporters", nargs="+", choices=EXPORTERS, default=DEFAULT)
    parser.add_argument("--quick", action="store_true", help="tiny models")
    parser.add_argument("--opset", type=int, default=20)
    parser.add_argument("--threads", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--seconds", type=float, default=1.0, help="of latency a model and shape")
    parser.add_argument("--timeout", type=float, default=600.0, help="of one export, in seconds")
    parser.add_argument("--output", type=Path, help="the JSON to write")
    parser.add_argument("--scratch", type=Path, help="where models are written meanwhile")
    return parser.parse_args()


def run_model(model: str, scratch: Path, options: argparse.Namespace) -> list[results.Row]:
    rows = [run_exporter(model, exporter, scratch, options) for exporter in options.exporters]
    # Only files that gave PyTorch's outputs' shapes have inputs for all of the runs.
    written = [scratch / row["exporter"] for row in rows if "error" not in row]
    if written:
        output = scratch / "latency.json"
        command = ["--threads", str(options.threads), "--seconds", str(options.seconds)]
        failure = start("latency", [*command, "--output", output, *written], options)
        if failure is None:
            figures = json.loads(output.read_text(encoding="utf-8"))
            for row in rows:
                row.update(figures.get(row["exporter"], {}))
        else:
            print(f"{model}: no latencies: {failure}", flush=True)
    return rows


def run_exporter(
    model: str, exporter: str, scratch: Path, options: argparse.Namespace
) -> results.Row:
    directory = scratch / exporter
    directory.mkdir()
    command = ["--model", model, "--exporter", exporter, "--opset", str(options.opset)]
    size = "tiny" if options.quick else "full"
    failure = start("worker", [*command, "--size", size, "--directory", directory], options)
    row: results.Row = {"model": model, "exporter": exporter}
    if failure is None:
        row.update(json.loads((directory / "row.json").read_text(encoding="utf-8")))
    else:
        row["error"] = failure
    if "error" in row:
        shutil.rmtree(directory)
    told = "" if row.get("export_s") is None else f"{row['export_s']:7.2f} s"
    print(f"{model:16} {exporter:12} {told:9} {results.remark(row)}".rstrip(), flush=True)
    return row


def start(module: str, command: list[Any], options: argparse.Namespace) -> str | None:
    """Run a module of this package in a fresh process; what went wrong, if anything did."""
    threads = str(options.threads)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "PYTHONWARNINGS": "ignore",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{module}", *map(str, command)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=options.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {options.timeout:.0f} s"
    if done.returncode < 0:
        return f"ended by signal {-done.returncode}"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["failed"])[-1][:300]
    return None


if __name__ == "__main__":
    sys.exit(main())

"""Export time by the number of layers: ``python -m benchmarks.scaling``.

Thin models, so that the layers and not the weights are measured. Time per layer stays level
where an exporter is linear.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
import transformers as hf

from benchmarks import results
from benchmarks.exporters import EXPORTERS, Job, prepared, warm_up
from benchmarks.measure import PeakMemory, count_nodes
from zoo.case import Inputs

LAYERS = (12, 48, 192)
ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--models", nargs="+", choices=("bert", "llama"), default=["bert", "llama"])
    parser.add_argument("--exporters", nargs="+", choices=EXPORTERS, default=["torch_onnx"])
    parser.add_argument("--layers", nargs="+", type=int, default=LAYERS)
    parser.add_argument("--threads", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--opset", type=int, default=20)
    parser.add_argument("--timeout", type=float, default=900.0)
    parser.add_argument("--one", nargs=3, metavar=("MODEL", "EXPORTER", "LAYERS"), help="no table")
    options = parser.parse_args()
    if options.one:
        model, exporter, layers = options.one
        print(json.dumps(measure(model, exporter, int(layers), options.opset)))
        return
    head = ["model", "exporter", "layers", "export s", "ms a layer", "nodes a layer", "peak MB", ""]
    lines = [head]
    for model in options.models:
        for exporter in options.exporters:
            for layers in options.layers:
                cells = in_process(model, exporter, layers, options)
                lines.append([model, exporter, str(layers), *cells])
                print(*lines[-1], flush=True)
    print("\n" + results.table(lines))


def in_process(model: str, exporter: str, layers: int, options: argparse.Namespace) -> list[str]:
    command = ["--one", model, exporter, str(layers), "--opset", str(options.opset)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scaling", *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=options.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ["-", "-", "-", "-", f"took longer than {options.timeout:.0f} s"]
    if done.returncode:
        return ["-", "-", "-", "-", failure(done.stderr)[:90]]
    row = json.loads(done.stdout.splitlines()[-1])
    seconds, peak = row["seconds"], row["peak_mb"]
    memory = "-" if peak is None else f"{peak:.0f}"
    per_layer = [f"{1000 * seconds / layers:.2f}", f"{row['nodes'] / layers:.2f}"]
    return [f"{seconds:.2f}", *per_layer, memory, ""]


def failure(stderr: str) -> str:
    """The line that names the exception, which may have a long message below it."""
    lines = stderr.strip().splitlines() or ["failed"]
    after = [i for i, line in enumerate(lines) if line.startswith("  File ")]
    raised = [x for x in lines[after[-1] + 1 if after else 0 :] if x and not x.startswith(" ")]
    return (raised or lines[-1:])[0]


def measure(name: str, exporter: str, layers: int, opset: int) -> results.Row:
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    model, inputs = (bert if name == "bert" else llama)(layers)
    axes = {0: "batch", 1: "sequence"}
    with tempfile.TemporaryDirectory() as scratch, torch.no_grad():
        warm_up(exporter, opset, Path(scratch))
        path = Path(scratch) / "model.onnx"
        job = Job(model, inputs, dict.fromkeys(inputs[1], axes), opset, path)
        job = prepared(exporter, job)
        memory = PeakMemory()
        seconds = EXPORTERS[exporter](job).total
        return {"seconds": seconds, "peak_mb": memory.megabytes(), "nodes": count_nodes(path)}


def bert(layers: int) -> tuple[torch.nn.Module, Inputs]:
    config = hf.BertConfig(
        vocab_size=99,
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
    )
    return hf.BertModel(config).eval(), text()


def llama(layers: int) -> tuple[torch.nn.Module, Inputs]:
    config = hf.LlamaConfig(
        vocab_size=99,
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
        use_cache=False,
    )
    return hf.LlamaForCausalLM(config).eval(), text()


def text() -> Inputs:
    ids = torch.randint(99, (2, 9))
    return (), {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


if __name__ == "__main__":
    main()

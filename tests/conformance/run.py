"""The whole database: ``make conformance``. Writes a JSON and the table in docs/operators.md."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from conformance.check import Outcome, check
from conformance.exclusions import excluded
from conformance.samples import operators, samples, values_count
from conformance.unique import IN_FLOAT64, UNIQUE

SECONDS_PER_OPERATOR = 180


def main() -> int:
    options = arguments()
    names = [n for n in operators() if not options.operators or n in options.operators]
    jobs = [(name, options) for name in names]
    results: dict[str, Any] = {}
    started = time.time()
    context = multiprocessing.get_context("forkserver")
    with context.Pool(options.jobs, maxtasksperchild=20) as pool:
        for name, outcomes in pool.imap_unordered(run_operator, jobs):
            results[name] = outcomes
            bad = [o for o in outcomes if o["step"] not in ("ok", "excluded")]
            if (outcomes and not _passes(outcomes)) or options.verbose:
                steps = Counter(o["step"] for o in outcomes)
                why = next((o["reason"] for o in [*bad, *outcomes]), "")
                print(f"{name:48} {dict(steps)}  {why[:150]}", flush=True)
    summary(results, time.time() - started)
    if options.output:
        options.output.write_text(json.dumps(results, indent=1, sort_keys=True), encoding="utf-8")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tests/conformance/run.py", description=__doc__)
    parser.add_argument("operators", nargs="*", help="names in the database; all by default")
    parser.add_argument("--opset", type=int, default=20)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--dynamic", action="store_true", help="with every dimension dynamic")
    parser.add_argument("--samples", type=int, help="at most so many of each operator")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, help="the JSON to write")
    parser.add_argument("--verbose", action="store_true", help="print operators that pass as well")
    return parser.parse_args()


def run_operator(job: tuple[str, argparse.Namespace]) -> tuple[str, list[dict[str, Any]]]:
    name, options = job
    torch.set_num_threads(1)
    info = operators()[name]
    dtype = getattr(torch, options.dtype)
    if dtype not in info.dtypes:
        return name, []
    outcomes: list[dict[str, Any]] = []
    signal.signal(signal.SIGALRM, _too_slow)
    signal.alarm(SECONDS_PER_OPERATOR)
    try:
        for sample in samples(info, dtype, options.samples):
            reason = excluded(name, sample)
            if reason is not None:
                outcomes.append({"step": "excluded", "reason": reason})
                continue
            outcome = check(
                sample,
                options.opset,
                options.dynamic,
                values=values_count(info.name, sample),
                unique=UNIQUE.get(info.name),
                in_float64=info.name in IN_FLOAT64,
            )
            outcomes.append({"step": outcome.step, "reason": outcome.reason})
    except TimeoutError:
        outcomes.append({"step": "slow", "reason": f"more than {SECONDS_PER_OPERATOR} s"})
    except Exception as error:
        outcome = Outcome("samples", f"{type(error).__name__}: {error}"[:200])
        outcomes.append({"step": outcome.step, "reason": outcome.reason})
    finally:
        signal.alarm(0)
    return name, outcomes


def _too_slow(*_: object) -> None:
    raise TimeoutError


def summary(results: dict[str, Any], seconds: float) -> None:
    tried = {name: outcomes for name, outcomes in results.items() if outcomes}
    whole = sum(_passes(outcomes) for outcomes in tried.values())
    every = [o for outcomes in tried.values() for o in outcomes]
    every = [o for o in every if o["step"] != "excluded"]
    good = sum(o["step"] == "ok" for o in every)
    print(f"\noperators {whole}/{len(tried)} = {whole / max(len(tried), 1):.1%}")
    print(f"samples   {good}/{len(every)} = {good / max(len(every), 1):.1%}   ({seconds:.0f} s)")
    print(dict(Counter(o["step"] for outcomes in tried.values() for o in outcomes)))


def _passes(outcomes: list[dict[str, Any]]) -> bool:
    """All samples that count are right, and some do count."""
    steps = {o["step"] for o in outcomes}
    return "ok" in steps and steps <= {"ok", "excluded"}


if __name__ == "__main__":
    sys.exit(main())

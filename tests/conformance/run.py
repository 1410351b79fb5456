"""The whole database: ``make conformance``.

Runs every operator's samples under each combination asked for, keeps what came out of the whole
database in out/conformance/, and writes docs/operators.md from all that is kept there. Results
kept in another folder (``--results``) have their table there. Where operators are chosen, it exits
with 1 if one of them goes wrong that docs/operators.md says is right.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from multiprocessing.pool import Pool
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from conformance import table
from conformance.check import Outcome, check_operator
from conformance.combinations import (
    ALL,
    FIRST,
    RESULTS,
    Combination,
    Outcomes,
    begin,
    begun,
    keep,
    passes,
    totals,
)
from conformance.exclusions import excluded
from conformance.samples import operators, samples

SECONDS_PER_OPERATOR = 180
SAMPLES_OF_OTHERS = 5
"""With --all, so many samples of each operator, but for the first combination: all of them."""

Job = tuple[str, Combination, int | None]


def main() -> int:
    options = arguments()
    wrong, known = False, table.marks()
    context = multiprocessing.get_context("forkserver")
    # Workers are forked with all that this module imports, and replaced as their memory grows.
    context.set_forkserver_preload(["__main__"])
    with context.Pool(options.jobs, maxtasksperchild=20) as pool:
        for combination in combinations(options):
            most = options.samples
            if options.all and most is None and combination != FIRST:
                most = SAMPLES_OF_OTHERS
            found = run(pool, combination, most, options)
            wrong = wrong or any(
                goes_wrong(outcomes) and known.get(name, {}).get(combination.title) in (None, "✓")
                for name, outcomes in found.items()
            )
    if options.update or not options.operators:
        kept_here = options.results == RESULTS
        table.write(options.results, table.PAGE if kept_here else options.results / "operators.md")
    return int(wrong and bool(options.operators))


def goes_wrong(outcomes: Outcomes) -> bool:
    """Whether a sample does anything but pass or say that it can't be exported."""
    return not {o["step"] for o in outcomes} <= {"ok", "excluded", "unsupported", "refused"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tests/conformance/run.py", description=__doc__)
    add = parser.add_argument
    add("operators", nargs="*", help="names in the database; all by default")
    add("--like", help="operators with this in their names, beside those named")
    add("--all", action="store_true", help="each combination of the table in docs/operators.md")
    add("--opset", type=int, action="append", help="20 by default; may be repeated")
    add("--dtype", action="append", help="float32 by default; may be repeated")
    add("--dynamic", action="store_true", help="with every dimension dynamic")
    add("--samples", type=int, help="at most so many of each operator")
    add("--jobs", type=int, default=os.cpu_count() or 1)
    add("--update", action="store_true", help="replace what is kept of the operators named")
    add("--results", type=Path, default=RESULTS, help="the folder to keep results in")
    add("--verbose", action="store_true", help="print operators that pass as well")
    options = parser.parse_args()
    if options.like:
        options.operators += [n for n in operators() if options.like in n.replace(".", "_")]
        if not options.operators:
            print(f"PyTorch's database has no operator like {options.like}.")
            sys.exit(0)
    return options


def combinations(options: argparse.Namespace) -> list[Combination]:
    """Those asked for: each opset with each dtype, or the table's."""
    if options.all:
        return list(ALL)
    pairs = itertools.product(options.opset or [FIRST.opset], options.dtype or [FIRST.dtype])
    return [Combination(opset, dtype, options.dynamic) for opset, dtype in pairs]


def run(
    pool: Pool, combination: Combination, most: int | None, options: argparse.Namespace
) -> dict[str, Outcomes]:
    names = [n for n in operators() if not options.operators or n in options.operators]
    jobs: list[Job] = [(name, combination, most) for name in names]
    found: dict[str, Outcomes] = {}
    started = time.time()
    if not options.operators or (options.update and not begun(options.results, combination)):
        begin(options.results, combination, most)
    for name, outcomes in pool.imap_unordered(run_operator, jobs):
        found[name] = outcomes
        if options.update or not options.operators:
            keep(options.results, combination, name, outcomes)
        if (outcomes and not passes(outcomes)) or options.verbose:
            bad = [o for o in outcomes if o["step"] not in ("ok", "excluded")]
            steps = Counter(o["step"] for o in outcomes)
            why = next((o["reason"] for o in [*bad, *outcomes]), "")
            print(f"{name:48} {dict(steps)}  {why[:150]}", flush=True)
    print(f"{combination.name}: {summary(found)}   ({time.time() - started:.0f} s)", flush=True)
    return found


def run_operator(job: Job) -> tuple[str, Outcomes]:
    name, combination, most = job
    torch.set_num_threads(1)
    info = operators()[name]
    dtype = getattr(torch, combination.dtype)
    if dtype not in info.dtypes:
        return name, []
    outcomes: Outcomes = []
    signal.signal(signal.SIGALRM, _too_slow)
    signal.alarm(SECONDS_PER_OPERATOR)
    try:
        for sample in samples(info, dtype, most):
            reason = excluded(name, sample)
            if reason is not None:
                outcomes.append({"step": "excluded", "reason": reason})
                continue
            outcome = check_operator(info, dtype, sample, combination.opset, combination.dynamic)
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


def summary(found: dict[str, Outcomes]) -> str:
    total = totals(found)
    if not total.operators[1]:
        return "PyTorch has none of them for this dtype"
    shares = [
        f"{good} of {count} {kind} ({good / max(count, 1):.1%})"
        for kind, (good, count) in (("operators", total.operators), ("samples", total.samples))
    ]
    steps = Counter(o["step"] for outcomes in found.values() for o in outcomes)
    return f"{', '.join(shares)}, {dict(steps)}"


if __name__ == "__main__":
    sys.exit(main())

"""What the newest PyTorch and ONNX change: `make next`.

Makes a fresh environment with the newest torch, onnx, onnxruntime and onnx-ir, and removes it
afterwards. There it runs the probes, the part of the tests that CI runs with each PyTorch (a model
of each kind among them) and PyTorch's operator database, and compares operators, schemas and the
database's results with what was considered so far (the lists beside this file, docs/operators.md).
Writes out/next.md, and exits with 1 where a test fails.

    python tools/next.py            all of that (--pre takes pre-releases, --keep the environment)
    python tools/next.py --compare  the comparison of schemas alone, in the environment at hand
    python tools/next.py --accept   what is there has been considered: rewrite the lists
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from conformance.table import marks  # noqa: E402 - a module of the tests, that needs nothing

ATEN = ROOT / "tools" / "aten_schemas.txt"
ONNX = ROOT / "tools" / "onnx_operators.txt"
OPERATORS = ROOT / "docs" / "operators.md"
DATABASE = ROOT / "out" / "next"
REPORT = ROOT / "out" / "next.md"
PACKAGES = ("torch", "onnx", "onnxruntime", "onnx-ir")
TESTS = (
    # The probes first, for they tell most.
    ("tests/test_compat.py", "tests/test_packaging.py", "tests/ops/test_schemas.py"),
    ("-m", "portable", "--ignore=tests/vision", "--ignore=tests/test_compat.py", "tests"),
)
SAMPLES = "2"
"""Of each operator of the database."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--environment", type=Path, default=ROOT / ".nox" / "next-releases")
    parser.add_argument("--pre", action="store_true", help="pre-releases too")
    parser.add_argument("--keep", action="store_true", help="keep the environment")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--accept", action="store_true")
    arguments = parser.parse_args()
    if arguments.accept:
        ATEN.write_text("".join(f"{line}\n" for line in aten_schemas()), encoding="utf-8")
        ONNX.write_text("".join(f"{line}\n" for line in onnx_operators()), encoding="utf-8")
        return 0
    if arguments.compare:
        print(comparison())
        return 0
    REPORT.parent.mkdir(exist_ok=True)
    try:
        python = environment(arguments.environment, arguments.pre)
        report, good = tried(python)
    finally:
        if not arguments.keep:
            shutil.rmtree(arguments.environment, ignore_errors=True)
    REPORT.write_text(report, encoding="utf-8")
    print(report)
    return 0 if good else 1


def environment(folder: Path, pre: bool) -> str:
    """The Python of a new environment with the newest of everything."""
    venv.create(folder, clear=True, with_pip=True)
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    # PyTorch brings several GB, which are not worth a place in pip's cache.
    install = [python, "-m", "pip", "install", "--quiet", "--upgrade", "--no-cache-dir"]
    subprocess.run([*install, *(["--pre"] if pre else []), *PACKAGES], check=True)
    subprocess.run([*install, "-e", f"{ROOT}[test]"], check=True)
    return python


def tried(python: str) -> tuple[str, bool]:
    """The report, and whether every test passed. The database has failures of its own: it is told
    what changed."""
    compared = ran(python, str(Path(__file__)), "--compare")
    parts, good = [compared.stdout], compared.returncode == 0
    for chosen in TESTS:
        tests = ran(python, "-m", "pytest", "-n", "logical", "-q", "--tb=line", *chosen)
        parts.append(test_report(tests.stdout))
        good = good and tests.returncode == 0
    shutil.rmtree(DATABASE, ignore_errors=True)
    database = ("tests/conformance/run.py", "--samples", SAMPLES, "--results", str(DATABASE))
    good = ran(python, *database).returncode == 0 and good
    if (DATABASE / "operators.md").exists():
        parts.append(database_report(passing(OPERATORS), passing(DATABASE / "operators.md")))
    return "\n".join(parts), good


def ran(*command: str) -> subprocess.CompletedProcess[str]:
    threads = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    return subprocess.run(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, env={**os.environ, **threads}
    )


def aten_schemas() -> list[str]:
    """Those of PyTorch's operators that a captured program may hold."""
    import torch

    schemas = torch._C._jit_get_all_schemas()
    texts = {str(schema) for schema in schemas if schema.name.startswith("aten::")}
    left_out = ("_foreach_", "_fused_", "_cudnn_", "_mps_", "_backward", "_cuda", "_mkldnn")
    return sorted(
        text
        for text in texts
        if not any(part in text.partition("(")[0] for part in left_out) and "(a!) out)" not in text
    )


def onnx_operators() -> list[str]:
    """Each version of each operator of ONNX's own domain, with what it takes."""
    import onnx.defs

    lines = []
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            inputs = " ".join(item.name for item in schema.inputs)
            lines.append(f"{schema.name} {schema.since_version}: {inputs}".strip())
    return sorted(lines, key=lambda line: (int(line.split(":")[0].split()[1]), line))


def comparison() -> str:
    """What is new, as Markdown."""
    from importlib.metadata import version

    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    parts = [f"# {versions}, Python {sys.version.split()[0]}"]
    for title, path, now in (
        ("ATen schemas", ATEN, aten_schemas()),
        ("ONNX operators", ONNX, onnx_operators()),
    ):
        before = dict(keyed(path.read_text(encoding="utf-8").splitlines()))
        after = dict(keyed(now))
        new = [after[key] for key in after if key not in before]
        gone = [before[key] for key in before if key not in after]
        changed = [
            f"{before[key]}\n    → {after[key]}"
            for key in after
            if key in before and before[key] != after[key]
        ]
        for what, lines in (("new", new), ("changed", changed), ("gone", gone)):
            parts.append(f"## {title}: {len(lines)} {what}")
            parts += [f"- `{line}`" if "\n" not in line else f"- {line}" for line in lines]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"


def keyed(lines: list[str]) -> list[tuple[str, str]]:
    """Lines by the operator that they are of: what stands before its arguments."""
    return [(line.partition("(")[0].split(": ")[0], line) for line in lines]


def test_report(output: str) -> str:
    lines = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
    last = output.strip().splitlines()[-1:] or ["no output"]
    return "\n".join([f"## Tests: {last[0].strip('= ')}", "", *(f"- {line}" for line in lines), ""])


def passing(page: Path) -> dict[str, bool]:
    """Whether each operator of a table such as docs/operators.md passes at opset 20."""
    return {name: columns["20"] == "✓" for name, columns in marks(page).items()}


def database_report(before: dict[str, bool], after: dict[str, bool]) -> str:
    """Operators that changed sides since docs/operators.md, and those new in the database."""
    worse = [name for name, good in after.items() if not good and before.get(name)]
    better = [name for name, good in after.items() if good and before.get(name) is False]
    new = [f"{name}{'' if good else ' ✗'}" for name, good in after.items() if name not in before]
    lines = [f"## Operator database: {sum(after.values())} of {len(after)} operators pass", ""]
    for what, names in (("no longer pass", worse), ("pass now", better), ("new", new)):
        lines.append(f"- {len(names)} {what}{': ' if names else ''}{', '.join(names)}")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    raise SystemExit(main())

"""What the newest PyTorch and ONNX change: `make next`.

Makes a fresh environment with the newest torch, onnx, onnxruntime and onnx-ir, runs the probes and
a part of the tests there, compares operators and schemas with what was considered so far (the
lists beside this file), and writes out/next.md. Exits with 1 where a test fails.

    python tools/next.py            all of that (--pre takes pre-releases)
    python tools/next.py --compare  the comparison alone, in the environment at hand
    python tools/next.py --accept   what is there has been considered: rewrite the lists
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ATEN = ROOT / "tools" / "aten_schemas.txt"
ONNX = ROOT / "tools" / "onnx_operators.txt"
REPORT = ROOT / "out" / "next.md"
PACKAGES = ("torch", "onnx", "onnxruntime", "onnx-ir")
# The probes first, for they tell most; then the API, each front end, extensions and schemas.
CHOSEN = (
    *("tests/test_compat.py", "tests/test_packaging.py", "tests/test_export.py"),
    *("tests/test_recording.py", "tests/test_torchscript.py", "tests/test_control_flow.py"),
    *("tests/test_custom.py", "tests/test_legacy.py", "tests/ops/test_schemas.py"),
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--environment", type=Path, default=ROOT / ".nox" / "next-releases")
    parser.add_argument("--pre", action="store_true", help="pre-releases too")
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
    python = environment(arguments.environment, arguments.pre)
    compared = subprocess.run(
        [python, __file__, "--compare"], cwd=ROOT, text=True, stdout=subprocess.PIPE
    )
    tests = subprocess.run(
        [python, "-m", "pytest", "-q", "--tb=line", *CHOSEN],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
    )
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(f"{compared.stdout}\n{test_report(tests.stdout)}", encoding="utf-8")
    print(REPORT.read_text(encoding="utf-8"))
    return int(bool(compared.returncode or tests.returncode))


def environment(folder: Path, pre: bool) -> str:
    """The Python of a new environment with the newest of everything."""
    venv.create(folder, clear=True, with_pip=True)
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--upgrade"]
    subprocess.run([*install, *(["--pre"] if pre else []), *PACKAGES], check=True)
    subprocess.run([*install, "-e", f"{ROOT}[test]"], check=True)
    return python


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


if __name__ == "__main__":
    raise SystemExit(main())

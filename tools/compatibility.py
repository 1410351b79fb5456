"""Results of the tests by PyTorch release, and docs/compatibility.md, which is made of them.

python tools/compatibility.py out/tests-2.6.xml ...  stores results of the PyTorch at hand, and
                                                     exits with 1 where a test failed
python tools/compatibility.py                        writes the page alone
"""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "tools" / "results"
PAGE = ROOT / "docs" / "compatibility.md"
PYTHON = "3.11"
"""The one that all releases are tried with."""
RELEASES = [f"2.{minor}" for minor in range(6, 16)]
PACKAGES = ("torch", "onnx", "onnxruntime", "onnx-ir", "transformers", "numpy")


def main() -> int:
    paths = [Path(name) for name in sys.argv[1:]]
    failed = store(paths) if paths else 0
    PAGE.write_text(page(), encoding="utf-8")
    return 1 if failed else 0


def store(paths: list[Path]) -> int:
    """Keep what pytest's JUnit files say, a JSON file a release, and one for each other Python.

    Returns the number of tests that failed.
    """
    parts: dict[str, Counter[str]] = {}
    skips: Counter[str] = Counter()
    for path in paths:
        for case in ElementTree.parse(path).iter("testcase"):
            name = case.get("classname", "").removeprefix("tests.")
            part = name.split(".")[0]
            skipped = case.find("skipped")
            failed = case.find("failure") is not None or case.find("error") is not None
            outcome = "failed" if failed else "skipped" if skipped is not None else "passed"
            parts.setdefault(part, Counter())[outcome] += 1
            if skipped is not None:
                skips[re.sub(r"^Skipped: ", "", skipped.get("message", ""))] += 1
    packages = {name: installed(name) for name in PACKAGES}
    release = ".".join(packages["torch"].split(".")[:2])
    found = {
        "packages": packages,
        "python": sys.version.split()[0],
        "parts": {part: dict(sorted(count.items())) for part, count in sorted(parts.items())},
        "skips": dict(sorted(skips.items())),
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(found, indent=1, ensure_ascii=False)
    python = ".".join(found["python"].split(".")[:2])
    name = release if python == PYTHON else f"{release}-python-{python}"
    (RESULTS / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    return sum(count["failed"] for count in parts.values())


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def page() -> str:
    lines = [
        "# Compatibility",
        "",
        "Made by `tools/compatibility.py` of the results in `tools/results`, which",
        "`nox -s tests-2.6` and its like store. A test is skipped where PyTorch itself lacks what",
        "it needs; the reason names the release from which it works. Others are skipped with every",
        "release.",
        "",
        "| PyTorch | Python | ONNX Runtime | passed | failed | lacking | skipped with every one |",
        "|---|---|---|---|---|---|---|",
    ]
    reasons = []
    for release in RELEASES:
        paths = [RESULTS / f"{release}.json", *sorted(RESULTS.glob(f"{release}-python-*.json"))]
        paths = [path for path in paths if path.exists()]
        if not paths:
            lines.append(f"| {release} | not run | | | | | |")
        for path in paths:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            totals: Counter[str] = Counter()
            for outcomes in found["parts"].values():
                totals.update(outcomes)
            lacking = {why: n for why, n in found["skips"].items() if why.startswith("PyTorch 2.")}
            count = sum(lacking.values())
            packages = found["packages"]
            lines.append(
                f"| {packages['torch'].partition('+')[0]} | {found['python']} "
                f"| {packages['onnxruntime']} | {totals['passed']} | {totals['failed']} "
                f"| {count} ({count / totals.total():.1%}) | {totals['skipped'] - count} |"
            )
            if path == paths[0]:
                reasons += [
                    f"- {release}, {n} {'test' if n == 1 else 'tests'}: {why}"
                    for why, n in lacking.items()
                ]
    return "\n".join([*lines, "", "## Skipped", "", *(reasons or ["Nothing."]), ""])


if __name__ == "__main__":
    raise SystemExit(main())

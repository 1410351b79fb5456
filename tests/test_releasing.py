"""What refuses a release, and the form of the changelog's fragments."""

from __future__ import annotations

import copy
import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[1]
standing = pytest.importorskip("releasing.standing", reason="runs in the repository only")

JUNIT = (
    '<testsuites><testsuite errors="1" failures="2" skipped="3" tests="400">'
    '<testcase name="a"/></testsuite></testsuites>'
)


def row(model: str, exporter: str, seconds: float, **more: Any) -> dict[str, Any]:
    return {"model": model, "exporter": exporter, "export_s": seconds, **more}


GOOD = {
    "matrix": {"2.6": {"tests": 100, "failed": 0, "skipped": 2}},
    "benchmark": standing.benchmark(
        [
            row("bert", "torch_onnx", 1.0),
            row("bert", "dynamo", 4.0),
            row("gpt2", "torch_onnx", 2.0),
            row("gpt2", "dynamo", 2.0),
        ]
    ),
}


def test_junit_files_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "2.6.xml"
    path.write_text(JUNIT)
    assert standing.counts(path) == {"tests": 400, "failed": 3, "skipped": 3}


def test_benchmarks_are_means_of_ratios() -> None:
    assert GOOD["benchmark"] == {"ratios": {"dynamo": {"export_s": 2.0}}, "right": ["bert", "gpt2"]}


def test_front_ends_are_compared_with_the_peers_that_do_their_job() -> None:
    rows = [
        row("bert", "torch_onnx", 1.0),
        row("bert", "torch_onnx_trace", 2.0),
        row("bert", "torchscript", 3.0),
        row("bert", "torchscript_script", 9.0),
    ]
    assert standing.benchmark(rows)["ratios"] == {
        "torchscript": {"export_s": 3.0},
        "torchscript / torch_onnx_trace": {"export_s": 1.5},
    }


def test_a_release_like_the_last_stands() -> None:
    assert not standing.faults(GOOD)
    assert not standing.setbacks(GOOD, GOOD, [])


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        ({"tests": 100, "failed": 1, "skipped": 0}, "PyTorch 2.6: 1 tests fail"),
        ({"tests": 100, "failed": 0, "skipped": 3}, "PyTorch 2.6: 3 of 100 are skipped"),
        ({"tests": 0, "failed": 0, "skipped": 0}, "PyTorch 2.6: no test was run"),
    ],
)
def test_faults(counts: dict[str, int], problem: str) -> None:
    assert standing.faults({**GOOD, "matrix": {"2.6": counts}}) == [problem]


def test_setbacks() -> None:
    now = copy.deepcopy(GOOD)
    now["matrix"] = {}
    now["benchmark"] = standing.benchmark(
        [row("bert", "torch_onnx", 2.2), row("bert", "dynamo", 4.0)]
    )
    assert standing.setbacks(GOOD, now, []) == [
        "PyTorch 2.6: the last release was tested with it",
        "dynamo: the ratio of export_s was 2.00, is 1.82",
        "gpt2: was exported accurately",
    ]
    assert standing.setbacks(GOOD, now, ["2.6"])[0].startswith("dynamo")


def test_tests_that_vanish_are_a_setback() -> None:
    now = {**GOOD, "matrix": {"2.6": {"tests": 90, "failed": 0, "skipped": 0}}}
    assert standing.setbacks(GOOD, now, []) == ["PyTorch 2.6: 90 tests, there were 100"]


def test_fragments_have_a_kind() -> None:
    kinds = "added|changed|deprecated|removed|fixed"
    for path in (ROOT / "changelog.d").iterdir():
        if path.name not in ("README.md", ".gitignore"):
            assert re.fullmatch(rf"\+?[\w-]+\.({kinds})\.md", path.name), path.name
            assert path.read_text("utf-8").strip()


WHERE_NOX_IS_CALLED = [
    *sorted(ROOT.glob(".github/workflows/*.yml")),
    ROOT / "Makefile",
    ROOT / "CONTRIBUTING.md",
]


@pytest.fixture(scope="module")
def sessions() -> set[str]:
    registry = pytest.importorskip("nox.registry")
    runpy.run_path(str(ROOT / "noxfile.py"))
    return set(registry.get())


@pytest.mark.parametrize("path", WHERE_NOX_IS_CALLED, ids=lambda path: path.name)
def test_sessions_that_are_called_exist(path: Path, sessions: set[str]) -> None:
    called = re.findall(r"nox -s \"?([^`\n|\"]+)", of_each_release(path.read_text("utf-8")))
    names = {name for call in called for name in call.split()}
    assert names <= sessions


def test_results_are_kept_by_release(tmp_path: Path) -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "compatibility.py"))
    junit = tmp_path / "tests.xml"
    junit.write_text(
        '<testsuites><testsuite><testcase classname="tests.ops.test_a" name="a"/>'
        '<testcase classname="tests.test_b" name="b"><failure/></testcase>'
        '<testcase classname="tests.test_b" name="c"><skipped message="PyTorch 2.9: no x before"/>'
        "</testcase></testsuite></testsuites>"
    )
    tool["store"].__globals__.update(RESULTS=tmp_path, RELEASES=[torch_release()])
    assert tool["store"]([junit]) == 1
    (kept,) = tmp_path.glob("*.json")
    found = json.loads(kept.read_text("utf-8"))
    assert found["parts"] == {"ops": {"passed": 1}, "test_b": {"failed": 1, "skipped": 1}}
    assert "| 1 | 1 | 1 (33.3%) | 0 |" in tool["page"]()
    assert f"- {torch_release()}, 1 test: PyTorch 2.9: no x before" in tool["page"]()


def test_the_next_release_is_held_against_the_table() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "next.py"))
    before = tool["passing"](ROOT / "docs" / "operators.md")
    assert before["add"]
    assert not before["jiterator_unary"]
    after = {**before, "add": False, "jiterator_unary": True, "added": True, "refused": False}
    told = tool["database_report"](before, after).splitlines()
    assert told[2:] == [
        "- 1 no longer pass: add",
        "- 1 pass now: jiterator_unary",
        "- 2 new: added, refused ✗",
    ]


def torch_release() -> str:
    return ".".join(torch.__version__.split(".")[:2])


def of_each_release(workflow: str) -> str:
    """The workflow with each session of its matrix spelled out."""
    found = re.search(r"torch: (\[.*?\])", workflow)
    releases = json.loads(found[1]) if found else []
    spelled = (
        [line.replace("${{ matrix.torch }}", release) for release in releases]
        if "matrix.torch" in line
        else [line]
        for line in workflow.splitlines()
    )
    return "\n".join(line for lines in spelled for line in lines)

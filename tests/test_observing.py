"""Profiles, verification, explanations, reports and progress."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import torch_onnx
from torch_onnx.errors import VerificationError
from torch_onnx.generate import DynamicSizes, Samples, evaluate, resized
from torch_onnx.graph import Dim


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(torch.relu(self.linear(x)))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(), Block())

    def forward(self, x: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        return self.blocks(x) + shift[:, None]


EXAMPLE = (torch.randn(2, 4), torch.tensor([1, 3]))
BATCH = {"x": {0: "batch"}, "shift": {0: "batch"}}


@pytest.fixture(scope="module")
def detailed() -> torch_onnx.ONNXProgram:
    return torch_onnx.export(
        Net().eval(), EXAMPLE, dynamic_shapes=BATCH, profile=True, verify=True, progress=False
    )


# Profiles.


def test_stages_and_passes_are_timed_with_their_nodes(detailed: torch_onnx.ONNXProgram) -> None:
    plain = torch_onnx.export(Net().eval(), EXAMPLE).profile
    names = [stage.name for stage in plain.stages]
    assert names == ["capture", "functionalize", "translate", "tidy"]
    tidy = plain.stages[-1]
    assert tidy.inside[0].name == "remove-unused"
    assert tidy.inside[0].nodes_before == plain.stages[2].nodes
    assert tidy.inside[-1].nodes == tidy.nodes
    assert sum(step.seconds for step in tidy.inside) <= tidy.seconds
    assert not plain.by_operator()
    assert not plain.by_module("capture")


def test_detailed_profile_has_modules_and_operators(detailed: torch_onnx.ONNXProgram) -> None:
    profile = detailed.profile
    operators = {name: count for name, count, _ in profile.by_operator()}
    assert operators["aten::linear"] == 2
    assert operators["aten::layer_norm"] == 2
    translated = {name for name, _, _ in profile.by_module()}
    captured = {name for name, _, _ in profile.by_module("capture")}
    assert {"blocks.0.linear", "blocks.1.norm"} <= translated & captured
    seconds = {stage.name: stage.seconds for stage in profile.stages}
    assert 0 < sum(s for *_, s in profile.by_operator()) <= seconds["translate"]
    # Modules have their own seconds only, so that nothing counts twice.
    assert 0 < sum(s for *_, s in profile.by_module("capture")) <= seconds["capture"]
    text = profile.table()
    assert "aten::linear" in text
    assert "blocks.1.norm" in text
    json.dumps(profile.to_dict())


def test_trace_is_what_chrome_reads(detailed: torch_onnx.ONNXProgram, tmp_path: Path) -> None:
    events = json.loads(detailed.profile.trace(tmp_path / "t.json").read_text())["traceEvents"]
    complete = [event for event in events if event["ph"] == "X"]
    assert {event["cat"] for event in complete} == {"stage", "pass", "module", "operator"}
    translate = next(event for event in complete if event["name"] == "translate")
    for event in complete:
        assert event["dur"] >= 0
        if event["cat"] == "operator":
            assert translate["ts"] <= event["ts"] <= translate["ts"] + translate["dur"]


def test_flame_graph_stands_alone(detailed: torch_onnx.ONNXProgram, tmp_path: Path) -> None:
    text = detailed.profile.flame_graph(tmp_path / "flame.html").read_text(encoding="utf-8")
    assert "://" not in text
    bars = re.findall(r'data-left="([\d.]+)" data-width="([\d.]+)"', text)
    assert len(bars) > 8
    assert all(float(left) + float(width) < 1.0001 for left, width in bars)


def test_profiles_are_compared_stage_by_stage(detailed: torch_onnx.ONNXProgram) -> None:
    other = torch_onnx.export(Net().eval(), EXAMPLE, optimize=False)
    comparison = torch_onnx.profile.compare(detailed.profile, other.profile)
    rows = {row.name: row for row in comparison.rows}
    assert rows["capture"].ratio == pytest.approx(
        other.profile.stages[0].seconds / detailed.profile.stages[0].seconds
    )
    assert rows["verify"].b is None
    assert rows["  fuse-rotary"].b is None
    assert "b / a" in str(comparison)


# Progress.


def test_callback_hears_stages_modules_and_counts() -> None:
    heard: list[Any] = []
    torch_onnx.export(Net().eval(), EXAMPLE, verify=True, progress=heard.append)
    stages = list(dict.fromkeys(progress.stage for progress in heard))
    assert stages == ["capture", "functionalize", "translate", "tidy", "verify"]
    assert "blocks.0.norm" in {p.module for p in heard if p.stage == "capture"}
    last = [p for p in heard if p.stage == "translate"][-1]
    assert last.done == last.total - 1


def test_nothing_is_shown_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    torch_onnx.export(Net().eval(), EXAMPLE)
    assert capfd.readouterr() == ("", "")


def test_bar_appears_in_a_terminal_when_it_takes_long() -> None:
    script = """
        import time, torch, torch_onnx
        from torch_onnx import progress
        progress.SHOWN_AFTER_SECONDS = 0.0
        class Slow(torch.nn.Module):
            def forward(self, x):
                time.sleep(0.3)
                return x + 1
        torch_onnx.export(torch.nn.Sequential(Slow(), Slow()), (torch.ones(2),))
    """
    import os
    import pty
    import textwrap

    master, slave = pty.openpty()
    run = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(master)
    assert run.wait() == 0
    assert b"capture" in shown


# Verification.


def test_dynamic_dims_are_tried_at_two_other_sizes(detailed: torch_onnx.ONNXProgram) -> None:
    told = detailed.verification
    assert told is not None
    assert told.is_checked
    assert len(told.sizes["batch"]) >= 2
    assert 2 not in told.sizes["batch"]
    assert {row.inputs for row in told.outputs} >= {"example"}
    assert len(told.outputs) == 1 + len(told.sizes["batch"])
    assert "tolerance" in told.table()
    json.dumps(told.to_dict())


def test_size_that_stays_in_the_model_is_found() -> None:
    table = {"aten::relu": lambda g, self: g.Expand(g.Relu(g.Slice(self, [0], [1], [0])), [2, 4])}
    program = torch_onnx.export(
        nn.ReLU(), (torch.ones(2, 4),), dynamic_shapes={"input": {0: "n"}},
        custom_translation_table=table,
    )  # fmt: skip
    with pytest.raises(VerificationError) as caught:
        program.verify()
    assert {m.inputs for m in caught.value.mismatches} == {"n=3", "n=4"}
    assert "shape (2, 4), PyTorch has (3, 4)" in str(caught.value)


def test_sizes_that_pytorch_refuses_are_skipped_and_told() -> None:
    class Pairs(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.reshape(-1, 2).sum(1)

    program = torch_onnx.export(Pairs(), (torch.randn(4),), dynamic_shapes={"x": {0: "n"}})
    told = program.verify()
    assert all(size % 2 == 0 for size in told.sizes["n"])
    assert len(told.sizes["n"]) >= 2
    assert "RuntimeError" in told.skipped["n=5"]


def test_ranges_are_kept_to() -> None:
    class Plus(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

    dim = torch.export.Dim("n", min=3, max=5)
    program = torch_onnx.export(Plus(), (torch.randn(4),), dynamic_shapes={"x": {0: dim}})
    assert program.verify().sizes == {"n": [3, 5]}


def test_dims_that_follow_from_others_do() -> None:
    shapes = [(Dim("n"), 3), (Dim("2*n + 1"),), (Dim("m"),)]
    sizes = DynamicSizes(shapes, {"m": "n + 2"})
    tensors = [torch.randn(4, 3), torch.randn(9), torch.arange(6)]
    for sample in Samples(sizes, tensors):
        n = sample.sizes["n"]
        assert [tuple(t.shape) for t in sample.tensors] == [(n, 3), (2 * n + 1,), (n + 2,)]
        break
    assert sizes.free() == ["n"]
    assert evaluate("2*n + m//3", {"n": 4, "m": 7}) == 10
    assert evaluate("__import__('os')", {}) is None


def test_generated_elements_are_like_the_example() -> None:
    ids = torch.tensor([[5, 9, 7]])
    assert set(resized(ids, (4, 8)).flatten().tolist()) == {5, 9, 7}
    mask = torch.tensor([True, True])
    assert resized(mask, (5,)).all()
    chances = torch.rand(100)
    made = resized(chances, (300,), torch.Generator().manual_seed(0))
    assert made.min() >= 0
    assert made.max() <= 1
    assert made.unique().numel() > 200
    half = resized(torch.randn(3, dtype=torch.float16), (6,))
    assert half.dtype == torch.float16


# Explanations.


@torch.library.custom_op("observing::mystery", mutates_args=())
def mystery(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


@mystery.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


class Branching(nn.Module):
    def forward(self, x: torch.Tensor, unused: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            x = x + 1
        return mystery(x).sin()


def test_explanation_says_what_stands_in_the_way(tmp_path: Path) -> None:
    told = torch_onnx.explain(
        Branching(), (torch.ones(3, 4), torch.ones(1)), dynamic_shapes={"x": {0: "batch"}}
    )
    assert not told.can_be_exported
    assert told.strategy == "trace"
    assert {s.name: s.works for s in told.strategies} == {
        "record": False, "export": False, "trace": True,
    }  # fmt: skip
    assert [o.name for o in told.missing] == ["observing::mystery"]
    assert told.unused_inputs == ["unused"]
    assert [frame.code for frame, _ in told.data_dependent] == ["if x.sum() > 0:"]
    assert [(d.name, d.status) for d in told.dims] == [("batch", "dynamic")]
    json.dumps(told.to_dict())
    assert "mystery(x)" in told.save(tmp_path / "e.html").read_text(encoding="utf-8")
    assert told.save(tmp_path / "e.md").read_text(encoding="utf-8") == told.markdown()


def test_explanation_names_the_line_that_fixes_a_dim() -> None:
    class Fixed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.view(3, 4) * 2

    told = torch_onnx.explain(Fixed(), (torch.ones(3, 4),), dynamic_shapes={"x": {0: "batch"}})
    assert not told.can_be_exported
    dim = told.dims[-1]
    assert dim.status.startswith("fixed to 3")
    assert dim.frame is not None
    assert dim.frame.code == "return x.view(3, 4) * 2"


def test_explanation_of_what_can_be_exported_estimates_its_size() -> None:
    told = torch_onnx.explain(Net().eval(), EXAMPLE, dynamic_shapes=BATCH, strategies=["record"])
    assert told.can_be_exported
    assert told.weight_bytes == 2 * 4 * (16 + 4 + 4 + 4)
    assert {o.status for o in told.operators} == {"translated"}


def test_captured_programs_are_explained_as_they_are() -> None:
    script = torch.jit.trace(Net().eval(), EXAMPLE)
    told = torch_onnx.explain(script, EXAMPLE)
    assert [s.name for s in told.strategies] == ["script"]
    assert told.can_be_exported
    program = torch.export.export(Net().eval(), EXAMPLE)
    told = torch_onnx.explain(program)
    assert [s.name for s in told.strategies] == ["export"]
    assert told.can_be_exported


# Reports.


def test_report_has_all_parts(detailed: torch_onnx.ONNXProgram, tmp_path: Path) -> None:
    text = detailed.report(tmp_path / "r.md")
    assert (tmp_path / "r.md").read_text(encoding="utf-8") == text
    for part in ("## Modules", "blocks", "| LayerNormalization | 2 |", "blocks.0.linear.weight",
                 "## Dynamic dims", "batch", "## Verification", "capture"):  # fmt: skip
        assert part in text


def test_export_writes_its_report(tmp_path: Path) -> None:
    torch_onnx.export(Net().eval(), EXAMPLE, report=tmp_path / "r.html")
    assert "blocks" in (tmp_path / "r.html").read_text(encoding="utf-8")


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the viewer was not tried in a browser")
def test_viewer_in_a_browser(detailed: torch_onnx.ONNXProgram, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    detailed.report(path, run=True)

    text = path.read_text(encoding="utf-8")
    assert "<link" not in text  # nothing is loaded
    assert not re.search(r"""(src|href)=["'](?!#)""", text)
    plain = dom_of(path.as_uri(), tmp_path)
    assert 'data-ready="yes"' in plain  # the script ran to its end
    assert is_open(plain, "") is True
    assert is_open(plain, "blocks.1") is False

    # Finding a node unfolds the modules around it and leaves out the others.
    found = dom_of(path.as_uri() + "?find=/1/linear", tmp_path)
    assert is_open(found, "blocks.1") is True
    assert is_open(found, "blocks.1.linear") is True
    assert re.search(r'class="module absent" data-module="blocks.0"', found)
    assert re.search(r"\d node.*ms", found)
    assert "self.linear(x)" in found or "F.linear" in found or "torch.relu" in found

    # A link to a node shows it.
    index = re.search(r'<details class="node" id="(node\d+)"><summary><span class="operator">Relu',
                      plain)  # fmt: skip
    assert index is not None
    linked = dom_of(f"{path.as_uri()}#{index[1]}", tmp_path)
    assert re.search(rf'<details class="node" id="{index[1]}" open', linked)


def dom_of(address: str, folder: Path) -> str:
    """The page as the browser has it after its script has run."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom", address]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


def is_open(dom: str, module: str) -> bool:
    tag = re.search(rf'<details class="module[^"]*" data-module="{re.escape(module)}"[^>]*>', dom)
    assert tag is not None
    return " open" in tag[0]

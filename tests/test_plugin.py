"""Installed packages offer translations by their entry point."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import torch_onnx
from torch_onnx import custom, errors

PLUGIN = Path(__file__).parent / "plugin"
X = torch.randn(2, 3)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The plugin as an installer leaves it: the package on the path, its metadata beside."""
    (tmp_path / "acme_onnx").symlink_to(PLUGIN / "acme_onnx")
    metadata = tmp_path / "acme_onnx_plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: acme-onnx-plugin\nVersion: 1.0\n"
    )
    project = (PLUGIN / "pyproject.toml").read_text("utf-8")
    assert '[project.entry-points."torch_onnx.ops"]\nacme = "acme_onnx:table"' in project
    (metadata / "entry_points.txt").write_text("[torch_onnx.ops]\nacme = acme_onnx:table\n")
    monkeypatch.syspath_prepend(tmp_path)
    custom._installed.cache_clear()
    yield metadata
    custom._installed.cache_clear()
    sys.modules.pop("acme_onnx", None)


class Model(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        return torch.ops.acme_plugin.swiglu(x, x + 1)


def test_an_installed_package_translates_its_operators(installed: Path) -> None:
    import acme_onnx  # noqa: F401 - its operators are loaded by whoever uses them

    program = torch_onnx.export(Model(), (X,))
    assert [f"{n.domain}::{n.op_type}" for n in program.model.graph][-1] == "com.acme::SwiGlu"
    silu = torch.nn.functional.silu
    reference = {"com.acme::SwiGlu": lambda x, gate: x * silu(gate)}
    assert not program.verify(reference_ops=reference).mismatches
    # A user's own translation goes before it.
    mine = {"acme_plugin::swiglu": lambda g, x, gate: g.Mul(x, gate)}
    own = torch_onnx.export(Model(), (X,), custom_translation_table=mine)
    assert [n.op_type for n in own.model.graph] == ["Add", "Mul"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (
            "acme_onnx:translate_swiglu",
            "The entry point acme = acme_onnx:translate_swiglu in 'torch_onnx.ops' is a function, "
            "not a torch_onnx.OpTable.",
        ),
        (
            "no_such_package:table",
            "The package with the entry point acme = no_such_package:table in 'torch_onnx.ops' "
            "can't be loaded: ModuleNotFoundError: No module named 'no_such_package'",
        ),
    ],
)
def test_a_broken_package_is_named(installed: Path, target: str, words: str) -> None:
    (installed / "entry_points.txt").write_text(f"[torch_onnx.ops]\nacme = {target}\n")
    with pytest.raises(errors.ExportError) as caught:
        torch_onnx.export(torch.nn.Identity(), (X,))
    assert str(caught.value) == words

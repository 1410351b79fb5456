"""Every example of the documentation is a program that runs, and every link leads somewhere."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from releases import needs
from torch_onnx import errors

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
WITH_CODE = [
    *(page for page in PAGES if "```python" in page.read_text("utf-8")),
    ROOT / "README.md",
]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT).with_suffix(""))


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.stem == "control_flow":
        needs("2.7", "its torch.export has no while_loop within")
    monkeypatch.chdir(tmp_path)  # for what examples write
    text = page.read_text("utf-8")
    if "import torch.ao.quantization" in text:
        # PyTorch means to move it to torchao.
        pytest.importorskip("torch.ao.quantization")
    namespace = {"__name__": f"docs_{page.stem}"}
    for match in BLOCK.finditer(text):
        if match[1] != "python":
            continue
        # Blank lines before, so that an error names the line of the page.
        before = text.count("\n", 0, match.start(2))
        code = compile("\n" * before + match[2], str(page), "exec")
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)
            # PyTorch's own, of what goes on being exported.
            warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated")
            exec(code, namespace)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_stay_within_the_pages(page: Path) -> None:
    """The site has these pages alone, so other files of the repository are named, not linked."""
    for target in LINK.findall(prose(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.is_relative_to(DOCS.resolve()), target
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other), target


def test_each_page_is_in_the_navigation() -> None:
    listed = re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text("utf-8"))
    decisions = {str(p.relative_to(DOCS)) for p in DOCS.glob("decisions/0*.md")}
    assert sorted(listed) == sorted({str(p.relative_to(DOCS)) for p in PAGES} - decisions)


def test_each_error_has_an_anchor() -> None:
    known = {name for name, kind in vars(errors).items() if is_own_class(kind)}
    found = re.findall(r"^## (\w+)$", (DOCS / "errors.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(found) == sorted(known)


def is_own_class(kind: object) -> bool:
    return isinstance(kind, type) and kind.__module__ == errors.__name__


def prose(page: Path) -> str:
    return BLOCK.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that mkdocs makes of headings: lower case, words joined by hyphens."""
    return set(_anchors(prose(page)))


def _anchors(text: str) -> Iterator[str]:
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        words = re.sub(r"[^\w\s-]", "", heading).strip().lower()
        yield re.sub(r"[\s-]+", "-", words)

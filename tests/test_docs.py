"""Every example of the documentation is a program that runs."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs" / "extending"
PAGES = sorted(path for path in DOCS.glob("*.md") if "```python" in path.read_text("utf-8"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_examples_run(page: Path) -> None:
    text = page.read_text("utf-8")
    namespace = {"__name__": f"docs_{page.stem}"}
    for match in BLOCK.finditer(text):
        # Blank lines before, so that an error names the line of the page.
        before = text.count("\n", 0, match.start(1))
        code = compile("\n" * before + match[1], str(page), "exec")
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)
            exec(code, namespace)


def test_links_lead_somewhere() -> None:
    for page in DOCS.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"

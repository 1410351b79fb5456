"""A flame graph in one HTML file, which loads nothing from anywhere."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch_onnx.profile.stages import Profile, Stage

# Below this share of the whole a bar can't be seen.
SMALLEST_SHARE = 0.0005
ROW = 22
COLOURS = {"all": "#d8d8d8", "stage": "#f4a259", "pass": "#f7c59f", "module": "#8cb369",
           "operator": "#5b8e9b"}  # fmt: skip

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 13px system-ui, sans-serif; margin: 1.5em; }}
#graph {{ position: relative; height: {height}px; }}
.bar {{ position: absolute; height: 20px; line-height: 20px; overflow: hidden; white-space: nowrap;
  border-radius: 2px; box-sizing: border-box; padding: 0 3px; cursor: pointer; font-size: 12px; }}
.bar:hover, .bar:focus {{ outline: 2px solid #222; z-index: 2; }}
.hidden {{ display: none; }}
</style></head><body>
<h1>{title}</h1>
<p id="detail">Click on a bar to see it alone, on the lowest one to see all again.</p>
<div id="graph">
{bars}
</div>
<script>
"use strict";
const bars = [...document.querySelectorAll(".bar")];
const place = (from, width) => {{
  for (const bar of bars) {{
    const left = (bar.dataset.left - from) / width, size = bar.dataset.width / width;
    const seen = left < 0.99999 && left + size > 0.00001;
    bar.classList.toggle("hidden", !seen);
    const start = Math.max(left, 0);
    bar.style.left = 100 * start + "%";
    bar.style.width = 100 * (Math.min(left + size, 1) - start) + "%";
  }}
}};
for (const bar of bars) {{
  const show = () => {{
    document.getElementById("detail").textContent = bar.title;
    place(Number(bar.dataset.left), Number(bar.dataset.width));
  }};
  bar.addEventListener("click", show);
  bar.addEventListener("keydown", event => {{ if (event.key === "Enter") show(); }});
}}
place(0, 1);
</script></body></html>
"""


@dataclass(slots=True)
class Bar:
    """A bar: its own seconds (where none are given, those of its parts), and what is above it."""

    name: str
    kind: str
    seconds: float = 0.0
    parts: dict[str, Bar] = field(default_factory=dict)

    def part(self, name: str, kind: str) -> Bar:
        return self.parts.setdefault(name, Bar(name, kind))

    @property
    def total(self) -> float:
        return max(self.seconds, sum(part.total for part in self.parts.values()))


def bars_of(profile: Profile) -> Bar:
    """The export as a tree: stages, their passes, the modules and operators within them."""
    whole = Bar("export", "all", profile.seconds)
    for stage in profile.stages:
        _add_stage(whole, stage, "stage")
    captured = whole.parts.get("capture")
    if captured is not None:
        for module in profile.modules:
            _module(captured, module.module).seconds += module.own_seconds
        _sum_up(captured)
    translated = whole.parts.get("translate")
    if translated is not None:
        for call in profile.calls:
            _module(translated, call.module).part(call.operator, "operator").seconds += call.seconds
    return whole


def _add_stage(parent: Bar, stage: Stage, kind: str) -> None:
    bar = parent.part(stage.name, kind)
    bar.seconds += stage.seconds
    for step in stage.inside:
        _add_stage(bar, step, "pass")


def _module(bar: Bar, path: str) -> Bar:
    for part in path.split(".") if path else ():
        bar = bar.part(part, "module")
    return bar


def _sum_up(bar: Bar) -> None:
    """Modules have their own seconds only: add those of the modules within, below the stage."""
    for part in bar.parts.values():
        _sum_up(part)
        part.seconds += sum(inner.seconds for inner in part.parts.values())


def write(profile: Profile, path: str | PathLike[str]) -> Path:
    whole = bars_of(profile)
    lines: list[str] = []
    depth = _draw(whole, 0.0, 0, whole.total or 1.0, lines)
    title = f"torch_onnx export: {whole.total:.3f} s"
    text = PAGE.format(title=title, height=ROW * (depth + 1), bars="\n".join(lines))
    target = Path(path)
    target.write_text(text, encoding="utf-8")
    return target


def _draw(bar: Bar, left: float, level: int, whole: float, lines: list[str]) -> int:
    """Write the bar and what is above it; the highest level used."""
    share = bar.total / whole
    if level and share < SMALLEST_SHARE:
        return level
    text = html.escape(bar.name)
    told = html.escape(f"{bar.name}: {1e3 * bar.total:.1f} ms, {100 * share:.1f} %", quote=True)
    lines.append(
        f'<div class="bar" tabindex="0" title="{told}" data-left="{left:.6f}" '
        f'data-width="{share:.6f}" style="top:{ROW * level}px;background:{COLOURS[bar.kind]}">'
        f"{text}</div>"
    )
    deepest = level
    for part in bar.parts.values():
        deepest = max(deepest, _draw(part, left, level + 1, whole, lines))
        left += part.total / whole
    return deepest

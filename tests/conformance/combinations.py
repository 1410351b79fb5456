"""Opset, dtype and dynamic dims under which the database is run, and where results are kept."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parents[2] / "out" / "conformance"
OPSETS = (11, 13, 17, 18, 20, 23, 26, 28)
DTYPES = ("float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool", "complex64")


@dataclass(frozen=True, slots=True)
class Combination:
    """One column of the table."""

    opset: int = 20
    dtype: str = "float32"
    dynamic: bool = False

    @property
    def name(self) -> str:
        return f"{self.opset}-{self.dtype}{'-dynamic' * self.dynamic}"

    @property
    def title(self) -> str:
        """What sets it apart from float32 with static shapes at opset 20."""
        parts = [self.dtype] * (self.dtype != "float32") + ["dynamic"] * self.dynamic
        if self.opset != 20 or not parts:
            parts.insert(0, str(self.opset))
        return " ".join(parts)


FIRST = Combination()
"""What is run unless anything else is asked for."""
ALL = (
    *(Combination(opset) for opset in OPSETS),
    Combination(dynamic=True),
    *(Combination(dtype=dtype) for dtype in DTYPES),
)
"""The table's columns: each opset, then at opset 20 dynamic dims and each other dtype."""

Outcomes = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Results:
    """What came out of a combination: the outcome of every sample, by operator.

    ``samples`` is how many of each operator were tried at most, None where all of them were.
    """

    combination: Combination
    samples: int | None
    versions: dict[str, str]
    operators: dict[str, Outcomes]


def begin(folder: Path, combination: Combination, samples: int | None) -> None:
    """Begin the file of a combination anew: a line that says what is run, then one an operator."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {**asdict(combination), "samples": samples, "versions": versions()}
    _path(folder, combination).write_text(json.dumps(head) + "\n", encoding="utf-8")


def begun(folder: Path, combination: Combination) -> bool:
    """Whether there are results of the combination."""
    return _path(folder, combination).exists()


def keep(folder: Path, combination: Combination, name: str, outcomes: Outcomes) -> None:
    """Add an operator's outcomes to the file, in place of those that it has already."""
    with _path(folder, combination).open("a", encoding="utf-8") as file:
        file.write(json.dumps({name: outcomes}) + "\n")


def _path(folder: Path, combination: Combination) -> Path:
    return folder / f"{combination.name}.jsonl"


def read(path: Path) -> Results:
    head, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    combination = Combination(head["opset"], head["dtype"], head["dynamic"])
    operators = {name: outcomes for line in lines for name, outcomes in line.items()}
    return Results(combination, head["samples"], head["versions"], operators)


def versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("torch", "onnx", "onnxruntime")}


def read_all(folder: Path) -> list[Results]:
    """The results in a folder, in the order of the table's columns."""
    kept = [read(path) for path in folder.glob("*.jsonl")]
    order = {combination: place for place, combination in enumerate(ALL)}
    return sorted(kept, key=lambda r: (order.get(r.combination, len(order)), r.combination.name))


def passes(outcomes: Outcomes) -> bool:
    """All samples that count are right, and some do count."""
    steps = {outcome["step"] for outcome in outcomes}
    return "ok" in steps and steps <= {"ok", "excluded"}


@dataclass(frozen=True, slots=True)
class Totals:
    """Operators that pass of those that have the dtype, and samples that pass of those counted."""

    operators: tuple[int, int]
    samples: tuple[int, int]


def totals(operators: dict[str, Outcomes]) -> Totals:
    tried = [outcomes for outcomes in operators.values() if outcomes]
    counted = [o["step"] for outcomes in tried for o in outcomes if o["step"] != "excluded"]
    return Totals((sum(map(passes, tried)), len(tried)), (counted.count("ok"), len(counted)))

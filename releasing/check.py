"""Build the wheel and the sdist, and try them: ``make release-check``.

1. Build both into ``dist/``; build them once more and compare the bytes. The second wheel comes
   from the tree, the first from the sdist, so what the sdist lacks shows as well.
2. Check the metadata, and that both name the same version.
3. Install the wheel into a fresh environment, and export, save, run and verify a model there.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

ROOT = Path(__file__).parents[1]
SMOKE = Path(__file__).with_name("smoke.py")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m releasing.check", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument(
        "--borrow",
        action="store_true",
        help="take the dependencies of this environment, not those of the index",
    )
    parser.add_argument("--version", help="what the files must be, as the tag says: v0.2.0")
    options = parser.parse_args()
    shutil.rmtree(options.output, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        build(options.output)
        again = Path(scratch, "again")
        build(again, "--sdist", "--wheel")
        problems = differences(options.output, again)
        wheel = next(options.output.glob("*.whl"))
        problems += wrong_metadata(wheel, options.version)
        if problems:
            print(*problems, sep="\n")
            return 1
        run(sys.executable, "-m", "twine", "check", "--strict", *options.output.iterdir())
        smoke(wheel, Path(scratch, "fresh"), borrow=options.borrow)
    for path in sorted(options.output.iterdir()):
        print(hashlib.sha256(path.read_bytes()).hexdigest(), path.relative_to(Path.cwd()))
    return 0


def run(*command: object, cwd: Path = ROOT, **environment: str) -> None:
    subprocess.run(
        [str(part) for part in command], check=True, cwd=cwd, env={**os.environ, **environment}
    )


def build(folder: Path, *kinds: str) -> None:
    """Build into a folder; the files' times are the commit's."""
    commit = ["git", "log", "-1", "--format=%ct"]
    seconds = subprocess.run(commit, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    epoch = os.environ.get("SOURCE_DATE_EPOCH", seconds.strip())
    run(sys.executable, "-m", "build", *kinds, "--outdir", folder, ROOT, SOURCE_DATE_EPOCH=epoch)


def differences(first: Path, second: Path) -> list[str]:
    """What two builds don't have alike."""
    names = sorted({path.name for folder in (first, second) for path in folder.iterdir()})
    return [
        f"{name}: two builds of one commit differ"
        for name in names
        if not (first / name).exists()
        or not (second / name).exists()
        or (first / name).read_bytes() != (second / name).read_bytes()
    ]


def wrong_metadata(wheel: Path, tag: str | None) -> list[str]:
    """What is wrong with a wheel's files and metadata."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        where = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(where))
    problems = []
    strangers = {name.split("/")[0] for name in names} - {"torch_onnx", where.split("/")[0]}
    if strangers:
        problems.append(f"{wheel.name} has {', '.join(sorted(strangers))} beside the package")
    if "torch_onnx/py.typed" not in names:
        problems.append(f"{wheel.name} lacks torch_onnx/py.typed")
    if tag is not None and metadata["Version"] != tag.removeprefix("v"):
        problems.append(f"{wheel.name} is {metadata['Version']}, the tag is {tag}")
    return problems


def smoke(wheel: Path, folder: Path, *, borrow: bool) -> None:
    """Export a model with the installed wheel, away from the repository."""
    venv.create(folder, with_pip=True)
    # -I: nothing of PYTHONPATH or of this folder is found in there.
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if borrow:
        run(python, "-I", "-m", "pip", "install", "--quiet", "--no-deps", wheel)
        # Comes after the fresh environment's own packages, and its .pth files are not read: this
        # project's editable installation is not found there.
        paths = {"base": str(folder), "platbase": str(folder)}
        own = Path(sysconfig.get_path("purelib", "venv", vars=paths))
        (own / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    else:
        run(python, "-I", "-m", "pip", "install", "--quiet", f"{wheel}[verify]")
    run(python, "-I", SMOKE, cwd=folder)


if __name__ == "__main__":
    sys.exit(main())

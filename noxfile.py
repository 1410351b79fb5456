"""Sessions that need another environment than the one `make` sets up.

nox -s tests-2.6      all tests but tests/vision with a PyTorch, and their results for the docs
nox -s tests-newest   the same with the newest; tests-pre: with the newest of pre-releases
nox -s part-2.6       the part of them that CI runs with the oldest and the newest (part-newest)
nox -s vision         torchvision's and timm's models with the newest PyTorch
nox -s next           what a new PyTorch or ONNX changes: tools/next.py

The PyTorch on PyPI for Linux brings some 5 GB of CUDA libraries, so that an environment is removed
once its session is over, but for one with arguments of yours: `nox -s tests-2.6 -- -k gelu`.
`nox -s tests-newest -P 3.13` takes another Python.
"""

import contextlib
import shutil
from collections.abc import Iterator, Sequence

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["tests-2.13"]
nox.options.reuse_existing_virtualenvs = True

RELEASES = [f"2.{minor}" for minor in range(6, 16)]
# One thread per process: the tests run in parallel already.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def _sessions(release: str) -> None:
    """All tests, and the part that CI runs, with one PyTorch."""

    @nox.session(name=f"tests-{release}")
    def tests(session: nox.Session) -> None:
        """Everything but tests/vision."""
        with _pytorch(session, release):
            if session.posargs or release == "pre":
                _pytest(session, "--ignore=tests/vision", "tests")
                return
            results = f"out/tests-{release}.xml"
            chosen = (f"--junitxml={results}", "--ignore=tests/vision", "tests")
            _pytest(session, *chosen, success_codes=[0, 1])  # failures are results, too
            session.run("python", "tools/compatibility.py", results)  # ends the session then

    @nox.session(name=f"part-{release}")
    def part(session: nox.Session) -> None:
        """What tests/conftest.py chooses."""
        with _pytorch(session, release):
            _pytest(session, "-m", "portable", "--ignore=tests/vision", "tests")


for _release in (*RELEASES, "newest", "pre"):
    _sessions(_release)


@nox.session
def vision(session: nox.Session) -> None:
    """tests/vision: torchvision is built for one PyTorch each, so the three come in one request."""
    session.install("torch", "torchvision", "timm")
    session.install("-e", ".[test]")
    _pytest(session, "tests/vision")


@nox.session(name="next", venv_backend="none")
def next_releases(session: nox.Session) -> None:
    """In an environment of its own, which tools/next.py makes afresh."""
    session.run("python3", "tools/next.py", *session.posargs)


@contextlib.contextmanager
def _pytorch(session: nox.Session, release: str) -> Iterator[None]:
    """The session's environment with a PyTorch, which goes first: nothing else chooses it."""
    wanted = {"newest": ["torch"], "pre": ["--pre", "torch"]}
    try:
        # Several GB that hardly any other session needs are not worth a place in pip's cache.
        session.install("--no-cache-dir", *wanted.get(release, [f"torch=={release}.*"]))
        session.install(".[test]")  # the wheel, as users have it
        yield
    finally:
        if not session.posargs:
            shutil.rmtree(session.virtualenv.location, ignore_errors=True)


def _pytest(session: nox.Session, *default: str, success_codes: Sequence[int] = (0,)) -> None:
    session.run(
        *("python", "-m", "pytest", "-n", "logical", "--dist", "worksteal"),
        *(session.posargs or default),
        env=ENVIRONMENT,
        success_codes=success_codes,
    )

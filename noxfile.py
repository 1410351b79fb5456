"""Sessions that need another environment than the one `make` sets up.

nox -s tests-2.6      all tests but tests/vision with a PyTorch, and their results for the docs
nox -s tests-newest   the same with the newest
nox -s vision         torchvision's and timm's models with the newest PyTorch
nox -s next           what a new PyTorch or ONNX changes: tools/next.py
"""

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["tests-2.13"]
nox.options.reuse_existing_virtualenvs = True

RELEASES = [f"2.{minor}" for minor in range(6, 16)]
# One thread per process: the tests run in parallel already.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def _tests(release: str) -> None:
    @nox.session(name=f"tests-{release}")
    def tests(session: nox.Session) -> None:
        """Everything but tests/vision. PyTorch goes first: nothing else chooses its version."""
        session.install("torch" if release == "newest" else f"torch=={release}.*")
        session.install("-e", ".[test]")
        results = f"out/tests-{release}.xml"
        _pytest(session, f"--junitxml={results}", "--ignore=tests/vision", "tests")
        if not session.posargs:
            session.run("python", "tools/compatibility.py", results)


for _release in (*RELEASES, "newest"):
    _tests(_release)


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


def _pytest(session: nox.Session, *default: str) -> None:
    session.run(
        *("python", "-m", "pytest", "-n", "logical", "--dist", "worksteal"),
        *(session.posargs or default),
        env=ENVIRONMENT,
    )

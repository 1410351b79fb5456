"""Sessions that need another environment than the one `make` sets up.

nox -s vision                    torchvision's and timm's models with the newest PyTorch
nox -s "tests(torch='2.6.0')"    all other tests with a given PyTorch
"""

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["tests"]
nox.options.reuse_existing_virtualenvs = True

TORCH_VERSIONS = ["2.6.0", "2.13.0", "newest"]
# One thread per process: the tests run in parallel already.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


@nox.session
@nox.parametrize("torch", TORCH_VERSIONS)
def tests(session: nox.Session, torch: str) -> None:
    """Everything but tests/vision. PyTorch goes first, so that nothing else chooses its version."""
    session.install("torch" if torch == "newest" else f"torch=={torch}")
    session.install("-e", ".[test]")
    _pytest(session, "--ignore=tests/vision", "tests")


@nox.session
def vision(session: nox.Session) -> None:
    """tests/vision: torchvision is built for one PyTorch each, so the three come in one request."""
    session.install("torch", "torchvision", "timm")
    session.install("-e", ".[test]")
    _pytest(session, "tests/vision")


def _pytest(session: nox.Session, *default: str) -> None:
    session.run(
        *("python", "-m", "pytest", "-n", "logical", "--dist", "worksteal"),
        *(session.posargs or default),
        env=ENVIRONMENT,
    )

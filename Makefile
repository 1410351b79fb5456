# Needs Python 3.10 or newer and make, nothing else. Every target makes the environment it needs, once.
PYTHON ?= python3
TORCH  ?= 2.13.0
JOBS   ?= $(shell getconf _NPROCESSORS_ONLN)

VENV    := .venv
BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip install --disable-pip-version-check --quiet
# One thread per process: the tests run in parallel already.
TEST_ENV := OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
PYTEST   := $(TEST_ENV) $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

.PHONY: help demo test test-releases test-op conformance bench docs next lint format release-check clean

help:
	@echo "make demo            export a BERT, run it in ONNX Runtime, compare with PyTorch"
	@echo "make test            all tests (JOBS=n processes)"
	@echo "make test-releases   a part of the tests with the oldest PyTorch and the newest (10 GB, one by one)"
	@echo "make test-op OP=gelu the tests of one operator, and samples of it from PyTorch's own database"
	@echo "make conformance     every operator of PyTorch's own database → docs/operators.md"
	@echo "make bench           this exporter beside torch.onnx.export (ARGS=... are passed on)"
	@echo "make docs            the documentation, into out/site (SERVE=1 shows it while you write)"
	@echo "make next            what the newest PyTorch and ONNX change (out/next.md)"
	@echo "make lint            ruff and mypy"
	@echo "make format          let ruff rewrite what it can"
	@echo "make release-check   build wheel and sdist twice, compare, install, export (ARGS=--borrow: quick)"
	@echo "make clean           remove environments, caches and output"

# PyTorch goes first, so that nothing else chooses its version; pyproject.toml pins the same one.
$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) "torch==$(TORCH)"
	$(PIP) -e ".[dev,verify]"
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(PIP) -e ".[bench]"
	@touch $@

$(VENV)/.docs: $(VENV)/.dev
	$(PIP) -e ".[docs]"
	@touch $@

$(VENV)/.release: $(VENV)/.dev
	$(PIP) -e ".[release]"
	@touch $@

demo: $(VENV)/.dev
	$(BIN)/python examples/bert.py

# tests/vision needs torchvision, timm and the newest PyTorch: nox -s vision
test: $(VENV)/.dev
	$(PYTEST) --ignore=tests/vision tests

test-releases: $(VENV)/.dev
	$(BIN)/nox -s part-2.6 part-newest

# So many samples are right that docs/operators.md says so of: those it was made of.
test-op: $(VENV)/.dev
	@test -n "$(OP)" || { echo "say which: make test-op OP=gelu"; exit 2; }
	$(TEST_ENV) $(BIN)/python tests/conformance/run.py --jobs $(JOBS) --like "$(OP)" --samples 20
	$(TEST_ENV) $(BIN)/python tests/conformance/run.py --jobs $(JOBS) --like "$(OP)" --samples 2 --all
	$(PYTEST) --tb=short --show-capture=no tests/ops tests/conformance -k "$(OP)"

# ARGS="--opset 20 --dtype int64 gcd" runs less, and leaves the table alone.
conformance: $(VENV)/.dev
	$(TEST_ENV) $(BIN)/python tests/conformance/run.py --jobs $(JOBS) $(or $(ARGS),--all)

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks $(ARGS)

# Warnings are errors. The pages' examples are run by tests/test_docs.py.
docs: $(VENV)/.docs
	$(BIN)/mkdocs $(if $(SERVE),serve,build --strict)

release-check: $(VENV)/.release
	$(BIN)/python -m releasing.check $(ARGS)

# In a fresh environment of its own. ARGS=--pre takes pre-releases.
next:
	$(PYTHON) tools/next.py $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .nox out dist build .pytest_cache .mypy_cache .ruff_cache
	find src tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

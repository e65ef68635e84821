# Everything a person does with this repository. Each target sets up what it needs on a fresh machine.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Hundreds of programs start in the tests: what is compiled once is kept, whatever this shell says.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
ARGS ?=
# Four workers on two processors: tests wait for disks, clocks and other processes. Each goes through
# files in order, and helps the slowest at the end: what a file starts for all its tests, starts once.
PYTEST := $(BIN)/python -m pytest -n 4 --dist worksteal

# What is installed is remembered by the hash of what asked for it: nothing changed, nothing to do.
BASE_FILES := requirements/base.txt pyproject.toml verify/pyproject.toml
TEST_FILES := requirements/test.txt
hash_of = $(shell cat $(1) 2>/dev/null | cksum | tr -d ' ')
BASE_STAMP := .venv/.base-$(call hash_of,$(BASE_FILES))
TEST_STAMP := .venv/.test-$(call hash_of,$(BASE_FILES) $(TEST_FILES))

# Shows one line a package while pip works, on one line where there is a terminal.
COUNT := awk -v tty="$$([ -t 1 ] && echo 1 || echo 0)" \
  '/^(Collecting|Requirement already)/ { n++; if (tty) printf "\r\033[K  installing: %d packages, %s", n, $$2; else if (n % 20 == 0) print "  installing: " n " packages so far"; fflush() } \
   /^Installing collected/ { if (tty) printf "\r\033[K  installing: %d packages, unpacking", n; else print "  installing: " n " packages, unpacking"; fflush() } \
   /^ERROR|^error/ { print } END { if (tty) printf "\r\033[K"; print "  installed " n " packages" }'

.PHONY: help
help:  ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: $(BASE_STAMP)  ## Start the platform here and stay with it; Ctrl-C stops everything
	@$(BIN)/python ui/make/build.py --behind $(ARGS) & exec $(BIN)/bezant up $(ARGS)

.PHONY: ui
ui: $(BASE_STAMP)  ## Build the pages (checkout, office) once; fetches Node for itself if there is none
	@$(BIN)/python ui/make/build.py

.PHONY: ui-api
ui-api: $(BASE_STAMP)  ## Write the types of the API that the pages use, from the routes
	@$(BIN)/python ui/make/build.py --api

.PHONY: demo
demo: $(BASE_STAMP)  ## Show the platform at work with sample data
	@exec $(BIN)/bezant demo $(ARGS)

.PHONY: setup
setup: $(BASE_STAMP) $(TEST_STAMP)  ## Install everything that running, testing and checking need

.PHONY: test
test: $(TEST_STAMP)  ## Run the tests that need no system package (PostgreSQL is real everywhere)
	@$(PYTEST) -m "not system and not long" $(ARGS)

.PHONY: test-full
test-full: $(TEST_STAMP) system-packages  ## Run all tests of every change; installs system packages as root
	@requirements/keycloak && kept="" || kept=" and not keycloak"; $(PYTEST) -m "not long$$kept" $(ARGS)

.PHONY: test-long
test-long: $(TEST_STAMP) system-packages  ## Run the long tests: minutes to an hour
	@$(BIN)/python -m pytest -m long --timeout 7200 $(ARGS)

.PHONY: screenshots
screenshots: $(TEST_STAMP) system-packages  ## Draw every page in light and dark into screenshots/ (ARGS="--docs": the README's two)
	@$(BIN)/python -m tests.web.screenshots $(ARGS)

.PHONY: system-packages
system-packages:
	@requirements/system

.PHONY: check
check: $(TEST_STAMP)  ## Lint, types, import floors, house rules, SQL, secrets and licences
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/python -m pytest -q -n 2 tests/house

.PHONY: bench
bench: $(TEST_STAMP)  ## Measure against pgbench and the ordinary way (ARGS="ledger --quick")
	@exec $(BIN)/bezant bench $(ARGS)

.PHONY: proto
proto: $(TEST_STAMP)  ## Write proto/ from the ports
	@$(BIN)/python -m bezant.rpc.proto

.PHONY: docs
docs: $(TEST_STAMP)  ## Write the derived pages: settings, command line, errors, coverage, routes
	@$(BIN)/python -m bezant.cli.reference
	@$(BIN)/python -m tests.house.derive

.PHONY: lock
lock: $(TEST_STAMP)  ## Compile requirements/*.txt anew
	@compile() { $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header "$$@"; }; \
	compile --no-emit-package bezant-verify pyproject.toml requirements/build.in -o requirements/base.txt; \
	compile requirements/test.in -c requirements/base.txt -o requirements/test.txt

.PHONY: clean
clean:  ## Remove the environment and everything that was made; data folders stay
	rm -rf ui/node_modules ui/.node src/bezant/web/static
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache .mypy_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Bezant needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo missing)."; \
	  echo "Name another one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12"; exit 1; }
	@echo "  making the environment in .venv"
	@$(PYTHON) -m venv --clear .venv || { echo "Python's venv module is needed (Debian: apt install python3-venv)."; exit 1; }

$(BASE_STAMP): .venv/bin/python
	@echo "  installing what runs, pinned by hash"
	@$(PIP) install --require-hashes -r requirements/base.txt | $(COUNT)
	@$(PIP) install --quiet --no-deps --no-build-isolation -e ./verify -e .
	@rm -f .venv/.base-* && touch $@

$(TEST_STAMP): $(BASE_STAMP)
	@echo "  installing what tests, pinned by hash"
	@$(PIP) install --require-hashes -r requirements/test.txt | $(COUNT)
	@rm -f .venv/.test-* && touch $@

# Two commands do everything: `make demo` and `make test`. Both make their own virtual environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# caldav brings urllib3-future, whose wheel overwrites urllib3 for every other client at interpreter start. Built from its
# source with this variable it stays beside it.
export URLLIB3_NO_OVERRIDE := 1
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-binary urllib3-future -c constraints.txt
WORKERS ?= 3

.DEFAULT_GOAL := help

.PHONY: help
help: ## show the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "syncd needs Python 3.11 or newer: make PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing syncd (once, about a minute) ..."
	$(PIP) -e '.[servers]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing syncd and what its tests need (once, one to two minutes) ..."
	$(PIP) -e '.[test]'
	@mkdir -p $(VENV)/types && ln -sfn ../../connectors $(VENV)/types/syncd_connectors
	@touch $@ $(VENV)/.demo

.PHONY: demo
demo: $(VENV)/.demo ## bookings travel into real calendar servers and back; a table at the end
	$(BIN)/syncd demo $(ARGS)

.PHONY: test
test: lint types imports systemd-check unit ## every check: lint, types, import contract, unit files, tests

.PHONY: lint
lint: $(VENV)/.test ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Each folder of tests is a root of its own. Test functions need no annotations; what they call is checked.
TESTS_TYPED := --allow-untyped-defs --allow-incomplete-defs --allow-untyped-calls --allow-untyped-decorators

.PHONY: types
types: $(VENV)/.test ## mypy, strict
	MYPYPATH=$(VENV)/types $(BIN)/mypy -p syncd -p syncd_connectors
	@set -e; for folder in tests/*/ bench; do \
		MYPYPATH=$(VENV)/types:tests:tests/ical:tests/connectors $(BIN)/mypy $(TESTS_TYPED) --no-error-summary $$folder; done
	MYPYPATH=$(VENV)/types:tests $(BIN)/mypy $(TESTS_TYPED) --no-error-summary tests/*.py

.PHONY: imports
imports: $(VENV)/.test ## the import contract
	$(BIN)/lint-imports

.PHONY: systemd-check
systemd-check: ## the unit files: systemd finds nothing wrong, exposure at most 1.5; skipped without systemd
	@systemd/check

.PHONY: unit
unit: $(VENV)/.test ## the tests, SQLite and PostgreSQL
	$(BIN)/python -m pytest -n $(WORKERS) -m "not long" $(ARGS)

.PHONY: test-long
test-long: $(VENV)/.test ## kill -9, large comparisons, hostile input at length
	$(BIN)/python -m pytest -n $(WORKERS) -m long $(ARGS)

.PHONY: bench
bench: $(VENV)/.test ## speed, as ratios side by side; prints a table, keeps bench/results.json
	$(BIN)/python -m bench $(ARGS)

.PHONY: format
format: $(VENV)/.test ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: clean
clean: ## remove what was made here
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

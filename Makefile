# Every target sets up what it needs: `make app` and `make test` work in a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FRONTEND := lepton_lab/widgets/frontend
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: help setup frontend app lab test lint types units bench clean

help:
	@echo "make app    open the app in a browser: for people who do not write code"
	@echo "make lab    open JupyterLab on the first notebook"
	@echo "make test   lint, types and every test, browser tests included"
	@echo "make lint   ruff: rules and format        make types  mypy and tsc, strict"
	@echo "make units  the front end's own tests, with vitest"
	@echo "make bench  benchmarks; writes tests/benchmarks/RESULTS.md"
	@echo "make frontend  bundle the widgets' front end, where a source changed"
	@echo "make setup  only build $(VENV)            make clean  remove $(VENV) and caches"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Lepton Lab needs Python 3.11 or newer, and $(PYTHON) is %d.%d. Call: make PYTHON=python3.12" % sys.version_info[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python's venv module is missing. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Setting up $(VENV): a few minutes the first time, most of them PyTorch."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,tensorboard,export]'
	@touch $(READY)

frontend: $(READY)
	@$(BIN)/python hatch_build.py

app: $(READY) frontend
	@exec $(BIN)/lepton-lab app

lab: $(READY) frontend
	@$(BIN)/lepton-lab lab notebooks/00_networks_and_data.ipynb

test: $(READY) frontend
	@$(BIN)/python tests/browser/install_chromium.py
	@$(MAKE) --no-print-directory -j 2 lint types units
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --reruns 1 --rerun-show-tracebacks --ignore tests/browser
	$(BIN)/python -m pytest -n 2 --dist loadfile --reruns 1 --rerun-show-tracebacks tests/browser

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) frontend
	$(BIN)/mypy
	$(BIN)/npm --prefix $(FRONTEND) run types --silent

units: $(READY) frontend
	$(BIN)/npm --prefix $(FRONTEND) test --silent

bench: $(READY)
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/artefacts

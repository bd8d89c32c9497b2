# `make run` shows the demo, `make test` proves that it works; `make help` lists the rest.

SHELL := /bin/sh
DATA_DIR ?= $(or $(RIDGEWATCH_DATA_DIR),$(CURDIR)/data)
PORT ?= $(or $(RIDGEWATCH_PORT),8000)
# Test processes side by side; each has its own databases, ports and folders. One more than cores:
# many tests wait for processes to start, or for time to pass.
WORKERS ?= 3
# What this machine may do without in `make test`: any of browser postgres mosquitto strace.
WITHOUT ?=

BIN := .venv/bin
RUN_READY := .venv/.ready-to-run
TEST_READY := .venv/.ready-to-test
NEEDS := pyproject.toml scripts/make-venv.sh

.PHONY: help run test test-long bench lint clean

help: ## list what make can do
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: $(RUN_READY) ## the demo: prints its address and accounts; PORT and DATA_DIR as you like
	@RIDGEWATCH_PORT="$(PORT)" RIDGEWATCH_DATA_DIR="$(DATA_DIR)" exec $(BIN)/ridgewatch demo

test: $(TEST_READY) ## all tests; WITHOUT="browser postgres mosquitto strace" leaves some out, by name
	@$(BIN)/python -m tests.harness.needs --install $(WITHOUT)
	@RIDGEWATCH_TEST_WITHOUT="$(WITHOUT)" sh scripts/run-tests.sh -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-long: $(TEST_READY) ## the issues' figures in full; CORPUS=path of the reference corpus
	@test -d "$(CORPUS)" || { echo 'make test-long CORPUS=path: the folder that holds payloads/ and series/' >&2; exit 2; }
	@$(BIN)/python -m tests.harness.needs --install
	@sh scripts/run-tests.sh -m long "--corpus=$(CORPUS)"

bench: $(TEST_READY) ## the measurements, printed
	@$(BIN)/python -m tests.harness.needs --install
	@$(BIN)/python -m bench

lint: $(TEST_READY) ## ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

clean: ## throw away the virtual environment and what tests left (never the data)
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

$(RUN_READY): requirements.txt $(NEEDS)
	@sh scripts/make-venv.sh requirements.txt
	@touch $@

$(TEST_READY): requirements-dev.txt requirements.txt $(NEEDS)
	@sh scripts/make-venv.sh requirements-dev.txt
	@touch $(RUN_READY) $@

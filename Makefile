# 村警: `make run` shows it, `make test` proves it. Needs Python >= 3.11 and make; everything else goes into .venv.

BIN := .venv/bin
INSTALLED := .venv/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The first Python that is new enough and able to make virtual environments.
FIND_PYTHON := for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done
NO_PYTHON := This needs Python 3.11 or newer with its venv module (on Debian and Ubuntu: apt install python3 python3-venv).
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header

.DEFAULT_GOAL := help
.PHONY: help run demo test faults check format clean-data bench lock

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 12

run: $(INSTALLED)  ## start everything, work a real county, show the result; Ctrl-C stops it
	@$(BIN)/cunjing run

demo: $(INSTALLED)  ## the whole demonstration in a throw-away folder; fails unless its counts agree
	@$(BIN)/cunjing demo

test: $(INSTALLED)  ## the whole suite, with a real PostgreSQL and a real Kafka
	@$(BIN)/pytest

faults: $(INSTALLED)  ## every fault we can cause, the long form; writes the table of docs/promises.md
	@CUNJING_FAULTS=long $(BIN)/pytest tests/faults

check: $(INSTALLED)  ## lint, format, types, import rules, schemes
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/cunjing schemes check

format: $(INSTALLED)  ## put the code in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean-data: $(INSTALLED)  ## forget what `make run` stored
	@$(BIN)/cunjing clean-data

bench: $(INSTALLED)  ## measure against floors taken in the same run
	@$(BIN)/python -m bench

lock: $(INSTALLED)  ## resolve the dependencies anew
	$(BIN)/pip install --quiet uv
	$(LOCK) --all-extras -o requirements.lock
	$(LOCK) -o deploy/requirements.lock

$(INSTALLED): requirements.lock pyproject.toml
	@python=$$($(FIND_PYTHON)); test -x $(BIN)/python || test -n "$$python" || { echo "$(NO_PYTHON)" >&2; exit 1; }; \
		test -x $(BIN)/python || { echo "installing into .venv with $$python …"; $$python -m venv .venv; }
	@$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

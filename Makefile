# What there is to do in a checkout. `make demo ARGS="--minutes 10"`; bench and test-matrix take ARGS too.

VENV      := .venv
PYTHON    ?= python3
RUN       := $(VENV)/bin/python
STAMP     := $(VENV)/.demo-installed
DEV_STAMP := $(VENV)/.dev-installed
UV        ?= uv
LOCK      := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo system test test-matrix bench lint lock clean

help: ## Say what there is to do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: system $(STAMP) ## Start everything Observer watches, and Observer; Ctrl-C ends it (ARGS=--help)
	@exec $(RUN) -m observer demo $(ARGS)

system: ## Install the servers that the demo and the tests start, where they are missing
	@deploy/install-debian

lint: $(DEV_STAMP) ## Style, format and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

test: system lint ## Everything that must hold before a commit
	@$(RUN) -m observer.demo.jar # once for each state of its source; no test is to wait for Maven
	$(RUN) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-matrix: system $(DEV_STAMP) ## The same on every version of the servers, fetched once into .cache (ARGS="VARIANT")
	@exec $(RUN) -m tests.matrix $(ARGS)

bench: system $(DEV_STAMP) ## Compare Observer with Debian's exporters; under six minutes (ARGS="--out DIR")
	@exec $(RUN) -m benchmarks.exporter $(ARGS)

lock: ## Write the lock files anew from pyproject.toml (UPGRADE=--upgrade for newer versions)
	$(LOCK) $(UPGRADE) pyproject.toml --extra demo -o requirements.lock
	$(LOCK) $(UPGRADE) pyproject.toml --extra demo --group dev -c requirements.lock -o requirements-dev.lock

clean: ## Remove everything that can be made again
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Observer needs Python 3.11: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

# The dev lock holds everything of the other at the same versions, so either stamp serves the demo.
$(STAMP): requirements.lock | $(RUN)
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(DEV_STAMP): requirements-dev.lock requirements.lock | $(RUN)
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(STAMP)

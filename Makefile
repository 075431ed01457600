# `make demo` and `make test` need nothing prepared: both see to the machine first (.ci/setup).
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types format screenshots engine-stop clean
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# The virtual environment, and the Docker engine that the set-up chose.
READY := export PATH="$(CURDIR)/.venv/bin:$$PATH"; source .venv/ecrwiz-env

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | while IFS=$$'\t' read -r name words; do printf '  make %-12s %s\n' "$$name" "$$words"; done

setup: ## Make .venv, install what the system lacks, start a Docker engine when none answers
	@.ci/setup

demo: setup ## Run the whole job on a sample application, no AWS account needed
	@$(READY); rm -rf .demo/blog; python -m ecrwiz.sandbox.sample .demo/blog; \
	if [ -t 0 ] && [ -t 1 ]; then ecrwiz -C .demo/blog --sandbox; else ecrwiz -C .demo/blog --sandbox run --yes; fi

test: setup ## Run every check and every test
	@$(READY); shellcheck .ci/setup .ci/engine .ci/run; ruff check; ruff format --check; mypy --strict ecrwiz tests; pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: setup ## Check style
	@$(READY); shellcheck .ci/setup .ci/engine .ci/run; ruff check; ruff format --check

types: setup ## Check types
	@$(READY); mypy --strict ecrwiz tests

format: setup ## Put the code into the project's format
	@$(READY); ruff check --fix; ruff format

screenshots: setup ## Take the pictures in docs/screenshots again
	@$(READY); python docs/screenshots.py

engine-stop: ## End the Docker engine that the set-up started
	@.ci/engine stop

clean: ## Remove what was made here (.venv, .demo, caches); the cache of base images stays
	@rm -rf .venv .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis dist

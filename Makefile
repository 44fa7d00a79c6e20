# Everything that a developer does here, one word each; `make help` lists the words.
# The words are thin: what takes more than a line is a script in .ci/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PY := .venv/bin/python

.PHONY: help
help: ## Say what there is
	@echo "usage: make WORD"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

# -- run ----------------------------------------------------------------------------------------

.PHONY: setup
setup: ## Make .venv from constraints.txt (needs Python >= 3.11, no root)
	@.ci/setup
	@touch .venv/.made

.venv/.made: pyproject.toml constraints.txt .ci/setup
	@.ci/setup
	@touch $@

.PHONY: demo
demo: .venv/.made ## Send 5,000 attendance marks through the whole system and count them
	@$(PY) examples/attendance_demo.py

.PHONY: up
up: .venv/.made ## Run the whole system on this machine until Ctrl-C
	@.venv/bin/headpond up

# A Kubernetes of one's own, by kind: eval "$(make cluster)" and kubectl, kind and helm are on the path.
CLUSTER ?= headpond

.PHONY: cluster
cluster: ## Start a Kubernetes here, and print what to eval (CLUSTER=name)
	@tests/cluster/up $(CLUSTER)

.PHONY: cluster-down
cluster-down: ## Delete it again
	@tests/cluster/down $(CLUSTER)

# -- check --------------------------------------------------------------------------------------

.PHONY: unit
unit: .venv/.made ## Run the tests that need nothing but Python (seconds)
	@$(PY) -m pytest tests/unit

.PHONY: check
check: .venv/.made ## Run every linter and the type checker
	@.ci/check

.PHONY: test
test: .venv/.made ## Check, then run every tier this machine can; say what was left out
	@.ci/test

.PHONY: e2e
e2e: .venv/.made ## Run the tests on a real Kubernetes alone; KEEP=1 keeps the cluster
	@tests/cluster/docker-up
	@$(PY) -m pytest tests/kube tests/e2e $(if $(KEEP),--keep-cluster)

.PHONY: verify
verify: .venv/.made ## Make generated files again and fail if one changed
	@.ci/verify

.PHONY: mutants
mutants: .venv/.made ## Break the scripts' rules, one by one, and see that a test fails for each
	@$(PY) tests/support/mutants.py

.PHONY: bench
bench: .venv/.made ## Measure, peers beside us, and write docs/reference/performance.md
	@$(PY) benchmarks/_all.py

# -- keep ---------------------------------------------------------------------------------------

.PHONY: format
format: .venv/.made ## Format the code and mend what ruff can mend
	@$(PY) -m ruff format
	@$(PY) -m ruff check --fix

.PHONY: lock
lock: .venv/.made ## Renew constraints.txt from pyproject.toml
	@.ci/lock

.PHONY: clean
clean: ## Remove what the words above made, .venv included
	@rm -rf .venv .headpond .hypothesis .loq_cache .import_linter_cache .mypy_cache .pytest_cache .pytest-kind .ruff_cache
	@rm -rf build dist htmlcov .coverage .coverage.* benchmarks/results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Needs make, Python 3.11 or later and, for Debian's packages, root once. See `make help`.

# The first one that is recent enough; name another with `make PYTHON=…`.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
# Further arguments for a command: make test ARGS="tests/test_devstack.py -x", make constraints ARGS=--upgrade
ARGS ?=

.PHONY: help demo dev test lint record-histories bench chaos pictures format clean constraints packages browser dig .venv
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.installed | packages ## the whole story on the embedded stack, from nothing to proved answers
	@$(BIN)/sovereign-dns demo $(ARGS)

dev: .venv/.installed | packages ## the embedded stack in the foreground; one Ctrl-C ends it (ARGS="--dns-port 5400" moves a port)
	@$(BIN)/sovereign-dns dev $(ARGS)

# Where the shell forbids to keep compiled modules, every one of the tests' many processes compiles them all.
test: export PYTHONDONTWRITEBYTECODE :=
test: .venv/.installed | browser ## all tests, in parallel, against real servers
	$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

lint: .venv/.installed ## style, types, architecture, schemas
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/sovereign-dns schema --check schemas

record-histories: .venv/.installed | packages ## record how runs go now, beside the histories that are there (ARGS="complete stalled": these only)
	$(BIN)/python -m tests.histories.record $(ARGS)

bench: .venv/.installed-bench | packages dig ## run all benchmarks and write docs/benchmarks.md (ARGS="B2 B5": these only; ARGS=--help)
	$(BIN)/python -m benchmarks $(ARGS)

chaos: .venv/.installed | packages ## Sovereigns under fire, and an independent checker (ARGS="--seed 7 --minutes 30"; ARGS=--help)
	@$(BIN)/python -m tests.chaos $(ARGS)

pictures: .venv/.installed | browser ## take the pictures of the Web UI in docs/pictures/ anew; about three minutes
	$(BIN)/python -m tests.web_ui.pictures $(ARGS)

format: .venv/.installed ## bring the code into shape
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

constraints: .venv/.installed ## pin every dependency anew, by version and hash (needs the network)
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra dev $(ARGS) pyproject.toml -o constraints.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-c constraints.txt pyproject.toml -o constraints-worker.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-c constraints.txt --extra bench $(ARGS) pyproject.toml -o constraints-bench.txt

clean: ## remove what make, the tests and the embedded stack left
	rm -rf .venv .dev dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv: .venv/.installed

.venv/.installed: constraints.txt pyproject.toml | packages
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# What only the benchmarks need: what they compare with, and what draws and simulates.
.venv/.installed-bench: constraints-bench.txt .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-bench.txt
	@touch $@

packages:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or later is on the PATH. Name one: make PYTHON=…" >&2; exit 1; }
	@devstack/install-debian-packages "$(PYTHON)"

dig: | packages
	@devstack/install-debian-packages --dig "$(PYTHON)" || echo "No dig: B5 leaves it out." >&2

browser: | packages
	@devstack/install-debian-packages --browser "$(PYTHON)"

# make demo   everything, from install to the comparison table        make test   the tests
# Both make .venv if it is missing. `make help` lists the rest.

PYTHON ?= python3
PROFILE ?=
BIN := .venv/bin
export DVC_NO_ANALYTICS := 1
# Where pip gets packages from is the user's; where it puts them, and which, is not.
export PIP_USER := 0
export PIP_REQUIRE_HASHES := 0
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PIP_NO_DEPS PIP_DRY_RUN PIP_REQUIREMENT PIP_EDITABLE PIP_CONSTRAINT PIP_PRE \
	PIP_NO_BUILD_ISOLATION PIP_NO_BINARY PIP_ONLY_BINARY PIP_IGNORE_INSTALLED PIP_PYTHON PIP_SRC PIP_PLATFORM \
	PYTHONHOME PYTHONUSERBASE
# A virtual environment names its folder in every script: one that was copied or moved would run the first project's.
ifneq ($(shell test ! -s .venv/.installed || test "$$(cat .venv/.installed)" = "$(CURDIR)" || echo moved),)
.PHONY: .venv/.installed
endif

.DEFAULT_GOAL := help
.PHONY: help demo repro serve test test-all lint format docs ui doctor bench clean-venv lock audit

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Paragone needs Python 3.11 or newer; name one: make PYTHON=python3.11 ..." >&2; exit 1; }
	@test ! -s $@ || test "$$(cat $@)" = "$(CURDIR)" || rm -rf .venv
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@echo "$(CURDIR)" > $@

demo: .venv/.installed ## run the default profile (PROFILE=smoke for another) and print the comparison table
	$(BIN)/python -m flows.benchmark $(if $(PROFILE),--profile $(PROFILE))

repro: .venv/.installed ## the same by plain DVC, one stage at a time
	$(BIN)/paragone pipeline $(PROFILE)
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro $$($(BIN)/paragone trunk $(PROFILE))
	$(BIN)/paragone table $(PROFILE)

test: .venv/.installed ## the fast tests
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: .venv/.installed ## every test, the slow proofs included
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=20

lint: .venv/.installed ## format check, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/.installed ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: .venv/.installed ## renew requirements.lock, the files by SHA-256 that an install takes
	$(BIN)/python .ci/lock.py requirements.lock

audit: .venv/.installed ## look up known vulnerabilities of these files
	.ci/audit

docs: .venv/.installed ## build the documentation into build/docs; a warning is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "The documentation: build/docs/index.html"

ui: .venv/.installed ## open the MLflow comparison of the runs at http://127.0.0.1:5000 (PORT=5001 for another)
	@exec $(BIN)/python -m flows.ui $(if $(PROFILE),--profile $(PROFILE)) $(if $(PORT),--port $(PORT))

serve: .venv/.installed ## run the schedules of prefect.yaml: Prefect at http://127.0.0.1:4200 (PORT=4201 for another)
	@exec $(BIN)/python -m flows.serve $(if $(PORT),--port $(PORT))

doctor: .venv/.installed ## what this machine has, and what is missing for what
	$(BIN)/paragone doctor

bench: .venv/.installed ## speed against peers (installs them into .venv-peers)
	$(BIN)/python benchmarks/run.py

clean-venv: ## remove the virtual environment
	rm -rf .venv

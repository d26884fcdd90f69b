# Two commands do everything on a fresh Debian or macOS machine: `make app` and `make test`.
#
#   PYTHON=...       the Python to build .venv with (3.11 to 3.13); otherwise the newest of these that runs
#   TORCH_INDEX=...  package index to take torch and torchvision from, such as the CPU-only one
#   WORKERS=2        processes that `make test` spreads the tests over

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV_VERSION := 0.13.8
PYTHON ?=
TORCH_INDEX ?=
WORKERS ?= 2

# A Python is suitable when it runs (a pyenv shim may stand on the path and not run), has a supported version
# and can make a virtual environment (Debian packages that apart).
SUITABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
# Progress for somebody at a terminal, silence in a log.
PIP := $(BIN)/python -m pip --disable-pip-version-check $(shell [ -t 2 ] || echo -qq)

# Two workers on few cores: more threads than one a process only get in each other's way. Byte code is kept, for tests
# start our programs dozens of times.
TEST_ENV := OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false PYTHONDONTWRITEBYTECODE=

.PHONY: app setup test test-slow lint lock clean

app: $(STAMP)
	@$(BIN)/python -m app

setup: $(STAMP)

test: lint
	@$(TEST_ENV) $(BIN)/python -m pytest --quiet -m "not browser and not slow" -n $(WORKERS) --dist loadfile
	@$(TEST_ENV) $(BIN)/python -m pytest --quiet -m "browser and not slow" -n $(WORKERS) --dist loadfile

test-slow: $(STAMP)
	@$(TEST_ENV) $(BIN)/python -m pytest --quiet -m slow

lint: $(STAMP)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy

# The one target that writes requirements.txt.
lock: $(BIN)/python
	@$(PIP) install "uv==$(UV_VERSION)"
	@$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest \
		--extra train --extra test --no-emit-index-url --custom-compile-command "make lock" \
		--quiet --output-file requirements.txt

clean:
	@rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The stamp is written last: an installation that broke off is done again, a finished one is not.
# torch from another index comes first and without its dependencies; the others then follow with
# requirements.txt as constraints, so that nothing that only the larger build needs is installed.
$(STAMP): requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) (once; several minutes) ..."
ifeq ($(strip $(TORCH_INDEX)),)
	@$(PIP) install --requirement requirements.txt
	@$(PIP) install --no-deps --editable .
else
	@$(PIP) install --no-deps --constraint requirements.txt --index-url "$(TORCH_INDEX)" torch torchvision
	@$(PIP) install --constraint requirements.txt --editable ".[train,test]"
endif
	@touch $@

$(BIN)/python:
	@for python in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3); do \
		if "$$python" -c '$(SUITABLE)' >/dev/null 2>&1; then exec "$$python" -m venv $(VENV); fi; \
	done; \
	echo "$(if $(PYTHON),$(PYTHON) is not,Found no) Python 3.11, 3.12 or 3.13 that can make a virtual" \
		"environment: install one (Debian: apt install python3 python3-venv; macOS: brew install" \
		"python@3.13) or name one with PYTHON=/path/to/python." >&2; \
	exit 1

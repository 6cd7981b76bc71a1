# Needledrop.  `make help` says what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv
PACKAGES := $(addprefix libs/,core storage worker media models extraction demo client) \
  $(addprefix services/,audio_extractor video_extractor matcher) local
# The newest Python that every dependency has wheels for; PYTHON=… chooses another.
export TORCH_INDEX
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: help demo up down check test chaos lint lock images bench clean
help: ## Say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(VENV)/local.stamp ## Run the main job on this machine, with made-up music and clips (own files: CLIP=my.mp4 MUSIC=folder)
	@$(BIN)/python -m needledrop_local demo $(if $(CLIP),--clip "$(CLIP)") $(if $(MUSIC),--music "$(MUSIC)")

up: $(VENV)/local.stamp ## Run the system on this machine until Ctrl-C, page on http://127.0.0.1:8000 (another port: PORT=8001)
	@$(BIN)/python -m needledrop_local up $(if $(PORT),--port "$(PORT)")

down: $(VENV)/local.stamp ## Stop what `make up` started
	@$(BIN)/python -m needledrop_local down

# Each test process computes with one thread, and compiled files are kept wherever the environment would not keep them.
check: export OMP_NUM_THREADS = 1
check: export PYTHONDONTWRITEBYTECODE =
check: export PYTHONPYCACHEPREFIX = $(abspath $(VENV))/pycache
check: $(VENV)/dev.stamp ## Check style, types, rules of import and what is quick to test, in two minutes
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports
	@$(BIN)/mypy & types=$$!; $(BIN)/pytest -m fast -n 2 --dist loadgroup tests/unit; tests=$$?; wait $$types && exit $$tests

test: $(VENV)/dev.stamp ## Run every test (in parts: make test TESTS=tests/unit)
	@$(BIN)/pytest $(TESTS)

chaos: $(VENV)/dev.stamp ## Run the long form of the fault tests, an hour or two (in parts: make chaos TESTS=tests/faults/test_broker.py)
	@NEEDLEDROP_CHAOS=long $(BIN)/pytest --timeout=3600 $(or $(TESTS),tests/faults)

lint: $(VENV)/dev.stamp ## Check style, types and the rules of import
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: $(UV) ## Pin requirements/*.in anew, with hashes
	UV=$(abspath $(UV)) requirements/lock.sh

images: ## Build the container images
	docker compose build

bench: $(VENV)/dev.stamp ## Measure speed and memory beside the straightforward way (in parts: make bench BENCH="extraction --quick")
	@$(BIN)/python -m bench $(BENCH)

clean: ## Remove what was installed, keep var/
	rm -rf $(VENV)

$(UV):
	@test -n "$(PYTHON)" || { echo "Needledrop needs Python 3.11, 3.12 or 3.13 on the PATH"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(PYTHON) -m venv $(VENV)/uv
	@$(VENV)/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# TORCH_INDEX=… takes PyTorch's slim CPU wheels from that index instead of the CUDA build.
define install
	@echo "installing $(1) (the first time this downloads about 4 GB)"
	@requirements/install.sh $(UV) $(BIN)/python requirements/$(1).txt --exact
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ,$(PACKAGES))
endef

$(VENV)/local.stamp: requirements/local.txt $(addsuffix /pyproject.toml,$(PACKAGES)) | $(UV)
	$(call install,$(if $(wildcard $(VENV)/dev.stamp),dev,local))
	@touch $@ $(wildcard $(VENV)/dev.stamp)

$(VENV)/dev.stamp: requirements/dev.txt $(addsuffix /pyproject.toml,$(PACKAGES)) | $(UV)
	$(call install,dev)
	@touch $@ $(VENV)/local.stamp

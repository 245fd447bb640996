# Every target, with what it does: `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MODEL := $(VENV)/share/ragstone/models/all-minilm-l6-v2/model.json
DOCS ?= handbook/documents
SEED ?= 0
PYTEST := $(BIN)/python -m pytest -p no:cacheprovider
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Where images forbid to keep compiled modules, every process would compile all of them again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-llm faults soak lint types format protos protos-check requirements bench bench-generate bench-kafka eval clean

help: ## Show this list.
	@echo "Ragstone: answers from documents, as a gRPC service. Begin with: make demo"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*## "} {printf "  make %-13s %s\n", $$1, $$2}'

setup: $(STAMP) $(MODEL) ## Make .venv, install what is pinned, get the embedding model.

$(STAMP): requirements/dev.txt pyproject.toml clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Ragstone needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1 || echo missing). Install it, or say where it is: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "$(PYTHON) has no venv; install it (on Debian: apt-get install python3-venv)"; exit 1; }
	@echo "setup: installing the pinned packages into $(VENV) (a minute or two the first time)"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e clients/python -e .
	@touch $@

$(MODEL): | $(STAMP)
	@echo "setup: getting the embedding model (once)"
	@$(BIN)/ragstone models pull

demo: setup ## Serve, ingest a handbook, ask four questions. DOCS=path: your own documents; LLM=local: a small model answers.
	@$(BIN)/python -m scripts.demo $(DOCS) $(if $(LLM),--llm $(LLM))

test: setup ## Run every test.
	@$(PYTEST) -n 2 --dist loadfile -m "not faults and not soak and not llm"

test-llm: setup ## Ask a real small model on the CPU, end to end; the first time builds its server (ten minutes).
	@$(PYTEST) -m llm tests/llm

faults: setup ## Run the long suite: 200 faults of servers, 200 kills, 1,000 faults of providers, every real file. SEED=n replays one.
	@RAGSTONE_FAULT_SEED=$(SEED) $(PYTEST) -m faults
	@RAGSTONE_ALL_FILES=1 $(PYTEST) tests/unit/plugins/documents/test_real_files.py

soak: setup ## Read, write, delete and merge for half an hour (MINUTES=n), then look whether all is in order and memory flat.
	@RAGSTONE_SOAK_MINUTES=$(or $(MINUTES),30) $(PYTEST) -m soak -s tests/load

lint: setup ## Check style, imports between rooms, types, and the contract.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(MAKE) --no-print-directory types
	@$(BIN)/python -m scripts.protos lint
	@$(BIN)/python -m scripts.protos breaking
	@$(MAKE) --no-print-directory protos-check

types: setup ## Check types, strictly.
	@$(BIN)/mypy -p ragstone -p ragstone_server -p ragstone_plugins -p scripts

format: setup ## Format code and contract.
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .
	@$(BIN)/buf format -w protos

protos: setup ## Generate the client's modules and the API reference from protos/.
	@$(BIN)/python -m scripts.protos generate

protos-check: setup ## Prove that the generated code is fresh.
	@$(BIN)/python -m scripts.protos check

requirements: ## Compile the pinned requirement files from pyproject.toml.
	@$(BIN)/python -m scripts.requirements

bench: setup ## Measure ingest, retrieval and start-up; BENCH_ARGS are passed on.
	@$(BIN)/python -m scripts.bench $(BENCH_ARGS)

bench-generate: setup ## Measure streamed answers beside the provider called directly; BENCH_ARGS are passed on.
	@$(BIN)/python -m scripts.bench_generate $(BENCH_ARGS)

bench-kafka: setup ## Measure documents by Kafka into PostgreSQL beside the bare client library; BENCH_ARGS are passed on.
	@$(BIN)/python -m scripts.bench_kafka $(BENCH_ARGS)

eval: setup ## Measure retrieval quality on a BEIR folder: make eval DATA=path.
	@$(BIN)/python -m scripts.evaluate $(DATA)

clean: ## Remove what the other targets made.
	@rm -rf $(VENV) .build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

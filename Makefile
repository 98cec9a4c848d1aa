# make demo    train and sample all three families on embedded data
# make test    the whole suite
# make lint    format, lint and types
# make env     the environment alone
PYTHON ?= python3
BIN := .venv/bin
# Real MNIST and tinyshakespeare, where they are; tests that need them are skipped without.
export GENKIT_DATA_DIR ?= $(if $(wildcard ../shared/data),$(abspath ../shared/data),data)

.PHONY: env demo test lint format
env: .venv/stamp

# pip's resolver is asked for torch first, so that a cached or local build of it is found before the rest.
.venv/stamp: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet torch torchvision
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: env
	$(BIN)/python -m genkit train experiment=demo_colors name=demo-gpt paths.runs_dir=demo
	$(BIN)/python -m genkit train experiment=demo_dcgan name=demo-dcgan paths.runs_dir=demo
	$(BIN)/python -m genkit train experiment=demo_vae name=demo-vae paths.runs_dir=demo

test: env
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# make demo    a study of all three families on embedded data, and its report
# make test    the whole suite
# make test-gpu    what needs CUDA; three minutes on a GPU with sixteen cores beside it
# make reliability    resumes, kills, signals, full disks, damage, starts at once: trials by the hundred, one table
# make docs    the site, in docs/_build/html; no network is needed
# make notebooks    docs/notebooks, run again, with what their cells show
# make lint    format, lint and types
# make env     the environment alone
PYTHON ?= python3
BIN := .venv/bin
GENKIT := $(BIN)/python -m genkit
# Real MNIST and tinyshakespeare, where they are; tests that need them are skipped without.
export GENKIT_DATA_DIR ?= $(if $(wildcard ../shared/data),$(abspath ../shared/data),data)

.PHONY: env demo test test-gpu reliability docs notebooks lint format
env: .venv/stamp

# pip's resolver is asked for torch first, so that a cached or local build of it is found before the rest.
.venv/stamp: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet torch torchvision
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: env
	$(GENKIT) study study=quickstart hydra/launcher=joblib hydra.launcher.n_jobs=2

demo: export GENKIT_RUNS_DIR = demo

test: env
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# One GPU has room for six processes of such small models.
test-gpu: env
	OMP_NUM_THREADS=2 $(BIN)/python -m pytest tests/gpu -n 6 --dist worksteal

# Exit code 1 unless every goal is met; the table is left in reliability/.
reliability: env
	$(BIN)/python -m tools.reliability out=reliability

docs: env
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html -d docs/_build/doctrees docs docs/_build/html

notebooks: env
	$(BIN)/python -m tools.notebooks

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# make demo   set up, then draw twelve cats on the virtual plotter
# make test   set up, then lint, check the types and run the tests
# make lint   ruff and mypy
# make bench  the figures that the README quotes, each beside a peer

PYTHON ?= python3
BIN := .venv/bin
# Several processes each, and signals that must arrive in time: nothing runs beside these tests.
ALONE := tests/models/test_processes.py

.PHONY: demo test lint bench

demo: .venv/ready
	$(BIN)/plotbot draw cat -n 12 --paper a4 --seed 1 --out out/demo

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist worksteal --ignore $(ALONE) --cov --cov-report=
	$(BIN)/python -m pytest $(ALONE) --cov --cov-append --cov-report=term:skip-covered
	$(BIN)/coverage report --include='gcode/*,models/strokes.py' --fail-under=90 > /dev/null

lint: .venv/ready-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: .venv/ready-dev
	$(BIN)/python benchmarks/run.py

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/ready-dev: .venv/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

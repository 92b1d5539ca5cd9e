# Two commands do all set-up on a fresh machine: `make demo` shows the main job, `make test` checks everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check format clean
.DEFAULT_GOAL := demo

# torch first and by itself: what needs it then finds it there, and pulls no other build
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/installed
	$(BIN)/python examples/demo/demo.py

test: $(VENV)/installed check
	$(BIN)/python -m pytest --cov=impasto

check: $(VENV)/installed
	$(BIN)/ruff format --check src tests benchmarks trials gallery_tools examples
	$(BIN)/ruff check src tests benchmarks trials gallery_tools examples
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff format src tests benchmarks trials gallery_tools examples
	$(BIN)/ruff check --fix src tests benchmarks trials gallery_tools examples

clean:
	rm -rf $(VENV) demo dist build

# Two commands do all set-up on a fresh machine: `make demo` shows the main job, `make test` checks everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-fast test-browser test-cluster fuzz benchmark check check-js format site test-container release-check release clean
.DEFAULT_GOAL := demo

# torch first and by itself: what needs it then finds it there, and pulls no other build
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/installed
	$(BIN)/python examples/demo/demo.py

# everything but fuzzing, browsers and clusters
test: $(VENV)/installed check
	$(BIN)/python -m pytest -n auto --cov=impasto -m "not fuzz and not browser and not cluster"

# the page in a Chromium of the system
test-browser: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 -m browser

# Ray and a server of S3 take hundreds of megabytes: only this target installs them
$(VENV)/cluster: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[cluster]' s3fs 'moto[server]'
	touch $@

# a Ray cluster of this machine, with files and with objects of S3
test-cluster: $(VENV)/cluster
	$(BIN)/python -m pytest -m cluster tests/batch

# no exports, processes or browsers, and nothing that is slow; without coverage
test-fast: $(VENV)/installed
	$(BIN)/python -m pytest -n auto -m "not slow and not export and not process and not browser and not cluster and not fuzz"

# half a minute of hostile files; see tests/fuzz
fuzz: $(VENV)/installed
	$(BIN)/python -m pytest -m fuzz tests/fuzz

# minutes on an idle machine; keeps the results in benchmarks/records by CPU and commit
benchmark: $(VENV)/installed
	$(BIN)/python benchmarks/record.py

check: $(VENV)/installed check-js
	$(BIN)/ruff format --check src tests benchmarks trials gallery_tools examples integrations website scripts
	$(BIN)/ruff check src tests benchmarks trials gallery_tools examples integrations website scripts
	$(BIN)/mypy
	$(BIN)/lint-imports

# types of the page; needs npm, which nothing else does
check-js:
	@if ! command -v npm >/dev/null; then echo "check-js: skipped, as npm is missing"; \
	elif ! { [ -d node_modules/typescript ] || npm ci --no-audit --no-fund --silent; }; then \
		echo "check-js: skipped, as npm cannot install TypeScript"; \
	else npx --no-install tsc --noEmit --project tsconfig.json; fi

format: $(VENV)/installed
	$(BIN)/ruff format src tests benchmarks trials gallery_tools examples integrations website scripts
	$(BIN)/ruff check --fix src tests benchmarks trials gallery_tools examples integrations website scripts

# programs for the site, the container and a release, which the package and its tests do not need
TOOLS := .venv-tools
$(TOOLS)/installed: scripts/requirements.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check --requirement scripts/requirements.txt
	touch $@

# the site: the studio, which paints in the browser, and the documentation, in build/site
site: $(VENV)/installed $(TOOLS)/installed
	$(BIN)/python -m website --zensical $(TOOLS)/bin/zensical

# the steps of the Containerfile in a fresh environment; downloads what the image has
test-container: $(VENV)/installed $(TOOLS)/installed
	PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" $(BIN)/python trials/container.py

# build and check a release, to try its wheel before the tag
release-check: $(TOOLS)/installed
	$(TOOLS)/bin/python scripts/release.py --check

# the same, and tag it; publishes nothing (CONTRIBUTING.md)
release: $(TOOLS)/installed
	$(TOOLS)/bin/python scripts/release.py

clean:
	rm -rf $(TOOLS) $(VENV) demo dist build

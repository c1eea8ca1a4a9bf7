# Every target makes and uses its own .venv; nothing else needs to be installed by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILED := .venv-compiled
# The tests wait more than they compute, so a few processes share a core. A file's tests share a cluster.
JOBS ?= 3
PARALLEL := -n $(if $(filter 1,$(JOBS)),0,$(JOBS)) --dist loadfile

.PHONY: demo test test-all test-e2e compiled test-compiled lint docs docs-serve bench clean

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(VENV)/.ready   ## the first program of the README
	$(BIN)/python examples/goroutines.py

test: $(VENV)/.ready   ## the fast tests
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow and not e2e"

test-all: $(VENV)/.ready   ## the fast and the slow tests, not those that need a container engine
	$(BIN)/python -m pytest $(PARALLEL) -m "not e2e"

test-e2e: $(VENV)/.ready   ## a real compose cluster (skips with a reason where no engine answers)
	$(BIN)/python -m pytest -m e2e tests/e2e

# The compiled build has a virtual environment of its own, and no part of it is in the source tree: there the extensions
# would stand before the sources that `make test` tests.
compiled:   ## the compiled build of the sources as they are now, in .venv-compiled (needs a C compiler)
	test -d $(COMPILED) || $(PYTHON) -m venv $(COMPILED)
	rm -rf build/lib* build/bdist* build/temp*
	DGO_COMPILE=1 $(COMPILED)/bin/pip install --quiet --disable-pip-version-check '.[test]'

# Not from here, where `dgo` would be the sources.
test-compiled: compiled   ## the rules, real workers, preemption, cancels and ends, with the compiled build
	cd tests && DGO_TESTED_BUILD=compiled ../$(COMPILED)/bin/pytest $(PARALLEL) -m "not seeds and not e2e and not slow" \
	    core model runtime conformance/test_cancel.py conformance/test_channels.py conformance/test_goroutines.py \
	    conformance/test_select_basic.py conformance/test_waitgroup.py conformance/test_async_channels.py system/test_ends.py
	cd tests && DGO_TESTED_BUILD=compiled ../$(COMPILED)/bin/pytest -m "not e2e" conformance/test_preemption.py

lint: $(VENV)/.ready   ## ruff (format and rules), mypy strict, the layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The theme's maker announces another product at each build; the variable spares us that.
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/.ready   ## the documentation, into build/site
	$(BIN)/mkdocs build --strict

docs-serve: export NO_MKDOCS_2_WARNING = 1
docs-serve: $(VENV)/.ready   ## the documentation on a port of the loopback, built anew at each change
	$(BIN)/mkdocs serve --strict

# The peers are large and only measured against: nothing else needs them. Without one of them the others still count.
$(VENV)/.bench: $(VENV)/.ready pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

bench: $(VENV)/.bench   ## dgo beside its peers: some 20 minutes; prints and writes docs/benchmarks.md and its plots
	$(BIN)/python -m benchmarks --write docs/benchmarks.md

clean:
	rm -rf $(VENV) $(COMPILED) build dist *.egg-info

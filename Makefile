PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-plain lint clean

demo: $(VENV)/installed
	$(BIN)/audiotok roundtrip examples -o demo --force
	@echo
	@echo "In $(CURDIR)/demo: for each clip NAME.original.wav (what went in), NAME.atok (tokens),"
	@echo "NAME.wav (what came out of the tokens) and NAME.png (spectrograms of both)."

test: lint
	$(PYTEST)

# Without the extras that need torch or a compiler: what needs them is skipped.
test-plain: $(VENV)/installed-test
	$(PYTEST)

# Scripts of different experiments have the same names, so that each folder is checked by itself.
lint: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	for folder in experiments/*/; do MYPYPATH=$$folder $(BIN)/mypy $$folder || exit; done

clean:
	rm -rf $(VENV)* demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/installed: requirements.txt setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	"needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] + \
	"; name another one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) -c requirements.txt -e '.[page]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	$(PIP) -r requirements.txt -r requirements-dev.txt -e '.[dev]'
	@touch $@

$(VENV)/installed-test: $(VENV)/installed requirements-dev.txt
	$(PIP) -r requirements.txt -c requirements-dev.txt -e '.[train,corpus,page,test]'
	@touch $@

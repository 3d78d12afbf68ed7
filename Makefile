# Everything a person does with a checkout. `make run` and `make test` need only Python 3.11-3.13 and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
URL    ?=
BAR    ?=
READY  := $(VENV)/.ready
TOOLS  := $(VENV)/.tools
# what is imported is compiled then: all of it at once takes half of the set-up
PIP    := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile -c constraints.txt
# most tests wait for something, so more than twice as many at once as there are processors; each takes most of a GB
AT_ONCE ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 6 ? 2 * n + 1 : 12)))

# the tests start hundreds of processes: each would compile z2 anew where Python is told to keep no bytecode
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-all whisper-test check format docs pictures bench bench-scale wheel deb systemd-test constraints clean

help:            ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "z2 needs Python 3.11, 3.12 or 3.13; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV) ..."
	@$(PIP) -e '.[standalone]'
	@touch $@

$(TOOLS): pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV) with what tests and checks need ..."
	@$(PIP) -e '.[standalone,dev]'
	@touch $(READY) $@

run: $(READY)    ## take URL=... (default: the sample clip) through the whole pipeline
	@$(BIN)/z2ctl run $(if $(URL),-- "$(URL)")

test: $(TOOLS)   ## the tests; they need no internet
	@$(BIN)/python -m pytest -n $(AT_ONCE) --dist loadgroup -m 'not slow'

test-all: $(TOOLS) ## with the slow ones: real terminals, kills at every point, hostile text on every screen
	@$(BIN)/python -m pytest -n $(AT_ONCE) --dist loadgroup

whisper-test: $(TOOLS) ## speech by faster-whisper, which this installs here, with a model that the tests make
	@$(PIP) -e '.[whisper]'
	@$(BIN)/python -m pytest tests/speech/test_whisper.py

check: $(TOOLS)  ## format, lint, types, import contracts, systemd units
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -qq -p no:cacheprovider tests/systemd/test_units.py

format: $(TOOLS) ## write the format that check wants
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(TOOLS)   ## write the reference pages from the code
	@$(BIN)/python -m docs.reference

pictures: $(TOOLS) ## draw the pictures of the dashboard
	@$(BIN)/python -m docs.pictures

bench: $(TOOLS)  ## what z2 costs, held against its bars, into docs/performance.md (8 minutes); BAR=3: of one bar
	@$(BIN)/python -m bench $(BAR)

bench-scale: $(TOOLS) ## the same of the bars that need a million rows (10 minutes, 3 GB of disk); BAR=6: of one bar
	@$(BIN)/python -m bench --scale $(BAR)

wheel: $(TOOLS)  ## what pip and pipx install, in dist/
	@rm -f dist/z2-*.whl && $(BIN)/python -m hatchling build -t wheel

deb: wheel       ## the Debian package with everything in it, in dist/
	@rm -f dist/z2_*.deb && $(BIN)/python debian/build.py

systemd-test: deb ## install and run z2 on a machine of its own, a container with a real systemd (root, Debian)
	@$(BIN)/python -m tests.systemd

constraints:     ## renew constraints.txt with the newest versions that fit
	@rm -rf $(VENV)-new && $(PYTHON) -m venv $(VENV)-new
	@$(VENV)-new/bin/python -m pip install --quiet --upgrade -e '.[standalone,whisper,dev]'
	@{ sed -n 1p constraints.txt; $(VENV)-new/bin/python -m pip freeze --exclude-editable; } > constraints.new
	@mv constraints.new constraints.txt && rm -rf $(VENV)-new

clean:           ## remove what make made here (never the library)
	@rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

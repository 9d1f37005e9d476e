# The five commands of daily work. Everything they need, they install into this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOG ?=
HOST ?= example.com

.PHONY: help run demo test check format bench install lock clean
help:  ## show this
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: install  ## start the local stack and serve until Ctrl-C
	@$(BIN)/python -m local.stack

# Without a browser the demo says so, and goes on without its visits.
demo: install  ## send traffic through the whole chain and print the reports; LOG=access.log replays a log
	@$(if $(LOG),,local/chromium.sh || true)
	@$(BIN)/python -m local.demo $(if $(LOG),--log '$(LOG)' --host '$(HOST)')

# What fails (exit code 1) runs once more, one by one, and the first failure then fails the run. Both runs are printed: a
# test that passes only by itself asks too much of a busy machine, and is to be mended.
pytest = $(BIN)/pytest $(1) $(2) || { [ $$? = 1 ] && echo "one by one, what failed beside other tests:" && \
	$(BIN)/pytest $(1) -x --last-failed --last-failed-no-failures none; }

# Tests that look at the clock run by themselves. The two parts that need a process of their own then run side by side, each
# printed as a whole where make can do that. Hundreds of processes start, which would each compile every module where the
# environment forbids to keep the compiled ones.
test: export PYTHONDONTWRITEBYTECODE =
test: static install-tests  ## run every test
	@$(call pytest,-m 'not alone',-n 4 --dist loadfile --no-loadscope-reorder)
	@$(call pytest,-m alone tests/e2e)
	@$(MAKE) --no-print-directory -j2 $(filter --output-sync,$(.FEATURES:%=--%)) test-routes test-runtime

.PHONY: test-routes
test-routes: install
	@$(call pytest,tests/e2e/test_openapi.py)

# Azure runs the functions by a library that exists for Python 3.13 alone. Where there is one, it runs them here, too.
MICROSOFT := $(VENV)/microsoft
# A python3.13 on the PATH may be a shim that runs none, so each is asked.
RUNTIME_PYTHON ?= $(firstword $(shell for python in python3.13 $(HOME)/.pyenv/versions/3.13.*/bin/python3.13; do \
	$$python -c 'import sys; print(sys.executable)' 2>/dev/null; done))
.PHONY: test-runtime
test-runtime:  ## run the host's tests and the main job on Microsoft's runtime, where there is a Python 3.13
ifneq ($(RUNTIME_PYTHON),)
	@$(MAKE) --no-print-directory $(MICROSOFT)/installed install
	@FUNCTIONS_HOST_RUNTIME=microsoft $(MICROSOFT)/bin/pytest -p no:cacheprovider tests/unit/functions_host tests/e2e/contract tests/e2e/test_main_job.py
else
	@echo "not run: the tests on Microsoft's runtime, for there is no python3.13; RUNTIME_PYTHON= names one"
endif

$(MICROSOFT)/installed: requirements-dev.txt $(VENV)/installed
	@echo "installing Python packages for $(RUNTIME_PYTHON) (once)"
	@$(RUNTIME_PYTHON) -m venv $(MICROSOFT)
	@$(MICROSOFT)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@touch $@

.PHONY: static
static: install
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy

check: static  ## format, lint, types, layers and language, in seconds
	@$(BIN)/pytest -q tests/unit/test_layers.py tests/unit/test_plain_english.py

.PHONY: linters
linters: install  ## run checkov and azure-functions-doctor over what is deployed
	@$(BIN)/python -m tests.infra.linters

format: install  ## rewrite the code in the project's format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: install-tests  ## print the ratios against the named baselines
	@$(BIN)/python -m benchmarks.dialects
	@$(BIN)/python -m benchmarks.collect
	@$(BIN)/python -m benchmarks.observing
	@$(BIN)/python -m benchmarks.enriching
	@$(BIN)/python -m benchmarks.compaction
	@$(BIN)/python -m benchmarks.exporting
	@$(BIN)/python -m benchmarks.importing
	@$(BIN)/python -m benchmarks.querying
	@$(BIN)/python -m benchmarks.first_screen --events 200000
	@$(BIN)/python -m benchmarks.people
	@$(BIN)/python -m benchmarks.emulator
	@$(BIN)/python -m benchmarks.tracker

# What is installed is remembered by stamps, so a second run starts at once.
install: $(VENV)/installed local/node_modules/installed

$(VENV)/installed: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else f"Python 3.11 to 3.13 is needed, {sys.executable} is {sys.version.split()[0]}; name another with PYTHON=")'
	@echo "installing Python packages (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@touch $@

local/node_modules/installed: local/package-lock.json
	@node -e 'process.exit(+process.versions.node.split(".")[0] >= 20 ? 0 : 1)' || { echo "Node.js 20 or newer is needed on the PATH, with npm"; exit 1; }
	@echo "installing Azurite (once)"
	@cd local && npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

.PHONY: install-tests
install-tests: install $(VENV)/lists/installed $(VENV)/pandas/installed $(VENV)/sql-driver-installed tests/integration/event_hubs/node/node_modules/installed tests/trackers/node_modules/installed tracker/node_modules/installed dashboard/node_modules/installed
	@local/chromium.sh

# Arrow imports pandas in each process that finds it, which takes half a second. No app has it, nor does what is installed above,
# which needs `--no-deps` for that: Spark's client, beside it, depends on pandas.
$(VENV)/pandas/installed: requirements-pandas.txt $(VENV)/installed
	@echo "installing pandas (once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade --target $(VENV)/pandas -r requirements-pandas.txt
	@touch $@

# The driver of imports of tables, which not every app needs.
$(VENV)/sql-driver-installed: requirements-sql.txt $(VENV)/installed
	@echo "installing the driver for Azure SQL (once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-sql.txt && touch $@ || echo "it is not there for this machine: its tests are skipped"

# The wheel that is installed leaves its cases out; the source of the same version, by the same lock, has them.
$(VENV)/lists/installed: requirements.txt
	@echo "fetching a public list of real browsers (once)"
	@mkdir -p $(VENV)/lists && sed -n '/^crawlerdetect==/,/# via/p' requirements.txt >$(VENV)/lists/requirements.txt
	@$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --require-hashes -r $(VENV)/lists/requirements.txt -d $(VENV)/lists
	@tar xzf $(VENV)/lists/crawlerdetect-*.tar.gz -C $(VENV)/lists --strip-components=4 --wildcards '*/fixtures/user_agent/*.txt'
	@touch $@

tests/integration/event_hubs/node/node_modules/installed: tests/integration/event_hubs/node/package-lock.json
	@echo "installing the second Event Hubs client (once)"
	@cd tests/integration/event_hubs/node && npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

tests/trackers/node_modules/installed: tests/trackers/package-lock.json tests/trackers/package.json
	@echo "installing the trackers (once)"
	@cd tests/trackers && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null && node unpack.mjs
	@touch $@

tracker/node_modules/installed: tracker/package-lock.json
	@echo "installing what the tracking script is built with (once)"
	@cd tracker && npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

.PHONY: tracker
tracker: tracker/node_modules/installed  ## build the tracking script that the functions serve
	@cd tracker && npm run --silent build

dashboard/node_modules/installed: dashboard/package-lock.json
	@echo "installing what the dashboard is built with (once)"
	@cd dashboard && npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

.PHONY: dashboard
dashboard: dashboard/node_modules/installed  ## build the dashboard that the functions serve
	@cd dashboard && npm run --silent build

lock: install  ## make the lock files anew from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --quiet -o requirements.txt
	@$(BIN)/uv pip compile --group pyproject.toml:pandas --no-deps --universal --python-version 3.11 --generate-hashes --no-header --quiet -o requirements-pandas.txt
	@$(BIN)/uv pip compile pyproject.toml --group dev --group pandas --no-emit-package pandas --universal --python-version 3.11 --generate-hashes --no-header --quiet -c requirements.txt -c requirements-pandas.txt -o requirements-dev.txt
	@$(BIN)/uv pip compile --group pyproject.toml:sql --universal --python-version 3.11 --generate-hashes --no-header --quiet -c requirements.txt -o requirements-sql.txt

clean:  ## remove what was installed and the local stack's state
	@rm -rf $(VENV) .local local/node_modules tests/integration/event_hubs/node/node_modules tests/trackers/node_modules tracker/node_modules tracker/dist dashboard/node_modules

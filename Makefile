# Everything a newcomer runs. Needs Python 3.11 or newer and make; the rest comes from requirements.lock, by hash.
#   make demo    a Kafka, three nodes, eight services and the live board
#   make test    every check and every test
#   make setup   only the environment, .venv (quick when nothing changed)
#   make image   as root: build the container image without a daemon, and run a node in it
#   make bench   the figures of the README, measured here
#   make lock    maintainers: resolve the locks anew, of Python packages and of Kafka's jars

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= 2

.DEFAULT_GOAL := setup
.PHONY: setup kafka demo test image check bench lock clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Watchbill needs Python 3.11 or newer; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1 || true)"; \
	  echo "Name another with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments: on Debian and Ubuntu install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@# setuptools warns of any project with more than one top-level package
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Apache Kafka's jars, and what makes it start quickly. Once for a machine.
kafka: setup
	@$(BIN)/python -m infra.kafka.prepare

demo: kafka
	@$(BIN)/watchbill demo

# The checks first: they take seconds. Tests on Kafka share one broker and one worker, the others run beside them, and
# those with a Kafka of their own last.
test: check kafka
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --durations 40 --durations-min 5

# The image of the Dockerfile, built without a daemon and run. Needs root, buildah and mmdebstrap; some minutes.
image: setup kafka
	$(BIN)/python -m pytest -m image tests/integration/test_image.py

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: kafka
	@for name in placement replay pipeline failover storm probes intervals; do $(BIN)/python -m tests.bench $$name --json || exit 1; done

# Two locks: everything, for work on Watchbill; and what a node runs with, for the image. The second takes its versions
# from the first.
COMPILE = PIP_FIND_LINKS= PIP_NO_INDEX= $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
  --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --extra node --extra kafka

lock: setup
	$(COMPILE) --extra dev --upgrade --output-file requirements.lock pyproject.toml
	cp requirements.lock requirements-node.lock
	$(COMPILE) --all-build-deps --output-file requirements-node.lock pyproject.toml
	$(BIN)/python -m infra.kafka.lock

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis

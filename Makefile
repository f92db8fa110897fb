# make rehearse   the whole loop on this machine: calibrate, predict, surge, compare, report
# make check      format, lint, types, import contracts, tests: what people and CI run
# make check-slow    real loads of many seconds, runs that are killed: what CI runs as well; about seven minutes
# make check-cluster   tests on a real Kubernetes cluster: one of kind, or MATCHDAY_TEST_CONTEXT's; about 15 minutes
# make bench-load the generator beside k6, vegeta, wrk and hey: ratios, about ten minutes
# make bench      how fast the model is: ratios, measured side by side
.PHONY: rehearse check check-slow check-cluster bench bench-load lock
.DEFAULT_GOAL := rehearse
BIN := .venv/bin

rehearse: .venv/ready
	$(BIN)/matchday rehearse scenarios/quick || test $$? -eq 1  # 1: all went well, and the SLO was missed

check: .venv/ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

check-slow: .venv/ready-dev
	$(BIN)/pytest tests/integration -m slow

check-cluster: .venv/ready-dev
	$(BIN)/pytest tests/cluster -p no:xdist -m cluster

bench: .venv/ready-dev
	PYTHONPATH=. $(BIN)/python tests/benchmarks/bench_model.py

bench-load: .venv/ready-dev
	PYTHONPATH=. $(BIN)/python -m tests.benchmarks.bench_load

.venv/ready: requirements.lock pyproject.toml
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "matchday needs Python 3.11 or newer; this python3 is " + sys.version.split()[0])'
	python3 -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

.venv/ready-dev: requirements-dev.lock .venv/ready
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	touch $@

# Rewrites both locks with the newest versions; needs uv (pip install uv).
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.lock pyproject.toml --group build --upgrade
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements-dev.lock pyproject.toml --group build --group dev -c requirements.lock --upgrade
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o balancer/deploy/requirements.lock balancer/deploy/requirements.in -c requirements.lock --upgrade

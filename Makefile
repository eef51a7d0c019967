# make run: everything up, with a demo shop in it. make test: the tests. Nothing else to install.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
LOCK := requirements.lock

.PHONY: run test contract lint types bench chaos stops hostile spark lock sbom clean

run: .venv/ready
	@exec $(BIN)/perennial run

# Two workers share the cores: threads of numerical libraries beside them would spin, waiting for one another.
test: .venv/ready
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(ARGS)

# The contract against the running service at length; `make test` has its short form.
contract: .venv/ready
	PERENNIAL_TEST_CONTRACT_EXAMPLES=50 $(BIN)/python -m pytest tests/runtime/test_contract.py $(ARGS)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

bench: .venv/ready
	$(BIN)/python -m benchmarks.score
	$(BIN)/python -m benchmarks.decision
	$(BIN)/python -m benchmarks.recommend
	$(BIN)/python -m benchmarks.checkout $(ARGS)
	$(BIN)/python -m benchmarks.reads
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.sweep
	$(BIN)/python -m benchmarks.rescoring
	$(BIN)/python -m benchmarks.states
	$(BIN)/python -m benchmarks.imports $(if $(DATA),--data $(DATA))

# Kills the service and its Postgres under load, again and again, then in a rush on a budget; ARGS=--short in CI.
chaos: .venv/ready
	$(BIN)/python -m benchmarks.chaos $(ARGS)
	$(BIN)/python -m benchmarks.rush $(filter --short,$(ARGS))

# Stops of the service under load, a hundred with one worker and with two; ARGS="--stops 10" for fewer.
stops: .venv/ready
	$(BIN)/python -m benchmarks.stops $(ARGS)

# Hostile and slow clients beside the tills; ARGS=--short in CI, ARGS="--only heads" for one of them.
hostile: .venv/ready
	$(BIN)/python -m benchmarks.hostile $(ARGS)

# The environment: exactly what the lock says, each file checked against its hash.
.venv/ready: $(LOCK) pyproject.toml
	@echo "Making the environment in .venv ..." >&2
	@$(PYTHON) -m venv --clear .venv || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv --clear .venv; } \
	  || { echo "Python 3.11 with its venv module is needed (Debian: apt install python3-venv)." >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --progress-bar off -r $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# PySpark, 400 MB, for --engine spark and its test. Java 17 or later is needed to run it.
spark: .venv/spark-ready

.venv/spark-ready: requirements-spark.lock .venv/ready
	@echo "Installing PySpark ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --require-hashes \
	  --progress-bar off -r requirements-spark.lock
	@touch $@

lock:
	uv pip compile pyproject.toml --extra embedded --extra ml --extra otel --extra dev --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --upgrade --quiet -o $(LOCK)
	uv pip compile pyproject.toml --extra spark --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --quiet -c $(LOCK) -o requirements-spark.lock
	uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --upgrade --quiet -c $(LOCK) -o requirements-server.lock

# What is in the image, for whoever must know: made again whenever the server's lock has changed.
sbom: .venv/ready
	$(BIN)/python deploy/sbom.py

clean:
	rm -rf .venv var build *.egg-info .pytest_cache .mypy_cache .ruff_cache

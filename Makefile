# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The processes of the tests share the processors; NumPy would start as many threads in each.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist worksteal --durations 15

# Real images beside the project are used where they are.
ifneq ($(wildcard ../shared/datasets),)
export PELLUCID_DATA ?= $(abspath ../shared/datasets)
endif

# On JAX the first training of a process would compile for half a minute what others have compiled before. With a size
# the cache is locked, so that no process reads what another has half written.
COMPILED := JAX_COMPILATION_CACHE_DIR=$(abspath .build/jax) JAX_COMPILATION_CACHE_MAX_SIZE=1000000000 \
	JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1

.PHONY: demo test lint unit jax wheel bench clean

demo: $(VENV)/.train  ## train a denoiser, judge it, draw it
	$(BIN)/pellucid train --recipe quick

test: lint unit jax wheel  ## all checks

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.test
	$(PYTEST)

jax: $(VENV)/.test  ## the contracts once more on the second backend
	KERAS_BACKEND=jax $(COMPILED) $(PYTEST) -q -m "keras and not one_backend"

wheel: $(VENV)/.test  ## the built wheel denoises in an environment without Keras
	rm -rf .build && $(BIN)/python -m build --wheel --outdir .build
	$(PYTHON) -m venv .build/venv && .build/venv/bin/pip install -q .build/*.whl
	$(BIN)/python tests/make_model.py .build
	cd .build && venv/bin/pellucid denoise noisy.png -m model.onnx && test -s noisy.denoised.png
	! .build/venv/bin/python -c "import keras" 2>/dev/null

bench: $(VENV)/.test  ## the shorter measurements of docs/performance.md, one after the other, about half an hour
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/time_to_quality.py
	$(BIN)/python benchmarks/training_memory.py
	$(BIN)/python benchmarks/upsampling.py
	$(BIN)/python benchmarks/engines.py

$(VENV)/.train: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e ".[tensorflow]"
	touch $@

$(VENV)/.test: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e ".[tensorflow,jax,test]"
	touch $(VENV)/.train $@

clean:
	rm -rf $(VENV) .build

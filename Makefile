# One-line verbs over a .venv in this folder; each sets up what it needs from nothing.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := OMP_NUM_THREADS=1 PYTHONHASHSEED=0 $(BIN)/python -m pytest --numprocesses=2 --dist=worksteal
MINUTES ?= 10

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-alone fuzz mutants mutate gpu bench check print docs clean

help:  ## list the verbs
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*##/\t/' | expand -t 14

demo: .venv/cli  ## compare three box losses on digit scenes: out/demo/report.html
	$(BIN)/detloss compare --scenes boxes --box l2,smooth_l1,giou --cls focal --seeds 5 --steps 200 --weights l2=3,smooth_l1=8,giou=8 --out out/demo --overwrite

test: .venv/test  ## what to run many times a day: every loss, dtype, backend and command
	@echo "Running the tests in two processes, up to five minutes."
	$(PYTEST) -m "not exhaustive"

test-all: .venv/test  ## what make test leaves out; some of it needs a compiler, valgrind, qemu and a browser
	@echo "Running the exhaustive tests in two processes, about ten minutes."
	$(PYTEST) -m exhaustive

test-alone: .venv-alone/ready  ## the library where there is torch and nothing else
	@echo "Running the library's tests beside torch alone."
	OMP_NUM_THREADS=1 PYTHONHASHSEED=0 .venv-alone/bin/python -m pytest -m "not exhaustive" -k "not against_torchvision" --ignore tests/losses/test_bounding_boxes.py tests/formulas tests/losses tests/boxes tests/engine tests/test_class_balance.py tests/test_normalizer.py tests/auditing tests/kernels/cpp/test_agreement.py

fuzz: .venv/test  ## the tests that draw their inputs, with fresh seeds, for MINUTES (10): each failure with its reproduction
	@echo "Running tests with fresh seeds for $(MINUTES) minutes."
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.fuzz --minutes $(MINUTES) $(ARGS)

mutants: .venv/test  ## break the code in many places, one at a time: the tests must notice each
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.mutants $(ARGS)

mutate: .venv/test  ## flip every operator of formulas/: the tests must notice each
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.mutate

gpu:  ## check accuracy and speed on this machine's GPU, within five minutes; installs nothing: out/gpu/gpu.md
	PYTHONPATH=src $(PYTHON) -m tools.gpu $(ARGS)

check: .venv/check  ## format, lint, types, generated files
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/basedpyright
	$(BIN)/python -m tools.print_formulas --check && $(BIN)/python -m tools.write_stubs --check

print: .venv/check  ## write the generated files: formulas/ in C++, Triton and JavaScript, and the stub of the package
	$(BIN)/python -m tools.print_formulas && $(BIN)/python -m tools.write_stubs

bench: .venv/test  ## every loss beside what its users call today: out/bench/bench.md
	@echo "Measuring every loss, about half an hour; ARGS=--quick takes some minutes."
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks $(ARGS)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.polygons
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.training_steps
	$(BIN)/python -m benchmarks.explorer

docs: .venv/docs  ## out/docs/index.html
	@echo "Building out/docs/index.html, some minutes."
	$(BIN)/sphinx-build -W --keep-going -n -b html docs out/docs

.venv/bin/python:
	$(PYTHON) -m venv .venv

KERNELS := setup.py $(wildcard src/detloss/kernels/cpp/*.h src/detloss/kernels/cpp/*.cpp)

.venv/cli .venv/test .venv/check .venv/docs: .venv/bin/python pyproject.toml $(KERNELS)
	@echo "Installing what $(@F) needs into .venv: downloads and a compilation, some minutes."
	$(BIN)/pip install --quiet --editable '.[$(@F)]'
	touch $@

.venv-alone/ready: pyproject.toml $(KERNELS)
	@echo "Installing torch alone into .venv-alone: downloads and a compilation, some minutes."
	$(PYTHON) -m venv .venv-alone
	.venv-alone/bin/pip install --quiet torch==2.13.0 mpmath numpy pytest
	.venv-alone/bin/pip install --quiet --no-deps --editable .
	touch $@

clean:
	rm -rf .venv .venv-alone out

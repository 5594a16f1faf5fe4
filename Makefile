# One-line verbs over a .venv in this folder; each sets up what it needs from nothing.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-system test-alone battery gpu bench check print mutate docs clean

demo: .venv/study  ## compare four pairs of losses on digit scenes: out/demo/report.html
	$(BIN)/detloss compare --box smooth_l1,giou --cls ce,focal --seeds 3 --steps 500 --weights smooth_l1=2,giou=2 --out out/demo --overwrite

test: .venv/test  ## everything that pip can bring
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=2 --ignore=tests/system

test-system: .venv/test  ## what also needs a compiler, valgrind, qemu and a browser
	$(BIN)/python -m pytest tests/system

test-alone: .venv-alone/ready  ## the library where there is torch and nothing else
	OMP_NUM_THREADS=1 .venv-alone/bin/python -m pytest -k "not against_torchvision" tests/library tests/oracle tests/battery tests/kernels/test_agreement.py

battery: .venv/test  ## the full numerics battery on ten fresh seeds, beside torch and torchvision
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.battery --seeds 10

gpu:  ## check the Triton kernels on this machine's GPU, in five minutes; installs nothing
	PYTHONPATH=src $(PYTHON) -m tools.gpu $(ARGS)

check: .venv/check  ## format, lint, types
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/python -m tools.print_formulas --check

print: .venv/test  ## the C++ and Triton forms of formulas.py
	$(BIN)/python -m tools.print_formulas

bench: .venv/test  ## every loss beside what its users call today: out/bench/bench.md
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks $(ARGS)

mutate: .venv/test  ## flip every operator of formulas.py: the tests must notice each
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.mutate

docs: .venv/docs  ## out/docs/index.html
	$(BIN)/sphinx-build -W --keep-going -n -b html docs out/docs

.venv/bin/python:
	$(PYTHON) -m venv .venv

KERNELS := setup.py $(wildcard src/detloss/kernels/cpp/*.h src/detloss/kernels/cpp/*.cpp)

.venv/study .venv/test .venv/check .venv/docs: .venv/bin/python pyproject.toml $(KERNELS)
	$(BIN)/pip install --quiet --editable '.[$(@F)]'
	touch $@

.venv-alone/ready: pyproject.toml $(KERNELS)
	$(PYTHON) -m venv .venv-alone
	.venv-alone/bin/pip install --quiet torch==2.13.0 hypothesis mpmath numpy pytest
	.venv-alone/bin/pip install --quiet --no-deps --editable .
	touch $@

clean:
	rm -rf .venv .venv-alone out

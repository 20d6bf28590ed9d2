# Every command that a person needs; "make help" lists them. What they do stands in src/loopbook.
# make ends with code 2 whatever went wrong; python -m loopbook tells failed, missed and bad input apart.

## SCENARIO   an agent in notebooks/scenarios, or the path of a YAML file
SCENARIO ?= market-monitor
## PROFILE    smoke, standard or full
PROFILE ?= standard
## PARAMS     values to try, such as PARAMS="training.epochs=3"
PARAMS ?=
## KERNELS    fork: a notebook's kernel starts with libraries imported, where that is safe; spawn: from nothing
KERNELS ?= fork
## GPU        1: the environment with CUDA, 0: without; not given: as it is
GPU ?=
## UPGRADE    1: "make lock" takes the newest version of each package
UPGRADE ?=
## PIP        1: set up with pip alone, without uv
PIP ?=

# An active conda environment (the base one is left alone) is used instead of .venv.
ENVIRONMENT := .venv
ifneq ($(CONDA_PREFIX),)
ifneq ($(CONDA_DEFAULT_ENV),base)
ENVIRONMENT := $(CONDA_PREFIX)
endif
endif
PYTHON := $(ENVIRONMENT)/bin/python
PYTHONS := python3 python3.13 python3.12 python3.11 python
SETUP := -S -m loopbook.setup --environment "$(ENVIRONMENT)" --gpu "$(filter 0 1,$(GPU))" $(if $(filter 1,$(PIP)),--plain-pip)

# Without bytecode, importing TensorFlow takes 15 s instead of 4.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONNOUSERSITE := 1
export TF_CPP_MIN_LOG_LEVEL := 2

.DEFAULT_GOAL := run
.PHONY: run test lab tensorboard report setup lock clean help ready

run: export SCENARIO := $(SCENARIO)
run: export PROFILE := $(PROFILE)
run: export PARAMS := $(PARAMS)
run: export KERNELS := $(KERNELS)
run: ready ## run the scenario's notebooks that are not up to date, and write the report (the default)
	@"$(PYTHON)" -m loopbook run --scenario "$$SCENARIO" --profile "$$PROFILE" --params "$$PARAMS"

test: ready ## lint, check types and run all tests
	"$(PYTHON)" -m ruff check
	"$(PYTHON)" -m ruff format --check
	"$(PYTHON)" -m mypy
	"$(PYTHON)" -m pytest

lab: ready ## open the notebooks in JupyterLab
	@"$(PYTHON)" -m loopbook lab

tensorboard: export SCENARIO := $(SCENARIO)
tensorboard: export PROFILE := $(PROFILE)
tensorboard: ready ## look at the training of the scenario's latest run in TensorBoard
	@"$(PYTHON)" -m loopbook tensorboard --scenario "$$SCENARIO" --profile "$$PROFILE"

report: ready ## build the reports again from the records of the runs
	@"$(PYTHON)" -m loopbook report

setup: SETUP += --repair
setup: ready ## set up the environment (the other commands do it when needed); to build it anew, delete .venv before

lock: ready ## write the locks and environment.yml anew from pyproject.toml
	@"$(PYTHON)" -m loopbook.setup.lock $(if $(filter 1,$(UPGRADE)),--upgrade)

clean: ready ## remove unfinished work and drafts; sources and feedback are kept
	@"$(PYTHON)" -m loopbook clean

help: ## list the commands and variables
	@echo 'make COMMAND [VARIABLE=value]'; echo; echo 'Commands'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile
	@echo; echo 'Variables'
	@awk '/^## / { name = $$2; $$1 = $$2 = ""; sub(/^ +/, ""); printf "  %-12s %s\n", name, $$0 }' Makefile

ready:
	@if [ -x "$(PYTHON)" ]; then PYTHONPATH=src exec "$(PYTHON)" $(SETUP); fi; \
	for python in $(PYTHONS); do \
	  if "$$python" -I -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	  then PYTHONPATH=src exec "$$python" $(SETUP); fi; \
	done; \
	echo 'Loopbook needs Python 3.11, 3.12 or 3.13, and found none among: $(PYTHONS).' >&2; \
	echo 'Install one, or name it: make PYTHONS=/path/to/python3.12' >&2; exit 1

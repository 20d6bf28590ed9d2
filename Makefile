# Every command that a person needs; "make help" lists them. What they do stands in src/loopbook.
# make ends with code 2 whatever went wrong; python -m loopbook tells failed, missed and bad input apart.

## SCENARIO   an agent in notebooks/scenarios, or the path of a YAML file
SCENARIO ?= market-monitor
## PROFILE    smoke, standard or full
PROFILE ?= standard
## PARAMS     values to try, such as PARAMS="training.epochs=3"
PARAMS ?=
## N          rounds of "make loop"
N ?= 3
## GRID       "make sweep": values to combine, GRID="training.architecture=cnn,lstm training.seed=1:5"
GRID ?=
## ENGINE     "make sweep": local, or dask for an existing cluster that shares this folder
ENGINE ?= local
## DASK       its scheduler's address, DASK=tcp://host:8786
DASK ?=
## JOBS       "make sweep": notebooks executed at once; "make ablation": fits; not given: one a processor
JOBS ?=
## SWEEP      "make tensorboard": a sweep's name, to look at its points instead
SWEEP ?=
## LIMIT      "make ablation": hours of processor time; not given: as the scenario says
LIMIT ?=
## KERNELS    fork: a notebook's kernel starts with libraries imported, where that is safe; spawn: from nothing
KERNELS ?= fork
## A          "make compare": a run, by name, latest, or scenario/profile; ~1 after it: the one before
A ?=
## B          the run that is compared with it
B ?=
## GPU        1: the environment with CUDA, 0: without; not given: as it is
GPU ?=
## NAME       the new agent's name, for "make new"
NAME ?=
## FILE       its csv file
FILE ?=
## LABEL      the column that it shall predict; not given: guessed
LABEL ?=
## ITEMS      of a ranking: a file of the items, and USERS of the users; FILE is then what was taken, when and by whom
ITEMS ?=
## WORKERS    "make run": processes that train each network together; "make serve": that answer; not given: as it is best
WORKERS ?=
## PORT       "make serve": where it listens on this machine; 0: a free one
PORT ?= 8000
## LOOKS      "make watch": end after so many looks for new rows; not given: never
LOOKS ?=
## UPGRADE    1: "make lock" takes the newest version of each package
UPGRADE ?=
## PIP        1: set up with pip alone, without uv
PIP ?=

## RUN        "make share": a run's name, scenario/run, scenario/profile (its newest good run), or latest
RUN ?= latest
## HTML       "make share": 1: one HTML file instead of a zip
HTML ?=
## OUT        "make share": the file to write; "make ablation": a file for the table as Markdown
OUT ?=
## ALLOW      "make share": one text that may leave although the search finds it, such as a public address
ALLOW ?=

## SUMMARY    "make nightly": the file for the summary; a JSON file goes beside it
SUMMARY ?=
## WEBHOOK    "make nightly": an address that the summary is posted to; better in LOOPBOOK_WEBHOOK if it is secret
WEBHOOK ?=
## MAIL       "make nightly": mail addresses, separated by commas; the server is named in LOOPBOOK_SMTP_HOST
MAIL ?=
## KEEP       "make nightly": runs older than so many days leave; not given: none does
KEEP ?=

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
export TF_CPP_MIN_LOG_LEVEL := 3

.DEFAULT_GOAL := run
.PHONY: run why debug loop sweep ablation compare new fetch test lab tensorboard serve watch nightly report share doctor setup lock clean help ready

# Each command gets its variables through its environment, so that they reach it as they were typed.
run why debug loop sweep ablation fetch tensorboard serve watch nightly: export SCENARIO := $(SCENARIO)
run why debug loop sweep ablation fetch tensorboard serve watch nightly: export PROFILE := $(PROFILE)
run why loop sweep ablation fetch serve watch: export PARAMS := $(PARAMS)
run sweep: export KERNELS := $(KERNELS)

run: export WORKERS := $(WORKERS)
run: ready ## run the scenario's notebooks that are not up to date, and write the report (the default)
	@set -- --scenario "$$SCENARIO" --profile "$$PROFILE" --params "$$PARAMS"; \
	if [ -n "$$WORKERS" ]; then set -- "$$@" --workers "$$WORKERS"; fi; \
	"$(PYTHON)" -m loopbook run "$$@"

why: ready ## say what made each stage stale: the line, parameter, input or package
	@"$(PYTHON)" -m loopbook why --scenario "$$SCENARIO" --profile "$$PROFILE" --params "$$PARAMS"

debug: ready ## open the notebook that failed in the latest run, with its inputs, at the cell that failed
	@"$(PYTHON)" -m loopbook debug --scenario "$$SCENARIO" --profile "$$PROFILE"

loop: export N := $(N)
loop: ready ## run N rounds; between them, approve what the scenario's policy may (python -m loopbook approve: by hand)
	@"$(PYTHON)" -m loopbook loop --scenario "$$SCENARIO" --profile "$$PROFILE" --params "$$PARAMS" --rounds "$$N"

sweep: export GRID := $(GRID)
sweep: export ENGINE := $(ENGINE)
sweep: export DASK := $(DASK)
sweep: export JOBS := $(JOBS)
sweep: ready ## run every point of GRID, sharing all that is equal, and write a page that compares them
	@set -- --scenario "$$SCENARIO" --profile "$$PROFILE" --params "$$PARAMS"; \
	if [ -n "$$JOBS" ]; then set -- "$$@" --jobs "$$JOBS"; fi; \
	"$(PYTHON)" -m loopbook sweep "$$@" --grid="$$GRID" --engine "$$ENGINE" --dask="$$DASK"

ablation: export LIMIT := $(LIMIT)
ablation: export JOBS := $(JOBS)
ablation: export OUT := $(OUT)
ablation: ready ## measure every technique of training with and without, within LIMIT, and write one table
	@set -- --scenario "$$SCENARIO" --profile "$$PROFILE" --params "$$PARAMS"; \
	if [ -n "$$LIMIT" ]; then set -- "$$@" --limit "$$LIMIT"; fi; \
	if [ -n "$$JOBS" ]; then set -- "$$@" --jobs "$$JOBS"; fi; \
	if [ -n "$$OUT" ]; then set -- "$$@" --out "$$OUT"; fi; \
	"$(PYTHON)" -m loopbook ablation "$$@"

compare: export A := $(A)
compare: export B := $(B)
compare: ready ## compare run B with run A: metrics beside the noise of seeds, data, code, figures
	@"$(PYTHON)" -m loopbook compare -- "$$A" "$$B"

new: export NAME := $(NAME)
new: export FILE := $(FILE)
new: export LABEL := $(LABEL)
new: export TASK := $(TASK)
new: export ITEMS := $(ITEMS)
new: export USERS := $(USERS)
new: ready ## begin an agent from a csv file: NAME=my-agent FILE=my.csv, and LABEL=column TASK=multiclass if need be
	@"$(PYTHON)" -m loopbook new --label="$$LABEL" --task="$$TASK" --items="$$ITEMS" --users="$$USERS" -- "$$NAME" "$$FILE"

fetch: ready ## bring what the scenario's feeds or web pages have now; a run reads what was saved
	@"$(PYTHON)" -m loopbook fetch --scenario "$$SCENARIO" --profile "$$PROFILE" --params "$$PARAMS"

test: ready ## lint, check types and run all tests
	"$(PYTHON)" -m ruff check
	"$(PYTHON)" -m ruff format --check
	"$(PYTHON)" -m mypy
	"$(PYTHON)" -m pytest -n auto --dist loadfile --no-loadscope-reorder

lab: ready ## open the notebooks in JupyterLab
	@"$(PYTHON)" -m loopbook lab

tensorboard: export SWEEP := $(SWEEP)
tensorboard: ready ## look at the training of the scenario's latest run in TensorBoard, or at SWEEP
	@"$(PYTHON)" -m loopbook tensorboard --scenario "$$SCENARIO" --profile "$$PROFILE" --sweep="$$SWEEP"

serve: export WORKERS := $(WORKERS)
serve: export PORT := $(PORT)
serve: ready ## serve the newest good run's agent by HTTP; it follows what is approved and run; Ctrl-C ends it
	@set -- --scenario "$$SCENARIO" --profile "$$PROFILE" --params "$$PARAMS" --port "$$PORT"; \
	if [ -n "$$WORKERS" ]; then set -- "$$@" --workers "$$WORKERS"; fi; \
	"$(PYTHON)" -m loopbook serve "$$@"

watch: export LOOKS := $(LOOKS)
watch: ready ## decide rows as they come in (a folder, a database, a feed, a web site), each once; Ctrl-C ends it
	@set -- --scenario "$$SCENARIO" --profile "$$PROFILE" --params "$$PARAMS"; \
	if [ -n "$$LOOKS" ]; then set -- "$$@" --looks "$$LOOKS"; fi; \
	"$(PYTHON)" -m loopbook watch "$$@"

nightly: export SUMMARY := $(SUMMARY)
nightly: export MAIL := $(MAIL)
nightly: export KEEP := $(KEEP)
ifneq ($(WEBHOOK),)
nightly: export LOOPBOOK_WEBHOOK := $(WEBHOOK)
endif
nightly: ready ## run SCENARIO (several: separated by commas) unattended, and deliver one summary
	@set -- --scenario "$$SCENARIO" --profile "$$PROFILE"; \
	if [ -n "$$SUMMARY" ]; then set -- "$$@" --summary "$$SUMMARY"; fi; \
	if [ -n "$$MAIL" ]; then set -- "$$@" --mail "$$MAIL"; fi; \
	if [ -n "$$KEEP" ]; then set -- "$$@" --keep-days "$$KEEP"; fi; \
	"$(PYTHON)" -m loopbook nightly "$$@"

report: ready ## build the reports again from the records of the runs
	@"$(PYTHON)" -m loopbook report

share: export RUN := $(RUN)
share: export HTML := $(HTML)
share: export OUT := $(OUT)
share: export ALLOW := $(ALLOW)
share: ready ## write the report of RUN into one file to hand on, searched for personal data before
	@set -- ; if [ "$$HTML" = 1 ]; then set -- "$$@" --html; fi; \
	if [ -n "$$OUT" ]; then set -- "$$@" --out "$$OUT"; fi; \
	if [ -n "$$ALLOW" ]; then set -- "$$@" --allow "$$ALLOW"; fi; \
	"$(PYTHON)" -m loopbook share "$$@" -- "$$RUN"

# Not after "ready": it says what is wrong and mends nothing, with whatever Python there is.
doctor: ## say what is wrong with this machine, and the remedy
	@for python in "$(PYTHON)" $(PYTHONS); do \
	  if "$$python" -I -c '' 2>/dev/null; then \
	    PYTHONPATH=src exec "$$python" -S -m loopbook.setup.doctor \
	      --environment "$(ENVIRONMENT)" --gpu "$(filter 0 1,$(GPU))"; fi; \
	done; \
	echo 'There is no Python among: $(PYTHONS). Install one: sudo apt install python3 python3-venv' >&2; exit 1

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

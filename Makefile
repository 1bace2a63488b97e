# Everything a person does with this project; `make help` lists it.
# Each target makes .venv and installs what it needs first, when that is missing or setup.cfg has changed.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
LAB := $(VENV)/.installed-notebooks
# The tests on both cores; files are handed out in the order of tests/conftest.py.
WORKERS := --numprocesses=2 --dist=loadfile --no-loadscope-reorder
# The versions that were tested; make setup LOCK= installs the newest that setup.cfg allows.
LOCK ?= requirements.lock
# More flags for a training: make train-dcgan ARGS="--seed 2 --preset dcgan"
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
# pip, and of what it says the packages that it fetches, numbered
install = $(VENV)/bin/pip install $(if $(LOCK),--constraint $(LOCK)) --editable $(1) | \
	awk '/^Collecting/ { printf "  %d %s\n", ++n, $$2; fflush() } /^Installing collected/ { print "unpacking"; fflush() }'

.DEFAULT_GOAL := help
# What make help lists is done each time, whatever files there are.
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*\#\#.*/\1/p' $(firstword $(MAKEFILE_LIST)))

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 16

$(READY): setup.cfg pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "installing TensorFlow and what else trainings need into $(VENV), once: minutes"
	@$(PYTHON) -m venv $(VENV)
	@$(call install,.)
	@touch $(READY)

$(DEV): $(READY)
	@echo "installing what tests and notebooks need into $(VENV), once"
	@$(call install,'.[dev]')
	@touch $(DEV)

setup: $(DEV)  ## make .venv and install all into it, tests and notebooks included

train-dcgan: $(READY)  ## draw handwritten digits: train a DCGAN that is given the class, no download
	@$(RUN) -m keras_dcgan.train --dataset mnist5k --preset cgan --width 16 --epochs 40 --max_minutes 4 $(ARGS)

train-ssgan: $(READY)  ## name digits from 100 labels: train a semi-supervised GAN, no download
	@$(RUN) -m ssgan_tf.train --dataset mnist5k --labels 100 --max_minutes 3 $(ARGS)

PAGES := $(VENV)/.installed-pages
$(PAGES): $(READY)
	@echo "installing what pages in a browser need into $(VENV), once"
	@$(call install,'.[pages]')
	@touch $(PAGES)

play: $(PAGES)  ## the game in two dimensions, live in your browser: make it collapse, and cure it
	@$(RUN) -m gan_common.play $(ARGS)

$(LAB): $(READY)
	@echo "installing JupyterLab into $(VENV), once"
	@$(call install,'.[notebooks]')
	@touch $(LAB)

notebooks: $(LAB)  ## open the chapter's notebooks in JupyterLab
	@$(RUN) -m jupyterlab notebooks $(ARGS)

WEB := $(VENV)/.installed-web
$(WEB): $(READY)
	@$(call install,'.[onnx]')
	@$(RUN) -m gan_common.web
	@touch $(WEB)

web: $(WEB)  ## fetch what export --format web needs, once; npm must be installed

BOOK := $(VENV)/.installed-book
$(BOOK): $(READY)
	@echo "installing what the book is made with into $(VENV), once"
	@$(call install,'.[book]')
	@touch $(BOOK)

book: $(BOOK)  ## the chapter as a site to read without a network: build/book/index.html
	@echo "making the book, half a minute"
	@rm -rf build/book
	@$(RUN) -m sphinx --builder html --conf-dir book --doctree-dir build/doctrees --fresh-env --fail-on-warning \
		--quiet --jobs auto . build/book $(ARGS)
	@$(RUN) -m book.check build/book && echo "open build/book/index.html"

LIVE := build/live/live/digits
$(LIVE): $(WEB)
	@$(RUN) -m notebooks.checkpoints cgan
	@$(RUN) -m keras_dcgan.export --run_dir runs/notebooks/cgan --what generator --format web --out $@

book-live: $(LIVE)  ## the same with a generator that draws in the page; trains it once, two minutes
	@$(MAKE) --no-print-directory book

which-trick: $(READY)  ## the page "Which trick when" anew, from the numbers in results/
	@$(RUN) -m benchmarks.which_trick $(ARGS)

checkpoints: $(READY)  ## train what the notebooks open on, once: twenty minutes
	@$(RUN) -m notebooks.checkpoints $(ARGS)

notebooks-run: $(DEV)  ## run the notebooks and refresh their outputs; ARGS="2.4" for some of them
	@$(RUN) -m notebooks.execute $(ARGS)

bench: $(READY)  ## how fast, beside other ways and the machine's peak: half an hour, nothing else running
	@$(RUN) -m benchmarks.speed.bench $(ARGS)

soak: $(READY)  ## kill trainings 20 times each, go on, compare; watch memory over 5,000 steps: a quarter of an hour
	@$(RUN) -m benchmarks.stress.soak --kills 20 --json results/soak.json $(ARGS)
	@$(RUN) -m benchmarks.stress.long_run --json results/long_run.json

walk: $(READY)  ## a random walk of 500 faults over both trainings: half an hour, goes on where it stopped
	@$(RUN) -m benchmarks.stress.walk --faults 500 --json results/walk.json $(ARGS)

fuzz: $(DEV)  ## ten minutes of altered files, four of messages to the pages: only our own errors may come out
	@$(RUN) -m benchmarks.stress.fuzz --minutes 10 --json results/fuzz.json $(ARGS)
	@$(RUN) -m benchmarks.stress.fuzz_pages --minutes 4 --json results/fuzz_pages.json

shapes: $(READY)  ## counts, perspective, structure: how often a DCGAN gets them wrong, and what helps
	@$(RUN) -m benchmarks.experiments.shapes $(ARGS)

modes: $(READY)  ## mode collapse and its cures: three hours of tables and figures, goes on where it stopped
	@for task in ring grid stacked; do $(RUN) -m benchmarks.experiments.modes --task $$task $(ARGS) || exit $$?; done

doctor: $(READY)  ## failures made, named and treated: does the doctor see them, and does treatment help?
	@$(RUN) -m benchmarks.experiments.doctor $(ARGS)

ablation: $(READY)  ## each trick on the patient it was made for, and on the healthy: six hours, goes on where it stopped
	@$(RUN) -m benchmarks.experiments.patients $(ARGS)

applications: $(READY)  ## section 2.2.1: every system with three seeds, its ablations with one: forty hours, goes on
	@$(RUN) -m benchmarks.experiments.applications $(ARGS)

test: lint unit integration test-notebooks  ## what has to pass: lint, tests, notebooks

unit: $(DEV)  ## the tests of the parts: six minutes at most
	@$(RUN) -m pytest $(WORKERS) -m "not integration and not notebook" $(ARGS)

integration: $(DEV)  ## whole trainings, kills, several processes, pages in a browser
	@$(RUN) -m pytest $(WORKERS) -m integration $(ARGS)

OLDEST := .venv-oldest
$(OLDEST)/.installed: setup.cfg .ci/oldest.py
	@echo "installing the lower bounds of setup.cfg into $(OLDEST), once"
	@$(PYTHON) -m venv $(OLDEST)
	@$(PYTHON) .ci/oldest.py > $(OLDEST)/requirements.txt
	@$(OLDEST)/bin/pip install --quiet --requirement $(OLDEST)/requirements.txt
	@touch $@

test-oldest: $(OLDEST)/.installed  ## the unit tests with the oldest versions that setup.cfg allows
	@$(OLDEST)/bin/python -m pytest $(WORKERS) -m "not integration and not notebook" $(ARGS)

test-notebooks: $(DEV)  ## every notebook, in its quick form
	@$(RUN) -m pytest tests/test_notebooks.py -m notebook --numprocesses=2 --dist=load --durations=20

lint: $(DEV)  ## ruff and mypy: style, format, types
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

format: $(DEV)  ## let ruff rewrite the code
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

SUPPLY := $(VENV)/.installed-supply
$(SUPPLY): $(READY)
	@$(call install,'.[supply]')
	@touch $(SUPPLY)

lock: $(SUPPLY)  ## take up the newest versions that setup.cfg allows into requirements.lock; then make test
	@$(VENV)/bin/uv pip compile setup.cfg --quiet --universal --upgrade --no-annotate --no-emit-index-url \
		--python-version 3.11 --constraint .ci/constraints.txt --extra dev --extra notebooks --extra measures --extra onnx --extra book \
		--custom-compile-command "make lock" --output-file requirements.lock

licenses: $(DEV) $(LAB)  ## which license each package has, into docs/licenses.md
	@$(VENV)/bin/pip install --quiet --requirement requirements.lock
	@$(RUN) .ci/licenses.py > docs/licenses.md

audit: $(SUPPLY)  ## known vulnerabilities of what requirements.lock has; asks PyPI
	@$(VENV)/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip

clean:  ## remove .venv and caches; runs/ stays
	rm -rf $(VENV) $(OLDEST) .pytest_cache .mypy_cache .ruff_cache *.egg-info build

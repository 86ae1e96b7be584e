# Every command of the course; the work is in `python -m gradus` and `python -m autograder`.
# `make help` lists them. On Windows, or without make: see README.md.

PYTHON ?= $(firstword $(foreach v,3.11 3.12 3.13,$(shell python$(v) -c 'print("python$(v)")' 2>/dev/null)) python3)
BIN    := .venv/bin
RUN    := $(BIN)/python
READY  := .venv/installed
JOBS   ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count() or 1)')

# One thread a process: the same numbers on every machine, and no fight for the cores.
export OMP_NUM_THREADS = 1

.DEFAULT_GOAL := help
.PHONY: help lab check submit test test-gpu lint notebooks autograde check-graders demo \
        report formgrader kit readme lock clean sandbox report bench

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */\1|/' | \
	  while IFS='|' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Gradus needs Python 3.11, 3.12 or 3.13: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(RUN) || $(PYTHON) -m venv .venv
	@echo "Installing the versions of requirements.lock into .venv (the first time takes a minute or two) ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.lock
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lab: $(READY)  ## student: open the course in JupyterLab (your copies are in work/)
	@$(RUN) -m gradus lab

check: $(READY)  ## student: your progress in a chapter: make check CH=01_tensors
	@$(RUN) -m gradus check $(or $(CH),$(error say which chapter: make check CH=01_tensors))

submit: $(READY)  ## student: hand in a chapter: make submit CH=01_tensors ME=ada (ZIP=1: a zip file)
	@$(RUN) -m gradus submit $(or $(CH),$(error say which chapter: make submit CH=01_tensors ME=ada)) \
	  --me $(or $(ME),$(error say who you are: make submit CH=$(CH) ME=ada)) $(if $(ZIP),--zip)

sandbox:  ## instructor: install what the grader's sandbox needs (Linux)
	@command -v bwrap >/dev/null && ldconfig -p 2>/dev/null | grep -q libseccomp.so.2 || \
	  if test "$$(uname)" != Linux; then echo "There is no sandbox on $$(uname): see autograder/README.md."; exit 1; \
	  elif ! command -v apt-get >/dev/null; then echo "Install bubblewrap and libseccomp with your package manager."; exit 1; \
	  elif test "$$(id -u)" = 0; then apt-get update -qq && apt-get install -qq -y bubblewrap libseccomp2 >/dev/null; \
	  elif sudo -n true 2>/dev/null; then sudo apt-get update -qq && sudo apt-get install -qq -y bubblewrap libseccomp2 >/dev/null; \
	  else echo "Run: sudo apt-get install bubblewrap libseccomp2"; exit 1; fi

autograde: $(READY)  ## instructor: grade what lies in submitted/: make autograde [CH=01_tensors] [ARGS='...']
	@$(RUN) -m autograder grade $(CH) $(ARGS)

report: $(READY)  ## instructor: pages on the graded class and CSV files, in report/ [ARGS='...']
	@$(RUN) -m autograder report $(ARGS)

formgrader: $(READY)  ## instructor: look at the marks in nbgrader's formgrader [ROOT=/path/of/the/class]
	@$(RUN) -m autograder formgrader $(if $(ROOT),--root "$(ROOT)") $(ARGS)

demo: $(READY)  ## instructor: make a class of 12, grade it, print the marks
	@$(RUN) -m autograder demo

test: $(READY)  ## every test, with the network cut
	@if test "$$(id -u)" = 0 || test -n "$$CI"; then $(MAKE) --no-print-directory sandbox; fi
	@$(RUN) -m pytest -q -n $(JOBS) --dist loadfile -m "not gpu" \
	  --nbval --nbval-sanitize-with tests/nbval.cfg --nbval-cell-timeout 120 tests solutions

test-gpu: $(READY)  ## the tests that need a CUDA device
	@$(RUN) -c 'import sys, torch; sys.exit(None if torch.cuda.is_available() else "no CUDA device here")'
	@GRADUS_DEVICE=cuda $(RUN) -m pytest -q -m gpu tests

lint: $(READY)  ## ruff: style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

notebooks: $(READY)  ## maintainer: build solutions/ and notebooks/ from the sources [CH=01_tensors]
	@$(RUN) -m autograder notebooks $(CH)

check-graders: $(READY)  ## maintainer: prove that the tests catch wrong answers [CH=01_tensors] [EX=1.5]
	@$(RUN) -m autograder check $(or $(EX),$(CH))

bench: $(READY)  ## maintainer: speed and memory against plain nbgrader [ARGS='--rounds 1']
	@$(RUN) -m autograder bench $(ARGS)

kit: $(READY)  ## maintainer: dist/gradus-student.zip, the course without solutions and grader
	@$(RUN) -m autograder kit

readme: $(READY)  ## maintainer: write the course map in README.md
	@$(RUN) -m autograder readme

# The local version tags (+cpu) go, and so do the lines that only torch needs on some platforms.
define compile
{ echo '# Exact versions for Python 3.11 to 3.13 on Linux, macOS and Windows. Written by `make lock`.'; \
  echo '# CUDA libraries and triton are left out: pip adds them where torch needs them.'; \
  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
    --no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml $(2) \
  | sed -E '/^(nvidia|cuda|triton)[-=]/d; s/\+[a-z0-9.]+//'; } > $(1).new && mv $(1).new $(1)
endef

lock:  ## maintainer: new requirements.lock and requirements-student.lock from pyproject.toml
	@test -x $(RUN) || $(PYTHON) -m venv .venv
	@$(RUN) -m pip install --quiet --disable-pip-version-check uv
	@$(call compile,requirements.lock,--extra teach --extra dev --extra postgres --extra cluster)
	@$(call compile,requirements-student.lock,--constraint requirements.lock)

clean:  ## remove what tests and builds leave behind (never work/, submitted/ or the gradebook)
	@rm -rf dist build .pytest_cache .ruff_cache .cache
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

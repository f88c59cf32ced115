# Two commands do everything after a clone: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TESTS ?= tests
# HEAVY=1 tests against torch, transformers, accelerate and Lightning too: a gigabyte or several.
HEAVY ?=
GROUPS := --group demo --group docs --group test --group parsers $(if $(HEAVY),--group heavy --group collectors)

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help demo test check fuzz setup lint format types check-imports pytest docs outputs wheel clean

help:  ## what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: .demo/installed  ## record three trainings of a real model in this clone, list them, show the last
	@sh examples/demo.sh .demo/bin

.demo/installed: pyproject.toml
	$(PYTHON) -m venv .demo
	.demo/bin/python -m pip install --quiet --upgrade pip
	.demo/bin/python -m pip install --quiet . --group demo
	@touch $@

setup: $(VENV)/installed$(HEAVY)  ## the environment for development

$(VENV)/installed$(HEAVY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . $(GROUPS)
	@touch $@

test: setup lint types check-imports docs pytest wheel  ## the whole check, as CI runs it

check: setup lint types check-imports docs pytest  ## the same without the wheel; TESTS=tests/test_x.py for what you touched

lint: setup  ## style and spelling of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/vermin --quiet --no-tips --violations -t=3.6- --no-parse-comments meticulous/child/helper.py meticulous/child/argparse_actions.py meticulous/child/exception_text.py meticulous/child/values.py meticulous/child/startup/*.py
	$(BIN)/vermin --quiet --no-tips --violations -t=3.7- --no-parse-comments meticulous/masking/*.py

format: setup  ## let the formatter have its way
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup  ## the types of the package
	$(BIN)/mypy

check-imports: setup  ## the layers of the package
	$(BIN)/lint-imports

pytest: setup  ## the tests; TESTS=tests/test_x.py for some of them
	$(BIN)/pytest -n 2 $(TESTS)

docs: setup  ## the documentation as a site in site/, strictly: links and anchors lead somewhere, nothing is fetched
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python tools/check_site.py site

outputs: setup  ## run the commands that README.md and docs/ show, and write what they print
	$(BIN)/python tools/shown_output.py

fuzz: setup  ## wrong types in every key of every JSON file of a run, on every command: takes half an hour
	$(BIN)/python -m tests.faults.wrong_types $(STEP)

wheel: setup  ## build the wheel, install it alone, run the examples with it
	sh tests/wheel.sh $(PYTHON)

clean:  ## remove what the targets above have made
	rm -rf .demo $(VENV) dist site

# What a newcomer and a contributor type. `make` alone lists the targets.
#
# Needs Python 3.11 or newer and make. Everything made lies in .venv, .peers and the folders `clean` removes.
# A stamp file stands for a finished step, so an interrupted one is done again and a finished one is not.

PYTHON = python3
ARGS =

VENV = .venv
PY = $(VENV)/bin/python
PEER = .peers/kademlia-2.2.3
CPP_PEERS = .peers/cpp
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test swarm fuzz bench lint format docs clean
# Two installs into one environment must not run side by side.
.NOTPARALLEL:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile
	@echo "Options: ARGS=\"...\" is passed to the demo, to pytest, to the swarm, to the fuzzers or to bench/run.py; PYTHON=python3.12 chooses the interpreter."

demo: $(VENV)/.installed ## a network of 30 nodes on this machine: store, find, kill a third, find again
	@$(VENV)/bin/kademlia demo $(ARGS)

test: $(VENV)/.installed-dev $(PEER)/.installed ## run every test, real peers of release 2.2.3 included
	$(PY) -m pytest $(ARGS)

swarm: $(VENV)/.installed ## simulate 200 small networks with faults drawn from seeds, under all checkers
	$(PY) -m kademlia.sim.swarm $(or $(ARGS),--seeds 1-200)

fuzz: $(VENV)/.installed-fuzz ## try hostile datagrams and files, guided by coverage, about five minutes; see fuzz/
	@$(PY) -m fuzz $(ARGS)

bench: $(VENV)/.installed-bench $(PEER)/.installed $(CPP_PEERS)/.installed ## measure, beside real peers; see bench/
	$(PY) bench/run.py $(ARGS)

lint: $(VENV)/.installed-dev ## check style, types and the directions of imports
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo

format: $(VENV)/.installed-dev ## bring imports and layout into shape
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .

docs: $(VENV)/.installed-dev ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

clean: ## remove everything these targets made, the environments too
	rm -rf $(VENV) .peers build dist site bench/results src/kademlia.egg-info
	rm -rf fuzz/findings .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find src tests examples bench fuzz docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true


# A usable environment stays as it is; anything else of that name is made anew.
define usable_venv
@$(1)/bin/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	found=`$(PYTHON) --version 2>&1` || found=missing; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "kademlia needs Python 3.11 or newer, but $(PYTHON) is $$found;" \
			"try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
		exit 1; }; \
	echo "making $(1) with $$found"; \
	$(PYTHON) -m venv --clear $(1); }
endef

$(VENV)/.usable:
	$(call usable_venv,$(VENV))
	@touch $@

$(VENV)/.installed: $(VENV)/.usable pyproject.toml
	@echo "installing kademlia into $(VENV)"
	@$(PY) $(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.usable pyproject.toml
	@echo "installing kademlia and everything to test and check it into $(VENV)"
	@$(PY) $(PIP_INSTALL) --editable '.[dev]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-bench: $(VENV)/.usable pyproject.toml
	@echo "installing kademlia and everything to test, check and measure it into $(VENV)"
	@$(PY) $(PIP_INSTALL) --editable '.[dev,bench]'
	@touch $(VENV)/.installed $(VENV)/.installed-dev $@

# atheris has wheels for CPython on Linux x86_64 only: where none can be had fuzzing is not guided, and says so.
$(VENV)/.installed-fuzz: pyproject.toml | $(VENV)/.installed-dev
	@echo "installing atheris into $(VENV)"
	@if $(PY) $(PIP_INSTALL) --only-binary atheris --editable '.[fuzz]'; then touch $(VENV)/.installed $(VENV)/.installed-dev $@; \
	else echo "no wheel of atheris could be had: fuzzing does without a guide"; fi

# The published release in an environment of its own: its import name is the same as ours.
$(PEER)/.installed:
	$(call usable_venv,$(PEER))
	@echo "installing the published kademlia 2.2.3 into $(PEER)"
	@$(PEER)/bin/python $(PIP_INSTALL) kademlia==2.2.3
	@touch $@

# Peers written in C++. Where one has no wheel for this platform, the benchmarks leave its rows out.
$(CPP_PEERS)/.installed:
	$(call usable_venv,$(CPP_PEERS))
	@complete=yes; \
	for wheel in libtorrent==2.1.1 opendht==4.4.2; do \
		echo "installing $$wheel into $(CPP_PEERS)"; \
		$(CPP_PEERS)/bin/python $(PIP_INSTALL) --only-binary :all: $$wheel || { \
			complete=no; echo "no wheel of $$wheel could be had: the benchmarks leave its rows out"; }; \
	done; \
	if [ $$complete = yes ]; then touch $@; fi

# `make help` lists the targets. ENV and OUTPUT name another site: make up ENV=sites/als.env OUTPUT=sites/als
.DEFAULT_GOAL := help
.PHONY: help up down render doctor trust-registry registry-gc bundle load engine browser test test-long lint bench lock clean

PYTHON ?= python3
SITE := $(if $(ENV),--env $(ENV)) $(if $(OUTPUT),--output $(OUTPUT))
LOCK := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras

# Modules of a cluster and other environments set these for programs of theirs; what they name is not for .venv.
unexport PYTHONPATH PYTHONHOME PYTHONUSERBASE PYTHONPLATLIBDIR PYTHONSAFEPATH VIRTUAL_ENV
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON

# A bundle brings the packages along; where it was loaded, there may be no network.
ifneq ($(wildcard wheels),)
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := wheels
endif

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: .venv ## start the site: files, images, containers (or processes), deployments, one sample run
	@.venv/bin/python render.py up $(SITE)

down: .venv ## stop everything of the site; data stays
	@.venv/bin/python render.py down $(SITE)

render: .venv ## write the files of the site from .env
	@.venv/bin/python render.py $(SITE)

doctor: .venv ## report what this machine lacks, and what to do about it
	@.venv/bin/python render.py doctor $(SITE)

trust-registry: .venv ## as root: let this machine's engine use the site's registry
	@.venv/bin/python render.py trust $(SITE)

registry-gc: ## free the disk space of images deleted from the registry; stops the registry meanwhile
	@sh $(or $(OUTPUT),.)/registry/collect-garbage.sh

bundle: .venv ## pack the site, with its secrets, into one file for a machine without a network (TO=FILE)
	@.venv/bin/python render.py bundle $(SITE) $(if $(TO),--to $(TO))

load: ## start the site of a bundle (FILE=...) in a new folder (OUTPUT=...)
	@$(PYTHON) render.py load $(FILE) $(if $(OUTPUT),--output $(OUTPUT))

engine: ## install and start a Docker Engine (Debian or Ubuntu, root)
	@images/engine.sh

browser: ## install Chromium, for the tests of the UI (Debian, root)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
	    echo "installing chromium"; apt-get -q update >/dev/null && \
	    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; }

# Three processes share the tests (tests/sharing.py), on two cores too: most of what a test does is wait.
JOBS ?= 3
SHARED := --numprocesses $(JOBS) --dist loadscope --no-loadscope-reorder

test: .venv/.dev lint ## run lint and the tests
	@.venv/bin/python -m pytest $(SHARED) $(PYTEST_ARGS)

test-long: .venv/.dev ## run the long tests, which `make test` leaves out (tests/README.md)
	@.venv/bin/python -m pytest -m long $(SHARED) $(PYTEST_ARGS)

lint: .venv/.dev ## run ruff, mypy, shellcheck, yamllint, hadolint
	@tests/lint

bench: .venv/.dev ## measure speed, compared with a baseline (for maintainers)
	@.venv/bin/python tests/bench/run.py

# A package that is locked with its extras, once more without them: where something else asks for it by its plain name,
# pip 23.0 would look at the newest version, which has no hash here.
PLAIN := awk '{ print } /^[^ ]/ { extras = /^[A-Za-z0-9._-]+\[/; sub(/\[[^]]*\]/, "") } \
    extras { plain = plain $$0 "\n" } END { printf "%s", plain }'

lock: .venv/.dev ## write the lock files from the .in files (for maintainers)
	$(LOCK) requirements-dev.in -o requirements-dev.txt
	for name in requirements images/prefect/requirements images/flows/requirements images/storage/requirements \
	    client/direct/weather/requirements client/direct/flights/requirements \
	    client/algorithms/pca/requirements; do \
	    $(LOCK) -c requirements-dev.txt $$name.in -o $$name.txt || exit 1; done
	$(LOCK) --no-deps client/algorithms/pca/data.in -o client/algorithms/pca/data.txt
	for name in requirements-dev images/prefect/requirements; do \
	    $(PLAIN) $$name.txt > $$name.part && mv $$name.part $$name.txt || exit 1; done

.venv: .venv/.installed ## make the Python environment from requirements.txt

# One that an upgrade of Python has left without packages, that was copied here, or that something else made, is made
# again. Only goals that use it pay for the question.
ifneq ($(filter-out help load engine browser registry-gc clean,$(or $(MAKECMDGOALS),help)),)
FITS := $(shell .venv/bin/python -B -E -s -c 'import render; print(render.fits(".venv/.installed"))' 2>&1)
AGAIN := $(if $(filter True,$(FITS)),,again)
endif

.PHONY: again
again:

.venv/.installed: requirements.txt $(AGAIN)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; say which with make PYTHON=...")'
	@if [ -n "$(AGAIN)" ]; then \
	    if [ -e .venv ]; then echo "making .venv again: it is not complete, or not from this Python and this folder"; fi; \
	    if [ -L .venv ]; then rm .venv; fi; \
	    $(PYTHON) -m venv --clear .venv; fi
	@echo "installing the packages of requirements.txt into .venv"
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	@.venv/bin/python -B -E -s -c 'import render; print(render.identity())' >$@

.venv/.dev: .venv/.installed requirements-dev.txt
	@echo "installing the packages of requirements-dev.txt into .venv"
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	@touch $@

clean: ## remove the Python environment and caches; sites and data stay
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache

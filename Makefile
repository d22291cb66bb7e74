# Needs python3 (3.11 or newer) and make; everything else is installed into .venv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -ec
.PHONY: help demo test check bench serve worker format lock screenshots clean

# Byte code is cached in .venv and the tree even where the environment says not to: a dozen processes start.
unexport PYTHONDONTWRITEBYTECODE
PYTHON := .venv/bin/python
MANAGE := $(PYTHON) manage.py
DOWNLOADS ?=
PORT ?= 8000
# Every process of the suite has a test database of its own.
IN_PARALLEL := --numprocesses auto --maxprocesses 8 --dist loadgroup

help: ## list the targets
	@grep -hE '^[a-z.]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv/installed: requirements.lock
	@echo "Installing into .venv (once)"
	python3 -c 'import sys; sys.exit("Keydesk needs Python 3.11 or newer; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x .venv/bin/python || python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check "uv==0.13.9" || $(PYTHON) -m pip install --quiet --disable-pip-version-check uv
	.venv/bin/uv pip install --quiet --python $(PYTHON) --require-hashes -r requirements.lock
	touch .venv/installed

.env: .venv/installed
	@test -f .env || (umask 077 && $(PYTHON) -m config.dotenv > .env)

demo: .env ## rehearse a full programme, print its report, serve the site (DOWNLOADS=file.csv for a real list)
	@exec $(MANAGE) demo $(if $(DOWNLOADS),--downloads "$(DOWNLOADS)")

test: .env ## the whole test suite, on as many processors as there are
	@$(PYTHON) -m pytest $(IN_PARALLEL)

check: .env ## what CI runs: format, lint, types, imports, migrations, templates, tests
	@echo "format";     .venv/bin/ruff format --check --quiet .
	echo "lint";       .venv/bin/ruff check --quiet .
	echo "types";      .venv/bin/mypy .
	echo "imports";    .venv/bin/lint-imports --no-cache
	echo "templates";  .venv/bin/djlint --check --lint --quiet config fulfillment pages desk reports api
	echo "migrations"; ENV_FILE= DJANGO_SETTINGS_MODULE=tests.settings $(MANAGE) makemigrations --check --dry-run
	echo "deploy";     ENV_FILE=tests/deployed.env $(MANAGE) check --deploy --fail-level WARNING
	$(PYTHON) -m pytest $(IN_PARALLEL)

bench: .env ## the benchmarks, as ratios against a baseline of the same run
	@$(PYTHON) -m benchmarks

serve: .env ## the web process
	@$(MANAGE) migrate --no-input
	$(MANAGE) collectstatic --no-input --verbosity 0
	exec .venv/bin/gunicorn config.wsgi --config config/gunicorn.py --bind 127.0.0.1:$(PORT)

worker: .env ## the process that works the jobs
	@exec $(MANAGE) procrastinate worker

screenshots: .env ## every page as an image, into var/screenshots
	@KEYDESK_SCREENSHOTS=1 $(PYTHON) -m pytest -m browser tests/pages tests/desk tests/reports

format: .env ## put the code into its format
	@.venv/bin/ruff format --quiet .
	.venv/bin/ruff check --fix --quiet .

lock: .venv/installed ## pin the dependencies again, with hashes
	@.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --group dev pyproject.toml -o requirements.lock

clean: ## remove what make made, the embedded database included
	rm -rf .venv var .env

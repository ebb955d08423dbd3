# `make` lists the targets. `make check` and `make unit` need no server; `make test` and `make demo` start their own.

.PHONY: help check format test unit faults demo docs messages lock requirements

MANAGE = env SECRET_KEY=check-check-check-check-check-32 DATABASE_URL=sqlite://:memory: uv run manage.py

help:  ## List the targets.
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

check:  ## Run all checks that need no server, the unit tests too. CI runs this first.
	uv run ruff format --check
	uv run ruff check
	uv run mypy
	uv run lint-imports
	$(MANAGE) makemigrations --check --dry-run
	$(MANAGE) check --fail-level WARNING
	$(MANAGE) check_event_schemas
	env NO_MKDOCS_2_WARNING=1 uv run --group docs mkdocs build
	uv run pytest tests/unit

format:  ## Format the code, and fix what ruff can fix.
	uv run ruff format
	uv run ruff check --fix

test:  ## Run all tests, on real servers that it starts.
	uv run pytest

unit:  ## Run the tests that need no server.
	uv run pytest tests/unit

faults:  ## Break each part of the running service, and kill each process at each of its steps. CI runs this last.
	uv run python -m tests.faults.driver --cover --try-checker

demo:  ## Start everything on this machine, with sample tickets.
	uv run manage.py up --demo

docs:  ## Write the event catalogue, the schemas' lock file and the tables of settings and metrics, check all documentation, and build the site.
	$(MANAGE) check_event_schemas --write
	$(MANAGE) event_catalogue --format markdown > docs/events.md
	$(MANAGE) export_asyncapi --write
	$(MANAGE) settings_table --write
	$(MANAGE) metrics_table --write
	uv run pytest tests/unit/test_docs.py tests/unit/events/schemas tests/unit/config/environment
	env NO_MKDOCS_2_WARNING=1 uv run --group docs mkdocs build

messages:  ## Collect the texts that people read into locale/, and compile their translations.
	uv run python -m tests.messages

lock:  ## Pin all packages to the newest versions that fit. uv.lock itself is not in git.
	uv lock --upgrade
	uv export --quiet --no-hashes --no-annotate --no-header --all-groups \
		| uv run --no-sync python .ci/pin_constraints.py
	$(MAKE) requirements

requirements:  ## Write the packages' hashes to requirements/, by which CI and the Dockerfile install them.
	uv lock --quiet
	uv export --quiet --no-header --no-annotate --no-default-groups --output-file requirements/production.txt > /dev/null
	uv export --quiet --no-header --no-annotate --only-group engines --output-file requirements/engines.txt > /dev/null
	uv export --quiet --no-header --no-annotate --no-default-groups --group tracing --output-file requirements/tracing.txt > /dev/null
	uv export --quiet --no-header --no-annotate --all-groups --output-file requirements/development.txt > /dev/null
	uv export --quiet --no-header --no-annotate --only-group sbom --output-file requirements/sbom.txt > /dev/null
	echo uv | uv pip compile --quiet --no-header --no-annotate --generate-hashes --output-file requirements/uv.txt - > /dev/null

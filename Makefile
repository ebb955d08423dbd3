# What CI runs, and what keeps the project tidy. `make check` needs no server.

.PHONY: check format lock

check:
	uv run ruff format --check
	uv run ruff check
	uv run mypy
	uv run lint-imports
	SECRET_KEY=check DATABASE_URL=sqlite://:memory: uv run manage.py makemigrations --check --dry-run
	SECRET_KEY=check DATABASE_URL=sqlite://:memory: uv run manage.py check --fail-level WARNING
	SECRET_KEY=check DATABASE_URL=sqlite://:memory: uv run manage.py check_event_schemas
	uv run pytest tests/unit

format:
	uv run ruff format
	uv run ruff check --fix

# Pin every package, transitive ones too, at the newest versions that fit; uv.lock itself stays out of git.
lock:
	uv lock --upgrade
	uv export --quiet --no-hashes --no-annotate --no-header --all-groups \
		| uv run --no-sync python .ci/pin_constraints.py
	uv lock

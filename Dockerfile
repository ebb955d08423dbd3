# The image for any process of the service; it starts the web server by default. docker-compose.yml and
# config/kubernetes run them all. docs/operations/containers.md says what is in it.
FROM python:3.13.14-slim-trixie AS packages

ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON_DOWNLOADS=never

WORKDIR /srv/tickets

# The packages come first, since they change less often than the code; `tracing` has those of OpenTelemetry too.
ARG REQUIREMENTS=production
COPY requirements ./requirements
RUN pip install --no-cache-dir --root-user-action=ignore --require-hashes --requirement requirements/uv.txt \
    && uv venv /opt/venv \
    && uv pip sync --python /opt/venv --require-hashes requirements/${REQUIREMENTS}.txt


# The list of all packages that are installed, with their licences.
FROM packages AS sbom

COPY pyproject.toml ./
RUN uv venv /opt/sbom \
    && uv pip sync --python /opt/sbom --require-hashes requirements/sbom.txt \
    && /opt/sbom/bin/cyclonedx-py environment /opt/venv --pyproject pyproject.toml --output-reproducible \
        --output-file /sbom.cdx.json


FROM packages AS application

COPY . .
RUN rm -r requirements \
    && /opt/venv/bin/python -m compileall -q . \
    && STATIC_ROOT=/srv/static /opt/venv/bin/python manage.py collectstatic --noinput --verbosity 0


FROM python:3.13.14-slim-trixie

# Nothing is installed or compiled in a running container, whose files can't be changed.
RUN python -m pip uninstall --yes --quiet pip \
    && python -m compileall -q /usr/local/lib/python3.13 \
    && groupadd --gid 10001 tickets \
    && useradd --uid 10001 --gid tickets --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tickets \
    && install --directory --owner tickets --group tickets --mode 0700 /forgotten

COPY --from=packages /opt/venv /opt/venv
COPY --from=application /srv /srv
COPY --from=sbom /sbom.cdx.json /usr/share/doc/tickets/sbom.cdx.json

ENV LOG_FORMAT=json \
    PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STATIC_ROOT=/srv/static

WORKDIR /srv/tickets
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "config.web.server", "--interface", "asginl", "--host", "0.0.0.0", "--port", "8000", \
     "--workers-kill-timeout", "30", "config.asgi:application"]

# Last: they differ at each build.
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Tell, don't ask" \
      org.opencontainers.image.description="A Django service with a transactional outbox" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$REVISION"

# The image for any process of the application; it starts the web server by default. docker-compose.yml runs them all.
FROM python:3.13.14-slim

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STATIC_ROOT=/srv/static \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never

WORKDIR /srv/tickets

# Install the packages first, since they change less often than the code.
COPY requirements ./requirements
RUN pip install --no-cache-dir --require-hashes --requirement requirements/uv.txt \
    && uv venv --no-cache /opt/venv \
    && uv pip sync --no-cache --python /opt/venv --require-hashes requirements/production.txt

COPY . .
RUN python -m compileall -q accounts config events readmodel tickets \
    && python manage.py collectstatic --noinput --verbosity 0 \
    && useradd --system --no-create-home tickets \
    && install --directory --owner tickets --mode 0700 /forgotten

USER tickets
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "config.web.server", "--interface", "asginl", "--host", "0.0.0.0", "--port", "8000", \
     "--workers-kill-timeout", "10", "config.asgi:application"]

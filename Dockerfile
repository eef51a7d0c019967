# The service alone: no training, no embedded database. Set PERENNIAL_DATABASE_URL.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements-server.lock ./
RUN python -m venv /opt/perennial \
 && /opt/perennial/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements-server.lock
COPY pyproject.toml README.md alembic.ini ./
COPY app app
COPY migrations migrations

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /srv/perennial --create-home perennial
COPY --from=build /opt/perennial /opt/perennial
COPY --from=build --chown=root:root /build /srv/perennial
WORKDIR /srv/perennial
ENV PATH=/opt/perennial/bin:$PATH \
    PYTHONPATH=/srv/perennial \
    PYTHONUNBUFFERED=1 \
    PERENNIAL_HOST=0.0.0.0 \
    PERENNIAL_HOME=/var/lib/perennial
RUN install -d -o perennial -g perennial /var/lib/perennial
USER perennial
VOLUME /var/lib/perennial
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('PERENNIAL_PORT', '8000')}/readyz\", timeout=2)"]
CMD ["python", "-m", "app", "serve"]

# The service alone: no training, no embedded database. Set PERENNIAL_DATABASE_URL.
# Another base is given as --build-arg PYTHON=…@sha256:…; how a digest is found and checked: docs/security.md.
ARG PYTHON=python:3.11.16-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7

FROM ${PYTHON} AS build
WORKDIR /build
COPY requirements-server.lock ./
RUN python -m venv /opt/perennial \
 && /opt/perennial/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements-server.lock
COPY pyproject.toml README.md alembic.ini deploy/sbom.cdx.json ./
COPY app app
COPY migrations migrations

FROM ${PYTHON}
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

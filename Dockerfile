# Observer in a container: what is locked, built from this checkout, run by nobody in particular.
#   docker build -t observer-sidecar .
ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# The environment that is shipped has no installer of its own: pip works on it from outside.
RUN python -m venv --without-pip /opt/observer

# Of what is locked, the demo's pool is left out. This comes before the sources, so that an edit keeps the layer.
COPY requirements.lock /src/
RUN awk '/^[^ ]/ { take = !/^psycopg-pool==/ } take' requirements.lock > runtime.lock \
    && pip --python /opt/observer/bin/python install \
        --require-hashes --no-deps --only-binary :all: -r runtime.lock

# What builds the wheel, by hash as well, in an environment that stays behind.
COPY requirements-dev.lock /src/
RUN awk '/^[^ ]/ { take = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } take' \
        requirements-dev.lock > build.lock \
    && python -m venv --without-pip /opt/build \
    && pip --python /opt/build/bin/python install --no-compile \
        --require-hashes --no-deps --only-binary :all: -r build.lock

COPY pyproject.toml README.md LICENSE /src/
COPY observer /src/observer
COPY rules /src/rules
COPY dashboards /src/dashboards
RUN /opt/build/bin/python -m hatchling build -t wheel -d dist \
    && pip --python /opt/observer/bin/python install --no-deps --no-index dist/*.whl \
    && /opt/observer/bin/observer version


FROM ${PYTHON_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Observer" \
      org.opencontainers.image.description="Metrics, alert rules, dashboards, index advice and Slack alerts for PostgreSQL, connection pools and Redis, in one process" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# Nothing that installs is left for whoever gets in.
RUN python -m pip uninstall --yes --quiet --root-user-action ignore setuptools wheel pip

COPY --from=build /opt/observer /opt/observer

# Where Observer keeps its state; a new named volume takes its owner and mode from here.
RUN install -d -m 0700 -o 10001 -g 10001 /var/lib/observer

# Everything was compiled when it was installed: the root may be read-only.
ENV PATH=/opt/observer/bin:$PATH \
    HOME=/var/lib/observer \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OBSERVER_CONFIG=/etc/observer/observer.yml
WORKDIR /var/lib/observer
USER 10001:10001
VOLUME ["/var/lib/observer"]
EXPOSE 9188
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["observer", "healthcheck"]
ENTRYPOINT ["observer"]
CMD ["serve", "--config", "/etc/observer/observer.yml"]

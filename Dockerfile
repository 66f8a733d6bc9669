# A Watchbill node, or any other verb of the command line, in a container.
#
#   docker build -t watchbill:0.1.0 .
#   docker run --network host watchbill:0.1.0 node --id b0 --bootstrap kafka:9092
#
# Two stages: what is needed to install (a compiler may be, where PyPI has no wheel) does not travel in the result.
# What is installed comes from requirements-node.lock, by hash. BASE is an argument so that a site can give its own image: any
# Debian with Python 3.11 or newer.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/watchbill
COPY requirements-node.lock /src/
RUN /opt/watchbill/bin/python -m pip install --require-hashes -r /src/requirements-node.lock
COPY pyproject.toml README.md LICENSE /src/
COPY schemas /src/schemas
COPY streams /src/streams
COPY connectors /src/connectors
COPY infra /src/infra
RUN /opt/watchbill/bin/python -m pip install --no-deps --no-build-isolation /src

FROM ${BASE}
# tini as pid 1: a node has children (its engines). Pid 1 must reap orphans, and has no default action for signals; tini
# does the first and passes SIGTERM on, so the node hands over as it does anywhere else and need not know it is pid 1.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --create-home --home-dir /var/lib/watchbill watchbill
COPY --from=build /opt/watchbill /opt/watchbill
ENV PATH=/opt/watchbill/bin:$PATH PYTHONUNBUFFERED=1 XDG_STATE_HOME=/var/lib/watchbill XDG_CACHE_HOME=/var/lib/watchbill/cache
USER watchbill
WORKDIR /var/lib/watchbill
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/tini", "--", "watchbill"]
CMD ["--help"]

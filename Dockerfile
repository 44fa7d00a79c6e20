# The images of Headpond: `docker build --target api|operator|worker .`
# The classic builder understands every line, so that it builds wherever Docker runs.
# The base is any Debian-like image with Python >= 3.11 that can make virtual environments.
ARG BASE=python:3.13-slim-bookworm

# -- build: what all three have in common -------------------------------------------------------------

FROM ${BASE} AS build
ARG INDEX=https://pypi.org/simple
ENV PIP_INDEX_URL=${INDEX} PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    UV_DEFAULT_INDEX=${INDEX} UV_NO_CACHE=1 UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never \
    PATH=/opt/uv/bin:$PATH PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
COPY constraints.txt pyproject.toml ./
# uv itself and what builds our wheel come out of the lock too, hashes checked.
RUN sed -n '/^uv==/,/[^\\]$/p' constraints.txt >uv.txt \
    && python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --quiet --require-hashes --requirement uv.txt \
    && uv pip install --quiet --python /opt/uv/bin/python --constraints constraints.txt --group build \
    && python3 -m venv --without-pip /opt/headpond

# Other people's code comes first, what all three need before what one needs: an edit of ours fetches nothing, and
# changes one small layer of each image. uv compares what it fetches with the hashes of the lock. All is compiled
# here, since nobody may write where it runs, and a worker is wanted within a second or two.
FROM build AS packages
RUN uv pip install --quiet --python /opt/headpond/bin/python --constraints constraints.txt \
    --requirements pyproject.toml --extra school --extra postgres \
    && python3 -m compileall -q -j 0 /opt/headpond

FROM packages AS api-packages
RUN uv pip install --quiet --python /opt/headpond/bin/python --constraints constraints.txt \
    --requirements pyproject.toml --extra school --extra postgres --extra api \
    && python3 -m compileall -q -j 0 /opt/headpond

# The client's models and typed calls are 70 MB that nothing of ours imports (headpond_operator/kube.py).
FROM packages AS operator-packages
RUN uv pip install --quiet --python /opt/headpond/bin/python --constraints constraints.txt \
    --requirements pyproject.toml --extra school --extra operator \
    && find /opt/headpond/lib -path '*/kubernetes/*' -name '*.py' ! -name __init__.py \
    \( -path '*/client/api/*' -o -path '*/client/models/*' \) -delete \
    && python3 -m compileall -q -j 0 /opt/headpond

FROM packages AS worker-packages
RUN uv pip install --quiet --python /opt/headpond/bin/python --constraints constraints.txt \
    --requirements pyproject.toml --extra school --extra postgres --extra worker \
    && python3 -m compileall -q -j 0 /opt/headpond

FROM build AS ours
COPY . ./
RUN uv build --quiet --wheel --no-build-isolation --python /opt/uv/bin/python --out-dir /wheel \
    && uv pip install --quiet --python /opt/headpond/bin/python --no-deps /wheel/*.whl \
    && python3 -m compileall -q -j 0 /opt/headpond

# -- runtime: a user of its own, nothing to write -----------------------------------------------------

FROM ${BASE} AS runtime
# Python's own library too: some bases come without its compiled form.
RUN echo 'headpond:x:10001:10001:Headpond:/srv/apps:/usr/sbin/nologin' >>/etc/passwd \
    && echo 'headpond:x:10001:' >>/etc/group \
    && library="$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && python3 -m compileall -q -j 0 -x 'site-packages|/test|idlelib|lib2to3' "$library"
ENV PATH=/opt/headpond/bin:$PATH PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    PYTHONPATH=/srv/apps
# An app of yours: `FROM headpond-worker`, `COPY billing /srv/apps/billing`, HEADPOND_APPS=billing.
WORKDIR /srv/apps
USER 10001:10001
ENTRYPOINT ["headpond"]

# -- the images ---------------------------------------------------------------------------------------

FROM runtime AS api
COPY --from=api-packages /opt/headpond /opt/headpond
COPY --from=ours /opt/headpond /opt/headpond
ENV HEADPOND_HOST=0.0.0.0
EXPOSE 8000
CMD ["api"]

FROM runtime AS operator
COPY --from=operator-packages /opt/headpond /opt/headpond
COPY --from=ours /opt/headpond /opt/headpond
ENV HEADPOND_PROBE_PORT=8080
EXPOSE 8080
CMD ["operator"]

FROM runtime AS worker
COPY --from=worker-packages /opt/headpond /opt/headpond
COPY --from=ours /opt/headpond /opt/headpond
ENV HEADPOND_PROBE_PORT=8080
EXPOSE 8080
CMD ["worker"]

# syntax=docker/dockerfile:1.19
# One image for every role; docker-compose.yml chooses the command. Versions are exact; no registry can be
# reached where this file is written, so there are no digests.

FROM ghcr.io/astral-sh/uv:0.13.9 AS uv

FROM python:3.11.14-slim-bookworm AS build
COPY --from=uv /uv /usr/local/bin/uv
WORKDIR /app
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --extra otel
COPY . .
# Both pages: with the localnet's wallet and without. What built them stays behind.
RUN .venv/bin/python -m frontend.build localnet \
    && .venv/bin/python -m frontend.build \
    && rm -rf frontend/node_modules frontend/.next \
    && uv sync --frozen --extra otel --no-group page \
    && .venv/bin/python -m compileall -q .

FROM python:3.11.14-slim-bookworm
WORKDIR /app
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    WEBSOCKET_HOST=0.0.0.0 LOG_FORMAT=json DATA_DIR=/tmp/curvefeed
# A number and no name: nothing in the image belongs to it, and nothing has to be made for it.
USER 10001:10001
EXPOSE 8001
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "/app/main.py"]
CMD ["serve"]

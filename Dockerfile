# syntax=docker/dockerfile:1
# One image for every role; docker-compose.yml chooses the command.

FROM python:3.11-slim-bookworm AS build
COPY --from=ghcr.io/astral-sh/uv:0.13.9 /uv /usr/local/bin/uv
WORKDIR /app
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen
COPY . .
RUN .venv/bin/python -m frontend.build && rm -rf frontend/node_modules frontend/.next \
    && uv sync --frozen --no-group page

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 curvefeed
WORKDIR /app
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 \
    WEBSOCKET_HOST=0.0.0.0 LOG_FORMAT=json
USER curvefeed
EXPOSE 8001
ENTRYPOINT ["python", "/app/main.py"]
CMD ["serve"]

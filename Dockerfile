# SPECS Lens as one image: a laptop, a server, or a Hugging Face Space (README, "Docker and Spaces").
#
#   docker build -t specs-lens .
#   docker run --rm -p 7860:7860 -v specs-lens:/home/user/data specs-lens
#
# Build arguments
#   TORCH_INDEX       package index to take torch from. PyPI's torch for Linux brings several gigabytes of CUDA
#                     libraries along; PyTorch's CPU-only index keeps the image small.
#   SPECS_BAKE_MODEL  name of a model (`specs models`) to store in the image, so that it never has to be fetched.
FROM python:3.13-slim

ARG TORCH_INDEX=""
ARG SPECS_BAKE_MODEL=""

# Spaces run containers as user 1000; so does everybody else, for the same image to work everywhere.
RUN useradd --create-home --uid 1000 user
USER user
WORKDIR /home/user/app
ENV PATH=/home/user/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    HF_HOME=/home/user/models

# The dependencies are a layer of their own, which a change of the code leaves as it is. requirements.txt is
# given as constraints: it pins the versions but does not bring in what only tests and training need. The driver for
# PostgreSQL comes along, so that SPECS_DB is all that has to change.
COPY --chown=user pyproject.toml requirements.txt ./
RUN python -m venv /home/user/venv \
    && if [ -n "$TORCH_INDEX" ]; then \
         pip install --quiet --no-deps --constraint requirements.txt --index-url "$TORCH_INDEX" torch torchvision; \
       fi \
    && python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; print(*p["dependencies"], *p["optional-dependencies"]["postgres"], sep="\n")' \
         > /tmp/runtime.txt \
    && pip install --quiet --constraint requirements.txt --requirement /tmp/runtime.txt \
    && rm /tmp/runtime.txt

COPY --chown=user README.md LICENSE ./
COPY --chown=user specs_core specs_core
COPY --chown=user annotations annotations
COPY --chown=user app app
RUN pip install --quiet --no-deps --editable . \
    && mkdir -p /home/user/data /home/user/models \
    && if [ -n "$SPECS_BAKE_MODEL" ]; then specs download "$SPECS_BAKE_MODEL"; fi

# The live database belongs on a local disk: a Docker volume is one. The /data folder of a Space is not, it is a
# network mount on which SQLite files have been corrupted; put copies there, never the file in use.
ENV SPECS_HOST=0.0.0.0 \
    SPECS_PORT=7860 \
    SPECS_DATA=/home/user/data
VOLUME ["/home/user/data"]
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['SPECS_PORT']}/healthz\", timeout=4)"]

CMD ["python", "-m", "app"]

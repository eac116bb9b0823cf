# A call in a container, on the GPU where there is one.
#
#   docker build -t confcodec .
#   docker run --rm --gpus all --device /dev/video0 -p 8080:8080 confcodec
#
# Open the link it prints; from another machine, with the host's name in place of 127.0.0.1. With
# `--origin http://HOST:8080` (then the whole command, as below) all links that it tells have that.
#   --gpus all             needs the NVIDIA container toolkit; without it the CPU does the work.
#   --device /dev/video0   the camera. Without it the demo is shown. Where the device's group is
#                          not the image's `video` (44):  --group-add "$(stat -c %g /dev/video0)"
#   -p 8080:8080           the page, and the call the server makes to itself.
#   --network host         instead of -p: for a peer outside this container (`confcodec call`).
#                          Pictures travel by UDP between ports chosen at the time; no published
#                          port leads to them, and the server can only name its inner address.
#   a video file:          -v "$PWD/clips:/clips:ro", and after the image's name the whole command:
#                          serve --host 0.0.0.0 --no-open --source /clips/talk.mp4
# Another command takes the place of `serve ...`:  docker run --rm --gpus all confcodec bench --seconds 10

# The small CUDA runtime image: it tells the toolkit what the container needs of the driver. Not
# the larger ones: torch's wheels bring cuBLAS, cuDNN and the rest, in the versions torch wants.
# Its CUDA is that of torch's wheels: with an older one the container would start on a host
# whose driver is too old for torch, and find no GPU there. tests/test_image.py says which.
ARG CUDA=13.0.2
FROM nvidia/cuda:${CUDA}-base-ubuntu24.04
ARG CUDA

# OpenCV's wheel has its windows built in and does not load without libGL and GLib.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates libgl1 libglib2.0-0t64 python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/confcodec \
    && useradd --create-home --groups video caller

ENV PATH=/opt/confcodec/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1

# The dependencies are gigabytes and change seldom; the code is small and changes often.
WORKDIR /tmp/build
COPY pyproject.toml constraints.txt ./
RUN python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
        > requirements.txt \
    && pip install --requirement requirements.txt --constraint constraints.txt \
    && python -c 'import sys, torch; base, own = sys.argv[1], torch.version.cuda; \
        sys.exit(own and not base.startswith(own + ".") and f"the base image has CUDA {base}, torch {own}")' "$CUDA"

COPY README.md LICENSE ./
COPY weights weights
COPY web web
COPY confcodec confcodec
RUN pip install --no-deps .

USER caller
WORKDIR /home/caller
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=3)"]

ENTRYPOINT ["confcodec"]
CMD ["serve", "--host", "0.0.0.0", "--no-open"]

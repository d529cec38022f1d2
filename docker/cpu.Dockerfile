# Encodes and decodes on CPUs. From the repository:
#     docker build -f docker/cpu.Dockerfile -t audiotok .
#     docker run --rm -v "$PWD:/data" -v audiotok-cache:/cache audiotok encode talk.flac
FROM python:3.11-slim

WORKDIR /audiotok
COPY . .
RUN pip install --no-cache-dir -c requirements.txt '.[page]'

ENV XDG_CACHE_HOME=/cache
WORKDIR /data
ENTRYPOINT ["audiotok"]
CMD ["--help"]

# Trains, encodes and decodes on NVIDIA GPUs; CUDA comes from pip, the driver from the host. From the repository:
#     docker build -f docker/cuda12.Dockerfile -t audiotok-cuda .
#     docker run --rm --gpus all -v "$PWD:/data" -v audiotok-cache:/cache audiotok-cuda info
FROM python:3.11-slim

WORKDIR /audiotok
COPY . .
RUN pip install --no-cache-dir -c requirements.txt '.[page,train,corpus,cuda12]'

ENV XDG_CACHE_HOME=/cache
WORKDIR /data
ENTRYPOINT ["audiotok"]
CMD ["--help"]

# Paragone with everything its pipeline needs, on CPUs: the wheel of this folder and the versions tested together.
#
#   docker build -t paragone .
#   docker run --rm -v "$PWD:/work" paragone init my-benchmark
#   docker run --rm -v "$PWD/my-benchmark:/work" paragone run
FROM python:3.11-slim AS build
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends git make libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/*
COPY constraints.txt /tmp/constraints.txt
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu -c /tmp/constraints.txt \
    "$(ls /wheels/*.whl)[all]"
# The project is the caller's folder, which belongs to another user than the one in here.
RUN git config --system --add safe.directory '*' && git config --system user.name paragone \
    && git config --system user.email paragone@localhost
WORKDIR /work
ENTRYPOINT ["paragone"]
CMD ["--help"]

#!/bin/sh
# install-pins.sh FILE: install a hashed requirements file into /opt/venv, for image builds.
# TORCH_INDEX, where set, is a package index that torch and torchvision come from instead, in the same versions: its
# wheels have other hashes than FILE's and need none of the CUDA packages that FILE names.
set -eu
pins=$1
# Timestamps let a later layer skip what an earlier one has compiled.
export UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 PYC_INVALIDATION_MODE=TIMESTAMP UV_PYTHON=/opt/venv/bin/python
install() { /opt/build/bin/uv pip install --quiet "$@"; }

if [ -z "${TORCH_INDEX:-}" ]; then
  install --require-hashes --requirement "$pins"
else
  awk '/^[a-z]/ {keep = !/^(torch|torchvision|triton|nvidia-|cuda-)/} keep' "$pins" > /tmp/pins.txt
  install --require-hashes --requirement /tmp/pins.txt
  # Word splitting wanted: one word a package.
  # shellcheck disable=SC2046
  UV_DEFAULT_INDEX=$TORCH_INDEX install --no-deps $(grep -oE '^(torch|torchvision)==[^ ]+' "$pins")
  rm /tmp/pins.txt
fi
# Headers serve compilers, and there is none in the image.
rm -rf /opt/venv/lib/python3*/site-packages/torch/include /opt/venv/lib/python3*/site-packages/tensorflow/include

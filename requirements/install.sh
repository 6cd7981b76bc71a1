#!/bin/sh
# install.sh UV PYTHON FILE [OPTION...]: install a hashed requirements file into PYTHON's environment. The options are
# uv's: --exact removes what FILE does not name.
# TORCH_INDEX, where set, is a package index that torch and torchvision come from instead, in the same versions: its
# wheels have other hashes than FILE's and need none of the CUDA packages that FILE names.
set -eu
uv=$1 python=$2 pins=$3
shift 3
if [ -z "${TORCH_INDEX:-}" ]; then
  exec "$uv" pip install --python "$python" --require-hashes --requirement "$pins" "$@"
fi
without_cuda=$(mktemp)
trap 'rm -f "$without_cuda"' EXIT
awk '/^[a-z]/ {keep = !/^(torch|torchvision|triton|nvidia-|cuda-)/} keep' "$pins" > "$without_cuda"
"$uv" pip install --python "$python" --require-hashes --requirement "$without_cuda" "$@"
# Word splitting wanted: one word a package.
# shellcheck disable=SC2046
UV_DEFAULT_INDEX=$TORCH_INDEX "$uv" pip install --python "$python" --no-deps $(grep -oE '^(torch|torchvision)==[^ ]+' "$pins")

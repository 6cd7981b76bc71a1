#!/usr/bin/env bash
# Pin every requirements/*.in with hashes, all to the versions of dev.txt, which holds them all.  `make lock` calls it.
set -euo pipefail
cd "$(dirname "$0")"
uv=${UV:-uv}
compile() {
  "$uv" pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --custom-compile-command "make lock" --quiet "$@"
}
compile dev.in -o dev.txt
versions=$(mktemp)
trap 'rm -f "$versions"' EXIT
sed -n 's/^\([a-zA-Z0-9_.-]*\(\[[a-z0-9,_-]*\]\)\{0,1\}==[^\\]*\)\\$/\1/p' dev.txt > "$versions"
for source in *.in; do
  [ "$source" = dev.in ] || compile --no-annotate --constraint "$versions" "$source" -o "${source%.in}.txt"
done

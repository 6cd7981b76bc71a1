#!/usr/bin/env bash
# Add audio files to the library: a line a file with the track's id and state.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: add-audio.sh [--wait] FILE...
  --wait   wait until each file is ready to be matched (or has failed: status 1)
NEEDLEDROP_URL says where Needledrop runs (http://127.0.0.1:8000), NEEDLEDROP_API_KEY holds its key.
TEXT
}

wait=
case ${1:-} in
  -h | --help) usage && exit ;;
  --wait) wait=1 && shift ;;
esac
[ "${1:-}" != -- ] || shift
[ $# -gt 0 ] || { usage >&2; exit 2; }
# shellcheck source=scripts/_lib.sh
. "$(dirname "$0")/_lib.sh"

show() { printf '%s  %-10s  %s\n' "$(field id)" "$(field status)" "$1"; }

ids=()
for file in "$@"; do
  upload audio "$file"
  ids+=("$(field id)")
  [ -n "$wait" ] || show "$file"
done
[ -n "$wait" ] || exit 0

failed=0
for file in "$@"; do
  while request "$URL/audio/${ids[0]}" && [[ $(field status) == @(queued|processing) ]]; do pause; done
  show "$file"
  if [ "$(field status)" = failed ]; then
    printf '%s: %s: %s\n' "$file" "$(field error.code)" "$(field error.detail)" >&2
    failed=1
  fi
  ids=("${ids[@]:1}")
done
exit $failed

#!/usr/bin/env bash
# Add audio files to the library: a line a file with the track's id and state. A refused file is named; the others go on.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: add-audio.sh [--wait] FILE...
  --wait   wait until each file is ready to be matched, or has failed
Status 1 where a file was refused or failed.
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

failed=0
ids=()
sent=()
for file in "$@"; do
  # What ends a request ends only the subshell: the other files are sent.
  if (upload audio "$file") 2>"$scratch/why"; then
    ids+=("$(field id)")
    sent+=("$file")
    [ -n "$wait" ] || show "$file"
    continue
  fi
  failed=1
  why=$(<"$scratch/why")
  case $why in
    "no such file"*) printf '%s\n' "$why" >&2 ;;
    *"no answer from"*) die "$why" ;;
    *) printf '%s: %s\n' "$file" "$why" >&2 ;;
  esac
done
[ -n "$wait" ] || exit $failed

for file in ${sent[@]+"${sent[@]}"}; do
  while request "$URL/audio/${ids[0]}" && [[ $(field status) == @(queued|processing) ]]; do pause; done
  show "$file"
  if [ "$(field status)" = failed ]; then
    printf '%s: %s: %s\n' "$file" "$(field error.code)" "$(field error.detail)" >&2
    failed=1
  fi
  ids=("${ids[@]:1}")
done
exit $failed

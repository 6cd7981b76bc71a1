#!/usr/bin/env bash
# Post a clip, wait, and print the ranking: post-video.sh and match.sh in one.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: needle.sh [--json] FILE
  --json   print the answer as one JSON object
NEEDLEDROP_URL says where Needledrop runs (http://127.0.0.1:8000), NEEDLEDROP_API_KEY holds its key.
TEXT
}

options=()
case ${1:-} in
  -h | --help) usage && exit ;;
  --json) options=("$1") && shift ;;
esac
[ $# = 1 ] || { usage >&2; exit 2; }
here=$(dirname "$0")
id=$("$here/post-video.sh" "$1")
exec "$here/match.sh" "${options[@]}" "$id"

#!/usr/bin/env bash
# Post a clip; prints the id that match.sh takes.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: post-video.sh FILE
NEEDLEDROP_URL says where Needledrop runs (http://127.0.0.1:8000), NEEDLEDROP_API_KEY holds its key.
TEXT
}

case ${1:-} in
  -h | --help) usage && exit ;;
  --) shift ;;
esac
[ $# = 1 ] || { usage >&2; exit 2; }
# shellcheck source=scripts/_lib.sh
. "$(dirname "$0")/_lib.sh"

upload videos "$1"
field id

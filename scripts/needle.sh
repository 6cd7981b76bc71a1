#!/usr/bin/env bash
# Post a clip, wait, and print the ranking: post-video.sh and match.sh in one. `--json` as in match.sh.
set -euo pipefail
here=$(dirname "$0")
id=$("$here/post-video.sh" "${@: -1}")
exec "$here/match.sh" "${@:1:$#-1}" "$id"

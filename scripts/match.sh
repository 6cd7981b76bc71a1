#!/usr/bin/env bash
# Wait for a match and print its ranking: every track of the library, best first.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: match.sh [--json] ID
  --json   print the answer as one JSON object
ID is what post-video.sh printed. NEEDLEDROP_URL says where Needledrop runs (http://127.0.0.1:8000),
NEEDLEDROP_API_KEY holds its key.
TEXT
}

json=
case ${1:-} in
  -h | --help) usage && exit ;;
  --json) json=1 && shift ;;
esac
[ $# = 1 ] || { usage >&2; exit 2; }
# shellcheck source=scripts/_lib.sh
. "$(dirname "$0")/_lib.sh"

id=$1
[[ $id =~ ^[0-9A-Za-z-]+$ ]] || die "not an id: $id"
pages=$scratch/pages

# rows: rank, score, start in seconds and title of each result, a line each, parted by tabs; nothing a terminal obeys.
rows() {
  if [ "$reader" = jq ]; then
    jq --raw-output '.results[] | [.rank, .score, .start_s, (.audio.title | gsub("[[:cntrl:]]"; " "))]
      | map(tostring) | join("\t")' "$body"
  else
    python3 -c 'import json, sys
for row in json.load(open(sys.argv[1], encoding="utf-8"))["results"]:
    title = "".join(c if c.isprintable() else " " for c in row["audio"]["title"])
    print(row["rank"], row["score"], row["start_s"], title, sep="\t")' "$body"
  fi
}

# merged: the pages as one answer.
merged() {
  if [ "$reader" = jq ]; then
    jq --slurp '.[0] + {results: map(.results) | add, next_cursor: null}' "$pages"
  else
    python3 -c 'import json, sys
pages = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
results = [row for page in pages for row in page["results"]]
print(json.dumps({**pages[0], "results": results, "next_cursor": None}, indent=2, ensure_ascii=False))' "$pages"
  fi
}

while request "$URL/match/$id" && [ "$status" = 202 ]; do
  if [ -t 2 ]; then printf '\r%s \033[K' "$(field stage)" >&2; fi
  pause
done
if [ -t 2 ]; then printf '\r\033[K' >&2; fi

[ -n "$json" ] || printf '%4s  %6s  %8s  %s\n' rank score start title
while :; do
  if [ -n "$json" ]; then
    cat "$body" >> "$pages"
    echo >> "$pages"
  else
    rows | while IFS=$'\t' read -r rank score start title; do
      LC_ALL=C printf '%4d  %6.3f  %6.1f s  %s\n' "$rank" "$score" "$start" "$title"
    done
  fi
  cursor=$(field next_cursor)
  [ -n "$cursor" ] || break
  request --get --data-urlencode "cursor=$cursor" "$URL/match/$id"
done
if [ -n "$json" ]; then merged; fi

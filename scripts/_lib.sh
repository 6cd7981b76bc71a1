# shellcheck shell=bash
# What the scripts share: requests that explain their failure, and JSON read by jq, or by python3 where jq is missing.

URL=${NEEDLEDROP_URL:-http://127.0.0.1:8000}
URL=${URL%/}
KEY=${NEEDLEDROP_API_KEY:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
headers=$scratch/headers
body=$scratch/body

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

command -v curl >/dev/null || die "curl is missing"
if command -v jq >/dev/null; then
  reader=jq
elif command -v python3 >/dev/null; then
  reader=python3
else
  die "jq is missing, and python3, too"
fi

[[ $KEY =~ ^[0-9A-Za-z_-]*$ ]] || die "NEEDLEDROP_API_KEY holds other signs than a key's"

# key: what curl reads as its configuration, so that the key stands in no list of processes.
key() {
  [ -z "$KEY" ] || printf 'header = "Authorization: Bearer %s"\n' "$KEY"
}

# request CURL-ARGUMENT...: the answer's status in $status, its headers and body in the files $headers and $body.
# Anything but 200, 202 or 204 ends the script with the problem's code and detail; a question (no form) that a busy server
# puts off is asked again, five times at most.
request() {
  local tries=0
  until ask "$@"; do
    [[ $status == @(429|502|503|504) && " $* " != *" --form "* && $tries -lt 5 ]] || die "$(problem)"
    tries=$((tries + 1))
    pause
  done
}

# ask CURL-ARGUMENT...: one request; false where the answer is none of those three.
ask() {
  status=$(curl --silent --show-error --location --max-redirs 3 --connect-timeout 10 \
    --config <(key) --dump-header "$headers" --output "$body" --write-out '%{http_code}' "$@") \
    || die "no answer from $URL: is Needledrop running there?"
  [[ $status == @(200|202|204) ]]
}

# problem: the answer's problem+json as `code: detail`, or its status where it is none.
problem() {
  local code detail
  code=$(field code 2>/dev/null) || code=
  detail=$(field detail 2>/dev/null) || detail=
  if [ -n "$code" ]; then printf '%s: %s' "$code" "$detail"; else printf 'unexpected answer: HTTP %s' "$status"; fi
}

# field NAME: a text or number of the answer, nothing where it is null; error.code is one inside another.
field() {
  if [ $reader = jq ]; then
    jq --raw-output --arg name "$1" 'getpath($name / ".") | if . == null then "" else . end' "$body"
  else
    python3 -c 'import json, sys
value = json.load(open(sys.argv[2], encoding="utf-8"))
for name in sys.argv[1].split("."):
    value = value and value.get(name)
print("" if value is None else value)' "$1" "$body"
  fi
}

# header NAME: the value of one of the answer's headers, empty where it is absent.
header() {
  awk -v name="$1" 'BEGIN {FS = ": *"} tolower($1) == tolower(name) {sub(/\r$/, "", $2); value = $2} END {print value}' "$headers"
}

# upload COLLECTION FILE: POST a file as multipart; curl reads quotes and backslashes in its name as its own signs.
upload() {
  local path=$2
  [ -f "$path" ] || die "no such file: $path"
  path=${path//\\/\\\\}
  request --form "file=@\"${path//\"/\\\"}\"" "$URL/$1"
}

# pause: as long as the answer asks for, a minute at most, one second where it does not say.
pause() {
  local seconds
  seconds=$(header retry-after)
  case $seconds in
    '' | *[!0-9]*) seconds=1 ;;
    ???* | [6-9]?) seconds=60 ;;
  esac
  sleep "$seconds"
}

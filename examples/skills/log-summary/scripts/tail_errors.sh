#!/bin/sh
# Print the last N error lines of a log, each with its line number.
# Exit status: 0 done (also when there are none), 2 wrong usage or unreadable file.
set -eu

usage() {
    echo "usage: tail_errors.sh FILE [N]   (N: how many lines, 10 when not given)"
}

fail() {
    echo "tail_errors.sh: $1" >&2
    exit 2
}

if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
    usage
    exit 0
fi
if [ "$#" -lt 1 ] || [ "$#" -gt 2 ]; then
    usage >&2
    exit 2
fi

file=$1
count=${2:-10}

case $count in
    '' | *[!0-9]*) fail "N must be a whole number, not '$count'." ;;
esac
[ -f "$file" ] || fail "There is no file $file."
[ -r "$file" ] || fail "Cannot read $file."

# What counts as an error: a level in JSON or key=value form, a level word in capitals or brackets,
# a status of 500 and more in JSON, and the same after the request of an access log.
names='error|err|critical|crit|fatal|alert|emerg|emergency|panic'
json_level="\"(level|severity|lvl|levelname|log\\.level)\" *: *(\"($names|ERROR|ERR|CRITICAL|FATAL)\"|[56]0[,} ])"
json_status='"(status|status_code|http_status)" *: *"?5[0-9][0-9]'
plain_level="(^|[^A-Za-z_])(ERROR|ERR|CRITICAL|CRIT|FATAL|PANIC)([^A-Za-z_]|\$)|[[<(]($names)[])>]|level=\"?($names)"
access_status='" 5[0-9][0-9] ([0-9]+|-)'

found=$(grep -anE -e "$json_level|$json_status|$plain_level|$access_status" -- "$file" | tail -n "$count") || true
if [ -z "$found" ]; then
    echo "no error lines in $file" >&2
    exit 0
fi
printf '%s\n' "$found"

# shellcheck shell=sh disable=SC2034
# For the tests of the command line: sourced by each. They are called with the
# program and the JSON checker, run in an empty folder of their own, and see
# nobody's settings.
pith=$(realpath "$1")
json_check=$(realpath "$2")
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
failures=0

here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here" || exit 1
for name in $(env | sed -n 's/^\(PITH_[A-Z_]*\)=.*/\1/p'); do
  [ "$name" = PITH_CPU ] || unset "$name"
done
export HOME="$here" XDG_CONFIG_HOME="$here/config" XDG_CONFIG_DIRS="$here/xdg" XDG_STATE_HOME="$here/state" \
  XDG_DATA_HOME="$here/data" TERM=dumb LC_ALL=C.UTF-8

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# expect CODE COMMAND... runs it with stdout and stderr in the files out and err.
expect() {
  wanted=$1
  shift
  command="$*"
  code=0
  "$@" >out 2>err || code=$?
  if [ "$code" -ne "$wanted" ]; then
    fail "$command: exit status $code, not $wanted"
    sed 's/^/  out: /' out | head -n 5
    sed 's/^/  err: /' err | head -n 20
  fi
}

# err_has TEXT, out_has TEXT: the last command said it.
err_has() {
  grep -qF -- "$1" err || fail "$command: stderr lacks \"$1\": $(head -c 600 err)"
}
out_has() {
  grep -qF -- "$1" out || fail "$command: stdout lacks \"$1\": $(head -c 600 out)"
}

# one_sentence [TEXT]: a failure leaves stdout alone and says one sentence on stderr, with this in it.
one_sentence() {
  [ ! -s out ] || fail "$command: a failure wrote to stdout: $(head -c 300 out)"
  [ "$(wc -l <err)" -eq 1 ] || fail "$command: not one line on stderr: $(head -c 600 err)"
  grep -q '^pith: .*[.?]$' err || fail "$command: no sentence: $(head -c 600 err)"
  [ $# -eq 0 ] || err_has "$1"
}

# json CHECK...: the last command wrote one line of JSON for which this holds.
json() {
  "$json_check" "$@" <out || fail "$command: JSON"
}

finish() {
  [ "$failures" -eq 0 ] || echo "$failures checks failed."
  [ "$failures" -eq 0 ]
}

# Ends a test that cannot run here, or no further, for CTest to count as skipped; what failed before stays failed.
skip() {
  echo "SKIPPED: $*"
  [ "$failures" -eq 0 ] || exit 1
  exit 77
}

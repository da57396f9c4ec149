# shellcheck shell=sh disable=SC2034
# For the tests of the screen: sourced by each, with its program in $1. They run
# in an empty folder of their own, see nobody's settings, and have a tmux server
# of their own, named by $server.
pith=$1
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
failures=0
tmux_started=

# As in tests/cli/lib.sh: what failed before stays failed.
skip() {
  echo "SKIPPED: $*"
  [ "$failures" -eq 0 ] || exit 1
  exit 77
}
command -v tmux >/dev/null 2>&1 || skip "tmux is not installed"

here=$(mktemp -d)
cd "$here" || exit 1
own_model=${PITH_TEST_MODEL:-}
for name in $(env | sed -n 's/^\(PITH_[A-Z_]*\)=.*/\1/p'); do
  [ "$name" = PITH_CPU ] || unset "$name"
done
unset TMUX NO_COLOR
export HOME="$here" XDG_CONFIG_HOME="$here/config" XDG_CONFIG_DIRS="$here/xdg" XDG_STATE_HOME="$here/state" \
  XDG_DATA_HOME="$here/data" TMUX_TMPDIR="$here" LC_ALL=C.UTF-8 SHELL=/bin/sh
t() { tmux -L "$server" -f /dev/null "$@"; }
trap 't kill-server 2>/dev/null; rm -rf "$here"' EXIT

screen() { t capture-pane -p; }
# The same without the ~marks~ around dropped words: which words those are is the model's affair.
unmarked() { screen | tr -d '~'; }
fail() {
  echo "FAILED: $*"
  screen | sed 's/^/  | /'
  failures=$((failures + 1))
}
# await PATTERN [SECONDS]: until a row of the screen matches the extended regular expression.
await() {
  tries=$((${2:-40} * 20))
  while [ "$tries" -gt 0 ]; do
    { screen; unmarked; } | grep -qE -- "$1" && return 0
    tries=$((tries - 1))
    sleep 0.05
  done
  fail "waited for \"$1\""
  return 1
}
# await_gone PATTERN: until no row matches.
await_gone() {
  tries=600
  while screen | grep -qE -- "$1"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      fail "\"$1\" did not go away"
      return 1
    }
    sleep 0.05
  done
}
keys() { t send-keys "$@"; }
type_text() { t send-keys -l "$1"; }
# In the pane's shell, which must have its terminal back.
start_shell() {
  t kill-server 2>/dev/null
  tries=100
  # The old server may still be about to leave.
  until t new-session -d -x "$1" -y "$2" "PS1='ready> ' exec sh" 2>/dev/null; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      # What started once is not what this machine lacks.
      [ -z "$tmux_started" ] || fail "tmux did not start again"
      skip "tmux does not start"
    }
    sleep 0.05
  done
  tmux_started=yes
  t set-option -g status off
  await 'ready>'
}

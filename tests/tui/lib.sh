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
# await_stable: until two looks in a row agree.
await_stable() {
  before=
  tries=600
  while [ "$tries" -gt 0 ]; do
    now=$(screen)
    [ "$now" = "$before" ] && return 0
    before=$now
    tries=$((tries - 1))
    sleep 0.15
  done
  fail "the screen does not come to rest"
}
# await_line 1|0: until a line is open, or none is. The cursor tells, whatever messages say over the hints.
await_line() {
  tries=600
  until [ "$(t display-message -p '#{cursor_flag}')" = "$1" ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      fail "the cursor is not $1: a line is open, or none"
      return 1
    }
    sleep 0.05
  done
}
keys() { t send-keys "$@"; }
type_text() { t send-keys -l "$1"; }
# Escape, and what follows it only when it has been taken for itself and not for the Alt of the next key.
leave_line() {
  keys Escape
  await_line 0
}
# What the program in the pane has switched on, as tmux sees it.
modes() { t display-message -p '#{mouse_any_flag}#{mouse_button_flag}#{mouse_sgr_flag}#{cursor_flag}#{alternate_on}'; }
# After the program: no mouse reports, the cursor seen, the ordinary screen, echo and line editing on.
assert_clean() {
  [ "$(modes)" = 00010 ] || fail "$1: modes are $(modes), not 00010"
  type_text 'stty -a | tr ";" "\n" | tr " " "\n" | grep -xE "echo|icanon|isig|ixon|icrnl|opost" | tr "\n" " "; echo done'
  keys Enter
  await '^icrnl ixon opost isig icanon echo done' || fail "$1: stty is not what it was"
}
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

# For the tests of the workbench: a model, two documents, and the rate that their figures are of; the default is another.
need_workbench() {
  model=${own_model:-$root/models/pith-default.gguf}
  [ -r "$model" ] || skip "$model is not there"
  export PITH_RATE=0.25
  cp "$root/samples/abstract.txt" . || exit 1
  mkdir texts
  cp "$root/samples/tidal-power.txt" texts/
}
# run_workbench SETTINGS ARGUMENTS
run_workbench() {
  type_text "$1 '$pith' --model '$model' $2; echo status=\$?"
  keys Enter
}

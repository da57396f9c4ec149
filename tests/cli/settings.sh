#!/bin/sh
# Where settings come from, which one wins, and what is said about wrong ones.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

setting() {
  expect 0 "$pith" config --json "$@"
  json "theme.value=$theme" "theme.origin~$origin"
}

# Themes to tell the places by: a setting has to name one that is there.
mkdir -p config/pith/themes sub/themes
for name in one two three four five six 'a "b": #c\d'; do
  cp "$root/themes/mono.yaml" "config/pith/themes/$name.yaml"
done
cp "$root/themes/mono.yaml" sub/themes/x.yaml

theme=terminal origin=config.yaml
setting
mkdir -p xdg/pith config/pith
echo 'theme: one' >xdg/pith/config.yaml
theme=one origin=xdg/pith/config.yaml:1
setting
printf '# mine\ntheme: two\n' >config/pith/config.yaml
theme=two origin=config/pith/config.yaml:2
setting
echo 'theme: three' >more.yaml
theme=three origin=more.yaml:1
setting --config more.yaml
PITH_THEME=four
export PITH_THEME
theme=four origin=PITH_THEME
setting --config more.yaml
theme=five origin=--theme
setting --config more.yaml --theme five
theme=six origin=--set
setting --theme five --set theme=six
unset PITH_THEME

# What config prints can be read again, whatever stands in it.
expect 0 "$pith" config --set 'theme=a "b": #c\d' --set model=x.gguf --no-mouse --ascii --no-color --threads 3
cp out again.yaml
expect 0 "$pith" config --json --config again.yaml
json 'theme.value=a "b": #c\d' model.value~x.gguf mouse.value=false unicode.value=ascii color.value=never threads.value=3 \
  theme.origin=again.yaml:1
# Other texts too: what YAML would take for a mapping, a comment or the end of a line.
next_line=$(printf '\302\205')
separator=$(printf '\342\200\250')
for text in 'a: b' 'x #y' '- z' "$(printf 'a\033[1m\tb\177')" "c${next_line}d${separator}e" ''; do
  expect 0 "$pith" config --set "server_model=$text" --set "server=$text"
  cp out again.yaml
  grep -q "$(printf '[\033\177]')" out && fail "config prints control bytes"
  expect 0 "$pith" config --json --config again.yaml
  json "server_model.value=$text" "server.value=$text" server.origin~again.yaml
done

# Paths in a file are seen from its folder; ~ is the home folder.
printf 'model: m.gguf\ntheme: themes/x.yaml\n' >sub/a.yaml
expect 0 "$pith" config --json --config sub/a.yaml
# Absolute: what is printed can stand in a file anywhere.
json "model.value=$here/sub/m.gguf" "theme.value=$here/sub/themes/x.yaml"
# shellcheck disable=SC2088
PITH_MODEL='~/m.gguf' expect 0 "$pith" config --json
json "model.value=$here/m.gguf" model.origin=PITH_MODEL

# An unknown key is a warning.
printf 'rate: 0.5\nescape_delay: 3\nzzzzzzzz: 1\n' >odd.yaml
expect 0 "$pith" config --json --config odd.yaml
json rate.value=0.5
err_has 'odd.yaml:2:1: There is no setting "escape_delay"; did you mean escape_delay_ms?'
err_has 'odd.yaml:3:1: There is no setting "zzzzzzzz".'

# A wrong value is an error, with its place.
wrong() {
  printf '%s\n' "$2" >wrong.yaml
  expect 2 "$pith" config --config wrong.yaml
  one_sentence
  err_has "$1"
}
wrong 'wrong.yaml:1:7: rate must be a number from 0.001 to 1, not "fast".' 'rate: fast'
wrong 'wrong.yaml:1:7: rate must be' 'rate: 0'
wrong 'wrong.yaml:1:7: rate must be' 'rate: 0x1p-2'
wrong 'wrong.yaml:2:10: threads must be a whole number from 0 to 1024, not "1.5".' "$(printf '#\nthreads: 1.5')"
wrong 'wrong.yaml:1:8: mouse must be true or false, not "maybe".' 'mouse: maybe'
wrong 'wrong.yaml:1:10: unicode must be one of full|ascii, not "asci".' 'unicode: asci'
wrong 'wrong.yaml:1:10: unicode must be' 'unicode: ""'
wrong 'wrong.yaml:1:9: method must be one of' 'method: gzip'
wrong 'wrong.yaml:1:8: theme must be a single value.' 'theme: [a, b]'
wrong 'wrong.yaml:1:8: There is no theme "nope".' 'theme: nope'
wrong 'wrong.yaml:1:8: ./none.yaml cannot be opened' 'theme: ./none.yaml'
wrong 'wrong.yaml:2:1: The key "rate" stands here a second time' "$(printf 'rate: 0.5\nrate: 0.5')"
wrong 'A configuration file holds lines of the form' 'just words'
expect 2 "$pith" config --config missing.yaml
err_has 'missing.yaml cannot be opened'
PITH_RATE=2 expect 2 "$pith" config
err_has 'PITH_RATE: rate must be'
PITH_THEME=nope expect 2 "$pith" config
err_has 'PITH_THEME: There is no theme "nope".'
expect 2 "$pith" --theme nope config
err_has '--theme: There is no theme "nope".'
printf 'a: \377\n' >wrong.yaml
expect 2 "$pith" config --config wrong.yaml
err_has 'wrong.yaml: byte 3 is not UTF-8 text.'

# The language of the user changes no numbers.
if locale -a 2>/dev/null | grep -qi '^de_DE.utf'; then
  LC_ALL=de_DE.UTF-8 expect 0 "$pith" config --set rate=0.5
  out_has 'rate: 0.5'
fi
finish

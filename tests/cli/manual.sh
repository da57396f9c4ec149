#!/bin/sh
# The manual page says every command with the options that it takes, every
# setting and recipe key there is, and groff has nothing to say about it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
page=$root/man/pith.1

# One word a line, without fonts and escapes.
sed 's/\\-/-/g; s/\\f.//g; s/\\~/ /g; s/["|,]/ /g' "$page" >plain
tr -s ' []' '\n' <plain | sort -u >words
has_word() {
  grep -qxF -- "$1" words || fail "man/pith.1 lacks $1"
}

# What the entries of COMMANDS take, a line each: "eval all: --against". Options that have a letter are called by it.
awk '/^\.SH/ { inside = $2 == "COMMANDS" }
  inside && tagged && /^\.BR/ {
    name = ""
    for (i = 2; i <= NF && $i ~ /^[a-z]+$/; i++) name = name (i > 2 ? " " : "") $i
    for (; i <= NF; i++) if ($i ~ /^--?[a-z]/) print name ": " $i
  }
  { tagged = $1 == ".TP" }' plain | sort -u >page_options
# Those of OPTIONS.
awk '/^\.SH/ { inside = $2 == "OPTIONS" }
  inside && tagged { for (i = 2; i <= NF; i++) if ($i ~ /^--?[a-zA-Z]/) print $i }
  { tagged = $1 == ".TP" }' plain | sort -u >page_described

expect 0 "$pith" --help
cp out help
sed -n '/^Commands/,/^$/s/^  //p' help | sed 's/  .*//; s/ [^a-z].*//; s/ *$//' >commands
[ "$(wc -l <commands)" -ge 13 ] || fail "--help lists $(wc -l <commands) commands"
while read -r name rest; do
  grep -qE "^\.BR \"?$name${rest:+ $rest}[ \"]" plain || grep -qE "^\.BR +$name${rest:+ $rest} " plain ||
    fail "man/pith.1 has no entry for $name $rest"
  # shellcheck disable=SC2086
  expect 0 "$pith" $name $rest --help
  cat out >>help
  sed -n "/^Options:/,/^\$/s/^ *\(--\{0,1\}[a-z][a-z-]*\).*/$name${rest:+ $rest}: \1/p" out >>help_options
done <commands
sort -u help_options >taken
[ "$(wc -l <taken)" -ge 70 ] || fail "--help of the commands lists $(wc -l <taken) options"
comm -23 taken page_options | sed 's/^/  /' >missing
comm -13 taken page_options | sed 's/^/  /' >too_many
[ ! -s missing ] || fail "entries of man/pith.1 lack these options:
$(cat missing)"
[ ! -s too_many ] || fail "entries of man/pith.1 have these options, which the command does not take:
$(cat too_many)"
grep -oE '(^|[ ,])--?[a-zA-Z][a-z-]*' help | tr -d ' ,' | sort -u >options
[ "$(wc -l <options)" -ge 24 ] || fail "--help lists $(wc -l <options) options"
while read -r name; do
  grep -qxF -- "$name" page_described || fail "man/pith.1 describes no $name under OPTIONS"
done <options

expect 2 "$pith" compress -m none "$0"
methods=$(sed -n 's/.*method must be one of \(.*\), not.*/\1/p' err | tr '|' ' ')
[ "$(echo "$methods" | wc -w)" -ge 3 ] || fail "the methods are $methods"
for name in $methods; do
  has_word "$name"
  grep -q "^| \`$name\` |" "$root/README.md" || fail "README.md lacks the method $name"
done

expect 0 "$pith" config
sed 's/:.*//' out >settings
[ "$(wc -l <settings)" -ge 16 ] || fail "config lists $(wc -l <settings) settings"
while read -r name; do
  has_word "$name"
  has_word "PITH_$(echo "$name" | tr '[:lower:]' '[:upper:]')"
done <settings

sed -n 's/^\t{"\([a-z0-9_]*\)", KEY_.*/\1/p' "$root/tui/recipe_keys.c" >keys
[ "$(wc -l <keys)" -ge 50 ] || fail "tui/recipe_keys.c has $(wc -l <keys) keys"
while read -r name; do
  has_word "$name"
done <keys

command -v groff >/dev/null 2>&1 || skip "groff is not there; the names agree"
LC_ALL=C.UTF-8 groff -man -Tutf8 -ww -z "$page" >out 2>&1
[ ! -s out ] || fail "groff: $(cat out)"
finish

#!/bin/sh
# The keys in man/pith.1 are those of the table of actions. Called with the
# program that prints the table; --write puts what it prints into the page.
set -eu
print_keys=$1
page=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)/man/pith.1
wanted=$(mktemp)
written=$(mktemp)
trap 'rm -f "$wanted" "$written"' EXIT
"$print_keys" >"$wanted"
[ "$(grep -c '^\.TP' "$wanted")" -gt 30 ] || {
  echo "The table of actions is nearly empty."
  exit 1
}
if [ "${2:-}" = --write ]; then
  # The old section goes; the new one stands before COMMANDS.
  awk -v file="$wanted" '
    /^\.SH / { skipped = $0 == ".SH KEYS" }
    /^\.SH COMMANDS$/ { while ((getline line < file) > 0) print line }
    !skipped' "$page" >"$written"
  cat "$written" >"$page"
fi
awk '/^\.SH / { inside = $0 == ".SH KEYS" } inside' "$page" >"$written"
diff -u "$written" "$wanted" || {
  echo "man/pith.1 does not tell the keys as they are; run sh $0 $print_keys --write"
  exit 1
}

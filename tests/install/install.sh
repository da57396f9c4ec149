#!/bin/sh
# What `cmake --install` leaves is enough: a program of somebody else, in C and in C++, is built with what pkg-config says and
# runs on the installed library and model; the library has the names of its headers and no others; the program finds its files.
set -eu
build=$(realpath "$1")
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
fail() {
  echo "FAILED: $*"
  exit 1
}

# Moved behind the installation: nothing may remember where it was.
cmake --install "$build" --prefix "$here/first" >install.log 2>&1 || {
  cat install.log
  fail "cmake --install"
}
mv first prefix
PKG_CONFIG_PATH=$(dirname "$(find prefix -name pith.pc)")
export PKG_CONFIG_PATH

# Split on purpose: a list of options.
# shellcheck disable=SC2046
build_with() {
  "$@" $(pkg-config --cflags pith) "$root/tests/install/embed.c" $(pkg-config --libs pith)
}
folder=$(pkg-config --variable=libdir pith)
model=$(pkg-config --variable=models pith)/pith-default.gguf
LD_LIBRARY_PATH=$folder
export LD_LIBRARY_PATH

build_with cc -std=c11 -Wall -Wextra -Werror -o embed || fail "a program in C could not be built"
./embed "$model" >out || fail "a program in C could not be run"
grep -q '^14 tokens: [A-Za-z]' out || fail "no words: $(cat out)"
grep -q '^from 4: We report on three seasons of measurements at Lake Arvesk' out || fail "no regeneration: $(cat out)"
if ./embed "$here/nothing.gguf" >out 2>err; then
  fail "a model that is not there was opened"
fi
grep -q '^embed: .*nothing\.gguf.*\.$' err || fail "no sentence: $(cat err)"

if command -v c++ >/dev/null 2>&1; then
  build_with c++ -std=c++11 -Wall -Wextra -Werror -x c++ -o embedpp || fail "a program in C++ could not be built"
  ./embedpp "$model" >out || fail "a program in C++ could not be run"
  grep -q '^from 4: We report' out || fail "no regeneration in C++: $(cat out)"
fi

nm -D --defined-only "$folder/libpith.so" | sed 's/.* //' | sort >exported
[ -s exported ] || fail "the library exports nothing"
while read -r name; do
  grep -rqw "$name" "$here/prefix/include/pith" || fail "$name is exported and in no header"
done <exported
sed -n '/^typedef/!s/^[a-z].*[ *]\(pith_[a-z0-9_]*\)(.*/\1/p' "$here"/prefix/include/pith/*.h | sort -u >declared
[ "$(wc -l <declared)" -gt 40 ] || fail "the headers were not read"
[ -z "$(comm -13 exported declared)" ] || fail "declared and not exported: $(comm -13 exported declared)"

echo "Water is wet, and the lake has doubled its area since 1994." >text.txt
HOME="$here" prefix/bin/pith compress --cr 0.5 text.txt >out || fail "the program does not run"
HOME="$here" prefix/bin/pith config >out || fail "the program has no settings"
grep -qF "$here/prefix/share/pith" out || fail "the program found files elsewhere: $(cat out)"

#!/bin/sh
# Folders are layers: who may include what.
#   base <- kernels <- ops <-+
#   base <- formats <- text <+- model <- compress <-+- train
#                                                   +- eval
#   base <- remote <- compress
# Everybody may include pith/*.h; the program (tui/) nothing else of ours but
# its own. Called with the root of the tree; then it proves on a broken copy
# that it sees what it should.
set -u
LC_ALL=C
export LC_ALL

# violations ROOT prints a line for each.
violations() (
  cd "$1" || exit 2

  # "FILE HEADER" for each quoted include.
  quoted() {
    grep -rHoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]+"' "$@" --include='*.[ch]' |
      sed -E 's/^([^:]*):[^"]*"([^"]*)"/\1 \2/'
  }

  # layer FOLDER ALLOWED...
  layer() {
    folder=$1
    shift
    allowed=" $* $folder pith "
    [ -d "core/$folder" ] || return 0
    quoted "core/$folder" | while read -r file header; do
      case $allowed in
      *" ${header%%/*} "*) ;;
      *) echo "$file must not include \"$header\": core/$folder sees$allowed only" ;;
      esac
    done
  }
  layer base
  layer kernels base
  layer ops base kernels
  layer formats base
  layer remote base
  layer text base formats
  layer model base kernels ops formats text
  layer compress base kernels ops formats remote text model
  layer train base kernels ops formats text model compress
  layer eval base kernels ops formats text model compress
  for folder in core/*/; do
    case $folder in
    core/base/ | core/kernels/ | core/ops/ | core/formats/ | core/remote/ | core/text/ | core/model/ | core/compress/ | core/train/ | core/eval/) ;;
    *) echo "$folder is no layer that this check knows" ;;
    esac
  done

  quoted include | grep -v ' pith/' | sed 's/$/: a public header includes public headers only/'
  quoted tui | while read -r file header; do
    case $header in
    pith/*) ;;
    *) [ -f "tui/$header" ] || echo "$file must not include \"$header\": the program sees pith/*.h and tui/ only" ;;
    esac
  done

  # only PATTERN WHERE: system headers that match belong to one place.
  only() {
    grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*<($1)>" core include tui --include='*.[ch]' | grep -vE "^($2)" |
      while read -r line; do
        echo "$line: only $2 may include this"
      done
  }
  only 'cblas\.h' 'core/kernels/matmul\.c'
  only 'immintrin\.h|arm_neon\.h' 'core/kernels/'
  only '(ncursesw/)?(n?curses|panel|term)\.h' 'tui/screen\.c'
  only 'readline/.*' 'tui/prompt\.c'
  only 'curl/.*' 'core/remote/'
  only 'yaml\.h' 'tui/yaml_tree\.c'
)

root=${1:?usage: check_layers.sh ROOT}
found=$(violations "$root")
if [ -n "$found" ]; then
  echo "$found"
  exit 1
fi

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$root/core" "$root/include" "$root/tui" "$copy/"
# break_it FILE LINE
n_broken=0
break_it() {
  n_broken=$((n_broken + 1))
  mkdir -p "$copy/$(dirname "$1")"
  echo "$2" >>"$copy/$1"
}
break_it core/base/broken.c '#include "kernels/kernels.h"'
break_it core/formats/broken.c '#include "text/tokenizer.h"'
break_it core/remote/broken.c '#include "text/tokenizer.h"'
break_it core/eval/chat.c '#include "remote/chat_client.h"'
break_it core/text/broken.c '#include <curl/curl.h>'
break_it core/train/broken.c '  # include "eval/words.h"'
break_it core/eval/broken.c '#include "train/adamw.h"'
break_it core/model/broken.c '#include <cblas.h>'
break_it include/pith/broken.h '#include "base/status.h"'
break_it tui/broken.c '#include "base/buffer.h"'
break_it tui/cli/broken.c '#include <ncursesw/curses.h>'
break_it tui/views/broken.c '#include <ncurses.h>'
break_it tui/line.c '#include <readline/readline.h>'
break_it core/spare/broken.c '/* a folder of its own */'
n_found=$(violations "$copy" | grep -c .)
if [ "$n_found" -ne "$n_broken" ]; then
  echo "Of $n_broken broken files $n_found were found:"
  violations "$copy"
  exit 1
fi
echo "The layers hold."

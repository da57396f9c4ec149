#!/bin/sh
# llmlingua2 beside its authors' package on this CPU: seconds to compress texts of several lengths, as a table.
#   bench/llmlingua2.sh PITH TEXT [MODEL.gguf]
# TEXT is cut to the lengths. Nothing else may run. Environment:
#   PYTHON (python3)            with torch, transformers and llmlingua
#   PEER                        a folder with weights of the package; empty: random ones of its small model's shape (bench/llmlingua2.py)
#   LENGTHS (4000 16000 64000)  bytes
#   RATE (0.33) ROUNDS (3) THREADS (one per core)
set -eu
if [ $# -lt 2 ] || [ $# -gt 3 ]; then
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
pith=$1 text=$2 model=${3:-$root/models/pith-default.gguf}
python=${PYTHON:-python3} rate=${RATE:-0.33} rounds=${ROUNDS:-3} threads=${THREADS:-$(nproc)}
dir=$(mktemp -d "${TMPDIR:-/tmp}/pith-bench-XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

peer=${PEER:-}
weights="its weights"
if [ -z "$peer" ]; then
  "$python" "$root/bench/llmlingua2.py" model "$dir/model" "$text" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
  peer=$dir/model/bert-base-multilingual-cased
  weights="random weights of its small model's shape"
fi

# middle: the median of the numbers that come in.
middle() { sort -g | awk '{ n[NR] = $1 } END { print NR % 2 ? n[(NR + 1) / 2] : (n[NR / 2] + n[NR / 2 + 1]) / 2 }'; }

echo "| bytes | pith, s | the package ($weights), s | ratio |"
echo "|---:|---:|---:|---:|"
for length in ${LENGTHS:-4000 16000 64000}; do
  head -c "$length" "$text" >"$dir/text.txt"
  round=0
  : >"$dir/ours"
  : >"$dir/theirs"
  # In turns: a busy neighbour hits both.
  while [ "$round" -lt "$rounds" ]; do
    "$pith" compress --model "$model" -m llmlingua2 --cr "$rate" --threads "$threads" --json -o "$dir/out.txt" "$dir/text.txt" |
      sed -n 's/.*"seconds": *\([0-9.e-]*\).*/\1/p' >>"$dir/ours"
    "$python" "$root/bench/llmlingua2.py" time "$peer" "$rate" "$threads" 1 "$dir/text.txt" 2>"$dir/log" |
      awk '{ print $2 }' >>"$dir/theirs"
    round=$((round + 1))
  done
  # pith has said on stderr why it failed.
  [ "$(wc -l <"$dir/ours")" -eq "$rounds" ] || exit 1
  [ "$(wc -l <"$dir/theirs")" -eq "$rounds" ] || { cat "$dir/log" >&2; exit 1; }
  ours=$(middle <"$dir/ours") theirs=$(middle <"$dir/theirs")
  awk -v bytes="$length" -v ours="$ours" -v theirs="$theirs" \
    'BEGIN { printf "| %s | %.3f | %.2f | %.1f |\n", bytes, ours, theirs, theirs / ours }'
done

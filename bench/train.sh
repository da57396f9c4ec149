#!/bin/sh
# pith's trainer beside PyTorch on this CPU: one model, the same batches, in alternating rounds, as one table.
#   bench/train.sh TEXT.jsonl [MODEL.gguf]
# TEXT.jsonl: lines with "text", about a million tokens for the defaults; fewer are read again. MODEL.gguf: the weights
# to start from (models/pith-default.gguf). Environment:
#   PYTHON (python3)              with torch, numpy and gguf; without them pith is measured alone
#   STEPS (200)                   of the first round, whose losses are compared
#   ROUNDS (3), ROUND_STEPS (20)  rounds in all; steps of the others, which are for speed
#   THREADS (one per core)        of pith; PyTorch takes its best count up to that
#   SEQUENCES (8), TOKENS (320)   of a micro-batch, of a sequence; a step has two micro-batches
#   SETTING                       PyTorch's, as train_pytorch.py prints it; empty: the fastest is looked for first
#   PRECISION (bf16)              of the products of both; f32 to see whether their losses differ by rounding alone
#   BUILD (build/release)         where bench_train is built
#   KEEP                          a folder for what each round printed; empty: none is kept
# Nothing else may run: a busy neighbour slows the two unevenly.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  sed -n '2,16s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
text=$1
model=${2:-$root/models/pith-default.gguf}
python=${PYTHON:-python3}
steps=${STEPS:-200} rounds=${ROUNDS:-3} round_steps=${ROUND_STEPS:-20}
threads=${THREADS:-$(nproc)}
precision=${PRECISION:-bf16}
build=${BUILD:-$root/build/release}
[ "$round_steps" -le "$steps" ] || round_steps=$steps
dir=$(mktemp -d "${TMPDIR:-/tmp}/pith-bench-XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

if ! { cmake -S "$root" -B "$build" -G Ninja -DPITH_BENCH=ON && ninja -C "$build" bench_train; } >"$dir/build.log" 2>&1; then
  cat "$dir/build.log" >&2
  exit 1
fi
bench=$build/bench_train
"$bench" batches "$model" "$text" "$dir/batches" "$steps" "${SEQUENCES:-8}" "${TOKENS:-320}"

# PyTorch asks for its large arrays anew in every step: kept memory spares it the page faults.
pytorch() {
  MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 "$python" "$root/bench/train_pytorch.py" "$@"
}

sides=pith
if "$python" -c 'import torch, numpy, gguf' 2>"$dir/python.log"; then
  sides='pith pytorch'
  setting=${SETTING:-}
  if [ -z "$setting" ]; then
    echo "Looking for PyTorch's fastest setting (threads, pieces of a step, mode, precision):" >&2
    setting=$(pytorch choose "$model" "$dir/batches" "$threads")
  fi
  setting="${setting% *} $precision"
else
  echo "PyTorch is left out: $python cannot import torch, numpy and gguf ($(tail -n 1 "$dir/python.log"))." >&2
fi

round=1
while [ "$round" -le "$rounds" ]; do
  n=$round_steps
  [ "$round" -gt 1 ] || n=$steps
  for side in $sides; do
    echo "Round $round of $rounds: $side, $n steps." >&2
    if [ "$side" = pith ]; then
      "$bench" run "$model" "$text" "$dir/batches" "$n" "$threads" "$precision" >"$dir/pith.$round"
    else
      pytorch run "$model" "$dir/batches" "$n" "$setting" >"$dir/pytorch.$round"
    fi
  done
  round=$((round + 1))
done

# median SIDE NAME: of the rounds; nothing when it was not measured.
median() {
  cat "$dir/$1".* 2>/dev/null | awk -v name="$2" '$1 == name { print $2 }' | sort -g |
    awk '{ value[NR] = $1 } END { if (NR) print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'
}

# row NAME PITH PYTORCH FORMAT: PyTorch's may be empty.
row() {
  awk -v name="$1" -v a="$2" -v b="$3" -v format="$4" 'BEGIN {
    printf "%-34s %12s", name, sprintf(format, a)
    if (b != "") printf " %12s %8.2f", sprintf(format, b), a / b
    printf "\n"
  }'
}

loss_at() {
  awk -v n="$2" '$1 == "step" && $2 == n { print $3 }' "$dir/$1.1" 2>/dev/null || true
}

pith_rate=$(median pith tokens_per_second)
torch_rate=$(median pytorch tokens_per_second)
operations=$(median pith operations_per_token)
product=$(median pith product_gflops)
work() {
  [ -z "$1" ] || awk -v rate="$1" -v operations="$operations" -v per="$2" 'BEGIN { print rate * operations * 1e-9 / per }'
}

printf '%-34s %12s' '' pith
[ -z "$torch_rate" ] || printf ' %12s %8s' PyTorch ratio
printf '\n'
row 'tokens/s' "$pith_rate" "$torch_rate" '%.0f'
row 'model GFLOP/s' "$(work "$pith_rate" 1)" "$(work "$torch_rate" 1)" '%.0f'
row 'of the bf16 product, %' "$(work "$pith_rate" "$product" | awk '{ print 100 * $1 }')" \
  "$(work "$torch_rate" "$product" | awk '{ print 100 * $1 }')" '%.1f'
row 'peak memory, MiB' "$(median pith peak_memory_mib)" "$(median pytorch peak_memory_mib)" '%.0f'
for step in 1 50 100 200; do
  [ "$step" -gt "$steps" ] || row "loss at step $step" "$(loss_at pith $step)" "$(loss_at pytorch $step)" '%.5f'
done
if [ -n "$torch_rate" ]; then
  awk '$1 != "step" { next }
    NR == FNR { loss[$2] = $3; next }
    { d = (loss[$2] - $3) / $3; d = d < 0 ? -d : d; sum += d; n++; if (d >= most) { most = d; step = $2 } }
    END { printf "losses differ by %.3f %% at most (step %d), %.3f %% on average\n", 100 * most, step, 100 * sum / n }' \
    "$dir/pith.1" "$dir/pytorch.1"
  echo "PyTorch: $setting"
fi
echo "bf16 product of 1024 x 1024 x 1024 on $threads threads: $product GFLOP/s"
printf 'pith'\''s time:'
for part in linear_forward linear_backward attention_forward attention_backward loss_head elementwise optimizer waiting; do
  printf ' %s %.1f %%' "$part" "$(median pith "share_$part" | awk '{ print 100 * $1 }')" | tr _ ' '
done
printf '\n'
if [ -n "${KEEP:-}" ]; then
  mkdir -p "$KEEP"
  cp "$dir"/pith.* "$KEEP"
  [ -z "$torch_rate" ] || cp "$dir"/pytorch.* "$KEEP"
fi

#!/bin/sh
# One question about memory tokens, answered by training runs that differ in one thing, as a table.
#   bench/ablate.sh QUESTION PITH MODEL TRAINING EVALUATION RUNS
# QUESTION:
#   memory    keys and values (500xCompressor) against embeddings (ICAE), at equal tokens and at equal bytes
#   slots     memory tokens at positions 1..k against spread over the positions of the text
#   nested    one adapter for every number of memory tokens against one for each
#   staged    an adapter on the frozen MODEL against the one that was trained along with it (MODEL's own)
#   tokens    what each memory token of MODEL's own adapter carries: no training
# TRAINING: what models/recipes/prepare.sh made. EVALUATION: the folder of abstracts-96.jsonl. RUNS: where runs and their
# checkpoints go; a run that was stopped goes on from there, one that is done is not done again. Environment:
#   STEPS (1000)   of each training run, models/recipes/regenerate.yaml otherwise
#   LIMIT (100)    texts of the evaluation
#   THREADS (0)    0: one per core
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
if [ $# -ne 6 ]; then
  sed -n '2,16s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
question=$1 pith=$2 model=$3 training=$4 data=$5/abstracts-96.jsonl runs=$6
steps=${STEPS:-1000} limit=${LIMIT:-100} threads=${THREADS:-0}
mkdir -p "$runs"

# train NAME MEMORY RATIO_MIN RATIO_MAX [SLOTS]: an adapter on the frozen model, in RUNS/NAME beside a copy of it. It begins with the
# short texts and many memory tokens of the recipe.
train() {
  dir=$runs/$1
  mkdir -p "$dir"
  case $2 in rows) adapter="model-regenerate.gguf" ;; *) adapter="model-$2-regenerate.gguf" ;; esac
  [ ! -e "$dir/done-$steps" ] || return 0
  [ -e "$dir/model.gguf" ] || cp "$model" "$dir/model.gguf"
  sed -e "s|^base:.*|base: $dir/model.gguf|" -e "s|^n_steps:.*|n_steps: $steps|" -e "s|^decay_steps:.*|decay_steps: $((steps * 3 / 10))|" \
    -e "s|^k_ratio_min:.*|k_ratio_min: $3|" -e "s|^k_ratio_max:.*|k_ratio_max: $4|" -e "s|^lora_rank:|memory: $2\\nmemory_slots: ${5:-false}\\n&|" \
    -e "s|^checkpoint:.*|checkpoint: $dir/checkpoint|" -e "s|^output:.*|output: $dir/$adapter|" -e "s|^log:.*|log: $dir/log.jsonl|" \
    "$root/models/recipes/regenerate.yaml" >"$dir/recipe.yaml"
  echo "Training $1." >&2
  PITH_DATA=$training PITH_RUNS=$runs "$pith" train regenerate --threads "$threads" "$dir/recipe.yaml" >&2
  : >"$dir/done-$steps"
}

# row NAME MODEL METHOD TOKENS: evaluates and prints a row.
row() {
  "$pith" eval regenerate --model "$2" -m "$3" --tokens "$4" --data "$data" --limit "$limit" --threads "$threads" --json >"$runs/out.json"
  number() {
    sed -n "s/.*\"$1\": \\[*\\([-0-9.e]*\\(, [-0-9.e]*\\)\\{0,1\\}\\)[],}].*/\\1/p" "$runs/out.json"
  }
  bounds=$(number rouge_l_set_interval)
  "$pith" compress --model "$2" -m "$3" --tokens "$4" --json -o "$runs/out.soft" "$root/samples/abstract.txt" >"$runs/size.json"
  bytes=$(sed -n 's/.*"compressed_bytes": \([0-9]*\).*/\1/p' "$runs/size.json")
  printf '| %s | %s | %s | %.3f [%.3f, %.3f] | %.3f |\n' "$1" "$4" "$bytes" "$(number rouge_l_set)" "${bounds%,*}" "${bounds#*, }" \
    "$(number matched_prefix)"
}

heading() {
  echo "| $1 | memory tokens | bytes | set-based ROUGE-L | matched prefix |"
  echo "|---|---:|---:|---|---:|"
}

case $question in
  memory)
    train rows rows 0.025 0.5
    train embeddings embeddings 0.025 0.5
    heading 'handed over'
    for tokens in 1 4 16; do
      row 'keys and values' "$runs/rows/model.gguf" 500x $tokens
    done
    for tokens in 1 4 16 64; do
      row 'embeddings' "$runs/embeddings/model.gguf" icae $tokens
    done
    ;;
  slots)
    train nested rows 0.025 0.2
    train slots rows 0.025 0.2 true
    heading 'positions'
    for tokens in 4 16; do
      row 'spread over the text' "$runs/nested/model.gguf" 500x $tokens
      row 'in slots 1..k' "$runs/slots/model.gguf" 500x $tokens
    done
    ;;
  nested)
    train nested rows 0.025 0.2
    heading 'trained with'
    for tokens in 4 16; do
      row 'every number of memory tokens' "$runs/nested/model.gguf" 500x $tokens
      # As a share of the text's tokens, about 112.
      ratio=$(awk -v tokens="$tokens" 'BEGIN { printf "%.5f", tokens / 112 }')
      train "only$tokens" rows "$ratio" "$ratio"
      row "one for $((112 / tokens)) tokens of text" "$runs/only$tokens/model.gguf" 500x $tokens
    done
    ;;
  staged)
    train staged rows 0.025 0.2
    heading 'adapter'
    for tokens in 4 16; do
      row 'on the frozen model' "$runs/staged/model.gguf" 500x $tokens
      row 'along with the model' "$model" 500x $tokens
    done
    ;;
  tokens)
    "$pith" eval memory --model "$model" -m 500x --tokens 16 --data "$data" --limit "$limit" --threads "$threads"
    ;;
  *)
    echo "There is no question $question: memory, slots, nested, staged, tokens." >&2
    exit 2
    ;;
esac

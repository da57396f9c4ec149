#!/bin/sh
# What a model keeps of the evaluation texts, as the tables of its model card: texts of four lengths regenerated from memory
# tokens, refined ones, and answers, each with its 95 % bootstrap interval.
#   bench/quality.sh PITH MODEL DATA [METHOD [LIMIT]]
# DATA holds abstracts-{96,192,288,384}.jsonl and answer.jsonl; a set that is not there is left out, and said. METHOD: 500x
# if none is named. LIMIT: texts of each set, for a quick look. Environment:
#   TOKENS (16 4 1)  how many memory tokens
#   REFINE (0)       refine the first so many texts of 96 as well
#   THREADS (0)      0: one per core
set -eu
if [ $# -lt 3 ] || [ $# -gt 5 ]; then
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
pith=$1 model=$2 data=$3 method=${4:-500x} limit=${5:-}
refine=${REFINE:-0} tokens_list=${TOKENS:-16 4 1}
threads=${THREADS:-0}

# field NAME FILE: a number of the JSON answer; an interval as "low, high".
field() {
  sed -n "s/.*\"$1\": \\[*\\([-0-9.e]*\\(, [-0-9.e]*\\)\\{0,1\\}\\)[],}].*/\\1/p" "$2"
}
# shown NAME FILE: "0.976 [0.971, 0.981]"
shown() {
  bounds=$(field "$1_interval" "$2")
  printf '%.3f [%.3f, %.3f]' "$(field "$1" "$2")" "${bounds%,*}" "${bounds#*, }"
}
measure() {
  what=$1
  shift
  "$pith" eval "$what" --model "$model" -m "$method" --json ${limit:+--limit "$limit"} --threads "$threads" "$@" >"$out"
}

is_there() {
  [ -f "$1" ] || {
    echo "$1 is not there: left out." >&2
    return 1
  }
}

out=$(mktemp)
trap 'rm -f "$out"' EXIT
echo "| texts of | memory tokens | set-based ROUGE-L | ROUGE-L | BLEU | exact | matched prefix |"
echo "|---:|---:|---|---|---|---|---|"
for length in 96 192 288 384; do
  set=$data/abstracts-$length.jsonl
  is_there "$set" || continue
  for tokens in $tokens_list; do
    measure regenerate --data "$set" --tokens "$tokens"
    echo "| $length | $tokens | $(shown rouge_l_set "$out") | $(shown rouge_l "$out") | $(shown bleu "$out") | $(shown exact "$out") | $(shown matched_prefix "$out") |"
  done
done
if [ "$refine" -gt 0 ] && is_there "$data/abstracts-96.jsonl"; then
  limit=$refine
  echo
  echo "| texts of 96, refined | memory tokens | exact | mean steps | seconds a text |"
  echo "|---:|---:|---|---:|---:|"
  for tokens in $tokens_list; do
    measure regenerate --data "$data/abstracts-96.jsonl" --tokens "$tokens" --refine 1500
    n=$(field n "$out")
    each=$(awk -v seconds="$(field seconds "$out")" -v n="$n" 'BEGIN { printf "%.2f", seconds / n }')
    echo "| $n | $tokens | $(shown exact "$out") | $(field refine_steps "$out") | $each |"
  done
  limit=${5:-}
fi
is_there "$data/answer.jsonl" || exit 0
echo
echo "| questions, memory tokens | F1 full text | F1 from memory | kept | EM full text | EM from memory |"
echo "|---:|---|---|---|---|---|"
for tokens in $tokens_list; do
  measure answer --data "$data/answer.jsonl" --tokens "$tokens"
  echo "| $tokens | $(shown f1_full "$out") | $(shown f1 "$out") | $(shown retained "$out") | $(shown em_full "$out") | $(shown em "$out") |"
done

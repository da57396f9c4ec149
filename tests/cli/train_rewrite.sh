#!/bin/sh
# The adapter of cmprsr from nothing: a base of a few lines, pairs that need no adapter, supervised training, going on from what
# came of it, and reinforcement.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

for sample in "$root"/samples/*.txt; do
  sed -n '/....................../s/.*/{"text": "&"}/p' "$sample" | sed 's/"/\\"/g; s/^{\\"text\\": \\"/{"text": "/; s/\\"}$/"}/'
done >texts.jsonl
text=$root/samples/abstract.txt
cat >vocabulary.yaml <<'END'
paths: [texts.jsonl]
n_vocab: 400
output: vocabulary.gguf
END
expect 0 "$pith" train tokenizer vocabulary.yaml
cat >base.yaml <<'END'
tokenizer: vocabulary.gguf
name: base
n_layers: 1
n_embd: 32
n_heads: 1
n_kv_heads: 1
head_dim: 32
n_ff: 64
n_context: 1024
tasks:
  - {objective: lm, path: texts.jsonl, weight: 1, max_tokens: 48}
batch_tokens: 200
n_accumulate: 1
n_steps: 20
output: base.gguf
threads: 1
END
expect 0 "$pith" train base base.yaml

# Nobody has written a rewrite yet: pairs are of the words that would stand for one, and reach from 0.1 to 0.7.
expect 1 "$pith" compress -m cmprsr --cr 0.5 --model base.gguf "$text"
err_has 'pith train sft'
expect 0 "$pith" pairs -m cmprsr --data texts.jsonl --model base.gguf -o pairs.jsonl
[ "$(wc -l <pairs.jsonl)" -gt 5 ] || fail "too few pairs: $(wc -l <pairs.jsonl)"
head -n 1 pairs.jsonl >out
json text:string target:string method=cmprsr 'cr<0.11'

cat >sft.yaml <<'END'
base: base.gguf
lora_rank: 2
lora_alpha: 2
span_tokens: 300
tasks:
  - {objective: rewrite, path: pairs.jsonl, weight: 1, max_tokens: 700}
batch_tokens: 800
n_accumulate: 1
n_steps: 6
report_steps: 3
muon_learning_rate: 0.002
output: base-rewrite.gguf
adapter_type: BF16
threads: 1
END
expect 0 "$pith" train sft sft.yaml --json
json steps=6 'losses.rewrite>0' output=base-rewrite.gguf
expect 0 "$pith" compress -m cmprsr --cr 0.5 --json --model base.gguf "$text"
json method=cmprsr 'chunks>0' chunks_in_words:integer chunks_extractive:integer 'delta_cr<=0' 'compressed_tokens>0'

# It may learn what to keep along with that; the file knows, and pairs are then of the words that it would keep.
sed '/^tasks:/a\  - {objective: keep, path: pairs.jsonl, weight: 1, max_tokens: 200}' sft.yaml >both.yaml
sed -i 's/^output:.*/output: keeps-rewrite.gguf/' both.yaml
expect 0 "$pith" train sft both.yaml --json
json 'losses.rewrite>0' 'losses.keep>0'
expect 0 "$pith" inspect keeps-rewrite.gguf
out_has 'pith.keeps_words'
expect 0 "$pith" inspect base-rewrite.gguf
out_has 'pith.purpose'
grep -q 'pith.keeps_words' out && fail 'an adapter that never learned what to keep says that it did'
cp base.gguf keeps.gguf
expect 0 "$pith" pairs -m cmprsr --data texts.jsonl --model keeps.gguf -o kept.jsonl
cmp -s pairs.jsonl kept.jsonl && fail 'pairs are not of the words that the adapter would keep'
sed 's/objective: keep/objective: lm/' both.yaml >other.yaml
expect 2 "$pith" train sft other.yaml
err_has 'not lm'

# Another run goes on from it: at hardly any rate all of it stays as it was.
sed 's/^output:.*/output: again.gguf/; /^muon/d' sft.yaml >again.yaml
printf 'adapter_rewrite: base-rewrite.gguf\nlearning_rate: 1e-30\nmin_learning_rate: 0\n' >>again.yaml
expect 0 "$pith" train sft again.yaml --json
cmp -s base-rewrite.gguf again.gguf || fail 'a run that goes on from an adapter did not begin with it'
sed 's/adapter_rewrite/adapter_read/' again.yaml >other.yaml
expect 2 "$pith" train sft other.yaml
err_has 'no task trains one'

cat >grpo.yaml <<'END'
base: base.gguf
adapter: keeps-rewrite.gguf
data: pairs.jsonl
max_tokens: 700
rate_min: 0.1
rate_max: 0.3
n_inputs: 1
n_rollouts: 2
n_steps: 2
adapter_type: BF16
output: better-rewrite.gguf
log: grpo.jsonl
END
expect 0 "$pith" train grpo grpo.yaml --threads 1 --json
json output=better-rewrite.gguf
[ "$(wc -l <grpo.jsonl)" -eq 2 ] || fail "the log has $(wc -l <grpo.jsonl) lines"
expect 0 "$pith" inspect --json better-rewrite.gguf
json kind=adapter
grep -q 'pith.keeps_words' out || fail 'reinforcement has made the adapter forget that it keeps words'
[ "$(wc -c <better-rewrite.gguf)" -lt $(($(wc -c <base-rewrite.gguf) + 300)) ] || fail 'adapter_type of grpo did nothing'
sed 's/BF16/int3/' grpo.yaml >typed.yaml
expect 2 "$pith" train grpo typed.yaml
err_has 'adapter_type is int3'
finish

#!/bin/sh
# pith train from nothing: a vocabulary and a base on a few lines of text, with
# an interruption, a kill, and going on; then a soft prompt of one model is
# refused by another.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

for sample in "$root"/samples/*.txt; do
  sed -n '/....................../s/.*/{"text": "&"}/p' "$sample" | sed 's/"/\\"/g; s/^{\\"text\\": \\"/{"text": "/; s/\\"}$/"}/'
done >texts.jsonl

cat >vocabulary.yaml <<'END'
paths: [texts.jsonl]
n_vocab: 400
output: vocabulary.gguf
END
expect 0 "$pith" train tokenizer vocabulary.yaml --json
json output=vocabulary.gguf
expect 0 "$pith" inspect --json vocabulary.gguf
json kind=vocabulary metadata:object tensors:object

# recipe NAME STEPS
recipe() {
  cat >"$1.yaml" <<END
tokenizer: \${TEST_FOLDER}/vocabulary.gguf
name: $1
n_layers: 1
n_embd: 32
n_heads: 1
n_kv_heads: 1
head_dim: 32
n_ff: 64
n_context: 256
lora_rank: 0
max_memory_tokens: 16
span_tokens: 64
tasks:
  - {objective: lm, path: texts.jsonl, weight: 0.5, max_tokens: 48}
  - {objective: regenerate, path: texts.jsonl, weight: 0.5, max_tokens: 48}
  - {objective: answer, path: texts.jsonl, weight: 0.2, max_tokens: 48}
batch_tokens: 200
n_accumulate: 1
n_steps: $2
report_steps: 5
eval: texts.jsonl
eval_steps: 20
eval_limit: 2
log: $1.jsonl
checkpoint: $1.checkpoint
checkpoint_steps: 10
output: $1.gguf
output_adapter_regenerate: $1-regenerate.gguf
output_adapter_answer: $1-answer.gguf
threads: 1
END
}
TEST_FOLDER=$here
export TEST_FOLDER
recipe straight 200
recipe stopped 200
expect 0 "$pith" train base straight.yaml --json
json steps=200 'loss>0' 'losses.lm>0' 'losses.regenerate>0' 'eval_losses.lm>0' output=straight.gguf
err_has 'step 200/200'
# Once more: it says that nothing was left to do, not that something was done.
cp straight.jsonl before.jsonl
expect 0 "$pith" train base straight.yaml --json
json finished_before=true steps=200 'tokens>0' output=straight.gguf
err_has 'The run had finished before, with step 200,'
cmp -s straight.jsonl before.jsonl || fail "the log of a run that is over was changed"
# Its log can be watched and drawn.
expect 0 "$pith" train --watch straight.jsonl --json
json step=200 n_steps=200 'losses.lm>0' 'held_out.lm>0' 'tokens_per_second>0' seconds_left:number 'seconds_left<0.001'
expect 0 "$pith" train --plot straight.jsonl
out_has '</svg>'

# Stopped by an interrupt, then killed, then left alone: it ends where the straight run ended.
for signal in INT:130 KILL:137; do
  "$pith" train base stopped.yaml >out 2>err &
  process=$!
  waited=0
  while ! grep -q '^step' err && [ "$waited" -lt 100 ]; do
    sleep 0.05
    waited=$((waited + 1))
  done
  kill -s "${signal%:*}" "$process" 2>/dev/null
  code=0
  wait "$process" 2>/dev/null || code=$?
  [ "$code" -eq "${signal#*:}" ] || [ "$code" -eq 0 ] || fail "SIG$signal: exit status $code: $(cat err)"
done
expect 0 "$pith" train base stopped.yaml --json
for name in straight stopped; do
  tail -n 1 $name.jsonl >out
  json step=200 'loss>0'
  sed 's/.*"loss": *\([0-9.]*\).*/\1/' out >$name.loss
done
awk '{ getline other <"stopped.loss"; d = $1 - other; exit !(d < 0.001 && d > -0.001) }' straight.loss ||
  fail "the loss is $(cat stopped.loss) after stops, $(cat straight.loss) without"

expect 1 "$pith" train base missing.yaml
one_sentence
sed 's/texts.jsonl/missing.jsonl/' straight.yaml >no_data.yaml
expect 1 "$pith" train base no_data.yaml
one_sentence
err_has 'missing.jsonl'

# What it wrote is a model.
text=$root/samples/abstract.txt
expect 0 "$pith" inspect --json straight.gguf
json kind=model metadata:object tensors:object
expect 0 "$pith" tokens --json --model straight.gguf "$text"
json 'n>100'
expect 0 "$pith" compress -m 500x --tokens 8 -o doc.soft --json --model straight.gguf "$text"
json compressed_tokens=8
expect 0 "$pith" regenerate --max-tokens 4 --json --model straight.gguf doc.soft
json text:string

# Hours of training are not written over by a text.
expect 2 "$pith" compress -m selfinfo --cr 0.5 -o straight.gguf --model straight.gguf "$text"
err_has 'would write the result over a model'

# An adapter for reading is found beside the model, and then questions are asked of the nearest sentences.
cat >read.yaml <<'END'
base: straight.gguf
lora_rank: 2
lora_alpha: 2
tasks:
  - {objective: answer_full, path: texts.jsonl, weight: 1, max_tokens: 100, skip_document: true}
batch_tokens: 200
n_accumulate: 1
n_steps: 6
report_steps: 3
renamed: 0.5
dropout: 0.1
evidence_tokens: 16
adapter_type: BF16
output: straight-read.gguf
threads: 1
END
expect 1 "$pith" ask -q 'Where is the lake?' -m selfinfo --cr 0.9 --json --model straight.gguf "$text"
err_has 'the context of straight is 256'
expect 0 "$pith" train read read.yaml --json
json steps=6 'losses.answer_full>0' output=straight-read.gguf
expect 0 "$pith" inspect --json straight-read.gguf
json kind=adapter
expect 0 "$pith" ask -q 'Where is the lake?' -m selfinfo --cr 0.9 --json --model straight.gguf "$text"
json narrowed_full=true narrowed_compressed=true 'prompt_tokens_full<120'
# Another run goes on from it: at hardly any rate all of it stays as it was.
sed 's/^output:.*/output: again.gguf/' read.yaml >again.yaml
printf 'adapter_read: straight-read.gguf\nlearning_rate: 1e-30\nmin_learning_rate: 0\n' >>again.yaml
expect 0 "$pith" train read again.yaml --json
cmp -s straight-read.gguf again.gguf || fail 'a run that goes on from an adapter did not begin with it'
sed 's/answer_full/lm/' read.yaml >lm_read.yaml
expect 2 "$pith" train read lm_read.yaml
err_has 'takes tasks with the objective answer_full only'

# Without a head llmlingua2 says how to come by one; trained, it is found beside the model. Titles are the texts' own beginnings.
expect 1 "$pith" compress -m llmlingua2 --tokens 20 --model straight.gguf "$text"
one_sentence
err_has 'pith train keep RECIPE'
sed -n 's/^{"text": "\(\([A-Za-z,.]* \)\{5\}\)/{"title": "\1", "text": "\1/p' texts.jsonl >pairs.jsonl
cat >keep.yaml <<'END'
base: straight.gguf
sources:
  - {path: pairs.jsonl, limit: 40}
window_tokens: 64
n_hidden: 4
n_epochs: 3
batch_tokens: 500
held_out: 0.2
output: straight-keep.gguf
log: keep.jsonl
END
expect 0 "$pith" train keep keep.yaml --threads 1 --json
json output=straight-keep.gguf epochs=3 'texts>0' 'tokens>0' 'loss>0' 'held_out_loss>0' 'auc>0' 'f1>0'
err_has 'epoch 3/3'
[ "$(wc -l <keep.jsonl)" -eq 3 ] || fail "the log of the keep head has $(wc -l <keep.jsonl) lines"
expect 0 "$pith" compress -m llmlingua2 --tokens 20 --json --model straight.gguf "$text"
json method=llmlingua2 compressed_tokens=20 delta_cr=0
expect 0 "$pith" inspect --json straight-keep.gguf
json kind=adapter
sed 's/straight.gguf/stopped.gguf/' keep.yaml >other_keep.yaml
expect 0 "$pith" train keep other_keep.yaml --threads 1
sed -i 's/n_epochs: 3/n_epoch: 3/' other_keep.yaml
expect 2 "$pith" train keep other_keep.yaml
err_has 'n_epoch'
rm straight-keep.gguf

# A soft prompt is bound to its model.
recipe other 3
sed -i 's/n_ff: 64/n_ff: 96/' other.yaml
expect 0 "$pith" train base other.yaml
expect 3 "$pith" regenerate --model other.gguf doc.soft
one_sentence
err_has 'doc.soft'
expect 3 "$pith" ask -q 'What?' --model other.gguf doc.soft
one_sentence
finish

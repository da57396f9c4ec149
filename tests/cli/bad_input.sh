#!/bin/sh
# Documents, models, soft prompts, data and recipes that cannot be used: one
# sentence, the right exit status. None of this needs a model.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

refused() {
  status=$1
  sentence=$2
  shift 2
  expect "$status" "$pith" "$@"
  one_sentence
  err_has "$sentence"
}

: >empty.txt
printf ' \n\t\n' >blank.txt
printf 'text\0with a NUL byte' >binary.txt
awk 'BEGIN { for (i = 0; i < 400; i++) printf "%c%c", 1 + i % 8, 97 }' >control.txt
mkdir folder
echo 'A text of a few words.' >text.txt

for command_line in 'compress' 'tokens' 'ask -q Who?'; do
  # shellcheck disable=SC2086
  set -- $command_line
  refused 1 'missing.txt cannot be opened: No such file' "$@" missing.txt
  refused 1 'empty.txt is empty: there is nothing to compress.' "$@" empty.txt
  refused 1 'blank.txt holds only white space' "$@" blank.txt
  refused 1 'binary.txt is not a text: it holds binary data.' "$@" binary.txt
  refused 1 'control.txt is not a text' "$@" control.txt
  refused 1 'folder is a folder' "$@" folder
done
expect 1 "$pith" compress - </dev/null
one_sentence
err_has 'Standard input is empty'
refused 1 'missing.soft cannot be opened' regenerate missing.soft
refused 1 'missing.gguf' inspect missing.gguf
refused 1 'text.txt' inspect text.txt

# Models that are none: missing, foreign, cut off.
refused 3 'missing.gguf' compress --model missing.gguf text.txt
refused 3 'text.txt' compress --model text.txt text.txt
refused 3 'empty.txt' tokens --model empty.txt text.txt
printf 'GGUF\003\000\000\000' >cut.gguf
refused 3 'cut.gguf' ask -q 'Who?' --model cut.gguf text.txt
refused 3 'cut.gguf' regenerate --model cut.gguf text.txt
PITH_MODEL=missing.gguf expect 3 "$pith" tokens text.txt
one_sentence

# Recipes: what they say is read before anything else.
recipe() {
  printf '%s\n' "$2" >recipe.yaml
  refused 2 "$1" train base recipe.yaml
}
refused 1 'missing.yaml cannot be opened' train base missing.yaml
recipe 'recipe.yaml:1:1: There is no key "n_step" here; did you mean n_steps?' 'n_step: 5'
recipe 'recipe.yaml:2:10: n_steps must be a whole number' "$(printf 'name: x\nn_steps: five')"
recipe 'recipe.yaml:1:11: n_layers must be a whole number from 1 to 1000, not "0"' 'n_layers: 0'
recipe 'recipe.yaml:1:1: The recipe does not say its tasks.' 'n_steps: 5'
recipe 'There is no objective "sing"' 'tasks: [{objective: sing, path: x.jsonl, max_tokens: 9}]'
recipe 'The task does not say its path.' 'tasks: [{objective: lm, max_tokens: 9}]'
# shellcheck disable=SC2016
recipe 'recipe.yaml:1:31: The environment variable PITH_NOWHERE, which this path needs, is not set.' \
  'tasks: [{objective: lm, path: "${PITH_NOWHERE}/x.jsonl", max_tokens: 9}]'
recipe 'recipe.yaml:1:10: n_heads must be a single value.' 'n_heads: [1]'
recipe 'recipe.yaml:1:7: bf16 must be true or false' 'bf16: maybe'
recipe 'recipe.yaml:2:1: The key "name" stands here a second time; the first is on line 1.' "$(printf 'name: a\nname: b')"
recipe 'recipe.yaml:1:7: Anchors and aliases are not supported.' 'name: &x a'
recipe 'recipe.yaml:2:2: This is not YAML' "$(printf 'name: [a\nb: c')"
recipe 'A recipe holds lines of the form' '- a'
# What a run reads it does not write, nor two things to one file, whether they are there yet or not.
echo '{"text": "A text."}' >x.jsonl
ln -s x.jsonl link.jsonl
base="$(printf 'n_steps: 5\ntasks: [{objective: lm, path: x.jsonl, max_tokens: 9}]')"
recipe 'recipe.yaml:3:9: output would be written over the path of a task' "$(printf '%s\noutput: ./x.jsonl' "$base")"
recipe 'recipe.yaml:4:6: log would be written over the path of a task' "$(printf '%s\noutput: y.gguf\nlog: link.jsonl' "$base")"
recipe 'recipe.yaml:3:6: log would be written over eval: both' "$(printf '%s\nlog: z\neval: z\noutput: y.gguf' "$base")"
recipe 'recipe.yaml:3:9: output would be written over checkpoint' "$(printf '%s\noutput: y\ncheckpoint: ./y' "$base")"
base="$(printf '%s\noutput: y' "$base")"
recipe 'recipe.yaml:5:13: n_kv_heads is 3, which does not divide the n_heads of 2.' \
  "$(printf '%s\nn_heads: 2\nn_kv_heads: 3' "$base")"
recipe 'recipe.yaml:1:1: n_kv_heads is 4, which does not divide the n_heads of 6.' "$(printf '%s\nn_heads: 6' "$base")"
recipe 'recipe.yaml:4:11: head_dim is 3 and has to be even.' "$(printf '%s\nhead_dim: 3' "$base")"
recipe 'recipe.yaml:4:13: rope_theta has to be above 1.' "$(printf '%s\nrope_theta: 1' "$base")"
printf 'paths: [x.jsonl]\nn_vocab: 300\noutput: x.jsonl\n' >recipe.yaml
refused 2 'recipe.yaml:3:9: output would be written over one of its paths' train tokenizer recipe.yaml
printf 'sources: [{path: x.jsonl}]\nbase: b.gguf\noutput: y\nlog: x.jsonl\n' >recipe.yaml
refused 2 'recipe.yaml:4:6: log would be written over the path of a source' train keep recipe.yaml
printf 'base: b.gguf\nadapter: a.gguf\ndata: x.jsonl\noutput: y\nlog: y\n' >recipe.yaml
refused 2 'recipe.yaml:4:9: output would be written over log' train grpo recipe.yaml
printf 'tasks: [{objective: answer, path: x.jsonl, max_tokens: 9}]\noutput: y.gguf\nbase: z.gguf\n' >recipe.yaml
refused 2 'takes tasks with the objective regenerate only' train regenerate recipe.yaml
printf 'paths: [x.jsonl]\nn_vocab: 100\n' >recipe.yaml
refused 2 'recipe.yaml:2:10: n_vocab must be a whole number from 256' train tokenizer recipe.yaml
finish

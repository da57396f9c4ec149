#!/bin/sh
# pith train --watch and --plot without a terminal: the last state once, the
# picture, and logs that cannot be used. None of this needs a model.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cat >run.jsonl <<'END'
{"step":20,"n_steps":100,"tokens":80000,"loss":8.5,"loss_lm":8.75,"loss_regenerate":8.25,"length":24,"learning_rate":0.0002,"gradient_norm":2,"tokens_per_second":4000}
{"step":40,"n_steps":100,"tokens":160000,"loss":7.5,"loss_lm":7.75,"eval_loss_lm":7.9,"eval_accuracy_lm":0.125,"loss_regenerate":7.25,"length":24,"learning_rate":0.0004,"gradient_norm":2,"tokens_per_second":4000}
{"step":60,"n_steps":100,"tokens":240000,"loss":6.5,"loss_lm":6.75,"loss_regenerate":6.25,"length":24,"learning_rate":0.0006,"gradient_norm":2,"tokens_per_second":2000}
END

# 80,000 tokens at 4,000 a second and 80,000 at 2,000: 60 s for 40 steps, and 40 are left.
expect 0 "$pith" train --watch run.jsonl
out_has 'step 60/100, loss 6.500 (lm 6.750, regenerate 6.250), held out (lm 7.900 12.5 %), length 24, rate 6.00e-04, 2000 tokens/s, 1:00 left'
[ "$(wc -l <out)" -eq 1 ] || fail "not one line: $(cat out)"
[ ! -s err ] || fail "stderr: $(cat err)"
expect 0 "$pith" train --watch run.jsonl --json
json log=run.jsonl step=60 n_steps=100 tokens=240000 loss=6.5 losses.lm=6.75 losses.regenerate=6.25 held_out.lm=7.9 \
  held_out_accuracies.lm=0.125 tokens_per_second=2000 'seconds_left>59.9' 'seconds_left<60.1'

# A run that went back: the later line holds.
{
  cat run.jsonl
  echo '{"step":40,"tokens":160000,"loss":7.25,"loss_lm":7.5}'
} >resumed.jsonl
expect 0 "$pith" train --watch resumed.jsonl --json
json step=40 n_steps:null loss=7.25 losses.lm=7.5 seconds_left:null tokens_per_second:null
# The line that is being written is not there yet.
{
  cat run.jsonl
  printf '{"step":80,"loss":5'
} >half.jsonl
expect 0 "$pith" train --watch half.jsonl --json
json step=60

expect 0 "$pith" train --plot run.jsonl
head -c 5 out | grep -q '<svg ' || fail "no picture: $(head -c 100 out)"
[ "$(grep -c 'class="line s' out)" -eq 6 ] || fail "not two training lines, a held-out one and their legend"
if command -v xmllint >/dev/null 2>&1; then
  cp out run.svg
  expect 0 xmllint --noout run.svg
fi

refused() {
  for option in --watch --plot; do
    expect 1 "$pith" train $option "$1"
    one_sentence
    err_has "$2"
  done
}
: >empty.jsonl
printf '\n\n' >blank.jsonl
mkdir folder
printf 'GGUF\003\000\000\000\000\000\n' >model.gguf
echo 'A text of a few words.' >text.txt
{
  head -n 1 run.jsonl
  echo '{"step":40,"loss":'
  tail -n 1 run.jsonl
} >broken.jsonl
echo '{"step":"20"}' >worded.jsonl
echo '{"step":20,"loss_lm":"low"}' >low.jsonl
refused missing.jsonl 'missing.jsonl cannot be opened: No such file'
refused empty.jsonl 'empty.jsonl is empty: the run has not reported yet.'
refused blank.jsonl 'blank.jsonl is empty'
refused folder 'folder is not a file that can be followed.'
refused model.gguf 'model.gguf:1: This is not a report of a training run'
refused text.txt 'text.txt:1: This is not a report of a training run'
refused broken.jsonl 'broken.jsonl:2: This is not a report of a training run'
refused worded.jsonl 'worded.jsonl:1: "step" is not a number of steps.'
refused low.jsonl 'low.jsonl:1: "loss_lm" is not a number.'

if [ -w /dev/full ]; then
  code=0
  "$pith" train --plot run.jsonl >/dev/full 2>err || code=$?
  [ "$code" -eq 1 ] || fail "--plot >/dev/full: exit status $code"
  err_has 'Standard output cannot be written'
fi
finish

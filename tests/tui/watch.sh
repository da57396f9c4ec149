#!/bin/sh
# A training run that is watched on a real screen, inside tmux: a log that grows,
# breaks and is cut, keys, sizes, locales; and the same from the workbench.
# Every wait is for something to appear. Called with the program.
# shellcheck disable=SC2016,SC2034
set -u
server="pith-watch"
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

hides() {
  screen | grep -qE -- "$1" && fail "\"$1\" is on the screen"
}
run_pith() {
  type_text "$1 '$pith' $2; echo status=\$?"
  keys Enter
}
# report FIRST LAST: lines of these steps, 20 apart, each with 80,000 tokens at 4,000 a second, so 20 s.
report() {
  awk -v first="$1" -v last="$2" 'BEGIN {
    for (step = first; step <= last; step += 20)
      printf "{\"step\":%d,\"n_steps\":1000,\"tokens\":%d,\"loss\":%.3f,\"loss_lm\":%.3f,%s\"learning_rate\":0.001,\"tokens_per_second\":4000}\n",
        step, step * 4000, 9 - step / 200, 9 - step / 200, step % 100 ? "" : "\"eval_loss_lm\":7.5,\"eval_accuracy_lm\":0.25,"
  }'
}
# A range of braille is no range of the C locale's order: the cells of level and falling lines.
braille='⠉|⠤|⣀|⠒'

echo "- an empty log is waited for, and followed"
: >run.jsonl
start_shell 100 24
run_pith '' 'train --watch run.jsonl'
await 'Waiting for the first report'
report 20 200 >>run.jsonl
await 'step 200 of 1,000 \(20 %\).*13:20 left.*loss 8\.000.*4,000 tokens/s'
await 'Held-out loss +a lm 7\.500'
await "$braille"
report 220 400 >>run.jsonl
await 'step 400 of 1,000 \(40 %\).*10:00 left'

echo "- a resumed run repeats its steps; a line in the making; one that is broken, and mended"
echo '{"step":300,"n_steps":1000,"tokens":1200000,"loss":1.25,"loss_lm":1.25,"tokens_per_second":4000}' >>run.jsonl
await 'step 300 of 1,000.*loss 1\.250'
printf '{"step":320,"n_steps":1000,"tokens":1280000,' >>run.jsonl
hides 'run\.jsonl:'
printf '"loss":1.125,"tokens_per_second":4000}\n' >>run.jsonl
await 'step 320 of 1,000.*loss 1\.125'
echo 'what is this' >>run.jsonl
await 'run\.jsonl:23: This is not a report'
await 'step 320 of 1,000'
report 20 100 >run.jsonl
await 'step 100 of 1,000'
await_gone 'This is not a report'
mv run.jsonl away.jsonl
await 'run\.jsonl cannot be opened'
mv away.jsonl run.jsonl
await_gone 'cannot be opened'
report 120 800 >>run.jsonl
await 'step 800 of 1,000'

echo "- panels, scale, zoom, help"
await '0 all<'
keys Tab
await '1 loss<'
await_gone 'Learning rate'
keys 4
await '4 speed<'
keys 1 l
await 'log *$'
keys l
await_gone 'log *$'
keys +
await 'steps 410 to 800'
keys Left
await 'steps 313 to 703'
keys Home
await_gone 'steps 313'
keys '?'
await 'Half as many steps'
hides 'Choose the method'
keys Escape
await_gone 'Half as many steps'
keys 0
await '0 all<'

echo "- what is pasted is no keys, however slowly it comes"
type_text "$(printf '\033[200~2abc')"
sleep 0.3 # longer than the delay of an Esc: the pause is what is tested
type_text "$(printf 'q3\033[201~')"
keys 1
await '1 loss<'
keys 0
await '0 all<'

echo "- sizes at any moment"
t resize-window -x 40 -y 12
await '1 loss<'
await_gone 'Held-out loss'
t resize-window -x 20 -y 5
await 'needs 30x8'
for size in 31x9 200x60 72x20 33x40; do
  t resize-window -x "${size%x*}" -y "${size#*x}"
done
t resize-window -x 120 -y 40
await 'Held-out loss'
await 'step 800 of 1,000'

echo "- suspended and back, leaving by q, Esc, Ctrl-C, SIGTERM"
keys C-z
await 'ready>'
t send-keys -l 'fg; echo left=$?'
keys Enter
await 'step 800 of 1,000'
keys q
await 'left=0'
for key in Escape C-c; do
  start_shell 80 24
  run_pith '' 'train --watch run.jsonl'
  await 'step 800 of 1,000'
  keys "$key"
  await 'status=0'
done
start_shell 80 24
printf '#!/bin/sh\necho $$ >number\nexec "$@"\n' >as_number
run_pith 'sh ./as_number' 'train --watch run.jsonl'
await 'step 800 of 1,000'
kill -TERM "$(cat number)"
await 'status=143'
[ "$(t display-message -p '#{mouse_any_flag}#{cursor_flag}#{alternate_on}')" = 010 ] || fail "the terminal is not what it was"

echo "- no UTF-8: letters in place of dots"
start_shell 100 24
run_pith 'LC_ALL=C' 'train --watch run.jsonl'
await 'step 800 of 1,000'
await '\|a+'
hides "$braille"
keys q
await 'status=0'

echo "- no locale at all, as in a container: dots"
start_shell 100 24
run_pith 'env -u LC_ALL -u LC_CTYPE -u LANG' 'train --watch run.jsonl'
await 'step 800 of 1,000'
await "$braille"
keys q
await 'status=0'

echo "- what is wrong at once is said without a screen"
start_shell 80 24
run_pith '' 'train --watch nowhere.jsonl'
await 'pith: nowhere\.jsonl cannot be opened'
await 'status=1'

echo "- no colour at all"
start_shell 80 24
run_pith 'NO_COLOR=1' 'train --watch run.jsonl'
await 'step 800 of 1,000'
t capture-pane -p -e | grep -qE "$(printf '\033')"'\[([0-9]+;)*([34][0-8]|9[0-7]|10[0-7])[;m]' && fail "NO_COLOR, and there is colour"
keys q
await 'status=0'

echo "- from the workbench, over it and back"
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
model=${PITH_TEST_MODEL:-$root/models/pith-default.gguf}
if [ -r "$model" ]; then
  start_shell 80 24
  run_pith '' "--model '$model'"
  await 'no document'
  keys w
  await 'Training log:'
  t send-keys -l 'nowhere.jsonl'
  keys Enter
  await 'nowhere\.jsonl cannot be opened'
  await 'Training log: nowhere\.jsonl'
  keys C-u
  t send-keys -l 'run.js'
  keys Tab
  await 'Training log: run\.jsonl'
  keys Enter
  await 'step 800 of 1,000'
  report 820 900 >>run.jsonl
  await 'step 900 of 1,000'
  t resize-window -x 40 -y 12
  await '1 loss<'
  t resize-window -x 80 -y 24
  await '0 all<'
  keys Escape
  await 'no document'
  await_gone 'Training loss'
  keys q
  await 'status=0'
  start_shell 100 24
  run_pith 'LC_ALL=C' "--model '$model'"
  await 'no document'
  keys w
  await 'Training log:'
  type_text 'run.jsonl'
  keys Enter
  await 'step 900 of 1,000'
  await '\|a+'
  hides "$braille"
  keys Escape
  await 'no document'
  keys q
  await 'status=0'
fi

[ "$failures" -eq 0 ] || echo "$failures checks failed."
[ "$failures" -eq 0 ]

#!/bin/sh
# What the workbench computes, inside tmux: what is asked for behind it, cancelled,
# saved or left by q meanwhile, and what is shown until it comes. Every wait is
# for something to appear. Called with the program.
# shellcheck disable=SC2016,SC2034
set -u
server="pith-test"
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_workbench

# The sample, compressed to one memory token and given back.
open_at_one_token() {
  start_shell 100 24
  run_workbench '' abstract.txt
  await 'achieved 0\.2'
  await_gone 'Esc cancels'
  type_text "$(printf '=1t\r')"
  await 'tokens 129 -> 1( |$)'
  await_gone 'Esc cancels'
}

echo "- behind q nothing is begun, but what was to be saved is"
start_shell 80 24
mkfifo silent
run_workbench '' abstract.txt
await 'achieved 0\.2'
await_gone 'Esc cancels'
type_text "$(printf 'osilent\rq')"
await 'status=0'
start_shell 80 24
run_workbench '' abstract.txt
await 'achieved 0\.2'
await_gone 'Esc cancels'
type_text "$(printf '=1t\r')"
await 'tokens [0-9,]+ -> 1$'
await_gone 'Esc cancels'
keys f
await 'Refining: step'
type_text "$(printf 's\025late.soft\rq')"
await 'status=0'
[ -s late.soft ] || fail "what was to be saved before q is not"

echo "- what is saved is what stood on the screen, whatever is asked for behind it"
start_shell 80 24
i=0
while [ "$i" -lt 6 ]; do
  i=$((i + 1))
  cat texts/tidal-power.txt
done >long.txt
run_workbench '' long.txt
await 'Regenerating.*Esc cancels'
tokens=$(screen | sed -n 's/.*tokens [0-9,]* -> \([0-9,]*\).*/\1/p' | tr -d ,)
[ "${tokens:-0}" -gt 1 ] || fail "the figures do not say how many memory tokens there are"
# In one go, so that the next one is asked for before anything was written.
type_text "$(printf 's\025rate.soft\r=10%%\r')"
await 'target 0\.10 '
await 'Regenerating.*Esc cancels'
fewer=$(screen | sed -n 's/.*tokens [0-9,]* -> \([0-9,]*\).*/\1/p' | tr -d ,)
type_text "$(printf 's\025document.soft\rotexts/tidal-power.txt\r')"
await 'tidal-power\.txt'
await 'tokens 5[0-9][0-9] -> 5[0-9]$'
for saved in "rate.soft:$tokens" "document.soft:$fewer"; do
  "$pith" inspect "${saved%:*}" | grep -qE "memory_tokens +${saved#*:}\$" || fail "${saved%:*} holds another form than the one that stood there"
done
keys q
await 'status=0'

echo "- what is shown keeps its name until something else stands there"
start_shell 120 24
run_workbench PITH_AUTO_REGENERATE=false long.txt
await 'achieved 0\.2'
await_gone 'Esc cancels'
keys m
await '>500xCompressor'
keys Home Down Down Down Down
await '>DAC'
keys Enter
await '500xCompressor -> DAC '
await '[|│] DAC '
type_text "$(printf '=10%%\r')"
await '^ CR.*0\.10 \(10\.0x\) -> 346 tok'
await '^ CR.*0\.10 \(10\.0x\) 346 tok'
await 'target 0\.10 '
# What has to be said of it stands with it, whatever is said below.
await '│ The words that must be kept do not all fit: [0-9]+ of them'
keys t
await 'Theme: '
await '│ The words that must be kept do not all fit: [0-9]+ of them'
keys q
await 'status=0'

echo "- a method that fails leaves what was shown before, and what it had stopped comes to its end"
start_shell 100 24
run_workbench 'PITH_SERVER=http://127.0.0.1:9/v1 PITH_SERVER_MODEL=none' long.txt
await 'Regenerating.*Esc cancels'
keys m
await 'Rewriting'
keys End
keys Up
await '>Rewriting'
keys Enter
await '127\.0\.0\.1'
await 'Regenerating.*Esc cancels'
await_gone 'Esc cancels'
await 'BLEU'
screen | grep -q 'partial' && fail "the text that came back is partial"
# The slider stands for a rate as before, not for the tokens that it came to.
type_text "$(printf 'oabstract.txt\r')"
await 'target 0\.25 .*tokens 129 -> 32'
await_gone 'Esc cancels'
keys q
await 'status=0'

echo "- an answer that was read from other memory tokens than those that are shown, and a file that cannot be written behind q"
open_at_one_token
type_text "$(printf 'iHow many stations were there?\r')"
await '500x.*: 0\.0.*[0-9]+ tokens?, '
await_gone 'Esc cancels'
keys f
await 'Refining: step'
await 'Earlier, 500x' 120
type_text "$(printf 's\025no/such/folder/it.soft\rq')"
await 'status=1'
screen | grep -q 'pith: .*no/such/folder' || fail "why the file was not written is not said"

echo "- what was queued and is cancelled leaves no trace: the method is the one before, the slider where it was"
open_at_one_token
keys p p
await '\[Compressed\]'
await '1 memory token of 8 layers holds the first [0-9]+'
keys f
await '\[Regenerated\]'
await 'Refining: step'
type_text c
await 'Second method'
type_text 'jj'
keys Enter
await_gone 'Second method'
keys Escape
await 'Refining was cancelled'
await_gone 'Esc cancels'
keys c
await 'Second method'
keys Escape
await_gone 'Second method'

echo "- a view stays when the slider moves, and End is its end"
keys p
await '\[Memory\]'
type_text "$(printf '=30t\r')"
await 'tokens 129 -> 30'
await_gone 'Esc cancels'
screen | grep -q '\[Memory\]' || fail "the view has changed by itself"
keys Tab Tab Down End
await '^.*│ *30 '
keys q
await 'status=0'

[ "$failures" -eq 0 ] || echo "$failures checks failed."
[ "$failures" -eq 0 ]

#!/bin/sh
# The workbench as people use it: inside tmux, by keys and mouse bytes, judged by
# what is on the screen. Every wait is for something to appear, never for a time
# to pass. One sitting from opening to leaving, then other ways to leave and
# other models. Called with the program.
# shellcheck disable=SC2016,SC2034
set -u
server="pith-test"
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_workbench

# mouse BUTTON COLUMN ROW M|m, as the terminal reports it (from 1).
mouse() { t send-keys -l "$(printf '\033[<%d;%d;%d%s' "$1" "$2" "$3" "$4")"; }
# The row of the screen (from 1) that matches.
row_of() { screen | grep -nE -- "$1" | head -n 1 | cut -d: -f1; }

echo "- opening, compressing, regenerating"
start_shell 80 24
run_workbench PITH_AUTO_REGENERATE=true abstract.txt
await 'abstract\.txt'
await 'We report on three'
await 'target 0\.25 \(4\.0x\).*achieved 0\.2[0-9]* \([0-9.]*x\)'
await 'tokens [0-9,]+ -> [0-9,]+'
await 'ROUGE-L [01]\.[0-9]+ +prefix [0-9]+% +BLEU'
await_gone 'Esc cancels'
[ "$(modes)" = 11101 ] || fail "the modes are $(modes), not 11101: mouse, drags, SGR, no cursor, a screen of its own"

echo "- the slider: a drag with its live and settled value, Esc, wheel, keys"
row=$(row_of '^ CR')
mouse 0 20 "$row" M
mouse 32 44 "$row" M
await '^ CR.*0\.8[0-9] \(1\.[0-9]x\) -> [0-9]+ tok'
screen | grep -qE 'target 0\.25' || fail "a drag that is not over has changed the target"
keys Escape
await '^ CR.*0\.25 \(4\.0x\)'
mouse 0 44 "$row" m
mouse 0 20 "$row" M
mouse 32 30 2 M
mouse 0 30 2 m
await 'target 0\.[56][0-9] '
await_gone 'Esc cancels'
mouse 65 20 "$row" M
mouse 65 20 "$row" M
await_stable
keys Home
await 'tokens [0-9,]+ -> 1$'
await '─ 1 token, .* ─|─ 1 tok ─'
keys Right
await '^ CR.*0\.0[12][0-9]* '
await_stable

echo "- a typed target, and one that is refused and kept"
type_text '5'
await 'Target .*: 5'
await 'Enter takes the line  Esc leaves it$'
type_text '00z'
keys Enter
await 'Type a target as'
await 'Target .*: 500z'
leave_line
await_gone 'Type a target as'
keys '='
await_line 1
type_text '16t'
keys Enter
await 'tokens [0-9,]+ -> 16'
keys ']'
await 'tokens [0-9,]+ -> 17'

echo "- refining: cancelled it keeps what was reached, left alone it heals the text"
await_gone 'Esc cancels'
type_text '1t'
keys Enter
await 'tokens [0-9,]+ -> 1$'
await_gone 'Esc cancels'
keys p p
await '\[Compressed\]'
await '1 memory token of [0-9]+ layers holds'
keys f
await '\[Regenerated\]'
# Two looks: the first may have come within a frame.
screen | grep -q 'holds this document' && screen | grep -q 'holds this document' && fail "refining shows the compressed form under the name of what comes back"
await 'Refining: step [0-9]+.* [0-9]+ of [0-9]+ right +[0-9.]+ m?s +Esc cancels'
screen | grep -q ' left  Esc' && fail "refining promises when it ends"
# A name that is mistyped meanwhile is told, and takes nothing away: not a step of what runs.
before=$(screen | sed -n 's/.*Refining: step \([0-9]*\).*/\1/p')
keys o
type_text 'nowhere.txt'
keys Enter
await 'nowhere\.txt cannot be opened'
await 'Refining: step [0-9]+.*Esc cancels'
after=$(screen | sed -n 's/.*Refining: step \([0-9]*\).*/\1/p')
[ "$after" -ge "$before" ] || fail "a mistyped name made refining begin again: step $before, then $after"
screen | grep -q 'nowhere\.txt cannot be opened' || fail "the job that goes on covers why the file cannot be opened"
leave_line
keys Escape
# Where the beginning that the token held is more than what was reached, it is what stays.
await 'what was reached is kept|the memory tokens are as they were|Stopped: the output|Cut off at'
await 'refined [0-9]+ steps? |holds the first [0-9]+'
await_gone 'Esc cancels'
type_text '32t'
keys Enter
await 'tokens [0-9,]+ -> 32$'
await_gone 'Esc cancels'
keys f
await 'comes back byte for byte' 120
await 'prefix 100%'
# The same text breaks at the same places on both sides.
await_stable
left=$(screen | sed -n '3,8s/│.*//p' | sed 's/ *$//')
right=$(screen | sed -n '3,8s/.*│//p' | sed 's/[ ▐▕]*$//')
[ "$left" = "$right" ] || fail "the same text breaks at different places left and right"
type_text '=4x'
keys Enter
await 'target 0\.25 \([34]\.[09]x\)'

echo "- another method: words kept, dropped, protected"
keys m
await 'Self-information'
await 'Rewriting *needs an instruct model'
keys Down
await '>Self-information'
keys Enter
await '\[Compressed\]'
await '~[A-Za-z]'
await '1994'
keys r
await 'makes text'
await_gone 'Esc cancels'

echo "- a question, and the unfinished one that is kept"
keys i
await 'Enter takes the line'
type_text 'How often was the lake measured?'
await 'Question: How often'
leave_line
await 'Question: How often'
t resize-window -x 100 -y 40
await_stable
keys i
await 'Question: How often was the lake measured\?'
keys Enter
await 'Answer: full text.*[0-9]+ tokens, '
await 'Self-information: 0\.2.*[0-9]+ tokens, '
await 'Asked: How often'
keys i
keys Up
await 'Question: How often was the lake measured\?'
leave_line
keys m
keys Home
keys Enter
await 'Earlier, Self-information: 0\.2'
keys m
await '>500xCompressor'
keys Down Enter
await 'Self-information: 0\.2'
await_gone 'Earlier, Self-information'
await_gone 'Esc cancels'
[ "$(stat -c %a "$here/state/pith/questions" 2>/dev/null)" = 600 ] || fail "the history of questions is not private"

echo "- a search of the questions ends with its line"
for leaving in Escape Tab; do
  keys i
  await_line 1
  keys C-u C-r
  await '\(reverse-i-search\)'
  type_text 'lake'
  await "i-search\\)\`lake': How often was"
  keys "$leaving"
  await_line 0
  keys i
  await_line 1
  await '^ *Question: How often was the lake measured\?'
  leave_line
  keys =
  await_line 1
  type_text '25'
  await 'Target .*: 25$'
  leave_line
done
keys BTab

echo "- two methods side by side, one slider for both, and the document again"
keys c
await 'Second method'
keys Home Down Down Down
await '>LLMLingua '
keys Down
await '>DAC'
keys Enter
await '^.DAC.* [0-9]+ tokens, .*\[Compressed\]'
await '^ target 0\.25 \([34]\.[0-9]x\)  achieved 0\.2[0-9] \([34]\.[0-9]x\)  .*│'
await_gone 'Esc cancels'
unmarked | grep -q 'We report on three' && fail "the document is still there beside two methods"
type_text '50%'
keys Enter
await '^ target 0\.50 \(2\.[0-9]x\)  achieved [0-9. (x)]*.*│'
await '^ target 0\.50 \(2\.[0-9]x\)  achieved [^│]*$'
await_gone 'Esc cancels'
left=$(screen | sed -n 's/^.DAC[^0-9]* \([0-9]*\) tokens, [0-9]* B .*/\1/p')
right=$(screen | sed -n 's/.*\[Compressed\].* \([0-9]*\) tokens, [0-9]* B .*/\1/p')
[ -n "$left" ] && [ "$left" = "$right" ] || fail "one slider, two budgets: $left and $right tokens"
keys i
keys C-u
type_text 'Where is the lake?'
keys Enter
await 'Asked: Where is the lake'
await 'Answer: full text.*DAC: 0\.[45][0-9]* \(2\.[0-9]x\).*Self-information: 0\.[45][0-9]* \(2\.[0-9]x\)'
await_gone 'Esc cancels'
t resize-window -x 64 -y 50
await '^.DAC'
await_stable
await 'Answer: full text.*DAC: 0\..*Self-information'
t resize-window -x 80 -y 24
await '^.DAC.*\[Compressed\]'
type_text '25%'
keys Enter
await '^ target 0\.25 .*│'
keys c
await '^.Document'
await 'We report on three'
keys c
await 'Second method'
keys c
await_gone 'Second method'
keys c
await '>500xCompressor'
keys Enter
await '^.500xCompressor'
await 'ROUGE-L [01]\.[0-9]+ +prefix [0-9]+% .*│'
await_gone 'Esc cancels'
keys s
await 'Save as: .*-selfinfo\.txt'
leave_line
keys f
await 'makes text: there are no memory tokens to refine'
keys Escape
await_gone 'makes text'
# The left side has the focus: what is done is done to it.
keys Tab s
await 'Save as: .*-500x\.soft'
leave_line
keys f
await 'comes back byte for byte' 120
await 'prefix 100% .*│'
keys m
await 'Second method'
await '>500xCompressor'
keys Escape
await_gone 'Second method'
keys BTab
keys c
await '^.Document'
keys c
await 'Second method'
type_text 'jjjjjj'
await '>Rewriting *needs an instruct model'
keys Enter
await 'has no chat format'
await '^.Document'
keys Escape
await_gone 'has no chat format'

echo "- sizes: narrow and high, low, too small, wide"
t resize-window -x 64 -y 50
await_stable
await 'We report on three'
await '\[Compressed\]'
t resize-window -x 60 -y 24
await_stable
keys i
await 'Enter takes the line  Esc leaves it  Up earlier ones$'
leave_line
t resize-window -x 50 -y 12
await 'terminal too small: 50x12, pith needs 60x17'
# What is not seen is not worked by keys.
keys c m o
type_text '99%'
keys Enter
t resize-window -x 40 -y 10
await '^ *pith needs 60x17'
t resize-window -x 200 -y 60
await 'Answer: full text'
screen | grep -qE 'Second method|>Self-information|Open:|Target .*:|0\.99' && fail "keys have worked on a screen that was too small"
for size in 81x25 120x30 61x17 90x40 80x24; do
  t resize-window -x "${size%x*}" -y "${size#*x}"
done
await_stable
await 'target 0\.25'

# What two rows of figures hold is not lost where one might do.
keys y
await 'scrolling apart'
for size in 119x24 120x24 126x24; do
  t resize-window -x "${size%x*}" -y "${size#*x}"
  await_stable
  await 'scrolling apart'
  await 'took [0-9]'
done
keys y
await_gone 'scrolling apart'
t resize-window -x 80 -y 24
await_stable

echo "- help, themes, views"
keys F1
await 'Ask a question of the full text'
keys Escape
await_gone 'Ask a question of the full text'
keys t
await 'Theme: '
keys p
await '\[Regenerated\]'
keys p
await '\[Memory\]'
keys p
await '\[Compressed\]'

echo "- suspended and back"
keys C-z
await 'ready>'
[ "$(modes | cut -c5)" = 0 ] || fail "suspended, the ordinary screen is not back: $(modes)"
type_text 'fg; echo left=$?'
keys Enter
await 'target 0\.25'
[ "$(modes | cut -c2-3)" = 11 ] || fail "back, the mouse is not: $(modes)"

echo "- leaving: q, Ctrl-C, SIGTERM, SIGSEGV"
keys q
await 'left=0'
assert_clean "after q"

start_shell 80 24
run_workbench '' abstract.txt
await 'target 0\.25'
keys C-c
await 'status=0'
assert_clean "after Ctrl-C"

for ending in TERM:143 HUP:129 SEGV:139; do
  start_shell 80 24
  # A shell that becomes the program: its number is the one to kill.
  printf '#!/bin/sh\necho $$ >number\nexec "$@"\n' >as_number
  run_workbench 'sh ./as_number' abstract.txt
  await 'We report on three'
  kill "-${ending%:*}" "$(cat number)"
  await "status=${ending#*:}"
  assert_clean "after SIG${ending%:*}"
done

echo "- no colour at all"
start_shell 80 24
run_workbench 'NO_COLOR=1 PITH_METHOD=selfinfo' abstract.txt
await '~[A-Za-z]'
t capture-pane -p -e | grep -qE "$(printf '\033')"'\[([0-9]+;)*([34][0-8]|9[0-7]|10[0-7])[;m]' && fail "NO_COLOR, and there is colour"
keys q
await 'status=0'

if [ -r "${model%.gguf}-embeddings-regenerate.gguf" ]; then
  echo "- embeddings are not refined, and nothing changes for that"
  start_shell 80 24
  run_workbench PITH_METHOD=icae abstract.txt
  await 'achieved 0\.2'
  await_gone 'Esc cancels'
  keys p p
  await 'embeddings: 32\.0 KiB'
  keys f
  await 'ICAE makes embeddings: refining'
  await '\[Compressed\]'
  keys q
  await 'status=0'
fi

echo "- a model without adapters: the first method that it can do, and why"
start_shell 100 24
cp "$model" alone.gguf
type_text "'$pith' --model alone.gguf abstract.txt; echo status=\$?"
keys Enter
await '500xCompressor needs an adapter.*Self-information in its place'
await '\[Compressed\]'
await 'achieved 0\.2[0-9]* '
keys q
await 'status=0'

[ "$failures" -eq 0 ] || echo "$failures checks failed."
[ "$failures" -eq 0 ]

#!/bin/sh
# The workbench as people use it: inside tmux, by keys, mouse bytes and pastes,
# judged by what is on the screen. Every wait is for something to appear, never
# for a time to pass. Called with the program.
# shellcheck disable=SC2016,SC2034
set -u
server="pith-test"
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
model=${own_model:-$root/models/pith-default.gguf}
[ -r "$model" ] || skip "$model is not there"
# The rate that the figures below are of; the default is another.
export PITH_RATE=0.25

# await_stable: until two looks in a row agree.
await_stable() {
  before=
  tries=600
  while [ "$tries" -gt 0 ]; do
    now=$(screen)
    [ "$now" = "$before" ] && return 0
    before=$now
    tries=$((tries - 1))
    sleep 0.15
  done
  fail "the screen does not come to rest"
}
# await_line 1|0: until a line is open, or none is. The cursor tells, whatever messages say over the hints.
await_line() {
  tries=600
  until [ "$(t display-message -p '#{cursor_flag}')" = "$1" ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
      fail "the cursor is not $1: a line is open, or none"
      return 1
    }
    sleep 0.05
  done
}
# Escape, and what follows it only when it has been taken for itself and not for the Alt of the next key.
leave_line() {
  keys Escape
  await_line 0
}
# mouse BUTTON COLUMN ROW M|m, as the terminal reports it (from 1).
mouse() { t send-keys -l "$(printf '\033[<%d;%d;%d%s' "$1" "$2" "$3" "$4")"; }
# The row of the screen (from 1) that matches.
row_of() { screen | grep -nE -- "$1" | head -n 1 | cut -d: -f1; }
run_pith() {
  type_text "$1 '$pith' --model '$model' $2; echo status=\$?"
  keys Enter
}
# What the program in the pane has switched on, as tmux sees it.
modes() { t display-message -p '#{mouse_any_flag}#{mouse_button_flag}#{mouse_sgr_flag}#{cursor_flag}#{alternate_on}'; }
# After the program: no mouse reports, the cursor seen, the ordinary screen, echo and line editing on.
assert_clean() {
  [ "$(modes)" = 00010 ] || fail "$1: modes are $(modes), not 00010"
  type_text 'stty -a | tr ";" "\n" | tr " " "\n" | grep -xE "echo|icanon|isig|ixon|icrnl|opost" | tr "\n" " "; echo done'
  keys Enter
  await '^icrnl ixon opost isig icanon echo done' || fail "$1: stty is not what it was"
}

# The sample, compressed to one memory token and given back.
open_at_one_token() {
  start_shell 100 24
  run_pith '' abstract.txt
  await 'achieved 0\.2'
  await_gone 'Esc cancels'
  type_text "$(printf '=1t\r')"
  await 'tokens 129 -> 1( |$)'
  await_gone 'Esc cancels'
}

cp "$root/samples/abstract.txt" . || exit 1
mkdir texts
cp "$root/samples/tidal-power.txt" texts/

echo "- opening, compressing, regenerating"
start_shell 80 24
run_pith PITH_AUTO_REGENERATE=true abstract.txt
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

echo "- a file by name, completed by Tab"
keys o
type_text 'texts/ti'
keys Tab
await 'Open: texts/tidal-power\.txt'
keys Enter
await 'tidal-power\.txt'
await 'The strait between'
await 'target 0\.25'
await_gone 'Esc cancels'
# A name that is longer than the rows for it leaves room for what is wrong.
keys o
type_text 'nowhere/of/a/very/long/name/that/two/rows/do/not/hold/since/it/is/longer/than/they/are/by/far/and/goes/on/and/on/and/on/and/on/there.txt'
keys Enter
await '^ nowhere/.*\.\.\..*txt cannot be|No such file or directory\.'
leave_line
await_gone 'cannot be opened'
keys o
type_text 'nowhere.txt'
keys Enter
await 'nowhere\.txt cannot be opened'
unmarked | grep -q 'The strait between' || fail "a file that is not there has closed the document"
await 'Open: nowhere\.txt'
keys C-u
await_gone 'cannot be opened'
leave_line
keys o
type_text 'nowhere.txt'
keys Enter
await 'nowhere\.txt cannot be opened'
leave_line
await_gone 'cannot be opened'
keys w
type_text 'nowhere.jsonl'
keys Enter
await 'Training log: nowhere\.jsonl'
await 'nowhere\.jsonl cannot be opened'
leave_line

echo "- saving"
keys s
await 'Save as: tidal-power-selfinfo\.txt'
keys Enter
await 'Saved to tidal-power-selfinfo\.txt'
keys s
await 'Save as: tidal-power-selfinfo\.txt'
keys Enter
await 'exists already'
leave_line
await_gone 'exists already'
keys s
await 'Save as: tidal-power-selfinfo\.txt'
keys Enter
await 'exists already'
leave_line
keys s
await 'Save as: tidal'
keys C-u
type_text 'nowhere/out.txt'
keys Enter
await 'Save as: nowhere/out\.txt'
await 'Cannot write nowhere/out\.txt'
leave_line
for refused in 'texts:is a folder' ' :White space alone' '/dev/full:is a device or a pipe'; do
  keys s
  await 'Save as: tidal'
  type_text "$(printf '\025')${refused%%:*}"
  keys Enter
  await "${refused#*:}"
  leave_line
  await_gone "${refused#*:}"
done
[ -s tidal-power-selfinfo.txt ] || fail "nothing was saved"

echo "- a paste of a megabyte is a document, whatever is in it"
i=0
{
  printf 'qqqq The first line of a large paste.\n'
  while [ "$i" -lt 11000 ]; do
    i=$((i + 1))
    echo "Line $i of the paste: q x Ctrl-C, the tide turned after 6 hours and $i minutes; nobody saw it, and nobody minded at all."
  done
} >big
[ "$(wc -c <big)" -gt 1048576 ] || fail "the paste is too short for this test"
t load-buffer big
t paste-buffer -p
await 'pasted text' 20
await 'qqqq The first line'
await 'Compressing.*Esc cancels'
keys o
type_text 'nowhere.txt'
keys Enter
await 'nowhere\.txt cannot be opened'
await 'Compressing.*Esc cancels'
leave_line
keys i
type_text 'Does it wait?'
keys Enter
await 'Waiting to be asked: Does it wait\?'
keys Escape
await_gone 'Esc cancels'
await 'Question: Does it wait\?'
await 'Nothing is compressed yet\.'
await '^ CR.* 0\.25 \(4\.0x\) -> 134,[0-9]+$'

echo "- a paste that comes behind the name of a file, before the file has been read, is the document"
type_text "$(printf 'otexts/tidal-power.txt\r\033[200~What was pasted last.\033[201~')"
await 'What was pasted last'
await_gone 'Esc cancels'
await_stable
unmarked | grep -q 'What was pasted last' || fail "a file that was asked for before has replaced the paste"
t paste-buffer -p
await 'qqqq The first line'
await 'Compressing.*Esc cancels'
keys Escape
await_gone 'Esc cancels'

echo "- a paste into the question line stays there"
printf 'Why\nnot?' >small
t load-buffer small
keys i
await_line 1
t paste-buffer -p
await 'Why not\?'
leave_line
unmarked | grep -q 'qqqq The first line' || fail "a paste into the question line has replaced the document"

echo "- hostile bytes are shown, not obeyed"
printf 'Bell \007 and \033]0;owned\007 and \342\200\256 and \377 end.\n' >hostile.txt
keys o
type_text 'hostile.txt'
keys Enter
await 'Bell \^G'
await '\^\[\]0;owned\^G'
await '<U\+202E>'
await '<0xFF>'
await_gone 'Esc cancels'

echo "- suspended and back"
keys C-z
await 'ready>'
[ "$(modes | cut -c5)" = 0 ] || fail "suspended, the ordinary screen is not back: $(modes)"
type_text 'fg; echo left=$?'
keys Enter
await 'target 0\.24'
[ "$(modes | cut -c2-3)" = 11 ] || fail "back, the mouse is not: $(modes)"

echo "- leaving: q, Ctrl-C, SIGTERM, SIGSEGV"
keys q
await 'left=0'
assert_clean "after q"

start_shell 80 24
run_pith '' abstract.txt
await 'target 0\.25'
keys C-c
await 'status=0'
assert_clean "after Ctrl-C"

for ending in TERM:143 HUP:129 SEGV:139; do
  start_shell 80 24
  # A shell that becomes the program: its number is the one to kill.
  printf '#!/bin/sh\necho $$ >number\nexec "$@"\n' >as_number
  run_pith 'sh ./as_number' abstract.txt
  await 'We report on three'
  kill "-${ending%:*}" "$(cat number)"
  await "status=${ending#*:}"
  assert_clean "after SIG${ending%:*}"
done

echo "- no colour at all"
start_shell 80 24
run_pith 'NO_COLOR=1 PITH_METHOD=selfinfo' abstract.txt
await '~[A-Za-z]'
t capture-pane -p -e | grep -qE "$(printf '\033')"'\[([0-9]+;)*([34][0-8]|9[0-7]|10[0-7])[;m]' && fail "NO_COLOR, and there is colour"
keys q
await 'status=0'

echo "- a document from a pipe"
start_shell 80 24
type_text "cat abstract.txt | '$pith' --model '$model' -; echo status=\$?"
keys Enter
await 'standard input'
await 'We report on three'
keys q
await 'status=0'
assert_clean "after a piped document"

echo "- a document from a pipe that gives nothing, left by q"
start_shell 80 24
type_text "sleep 300 | '$pith' --model '$model' -; echo status=\$?"
keys Enter
await 'Reading the file'
keys q
# The shell waits for the sleep too; the screen is left at once.
tries=200
until [ "$(t display-message -p '#{alternate_on}')" = 0 ]; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || {
    fail "q waits for a pipe"
    break
  }
  sleep 0.05
done

echo "- behind q nothing is begun, but what was to be saved is"
start_shell 80 24
mkfifo silent
run_pith '' abstract.txt
await 'achieved 0\.2'
await_gone 'Esc cancels'
type_text "$(printf 'osilent\rq')"
await 'status=0'
start_shell 80 24
run_pith '' abstract.txt
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
run_pith '' long.txt
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
run_pith PITH_AUTO_REGENERATE=false long.txt
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
run_pith 'PITH_SERVER=http://127.0.0.1:9/v1 PITH_SERVER_MODEL=none' long.txt
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

echo "- standard input that is the keyboard is no document"
start_shell 100 24
run_pith '' -
await 'Standard input is the keyboard'
await 'status=2'

echo "- a document that arrives while a line is open to save the one before"
start_shell 100 24
mkfifo late
run_pith '' abstract.txt
await 'achieved 0\.2'
await_gone 'Esc cancels'
type_text "$(printf 'o\025late\r')"
await 'Esc cancels'
keys s
await_line 1
await 'Save as: abstract-500x\.soft'
cat texts/tidal-power.txt >late
await 'late is open now: nothing was saved'
await_line 0
[ ! -e abstract-500x.soft ] || fail "the document before was saved"
keys q
await 'status=0'

echo "- a document that can be read only once"
start_shell 80 24
mkfifo once
type_text "cat abstract.txt >once & '$pith' --model '$model' once; echo status=\$?"
keys Enter
await 'We report on three'
keys q
await 'status=0'

if [ -r "${model%.gguf}-embeddings-regenerate.gguf" ]; then
  echo "- embeddings are not refined, and nothing changes for that"
  start_shell 80 24
  run_pith PITH_METHOD=icae abstract.txt
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

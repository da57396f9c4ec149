#!/bin/sh
# Documents of the workbench, inside tmux: files by name, what is saved, pastes,
# hostile bytes, pipes and files that can be read only once. Every wait is for
# something to appear. Called with the program.
# shellcheck disable=SC2016,SC2034
set -u
server="pith-test"
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_workbench

echo "- a sitting with words kept and a question asked"
start_shell 80 24
run_workbench 'PITH_AUTO_REGENERATE=true PITH_METHOD=selfinfo' abstract.txt
await '\[Compressed\]'
await 'achieved 0\.2'
keys i
await_line 1
type_text 'Where is the lake?'
keys Enter
await 'Answer: full text'
await_gone 'Esc cancels'

echo "- whole phrases, words one by one, and back"
kept_words() { unmarked | grep -vE 'coherence|took [0-9]'; }
keys e
await 'Whole phrases are kept, and fewer \(coherence 3\)'
await_gone 'Esc cancels'
await 'Earlier, Self-information' # the answer is to other words, though they are as many
kept_words > phrases.txt
keys e
await 'Words are kept one by one \(coherence 0\)'
# A job this short may be over before anything shows that it ran: the words themselves tell.
tries=600
while kept_words | cmp -s - phrases.txt && [ "$tries" -gt 0 ]; do
  tries=$((tries - 1))
  sleep 0.05
done
[ "$tries" -gt 0 ] || fail "coherence changes nothing on the screen"
keys e
await 'Kept words hold together \(coherence 1\.5\)'
await_gone 'Esc cancels'
await_gone 'Earlier, Self-information'

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

echo "- standard input that is the keyboard is no document"
start_shell 100 24
run_workbench '' -
await 'Standard input is the keyboard'
await 'status=2'

echo "- a document that arrives while a line is open to save the one before"
start_shell 100 24
mkfifo late
run_workbench '' abstract.txt
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

[ "$failures" -eq 0 ] || echo "$failures checks failed."
[ "$failures" -eq 0 ]

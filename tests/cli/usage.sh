#!/bin/sh
# What the command line refuses, with one sentence and exit status 2; and help.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
echo "A text of a few words." >text.txt

refused() {
  sentence=$1
  shift
  expect 2 "$pith" "$@"
  one_sentence
  err_has "$sentence"
}

refused 'did you mean pith compress?' compres
refused 'no file "frobnicate"' frobnicate
refused 'There is no option -x.' -x
refused 'did you mean --tokens?' compress --tokns 3 text.txt
refused '--output wants a value.' compress text.txt --output
refused '--json takes no value.' compress --json=3 text.txt
refused 'pith compress wants FILE|-.' compress
refused 'does not know what to do with "b"' compress text.txt b
refused 'pith inspect takes no --tokens; pith' inspect --tokens 3 text.txt
refused 'the workbench takes no --json; pith' --json text.txt
refused 'give one of them' compress --cr 0.5 --tokens 3 text.txt
refused 'is a second' text.txt other.txt
for rate in 0 1.5 -1 abc 0x '' nan 101% 0.5y; do
  refused 'A rate is the share to keep' compress --cr "$rate" text.txt
done
for tokens in 0 -3 2.5 x ''; do
  refused '--tokens wants a whole number of at least 1' compress --tokens "$tokens" text.txt
done
for number in 2147483648 3000000000 99999999999999999999; do
  refused "--tokens takes at most 2147483647, not \"$number\"." compress --tokens "$number" text.txt
  refused '--refine takes at most 2147483647' compress -m 500x -o kept.soft --refine "$number" text.txt
done
refused 'method must be one of' compress -m gzip text.txt
refused 'name a file for them with -o OUT' compress -m 500x text.txt
refused 'pith ask wants a question' ask text.txt
refused 'pith ask wants a question' ask -q ' ' text.txt
refused 'wants --data FILE.jsonl' eval regenerate
refused 'wants --data FILE.jsonl' eval answer
refused 'pith eval wants one of: regenerate, answer, memory, all.' eval
refused 'pith train does not know "icae"' train icae
refused 'pith train wants one of: base, regenerate, answer, read, keep, sft, grpo, tokenizer; or --watch|--plot LOG.' train
refused '--watch wants a value.' train --watch
refused 'pith train base takes no --watch; pith' train base --watch run.jsonl
refused 'pith compress takes no --plot; pith' compress --plot run.jsonl text.txt
refused 'pith compress takes no --rates; did you mean --cr?' compress --rate 0.2 text.txt
refused 'pith eval all takes no --cr; did you mean --rates?' eval all --cr 0.2 --data text.txt
refused 'give one of them' train --watch run.jsonl --plot run.jsonl
refused 'it takes no --json' train --plot run.jsonl --json
refused '--set wants KEY=VALUE' --set rate config
refused 'did you mean theme?' --set thme=x config
refused 'rate must be a number from 0.001 to 1' --set rate=7 config
refused 'There is no command "frob"' help frob
refused 'are two formats: give one of them' eval all --data text.txt --json --format csv
printf '\002\000\000\000\000\000\000\000{}' >kept.soft
for option in --compat --cr=0.5 --tokens=3 --pin=x; do
  refused "already: ${option%%=*} has no meaning" ask -q 'Who?' "$option" kept.soft
done
for command_line in 'compress -m selfinfo text.txt' 'ask -q Who? text.txt' 'compress -m cmprsr text.txt' \
  'eval regenerate -m 500x --data text.txt' 'eval answer -m dac --data text.txt'; do
  # shellcheck disable=SC2086
  refused 'asks no server; --server is for vanilla' $command_line --server http://127.0.0.1:9/v1
  # shellcheck disable=SC2086
  refused 'asks no server; --server-model is for vanilla' $command_line --server-model x
done
refused '--pin wants a text' compress --pin '' text.txt

# The command line is wrong, not the data.
mkdir lines
echo '{"text": "A text of a few words."}' >lines/a.jsonl
refused '--methods is empty.' eval all --data lines --methods ''
refused '--methods is empty.' eval all --data lines --methods '' --rates ''
refused '--rates is empty.' eval all --data lines --methods selfinfo --rates ''
refused 'pith eval memory wants a soft method: selfinfo has no memory tokens' eval memory -m selfinfo --data text.txt
refused '"ftp://x" is no address of a server' bench models --data text.txt a=ftp://x
refused 'wants --rates LOW,HIGH, not ".1,.2,.3"' pairs --data text.txt --rates .1,.2,.3

# What is read is not written over, by whatever name.
ln -s text.txt link.txt
ln text.txt twin.txt
for output in text.txt ./text.txt link.txt twin.txt; do
  refused 'would write the result over what it is made of' compress -o "$output" text.txt
  refused 'would write the result over what it is made of' compress -m 500x -o "$output" - <text.txt
done
mkdir sets
echo '{"text": "A text of a few words."}' >sets/one.jsonl
refused 'would write the result over what it is made of, sets/../sets/one.jsonl' eval all --data sets -o sets/../sets/one.jsonl
grep -q 'few words' text.txt sets/one.jsonl || fail "what was read was written over"

# Figures depend on the processor's level: what cannot be had is not passed over.
PITH_CPU=foo refused 'PITH_CPU is "foo"; there are ref, avx2, avx512, avx512bf16, amx and neon.' config
PITH_CPU=ref expect 0 "$pith" config
[ ! -s err ] || fail "PITH_CPU=ref: $(cat err)"

# Without a terminal the workbench points to the commands.
refused 'The workbench needs a terminal' text.txt
refused 'The workbench needs a terminal' -
refused 'The workbench needs a terminal'

expect 0 "$pith" --version
grep -qE '^pith [0-9]+\.[0-9]+\.[0-9]+$' out || fail "--version: $(cat out)"
expect 0 "$pith" --help
[ "$(wc -l <out)" -le 50 ] || fail "--help is longer than a screen"
awk 'length > 80 { exit 1 }' out || fail "--help is wider than 80 columns"
expect 0 "$pith" compress --help
out_has '--pin TEXT'
expect 0 "$pith" help train base
out_has 'RECIPE.yaml'
expect 0 "$pith" train --help
out_has 'pith train tokenizer'

# A full disk is told; a reader that goes away is not.
if [ -w /dev/full ]; then
  code=0
  "$pith" config >/dev/full 2>err || code=$?
  [ "$code" -eq 1 ] || fail "config >/dev/full: exit status $code"
  err_has 'Standard output cannot be written'
fi
{ "$pith" --help 2>err || :; } | :
[ ! -s err ] || fail "a closed pipe is talked about: $(cat err)"
finish

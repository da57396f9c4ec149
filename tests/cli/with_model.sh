#!/bin/sh
# The commands for real, on the shipped model and the samples.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
[ -f "$root/models/pith-default.gguf" ] || skip "models/pith-default.gguf is not there"
abstract=$root/samples/abstract.txt
bytes=$(wc -c <"$abstract" | tr -d ' ')

# Tokens cover the text.
expect 0 "$pith" tokens --json "$abstract"
json "bytes=$bytes" n:integer 'n>40' tokens.0.begin=0 tokens.0.id:integer tokens.0.text:string
count=$(sed 's/^{"n": \([0-9]*\),.*/\1/' out)
json "tokens.$((count - 1)).end=$bytes"
expect 0 "$pith" tokens "$abstract"
[ "$(wc -l <out)" -eq "$count" ] || fail "tokens lists $(wc -l <out) of $count tokens"

# Extractive: the budget is met to the token, and what must stay stays.
for tokens in 10 33 64; do
  expect 0 "$pith" compress -m selfinfo --tokens "$tokens" --json "$abstract"
  json method=selfinfo "original_tokens=$count" "compressed_tokens=$tokens" delta_cr=0 target_cr:number cr:number \
    text:string seconds:number
done
for method in llmlingua dac; do
  for tokens in 10 33; do
    expect 0 "$pith" compress -m "$method" --tokens "$tokens" --json "$abstract"
    json "method=$method" "compressed_tokens=$tokens" delta_cr=0 text:string
  done
  expect 0 "$pith" compress -m "$method" --cr 4x --pin 'ice front' --json "$abstract"
  json 'text~ice front' 'text~1994'
done
for method in selfinfo llmlingua dac; do
  expect 0 "$pith" compress -m "$method" --compat --cr 0.5 "$abstract"
  err_has 'As published: '
done
expect 0 "$pith" compress -m selfinfo --compat --tokens 1 "$abstract"
err_has 'As published: 1 token asked'
expect 0 "$pith" compress -m dac --set compat=true --cr 1 "$abstract"
cmp -s out "$abstract" || fail "a rate of 1 changed the text"
expect 2 "$pith" compress -m dac --compat --pin lake "$abstract"
err_has 'As published, dac cannot pin words'
one_sentence
expect 2 "$pith" compress -m cmprsr --compat "$abstract"
err_has 'cmprsr has no compatible mode'
one_sentence
# Without writing all of it is words, as many as the budget holds.
expect 0 "$pith" compress -m cmprsr --cr 0.4 --set rewrite=false --json "$abstract"
json chunks=1 chunks_extractive=1 chunks_in_words=0 delta_cr=0
expect 0 "$pith" compress -m selfinfo --cr 4x --pin 'ice front' --json "$abstract"
json 'text~ice front' 'text~1994' 'text~41' 'cr<0.27' 'cr>0.23'
if [ -f "$root/models/pith-default-keep.gguf" ]; then
  expect 0 "$pith" compress -m llmlingua2 --tokens 33 --pin 'ice front' --json "$abstract"
  json method=llmlingua2 compressed_tokens=33 delta_cr=0 'text~ice front' 'text~1994'
fi
expect 0 "$pith" compress --cr 1 "$abstract"
[ "$(tr -s ' \n' <out)" = "$(tr -s ' \n' <"$abstract")" ] || fail "a rate of 1 changed the text"
err_has 'selfinfo:'
expect 0 "$pith" compress --tokens 1 "$abstract"
err_has '-> 1 token, CR '
expect 0 "$pith" compress --tokens 20 -o short.txt --json - <"$abstract"
json file=short.txt compressed_tokens=20
[ -s short.txt ] || fail "-o wrote nothing"
# What stands at the path stays what it is: a pipe, a link, a mode.
mkfifo way
timeout 100 cat way >piped &
expect 0 "$pith" compress --tokens 20 -o way "$abstract"
wait
{ [ -p way ] && cmp -s piped short.txt; } || fail "-o replaced a pipe"
echo old >private.txt
chmod 600 private.txt
ln -s private.txt link
expect 0 "$pith" compress --tokens 20 -o link "$abstract"
{ [ -L link ] && cmp -s private.txt short.txt; } || fail "-o replaced a link"
[ "$(stat -c %a private.txt)" = 600 ] || fail "-o made a private file public"
expect 1 "$pith" compress --tokens 20 -o missing/short.txt "$abstract"
err_has 'missing/short.txt'
# "ice" is pinned where it is a word, not within "twice"; "Arves" only where it can be.
expect 0 "$pith" compress -m selfinfo --tokens 12 --pin ice "$abstract"
grep -qw ice out || fail "a pin is lost: $(cat out)"
! grep -q twice out || fail "a pin within a word is kept: $(cat out)"
expect 0 "$pith" compress -m selfinfo --tokens 12 --pin Arves "$abstract"
out_has 'Arvesk'
expect 0 "$pith" compress --cr 0.5 --pin 'not in it' "$abstract"
err_has 'The document does not hold "not in it"'

# Soft: to a file, back from it, and asked.
expect 0 "$pith" compress -m 500x --tokens 16 -o doc.soft --json "$abstract"
json method=500x compressed_tokens=16 delta_cr=0 file=doc.soft
expect 0 "$pith" inspect --json doc.soft
json 'kind=soft prompt' metadata:object tensors:object
expect 0 "$pith" regenerate --json doc.soft
json text:string 'tokens>0' 'seconds>0'
expect 0 "$pith" regenerate doc.soft
cp out plain
expect 0 "$pith" regenerate --max-tokens 3 --json doc.soft
json tokens=3
json 'original_tokens>0' 'encoded_tokens>0'
expect 0 "$pith" compress -m 500x --tokens 1 -o one.soft "$abstract"
err_has 'the first'
expect 0 "$pith" regenerate one.soft
err_has 'the first'
expect 0 "$pith" ask -q 'How many stations were there?' --json doc.soft
json answer_full=null seconds_full=null answer_compressed:string seconds_compressed:number
expect 2 "$pith" ask -q 'How many?' --cr 0.5 doc.soft
one_sentence
expect 0 "$pith" ask -q 'How many stations were there?' --tokens 16 --json "$abstract"
json method=500x compressed_tokens=16 answer_full:string answer_compressed:string 'seconds_full>0' 'seconds_compressed>0' \
  'prompt_tokens_full>16'
expect 0 "$pith" ask -q 'How many stations were there?' -m selfinfo --cr 0.5 "$abstract"
out_has 'Full text'
out_has 'Compressed'
expect 2 "$pith" compress -m 500x -o x.soft --pin lake "$abstract"
one_sentence

# Soft prompts that are none, or damaged.
for size in 0 4 100 1000; do
  head -c "$size" doc.soft >cut.soft
  expect 3 "$pith" regenerate cut.soft
  one_sentence
done
expect 3 "$pith" regenerate "$abstract"
one_sentence
head -c 2000 "$root/models/pith-default.gguf" >cut.gguf
expect 3 "$pith" tokens --model cut.gguf "$abstract"
one_sentence

expect 0 "$pith" inspect --json "$root/models/pith-default.gguf"
json kind=model metadata:object tensors:object
expect 0 "$pith" inspect "$root/models/pith-default.gguf"
out_has 'general.architecture'

# Bytes that are no UTF-8 are kept, with a warning.
printf 'The caf\351 at the corner closes at nine, but never on Sundays.\n' >latin.txt
expect 0 "$pith" tokens --json latin.txt
json bytes=61 n:integer
err_has 'latin.txt is not valid UTF-8'
expect 0 "$pith" compress --cr 1 latin.txt
cmp -s out latin.txt || fail "a rate of 1 changed bytes that are no UTF-8"

# Longer than the context: no full answer from a model that reads all, one sentence, everything else goes on.
for _ in 1 2 3 4 5; do cat "$root/samples/tidal-power.txt"; done >long.txt
cp "$root/models/pith-default.gguf" alone.gguf
expect 0 "$pith" ask --model alone.gguf -m selfinfo -q 'How wide is the strait?' --json --cr 0.05 long.txt
json answer_full=null answer_compressed:string note:string narrowed_full=null narrowed_compressed=false
# One with an adapter for reading takes the sentences that are nearest to the question, and says so.
expect 0 "$pith" ask -m selfinfo -q 'How wide is the strait?' --json --cr 0.05 long.txt
json answer_full:string narrowed_full=true 'prompt_tokens_full<200'
expect 0 "$pith" ask -m selfinfo -q 'How wide is the strait?' --cr 0.05 long.txt
out_has 'the sentences nearest to the question'

# Data sets.
printf '{"text": "The lake froze in January."}\n\n{"text": "Nobody came to the second meeting."}\n' >texts.jsonl
expect 0 "$pith" eval regenerate --data texts.jsonl --tokens 4 --json
json n=2 rouge_l:number rouge_l_set:number bleu:number exact:number matched_prefix:number seconds:number method=500x
expect 0 "$pith" eval regenerate --data texts.jsonl -m selfinfo --cr 1 --json --limit 1
json n=1 rouge_l=1 exact=1 matched_prefix=1
expect 0 "$pith" eval regenerate --data texts.jsonl --cr 0.5 --length 5
out_has 'ROUGE-L'
expect 0 "$pith" eval memory --data texts.jsonl --tokens 3 --json
json n=2 rouge_l:number lost:array lost_interval:array evenness:number method=500x
expect 0 "$pith" eval memory --data texts.jsonl --tokens 2
out_has 'lost without 2'
expect 2 "$pith" eval memory --data texts.jsonl --tokens 1
one_sentence
expect 2 "$pith" eval memory --data texts.jsonl --tokens 3 -m selfinfo
one_sentence
printf '{"context": "The lake froze in January.", "question": "When did the lake freeze?", "answers": ["January"]}\n' >qa.jsonl
mkdir sets
cp texts.jsonl qa.jsonl sets
expect 0 "$pith" eval all --data sets --methods selfinfo,500x --rates .3,4x --limit 2 --format csv -o table.csv
[ ! -s out ] || fail "eval all -o still prints: $(cat out)"
head -1 table.csv | grep -q '^data,lines,method,target,cr,cr_low,cr_high,delta_cr,' || fail "eval all: $(head -1 table.csv)"
[ "$(wc -l <table.csv)" -eq 11 ] || fail "eval all: $(wc -l <table.csv) lines, not the head and 5 of each data set"
grep -q '^"qa.jsonl",[12],500x,0.25,' table.csv || fail "eval all lacks a row of 500x: $(cat table.csv)"
mkdir half
cp texts.jsonl half/a.jsonl
printf 'no JSON\n' >half/b.jsonl
expect 1 "$pith" eval all --data half --methods selfinfo --rates .5 --limit 1 --format csv
grep -q '^"a.jsonl",1,selfinfo,0.5,' out || fail "eval all lost the set that was measured: $(cat out)"
grep -q '1 of 2 data sets' err || fail "eval all does not say what the report has: $(cat err)"
name=$(printf 'caf\351.jsonl')
if cp texts.jsonl "$name" 2>/dev/null; then
  expect 0 "$pith" eval all --data "$name" --methods selfinfo --rates .5 --limit 1 --format json
  out_has '"method":"selfinfo"'
fi
expect 0 "$pith" eval all --data texts.jsonl --methods selfinfo,vanilla --rates .5 --limit 1
out_has "| texts.jsonl | 1 | selfinfo | 0.5 |"
out_has "Not measured: vanilla on texts.jsonl."
expect 0 "$pith" eval all --data texts.jsonl --methods selfinfo,llmlingua --rates .5 --against selfinfo --limit 2
out_has "How much more than selfinfo at the same target"
expect 0 "$pith" eval all --data texts.jsonl --methods selfinfo,llmlingua --rates .5 --against selfinfo --limit 2 --format csv
head -1 out | grep -q ',break_even_high,cr_difference,cr_difference_low,' || fail "eval all --against: $(head -1 out)"
expect 2 "$pith" eval all --data texts.jsonl --methods selfinfo --against llmlingua
one_sentence "not among the --methods"
expect 2 "$pith" eval all --data texts.jsonl --methods none
one_sentence "There is no method"
expect 2 "$pith" eval all --data texts.jsonl --format pdf
one_sentence "There is no format"
expect 2 "$pith" eval all --data texts.jsonl --rates .5,2
one_sentence "A rate is the share"
expect 0 "$pith" pairs --data texts.jsonl -m selfinfo --rates .3,.6 --limit 2 -o pairs.jsonl
[ "$(grep -c '"target":' pairs.jsonl)" -eq 2 ] || fail "pith pairs: $(cat pairs.jsonl)"
cp texts.jsonl over.jsonl
expect 0 "$pith" pairs --data over.jsonl -m selfinfo --rates .3,.6 --limit 2 -o over.jsonl
cmp -s over.jsonl pairs.jsonl || fail "pith pairs onto its own data: $(cat over.jsonl)"
printf '\n%s\n{"text": \n' "$(head -n 1 texts.jsonl)" >broken.jsonl
echo kept >kept.jsonl
expect 1 "$pith" pairs --data broken.jsonl -m selfinfo -o kept.jsonl
one_sentence
err_has 'broken.jsonl, line 3: not valid JSON'
[ "$(cat kept.jsonl)" = kept ] || fail "pith pairs that failed left: $(cat kept.jsonl)"
expect 0 "$pith" pairs --data texts.jsonl -m selfinfo --length 2
[ ! -s out ] || fail "pairs --length 2 writes $(head -1 out)"
err_has 'pith: 0 pairs.'
err_has 'left out: more than the 2 tokens of --length.'
expect 2 "$pith" pairs --data texts.jsonl --rates .6,.3
one_sentence "the wrong way round"

expect 0 "$pith" eval answer --data qa.jsonl --tokens 4 --json
json n=1 f1:number em:number f1_full:number em_full:number retained:number refine_steps=0.0 seconds:number
expect 0 "$pith" eval answer --data qa.jsonl --tokens 4 --refine 2 --json
json n=1 f1:number refine_steps:number seconds:number
expect 2 "$pith" eval answer --data qa.jsonl -m selfinfo --cr 0.5 --refine 2
one_sentence 'no memory rows to refine'
expect 2 "$pith" compress -m icae --tokens 4 --refine 2 -o icae.soft "$abstract"
one_sentence 'icae hands over embeddings: take 500x'
printf '{"text": "fine"}\n{"text": \n' >bad.jsonl
expect 1 "$pith" eval regenerate --data bad.jsonl --json
one_sentence
err_has 'bad.jsonl'
expect 1 "$pith" eval answer --data texts.jsonl
one_sentence
expect 1 "$pith" eval answer --data missing.jsonl
one_sentence

# Signals: soon, quietly, with their own exit status.
for signal in INT:130 TERM:143; do
  "$pith" regenerate --max-tokens 100000 doc.soft >out 2>err &
  process=$!
  code=0
  sleep 0.05
  kill -s "${signal%:*}" "$process" 2>/dev/null
  wait "$process" || code=$?
  [ "$code" -eq "${signal#*:}" ] || [ "$code" -eq 0 ] || fail "SIG$signal: exit status $code: $(cat err)"
done
for signal in INT:130 TERM:143; do
  mkfifo pipe
  "$pith" tokens - <pipe >out 2>err &
  process=$!
  exec 3>pipe
  sleep 0.2
  kill -s "${signal%:*}" "$process"
  code=0
  wait "$process" || code=$?
  exec 3>&-
  rm pipe
  [ "$code" -eq "${signal#*:}" ] || fail "SIG$signal while reading: exit status $code: $(cat err)"
done
# A question without answers is blamed for that by all who ask.
printf '{"context": "c", "question": "q?", "answers": []}\n' >none.jsonl
for command_line in 'eval answer' 'eval all --methods selfinfo'; do
  # shellcheck disable=SC2086
  expect 1 "$pith" $command_line --data none.jsonl
  one_sentence 'none.jsonl, line 1: the list "answers" is empty.'
done
# What is too long for the model is told once, and by its name.
expect 1 "$pith" ask -q 'Who?' --max-tokens 2100 -m selfinfo "$abstract"
one_sentence 'An answer of 2100 tokens does not fit the context of '
finish

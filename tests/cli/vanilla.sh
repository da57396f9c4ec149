#!/bin/sh
# Rewriting by a server: what it gives, what goes wrong with it, and that its key stays where it is.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
serve_chat=$(dirname "$json_check")/serve_chat
[ -f "$root/models/pith-default.gguf" ] || skip "models/pith-default.gguf is not there"
abstract=$root/samples/abstract.txt

# The pipe that the server reads ends with this script, and so does the server.
mkfifo life
serve() {
  "$serve_chat" "$@" <life >port &
  server=$!
  exec 4>life
  while [ ! -s port ]; do sleep 0.02; done
  url=http://127.0.0.1:$(cat port)/v1
}
stop() {
  exec 4>&-
  wait "$server"
  rm port
}

# A model without a chat format needs a server.
expect 1 "$pith" compress -m vanilla --cr 0.5 "$abstract"
one_sentence
err_has 'name a server with --server URL.'

serve shorten
expect 0 "$pith" compress -m vanilla --server "$url" --cr 0.6 --set keep_facts=false --json "$abstract"
json method=vanilla 'delta_cr<=0' 'cr>0.2' chunks=1 chunks_extractive=0 server_tokens_read=21 server_tokens_written=7 'text~We report on three seasons'
expect 0 "$pith" compress -m vanilla --server "$url" --cr 0.6 --set keep_facts=false "$abstract"
out_has 'We report on three seasons'
err_has 'The server counted 21 tokens read and 7 written.'
PITH_SERVER="$url" expect 0 "$pith" compress -m vanilla --cr 0.3 --json "$root/samples/tidal-power.txt"
json 'chunks>1' 'delta_cr<=0' chunks_extractive:integer note:string
expect 0 "$pith" ask -m vanilla --server "$url" --cr 0.6 -q 'How many stations were there?' --json "$abstract"
json answer_full:string answer_compressed:string method=vanilla
printf '{"context": "The lake froze in January, they say.", "question": "When did the lake freeze?", "answers": ["January"]}\n' >qa.jsonl
expect 0 "$pith" eval answer -m vanilla --server "$url" --cr 0.9 --data qa.jsonl --json
json n=1 'delta_cr<=0' f1:number
stop

# Lost facts: words take over, and that is said.
serve 'text=A lake was measured for some seasons and it lost water.'
expect 0 "$pith" compress -m vanilla --server "$url" --cr 0.5 --json "$abstract"
json chunks_extractive=1 delta_cr=0 'note~1 of 1 chunk is kept extractively (lost facts 1)' 'text~1994'
stop

# Models ranked: the one that keeps the answer first; one that fails is told, and all failing is a failure.
cp qa.jsonl bench.jsonl
serve 'text=The lake froze in January.'
expect 0 "$pith" bench models --data bench.jsonl --rates 0.9 --json "one=$url,missing.gguf,$root/models/pith-default.gguf"
json models.0.model=one models.0.rates.0.rate=0.9 models.0.retained:number models.0.abs_delta_cr:number \
  models.0.rates.0.extractive=0 models.1.failure:string models.2.failure:string
expect 0 "$pith" bench models --data bench.jsonl --rates 90%,0.8 "one=$url,missing.gguf"
out_has 'one'
out_has '-    missing.gguf: '
expect 1 "$pith" bench models --data bench.jsonl missing.gguf
one_sentence
expect 2 "$pith" bench models missing.gguf
one_sentence
expect 2 "$pith" bench models --data bench.jsonl --rates 0.5,2 missing.gguf
one_sentence
err_has 'A rate is the share to keep'
stop

# Wrapped answers, in the text of the document as it stands.
serve 'whole="Lake Arvesk"' 'text={"compressed": "Lake Arvesk"}'
for form in quotes object; do
  expect 0 "$pith" compress -m vanilla --server "$url" --cr 0.5 --set keep_facts=no --json "$abstract"
  json 'text=Lake Arvesk'
done
stop

# A server that does not stream, one that is busy at first, and one that breaks off once.
serve 429 503 cut 'text=Lake Arvesk'
expect 0 "$pith" compress -m vanilla --server "$url" --cr 0.5 --set keep_facts=no --json "$abstract"
json 'text=Lake Arvesk'
err_has 'is busy and refuses more requests. Again in 0.5 s.'
err_has 'failed (HTTP 503). Again in 1.0 s.'
err_has 'broke off in the middle of its answer. Again in 2.0 s.'
stop

# One sentence for each trouble; the key is in none.
trouble() {
  status=$1
  sentence=$2
  shift 2
  serve "$@"
  PITH_API_KEY=sk-secret-42 expect "$status" "$pith" compress -m vanilla --server "$url" --server-model nobody \
    --set server_timeout=1 --cr 0.5 "$abstract"
  one_sentence
  err_has "$sentence"
  ! grep -q secret err || fail "the key is shown"
  stop
}
trouble 2 'refuses the key: the one in PITH_API_KEY is not allowed there.' 401
trouble 2 'knows no model "nobody"' 404
trouble 1 'is no chat' garbage
trouble 1 'sends without end, far more than the tokens that it was asked for.' endless
trouble 1 'said nothing for 1 seconds.' hang
trouble 1 'is busy' '429:Retry-After: 4000'
trouble 2 'does not accept the request (HTTP 400).' 400
expect 2 "$pith" compress -m vanilla --server ftp://host --cr 0.5 "$abstract"
one_sentence
err_has 'is no address of a server'
PITH_API_KEY=sk-secret-42 expect 0 "$pith" config
! grep -q secret out err || fail "the key is shown"

# Cancelled while the server is silent: soon, and quietly.
serve hang
"$pith" compress -m vanilla --server "$url" --cr 0.5 "$abstract" >out 2>err &
process=$!
sleep 0.5
kill -s TERM "$process"
code=0
wait "$process" || code=$?
[ "$code" -eq 143 ] || fail "SIGTERM: exit status $code: $(cat err)"
stop
finish

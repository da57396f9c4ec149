#!/bin/sh
# Pairs for sft.yaml without a paid teacher: the words of texts that stand for a rewrite, in phrases, at rates from .1 to .7:
# pairs.sh PITH DATA [PART]
# DATA is what prepare.sh made; the pairs go to DATA/pairs. As many as the shipped adapter has learned from first, or one in PART of
# them. No adapter is needed; where the model (PITH_MODEL, or the shipped one) has one that has learned which words to keep, they are
# the words that it keeps: so for sft_again.yaml, with PART 8.
set -eu
pith=$1
data=$2
part=${3:-1}
for source in text/wiki:24000 text/arxiv:16000 text/acl:5000 qa/squadshift_reddit:1500 qa/squadshift_amazon:1500 qa/fairytale:1500; do
	path=${source%:*}
	"$pith" pairs --data "$data/$path.jsonl" -m cmprsr --set coherence=2 --rates .1,.7 --length 320 \
		--limit $((${source#*:} / part)) -o "$data/pairs/kept_${path#*/}.jsonl"
done
"$pith" pairs --data "$data/text/dev.jsonl" -m cmprsr --set coherence=2 --rates .1,.7 --length 320 --limit 150 \
	-o "$data/pairs/kept_dev.jsonl"

#!/bin/sh
# Pairs for sft.yaml without a paid teacher: the words of texts that stand for a rewrite, in phrases, at rates from .1 to .7:
# pairs.sh PITH DATA
# DATA is what prepare.sh made; the pairs go to DATA/pairs. As many as the shipped adapter has learned from; no adapter is needed.
set -eu
pith=$1
data=$2
for source in text/wiki:24000 text/arxiv:16000 text/acl:5000 qa/squadshift_reddit:1500 qa/squadshift_amazon:1500 qa/fairytale:1500 \
	text/dev:150; do
	path=${source%:*}
	"$pith" pairs --data "$data/$path.jsonl" -m cmprsr --set coherence=2 --rates .1,.7 --length 320 --limit "${source#*:}" \
		-o "$data/pairs/kept_${path#*/}.jsonl"
done

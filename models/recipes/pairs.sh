#!/bin/sh
# Pairs for sft.yaml without a paid teacher: what llmlingua2 leaves of texts, at rates from .1 to .7: pairs.sh PITH DATA
# DATA is what prepare.sh made; the pairs go to DATA/pairs.
set -eu
pith=$1
data=$2
for source in text/wiki:3000 text/acl:2000 qa/newwiki:2000 qa/squadshift_reddit:2500 qa/squadshift_amazon:2500 qa/fairytale:2500; do
	name=${source%:*}
	"$pith" pairs --data "$data/$name.jsonl" -m llmlingua2 --rates .1,.7 --length 320 --limit "${source#*:}" \
		-o "$data/pairs/kept_$(basename "$name").jsonl"
done

#!/bin/sh
# Pairs for sft.yaml without a paid teacher: what llmlingua2 leaves of texts, at rates from .1 to .7: pairs.sh PITH DATA
# DATA is what prepare.sh made; the pairs go to DATA/pairs. As many as the shipped adapter has learned from.
set -eu
pith=$1
data=$2
for source in wiki:3000 acl:379; do
	name=${source%:*}
	"$pith" pairs --data "$data/text/$name.jsonl" -m llmlingua2 --rates .1,.7 --length 320 --limit "${source#*:}" \
		-o "$data/pairs/kept_$name.jsonl"
done

#!/bin/sh
# Unpacks the training data for the recipes of this folder: prepare.sh SOURCE DESTINATION
# SOURCE holds text/*.jsonl.zst, qa/*.jsonl.zst and pairs/*.jsonl.zst. The last questions of four sources are kept back as
# qa_dev.jsonl: whole contexts but for one at each cut. text/learning.jsonl: the abstracts of text/arxiv.jsonl that hold two different
# words of machine learning ("dataset" and "datasets" are two).
set -eu
if [ $# -ne 2 ]; then
	echo "usage: prepare.sh SOURCE DESTINATION" >&2
	exit 2
fi
command -v zstd >/dev/null 2>&1 || {
	echo "prepare.sh unpacks with zstd, which is not installed." >&2
	exit 1
}
source_folder=$1
destination=$2
mkdir -p "$destination/text" "$destination/qa" "$destination/pairs"
for kind in text qa pairs; do
	for packed in "$source_folder/$kind"/*.jsonl.zst; do
		zstd -qdf "$packed" -o "$destination/$kind/$(basename "$packed" .zst)"
	done
done
terms='neural|deep learning|machine learning|language models?|datasets?|benchmarks?|state-of-the-art|convolutional'
terms="$terms|reinforcement learning|segmentation|object detection|speech recognition|adversarial|embeddings?|transformers?"
terms="$terms|attention mechanism|question answering|classifiers?|supervised|unsupervised|semantic|robots?|annotat\\w+|generative"
terms="$terms|pre-trained|GAN|LSTM|training data|learning algorithms?"
sed 's/^.*"text": "//' "$destination/text/arxiv.jsonl" | grep -noiP "\\b($terms)\\b" | tr A-Z a-z | LC_ALL=C sort -u | cut -d: -f1 |
	uniq -d >"$destination/text/learning.lines"
awk 'NR == FNR { chosen[$1]; next } FNR in chosen' "$destination/text/learning.lines" "$destination/text/arxiv.jsonl" \
	>"$destination/text/learning.jsonl"
rm "$destination/text/learning.lines"
[ -s "$destination/text/learning.jsonl" ] || {
	echo "prepare.sh found no abstracts about machine learning: it needs text/arxiv.jsonl.zst and a grep that knows -P." >&2
	exit 1
}
: >"$destination/qa_dev.jsonl"
for name in newwiki squadshift_amazon squadshift_reddit fairytale; do
	file=$destination/qa/$name.jsonl
	tail -n 100 "$file" >>"$destination/qa_dev.jsonl"
	head -n -100 "$file" >"$file.cut"
	mv "$file.cut" "$file"
done

#!/bin/sh
# Unpacks the training data for the recipes of this folder: prepare.sh SOURCE DESTINATION
# SOURCE holds text/*.jsonl.zst, qa/*.jsonl.zst and pairs/*.jsonl.zst. The last questions of four sources are kept back as
# qa_dev.jsonl: whole contexts but for one at each cut.
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
: >"$destination/qa_dev.jsonl"
for name in newwiki squadshift_amazon squadshift_reddit fairytale; do
	file=$destination/qa/$name.jsonl
	tail -n 100 "$file" >>"$destination/qa_dev.jsonl"
	head -n -100 "$file" >"$file.cut"
	mv "$file.cut" "$file"
done

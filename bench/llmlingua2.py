#!/usr/bin/env python3
"""LLMLingua-2's own package on the CPU, for bench/llmlingua2.sh.

  llmlingua2.py model FOLDER TEXT      a model of the published small shape (bert-base-multilingual-cased, 12 layers, width 768,
                                       177 million parameters) with random weights, and a vocabulary learned from TEXT
  llmlingua2.py time FOLDER RATE THREADS ROUNDS TEXT...
                                       one line for each text: bytes, seconds to compress (median of the rounds)

Random weights keep other words than trained ones and take as long. Needs torch, transformers and llmlingua.
"""
import os
import statistics
import sys
import time

FOLDER_NAME = "bert-base-multilingual-cased"  # the package tells the vocabulary's kind by this name


def make_model(folder, text):
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast

    words = BertWordPieceTokenizer(lowercase=False)
    words.train([text], vocab_size=30000, show_progress=False)
    os.makedirs(folder, exist_ok=True)
    words.save(os.path.join(folder, "words.json"))
    BertTokenizerFast(tokenizer_file=os.path.join(folder, "words.json"), do_lower_case=False, model_max_length=512).save_pretrained(folder)
    config = BertConfig(vocab_size=119547, num_labels=2, architectures=["BertForTokenClassification"])
    BertForTokenClassification(config).save_pretrained(folder)


class WordCounter:
    """In place of OpenAI's vocabulary, which the package downloads to count tokens for its report."""

    def encode(self, text, **_):
        return text.split()


def measure(folder, rate, threads, rounds, texts):
    import tiktoken
    import torch

    tiktoken.encoding_for_model = lambda _: WordCounter()
    from llmlingua import PromptCompressor

    torch.set_num_threads(threads)
    compressor = PromptCompressor(folder, device_map="cpu", use_llmlingua2=True)
    for path in texts:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        seconds = []
        for _ in range(rounds):
            begin = time.perf_counter()
            compressor.compress_prompt(text, rate=rate)
            seconds.append(time.perf_counter() - begin)
        print(len(text.encode()), statistics.median(seconds), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "model":
        make_model(os.path.join(sys.argv[2], FOLDER_NAME), sys.argv[3])
    elif len(sys.argv) > 6 and sys.argv[1] == "time":
        measure(sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6:])
    else:
        sys.exit(__doc__)

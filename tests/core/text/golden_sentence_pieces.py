"""Writes the golden files of SentencePiece vocabularies from the package that they are made and used with.

    pip install sentencepiece==0.2.3
    python golden_sentence_pieces.py

golden_sentence_pieces.gguf   a vocabulary learned from golden_corpus.jsonl: BPE with byte fallback, as Llama 2 has it
golden_sentence_pieces.jsonl  texts and their ids in that vocabulary

    python golden_sentence_pieces.py MODEL TEXTS.jsonl OUT

does the same for a published model, for the first 2,000 lines of "text" (OUT.gguf, OUT.jsonl).
"""

import io
import json
import pathlib
import random
import struct
import sys

import sentencepiece

HERE = pathlib.Path(__file__).parent
U32, F32, STRING, ARRAY, I32 = 4, 6, 8, 9, 5  # types of GGUF

TEXTS = [
    "", " ", "  ", "   ", "a", " a", "  a", "a ", "a  ", " a b  c   d ", "the", "The memory of the prompt",
    "\n", "\n\n", "a\nb", "\ta\t\tb", "\r\n \r\n", " \n \n", "  four\n        eight\n", "trailing   ",
    "Hello world", "it's, we'll, they'Ve", "3.14159 and 1234567", "x = [1, 2];\n\n\treturn x;\n",
    "今天天气很好。你好,世界!", "the 今天 the", "日本語テキスト", "한국어 텍스트", "нещо на Български", "ไทย हिन्दी עברית العربية",
    "😀 family: 👨‍👩‍👧 done", "e\u0301\u0302 combining a\u0308", "a\u00a0b\u3000c\u2003d", "½ ² Ⅷ ٣٤٥", "\u200b\u200d\ufeff",
    "don't  stop\u2026 \u201cnow\u201d", "café naïve Ωß", "<s>", "</s>", "<unk>", "<0x41>", "<0x0A>", "[INST] x [/INST]",
    "<tool>", "a<tool>b", " <tool> ", "<tool>><tool>", "<too", "x<tool> the <tool>>the",
    "a" * 300, " " * 200, "e" * 1000, "the" * 200, "compression" * 40, "the " * 200, "\n" * 70, "今" * 90,
]
PARTS = list("aaeeiinostr TTS   \n\t.,-_12") + ["the", " the", "ing", "tion", "compress", "  ", "é", "ж", "中", "😀", "\u0301", "<tool>"]


def field(key, kind, data):
    name = key.encode()
    return struct.pack("<Q", len(name)) + name + struct.pack("<I", kind) + data


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def array(kind, n, data):
    return struct.pack("<IQ", kind, n) + data


def kind_of(model, i):
    if model.is_unknown(i):
        return 2
    if model.is_control(i):
        return 3
    if model.is_byte(i):
        return 6
    if model.is_unused(i):
        return 5
    return 4 if model.id_to_piece(i) in ("<tool>", "<tool>>") else 1  # the package does not tell user-defined ones


def write_gguf(model, path):
    n = model.vocab_size()
    fields = [
        field("general.architecture", STRING, string("llama")),
        field("tokenizer.ggml.model", STRING, string("llama")),
        field("tokenizer.ggml.tokens", ARRAY, array(STRING, n, b"".join(string(model.id_to_piece(i)) for i in range(n)))),
        field("tokenizer.ggml.scores", ARRAY, array(F32, n, b"".join(struct.pack("<f", model.get_score(i)) for i in range(n)))),
        field("tokenizer.ggml.token_type", ARRAY, array(I32, n, b"".join(struct.pack("<i", kind_of(model, i)) for i in range(n)))),
        field("tokenizer.ggml.bos_token_id", U32, struct.pack("<I", model.bos_id())),
        field("tokenizer.ggml.eos_token_id", U32, struct.pack("<I", model.eos_id())),
        field("tokenizer.ggml.unknown_token_id", U32, struct.pack("<I", model.unk_id())),
    ]
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(fields)) + b"".join(fields)
    pathlib.Path(path).write_bytes(head + bytes(-len(head) % 32))


def write_encodings(model, texts, path):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for text in texts:
            file.write(json.dumps({"text": text, "ids": model.encode(text)}) + "\n")


def learn():
    texts = []
    for line in open(HERE / "golden_corpus.jsonl", encoding="utf-8"):
        row = json.loads(line)
        texts += [row.get("text", row.get("context", "")), row.get("question", "")]
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([part for text in texts for part in text.split("\n") if part]), model_writer=out, model_type="bpe",
        vocab_size=640, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True,
        allow_whitespace_only_pieces=True, character_coverage=1.0, user_defined_symbols=["<tool>", "<tool>>"], num_threads=1,
        minloglevel=2)
    return sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())


def random_texts(n, seed):
    generator = random.Random(seed)
    return ["".join(generator.choices(PARTS, k=generator.randint(1, 60))) for _ in range(n)]


def main():
    if len(sys.argv) == 4:
        model = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
        lines = open(sys.argv[2], encoding="utf-8").read().split("\n")[:2000]
        texts = [json.loads(line)["text"].replace("\u2581", "_") for line in lines if line]
        texts += [text for text in TEXTS if "<tool>" not in text] + [text.replace("<tool>", "") for text in random_texts(500, 5)]
        write_gguf(model, sys.argv[3] + ".gguf")
        write_encodings(model, texts, sys.argv[3] + ".jsonl")
        return
    model = learn()
    write_gguf(model, HERE / "golden_sentence_pieces.gguf")
    write_encodings(model, TEXTS + random_texts(120, 3), HERE / "golden_sentence_pieces.jsonl")


main()

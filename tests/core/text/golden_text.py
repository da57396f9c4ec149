"""Writes the golden files of these tests from the packages that the vocabularies of published models are used with.

    pip install tokenizers==0.20.3
    python golden_text.py

golden_pieces.jsonl      how the split patterns cut texts: the pre-tokenizers of each model's published tokenizer.json
golden_vocabulary.json   a vocabulary learned from golden_corpus.jsonl by the plain definition: count all pairs, join the most
                         frequent one (of equal ones that with the smaller ids), again and again
golden_encodings.jsonl   texts and their ids in that vocabulary, by the tokenizers package
golden_unicode.json      classes of characters by Python's unicodedata; byte strings and what Python's UTF-8 decoder makes of them
"""

import codecs
import json
import pathlib
import random
import unicodedata
from collections import Counter

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

HERE = pathlib.Path(__file__).parent

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


PATTERNS = {
    "gpt-2": byte_level(True),
    "llama-bpe": pre_tokenizers.Sequence([split(LLAMA3), byte_level(False)]),
    "qwen2": pre_tokenizers.Sequence([split(QWEN2), byte_level(False)]),
    "starcoder": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)]),
    "deepseek-coder": pre_tokenizers.Sequence([
        split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split("[一-龥ࠀ-一가-퟿]+"),
        pre_tokenizers.Digits(individual_digits=True), byte_level(False)]),
    "falcon": pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), byte_level(True), split("[0-9][0-9][0-9]")]),
}

FIXED_TEXTS = [
    "", " ", "  ", "\n", "\n\n", "\t\n", "\r\n \r\n", "Hello world", " Hello  world ", "it's, we'll, they'Ve, I'D, 'S",
    "3.14159 and 1234567 or 12 34", "a\u00a0b\u3000c\u2003d", "x = [1, 2];\n\n\treturn x;\n", "don't  stop\u2026 \u201cnow\u201d",
    "今天天气很好。你好,世界!", "нещо на Български", "ἀρχή ἐστίν", "😀 family: 👨‍👩‍👧 done",
    "e\u0301\u0302 combining a\u0308", "½ ² Ⅷ ٣٤٥ 12３", "\u180e x\u180ey \u200b z", "\x1c\x1d a\x85b\x0bc",
    "    four\n        eight\n", "trailing   ", "!!! ... ???\n\n", "$100 + €5 = ~105 <tag> `code` ^| end", "ſ 'ſ K 's",
    "A1b2C3 d4_e5-f6", "\n \n  \n", " \r", "word\n\n  indented", "한국어 텍스트 가힣", "ไทย हिन्दी עברית العربية",
]
CHARACTERS = list("aaabceinost TTSR  \n\r\t'.,!-_123450") + ["'s", "'LL", "'re", "é", "ß", "Ω", "ж", "中", "文", "。", "가", "½", "٣",
                                                          "\u00a0", "\u2009", "\u3000", "😀", "\u0301", "\u200d", "$", "€", "«"]


def random_texts(n, seed):
    generator = random.Random(seed)
    return ["".join(generator.choices(CHARACTERS, k=generator.randint(1, 40))) for _ in range(n)]


def write_lines(name, rows):
    with open(HERE / name, "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=True) + "\n")


def pieces_of(pre, text):
    return [text[begin:end] for _, (begin, end) in PATTERNS[pre].pre_tokenize_str(text)]


def byte_alphabet():
    """The alphabet of byte-level vocabularies, learned by asking for each byte of a text that holds all of them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + i) for i, b in enumerate(others)}}


def corpus_words():
    words, previous = Counter(), None
    for line in open(HERE / "golden_corpus.jsonl", encoding="utf-8"):
        row = json.loads(line)
        text = row.get("text", row.get("context", ""))
        for part in ([] if text == previous else [text]) + [row.get("question", "")]:
            words.update(piece.encode() for piece in pieces_of("qwen2", part))
        previous = text
    return words


def learn(n_vocab):
    alphabet = byte_alphabet()
    tokens = [bytes([b]) for b in range(256)]  # token i has id 3 + i
    words = [([3 + b for b in word], count) for word, count in corpus_words().items()]
    merges = []
    while 3 + len(tokens) < n_vocab:
        pairs = Counter()
        for ids, count in words:
            for pair in zip(ids, ids[1:]):
                pairs[pair] += count
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        assert pairs[best] >= 2
        merged = tokens[best[0] - 3] + tokens[best[1] - 3]
        if merged not in tokens:
            tokens.append(merged)
        new = 3 + tokens.index(merged)
        for ids, _ in words:
            i = 0
            while i + 1 < len(ids):
                if (ids[i], ids[i + 1]) == best:
                    ids[i:i + 2] = [new]
                i += 1
        merges.append(best)

    def name(token):
        return "".join(alphabet[b] for b in tokens[token - 3])

    return {
        "tokens": ["<|bos|>", "<|eos|>", "<|pad|>"] + [name(3 + i) for i in range(len(tokens))],
        "merges": [f"{name(a)} {name(b)}" for a, b in merges],
    }


def encodings(vocabulary):
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(vocabulary["tokens"])},
                                     merges=[tuple(merge.split(" ")) for merge in vocabulary["merges"]]))
    tokenizer.pre_tokenizer = PATTERNS["qwen2"]
    long_words = ["the" * 100 + "ing" * 50, "a" * 300, "prompt" * 30 + "compression" * 30]
    for text in FIXED_TEXTS + long_words + random_texts(60, 3):
        yield {"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids}


SPACES = [*range(9, 14), 0x20, 0x85, 0xa0, 0x1680, *range(0x2000, 0x200b), 0x2028, 0x2029, 0x202f, 0x205f, 0x3000]  # PropList.txt


def classes():
    codes = sorted({*range(0x180), *range(0x180, 0x3400, 11), *range(0x3400, 0x30000, 997), *SPACES, 0x180e, 0x1f600, 0x10ffff})
    for code in codes:
        category = unicodedata.category(chr(code))
        if category in ("Cn", "Cs"):
            continue
        lower = chr(code).lower()
        yield [code, int(category[0] == "L"), int(category[0] == "N"), int(code in SPACES),
               ord(lower[0])]  # the one capital whose lower case is two characters maps to the first


def byte_strings():
    codecs.register_error("each_byte", lambda error: ("\ufffd" * (error.end - error.start), error.end))
    generator = random.Random(11)
    parts = [b"a", b"\xc3\xa9", b"\xe4\xb8\xad", b"\xf0\x9f\x98\x80", b"\x80", b"\xbf", b"\xc3", b"\xe4\xb8", b"\xf0\x9f\x98",
             b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xff", b"\xf8", b"\xef\xbf\xbe", b"12345678"]
    for _ in range(300):
        data = b"".join(generator.choices(parts, k=generator.randint(0, 6)))
        try:
            data.decode()
            valid = len(data)
        except UnicodeDecodeError as error:
            valid = error.start
        decoder = codecs.getincrementaldecoder("utf-8")("each_byte")
        decoder.decode(data)
        yield [data.hex(), valid, len(decoder.getstate()[0]), data.decode(errors="each_byte").encode().hex()]


def main():
    texts = FIXED_TEXTS + random_texts(80, 1)
    write_lines("golden_pieces.jsonl", ({"pre": pre, "text": text, "pieces": pieces_of(pre, text)}
                                        for pre in PATTERNS for text in texts))
    vocabulary = learn(420)
    (HERE / "golden_vocabulary.json").write_text(json.dumps(vocabulary, indent=0) + "\n")
    write_lines("golden_encodings.jsonl", encodings(vocabulary))
    (HERE / "golden_unicode.json").write_text(json.dumps({"classes": list(classes()), "bytes": list(byte_strings())}) + "\n")


main()

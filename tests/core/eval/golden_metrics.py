"""Writes golden_metrics.jsonl and golden_lowercase.jsonl: text metrics from the packages that published scores come from.

    pip install rouge-score==0.1.2 rouge==1.0.1 sacrebleu==2.6.0
    python golden_metrics.py

SQuAD's F1 and exact match are computed here from the definitions of its official scripts: "squad_f1" as in version 1.1,
"squad_f1_v2" as in version 2.0, which differ only when a text has no words left; "squad_sub_em" from that of LLMLingua's
evaluation (best_subspan_em: the candidate's first line). Where the rouge package raises, its
score is null and "rouge_l_set_raises" says what it raised.
"""

import json
import pathlib
import random
import re
import string
import sys
from collections import Counter

import sacrebleu
from rouge import Rouge
from rouge_score import rouge_scorer

HERE = pathlib.Path(__file__).parent
sys.setrecursionlimit(100_000)  # the rouge package recurses once per word

ABSTRACT = (
    "We study prompt compression for large language models. A long prompt costs time and memory, and most of its words "
    "carry little information. Our method keeps 25.5% of the tokens, i.e. one in four, and loses only 1.2 points of F1 "
    "on SQuAD 1.1. Code is available at https://example.org/code. Further experiments show that numbers such as "
    "1,000.5 and names such as Smith-Jones are lost first."
)
ABSTRACT_BACK = (
    "We study prompt compression for large models. A long prompt costs memory and time, and many of its words carry "
    "little information. Our approach keeps 25.5% of tokens, i.e. one in four, and loses 1.3 points of F1 on SQuAD 1.1. "
    "The code is available at https://example.org/. Further experiments show that numbers such as 1,000 and names "
    "such as Smith are lost first."
)
SHUFFLED = ABSTRACT.split(" ")
random.Random(7).shuffle(SHUFFLED)


def generated(seed, n_words, n_distinct, stop_every):
    """A text of random words: long, repetitive, with many equal subsequences to choose from."""
    rng = random.Random(seed)
    words = [f"w{rng.randrange(n_distinct)}" for _ in range(n_words)]
    return " ".join(w + "." if (i + 1) % stop_every == 0 else w for i, w in enumerate(words))


PAIRS = [
    ("ordinary", "The cat sat on the mat.", "The cat lay on the mat."),
    ("ordinary long", ABSTRACT, ABSTRACT_BACK),
    ("shuffled", ABSTRACT, " ".join(SHUFFLED)),
    ("candidate cut", ABSTRACT, ABSTRACT[:150]),
    ("reference cut", ABSTRACT[:150], ABSTRACT),
    ("identical", "Nothing was lost here.", "Nothing was lost here."),
    ("identical long", ABSTRACT, ABSTRACT),
    ("identical but case", "NASA Launched The Rocket", "nasa launched the rocket"),
    ("both empty", "", ""),
    ("reference empty", "", "something"),
    ("candidate empty", "something", ""),
    ("candidate white space", "something else", " \t\n "),
    ("both white space", "  ", "\n"),
    ("only stops", "...", ". . ."),
    ("stops against words", "...", "word"),
    ("only articles", "the", "an a"),
    ("article against empty", "The!", ""),
    ("one word", "Paris", "Paris"),
    ("one word, different", "Paris", "London"),
    ("one word, punctuation", "Paris", "Paris."),
    ("two words", "New York", "York New"),
    ("three words", "one two three", "one two three"),
    ("three of four", "one two three four", "one two three"),
    ("no 4-gram", "a b c x d e f", "a b c y d e f"),
    ("only single words", "p q r s t", "t s r q p"),
    ("one common word", "alpha beta gamma", "delta beta epsilon zeta"),
    ("nothing in common", "alpha beta gamma", "delta epsilon"),
    ("punctuation", "Wait -- what?! (Really?) [yes] {no}; \"quoted\" 'single' a/b a\\b #1 @x $5 50% & co.",
     "Wait, what? Really: yes, no; quoted single a b ab # 1 @ x $ 5 50 % & co"),
    ("symbols alone", "!!! ??? ***", "??? !!! ***"),
    ("tildes and backticks", "`code` ~tilde~ |pipe| ^caret_under", "`code` tilde | pipe | ^caret _under"),
    ("numbers", "It cost 1,000.5 dollars in 1999, not 2,000.", "It cost 1,000.5 dollars in 1999 not 2000."),
    ("stops and digits", ".5 5. 5.5 a.5 5.a ,5 5, 1.2.3 a,b 3,x", "0.5 5 5.5 a .5 5 .a 5 5 , 1.2 .3 a , b 3 , x"),
    ("stops in a row", "Well... so,,, what.,.then", "Well.. so, what. then"),
    ("dashes", "1990-2000 well-known 3-fold -5 a-1 5--6", "1990 - 2000 well known 3 fold - 5 a1 5-6"),
    ("entities", "AT&amp;T &lt;b&gt; &quot;x&quot; &amp;lt; 5 & 6", "AT&T <b> \"x\" &lt; 5 & 6"),
    ("skipped", "one <skipped> two<skipped>three", "one two three <skip ped>"),
    ("hyphen at line end", "com-\npression of\nlines - \nand 5-\n6 -\n", "compression of lines - and 56"),
    ("tabs and line feeds", "a\tb\nc\r\nd\x0be\x0cf", "a b c d e f"),
    ("separators of Unicode", "a\u00a0b\u2003c\u3000d\u2028e\x85f\x1cg", "a b c d e f g"),
    ("zero width", "zero\u200bwidth joiner\u200d \ufeffmark", "zero width joiner mark"),
    ("accents", "Café Müller naïve façade Ångström", "café muller naive facade angstrom"),
    ("accents, same", "Café Müller naïve", "CAFÉ MÜLLER NAÏVE"),
    ("combining marks", "Cafe\u0301 a\u0301 the\u0300", "Caf\u00e9 \u00e1 the"),
    ("Greek", "ΟΔΟΣ Σίσυφος ΣΑΣ Σ ΑΣ' Α'Σ ΑΣ.Β ΑΣ5", "οδος σίσυφος σας σ ας' α'ς ασ.β ας5"),
    ("sigma before other cased signs", "ΑΣⅧ ΑΣª ΑΣⓐ ΑΣ½ ΑΣ\u0301Β", "ασⅷ ασª ασⓐ ας½ ας\u0301β"),
    ("Cyrillic", "Москва слезам не верит. Верит Москва!", "МОСКВА слезам верит, не верит."),
    ("Turkish", "İstanbul IĞDIR İ", "istanbul ığdır i"),
    ("Kelvin and Ångström", "273 K 10 Å ǅ ﬀ ß ẞ", "273 k 10 å ǆ ff ss ß"),
    ("Chinese", "压缩提示词。保留信息。", "压缩提示词，保留信息。"),
    ("Arabic and digits", "العدد ١٢٣ مهم", "العدد 123 مهم"),
    ("emoji", "Good 👍 job 👩‍👩‍👧 the🙂end a½ the² an五", "Good 👍 job 👩 the 🙂 end a the² an 五"),
    ("curly quotes", "“The” answer’s the—best… a–b", "the answer's the best... ab"),
    ("apostrophes", "don't can't O'Neil's the dogs'", "dont cant oneils dogs"),
    ("underscores", "snake_case_the_a __init__ the_", "snake case the a init the"),
    ("articles everywhere", "The man and a dog, an apple; the-end theatre an", "man and dog apple theend theatre"),
    ("repeated words", "the the the the cat cat", "the cat the cat the"),
    ("repeated, long", "go " * 40 + "stop", "stop " + "go " * 25),
    ("repeated sentences", "I came. I saw. I won. I came. I saw.", "I saw. I came. I saw. I won!"),
    ("union over sentences", "w1 w2 w3 w4 w5.", "w1 w2 w6 w7 w8. w1 w3 w8 w9 w5."),
    ("choice of subsequence", "a b c a b d. c a b", "b a c b a. d b a c"),
    ("choice, many", "x y x y y x z x y z z y", "y x z y x x y z x z y y x"),
    ("sentences of white space", "One. . Two.  .Three", "One.Two. Three. "),
    ("stops in numbers", "Version 2.0.1 of 3.14 is out.", "Version 2 of 3 is out. 0. 1. 14."),
    ("sentence order", "First things first. Second things second.", "Second things second. First things first."),
    ("short against long", "keys", ABSTRACT),
    ("long against short", ABSTRACT, "prompt"),
    ("long random", generated(1, 300, 40, 11), generated(2, 260, 40, 7)),
    ("long random, one sentence", generated(3, 200, 12, 1000), generated(4, 170, 12, 1000)),
    ("past one machine word", generated(5, 150, 90, 1000), generated(5, 150, 90, 1000)[40:] + " w1 w2"),
    ("few distinct words", generated(6, 180, 2, 1000), generated(7, 190, 2, 1000)),
    ("one of many subsequences", generated(8, 60, 80, 1000), generated(9, 64, 80, 1000)),
    ("one of many, longer", generated(10, 150, 200, 1000), generated(11, 140, 200, 1000)),
    ("some of many", generated(12, 120, 300, 30), generated(13, 120, 300, 25)),
    ("list", "- one\n- two\n* three\n1. four\n2) five", "- one\n- two\n- three\n- four\n- five"),
    ("markup", "<p class=\"x\">Text &amp; more</p>", "Text & more"),
    ("source code", "for (int i = 0; i < n; i++) { a[i] += b[i]; }", "for (i = 0; i < n; ++i) a[i] += b[i];"),
]

ANSWERS = [
    ("several answers", ["Denver Broncos", "The Denver Broncos", "Broncos"], "the broncos"),
    ("best is last", ["17 May 1990", "May 17", "in May 1990"], "In May, 1990!"),
    ("none fits", ["red", "green"], "blue"),
    ("one of them empty", ["the", "something"], "a"),
    ("no answer, none given", [], "an"),
    ("no answer, one given", [], "Paris"),
    ("a longer answer that holds it", ["two  days", "48 h"], "It took the two days.\nNo more."),
    ("held by the second line only", ["two days"], "No idea\ntwo days"),
    ("held inside a number", ["9"], "Nineteen, that is 19"),
]


def squad_words(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def squad_f1(gold, candidate, version):
    gold, candidate = squad_words(gold), squad_words(candidate)
    if version == 2 and not (gold and candidate):
        return float(gold == candidate)
    common = sum((Counter(gold) & Counter(candidate)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(candidate), common / len(gold)
    return 2 * precision * recall / (precision + recall)


def squad_em(gold, candidate):
    return float(squad_words(gold) == squad_words(candidate))


def squad_sub_em(gold, candidate):
    return float(" ".join(squad_words(gold)) in " ".join(squad_words(candidate.split("\n")[0])))


def rouge_l_set(reference, candidate):
    try:
        return Rouge(metrics=["rouge-l"]).get_scores(candidate, reference)[0]["rouge-l"]["f"], None
    except ValueError as error:
        return None, f"{type(error).__name__}: {error}"


def metrics_row(name, reference, candidate):
    rouge_l = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False).score(reference, candidate)["rougeL"].fmeasure
    set_score, raised = rouge_l_set(reference, candidate)
    row = {
        "name": name,
        "reference": reference,
        "candidate": candidate,
        "rouge_l": rouge_l,
        "rouge_l_set": set_score,
        "bleu": sacrebleu.sentence_bleu(candidate, [reference]).score / 100,
        "squad_em": squad_em(reference, candidate),
        "squad_sub_em": squad_sub_em(reference, candidate),
        "squad_f1": squad_f1(reference, candidate, 1),
        "squad_f1_v2": squad_f1(reference, candidate, 2),
    }
    if raised:
        row["rouge_l_set_raises"] = raised
    return row


def answers_row(name, answers, candidate):
    golds = answers or [""]  # as the script of version 2.0 does
    return {
        "name": name,
        "answers": answers,
        "candidate": candidate,
        "squad_em": max(squad_em(gold, candidate) for gold in golds),
        "squad_sub_em": max(squad_sub_em(gold, candidate) for gold in golds),
        "squad_f1_v2": max(squad_f1(gold, candidate, 2) for gold in golds),
    }


def lowercase_rows():
    """Every character that str.lower() changes, of the Unicode version of this Python."""
    changed = [chr(c) for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000 and chr(c).lower() != chr(c)]
    for begin in range(0, len(changed), 64):
        text = " ".join(changed[begin:begin + 64])
        yield {"text": text, "lower": text.lower()}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    rows = [metrics_row(*pair) for pair in PAIRS] + [answers_row(*case) for case in ANSWERS]
    write(HERE / "golden_metrics.jsonl", rows)
    write(HERE / "golden_lowercase.jsonl", lowercase_rows())

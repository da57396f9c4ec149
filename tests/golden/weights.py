#!/usr/bin/env python3
"""Writes weights.gguf: random blocks of every quantised type, and what gguf's own Python package makes of them.

For each type a tensor NAME with two rows of 1,024 numbers and a tensor NAME.floats beside it. Every bit of a block is random
but for its halves (scale and least), which are ordinary numbers. Needs numpy and gguf 0.19.
"""
import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

ROWS, NUMBERS = 2, 1024
# Byte positions of the halves in a block.
HALVES = {
    Type.Q8_0: [0], Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2],
    Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
}


def random_rows(kind, random):
    block, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (ROWS * NUMBERS // block, size), dtype=np.uint8)
    for position in HALVES[kind]:
        halves = (0.05 * random.standard_normal(len(blocks))).astype(np.float16)
        blocks[:, position:position + 2] = halves.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(ROWS, -1)


def main():
    random = np.random.default_rng(7)
    writer = gguf.GGUFWriter(pathlib.Path(__file__).with_name("weights.gguf"), "none")
    for kind in HALVES:
        rows = random_rows(kind, random)
        floats = gguf.quants.dequantize(rows, kind).astype(np.float32)
        assert floats.shape == (ROWS, NUMBERS)
        writer.add_tensor(kind.name, rows, raw_dtype=kind)
        writer.add_tensor(kind.name + ".floats", floats)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()

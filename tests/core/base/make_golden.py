#!/usr/bin/env python3
"""Prints the sums that test_tensor.c expects: conversions by numpy (half) and by the gguf package (bf16).

A sum over all i of value_i * (2 i + 1), modulo 2^64, NaN counted as 0, stands for the whole table.
"""
import gguf
import numpy as np


def weighted(values):
    values = values.astype(np.uint64)
    return int((values * (2 * np.arange(len(values), dtype=np.uint64) + 1)).sum(dtype=np.uint64))


halves = np.arange(65536, dtype=np.uint16).view(np.float16)
floats = halves.astype(np.float32)
print("float_from_half  0x%016x" % weighted(np.where(np.isnan(floats), 0, floats.view(np.uint32))))
bits = (np.arange(1 << 20, dtype=np.uint64) * 2654435761 % (1 << 32)).astype(np.uint32)
numbers = bits.view(np.float32)
with np.errstate(over="ignore", invalid="ignore"):
    half = numbers.astype(np.float16).view(np.uint16)
print("half_from_float  0x%016x" % weighted(np.where(np.isnan(numbers), 0, half)))
# The middle of the range too: exponents that a half can hold, all low bits in play.
near = ((bits >> 4) % (48 << 23) + (100 << 23) | (bits & 1) << 31).astype(np.uint32)
print("half_from_float, near  0x%016x" % weighted(near.view(np.float32).astype(np.float16).view(np.uint16)))
brain = gguf.quants.quantize(numbers.reshape(1, -1), gguf.GGMLQuantizationType.BF16).view(np.uint16).reshape(-1)
print("bf16_from_float  0x%016x" % weighted(np.where(np.isnan(numbers), 0, brain)))

#!/usr/bin/env python3
"""Writes golden/: small files made by the reference packages gguf and safetensors.

writable.gguf and writable.safetensors hold what pith can write too: its writers must reproduce them byte for byte.
readable.gguf holds every value type of the format. The tests know the contents by the formulas below.
"""
import os
import sys

import gguf
import numpy as np
import safetensors

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ramp(n, scale):
    """Exact in every type of 16 bits: small multiples of a power of two."""
    return (np.arange(n) - n // 2).astype(np.float32) * scale


def writable_gguf():
    writer = gguf.GGUFWriter(os.path.join(here, "writable.gguf"), "qwen3")
    writer.add_uint32("qwen3.block_count", 28)
    writer.add_float32("qwen3.rope.freq_base", 1e6)
    writer.add_bool("tokenizer.ggml.add_bos_token", True)
    writer.add_string("general.name", "Grüße 世界")
    writer.add_array("tokenizer.ggml.tokens", ["a", "\u0120the", "", "世界"])
    writer.add_array("tokenizer.ggml.token_type", [1, -2, 3, 2147483647])
    writer.add_tensor("token_embd.weight", ramp(12, 0.5).reshape(3, 4))
    writer.add_tensor("blk.0.half", ramp(5, 0.25).astype(np.float16))
    bf16 = gguf.GGMLQuantizationType.BF16
    writer.add_tensor("blk.0.brain", gguf.quants.quantize(ramp(6, 0.125).reshape(2, 3), bf16), raw_dtype=bf16)
    # Blocks by hand: scale 0.5, then -16..15.
    block = np.concatenate([np.array([0.5], np.float16).view(np.uint8), np.arange(-16, 16).astype(np.int8).view(np.uint8)])
    q8_0 = gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor("blk.0.attn_q.weight", np.tile(block, (2, 1)), raw_dtype=q8_0)
    finish(writer)


def readable_gguf():
    writer = gguf.GGUFWriter(os.path.join(here, "readable.gguf"), "llama")
    writer.add_custom_alignment(64)
    writer.add_uint8("u8", 200)
    writer.add_int8("i8", -100)
    writer.add_uint16("u16", 60000)
    writer.add_int16("i16", -30000)
    writer.add_uint32("u32", 4000000000)
    writer.add_int32("i32", -2000000000)
    writer.add_uint64("u64", 2**64 - 1)
    writer.add_int64("i64", -(2**62))
    writer.add_float32("f32", 0.5)
    writer.add_float64("f64", 0.1)
    writer.add_bool("yes", True)
    writer.add_bool("no", False)
    writer.add_string("string", "line\nfeed")
    writer.add_string("long", "ä" * 100)
    writer.add_array("reals", [0.5, -2.0])
    writer.add_array("truths", [True, False])
    writer.add_array("words", ["x", "yy", "zzz"])
    writer.add_array("counts", list(range(100)))
    writer.add_tensor("known", ramp(4, 1.0))
    writer.add_tensor("unknown", np.arange(4, dtype=np.int64))
    finish(writer)


def writable_safetensors():
    embedding = ramp(6, 0.5)
    rows = (ramp(8, 0.125).view(np.uint32) >> 16).astype(np.uint16)
    tensors = {
        "embedding": spec("float32", [2, 3], embedding),
        "rows": spec("bfloat16", [1, 1, 4, 2], rows),
    }
    with open(os.path.join(here, "writable.safetensors"), "wb") as out:
        out.write(safetensors.serialize(tensors, metadata={"pith.k": "Grüße \"8\""}))


def spec(dtype, shape, data):
    return safetensors.TensorSpec(dtype=dtype, shape=shape, data_ptr=data.ctypes.data, data_len=data.nbytes)


os.makedirs(here, exist_ok=True)
writable_gguf()
readable_gguf()
writable_safetensors()
sys.stdout.write("wrote %s\n" % here)

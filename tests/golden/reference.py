#!/usr/bin/env python3
"""Writes the golden files of tests/core/model/test_golden.c, from the definition of the architecture alone.

    python3 tests/golden/reference.py        (needs torch, numpy, gguf, safetensors)

Three tiny random models, in double precision throughout: one like Qwen3 (RMSNorm
on every head of q and k, RoPE on halves of a head, tied output, F32), one like
Qwen2 (biases on q, k and v in place of these norms) and one like Llama 3 (RoPE on neighbours with frequency factors, own output, Q8_0). With
each comes an encoder adapter: LoRA on the seven projections, vectors for memory
tokens, one vector added to the embeddings of the text that is encoded.

Of each: logits and losses of a sequence, and the attention that its tokens receive; logits late in a long one; K/V rows of
the memory tokens of two spans; logits and losses of a reader that sees these
rows; gradients of the reader's weighted loss through the rows.
"""
import os

import gguf
import numpy
import torch
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECTIONS = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
BOS = 1
torch.set_default_dtype(torch.float64)


class Shape:
    def __init__(self, arch, n_embd, n_heads, n_kv_heads, head_dim, n_ff, n_vocab, theta, eps):
        self.arch, self.n_layers, self.n_embd, self.n_heads, self.n_kv_heads = arch, 2, n_embd, n_heads, n_kv_heads
        self.head_dim, self.n_ff, self.n_vocab, self.theta, self.eps = head_dim, n_ff, n_vocab, theta, eps
        self.n_context = 1024
        self.qk_norm, self.qkv_bias = arch == "qwen3", arch == "qwen2"

    def of(self, projection):
        """(n_out, n_in), as torch.nn.Linear has it."""
        q, kv = self.n_heads * self.head_dim, self.n_kv_heads * self.head_dim
        return {"attn_q": (q, self.n_embd), "attn_k": (kv, self.n_embd), "attn_v": (kv, self.n_embd),
                "attn_output": (self.n_embd, q), "ffn_gate": (self.n_ff, self.n_embd), "ffn_up": (self.n_ff, self.n_embd),
                "ffn_down": (self.n_embd, self.n_ff)}[projection]


def make_weights(shape, tied, random):
    """Matrices with outputs of order one, norms around one; float32 numbers."""
    def normal(rows, columns, deviation):
        return random.normal(0, deviation, (rows, columns)).astype(numpy.float32)

    def norm(n):
        return (1 + 0.2 * random.normal(0, 1, n)).astype(numpy.float32)

    w = {"token_embd.weight": normal(shape.n_vocab, shape.n_embd, 0.7)}
    for layer in range(shape.n_layers):
        prefix = f"blk.{layer}."
        for projection in PROJECTIONS:
            n_out, n_in = shape.of(projection)
            w[prefix + projection + ".weight"] = normal(n_out, n_in, n_in ** -0.5)
        w[prefix + "attn_norm.weight"] = norm(shape.n_embd)
        w[prefix + "ffn_norm.weight"] = norm(shape.n_embd)
        if shape.qk_norm:
            w[prefix + "attn_q_norm.weight"] = norm(shape.head_dim)
            w[prefix + "attn_k_norm.weight"] = norm(shape.head_dim)
        for projection in ["attn_q", "attn_k", "attn_v"] if shape.qkv_bias else []:
            w[prefix + projection + ".bias"] = normal(1, shape.of(projection)[0], 0.5)[0]
    w["output_norm.weight"] = norm(shape.n_embd)
    if not tied:
        w["output.weight"] = normal(shape.n_vocab, shape.n_embd, shape.n_embd ** -0.5)
    return w


def make_adapter(shape, rank, n_memory, random):
    a = {"memory_embd.weight": random.normal(0, 0.7, (n_memory, shape.n_embd)),
         "encoder_embd.weight": random.normal(0, 0.4, shape.n_embd)}
    for layer in range(shape.n_layers):
        for projection in PROJECTIONS:
            n_out, n_in = shape.of(projection)
            name = f"blk.{layer}.{projection}.weight"
            a[name + ".lora_a"] = random.normal(0, n_in ** -0.5, (rank, n_in))
            a[name + ".lora_b"] = random.normal(0, 0.5, (n_out, rank))
    return {name: values.astype(numpy.float32) for name, values in a.items()}


def write_model(path, shape, weights, packed, factors):
    """Returns the weights as a reader of the file sees them."""
    writer = gguf.GGUFWriter(path, shape.arch)
    writer.add_name("golden " + shape.arch)
    writer.add_block_count(shape.n_layers)
    writer.add_context_length(shape.n_context)
    writer.add_embedding_length(shape.n_embd)
    writer.add_feed_forward_length(shape.n_ff)
    writer.add_head_count(shape.n_heads)
    writer.add_head_count_kv(shape.n_kv_heads)
    if shape.head_dim * shape.n_heads != shape.n_embd:
        writer.add_key_length(shape.head_dim)
        writer.add_value_length(shape.head_dim)
    writer.add_layer_norm_rms_eps(shape.eps)
    writer.add_rope_freq_base(shape.theta)
    seen = {}
    for name, values in weights.items():
        if packed and values.ndim == 2:
            blocks = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
            seen[name] = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, values)
            seen[name] = values
    if factors is not None:
        writer.add_tensor("rope_freqs.weight", factors.astype(numpy.float32))
    finish(writer)
    return seen


def write_adapter(path, shape, adapter, rank, alpha, n_memory):
    writer = gguf.GGUFWriter(path, shape.arch)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    writer.add_string("pith.purpose", "regenerate")
    writer.add_uint32("pith.lora_rank", rank)
    writer.add_uint32("pith.memory_tokens", n_memory)
    writer.add_uint32("pith.span_tokens", 512)
    writer.add_string("pith.base_fingerprint", "0" * 32)
    writer.add_string("pith.tokenizer_fingerprint", "0" * 32)
    for name, values in adapter.items():
        writer.add_tensor(name, values)
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Model:
    def __init__(self, shape, weights, adapter, lora_scale, factors):
        self.shape, self.lora_scale = shape, lora_scale
        self.received = None  # (n, n), queries by keys: a sum over heads and layers, when it is wanted
        self.w = {name: torch.tensor(v, dtype=torch.float64, requires_grad=True) for name, v in weights.items()}
        self.a = {name: torch.tensor(v, dtype=torch.float64, requires_grad=True) for name, v in adapter.items()}
        inverse = shape.theta ** (-torch.arange(0, shape.head_dim, 2) / shape.head_dim)
        self.frequencies = inverse if factors is None else inverse / torch.tensor(factors)

    def norm(self, x, name):
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.shape.eps) * self.w[name]

    def linear(self, x, name, adapted):
        y = x @ self.w[name].T
        if adapted:
            y = y + self.lora_scale * (x @ self.a[name + ".lora_a"].T) @ self.a[name + ".lora_b"].T
        bias = self.w.get(name.replace(".weight", ".bias"))
        return y if bias is None else y + bias

    def rotate(self, x, positions):
        """x (n, heads, head_dim), every pair as a complex number turned by its angle."""
        turn = torch.polar(torch.ones(len(positions), 1, len(self.frequencies)),
                           (positions[:, None] * self.frequencies)[:, None, :])
        if self.shape.arch != "llama":
            first, second = x.chunk(2, dim=-1)
            turned = torch.complex(first, second) * turn
            return torch.cat([turned.real, turned.imag], dim=-1)
        turned = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous()) * turn
        return torch.view_as_real(turned).reshape(x.shape)

    def layer(self, number, x, positions, past, adapted):
        """Returns x and this layer's keys and values of the tokens; past: keys, values before them or None."""
        s, prefix, n = self.shape, f"blk.{number}.", len(positions)
        h = self.norm(x, prefix + "attn_norm.weight")
        q = self.linear(h, prefix + "attn_q.weight", adapted).reshape(n, s.n_heads, s.head_dim)
        k = self.linear(h, prefix + "attn_k.weight", adapted).reshape(n, s.n_kv_heads, s.head_dim)
        v = self.linear(h, prefix + "attn_v.weight", adapted).reshape(n, s.n_kv_heads, s.head_dim)
        if s.qk_norm:
            q, k = self.norm(q, prefix + "attn_q_norm.weight"), self.norm(k, prefix + "attn_k_norm.weight")
        q, k = self.rotate(q, positions), self.rotate(k, positions)
        keys, values = (k, v) if past is None else (torch.cat([past[0], k]), torch.cat([past[1], v]))
        visible = torch.ones(n, len(keys), dtype=torch.bool).tril(len(keys) - n)
        attended = torch.nn.functional.scaled_dot_product_attention(
            q.transpose(0, 1), keys.transpose(0, 1).repeat_interleave(s.n_heads // s.n_kv_heads, 0),
            values.transpose(0, 1).repeat_interleave(s.n_heads // s.n_kv_heads, 0), attn_mask=visible)
        if self.received is not None:
            scores = q.transpose(0, 1) @ keys.transpose(0, 1).repeat_interleave(s.n_heads // s.n_kv_heads, 0).transpose(1, 2)
            scores = (scores / s.head_dim ** 0.5).masked_fill(~visible, -torch.inf)
            self.received = self.received + scores.softmax(-1).sum(0)
        x = x + self.linear(attended.transpose(0, 1).reshape(n, -1), prefix + "attn_output.weight", adapted)
        h = self.norm(x, prefix + "ffn_norm.weight")
        gated = torch.nn.functional.silu(self.linear(h, prefix + "ffn_gate.weight", adapted))
        gated = gated * self.linear(h, prefix + "ffn_up.weight", adapted)
        return x + self.linear(gated, prefix + "ffn_down.weight", adapted), k, v

    def read(self, ids, first_position, past=None):
        """Logits (n, n_vocab) of the frozen base."""
        positions = torch.arange(first_position, first_position + len(ids))
        x = self.w["token_embd.weight"][torch.tensor(ids)]
        for number in range(self.shape.n_layers):
            x, _, _ = self.layer(number, x, positions, None if past is None else past[number], False)
        output = self.w.get("output.weight", self.w["token_embd.weight"])
        return self.norm(x, "output_norm.weight") @ output.T

    def encode(self, ids, k):
        """[(keys, values)] per layer of the first k memory tokens behind ids (BOS first)."""
        n_memory = len(self.a["memory_embd.weight"])
        positions = torch.cat([torch.arange(len(ids)) + n_memory + 1, torch.arange(k) + 1])
        text = self.w["token_embd.weight"][torch.tensor(ids)] + self.a["encoder_embd.weight"]
        x = torch.cat([text, self.a["memory_embd.weight"][:k]])
        rows = []
        for number in range(self.shape.n_layers):
            x, keys, values = self.layer(number, x, positions, None, True)
            rows.append((keys[-k:], values[-k:]))
        return rows


def long_ids(n, n_vocab):
    """What test_golden.c makes too."""
    return [(7 * i * i + 3 * i + 1) % n_vocab for i in range(n)]


def measure(model, random, n_memory, base_gradients):
    """All golden tensors of a model, by name."""
    def draw(n):
        return [BOS] + random.integers(2, n_vocab, n).tolist()

    n_vocab, out = model.shape.n_vocab, {}
    ids = draw(12)
    model.received = torch.zeros(len(ids), len(ids))
    logits = model.read(ids, 0)
    out["plain.own"], out["plain.later"] = model.received.diagonal(), model.received.tril(-1).sum(0)
    model.received = None
    out["plain.ids"], out["plain.logits"] = ids, logits
    out["plain.losses"] = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")
    out["long.logits"] = model.read(long_ids(600, n_vocab), 0)[[511, 512, 599]]

    spans, ks = [draw(8), draw(5)], [3, 2]
    encoded = [model.encode(span, k) for span, k in zip(spans, ks)]
    past = [(torch.cat([e[layer][0] for e in encoded]), torch.cat([e[layer][1] for e in encoded]))
            for layer in range(model.shape.n_layers)]
    out["span0.ids"], out["span1.ids"], out["ks"] = spans[0], spans[1], ks
    out["rows.keys"] = torch.stack([p[0].reshape(sum(ks), -1) for p in past])
    out["rows.values"] = torch.stack([p[1].reshape(sum(ks), -1) for p in past])

    ids = draw(9)
    targets = ids[1:] + [0]
    targets[3] = -1
    weights = random.uniform(0.01, 0.2, len(ids)).astype(numpy.float32)
    logits = model.read(ids, n_memory + 1, past)
    losses = torch.nn.functional.cross_entropy(logits, torch.tensor(targets), ignore_index=-1, reduction="none")
    loss = (losses * torch.tensor(weights, dtype=torch.float64)).sum()
    loss.backward()
    out["reader.ids"], out["reader.targets"], out["reader.weights"] = ids, targets, weights
    out["reader.logits"], out["reader.losses"], out["reader.loss"] = logits, losses, loss.reshape(1)
    for name, value in model.a.items():
        if value.grad is not None:  # an encoder's last layer gives keys and values only
            out["gradient." + name] = value.grad
    for name in base_gradients:
        out["gradient." + name] = model.w[name].grad
    return {name: numpy.asarray(v.detach() if torch.is_tensor(v) else v).astype(numpy.float32) for name, v in out.items()}


def write_case(name, shape, tied, packed, factors, base_gradients, seed):
    random = numpy.random.default_rng(seed)
    rank, alpha, n_memory = 3, 4.5, 5
    weights = write_model(f"{HERE}/{name}.gguf", shape, make_weights(shape, tied, random), packed, factors)
    adapter = make_adapter(shape, rank, n_memory, random)
    write_adapter(f"{HERE}/{name}-adapter.gguf", shape, adapter, rank, alpha, n_memory)
    model = Model(shape, weights, adapter, alpha / rank, factors)
    save_file(measure(model, random, n_memory, base_gradients), f"{HERE}/{name}.safetensors")


def main():
    write_case("qwen3", Shape("qwen3", 24, 4, 2, 8, 40, 61, 10000.0, 1e-6), True, False, None,
               ["token_embd.weight", "output_norm.weight", "blk.0.attn_q.weight", "blk.0.attn_k.weight",
                "blk.1.attn_v.weight", "blk.0.attn_q_norm.weight", "blk.0.attn_k_norm.weight", "blk.1.attn_k_norm.weight",
                "blk.0.attn_norm.weight", "blk.1.ffn_norm.weight", "blk.0.attn_output.weight", "blk.0.ffn_gate.weight",
                "blk.1.ffn_up.weight", "blk.1.ffn_down.weight"], 1)
    write_case("qwen2", Shape("qwen2", 24, 4, 2, 6, 40, 61, 1000000.0, 1e-6), True, False, None,
               ["token_embd.weight", "output_norm.weight", "blk.0.attn_q.weight", "blk.0.attn_q.bias", "blk.0.attn_k.bias",
                "blk.0.attn_v.bias", "blk.1.attn_q.bias", "blk.1.attn_k.bias", "blk.1.attn_v.bias", "blk.1.ffn_down.weight"], 3)
    write_case("llama", Shape("llama", 64, 4, 1, 16, 96, 61, 500.0, 1e-5), False, True,
               numpy.array([1, 1, 1.5, 2, 3.25, 4, 8, 8]), [], 2)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The other side of bench/train.c: the same model, batches and settings in PyTorch on the CPU.

    train_pytorch.py choose MODEL.gguf BATCHES THREADS
    train_pytorch.py run MODEL.gguf BATCHES STEPS "SETTING"

choose tries up to THREADS threads, the whole step at once or by micro-batches, eager and compiled, and prints the
fastest setting in the words that run wants. run prints what bench_train run prints. Needs torch, numpy, gguf.

PyTorch gets its best chance: bf16 autocast (AMX or AVX512_BF16 through oneDNN), fused scaled dot product attention, fused AdamW,
q, k, v and gate, up each in one product, sequences of one length, subnormals flushed. The weights stay F32, as pith's.
"""
import resource
import signal
import statistics
import sys
import time

import gguf
import numpy
import torch
import torch.nn.functional as F

MAGIC = 0x48425450
WARM_UP = 3
TRIED_STEPS = 6
COMPILE_SECONDS = 180  # of the first time; later runs find the code in PyTorch's cache


class Batches:
    """The layout of bench/train_batches.h."""

    def __init__(self, path):
        header = numpy.fromfile(path, dtype="<i4", count=5)
        if header[0] != MAGIC:
            sys.exit(f"{path} is no file of batches.")
        self.n_steps, self.n_micro, self.n_sequences, self.n_tokens = (int(n) for n in header[1:])
        rates = numpy.fromfile(path, dtype="<f4", count=4, offset=20)
        self.learning_rate, self.beta1, self.beta2, self.weight_decay = (float(rate) for rate in rates)
        ids = numpy.fromfile(path, dtype="<i4", offset=36).astype(numpy.int64)
        self.ids = torch.from_numpy(ids.reshape(self.n_steps, self.n_micro * self.n_sequences, self.n_tokens + 1))


class Layer(torch.nn.Module):
    """A layer of the Qwen3 kind: RMSNorm, also on every head of q and k; RoPE on halves of a head; SwiGLU."""

    def __init__(self, shape, tensors, prefix):
        super().__init__()
        self.shape = shape

        def joined(*names):
            return torch.nn.Parameter(torch.cat([tensors[prefix + name + ".weight"] for name in names]))

        self.qkv, self.output = joined("attn_q", "attn_k", "attn_v"), joined("attn_output")
        self.gate_up, self.down = joined("ffn_gate", "ffn_up"), joined("ffn_down")
        self.attn_norm, self.ffn_norm = joined("attn_norm"), joined("ffn_norm")
        self.q_norm, self.k_norm = joined("attn_q_norm"), joined("attn_k_norm")

    def forward(self, x, cosines, sines):
        s = self.shape
        n, length, _ = x.shape
        qkv = F.linear(F.rms_norm(x, (s.n_embd,), self.attn_norm, s.eps), self.qkv)
        q, k, v = qkv.split([s.n_heads * s.head_dim, s.n_kv_heads * s.head_dim, s.n_kv_heads * s.head_dim], dim=-1)
        q = self.positioned(q.view(n, length, s.n_heads, s.head_dim), self.q_norm, cosines, sines)
        k = self.positioned(k.view(n, length, s.n_kv_heads, s.head_dim), self.k_norm, cosines, sines)
        v = v.view(n, length, s.n_kv_heads, s.head_dim)
        mixed = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True,
                                               enable_gqa=s.n_kv_heads != s.n_heads)
        x = x + F.linear(mixed.transpose(1, 2).reshape(n, length, s.n_heads * s.head_dim), self.output)
        gate, up = F.linear(F.rms_norm(x, (s.n_embd,), self.ffn_norm, s.eps), self.gate_up).chunk(2, dim=-1)
        return x + F.linear(F.silu(gate) * up, self.down)

    def positioned(self, x, weight, cosines, sines):
        """RMSNorm of every head, then RoPE, both in F32."""
        x = F.rms_norm(x.float(), (self.shape.head_dim,), weight, self.shape.eps)
        first, second = x.chunk(2, dim=-1)
        return torch.cat([first * cosines - second * sines, second * cosines + first * sines], dim=-1)


class Shape:
    def __init__(self, path, reader):
        def number(name, default=None):
            field = reader.get_field("qwen3." + name)
            return default if field is None else field.contents()

        if reader.get_field("general.architecture").contents() != "qwen3":
            sys.exit(f"{path} is no model of the architecture qwen3, the only one of this measurement.")
        self.n_layers, self.n_embd = number("block_count"), number("embedding_length")
        self.n_heads = number("attention.head_count")
        self.n_kv_heads = number("attention.head_count_kv", self.n_heads)
        self.head_dim = number("attention.key_length", self.n_embd // self.n_heads)
        self.eps, self.theta = number("attention.layer_norm_rms_epsilon"), number("rope.freq_base", 10000.0)


class Model(torch.nn.Module):
    def __init__(self, path, n_tokens):
        super().__init__()
        reader = gguf.GGUFReader(path)
        self.shape = Shape(path, reader)
        tensors = {t.name: torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type).astype(numpy.float32))
                   for t in reader.tensors}
        if "output.weight" in tensors:
            sys.exit(f"{path} has an output table of its own; this measurement is of tied ones.")
        self.embedding = torch.nn.Parameter(tensors["token_embd.weight"].clone())
        self.layers = torch.nn.ModuleList(Layer(self.shape, tensors, f"blk.{i}.") for i in range(self.shape.n_layers))
        self.norm = torch.nn.Parameter(tensors["output_norm.weight"].clone())
        exponents = torch.arange(0, self.shape.head_dim, 2, dtype=torch.float64) / self.shape.head_dim
        angles = torch.arange(n_tokens, dtype=torch.float64)[:, None, None] * self.shape.theta ** -exponents
        self.cosines, self.sines = angles.cos().float(), angles.sin().float()

    def forward(self, ids):
        """The mean loss of ids (sequences, n_tokens + 1)."""
        x = F.embedding(ids[:, :-1], self.embedding)
        for layer in self.layers:
            x = layer(x, self.cosines, self.sines)
        logits = F.linear(F.rms_norm(x, (self.shape.n_embd,), self.norm, self.shape.eps), self.embedding)
        return F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())


class Setting:
    """How the same step is computed: "2 whole compiled bf16"."""

    def __init__(self, words):
        threads, self.pieces, self.mode, self.precision = words.split()
        self.threads, self.words = int(threads), words


class Trainer:
    def __init__(self, path, batches, setting):
        torch.set_num_threads(setting.threads)
        torch.set_flush_denormal(True)
        self.batches, self.setting = batches, setting
        self.model = Model(path, batches.n_tokens)
        self.loss = torch.compile(self.model) if setting.mode == "compiled" else self.model
        matrices = [p for p in self.model.parameters() if p.ndim == 2]
        vectors = [p for p in self.model.parameters() if p.ndim != 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": batches.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=batches.learning_rate, betas=(batches.beta1, batches.beta2), eps=1e-8, fused=True)

    def step(self, number):
        """Loss and seconds."""
        start = time.monotonic()
        ids = self.batches.ids[number]
        n_pieces = 1 if self.setting.pieces == "whole" else self.batches.n_micro
        total = 0.0
        for piece in ids.chunk(n_pieces):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.setting.precision == "bf16"):
                loss = self.loss(piece) / n_pieces
            loss.backward()
            total += loss.item()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total, time.monotonic() - start


def out_of_time(_signal, _frame):
    raise TimeoutError(f"compiling took more than {COMPILE_SECONDS} s")


def seconds_of(path, batches, setting):
    trainer = Trainer(path, batches, setting)
    if setting.mode == "compiled":
        signal.signal(signal.SIGALRM, out_of_time)
        signal.alarm(COMPILE_SECONDS)
    try:
        trainer.step(0)
    finally:
        signal.alarm(0)
    times = [trainer.step(min(i, batches.n_steps - 1))[1] for i in range(1, TRIED_STEPS)]
    return statistics.median(times)


def choose(path, batches, most_threads):
    """Eager ones first; compiling is tried with the best of their thread counts, and given up when it fails once."""
    rates = {}

    def try_out(words):
        seconds = seconds_of(path, batches, Setting(words))
        rates[words] = batches.ids.shape[1] * batches.n_tokens / seconds
        print(f"{words}: {rates[words]:.0f} tokens/s", file=sys.stderr)

    for threads in sorted({1, most_threads}):
        for pieces in ("whole", "pieces"):
            try_out(f"{threads} {pieces} eager bf16")
    threads = max(rates, key=rates.get).split()[0]
    try:
        for pieces in ("whole", "pieces"):
            try_out(f"{threads} {pieces} compiled bf16")
    except Exception as problem:  # torch.compile fails in many ways, none of which concerns eager mode
        print(f"compiled: {(str(problem) or repr(problem)).splitlines()[0]}", file=sys.stderr)
    print(max(rates, key=rates.get))


def run(path, batches, n_steps, setting):
    trainer = Trainer(path, batches, setting)
    times = []
    for i in range(n_steps):
        loss, seconds = trainer.step(i)
        times.append(seconds)
        print(f"step {i + 1} {loss:.6f} {seconds:.6f}", flush=True)
    rate = batches.ids.shape[1] * batches.n_tokens / statistics.median(times[WARM_UP:] or times)
    print(f"tokens_per_second {rate:.1f}")
    print(f"peak_memory_mib {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f}")


def main():
    arguments = sys.argv[1:]
    if len(arguments) == 4 and arguments[0] == "choose":
        choose(arguments[1], Batches(arguments[2]), int(arguments[3]))
    elif len(arguments) == 5 and arguments[0] == "run":
        run(arguments[1], Batches(arguments[2]), int(arguments[3]), Setting(arguments[4]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()

#include "recipe_keys.h"

#include <limits.h>

#include "pith/train.h"

#define IN_RECIPE(field) offsetof(struct pith_recipe, field)
#define IN_TASK(field) offsetof(struct pith_task, field)
#define IN_TOKENIZER(field) offsetof(struct pith_tokenizer_recipe, field)
#define IN_KEEP(field) offsetof(struct pith_keep_recipe, field)
#define IN_SOURCE(field) offsetof(struct pith_keep_source, field)
#define IN_GRPO(field) offsetof(struct pith_grpo_recipe, field)

static const struct key recipe_rows[] = {
	{"base", KEY_PATH, IN_RECIPE(base_path), 0, 0},
	{"tokenizer", KEY_PATH, IN_RECIPE(tokenizer_path), 0, 0},
	{"name", KEY_TEXT, IN_RECIPE(model_name), 0, 0},
	{"n_layers", KEY_INTEGER, IN_RECIPE(n_layers), 1, 1000},
	{"n_embd", KEY_INTEGER, IN_RECIPE(n_embd), 1, 65536},
	{"n_heads", KEY_INTEGER, IN_RECIPE(n_heads), 1, 1024},
	{"n_kv_heads", KEY_INTEGER, IN_RECIPE(n_kv_heads), 1, 1024},
	{"head_dim", KEY_INTEGER, IN_RECIPE(head_dim), 1, 4096},
	{"n_ff", KEY_INTEGER, IN_RECIPE(n_ff), 1, 1 << 20},
	{"n_context", KEY_INTEGER, IN_RECIPE(n_context), 1, 1 << 24},
	{"rope_theta", KEY_NUMBER, IN_RECIPE(rope_theta), 1, 1e12},
	{"memory", KEY_MEMORY, IN_RECIPE(memory), 0, 0},
	{"memory_slots", KEY_BOOL, IN_RECIPE(memory_slots), 0, 0},
	{"adapter_regenerate", KEY_PATH, IN_RECIPE(adapter_path[PITH_REGENERATE]), 0, 0},
	{"adapter_answer", KEY_PATH, IN_RECIPE(adapter_path[PITH_ANSWER]), 0, 0},
	{"adapter_read", KEY_PATH, IN_RECIPE(adapter_path[PITH_READ]), 0, 0},
	{"adapter_rewrite", KEY_PATH, IN_RECIPE(adapter_path[PITH_REWRITE]), 0, 0},
	{"span_tokens", KEY_INTEGER, IN_RECIPE(span_tokens), 1, 1 << 24},
	{"held_tokens", KEY_INTEGER, IN_RECIPE(held_tokens), 0, 1 << 16},
	{"lora_rank", KEY_INTEGER, IN_RECIPE(lora_rank), 0, 4096},
	{"reader", KEY_BOOL, IN_RECIPE(reader), 0, 0},
	{"lora_alpha", KEY_NUMBER, IN_RECIPE(lora_alpha), 0, 1e6},
	{"max_memory_tokens", KEY_INTEGER, IN_RECIPE(max_memory_tokens), 1, 65536},
	{"k_ratio_max_start", KEY_NUMBER, IN_RECIPE(k_ratio_max_start), 0, 1},
	{"k_ratio_min_start", KEY_NUMBER, IN_RECIPE(k_ratio_min_start), 0, 1},
	{"k_ratio_max", KEY_NUMBER, IN_RECIPE(k_ratio_max), 0, 1},
	{"k_ratio_min", KEY_NUMBER, IN_RECIPE(k_ratio_min), 0, 1},
	{"cloze_noise", KEY_NUMBER, IN_RECIPE(cloze_noise), 0, 1},
	{"question_noise", KEY_NUMBER, IN_RECIPE(question_noise), 0, 1},
	{"distillation", KEY_NUMBER, IN_RECIPE(distillation), 0, 1},
	{"evidence_tokens", KEY_INTEGER, IN_RECIPE(evidence_tokens), 0, 1 << 24},
	{"renamed", KEY_NUMBER, IN_RECIPE(renamed), 0, 1},
	{"dropout", KEY_NUMBER, IN_RECIPE(dropout), 0, 0.9},
	{"reader_noise", KEY_NUMBER, IN_RECIPE(reader_noise), 0, 1},
	{"opening_tokens", KEY_INTEGER, IN_RECIPE(opening_tokens), 0, 1 << 16},
	{"opening_weight", KEY_NUMBER, IN_RECIPE(opening_weight), 0, 1000},
	{"skip_malformed", KEY_BOOL, IN_RECIPE(skip_malformed), 0, 0},
	{"batch_tokens", KEY_INTEGER, IN_RECIPE(batch_tokens), 1, 1 << 24},
	{"n_accumulate", KEY_INTEGER, IN_RECIPE(n_accumulate), 1, 1 << 16},
	{"n_steps", KEY_INTEGER, IN_RECIPE(n_steps), 1, INT_MAX},
	{"warmup_steps", KEY_INTEGER, IN_RECIPE(warmup_steps), 0, INT_MAX},
	{"decay_steps", KEY_INTEGER, IN_RECIPE(decay_steps), 0, INT_MAX},
	{"learning_rate", KEY_NUMBER, IN_RECIPE(learning_rate), 0, 10},
	{"min_learning_rate", KEY_NUMBER, IN_RECIPE(min_learning_rate), 0, 10},
	{"muon_learning_rate", KEY_NUMBER, IN_RECIPE(muon_learning_rate), 0, 100},
	{"beta1", KEY_NUMBER, IN_RECIPE(beta1), 0, 0.99999},
	{"beta2", KEY_NUMBER, IN_RECIPE(beta2), 0, 0.99999},
	{"weight_decay", KEY_NUMBER, IN_RECIPE(weight_decay), 0, 10},
	{"clip_norm", KEY_NUMBER, IN_RECIPE(clip_norm), 0, 1e6},
	{"length_start", KEY_INTEGER, IN_RECIPE(length_start), 1, 1 << 24},
	{"curriculum_loss", KEY_NUMBER, IN_RECIPE(curriculum_loss), 0, 100},
	{"curriculum_steps", KEY_INTEGER, IN_RECIPE(curriculum_steps), 0, INT_MAX},
	{"eval", KEY_PATH, IN_RECIPE(eval_path), 0, 0},
	{"eval_answer", KEY_PATH, IN_RECIPE(eval_answer_path), 0, 0},
	{"eval_steps", KEY_INTEGER, IN_RECIPE(eval_steps), 1, INT_MAX},
	{"eval_limit", KEY_INTEGER, IN_RECIPE(eval_limit), 1, INT_MAX},
	{"eval_k_ratio", KEY_NUMBER, IN_RECIPE(eval_k_ratio), 0, 1},
	{"checkpoint", KEY_PATH, IN_RECIPE(checkpoint_path), 0, 0},
	{"checkpoint_steps", KEY_INTEGER, IN_RECIPE(checkpoint_steps), 1, INT_MAX},
	{"output", KEY_PATH, IN_RECIPE(output_path), 0, 0},
	{"output_type", KEY_TEXT, IN_RECIPE(output_type), 0, 0},
	{"adapter_type", KEY_TEXT, IN_RECIPE(adapter_type), 0, 0},
	{"bf16", KEY_BOOL, IN_RECIPE(bf16), 0, 0},
	{"output_adapter_regenerate", KEY_PATH, IN_RECIPE(output_adapter_path[PITH_REGENERATE]), 0, 0},
	{"output_adapter_answer", KEY_PATH, IN_RECIPE(output_adapter_path[PITH_ANSWER]), 0, 0},
	{"log", KEY_PATH, IN_RECIPE(log_path), 0, 0},
	{"report_steps", KEY_INTEGER, IN_RECIPE(report_steps), 1, INT_MAX},
	{"seed", KEY_SEED, IN_RECIPE(seed), 0, 0},
	{"threads", KEY_INTEGER, IN_RECIPE(n_threads), 0, 1024},
};

static const struct key task_rows[] = {
	{"objective", KEY_OBJECTIVE, IN_TASK(objective), 0, 0},
	{"path", KEY_PATH, IN_TASK(path), 0, 0},
	{"weight", KEY_NUMBER, IN_TASK(weight), 1e-9, 1e9},
	{"loss_weight", KEY_NUMBER, IN_TASK(loss_weight), 1e-9, 1e9},
	{"skip_document", KEY_BOOL, IN_TASK(skip_document), 0, 0},
	{"max_tokens", KEY_INTEGER, IN_TASK(max_tokens), 1, 1 << 24},
	{"k_ratio_min", KEY_NUMBER, IN_TASK(k_ratio_min), 0, 1},
	{"k_ratio_max", KEY_NUMBER, IN_TASK(k_ratio_max), 0, 1},
};

static const struct key tokenizer_rows[] = {
	{"max_bytes_per_path", KEY_SIZE, IN_TOKENIZER(max_bytes_per_path), 0, 1e15},
	{"n_vocab", KEY_INTEGER, IN_TOKENIZER(n_vocab), 256, 1 << 24},
	{"pre", KEY_TEXT, IN_TOKENIZER(pre), 0, 0},
	{"output", KEY_PATH, IN_TOKENIZER(output_path), 0, 0},
};

static const struct key keep_rows[] = {
	{"base", KEY_PATH, IN_KEEP(base_path), 0, 0},
	{"window_tokens", KEY_INTEGER, IN_KEEP(window_tokens), 1, 1 << 24},
	{"depth", KEY_INTEGER, IN_KEEP(depth), 0, 1000},
	{"n_hidden", KEY_INTEGER, IN_KEEP(n_hidden), 1, 65536},
	{"least_hit_rate", KEY_NUMBER, IN_KEEP(least_hit_rate), 0, 1},
	{"surprise_share", KEY_NUMBER, IN_KEEP(surprise_share), 0, 0.49},
	{"held_out", KEY_NUMBER, IN_KEEP(held_out), 0, 0.9},
	{"n_epochs", KEY_INTEGER, IN_KEEP(n_epochs), 1, 100000},
	{"batch_tokens", KEY_INTEGER, IN_KEEP(batch_tokens), 1, 1 << 24},
	{"learning_rate", KEY_NUMBER, IN_KEEP(learning_rate), 0, 10},
	{"weight_decay", KEY_NUMBER, IN_KEEP(weight_decay), 0, 10},
	{"output", KEY_PATH, IN_KEEP(output_path), 0, 0},
	{"log", KEY_PATH, IN_KEEP(log_path), 0, 0},
	{"seed", KEY_SEED, IN_KEEP(seed), 0, 0},
	{"threads", KEY_INTEGER, IN_KEEP(n_threads), 0, 1024},
};

static const struct key source_rows[] = {
	{"path", KEY_PATH, IN_SOURCE(path), 0, 0},
	{"limit", KEY_INTEGER, IN_SOURCE(limit), 0, INT_MAX},
	{"weight", KEY_NUMBER, IN_SOURCE(weight), 1e-9, 1e9},
};

static const struct key grpo_rows[] = {
	{"base", KEY_PATH, IN_GRPO(base_path), 0, 0},
	{"adapter", KEY_PATH, IN_GRPO(adapter_path), 0, 0},
	{"data", KEY_PATH, IN_GRPO(data_path), 0, 0},
	{"keep_words", KEY_BOOL, IN_GRPO(keep_words), 0, 0},
	{"max_tokens", KEY_INTEGER, IN_GRPO(max_tokens), 16, 1 << 24},
	{"rate_min", KEY_NUMBER, IN_GRPO(rate_min), 1e-6, 1},
	{"rate_max", KEY_NUMBER, IN_GRPO(rate_max), 1e-6, 1},
	{"n_inputs", KEY_INTEGER, IN_GRPO(n_inputs), 1, 1 << 16},
	{"n_rollouts", KEY_INTEGER, IN_GRPO(n_rollouts), 2, 1 << 12},
	{"n_steps", KEY_INTEGER, IN_GRPO(n_steps), 1, INT_MAX},
	{"temperature", KEY_NUMBER, IN_GRPO(temperature), 1e-3, 100},
	{"kl", KEY_NUMBER, IN_GRPO(kl), 0, 1000},
	{"length_reward", KEY_BOOL, IN_GRPO(length_reward), 0, 0},
	{"quality_reward", KEY_BOOL, IN_GRPO(quality_reward), 0, 0},
	{"two_sided", KEY_BOOL, IN_GRPO(two_sided), 0, 0},
	{"learning_rate", KEY_NUMBER, IN_GRPO(learning_rate), 0, 10},
	{"clip_norm", KEY_NUMBER, IN_GRPO(clip_norm), 0, 1e6},
	{"output", KEY_PATH, IN_GRPO(output_path), 0, 0},
	{"adapter_type", KEY_TEXT, IN_GRPO(adapter_type), 0, 0},
	{"log", KEY_PATH, IN_GRPO(log_path), 0, 0},
	{"save_steps", KEY_INTEGER, IN_GRPO(save_steps), 1, INT_MAX},
	{"bf16", KEY_BOOL, IN_GRPO(bf16), 0, 0},
	{"seed", KEY_SEED, IN_GRPO(seed), 0, 0},
	{"threads", KEY_INTEGER, IN_GRPO(n_threads), 0, 1024},
};

const struct key_table recipe_keys = {recipe_rows, sizeof recipe_rows / sizeof *recipe_rows};
const struct key_table task_keys = {task_rows, sizeof task_rows / sizeof *task_rows};
const struct key_table tokenizer_keys = {tokenizer_rows, sizeof tokenizer_rows / sizeof *tokenizer_rows};
const struct key_table keep_keys = {keep_rows, sizeof keep_rows / sizeof *keep_rows};
const struct key_table source_keys = {source_rows, sizeof source_rows / sizeof *source_rows};
const struct key_table grpo_keys = {grpo_rows, sizeof grpo_rows / sizeof *grpo_rows};
_Static_assert(sizeof recipe_rows / sizeof *recipe_rows <= MOST_KEYS, "no table is longer than its longest");

/* A random adapter without memory tokens, for rewriting or reading, for models of small_model.h. */
#ifndef TESTS_SUPPORT_LORA_ADAPTER_H
#define TESTS_SUPPORT_LORA_ADAPTER_H

#include "support/small_model.h"

/* For the model at model_path; deviation 0: LoRA that changes nothing. */
static inline void lora_adapter(const char *path, const char *model_path, enum pith_purpose purpose, double deviation)
{
	struct pith_error err;
	struct pith_model *model = small_open(model_path);
	struct adapter *adapter;
	struct random_state random;
	random_seed(&random, 9);
	const struct hyperparams *h = &model->transformer.h;
	must(adapter_create(&adapter, h, purpose, 4, 8, 0, &random, &err), &err);
	for (size_t i = 0; i < adapter->n_values; i++)
		adapter->values[i] += (float)(deviation * random_normal(&random));
	adapter->span_tokens = SMALL_SPAN;
	strcpy(adapter->base_fingerprint, model_fingerprint(model));
	strcpy(adapter->tokenizer_fingerprint, tokenizer_fingerprint(model->tokenizer));
	must(adapter_save(adapter, h, TENSOR_F32, path, &err), &err);
	adapter_destroy(adapter);
	pith_model_close(model);
}

#endif

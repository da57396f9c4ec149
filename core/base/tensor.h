/*
 * What a tensor in a file is: type, shape, bytes. No operations.
 * Type numbers are those of GGUF; ne[0] is the fastest dimension.
 */
#ifndef BASE_TENSOR_H
#define BASE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tensor_type {
	TENSOR_F32 = 0,
	TENSOR_F16 = 1,
	TENSOR_Q4_0 = 2,
	TENSOR_Q4_1 = 3,
	TENSOR_Q5_0 = 6,
	TENSOR_Q5_1 = 7,
	TENSOR_Q8_0 = 8,
	TENSOR_Q2_K = 10,
	TENSOR_Q3_K = 11,
	TENSOR_Q4_K = 12,
	TENSOR_Q5_K = 13,
	TENSOR_Q6_K = 14,
	TENSOR_BF16 = 30,
	TENSOR_N_NUMBERS, /* one more than the largest: for tables by type */
};

enum { TENSOR_MAX_DIMS = 4 };

/* A borrowed view, usually into a mapped file. */
struct tensor {
	const char *name;
	enum tensor_type type;
	int n_dims;
	size_t ne[TENSOR_MAX_DIMS]; /* unused dimensions are 1 */
	const void *data;           /* NULL: no such tensor */
	size_t size;                /* bytes of data */
};

/* "F32", "Q8_0"; NULL for a number that this build cannot read. */
const char *tensor_type_name(uint32_t type);
/* All of them: "F32, F16, ..."; cut short where they do not fit. */
void tensor_type_names(char *names, size_t size);
/* Bytes of a row of n numbers; false when n does not fit the type's blocks or the size overflows. */
bool tensor_row_size(enum tensor_type type, size_t n, size_t *size);
/* Elements of the tensor. */
size_t tensor_n_elements(const struct tensor *tensor);

/* Conversions of single numbers, round to nearest even. */
float float_from_half(uint16_t half);
uint16_t half_from_float(float value);
float float_from_bf16(uint16_t value);
uint16_t bf16_from_float(float value);

#endif

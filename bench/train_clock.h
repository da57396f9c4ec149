/*
 * Where the time of a training step goes. The linker puts these functions
 * between the layers and their operations (--wrap in CMakeLists.txt), so the
 * trainer that is measured is the one that users run.
 */
#ifndef BENCH_TRAIN_CLOCK_H
#define BENCH_TRAIN_CLOCK_H

enum clock_part {
	CLOCK_LINEAR_FORWARD,
	CLOCK_LINEAR_BACKWARD,
	CLOCK_ATTENTION_FORWARD,
	CLOCK_ATTENTION_BACKWARD,
	CLOCK_HEAD, /* logits, loss and both gradients */
	N_CLOCK_PARTS
};
extern const char *const clock_part_names[N_CLOCK_PARTS];

/* Adds the calling thread's seconds since its last call to sums. */
void clock_collect(double sums[N_CLOCK_PARTS]);

#endif

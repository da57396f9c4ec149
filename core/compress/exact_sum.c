#include "compress/exact_sum.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 2 * EXACT_SUM_MOST + 1 }; /* sums from -EXACT_SUM_MOST on */

static bool in_reach(int sum)
{
	return sum >= -EXACT_SUM_MOST && sum <= EXACT_SUM_MOST;
}

/* fewest (n + 1, WIDTH): row i: of how many of the first i sizes a sum can be made; UINT16_MAX: of none. */
static void count_fewest(uint16_t *fewest, const int *sizes, size_t n)
{
	memset(fewest, 0xff, WIDTH * sizeof *fewest);
	fewest[EXACT_SUM_MOST] = 0;
	for (size_t i = 0; i < n; i++) {
		const uint16_t *without = fewest + i * WIDTH;
		uint16_t *row = fewest + (i + 1) * WIDTH;
		memcpy(row, without, WIDTH * sizeof *row);
		for (int sum = -EXACT_SUM_MOST; sum <= EXACT_SUM_MOST; sum++) {
			if (!in_reach(sum - sizes[i]))
				continue;
			uint16_t before = without[sum - sizes[i] + EXACT_SUM_MOST];
			if (before != UINT16_MAX && before + 1 < row[sum + EXACT_SUM_MOST])
				row[sum + EXACT_SUM_MOST] = (uint16_t)(before + 1);
		}
	}
}

bool exact_sum(bool *found, bool *chosen, const int *sizes, size_t n, int wanted)
{
	*found = false;
	if (!in_reach(wanted))
		return true;
	uint16_t *fewest = malloc((n + 1) * WIDTH * sizeof *fewest);
	if (fewest == NULL)
		return false;
	count_fewest(fewest, sizes, n);
	*found = fewest[n * WIDTH + (size_t)(wanted + EXACT_SUM_MOST)] != UINT16_MAX;
	for (size_t i = n; i-- > 0;) {
		size_t at = (size_t)(wanted + EXACT_SUM_MOST);
		chosen[i] = *found && fewest[(i + 1) * WIDTH + at] != fewest[i * WIDTH + at];
		wanted -= chosen[i] ? sizes[i] : 0;
	}
	free(fewest);
	return true;
}

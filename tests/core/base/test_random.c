/* The generator against published vectors, and the shapes of its distributions. */
#include <math.h>

#include "base/random.h"
#include "unit.h"

/* xoshiro256** from the state 1, 2, 3, 4 and splitmix64 from its seed: the vectors of the Rust crate rand_xoshiro. */
static void test_xoshiro_vector(void **state)
{
	(void)state;
	static const uint64_t expected[] = {
		11520u,
		0u,
		1509978240u,
		1215971899390074240u,
		1216172134540287360u,
		607988272756665600u,
		16172922978634559625u,
		8476171486693032832u,
		10595114339597558777u,
		2904607092377533576u,
	};
	struct random_state random = {{1, 2, 3, 4}};
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
		assert_true(random_next(&random) == expected[i]);
}

static void test_splitmix_vector(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 1477776061723855037u);
	assert_true(random.s[0] == 1985237415132408290u);
	assert_true(random.s[1] == 2979275885539914483u);
	assert_true(random.s[2] == 13511426838097143398u);
	assert_true(random.s[3] == 8488337342461049707u);
}

static void test_below_is_uniform(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 7);
	enum { N = 7, DRAWS = 70000 };
	int counts[N] = {0};
	for (int i = 0; i < DRAWS; i++) {
		uint64_t value = random_below(&random, N);
		assert_true(value < N);
		counts[value]++;
	}
	double chi_squared = 0;
	for (int i = 0; i < N; i++) {
		double difference = counts[i] - DRAWS / N;
		chi_squared += difference * difference / (DRAWS / N);
	}
	assert_true(chi_squared < 22.5); /* 6 degrees of freedom: exceeded once in a thousand seeds */
	for (int i = 0; i < 100; i++)
		assert_true(random_below(&random, 1) == 0);
	/* Two thirds of the range: without rejection, the lower half would come twice as often. */
	int low = 0;
	for (int i = 0; i < 10000; i++)
		low += random_below(&random, 0xaaaaaaaaaaaaaaaau) < 0x5555555555555555u;
	assert_in_range(low, 4800, 5200);
}

static void test_uniform_and_normal(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 42);
	enum { N = 200000 };
	double uniform_sum = 0, sum = 0, squares = 0, fourths = 0;
	for (int i = 0; i < N; i++) {
		double u = random_uniform(&random), x = random_normal(&random);
		assert_true(u >= 0 && u < 1 && isfinite(x));
		uniform_sum += u;
		sum += x;
		squares += x * x;
		fourths += x * x * x * x;
	}
	assert_true(fabs(uniform_sum / N - 0.5) < 0.003);
	assert_true(fabs(sum / N) < 0.01);
	assert_true(fabs(squares / N - 1) < 0.015);
	assert_true(fabs(fourths / N - 3) < 0.12);
}

static void test_seed_decides(void **state)
{
	(void)state;
	struct random_state a, b, c;
	random_seed(&a, 5);
	random_seed(&b, 5);
	random_seed(&c, 6);
	int equal = 0;
	for (int i = 0; i < 100; i++) {
		uint64_t value = random_next(&a);
		assert_true(value == random_next(&b));
		equal += value == random_next(&c);
	}
	assert_int_equal(equal, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xoshiro_vector),   cmocka_unit_test(test_splitmix_vector),
		cmocka_unit_test(test_below_is_uniform), cmocka_unit_test(test_uniform_and_normal),
		cmocka_unit_test(test_seed_decides),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

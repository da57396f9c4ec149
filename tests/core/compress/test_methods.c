/* The method table: what each method needs of a model, alone and with everything there. */
#include <string.h>

#include "pith/compress.h"
#include "unit.h"

static const char *unable(const char *name, const struct pith_model_info *info, bool has_server)
{
	const struct pith_method *method = pith_method_find(name);
	assert_non_null(method);
	return pith_method_unable(method, info, has_server);
}

static void assert_needs(const char *name, const struct pith_model_info *info, bool has_server, const char *what)
{
	const char *why = unable(name, info, has_server);
	assert_non_null(why);
	assert_non_null(strstr(why, what));
}

/* A bare model reads and scores: the methods that need nothing else can be used, the others say what they lack. */
static void bare_model(void **state)
{
	(void)state;
	const struct pith_model_info bare = {0};
	assert_null(unable("selfinfo", &bare, false));
	assert_null(unable("llmlingua", &bare, false));
	assert_null(unable("dac", &bare, false));
	assert_needs("llmlingua2", &bare, true, "a head");
	assert_needs("500x", &bare, true, "an adapter");
	assert_needs("icae", &bare, true, "an adapter");
	assert_needs("cmprsr", &bare, true, "pith train sft");
	assert_needs("vanilla", &bare, false, "--server");
	assert_null(unable("vanilla", &bare, true));
}

/* Each thing that is there serves its own method and no other. */
static void each_need(void **state)
{
	(void)state;
	for (int purpose = 0; purpose < PITH_N_MEMORY_PURPOSES; purpose++) {
		struct pith_model_info rows = {0}, embeddings = {0};
		rows.has_adapter[PITH_MEMORY_ROWS][purpose] = true;
		assert_null(unable("500x", &rows, false));
		assert_needs("icae", &rows, false, "an adapter");
		assert_needs("cmprsr", &rows, false, "an adapter");
		embeddings.has_adapter[PITH_MEMORY_EMBEDDINGS][purpose] = true;
		assert_null(unable("icae", &embeddings, false));
		assert_needs("500x", &embeddings, false, "an adapter");
	}
	struct pith_model_info info = {.has_keep_head = true};
	assert_null(unable("llmlingua2", &info, false));
	assert_needs("500x", &info, false, "an adapter");
	info = (struct pith_model_info){.has_chat_format = true};
	assert_null(unable("vanilla", &info, false));
	assert_needs("cmprsr", &info, false, "an adapter");
	info = (struct pith_model_info){0};
	info.has_adapter[PITH_MEMORY_ROWS][PITH_REWRITE] = true;
	assert_null(unable("cmprsr", &info, false));
	assert_needs("500x", &info, false, "an adapter");
	assert_needs("vanilla", &info, false, "chat format");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(bare_model), cmocka_unit_test(each_need)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

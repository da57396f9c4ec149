#include "cli/train_report.h"

#include <math.h>
#include <stdbool.h>

#include "widgets/gauge.h"

/* " (lm 3.21, regenerate 1.08 95 %)" for the losses that were seen; accuracy may be NULL. */
static void print_losses(FILE *out, const char *before, const double *losses, const double *accuracy)
{
	bool any = false;
	for (int i = 0; i < PITH_N_OBJECTIVES; i++) {
		if (isnan(losses[i]))
			continue;
		fprintf(out, "%s%s %.3f", any ? ", " : before, pith_objective_name((enum pith_objective)i), losses[i]);
		if (accuracy != NULL && !isnan(accuracy[i]))
			fprintf(out, " %.1f %%", 100 * accuracy[i]);
		any = true;
	}
	if (any)
		fputc(')', out);
}

void train_report_print(FILE *out, const struct pith_train_report *report)
{
	fprintf(out, "step %d", report->step);
	if (report->n_steps > 0)
		fprintf(out, "/%d", report->n_steps);
	if (isfinite(report->loss))
		fprintf(out, ", loss %.3f", report->loss);
	print_losses(out, " (", report->objective_loss, NULL);
	print_losses(out, ", held out (", report->eval_loss, report->eval_accuracy);
	if (isfinite(report->length))
		fprintf(out, ", length %.0f", report->length);
	if (isfinite(report->learning_rate))
		fprintf(out, ", rate %.2e", report->learning_rate);
	if (isfinite(report->tokens_per_second))
		fprintf(out, ", %.0f tokens/s", report->tokens_per_second);
	if (isfinite(report->seconds_left)) {
		char left[FIGURE_SIZE];
		figure_clock(left, report->seconds_left);
		fprintf(out, ", %s left", left);
	}
}

json_t *train_report_losses(const double *losses)
{
	json_t *object = json_object();
	for (int i = 0; i < PITH_N_OBJECTIVES; i++)
		if (!isnan(losses[i]))
			json_object_set_new(object, pith_objective_name((enum pith_objective)i), json_real(losses[i]));
	return object;
}

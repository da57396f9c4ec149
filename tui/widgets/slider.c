#define _POSIX_C_SOURCE 200809L
#include "widgets/slider.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

void slider_init(struct slider *slider, double rate)
{
	*slider = (struct slider){.live = {.rate = rate}, .settled = {.rate = rate}};
}

bool slider_unsettled(const struct slider *slider)
{
	return slider->live.n_tokens != slider->settled.n_tokens || slider->live.rate != slider->settled.rate;
}

/* As it was asked for: what is typed may be less than one token. */
static double asked_share(struct slider_value value, size_t n_tokens)
{
	if (value.n_tokens == 0 || n_tokens == 0)
		return value.rate;
	return value.n_tokens >= n_tokens ? 1.0 : (double)value.n_tokens / (double)n_tokens;
}

double slider_share(struct slider_value value, size_t n_tokens)
{
	double share = asked_share(value, n_tokens), least = n_tokens == 0 ? 0 : 1.0 / (double)n_tokens;
	return share > least ? share : least;
}

void slider_step(struct slider *slider, int percent, size_t n_tokens)
{
	double share = asked_share(slider->live, n_tokens), stepped = share * 100 + percent;
	/* To the next whole percent in the direction of the step, whatever was typed before. */
	double rounded = percent > 0 ? floor(stepped + 1e-9) : ceil(stepped - 1e-9);
	if (rounded < 1)
		rounded = 1;
	if (rounded > 100)
		rounded = 100;
	if (percent < 0 && rounded / 100 > share)
		return; /* below the first percent less must not become more */
	slider->live = (struct slider_value){.rate = rounded / 100};
}

void slider_least(struct slider *slider, size_t n_tokens)
{
	slider->live = n_tokens == 0 ? (struct slider_value){.rate = 0.01}
	                             : (struct slider_value){.rate = 1.0 / (double)n_tokens, .n_tokens = 1};
}

void slider_step_tokens(struct slider *slider, int tokens, size_t budget, size_t n_tokens)
{
	size_t target = budget;
	if (tokens < 0)
		target = budget > (size_t)-tokens ? budget - (size_t)-tokens : 1;
	else
		target = budget + (size_t)tokens < n_tokens ? budget + (size_t)tokens : n_tokens;
	if (target < 1 || n_tokens == 0)
		return;
	slider->live = (struct slider_value){.rate = (double)target / (double)n_tokens, .n_tokens = target};
}

void slider_set(struct slider *slider, struct slider_value value)
{
	slider->live = value;
}

void slider_settle(struct slider *slider)
{
	slider->settled = slider->live;
	slider->dragging = false;
}

void slider_revert(struct slider *slider)
{
	slider->live = slider->dragging ? slider->before : slider->settled;
	slider->dragging = false;
}

double slider_rate_at(int col, int width)
{
	if (col <= 0 || width < 2)
		return 0.01;
	if (col >= width - 1)
		return 1.0;
	return round(1 + 99.0 * col / (width - 1)) / 100;
}

void slider_press(struct slider *slider, int col, int width)
{
	slider->before = slider->live;
	slider->dragging = true;
	slider_drag(slider, col, width);
}

void slider_drag(struct slider *slider, int col, int width)
{
	slider->live = (struct slider_value){.rate = slider_rate_at(col, width)};
}

static enum pith_status parse_tokens(double number, struct slider_value *value, struct pith_error *err)
{
	if (number < 1 || number > 1e9 || number != floor(number))
		return fault(err, PITH_BAD_ARGUMENT, "A target in tokens is a whole number of at least 1.");
	*value = (struct slider_value){.rate = value->rate, .n_tokens = (size_t)number};
	return PITH_OK;
}

enum pith_status slider_parse(const char *text, struct slider_value *value, struct pith_error *err)
{
	static const char hint[] = "Type a target as 0.25, 25%, 4x or 16t.";
	char *end;
	errno = 0;
	double number = strtod(text, &end);
	if (end == text || errno != 0 || !isfinite(number))
		return fault(err, PITH_BAD_ARGUMENT, "%s", hint);
	end += strspn(end, " ");
	char unit[8] = "";
	size_t n = strcspn(end, " ");
	if (n < sizeof unit)
		memcpy(unit, end, n);
	end += n + strspn(end + n, " ");
	for (char *c = unit; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	if (*end != '\0' || n >= sizeof unit)
		return fault(err, PITH_BAD_ARGUMENT, "%s", hint);
	if (strcmp(unit, "t") == 0 || strcmp(unit, "token") == 0 || strcmp(unit, "tokens") == 0)
		return parse_tokens(number, value, err);
	double rate = number;
	if (strcmp(unit, "%") == 0)
		rate = number / 100;
	else if (strcmp(unit, "x") == 0 || strcmp(unit, "\xc3\x97") == 0)
		rate = number > 0 ? 1 / number : 0;
	else if (unit[0] != '\0')
		return fault(err, PITH_BAD_ARGUMENT, "%s", hint);
	else if (number > 1)
		return fault(err, PITH_BAD_ARGUMENT, "A share is at most 1: do you mean %g%%, %gx or %gt?", number, number,
		             number);
	if (!(rate > 0) || rate > 1)
		return fault(err, PITH_BAD_ARGUMENT, "The target must be above 0 and at most everything (1, 100%%, 1x).");
	*value = (struct slider_value){.rate = rate};
	return PITH_OK;
}

void slider_draw(const struct slider *slider, struct canvas *canvas, struct rect rect, size_t n_tokens)
{
	/* The same scale as the mouse: the first cell's end is 1 %. */
	double live = slider_share(slider->live, n_tokens), settled = slider_share(slider->settled, n_tokens);
	int eighths = (int)lround(1 + (live - 0.01) / 0.99 * (rect.cols * 8 - 1));
	if (eighths < 1)
		eighths = 1;
	int tick = (int)lround((settled - 0.01) / 0.99 * (rect.cols - 1));
	for (int i = 0; i < rect.cols; i++) {
		int fill = eighths - i * 8;
		uint32_t code = canvas->ascii ? '.' : ' ';
		enum role role = ROLE_TRACK;
		if (fill > 0) {
			role = ROLE_SLIDER;
			code = canvas->ascii ? '#'
			       : fill >= 8   ? 0x2588
			                     : (uint32_t)(0x2590 - fill); /* full block, or left eighths */
		} else if (i == tick && slider_unsettled(slider)) {
			code = canvas->ascii ? '|' : 0x2502;
		} else if (!canvas->ascii) {
			code = 0x2500;
		}
		canvas_code(canvas, rect.row, rect.col + i, code, role);
	}
}

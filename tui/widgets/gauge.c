#include "widgets/gauge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void gauge_draw(struct canvas *canvas, struct rect rect, double share, unsigned tick)
{
	int eighths = (int)(share * rect.cols * 8);
	for (int i = 0; i < rect.cols; i++) {
		int fill = eighths - i * 8;
		if (share < 0)
			fill = i >= (int)(tick % (unsigned)rect.cols) && i < (int)(tick % (unsigned)rect.cols) + 3 ? 8 : 0;
		uint32_t code = ' ';
		if (fill > 0)
			code = canvas->ascii ? '#' : fill >= 8 ? 0x2588 : (uint32_t)(0x2590 - fill);
		else if (canvas->ascii)
			code = '.';
		canvas_code(canvas, rect.row, rect.col + i, code, ROLE_PROGRESS);
	}
}

void figure_rate(char out[FIGURE_SIZE], double rate)
{
	if (!(rate > 0)) { /* nothing is left: no factor says that */
		snprintf(out, FIGURE_SIZE, "0.00");
		return;
	}
	double times = 1 / rate;
	/* The lower, the more digits: 0.12 would be 8.0x as well as 8.1x, while 0.25 says enough. No zero behind the second one. */
	char share[16];
	int digits = rate >= 0.1995 ? 2 : rate >= 0.00995 ? 3 : 4;
	int length = snprintf(share, sizeof share, "%.*f", digits, rate);
	if (digits == 3 && rate >= 0.0995 && length > 0 && share[length - 1] == '0')
		share[length - 1] = '\0';
	snprintf(out, FIGURE_SIZE, times < 99.95 ? "%s (%.1fx)" : "%s (%.0fx)", share, times);
}

void figure_count(char out[FIGURE_SIZE], size_t n)
{
	char digits[24];
	int length = snprintf(digits, sizeof digits, "%zu", n);
	size_t used = 0;
	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			out[used++] = ',';
		out[used++] = digits[i];
	}
	out[used] = '\0';
}

void figure_tokens(char out[FIGURE_SIZE], size_t n)
{
	char count[FIGURE_SIZE];
	figure_count(count, n);
	snprintf(out, FIGURE_SIZE, "%.32s token%s", count, n == 1 ? "" : "s");
}

void figure_bytes(char out[FIGURE_SIZE], size_t n)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	if (n < 1024) {
		snprintf(out, FIGURE_SIZE, "%zu B", n);
		return;
	}
	double value = (double)n / 1024;
	size_t unit = 0;
	while (value >= 1023.95 && unit + 1 < sizeof units / sizeof *units) {
		value /= 1024;
		unit++;
	}
	snprintf(out, FIGURE_SIZE, "%.1f %s", value, units[unit]);
}

void figure_seconds(char out[FIGURE_SIZE], double seconds)
{
	if (!(seconds >= 0))
		seconds = 0;
	if (seconds < 0.0995)
		snprintf(out, FIGURE_SIZE, "%.0f ms", seconds * 1000);
	else if (seconds < 9.995)
		snprintf(out, FIGURE_SIZE, "%.2f s", seconds);
	else if (seconds < 119.5)
		snprintf(out, FIGURE_SIZE, "%.0f s", seconds);
	else if (seconds < 7199.5)
		snprintf(out, FIGURE_SIZE, "%.0f min %.0f s", floor(round(seconds) / 60), fmod(round(seconds), 60));
	else
		snprintf(out, FIGURE_SIZE, "%.0f h %.0f min", floor(seconds / 3600), fmod(floor(seconds / 60), 60));
}

void figure_clock(char out[FIGURE_SIZE], double seconds)
{
	long total = seconds > 0 && seconds < 1e9 ? lround(seconds) : 0;
	if (total >= 3600)
		snprintf(out, FIGURE_SIZE, "%ld:%02ld:%02ld", total / 3600, total / 60 % 60, total % 60);
	else
		snprintf(out, FIGURE_SIZE, "%ld:%02ld", total / 60, total % 60);
}

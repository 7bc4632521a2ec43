/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/plot_parts.h"
#include "core/mem.h"

#define HOUR_S 3600
#define DAY_S  86400

/* Steps in seconds; from a month on in months. */
struct step {
	int64_t n;
	bool months;
};

static const struct step steps[] = {
	{ 1, false },
	{ 2, false },
	{ 5, false },
	{ 10, false },
	{ 15, false },
	{ 30, false },
	{ 60, false },
	{ 120, false },
	{ 300, false },
	{ 600, false },
	{ 900, false },
	{ 1800, false },
	{ HOUR_S, false },
	{ 2 * HOUR_S, false },
	{ 3 * HOUR_S, false },
	{ 6 * HOUR_S, false },
	{ 12 * HOUR_S, false },
	{ DAY_S, false },
	{ 2 * DAY_S, false },
	{ 7 * DAY_S, false },
	{ 14 * DAY_S, false },
	{ 1, true },
	{ 2, true },
	{ 3, true },
	{ 6, true },
	{ 12, true },
	{ 24, true },
	{ 60, true },
	{ 120, true },
	{ 240, true },
	{ 600, true },
	{ 1200, true },
	{ 12000, true },
	{ 120000, true },
};

/* Days since 1970 of the first of a month; month counts from 0 and may pass 11. */
static int64_t month_start_s(int64_t year, int64_t month)
{
	static const int days_before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };

	year += month / 12;
	month %= 12;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int64_t y = year - 1;
	int64_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162;

	return (days + days_before[month] + (month > 1 && leap ? 1 : 0)) * DAY_S;
}

static void write_label(struct plot_tick *tick, const struct step *step)
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t t = (time_t)tick->time;
	struct tm tm;

	tick->label[0] = '\0';
	if (!gmtime_r(&t, &tm))
		return;
	if (step->months && step->n < 12)
		strftime(tick->label, sizeof(tick->label), "%Y-%m", &tm);
	else if (step->months)
		strftime(tick->label, sizeof(tick->label), "%Y", &tm);
	else if (tick->time % DAY_S == 0)
		snprintf(tick->label, sizeof(tick->label), "%s %d", months[tm.tm_mon], tm.tm_mday);
	else if (step->n % 60)
		strftime(tick->label, sizeof(tick->label), "%H:%M:%S", &tm);
	else
		strftime(tick->label, sizeof(tick->label), "%H:%M", &tm);
}

/* Ticks of one step; counts on past max, so that the caller knows it is too fine. */
static size_t fixed_ticks(int64_t since, int64_t until, const struct step *step,
			  struct plot_tick *v, size_t max)
{
	/* weeks begin on Monday; day 0 was a Thursday */
	int64_t shift = step->n % (7 * DAY_S) == 0 ? 4 * DAY_S : 0;
	int64_t first = since - shift;
	size_t nr = 0;

	first += (step->n - first % step->n) % step->n;
	if ((until - since) / step->n > (int64_t)max)
		return max + 1;
	for (int64_t t = first + shift; t < until; t += step->n) {
		if (nr == max)
			return max + 1;
		v[nr].time = t;
		write_label(&v[nr++], step);
	}
	return nr;
}

static size_t month_ticks(int64_t since, int64_t until, const struct step *step,
			  struct plot_tick *v, size_t max)
{
	time_t begin = (time_t)since;
	struct tm tm;
	size_t nr = 0;

	if (!gmtime_r(&begin, &tm))
		return 0;
	int64_t month = ((int64_t)tm.tm_year + 1900) * 12 + tm.tm_mon;
	for (month -= month % step->n;; month += step->n) {
		int64_t t = month_start_s(0, month);

		if (t >= until)
			return nr;
		if (t < since)
			continue;
		if (nr == max)
			return max + 1;
		v[nr].time = t;
		write_label(&v[nr++], step);
	}
}

size_t plot_time_ticks(int64_t since, int64_t until, struct plot_tick *v, size_t max)
{
	if (since < 0 || until <= since)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		size_t nr = steps[i].months ? month_ticks(since, until, &steps[i], v, max)
					    : fixed_ticks(since, until, &steps[i], v, max);

		if (nr <= max)
			return nr;
	}
	return 0;
}

void plot_time_text(int64_t t, char out[32])
{
	time_t seconds = (time_t)t;
	struct tm tm;

	out[0] = '\0';
	if (gmtime_r(&seconds, &tm))
		strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (strlen(out) == 23 && t % 60 == 0)
		snprintf(out + 16, 5, " UTC");
}

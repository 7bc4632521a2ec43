/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/aws/ec2_spot_window.h"

#define DAY_S	     INT64_C(86400)
#define KEPT_S	     (90 * DAY_S) /* EC2 knows nothing older */
#define WINDOW_MIN_S INT64_C(3600)
#define ROWS_A_DAY   5 /* changes of one type in one zone, as of 2026 */
#define ZONES	     4 /* of a region, roughly */
#define CUTS_MAX     16

const struct spot_tuning spot_tuning_default = {
	.width = 8,
	.first_windows = 6,
	.window_rows = 800,
	.page_rows = 1000,
	.long_pages = 3,
};

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The part of a window in which EC2 can have rows. */
static void recent(const struct spot_window *window, int64_t now, int64_t *ret_since,
		   int64_t *ret_until)
{
	*ret_since = later(window->since, now - KEPT_S);
	*ret_until = later(*ret_since, earlier(window->until, now));
}

unsigned spot_first_windows(const struct spot_query *query, int64_t now,
			    const struct spot_tuning *tuning)
{
	const struct spot_window all = { .since = query->since, .until = query->until };
	int64_t since, until;
	double rows;

	recent(&all, now, &since, &until);
	rows = (double)(until - since) / (double)DAY_S * ROWS_A_DAY * (double)query->nr_types *
	       (query->zone ? 1 : ZONES);
	if (rows >= (double)tuning->first_windows * tuning->window_rows)
		return tuning->first_windows;
	return 1 + (unsigned)(rows / tuning->window_rows);
}

unsigned spot_more_windows(const struct spot_window *window, const struct spot_page *page,
			   int64_t now, const struct spot_tuning *tuning)
{
	int64_t since, until, oldest = INT64_MAX, newest = INT64_MIN;

	/* A server that takes no notice of windows would send each of them everything. */
	if (!tuning->long_pages || page->nr < 2 || page->nr_foreign > page->nr)
		return 0;
	for (size_t i = 0; i < page->nr; i++) {
		oldest = earlier(oldest, page->v[i].point.ms);
		newest = later(newest, page->v[i].point.ms);
	}
	recent(window, now, &since, &until);
	double covered = (double)(newest - oldest) / 1000, all = (double)(until - since);
	if (covered <= 0 || all / covered < 1.0 + tuning->long_pages)
		return 0;
	/* Some more, as prices change faster at one time than at another. */
	double pieces = all / covered * 1.3 + 1;
	return pieces < CUTS_MAX ? (unsigned)pieces : CUTS_MAX;
}

unsigned spot_window_cut(const struct spot_window *window, unsigned n, int64_t now,
			 struct spot_window *v)
{
	int64_t since, until;

	recent(window, now, &since, &until);
	if ((int64_t)n > (until - since) / WINDOW_MIN_S)
		n = (unsigned)((until - since) / WINDOW_MIN_S);
	if (n < 2) {
		v[0] = *window;
		return 1;
	}
	for (unsigned i = 0; i < n; i++) {
		int64_t begin = since + (until - since) / n * i;
		int64_t end = since + (until - since) / n * (i + 1);

		v[i] = (struct spot_window){ begin, end, begin * 1000, end * 1000 };
	}
	v[0].since = window->since;
	v[0].from_ms = window->from_ms;
	v[n - 1].until = window->until;
	v[n - 1].to_ms = window->to_ms;
	return n;
}

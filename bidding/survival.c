/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/runs.h"
#include "core/error.h"

/*
 * The starts from which a job of T seconds gets through form one interval for each stretch of time
 * under the bid: its length less T. Their sum over all starts that leave T seconds of known prices
 * is the chance; nothing is sampled.
 */
static double survival(const struct price_runs *runs, int64_t bid, int64_t seconds)
{
	int64_t stretch = 0, good = 0;

	if (seconds > runs->covered_s)
		return 0;
	for (size_t i = 0; i < runs->nr; i++) {
		bool under = runs->v[i].micros <= bid;

		if (under)
			stretch += runs->v[i].seconds;
		if (!under || i + 1 == runs->nr) {
			/* One start only, and nothing but known time under the bid. */
			if (stretch == runs->covered_s)
				return 1;
			good += stretch > seconds ? stretch - seconds : 0;
			stretch = 0;
		}
	}
	return good ? (double)good / (double)(runs->covered_s - seconds) : 0;
}

int bid_survival(const struct price_series *series, int64_t since, int64_t until, int64_t bid,
		 int64_t seconds, double *ret, struct error *err)
{
	struct price_runs runs;

	if (seconds < 0)
		return error_set(err, ERROR_USAGE, "a job cannot last less than no time");
	if (price_runs_make(series, since, until, &runs, err) < 0)
		return -1;
	*ret = survival(&runs, bid, seconds);
	price_runs_release(&runs);
	return 0;
}

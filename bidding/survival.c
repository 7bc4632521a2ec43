/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/survival.h"

#include "core/error.h"

/* What one stretch of known time, from a gap or the window's begin to the next, has to say. */
struct known {
	int64_t seconds, under; /* in all, and of the stretch under the bid that is still open */
	bool all;		/* the bid has held since it began */
};

struct survival {
	int64_t seconds; /* the job */
	int64_t good, starts;
	size_t exact, exact_good; /* stretches of known time exactly as long as the job */
};

static void stretch_ends(struct survival *s, struct known *known)
{
	if (known->under > s->seconds)
		s->good += known->under - s->seconds;
	known->under = 0;
}

static void known_ends(struct survival *s, struct known *known)
{
	stretch_ends(s, known);
	if (known->seconds > s->seconds) {
		s->starts += known->seconds - s->seconds;
	} else if (known->seconds == s->seconds) {
		s->exact++;
		s->exact_good += known->all;
	}
	*known = (struct known){ .all = true };
}

double survival_share(int64_t good, int64_t starts)
{
	return good ? (double)good / (double)starts : 0;
}

/*
 * The starts from which a job of T seconds gets through form one interval for each stretch of time
 * under the bid: its length less T. Their sum over all starts that leave T seconds of known prices
 * is the chance; nothing is sampled.
 */
double price_runs_survival(const struct price_runs *runs, int64_t bid, int64_t seconds)
{
	struct survival s = { .seconds = seconds };
	struct known known = { .all = true };

	for (size_t i = 0; i < runs->nr; i++) {
		const struct price_run *run = &runs->v[i];

		if (run->micros == PRICE_GAP) {
			known_ends(&s, &known);
			continue;
		}
		known.seconds += run->seconds;
		if (run->micros <= bid) {
			known.under += run->seconds;
		} else {
			stretch_ends(&s, &known);
			known.all = false;
		}
	}
	known_ends(&s, &known);
	/* Where the job just fits there is one start for each such stretch, and no interval. */
	if (!s.starts)
		return s.exact ? (double)s.exact_good / (double)s.exact : 0;
	return survival_share(s.good, s.starts);
}

int bid_survival(const struct price_series *series, int64_t since, int64_t until, int64_t bid,
		 int64_t seconds, double *ret, struct error *err)
{
	struct price_runs runs;

	if (seconds < 0)
		return error_set(err, ERROR_USAGE, "a job cannot last less than no time");
	if (price_runs_make(series, since, until, &runs, err) < 0)
		return -1;
	*ret = price_runs_survival(&runs, bid, seconds);
	price_runs_release(&runs);
	return 0;
}

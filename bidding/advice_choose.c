/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "bidding/choose.h"
#include "core/arena.h"
#include "core/money.h"

#define REASONS_MAX 8

const char *advice_verdict_text(enum advice_verdict verdict)
{
	switch (verdict) {
	case ADVICE_BEST:
		return "the least cost among what will do";
	case ADVICE_DEARER:
		return "would do, but is no better";
	case ADVICE_TOO_LATE:
		return "too few jobs were done in time";
	case ADVICE_UNPROVEN:
		return "too few starts could be judged";
	case ADVICE_WONT_START:
		return "it would not start now";
	}
	return "unknown";
}

static size_t judged(const struct walk_result *r)
{
	return r->starts - r->none - r->unknown;
}

enum advice_verdict option_judge(const struct advice_option *o)
{
	const struct walk_result *r = &o->result;

	if (o->zone && (o->now < 0 || o->now > o->bid))
		return ADVICE_WONT_START;
	if (o->zone && judged(r) < ADVICE_STARTS_MIN)
		return ADVICE_UNPROVEN;
	if (!r->in_time || (double)r->in_time < ADVICE_IN_TIME * (double)judged(r))
		return ADVICE_TOO_LATE;
	return ADVICE_DEARER;
}

/* To a hundredth of a cent: less is what adding up in another order makes. */
static int by_dollars(double a, double b)
{
	double x = rint(a * 1e4), y = rint(b * 1e4);

	return (x > y) - (x < y);
}

static int by_number(double a, double b)
{
	return (a > b) - (a < b);
}

int option_compare(const struct advice_option *a, const struct advice_option *b)
{
	const struct walk_result *x = &a->result, *y = &b->result;
	int by = by_dollars(x->mean_cost, y->mean_cost);

	by = by ? by : by_number(x->interruptions, y->interruptions);
	by = by ? by : by_dollars(x->p95_cost, y->p95_cost);
	by = by ? by : by_number(x->p95_makespan_s, y->p95_makespan_s);
	by = by ? by : (a->zone != NULL) - (b->zone != NULL);
	by = by ? by : (a->bid > b->bid) - (a->bid < b->bid);
	return by || !a->zone ? by : strcmp(a->zone, b->zone);
}

static bool same_zone(const struct advice_option *a, const struct advice_option *b)
{
	return a->zone && b->zone ? strcmp(a->zone, b->zone) == 0 : a->zone == b->zone;
}

/* The best with that verdict, but none in the zone of `other` (or NULL); SIZE_MAX: none. */
static size_t first_of(const struct advice_option *options, const enum advice_verdict *verdicts,
		       size_t nr, enum advice_verdict verdict, const struct advice_option *other)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < nr; i++) {
		if (verdicts[i] != verdict || (other && same_zone(&options[i], other)))
			continue;
		if (best == SIZE_MAX || option_compare(&options[i], &options[best]) < 0)
			best = i;
	}
	return best;
}

/* --- the words -------------------------------------------------------------------------------- */

static const char *name_of(struct arena *arena, const struct advice_option *o)
{
	char text[MONEY_TEXT_MAX];

	if (!o->zone)
		return "on demand";
	return arena_printf(arena, "bid $%s in %s", money_format(text, o->bid, 4), o->zone);
}

static void reason(struct advice_choice *choice, const char *text)
{
	choice->reasons[choice->nr_reasons++] = text;
}

double advice_percent(double share)
{
	return floor(share * 1000 + 1e-9) / 10;
}

/* A cost of next to nothing is not told as nothing. */
static const char *dollars(struct arena *arena, double cost)
{
	return arena_printf(arena, "$%.*f", cost > 0 && cost < 0.01 ? 6 : 4, cost);
}

/* What the hindsight of the choice is worth. */
static void why_followed(const struct advice_followed *followed, double on_demand,
			 struct arena *arena, struct advice_choice *ret)
{
	const struct walk_result *r = &followed->result;
	const char *dearer = "";

	if (!judged(r))
		return;
	if (!r->finished) {
		reason(ret, "chosen anew at every start, by what was known then, no job would "
			    "have been finished");
		return;
	}
	if (by_dollars(r->mean_cost, on_demand) > 0)
		dearer = ", which is more than on demand";
	else if (followed->on_demand == r->starts)
		dearer = ": on demand each time, as the time looked back at proved no bid";
	reason(ret, arena_printf(arena,
				 "chosen anew at every start, by what was known then, jobs would "
				 "have cost %s on average, %.1f %% of them in time%s",
				 dollars(arena, r->mean_cost),
				 advice_percent((double)r->in_time / (double)judged(r)), dearer));
}

static void why_best(const struct walk *walk, const struct advice_option *best,
		     const struct advice_followed *followed, struct arena *arena,
		     struct advice_choice *ret)
{
	const struct walk_result *r = &best->result;
	double on_demand = job_on_demand_cost(&walk->job, walk->on_demand, walk->billing);

	if (!best->zone) {
		reason(ret, arena_printf(arena, "the job costs %s, and no price or bid ends it",
					 dollars(arena, r->mean_cost)));
		if (followed)
			why_followed(followed, on_demand, arena, ret);
		return;
	}
	reason(ret, arena_printf(arena,
				 "over %zu past starts the job would have cost %s on average, "
				 "%.0f %% of the %s on demand",
				 r->finished, dollars(arena, r->mean_cost),
				 100 * r->mean_cost / on_demand, dollars(arena, on_demand)));
	if (followed)
		why_followed(followed, on_demand, arena, ret);
	reason(ret, arena_printf(arena,
				 "%.1f %% would have been done within %.4g h; they took %.1f h on "
				 "average",
				 advice_percent((double)r->in_time / (double)judged(r)),
				 (double)walk_limit(walk) / 3600, r->mean_makespan_s / 3600));
	reason(ret, r->interruptions > 0
			    ? arena_printf(arena,
					   "the price would have interrupted a job %.2f times on "
					   "average; what capacity would have done is not known",
					   r->interruptions)
			    : "the price would have interrupted none of them; what capacity would "
			      "have done is not known");
}

/* Every higher bid in the best one's zone would have come to the same, and there was one. */
static bool higher_changes_nothing(const struct advice_option *options, size_t nr,
				   const struct advice_option *best)
{
	size_t higher = 0;

	for (size_t i = 0; i < nr; i++) {
		if (!same_zone(&options[i], best) || options[i].bid <= best->bid)
			continue;
		higher++;
		if (memcmp(&options[i].result, &best->result, sizeof(best->result)) != 0)
			return false;
	}
	return higher;
}

/* What else there was: more for the same, the best that would do elsewhere, and what was cheaper but
 * would not. */
static void why_not(const struct advice_option *options, size_t nr, struct arena *arena,
		    struct advice_choice *ret)
{
	static const enum advice_verdict refused[] = { ADVICE_TOO_LATE, ADVICE_WONT_START };
	const struct advice_option *best = &options[ret->best];
	size_t next = first_of(options, ret->verdicts, nr, ADVICE_DEARER, best);

	if (best->zone && higher_changes_nothing(options, nr, best))
		reason(ret, "a higher bid there would have changed nothing");
	if (next != SIZE_MAX)
		reason(ret, arena_printf(arena, "next best%s: %s, %s",
					 best->zone ? " outside that zone" : "",
					 name_of(arena, &options[next]),
					 dollars(arena, options[next].result.mean_cost)));
	for (size_t i = 0; i < 2; i++) {
		size_t other = first_of(options, ret->verdicts, nr, refused[i], NULL);

		if (other == SIZE_MAX || !options[other].result.finished ||
		    option_compare(&options[other], best) >= 0)
			continue;
		reason(ret, arena_printf(arena, "%s was cheaper, %s, but %s",
					 name_of(arena, &options[other]),
					 dollars(arena, options[other].result.mean_cost),
					 advice_verdict_text(refused[i])));
		return;
	}
}

void advice_choose(const struct walk *walk, const struct advice_option *options, size_t nr,
		   const struct advice_followed *followed, struct arena *arena,
		   struct advice_choice *ret)
{
	struct advice_choice choice = { .best = SIZE_MAX };

	choice.verdicts = arena_alloc(arena, nr * sizeof(*choice.verdicts) + 1);
	choice.reasons = arena_alloc(arena, REASONS_MAX * sizeof(*choice.reasons));
	for (size_t i = 0; i < nr; i++)
		choice.verdicts[i] = option_judge(&options[i]);
	choice.best = first_of(options, choice.verdicts, nr, ADVICE_DEARER, NULL);
	if (choice.best == SIZE_MAX) {
		choice.text = "nothing here would have been done in time";
		*ret = choice;
		return;
	}
	choice.verdicts[choice.best] = ADVICE_BEST;
	choice.text = name_of(arena, &options[choice.best]);
	why_best(walk, &options[choice.best], followed, arena, &choice);
	why_not(options, nr, arena, &choice);
	*ret = choice;
}

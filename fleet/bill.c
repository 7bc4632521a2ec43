/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/bill.h"

#include "core/money.h"

#define HOUR_S 3600

__extension__ typedef __int128 wide;

/* Micro-dollars an hour x seconds. */
struct sums {
	int64_t seconds;
	wide spent, on_demand;
	bool unknown;
};

static int64_t price_of(const struct bill *bill, size_t step)
{
	int64_t price = bill->steps[step].micros;

	return bill->cap > 0 && price > bill->cap ? bill->cap : price;
}

/* Up to `end`; the run's own end may be later. */
static void add_run(const struct bill *bill, int64_t from, int64_t end, struct sums *sums)
{
	sums->on_demand += (wide)bill->on_demand * (end - from);
	if (!bill->nr_steps)
		sums->unknown = true;
	for (size_t i = 0; i < bill->nr_steps; i++) {
		int64_t since = i ? bill->steps[i].time : from;
		int64_t until = i + 1 < bill->nr_steps ? bill->steps[i + 1].time : end;

		if (since < from)
			since = from;
		if (until > end)
			until = end;
		if (until <= since)
			continue;
		if (bill->steps[i].micros < 0)
			sums->unknown = true;
		else
			sums->spent += (wide)price_of(bill, i) * (until - since);
	}
}

/* Everything before t. */
static struct sums sum_until(const struct bill *bill, int64_t t)
{
	struct sums sums = { .seconds = 0 };

	for (size_t i = 0; i < bill->nr_runs; i++) {
		const struct bill_run *run = &bill->runs[i];
		int64_t billed =
			run->to - run->from < BILLED_MIN_S ? run->from + BILLED_MIN_S : run->to;

		if (t <= run->from)
			break;
		sums.seconds += (t < run->to ? t : run->to) - run->from;
		add_run(bill, run->from, t < billed ? t : billed, &sums);
	}
	return sums;
}

static int64_t dollars(wide sum)
{
	wide micros = (sum + HOUR_S / 2) / HOUR_S;

	return micros > MONEY_MAX ? MONEY_MAX : (int64_t)micros;
}

/* Of the difference alone: what was unknown before is not this window's. */
static bool unknown_between(const struct bill *bill, int64_t from, int64_t to)
{
	struct sums sums = { .seconds = 0 };

	for (size_t i = 0; i < bill->nr_runs && !sums.unknown; i++) {
		const struct bill_run *run = &bill->runs[i];
		int64_t billed =
			run->to - run->from < BILLED_MIN_S ? run->from + BILLED_MIN_S : run->to;
		int64_t since = from > run->from ? from : run->from;
		int64_t until = to < billed ? to : billed;

		if (until > since)
			add_run(bill, since, until, &sums);
	}
	return sums.unknown;
}

void bill_between(const struct bill *bill, int64_t from, int64_t to, struct bill_sum *ret)
{
	const struct sums before = sum_until(bill, from), after = sum_until(bill, to);

	*ret = (struct bill_sum){
		.seconds = after.seconds - before.seconds,
		.total = dollars(after.spent) - dollars(before.spent),
		.on_demand_total = dollars(after.on_demand) - dollars(before.on_demand),
	};
	if (unknown_between(bill, from, to))
		ret->total = MONEY_UNKNOWN;
	if (bill->on_demand < 0)
		ret->on_demand_total = MONEY_UNKNOWN;
}

void bill_all(const struct bill *bill, struct bill_sum *ret)
{
	bill_between(bill, INT64_MIN, INT64_MAX, ret);
}

int64_t bill_price_at(const struct bill *bill, int64_t t)
{
	size_t at = 0;

	if (!bill->nr_steps)
		return MONEY_UNKNOWN;
	while (at + 1 < bill->nr_steps && bill->steps[at + 1].time <= t)
		at++;
	return bill->steps[at].micros < 0 ? MONEY_UNKNOWN : price_of(bill, at);
}

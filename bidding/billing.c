/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/billing.h"

#include <string.h>

#include "core/error.h"
#include "core/money.h"

#define HOUR	INT64_C(3600)
#define LEAST_S INT64_C(60)

static const char *const names[BILLING_NR] = {
	[BILLING_SEC] = "sec",
	[BILLING_SEC_HOURLOCK] = "sec_hourlock",
	[BILLING_HOUR2017] = "hour2017",
};

const char *billing_name(enum billing billing)
{
	return names[billing];
}

int billing_parse(const char *text, enum billing *ret, struct error *err)
{
	for (size_t i = 0; i < BILLING_NR; i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum billing)i;
			return 0;
		}
	}
	error_set(err, ERROR_USAGE, "there is no such way of billing");
	return error_hint(err, "say sec (today), sec_hourlock or hour2017");
}

static wide by_the_second(const struct track *track, const struct ran *ran)
{
	wide sum = track_spent(track, ran->at, ran->from, ran->to);
	int64_t missing = LEAST_S - (ran->to - ran->from);

	if (missing > 0)
		sum += track_spent(track, track_find(track, ran->to - 1), ran->to - 1, ran->to) *
		       missing;
	return sum;
}

/*
 * Its hours begin every 3600 s from its start, and those that begin at one point of the series are
 * counted together. Only the last can be cut short: `whole` says what becomes of it.
 */
static wide by_the_hour(const struct track *track, const struct ran *ran, enum billing billing)
{
	int64_t hour = ran->from;
	size_t i = ran->at;
	wide sum = 0;

	while (hour < ran->to) {
		while (track_end(track, i) <= hour)
			i++;
		int64_t stop = track_end(track, i) < ran->to ? track_end(track, i) : ran->to;
		int64_t hours = (stop - hour + HOUR - 1) / HOUR;
		int64_t seconds = hours * HOUR, over = hour + seconds - ran->to;

		if (over > 0 && billing == BILLING_SEC_HOURLOCK)
			seconds -= over;
		else if (over > 0 && ran->taken)
			seconds -= HOUR;
		sum += (wide)track->v[i].micros * seconds;
		hour += hours * HOUR;
	}
	return sum;
}

wide billing_of(const struct track *track, const struct ran *ran, enum billing billing)
{
	int64_t seconds = ran->to - ran->from;

	if (seconds <= 0)
		return 0;
	if (billing == BILLING_HOUR2017)
		return by_the_hour(track, ran, billing);
	if (ran->taken && seconds < HOUR)
		return 0;
	if (billing == BILLING_SEC)
		return by_the_second(track, ran);
	wide sum = by_the_hour(track, ran, billing);
	if (seconds < LEAST_S)
		sum += (wide)track->v[ran->at].micros * (LEAST_S - seconds);
	return sum;
}

double billing_dollars(wide sum)
{
	return (double)sum / (double)(USD_MICROS * HOUR);
}

double job_on_demand_cost(const struct job *job, int64_t on_demand, enum billing billing)
{
	int64_t seconds = job->work_s > LEAST_S ? job->work_s : LEAST_S;

	if (billing == BILLING_HOUR2017)
		seconds = (seconds + HOUR - 1) / HOUR * HOUR;
	return billing_dollars((wide)on_demand * seconds);
}

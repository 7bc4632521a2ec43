/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/spent.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/money.h"
#include "fleet/budget.h"
#include "fleet/labels.h"
#include "fleet/reap.h"

#define CENT	   (USD_MICROS / 100)
#define DIGITS_MAX 12
#define CLOSE_S	   60 /* a start and a note of it are this close */

static bool number(const char **text, int64_t *ret)
{
	size_t len = strspn(*text, "0123456789");

	if (!len || len > DIGITS_MAX)
		return false;
	*ret = 0;
	for (; len; len--, (*text)++)
		*ret = *ret * 10 + (**text - '0');
	return true;
}

bool spent_parse(const char *text, int64_t *ret_cents, int64_t *ret_at)
{
	return text && number(&text, ret_cents) && *ret_cents <= BUDGET_CENTS_MAX &&
	       *text++ == '-' && number(&text, ret_at) && *ret_at > 0 && !*text;
}

static int64_t total_of(const struct cost_basis *basis, const struct bill_run *runs)
{
	struct bill bill = basis->bill;
	struct bill_sum sum;

	bill.runs = runs;
	bill_all(&bill, &sum);
	return basis->free ? 0 : sum.total;
}

/* It may have run all that time, or not at all. */
static int64_t unseen(const struct cost *cost, int64_t from, int64_t to)
{
	int64_t price = cost->price != MONEY_UNKNOWN ? cost->price : cost->on_demand;

	return to > from && price != MONEY_UNKNOWN ? money_for_time(price, to - from) : 0;
}

/* What the tag knows narrows what the journal knows. */
static void narrow(const struct cost_basis *basis, const struct cost *cost,
		   const struct instance *instance, struct spent *spent)
{
	int64_t cents, at;
	struct bill_sum since;

	if (!spent_parse(instance_tag(instance, TAG_SPENT), &cents, &at))
		return;
	int64_t from = instance->launched > at ? instance->launched : at;
	bill_between(&basis->bill, from, INT64_MAX, &since);
	if (since.total == MONEY_UNKNOWN)
		return;
	int64_t least = cents * CENT + since.total;
	int64_t most = least;
	if (instance->launched - at > CLOSE_S)
		most += unseen(cost, at, instance->launched);
	spent->least = least > spent->least ? least : spent->least;
	spent->most = most < spent->most ? most : spent->most;
	if (spent->most < spent->least)
		spent->most = spent->least;
}

void spent_work_out(struct fleet *fleet, const struct instance *instance, int64_t now, bool ask,
		    struct cost *cost, struct spent *ret)
{
	struct cost_basis basis;

	cost_basis_of(fleet, instance, now, ask, &basis);
	cost_basis_sum(&basis, cost);
	*ret = (struct spent){ cost->total, cost->total };
	if (cost->total != MONEY_UNKNOWN) {
		ret->least = total_of(&basis, basis.sure);
		if (basis.unseen_from && basis.bill.nr_runs)
			ret->most += unseen(cost, basis.unseen_from, basis.bill.runs[0].from);
		narrow(&basis, cost, instance, ret);
	}
	cost_basis_release(&basis);
}

int64_t spent_cents(struct fleet *fleet, const struct instance *instance, int64_t now)
{
	struct cost cost;
	struct spent spent;

	if (!instance_tag(instance, TAG_BUDGET))
		return -1;
	spent_work_out(fleet, instance, now, true, &cost, &spent);
	if (spent.least == MONEY_UNKNOWN || spent.most - spent.least >= CENT)
		return -1;
	int64_t cents = (spent.most + CENT - 1) / CENT;
	return cents <= BUDGET_CENTS_MAX ? cents : BUDGET_CENTS_MAX;
}

int spent_keep(struct fleet *fleet, const struct instance *instance, int64_t cents, int64_t at,
	       struct error *err)
{
	char text[2 * DIGITS_MAX + 2];
	const struct tag tag = { TAG_SPENT, text };

	snprintf(text, sizeof(text), "%" PRId64 "-%" PRId64, cents, at);
	if (fleet_tag(fleet, instance, &tag, err) < 0)
		return error_prefix(err, "cannot set the tag " TAG_SPENT " of %s", instance->id);
	return 0;
}

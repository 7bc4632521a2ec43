/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/budget.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/error.h"
#include "core/money.h"
#include "fleet/userdata.h"

#define CENT   (USD_MICROS / 100)
#define HOUR_S 3600

int budget_parse(const char *text, int64_t *ret_cents, struct error *err)
{
	int64_t micros;

	if (money_parse(text, "--budget", &micros, err) < 0)
		return -1;
	if (micros % CENT != 0)
		return error_set(err, ERROR_USAGE, "--budget '%.40s' is not in whole cents", text);
	if (micros < CENT || micros > BUDGET_CENTS_MAX * CENT)
		return error_set(err, ERROR_USAGE,
				 "--budget '%.40s' is not between 0.01 and 1000000 dollars", text);
	*ret_cents = micros / CENT;
	return 0;
}

void budget_tag(int64_t cents, char out[BUDGET_TAG_LEN])
{
	snprintf(out, BUDGET_TAG_LEN, "%" PRId64, cents);
}

/* On spot without a bid, EC2 charges on demand at most. */
static int64_t worst_price(const struct launch_plan *plan)
{
	if (plan->spot && plan->capped)
		return plan->max_price;
	return plan->offer.on_demand;
}

int budget_apply(const struct launch_plan *plan, int64_t cents, int64_t *ttl_s,
		 struct budget_limit *ret, struct error *err)
{
	int64_t price = worst_price(plan), budget = cents * CENT;
	char text[MONEY_TEXT_MAX];

	if (price <= 0) {
		error_set(err, ERROR_USAGE, "--budget needs a price, and on demand is not known");
		return error_hint(err, "--on-demand USD, or with --spot a --bid in dollars");
	}
	/* Below that no timer keeps it. */
	int64_t least =
		money_round_up(money_for_time(price, BUDGET_MARGIN_S + USERDATA_TTL_MIN_S), CENT);
	if (budget < least) {
		error_set(err, ERROR_USAGE,
			  "--budget is less than the three minutes that it takes to boot and end "
			  "cost at most");
		return error_hint(err, "--budget %s is the least here",
				  money_format(text, least, 2));
	}
	/* A million dollars times 3600 fits. */
	int64_t seconds = budget * HOUR_S / price - BUDGET_MARGIN_S;
	if (seconds > USERDATA_TTL_MAX_S)
		seconds = USERDATA_TTL_MAX_S;
	*ret = (struct budget_limit){
		.price = price,
		.seconds = seconds,
		.ttl_is_first = *ttl_s && *ttl_s <= seconds,
	};
	if (!ret->ttl_is_first)
		*ttl_s = seconds;
	return 0;
}

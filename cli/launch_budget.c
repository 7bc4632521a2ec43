/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/launch_budget.h"

#include <cjson/cJSON.h>

#include "cli/common.h"
#include "cli/out.h"
#include "core/money.h"
#include "core/timefmt.h"
#include "fleet/budget.h"
#include "fleet/reap.h"

int launch_budget_read(struct cli *cli, const char *text, struct arena *arena,
		       struct launch_policy *policy, int64_t *ret_cents)
{
	char value[BUDGET_TAG_LEN];

	*ret_cents = 0;
	if (!text)
		return 0;
	if (budget_parse(text, ret_cents, &cli->error) < 0)
		return -1;
	budget_tag(*ret_cents, value);
	policy->tags[policy->nr_tags++] = (struct tag){ TAG_BUDGET, arena_strdup(arena, value) };
	return 0;
}

int launch_budget_apply(struct cli *cli, const struct launch_plan *plan, int64_t cents,
			int64_t *ttl_s)
{
	int64_t budget = cents * (USD_MICROS / 100);
	char most[MONEY_TEXT_MAX], price[MONEY_TEXT_MAX], time[TIME_TEXT_MAX];
	const struct provider_ops *ops = provider_find(plan->offer.provider);
	struct budget_limit limit;

	if (!cents)
		return 0;
	if (budget_apply(plan, cents, ttl_s, &limit, &cli->error) < 0)
		return -1;
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		json_add_money(object, "budget", budget);
		json_add_money(object, "worst_usd_per_hour", limit.price);
		cJSON_AddNumberToObject(object, "ttl_s", (double)*ttl_s);
		cJSON_AddBoolToObject(object, "ttl_is_first", limit.ttl_is_first);
		cli_json_line(cli, "budget", object);
		return 0;
	}
	cli_line(cli, "budget: $%s lasts %s at $%s/h, the most an hour can cost; %s",
		 money_format(most, budget, 2), duration_format(time, limit.seconds),
		 money_format(price, limit.price, 4),
		 limit.ttl_is_first			      ? "the time limit is shorter"
		 : !ops || ops->time_limit == TIME_LIMIT_ENDS ? "it ends by itself then"
							      : "it turns itself off then");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/launch_policy.h"

#include <string.h>

#include "cli/command.h"
#include "core/timefmt.h"
#include "fleet/reap.h"

#define IDLE_LEAST_S 300
#define IDLE_MOST_S  43200

static void add(struct launch_policy *policy, const char *key, const char *value)
{
	policy->tags[policy->nr_tags++] = (struct tag){ key, value };
}

static int read_idle(struct cli *cli, const char *text, struct arena *arena,
		     struct launch_policy *policy)
{
	const char *colon = strchr(text, ':'), *span = text;
	int64_t seconds;

	if (colon && strcmp(colon, ":stop") != 0)
		return cli_usage(cli, "--idle '%s' is neither TIME nor TIME:stop", text);
	if (colon)
		span = arena_strndup(arena, text, (size_t)(colon - text));
	if (duration_parse(span, "--idle", &seconds, &cli->error) < 0)
		return -1;
	if (seconds < IDLE_LEAST_S || seconds > IDLE_MOST_S)
		return cli_usage(cli, "--idle '%s' is not between 5m and 12h", text);
	add(policy, TAG_IDLE,
	    arena_printf(arena, "%lld%s", (long long)seconds, colon ? "-stop" : ""));
	policy->stop_first = colon != NULL;
	return 0;
}

int launch_policy_read(struct cli *cli, bool protect, const char *idle, struct arena *arena,
		       struct launch_policy *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (protect)
		add(ret, TAG_PROTECT, "1");
	return idle ? read_idle(cli, idle, arena, ret) : 0;
}

int launch_policy_check(struct cli *cli, const struct fleet *fleet,
			const struct launch_policy *policy, bool spot)
{
	if (policy->stop_first && fleet->ops->off_bills == OFF_BILLS_ALL) {
		error_set(&cli->error, ERROR_USAGE,
			  "--idle TIME:stop: with %s a stopped instance bills as before",
			  fleet->ops->title);
		return error_hint(&cli->error, "leave ':stop' out: it is terminated then");
	}
	unsigned need = spot ? PROVIDER_CAP_STOP_SPOT : PROVIDER_CAP_STOP;

	if (!policy->stop_first || (fleet->ops->caps & need))
		return 0;
	error_set(&cli->error, ERROR_USAGE, "--idle TIME:stop: %s cannot stop %s instance",
		  fleet->ops->title, spot ? "a spot" : "an");
	return error_hint(&cli->error, "leave ':stop' out: it is terminated then");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/launch_flow.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/common.h"
#include "cli/confirm.h"
#include "cli/launch_budget.h"
#include "cli/launch_cloud.h"
#include "cli/launch_show.h"
#include "cli/progress.h"
#include "core/mem.h"
#include "fleet/recover.h"

#define ASK_ABOVE 2 /* bids above 200 % of on demand are asked about */

void launch_flow_release(struct launch_flow *flow)
{
	selftest_report_release(&flow->ready.report);
	launch_outcome_release(&flow->outcome);
	launch_plan_release(&flow->plan);
}

/* A cap far above on demand is usually a slip of the keyboard. */
static int check_bid(struct cli *cli, const struct launch_plan *plan)
{
	struct arena arena = { 0 };
	int rc = 0;

	if (!plan->capped || plan->offer.on_demand == MONEY_UNKNOWN)
		return 0;
	if (plan->max_price >= plan->offer.on_demand)
		cli_warning(cli,
			    "a bid at or above the on-demand price does not prevent interruption: "
			    "capacity ends spot instances, not price");
	if (!cli->dry_run && plan->max_price > ASK_ABOVE * plan->offer.on_demand)
		rc = confirm_yes(cli,
				 "The bid of $%s/h is more than %d times the on-demand price "
				 "of $%s/h. Send it?",
				 text_money(&arena, plan->max_price), ASK_ABOVE,
				 text_money(&arena, plan->offer.on_demand));
	arena_release(&arena);
	return rc;
}

/* A script that asks for another machine under the same name must not think it got it. */
static int check_existing(struct cli *cli, const struct launch_wanted *wanted,
			  const struct instance *instance)
{
	const char *type = wanted->plan.type;

	if (instance->state == INSTANCE_STOPPED || instance->state == INSTANCE_STOPPING) {
		error_set(&cli->error, ERROR_CONFLICT, "'%s' is there already, and %s",
			  wanted->launch.name, instance_state_name(instance->state));
		return error_hint(&cli->error, "gpucloud start %s", wanted->launch.name);
	}
	if (wanted->plan.spot != instance->spot)
		cli_warning(cli, "'%s' is %s", wanted->launch.name,
			    instance->spot ? "spot: it may be interrupted" : "on demand, not spot");
	if (!type || strcmp(type, instance->type) == 0)
		return 0;
	error_set(&cli->error, ERROR_CONFLICT, "'%s' lives already, as %s (%s) in %s",
		  wanted->launch.name, instance->type, instance->spot ? "spot" : "on demand",
		  instance->zone.name);
	return error_hint(&cli->error, "gpucloud terminate %s, or use another --name",
			  wanted->launch.name);
}

/* Waits as far as was asked. */
static int get_ready(struct cli *cli, struct fleet *fleet, const struct launch_wanted *wanted,
		     struct launch_flow *flow)
{
	const struct launch_events events = launch_show_events(cli);

	flow->made = true;
	flow->ready = (struct launch_ready){ .wait = wanted->wait,
					     .timeout_s = wanted->timeout_s,
					     .selftest = wanted->selftest };
	int rc = launch_get_ready(cli, fleet, &flow->outcome, &events, &flow->ready);
	progress_end(cli);
	return rc;
}

static int make(struct cli *cli, struct fleet *fleet, const struct launch_wanted *wanted,
		struct launch_flow *flow)
{
	const struct launch_events events = launch_show_events(cli);
	int rc;

	if (cli->dry_run) {
		rc = launch_rehearse(fleet, &flow->plan, &wanted->launch, &events, &cli->error);
		progress_end(cli);
		if (rc == 0)
			launch_show_rehearsed(cli, &flow->plan);
		return rc;
	}
	rc = launch_make(fleet, &flow->plan, &wanted->launch, &events, &flow->outcome, &cli->error);
	if (rc < 0)
		return -1;
	rc = get_ready(cli, fleet, wanted, flow);
	launch_cloud_price(cli, fleet, &flow->plan, wanted, &flow->outcome);
	return rc;
}

/* 1: one of that name lives, and is in flow; 0: go on; -1. */
static int look_for_name(struct cli *cli, struct fleet *fleet, struct launch_wanted *wanted,
			 struct launch_resume *resume, struct launch_flow *flow)
{
	if (!wanted->launch.name || cli->dry_run)
		return 0;
	progress_update(cli, "is there a '%s' already?", wanted->launch.name);
	int rc = launch_find_existing(fleet, wanted->launch.name, &flow->outcome, resume,
				      &cli->error);
	progress_end(cli);
	if (rc == 1 && check_existing(cli, wanted, &flow->outcome.made.instance) < 0)
		return -1;
	if (rc == 1)
		cli_note(cli, "'%s' lives already: nothing was launched", wanted->launch.name);
	if (rc != 2)
		return rc;
	cli_note(cli,
		 fleet->ops->caps & PROVIDER_CAP_TOKEN
			 ? "finishing the interrupted launch of '%s', with the same token"
			 : "an interrupted launch of '%s' may yet bring an instance: it is looked "
			   "for, ten minutes at most, and another is asked for only once none can "
			   "come any more",
		 wanted->launch.name);
	wanted->launch.resume = resume;
	return 0;
}

static int plan_and_make(struct cli *cli, struct fleet *fleet, struct launch_wanted *wanted,
			 struct launch_flow *flow)
{
	struct launch_plan *plan = &flow->plan;

	progress_update(cli, "comparing zones");
	if (launch_plan_make(fleet, &wanted->plan, plan, &cli->error) < 0)
		return -1;
	progress_end(cli);
	launch_show_plan(cli, fleet, plan);
	if (!plan->nr_order) {
		cli->error = plan->refusal;
		return -1;
	}
	if ((wanted->selftest &&
	     launch_check_selftest(cli, plan->offer.type, plan->offer.arch) < 0) ||
	    launch_budget_apply(cli, plan, wanted->budget_cents, &wanted->launch.ttl_s) < 0 ||
	    check_bid(cli, plan) < 0 || launch_cloud_tell(cli, fleet, plan, wanted) < 0)
		return -1;
	return make(cli, fleet, wanted, flow);
}

int launch_flow(struct cli *cli, struct fleet *fleet, struct launch_wanted *wanted,
		struct launch_flow *ret)
{
	struct launch_resume resume = { 0 };

	memset(ret, 0, sizeof(*ret));
	int rc = look_for_name(cli, fleet, wanted, &resume, ret);
	/* The launch that made it may have been interrupted before it was proven. */
	if (rc == 1)
		rc = get_ready(cli, fleet, wanted, ret);
	else if (rc == 0)
		rc = plan_and_make(cli, fleet, wanted, ret);
	progress_end(cli);
	wanted->launch.resume = NULL;
	launch_resume_release(&resume);
	return rc;
}

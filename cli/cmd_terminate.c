/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud terminate: ends instances, waits until the cloud confirms, prints the receipt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/confirm.h"
#include "cli/progress.h"
#include "cli/terminate_show.h"
#include "core/mem.h"
#include "fleet/instances.h"
#include "fleet/labels.h"
#include "fleet/remembered.h"
#include "fleet/terminate.h"

#define EXIT_ATTENTION 8

struct terminate_args {
	bool all, force;
	unsigned timeout;
};

static const struct opt terminate_opts[] = {
	OPT_FLAG_AT(0, "all", struct terminate_args, all, "every instance of yours"),
	OPT_FLAG_AT(0, "force", struct terminate_args, force,
		    "with --yes: also what is not yours, or gpucloud did not make"),
	OPT_UINT_AT(0, "timeout", struct terminate_args, timeout, "SECONDS", 1, 3600,
		    "how long to wait for the cloud's word (300)"),
	OPT_END,
};

/* What is to be ended; strings live in the lists. */
struct targets {
	struct instance_list *lists;
	size_t nr_lists;
	struct ending *v;
	size_t nr, cap;
};

static void targets_release(struct targets *targets)
{
	for (size_t i = 0; i < targets->nr_lists; i++)
		instance_list_release(&targets->lists[i]);
	free(targets->lists);
	free(targets->v);
}

static void add(struct targets *targets, const struct instance *instance)
{
	for (size_t i = 0; i < targets->nr; i++)
		if (strcmp(targets->v[i].instance.id, instance->id) == 0)
			return;
	targets->v = xgrow(targets->v, targets->nr, &targets->cap, sizeof(*targets->v));
	targets->v[targets->nr++] = (struct ending){ .instance = *instance };
}

static int find_named(struct cli *cli, struct fleet *fleet, const struct region_choice *choice,
		      int argc, const char **argv, struct targets *targets)
{
	targets->lists = xcalloc((size_t)argc, sizeof(*targets->lists));
	for (int i = 0; i < argc; i++) {
		struct instance_list *list = &targets->lists[targets->nr_lists];

		if (instance_find_one(fleet, argv[i], choice, instance_is_id(fleet, argv[i]), list,
				      &cli->error) < 0)
			return -1;
		targets->nr_lists++;
		add(targets, &list->v[0]);
	}
	return 0;
}

static int find_all(struct cli *cli, struct fleet *fleet, const struct region_choice *choice,
		    struct targets *targets)
{
	struct arena arena = { 0 };
	struct region_choice all = *choice;
	struct instance_query query = { .owner = fleet->owner };
	int rc = -1;

	all.all = true;
	targets->lists = xcalloc(1, sizeof(*targets->lists));
	if (fleet_regions(fleet, &all, &arena, &query.regions, &query.nr_regions, &cli->error) ==
		    0 &&
	    fleet_instances(fleet, &query, &targets->lists[0], &cli->error) == 0) {
		const struct remembered_query remembered = {
			.owner = fleet->owner,
			.regions = query.regions,
			.nr_regions = query.nr_regions,
		};

		targets->nr_lists = 1;
		rc = remembered_add(fleet, &remembered, &targets->lists[0], &cli->error);
		for (size_t i = 0; i < targets->lists[0].nr; i++)
			add(targets, &targets->lists[0].v[i]);
	}
	arena_release(&arena);
	return rc;
}

/* Whose it is, where it is not ours by tag; NULL: ours. */
static const char *why_not_ours(const struct fleet *fleet, const struct instance *instance,
				struct arena *arena)
{
	if (!instance->launch_id[0])
		return "was not made by gpucloud";
	if (strcmp(instance->owner, fleet->owner) == 0)
		return NULL;
	return instance->owner[0] ? arena_printf(arena, "is not yours but %s's", instance->owner)
				  : "says nowhere whose it is";
}

/* It may be ended, but only by its id and after a question of its own. */
static int ask_foreign(struct cli *cli, const struct terminate_args *args, const char *id,
		       const char *why)
{
	if (!cli->yes || args->force)
		return confirm_name(cli, id, "%s %s. Terminate it?", id, why);
	error_set(&cli->error, ERROR_USAGE, "%s %s", id, why);
	return error_hint(&cli->error,
			  "if it is to end all the same: gpucloud terminate --yes --force %s", id);
}

static int ask(struct cli *cli, struct fleet *fleet, const struct targets *targets,
	       const struct terminate_args *args)
{
	char number[24];

	progress_end(cli);
	for (size_t i = 0; i < targets->nr; i++) {
		const struct instance *instance = &targets->v[i].instance;

		struct arena arena = { 0 };
		const char *why = why_not_ours(fleet, instance, &arena);
		int rc = why && instance->state != INSTANCE_GONE
				 ? ask_foreign(cli, args, instance->id, why)
				 : 0;

		arena_release(&arena);
		if (rc < 0)
			return -1;
	}
	if (args->all) {
		if (!cli->yes && !cli->json)
			terminate_show_targets(cli, fleet, targets->v, targets->nr);
		snprintf(number, sizeof(number), "%zu", targets->nr);
		return confirm_name(cli, number, "Terminate all %zu instances of yours?",
				    targets->nr);
	}
	if (targets->nr == 1)
		return confirm_yes(cli, "Terminate %s (%s, %s in %s)?", targets->v[0].instance.name,
				   targets->v[0].instance.id, targets->v[0].instance.type,
				   targets->v[0].instance.zone.name);
	return confirm_yes(cli, "Terminate these %zu instances?", targets->nr);
}

static void waiting(void *ctx, size_t left, int64_t seconds)
{
	progress_update(ctx, "waiting until the cloud confirms the end of %zu (%lld s)", left,
			(long long)seconds);
}

/* Where it must be off before it can go. */
static void step(void *ctx, const struct instance *instance)
{
	const char *name = instance->name[0] ? instance->name : instance->id;

	if (instance->state == INSTANCE_STOPPING)
		progress_update(ctx, "stopping %s before it can be ended", name);
	else if (instance->state == INSTANCE_STOPPED || instance->state == INSTANCE_ENDING)
		progress_update(ctx, "ending %s", name);
}

/* Whether it is known of all of ours what still bills. A cloud that cannot tell at all is none. */
static bool all_told(const struct ended *ended)
{
	if (ended->bills_err.kind == ERROR_UNSUPPORTED)
		return true;
	for (size_t i = 0; i < ended->nr; i++) {
		const struct ending *ending = &ended->v[i];

		if (!ending->confirmed || !ending->instance.launch_id[0])
			continue;
		if (ended->bills_err.kind != ERROR_NONE)
			return false;
		for (size_t k = 0; k < ended->bills.nr_failures; k++)
			if (strcmp(ended->bills.failures[k].region, ending->instance.region) == 0)
				return false;
	}
	return true;
}

static int end_them(struct cli *cli, struct fleet *fleet, struct targets *targets,
		    const struct terminate_args *args)
{
	const struct terminate_events events = { .ctx = cli, .waiting = waiting, .step = step };
	struct ended ended = { .v = targets->v, .nr = targets->nr };

	if (!targets->nr) {
		progress_end(cli);
		cli_note(cli, "nothing of yours is running");
		return terminate_show_ends(cli, &ended);
	}
	if (cli->dry_run) {
		progress_end(cli);
		terminate_show_rehearsed(cli, targets->v, targets->nr);
		return 0;
	}
	if (ask(cli, fleet, targets, args) < 0)
		return -1;
	progress_start(cli, "terminating");
	if (terminate_all(fleet, targets->v, targets->nr, args->timeout ? args->timeout : 300,
			  &events, &cli->error) < 0)
		return -1;
	progress_update(cli, "is anything of it left that bills?");
	/* What is not known must not keep the receipts from being told. */
	terminate_still_bills(fleet, targets->v, targets->nr, &ended.bills, &ended.bills_err);
	progress_end(cli);
	int rc = terminate_show_ends(cli, &ended);
	if (rc == 0 && !all_told(&ended))
		rc = EXIT_ATTENTION;
	leftover_list_release(&ended.bills);
	return rc;
}

static int terminate_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct terminate_args *args = data;
	struct fleet fleet = { 0 };
	struct targets targets = { 0 };
	const char *named;

	if (args->all == (argc > 0))
		return cli_usage(cli, "terminate takes names or ids, or --all");
	for (int i = 0; i < argc; i++)
		if (instance_check_target(argv[i], &cli->error) < 0)
			return -1;
	progress_start(cli, "looking for %s", argc ? argv[0] : "everything of yours");
	if (cli_open_fleet(cli, &fleet, true) < 0)
		return -1;
	const struct region_choice choice = cli_named_regions(cli, &named);
	int rc = args->all ? find_all(cli, &fleet, &choice, &targets)
			   : find_named(cli, &fleet, &choice, argc, argv, &targets);
	if (rc == 0)
		rc = end_them(cli, &fleet, &targets, args);
	if (args->all && targets.nr_lists) {
		cli_warn_failures(cli, targets.lists[0].failures, targets.lists[0].nr_failures);
		if (rc == 0 && targets.lists[0].nr_failures)
			rc = EXIT_ATTENTION;
	}
	progress_end(cli);
	targets_release(&targets);
	fleet_close(&fleet);
	return rc;
}

const struct command cmd_terminate = {
	.name = "terminate",
	.group = "Run",
	.summary = "end instances for good, and print the receipt",
	.usage = "gpucloud terminate NAME|ID... | --all",
	.details =
		"Returns when the cloud confirms the end, removes the key and the firewall rules\n"
		"made for it, and names what bills on. The root disk is deleted with the\n"
		"instance: copy what you need first. What gpucloud did not make, or is another\n"
		"owner's, is ended only by its id and after a question of its own. --all lists\n"
		"yours, with what each has cost so far, and wants their number typed, or --yes.",
	.opts = terminate_opts,
	.args_size = sizeof(struct terminate_args),
	.examples = "gpucloud terminate train\n"
		    "gpucloud terminate --yes i-0123456789abcdef0\n"
		    "gpucloud terminate --all --dry-run\n",
	.exits = "3 there is no such instance\n"
		 "8 the cloud did not confirm in time, or something still bills, or may\n",
	.max_args = COMMAND_ANY_ARGS,
	.run = terminate_run,
};

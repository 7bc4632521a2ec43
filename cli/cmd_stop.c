/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud stop and gpucloud start: an instance that rests bills for its disks alone. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/confirm.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/instances.h"
#include "fleet/reap.h"
#include "fleet/stop.h"

#define EXIT_ATTENTION 8
#define HOURS_PER_DAY  24

struct power_args {
	unsigned timeout;
};

static const struct opt power_opts[] = {
	OPT_UINT_AT(0, "timeout", struct power_args, timeout, "SECONDS", 1, 3600,
		    "how long to wait for the cloud's word (300)"),
	OPT_END,
};

struct power_run {
	struct cli *cli;
	struct fleet fleet;
	enum power want;
	struct instance_list *lists;
	size_t nr_lists;
	struct powered *v;
	size_t nr;
	struct arena arena;
};

static const char *name_of(const struct powered *one)
{
	return one->instance.name[0] ? one->instance.name : one->instance.id;
}

/* About, by list prices: four decimals are enough. */
static int64_t disks_per_day(const struct powered *one)
{
	return one->disk_price == MONEY_UNKNOWN
		       ? MONEY_UNKNOWN
		       : (one->disk_price * HOURS_PER_DAY + 50) / 100 * 100;
}

/* Each once, and each one that can be: one that cannot keeps all from being touched. */
static int find(struct power_run *run, int argc, const char **argv)
{
	const char *named;
	const struct region_choice choice = cli_named_regions(run->cli, &named);
	struct error *err = &run->cli->error;

	for (int i = 0; i < argc; i++) {
		struct instance_list *list = &run->lists[run->nr_lists];
		bool known = false;

		if (instance_find_one(&run->fleet, argv[i], &choice, false, list, err) < 0)
			return -1;
		run->nr_lists++;
		if (power_check(&run->fleet, run->want, &list->v[0], err) < 0)
			return -1;
		for (size_t k = 0; k < run->nr; k++)
			known |= strcmp(run->v[k].instance.id, list->v[0].id) == 0;
		if (!known)
			run->v[run->nr++].instance = list->v[0];
	}
	return 0;
}

static bool bills_all(const struct power_run *run)
{
	return run->fleet.ops->off_bills == OFF_BILLS_ALL;
}

/* "$0.7600/h ", or nothing where nobody knows. */
static const char *rate_of(struct power_run *run, const struct instance *instance)
{
	return instance->price > 0 ? arena_printf(&run->arena, ", $%s/h,",
						  text_money(&run->arena, instance->price))
				   : "";
}

/* Whoever stops one to save money would save none. */
static int ask_bills_on(struct power_run *run)
{
	const struct instance *first = &run->v[0].instance;
	const char *title = run->fleet.ops->title;

	if (run->cli->yes)
		cli_warning(run->cli,
			    "%s bills a machine that is off%s as before: only 'gpucloud "
			    "terminate' ends that",
			    title, run->nr == 1 ? rate_of(run, first) : "");
	if (run->nr == 1)
		return confirm_yes(run->cli,
				   "%s bills a machine that is off%s as before; only 'gpucloud "
				   "terminate' ends that. Stop %s (%s, %s in %s) all the same?",
				   title, rate_of(run, first), name_of(&run->v[0]), first->id,
				   first->type, first->zone.name);
	return confirm_yes(run->cli,
			   "%s bills machines that are off as before; only 'gpucloud terminate' "
			   "ends that. Stop these %zu all the same?",
			   title, run->nr);
}

/* What runs on it ends, and what lies on disks inside the machine is lost. */
static int ask(struct power_run *run)
{
	const struct instance *first = &run->v[0].instance;

	if (run->want != POWER_STOP)
		return 0;
	progress_end(run->cli);
	if (bills_all(run))
		return ask_bills_on(run);
	if (run->nr == 1)
		return confirm_yes(run->cli,
				   "Stop %s (%s, %s in %s)? What is on its local disks is lost.",
				   name_of(&run->v[0]), first->id, first->type, first->zone.name);
	return confirm_yes(run->cli,
			   "Stop these %zu instances? What is on their local disks is lost.",
			   run->nr);
}

static void waiting(void *ctx, size_t left, int64_t seconds)
{
	progress_update(ctx, "waiting until the cloud confirms %zu (%lld s)", left,
			(long long)seconds);
}

/* Being off is no rest there. */
static void tell_fate_of_billed(struct power_run *run, const struct reap_policy *policy)
{
	char text[TIME_TEXT_MAX];

	if (policy->expires && !policy->protected)
		cli_line(run->cli, "  fate      'reap' ends it at %s, its time limit, as if it ran",
			 time_format(text, policy->expires));
	else
		cli_line(run->cli, "  fate      stays, and bills, until you end it");
}

/* What becomes of it if nobody does anything. */
static void tell_fate(struct power_run *run, const struct instance *instance)
{
	struct cli *cli = run->cli;
	struct error ignored = ERROR_INIT;
	struct reap_policy policy;
	char text[TIME_TEXT_MAX];

	reap_policy_read(instance, &policy, &ignored);
	if (bills_all(run)) {
		tell_fate_of_billed(run, &policy);
		return;
	}
	if (policy.stopped && !policy.protected)
		cli_line(cli, "  fate      was stopped for being idle: 'reap' ends it at %s",
			 time_format(text, policy.stopped + REAP_STOPPED_S));
	else
		cli_line(cli, "  fate      stays until you end it: neither its time limit nor "
			      "'reap' ends what you stopped");
	if (policy.expires)
		cli_line(cli,
			 "  limit     counts on once it runs again; its tag is over at %s: started "
			 "later, it wants a 'gpucloud hold'",
			 time_format(text, policy.expires));
}

static void tell_stopped(struct power_run *run, const struct powered *one)
{
	struct cli *cli = run->cli;

	cli_line(cli, "%s (%s) is stopped, confirmed by the cloud", name_of(one), one->instance.id);
	if (bills_all(run))
		cli_line(cli, "  bills on  all of it%s as before, until: gpucloud terminate %s",
			 rate_of(run, &one->instance), fleet_target(&run->fleet, &one->instance));
	else if (one->disk_price != MONEY_UNKNOWN && one->disk_gib)
		cli_line(cli, "  bills on  its disks: %llu GiB, about $%s a day",
			 (unsigned long long)one->disk_gib,
			 text_money(&run->arena, disks_per_day(one)));
	else if (one->disk_price != MONEY_UNKNOWN)
		cli_line(cli, "  bills on  its disk: about $%s a day",
			 text_money(&run->arena, disks_per_day(one)));
	else
		cli_line(cli, "  bills on  its disks");
	if (!bills_all(run) && one->instance.public_ip[0])
		cli_line(cli, "            its address, too: it keeps it");
	tell_fate(run, &one->instance);
	/* One that it keeps while it is off is fixed. */
	cli_line(cli, "  go on     gpucloud start %s   (its address will be %s)",
		 fleet_target(&run->fleet, &one->instance),
		 one->instance.public_ip[0] ? "the same" : "another");
}

static void tell_started(struct power_run *run, const struct powered *one)
{
	struct cli *cli = run->cli;
	char text[TIME_TEXT_MAX];

	cli_line(cli, "%s (%s) is running%s%s", name_of(one), one->instance.id,
		 one->instance.public_ip[0] ? " at " : "", one->instance.public_ip);
	cli_line(cli, "  log in    gpucloud ssh %s", fleet_target(&run->fleet, &one->instance));
	if (one->instance.expires && one->instance.expires <= one->instance.launched)
		cli_line(cli,
			 "  limit     passed at %s, while it was stopped: in 15 min 'reap' and "
			 "'sweep' may end it. To keep it: gpucloud hold %s TIME",
			 time_format(text, one->instance.expires),
			 fleet_target(&run->fleet, &one->instance));
}

static cJSON *to_json(const struct powered *one)
{
	cJSON *object = json_of_instance(&one->instance);

	cJSON_AddBoolToObject(object, "asked", one->asked);
	cJSON_AddBoolToObject(object, "confirmed", one->confirmed);
	json_add_money(object, "disk_usd_per_day", disks_per_day(one));
	cJSON_AddStringToObject(object, "error", one->err.message);
	return object;
}

static int report(struct power_run *run)
{
	struct cli *cli = run->cli;
	cJSON *object = cJSON_CreateObject();
	cJSON *array =
		cJSON_AddArrayToObject(object, run->want == POWER_STOP ? "stopped" : "started");
	int rc = 0;

	for (size_t i = 0; i < run->nr; i++) {
		const struct powered *one = &run->v[i];

		cJSON_AddItemToArray(array, to_json(one));
		if (one->err.kind != ERROR_NONE) {
			cli_warning(cli, "%s (%s): %s", name_of(one), one->instance.id,
				    one->err.message);
			if (one->err.hint[0])
				cli_note(cli, "  %s", one->err.hint);
			rc = rc ? rc : cli_exit_code(one->err.kind);
		} else if (!one->confirmed) {
			cli_warning(cli,
				    "%s (%s): the cloud accepted it but still says '%s'. Look "
				    "again: gpucloud show %s",
				    name_of(one), one->instance.id,
				    instance_state_name(one->instance.state),
				    fleet_target(&run->fleet, &one->instance));
			rc = EXIT_ATTENTION;
		} else if (!cli->json) {
			(run->want == POWER_STOP ? tell_stopped : tell_started)(run, one);
		}
		if (one->tag_err.kind != ERROR_NONE)
			cli_warning(cli, "%s (%s): %s", name_of(one), one->instance.id,
				    one->tag_err.message);
	}
	if (cli->json)
		cli_json_print(cli, object);
	else
		cJSON_Delete(object);
	return rc;
}

static void rehearse(struct power_run *run)
{
	const char *verb = run->want == POWER_STOP ? "stop" : "start";
	cJSON *object = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(object, run->want == POWER_STOP ? "would_stop"
									      : "would_start");

	for (size_t i = 0; i < run->nr; i++) {
		cJSON_AddItemToArray(array, json_of_instance(&run->v[i].instance));
		if (!run->cli->json)
			cli_line(run->cli, "would %s %s (%s, now %s)", verb, run->v[i].instance.id,
				 name_of(&run->v[i]),
				 instance_state_name(run->v[i].instance.state));
	}
	if (run->cli->json)
		cli_json_print(run->cli, object);
	else
		cJSON_Delete(object);
}

static int carry_out(struct power_run *run, int argc, const char **argv, unsigned timeout)
{
	struct cli *cli = run->cli;
	const struct power_events events = { cli, waiting, true };

	if (find(run, argc, argv) < 0)
		return -1;
	if (cli->dry_run) {
		progress_end(cli);
		rehearse(run);
		return 0;
	}
	if (ask(run) < 0)
		return -1;
	progress_start(cli, "%s", run->want == POWER_STOP ? "stopping" : "starting");
	power_all(&run->fleet, run->want, run->v, run->nr, timeout ? timeout : 300, &events,
		  &run->arena);
	progress_end(cli);
	return report(run);
}

static int power(struct cli *cli, enum power want, const struct power_args *args, int argc,
		 const char **argv)
{
	struct power_run run = { .cli = cli, .want = want };

	for (int i = 0; i < argc; i++)
		if (instance_check_target(argv[i], &cli->error) < 0)
			return -1;
	progress_start(cli, "looking for %s", argv[0]);
	if (cli_open_fleet(cli, &run.fleet, true) < 0)
		return -1;
	run.lists = xcalloc((size_t)argc, sizeof(*run.lists));
	run.v = xcalloc((size_t)argc, sizeof(*run.v));
	int rc = carry_out(&run, argc, argv, args->timeout);

	progress_end(cli);
	for (size_t i = 0; i < run.nr_lists; i++)
		instance_list_release(&run.lists[i]);
	free(run.lists);
	free(run.v);
	arena_release(&run.arena);
	fleet_close(&run.fleet);
	return rc;
}

static int stop_run(struct cli *cli, void *data, int argc, const char **argv)
{
	return power(cli, POWER_STOP, data, argc, argv);
}

static int start_run(struct cli *cli, void *data, int argc, const char **argv)
{
	return power(cli, POWER_START, data, argc, argv);
}

const struct command cmd_stop = {
	.name = "stop",
	.group = "Run",
	.summary = "stop an instance, and say what bills on",
	.usage = "gpucloud stop NAME|ID...",
	.details = "Returns when the cloud says that it is stopped. Its disks stay and bill on;\n"
		   "what is on disks inside the machine (instance store, /dev/nvme1n1 and the\n"
		   "like) is lost, and its address changes. On EC2 a spot instance cannot be\n"
		   "stopped, only terminated. While it is stopped its time limit does not count,\n"
		   "and 'reap' leaves it: it stays, and its disks bill, until you end it. Where a\n"
		   "cloud bills a machine that is off as before, that is said, and asked about.",
	.opts = power_opts,
	.args_size = sizeof(struct power_args),
	.examples = "gpucloud stop train\n"
		    "gpucloud --yes stop train i-0123456789abcdef0\n",
	.exits = "3 there is no such instance\n"
		 "8 the cloud did not confirm in time\n",
	.min_args = 1,
	.max_args = COMMAND_ANY_ARGS,
	.flags = COMMAND_ALSO,
	.run = stop_run,
};

const struct command cmd_start = {
	.name = "start",
	.group = "Run",
	.summary = "start a stopped instance; billing goes on",
	.usage = "gpucloud start NAME|ID...",
	.details = "Returns when the cloud says that it runs. Its address is a new one; its host\n"
		   "key is not, and 'gpucloud ssh' verifies it as before.",
	.opts = power_opts,
	.args_size = sizeof(struct power_args),
	.examples = "gpucloud start train\n",
	.exits = "3 there is no such instance\n"
		 "5 the zone has no capacity for it now\n"
		 "8 the cloud did not confirm in time\n",
	.min_args = 1,
	.max_args = COMMAND_ANY_ARGS,
	.flags = COMMAND_ALSO,
	.run = start_run,
};

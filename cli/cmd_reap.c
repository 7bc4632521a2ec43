/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud reap: one pass over all that runs, for cron; silent where there is nothing to do. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/timefmt.h"
#include "fleet/reaper.h"

#define EXIT_ATTENTION 8
#define PERIOD_MOST_S  INT64_C(86400)

struct reap_args {
	const char *period;
	unsigned jitter;
	bool all_owners;
};

static const struct opt reap_opts[] = {
	OPT_STRING_AT(0, "period", struct reap_args, period, "TIME",
		      "how often it is run; budgets end before the next (5m)"),
	OPT_UINT_AT(0, "jitter", struct reap_args, jitter, "SECONDS", 1, 3600,
		    "wait up to so long first, where there is no terminal"),
	OPT_FLAG_AT(0, "all-owners", struct reap_args, all_owners,
		    "those of others in this account too"),
	OPT_END,
};

struct reap_run {
	struct cli *cli;
	struct reap_report report;
	size_t acted, open, told, unknown;
};

/* Of one that was protected since, somebody said what is to become of it. */
static bool is_unknown(const struct reap_item *item)
{
	return item->instance.policy_unknown && item->decision.verdict == REAP_UNKNOWN;
}

static const char *name_of(const struct reap_item *item)
{
	return item->instance.name[0] ? item->instance.name : item->instance.id;
}

static void waiting(void *ctx, size_t left, int64_t seconds)
{
	progress_update(ctx, "waiting until the cloud confirms %zu (%lld s)", left,
			(long long)seconds);
}

static cJSON *to_json(const struct reap_item *item, const char *action)
{
	cJSON *object = cJSON_CreateObject();

	json_add_time(object, "time", item->facts.now);
	cJSON_AddStringToObject(object, "action", action);
	cJSON_AddItemToObject(object, "instance", json_of_instance(&item->instance));
	cJSON_AddStringToObject(object, "reason", item->decision.reason);
	cJSON_AddBoolToObject(object, "confirmed", item->confirmed);
	cJSON_AddStringToObject(object, "error", item->err.message);
	cJSON_AddStringToObject(object, "trouble", item->trouble);
	json_add_money(object, "usd_total",
		       item->cost.seconds || item->cost.total ? item->cost.total : MONEY_UNKNOWN);
	return object;
}

/* One line for what was done: time, what, to whom, why, and what it cost. */
static void tell(struct reap_run *run, const struct reap_item *item, const char *action)
{
	struct cli *cli = run->cli;
	struct arena arena = { 0 };
	char text[TIME_TEXT_MAX];

	if (cli->json) {
		cli_json_line(cli, "action", to_json(item, action));
		return;
	}
	bool priced = item->cost.seconds && item->cost.total != MONEY_UNKNOWN;
	cli_line(cli, "%s %s %s %s: %s%s%s", time_format(text, item->facts.now), action,
		 name_of(item), item->instance.id, item->decision.reason,
		 priced ? "; cost so far $" : "",
		 priced ? text_money(&arena, item->cost.total) : "");
	arena_release(&arena);
}

static void tell_admitted(struct reap_run *run, const struct reap_item *item)
{
	struct cli *cli = run->cli;
	char text[TIME_TEXT_MAX];

	if (cli->json) {
		cJSON *object = to_json(item, "admit");

		cJSON_AddStringToObject(object, "admitted", item->admitted);
		cli_json_line(cli, "action", object);
		return;
	}
	cli_line(cli, "%s admit %s %s: %s is now let in by its firewall",
		 time_format(text, item->facts.now), name_of(item), item->instance.id,
		 item->admitted);
}

/* The policy is in the tag: a machine that counts down to something else is set right. */
static void tell_limit(struct reap_run *run, const struct reap_item *item)
{
	struct cli *cli = run->cli;
	char now[TIME_TEXT_MAX], was[TIME_TEXT_MAX], is[TIME_TEXT_MAX];

	if (cli->json) {
		cJSON *object = to_json(item, "limit");

		json_add_time(object, "limit_was", item->limit_was);
		json_add_time(object, "limit", item->facts.policy.expires);
		cli_json_line(cli, "action", object);
		return;
	}
	cli_line(cli, "%s limit %s %s: its own time limit, %s, was set to that of its tag, %s",
		 time_format(now, item->facts.now), name_of(item), item->instance.id,
		 time_format(was, item->limit_was), time_format(is, item->facts.policy.expires));
}

static void tell_failed(struct reap_run *run, const struct reap_item *item, const char *action)
{
	cli_warning(run->cli, "%s (%s): %s wanted (%s), not confirmed: %s", name_of(item),
		    item->instance.id, action, item->decision.reason,
		    item->err.kind != ERROR_NONE ? item->err.message
						 : instance_state_name(item->instance.state));
	if (item->err.hint[0])
		cli_note(run->cli, "  %s", item->err.hint);
}

static void report_item(struct reap_run *run, const struct reap_item *item)
{
	const char *action = reap_verdict_name(item->decision.verdict);
	struct cli *cli = run->cli;

	if (item->admitted[0])
		tell_admitted(run, item);
	if (item->acted) {
		run->acted += item->confirmed;
		run->open += !item->confirmed;
		if (item->confirmed || cli->json)
			tell(run, item, action);
		if (!item->confirmed)
			tell_failed(run, item, action);
		else if (item->err.kind != ERROR_NONE)
			cli_warning(cli, "%s (%s): %s", name_of(item), item->instance.id,
				    item->err.message);
	} else if (item->err.kind != ERROR_NONE) {
		run->open++;
		cli_warning(cli, "%s (%s): %s", name_of(item), item->instance.id,
			    item->err.message);
	}
	if (item->renewed)
		tell_limit(run, item);
	run->unknown += is_unknown(item);
	if (!item->trouble[0])
		return;
	run->told++;
	if (item->tell || cli->verbose)
		cli_warning(cli, "%s (%s): %s", name_of(item), item->instance.id, item->trouble);
}

/* What would be done, and why not. */
static void rehearse(struct reap_run *run, const struct reap_item *item)
{
	struct cli *cli = run->cli;

	run->unknown += is_unknown(item);
	if (cli->json)
		cli_json_line(cli, "verdict",
			      to_json(item, reap_verdict_name(item->decision.verdict)));
	else
		cli_line(cli, "%s %s (%s): %s", reap_verdict_name(item->decision.verdict),
			 name_of(item), item->instance.id, item->decision.reason);
	if (item->trouble[0])
		cli_warning(cli, "%s (%s): %s", name_of(item), item->instance.id, item->trouble);
}

static void report_others(struct reap_run *run)
{
	const struct reap_report *report = &run->report;
	struct cli *cli = run->cli;

	if (report->others_overdue && !report->nr &&
	    (report->tell_others || cli->dry_run || cli->verbose))
		cli_warning(cli,
			    "nothing here is yours, and of %s %zu are past their time, with nobody "
			    "to end them: run this as they do (GPUCLOUD_OWNER), or with "
			    "--all-owners",
			    report->others_names, report->others_overdue);
	else if (report->others && (cli->dry_run || cli->verbose))
		cli_note(cli, "%zu of other owners left alone (%s)", report->others,
			 report->others_names);
}

static int report(struct reap_run *run)
{
	const struct reap_report *report = &run->report;
	const struct instance_list *list = &report->list;
	struct cli *cli = run->cli;

	for (size_t i = 0; i < report->nr; i++)
		(cli->dry_run ? rehearse : report_item)(run, &report->v[i]);
	if (report->store_set_aside)
		cli_warning(cli,
			    "the looks kept in '%s/samples.db' were corrupt and are set "
			    "aside; what is idle must show anew",
			    cli->paths.state);
	if (report->store_err.kind != ERROR_NONE)
		cli_warning(cli, "looks cannot be kept, so nothing is seen to be idle: %s",
			    report->store_err.message);
	cli_warn_failures(cli, list->failures, list->nr_failures);
	report_others(run);
	if (cli->json) {
		cJSON *summary = cJSON_CreateObject();

		cJSON_AddNumberToObject(summary, "instances", (double)report->nr);
		cJSON_AddNumberToObject(summary, "of_others", (double)report->others);
		cJSON_AddNumberToObject(summary, "of_others_overdue",
					(double)report->others_overdue);
		cJSON_AddNumberToObject(summary, "acted", (double)run->acted);
		cJSON_AddNumberToObject(summary, "not_confirmed", (double)run->open);
		cJSON_AddNumberToObject(summary, "troubles", (double)run->told);
		cJSON_AddNumberToObject(summary, "policies_unknown", (double)run->unknown);
		cJSON_AddBoolToObject(summary, "dry_run", cli->dry_run);
		json_add_failures(summary, list->failures, list->nr_failures);
		cli_json_line(cli, "summary", summary);
	}
	/* Nobody ends those of which nobody knows when. */
	if (run->open || run->unknown)
		return EXIT_ATTENTION;
	return list->nr_failures || report->store_err.kind != ERROR_NONE ? 1 : 0;
}

/*
 * 1: ours; 0: another one is at it for the same account and owner; -1: nobody can know. Two at once do no harm,
 * so that must not keep anything running.
 */
static int take_lock(struct cli *cli, const char *owner, int *fd, struct error *err)
{
	/* What leads to an account, as far as it is known without asking the cloud who we are. */
	static const char *const keys[] = { "provider", "profile", "aws_profile", "endpoint_url" };
	const char *key_id = settings_env(cli->settings, "AWS_ACCESS_KEY_ID");
	struct buf whose = BUF_INIT;
	char hex[SHA256_HEX_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value = settings_get(cli->settings, keys[i]);

		buf_addf(&whose, "%s\n", value ? value : "");
	}
	buf_addf(&whose, "%s\n%s", key_id ? key_id : "", owner);
	sha256_hex(whose.data, whose.len, hex);
	char *path = xasprintf("%s/reap-%.16s.lock", cli->paths.state, hex);
	buf_release(&whose);
	*fd = dir_make(cli->paths.state, err) < 0 ? -1 : file_lock(path, err);
	free(path);
	return *fd >= 0 ? 1 : *fd == -2 ? 0 : -1;
}

/* So that many computers do not ask the cloud in the same second. */
static int wait_a_little(struct cli *cli, unsigned jitter)
{
	if (!jitter || cli->err_terminal || cli->out_terminal || isatty(STDIN_FILENO))
		return 0;
	if (clock_sleep_ms(&clock_system,
			   (int64_t)rng_below(&rng_system, (uint64_t)jitter * 1000 + 1)) < 0)
		return error_set(&cli->error, ERROR_CANCELLED, "interrupted; nothing was done");
	return 0;
}

static int pass(struct cli *cli, struct fleet *fleet, const struct reap_args *args,
		int64_t period_s)
{
	const struct reap_events events = { cli, waiting };
	struct reap_run run = { .cli = cli };
	const char *named;
	int rc = -1;

	const struct reap_options options = {
		.regions = cli_named_regions(cli, &named),
		.all_owners = args->all_owners,
		.dry_run = cli->dry_run,
		.period_s = period_s,
	};
	if (reap_pass(fleet, &options, &events, &run.report, &cli->error) == 0) {
		progress_end(cli);
		rc = report(&run);
		reap_report_release(&run.report);
	}
	return rc;
}

/* One at a time for each account and owner. */
static int locked_pass(struct cli *cli, struct fleet *fleet, const struct reap_args *args,
		       int64_t period_s)
{
	struct error why = ERROR_INIT;
	int fd = -1;

	if (cli->dry_run)
		return pass(cli, fleet, args, period_s);
	int locked = take_lock(cli, fleet->owner, &fd, &why);
	if (!locked) {
		if (cli->verbose)
			cli_note(cli, "another 'gpucloud reap' is at work: nothing to do");
		return 0;
	}
	if (locked < 0)
		cli_warning(cli,
			    "going on, though another 'reap' cannot be kept from beginning: %s",
			    why.message);
	int rc = pass(cli, fleet, args, period_s);
	if (fd >= 0)
		close(fd);
	return locked < 0 && rc == 0 ? 1 : rc;
}

static int reap_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct reap_args *args = data;
	int64_t period_s = REAP_PERIOD_S;
	struct fleet fleet = { 0 };

	(void)argc;
	(void)argv;
	if (args->period && duration_parse(args->period, "--period", &period_s, &cli->error) < 0)
		return -1;
	if (period_s > PERIOD_MOST_S)
		return cli_usage(cli, "--period '%s' is more than a day", args->period);
	if (wait_a_little(cli, args->jitter) < 0)
		return -1;
	progress_start(cli, "looking at what runs");
	if (cli_open_fleet(cli, &fleet, true) < 0)
		return -1;
	int rc = locked_pass(cli, &fleet, args, period_s);
	progress_end(cli);
	fleet_close(&fleet);
	return rc;
}

const struct command cmd_reap = {
	.name = "reap",
	.group = "Run",
	.summary = "from cron: end what is idle, over time or over budget",
	.usage = "gpucloud reap [options]",
	.details =
		"One pass over all of yours in every region: what each one's own policy says\n"
		"(launch --idle, --ttl, --budget; hold) is done. Idle is ended only after a\n"
		"warning on its terminals, at the next pass. What cannot be known counts as\n"
		"busy; a time limit binds all the same. What you stopped yourself is left. Only\n"
		"yours are touched, by the owner's tag. Nothing to do: nothing is printed.",
	.opts = reap_opts,
	.args_size = sizeof(struct reap_args),
	.examples = "gpucloud reap --dry-run\n"
		    "gpucloud reap --period 5m --jitter 30   # from cron, every five minutes\n",
	.exits = "0 nothing to do, or all of it done\n"
		 "1 a region did not answer, or nothing can be kept here; the rest is done\n"
		 "8 an end was not confirmed; or a policy is unknown, so nothing ends it\n",
	.run = reap_run,
};

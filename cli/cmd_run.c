/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpucloud run: a job from here to there and back. Launch (or one that runs), push, set-up, the job
 * in a session of its own, its output here, its results home, the instance ended, the receipt. What
 * the job prints is our output; everything else goes to stderr.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/amount.h"
#include "cli/command.h"
#include "cli/common.h"
#include "cli/copy_show.h"
#include "cli/job_file.h"
#include "cli/job_session.h"
#include "cli/launch_cloud.h"
#include "cli/launch_flow.h"
#include "cli/launch_show.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/run_wanted.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/timefmt.h"
#include "fleet/instances.h"
#include "fleet/labels.h"
#include "fleet/reap.h"

#define CONNECT_S     60
#define MKDIR_MS      30000
#define DISK_PER_PUSH 4 /* unpacked twice for a moment, and what the job makes of it */

static const struct opt run_opts[] = {
	OPT_STRING_AT('f', "file", struct run_args, file, "FILE",
		      "a job file; options and command here win over it"),
	OPT_STRING_AT(0, "on", struct run_args, on, "NAME", "on an instance that runs; it stays"),
	OPT_STRING_AT(0, "push", struct run_args, push, "DIR",
		      "send this folder, or none (the one we are in)"),
	OPT_FLAG_AT(0, "delete", struct run_args, mirror, "remove there what is not here"),
	OPT_STRINGS_AT(0, "exclude", struct run_args, excludes, "PATTERN",
		       "do not send it, as in .gitignore"),
	OPT_STRING_AT(0, "dir", struct run_args, dir, "PATH", "where it goes, and the job runs"),
	OPT_STRING_AT(0, "setup", struct run_args, setup, "COMMAND", "run this first"),
	OPT_STRINGS_AT('e', "env", struct run_args, env, "NAME[=VALUE]", "a variable of the job"),
	OPT_STRINGS_AT(0, "secret", struct run_args, secrets, "NAME",
		       "a variable of ours that only the job gets to see"),
	OPT_STRINGS_AT('o', "out", struct run_args, outputs, "PATH[:LOCAL]",
		       "bring this home when it has ended"),
	OPT_FLAG_AT('d', "detach", struct run_args, detach, "do not wait for its end"),
	OPT_FLAG_AT(0, "keep", struct run_args, keep, "do not end the instance"),
	OPT_FLAG_AT(0, "keep-failed", struct run_args, keep_failed, "not if the job failed"),
	OPT_STRING_AT(0, "linger", struct run_args, linger, "TIME",
		      "the machine's end after the job, if nobody is here (2h)"),
	OPT_FLAG_AT(0, "beside", struct run_args, beside, "although another job runs there"),
	OPT_END,
};

/* One run, from its options to its end. */
struct run {
	struct cli *cli;
	const struct run_args *args;
	struct run_wanted wanted;
	struct launch_wanted launch;
	struct job_session session;
	bool ours;     /* made by us: ended by us, if the job could not be started */
	char made[80]; /* its id, or "" */
};

/* --- what is refused at once ------------------------------------------------------------------ */

static int check(struct cli *cli, const struct run_args *args, bool command)
{
	const struct launch_args *launch = &args->launch;

	if (!command)
		return cli_usage(cli, "run needs a command: gpucloud run [options] -- COMMAND");
	if (launch->user_data || launch->wait)
		return cli_usage(cli, "run logs in to its machine: no --user-data, no --wait");
	if (args->on &&
	    (launch->type || launch->gpu || launch->gpus || launch->spot || launch->bid ||
	     launch->name || launch->zone || launch->image || launch->disk || launch->budget ||
	     launch->ttl || launch->idle || launch->from || launch->ports.nr || launch->protect ||
	     launch->static_address || launch->subnet || launch->zone_by || launch->on_demand))
		return cli_usage(cli, "--on takes an instance as it is: no options of launch");
	if (args->on && args->keep)
		return cli_usage(cli, "--on never ends the instance: leave out --keep");
	return 0;
}

static void tell_plan(struct run *run)
{
	struct cli *cli = run->cli;
	const struct run_wanted *wanted = &run->wanted;

	if (wanted->push)
		cli_note(cli, "push      %s (%s) -> %s%s", wanted->push,
			 amount_of(wanted->push_files, wanted->push_bytes).text,
			 strchr("/~", wanted->spec.folder[0]) ? "" : "~/", wanted->spec.folder);
	if (!wanted->nr_outputs && !wanted->spec.keep)
		cli_warning(cli, "nothing is brought home (--out PATH): what the job writes ends "
				 "with the instance");
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "command", wanted->spec.command);
		cJSON_AddItemToObject(object, "push", out_text(wanted->push));
		cJSON_AddNumberToObject(object, "push_files", (double)wanted->push_files);
		cJSON_AddNumberToObject(object, "push_bytes", (double)wanted->push_bytes);
		cJSON_AddItemToObject(object, "folder", out_text(wanted->spec.folder));
		cli_json_line(cli, "job_plan", object);
	}
}

/* --- the machine ------------------------------------------------------------------------------ */

static unsigned disk_for(uint64_t bytes)
{
	uint64_t gib = (bytes * DISK_PER_PUSH) >> 30;

	return gib > 16384 ? 16384 : (unsigned)gib;
}

/* A new one, proven; or one of that name. */
static int launch(struct run *run)
{
	struct cli *cli = run->cli;
	struct launch_flow flow;

	run->launch.launch.disk_more_gib = disk_for(run->wanted.push_bytes);
	int rc = launch_flow(cli, &run->session.reach.fleet, &run->launch, &flow);
	if (flow.made)
		launch_show_outcome(cli, &flow.outcome, &flow.ready);
	run->ours = flow.made && !flow.outcome.existed;
	if (flow.made && flow.outcome.existed)
		run->session.keep = run->wanted.spec.keep = true;
	if (rc == 0 && flow.ready.tested && flow.ready.report.verdict == SELFTEST_FAIL)
		rc = error_set(&cli->error, ERROR_CONFLICT,
			       "its GPU failed the self-test: the job was not started");
	if (flow.made)
		snprintf(run->made, sizeof(run->made), "%s", flow.outcome.made.instance.id);
	launch_flow_release(&flow);
	if (rc < 0 || cli->dry_run)
		return rc;
	return reach_find(cli, run->made, &run->session.reach);
}

static int get_machine(struct run *run)
{
	struct cli *cli = run->cli;
	struct reach *reach = &run->session.reach;

	progress_start(cli, "starting");
	if (cli_open_fleet(cli, &reach->fleet, false) < 0 ||
	    (!run->args->on && launch_cloud_check(cli, &reach->fleet, &run->args->launch) < 0))
		return -1;
	cli_settle(cli, &reach->fleet);
	if (run->args->on)
		return reach_find(cli, run->args->on, reach);
	if (launch_wanted_read(cli, &reach->fleet, &run->args->launch, &run->launch) < 0)
		return -1;
	const struct job_aside aside = job_aside_begin(cli);
	int rc = launch(run);
	job_aside_end(cli, &aside);
	return rc;
}

/* What is pushed goes where another job may be at work: it is looked for before, not after. */
static int check_free(struct run *run)
{
	struct error *err = &run->cli->error;
	char other[JOB_ID_MAX];

	if (run->ours || run->args->beside)
		return 0;
	int rc = job_other(&run->session.reach.machine, NULL, other, err);
	if (rc <= 0)
		return rc;
	error_set(err, ERROR_CONFLICT, "job '%s' runs there", other);
	return error_hint(err, JOB_RUNS_HINT);
}

/* --- the push --------------------------------------------------------------------------------- */

/* A push wants the folder to be there that its target is in; a job's folder is made as it is asked for. */
static int make_parent(struct run *run)
{
	struct buf command = BUF_INIT, out = BUF_INIT_MAX(1024);
	struct error *err = &run->cli->error;
	const char *folder = run->wanted.spec.folder;
	const char *slash = strrchr(folder, '/');
	struct arena arena = { 0 };
	struct remote_exit ended = { 0 };
	int rc = 0;

	if (strncmp(folder, "~/", 2) == 0)
		folder += 2;
	if (slash && slash > folder) {
		buf_addstr(&command, "mkdir -p -- ");
		run_quote(&command, arena_strndup(&arena, folder, (size_t)(slash - folder)));
		rc = machine_output(&run->session.reach.machine, command.data, MKDIR_MS, &out,
				    &ended, err);
		if (rc == 0 && ended.code != 0)
			rc = error_set(err, ERROR_REMOTE,
				       "cannot make the folder that '%.200s' is in", folder);
	}
	arena_release(&arena);
	buf_release(&command);
	buf_release(&out);
	return rc;
}

static int push(struct run *run)
{
	struct cli *cli = run->cli;
	struct copy_show show = { .cli = cli,
				  .reach = &run->session.reach,
				  .from = run->wanted.push,
				  .to = run->wanted.spec.folder };
	struct sync_result result = { 0 };
	int64_t start = clock_mono_ms(&clock_system);

	if (!run->wanted.push)
		return 0;
	progress_start(cli, "pushing %s", run->wanted.push);
	int rc = make_parent(run);
	if (rc == 0) {
		struct sync_link link = copy_show_link(&show);
		const struct sync_events events = copy_show_events(&show);

		rc = sync_push(&link, show.from, show.to, &run->wanted.sync, &events, &result,
			       &cli->error);
	}
	progress_end(cli);
	copy_show_release(&show);
	if (rc < 0)
		return error_prefix(&cli->error, "push");
	cli_note(cli, "pushed: %s in %.1f s; %s unchanged%s",
		 amount_of(result.files, result.bytes).text,
		 (double)(clock_mono_ms(&clock_system) - start) / 1e3,
		 amount_of_count(result.same_files).text,
		 result.removed ? "; what is not here was removed there" : "");
	return 0;
}

/* --- the job ---------------------------------------------------------------------------------- */

/* The answer may be lost: the same id again starts nothing twice. */
static int start(struct run *run)
{
	struct cli *cli = run->cli;
	struct job_session *session = &run->session;

	job_new_id(clock_now_ms(&clock_system), session->id);
	for (int turn = 0;; turn++) {
		error_clear(&cli->error);
		if (job_start(&session->reach.machine, session->id, &run->wanted.spec,
			      run->args->beside, &cli->error) == 0)
			break;
		if (turn == 3 || interrupted() ||
		    (cli->error.kind != ERROR_NETWORK && cli->error.kind != ERROR_TIMEOUT))
			return -1;
		if (reach_again(cli, &session->reach, CONNECT_S) < 0)
			return -1;
	}
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "status", "running");
		cJSON_AddStringToObject(object, "job", session->id);
		cJSON_AddStringToObject(object, "instance", session->reach.instance->id);
		cli_json_line(cli, "status", object);
	}
	return 0;
}

/* What we launched, where logging in to it failed. */
static int find_made(struct run *run)
{
	struct reach *reach = &run->session.reach;
	const char *named;
	const struct region_choice choice = cli_named_regions(run->cli, &named);

	if (reach->instance)
		return 0;
	interrupt_take();
	if (instance_find_one(&reach->fleet, run->made, &choice, true, &reach->list,
			      &run->cli->error) < 0)
		return -1;
	reach->instance = &reach->list.v[0];
	return 0;
}

/* Nothing of the job exists: what we launched for it is ended. */
static int not_started(struct run *run)
{
	struct cli *cli = run->cli;
	const struct error why = cli->error;

	progress_end(cli);
	if (!run->ours) {
		/* the start was sent, and its answer lost */
		if (run->session.id[0] &&
		    (why.unknown || why.kind == ERROR_NETWORK || why.kind == ERROR_TIMEOUT ||
		     why.kind == ERROR_CANCELLED))
			error_hint(&cli->error, "it may run: gpucloud logs --list %s",
				   run->session.reach.instance->id);
		return -1;
	}
	if (run->args->keep || run->args->keep_failed) {
		cli_note(cli, "%s stays, and bills: gpucloud terminate %s", run->made, run->made);
		return -1;
	}
	cli_note(cli, "the job was not started: %s", why.message);
	if (find_made(run) < 0) {
		cli_warning(cli, "%s was not ended, and bills: %s", run->made, cli->error.message);
		cli->error = why;
		return -1;
	}
	if (job_end_instance(&run->session) == 0) {
		cli->error = why;
		cli->error.hint[0] = '\0'; /* it named an instance that is no more */
	}
	return -1;
}

static int watch(struct run *run)
{
	struct job_session *session = &run->session;

	switch (job_watch(session)) {
	case JOB_WATCH_ENDED:
		return job_summary(session, job_finish(session));
	case JOB_WATCH_DETACHED:
		return job_summary(session, 130);
	case JOB_WATCH_CANCELLED:
		job_finish(session);
		return job_summary(session, 130);
	case JOB_WATCH_GONE:
		return job_gone(session);
	case JOB_WATCH_FAILED:
		break;
	}
	return -1;
}

/* Where a machine that turns itself off when its job has ended bills on, 'reap' must know that this was
 * its end. */
static void mark_once(struct run *run)
{
	const struct tag tag = { TAG_ONCE, "1" };
	struct reach *reach = &run->session.reach;
	struct error err = ERROR_INIT;

	if (run->session.keep || reach->fleet.ops->time_limit == TIME_LIMIT_ENDS)
		return;
	if (fleet_tag(&reach->fleet, reach->instance, &tag, &err) < 0)
		cli_warning(run->cli, "'reap' will end it only at its time limit: %s", err.message);
}

static int go(struct run *run)
{
	struct job_session *session = &run->session;
	struct cli *cli = run->cli;
	int64_t began = clock_mono_ms(&clock_system);

	tell_plan(run);
	if (get_machine(run) < 0)
		return not_started(run);
	if (cli->dry_run)
		return 0;
	if (!run->args->on)
		cli_note(cli, "ready after %.1f s",
			 (double)(clock_mono_ms(&clock_system) - began) / 1e3);
	if (check_free(run) < 0 || push(run) < 0 || start(run) < 0)
		return not_started(run);
	mark_once(run);
	if (run->args->detach) {
		job_tell_detached(session);
		return job_summary(session, 0);
	}
	return watch(run);
}

static int run_run(struct cli *cli, void *data, int argc, const char **argv)
{
	struct run_args *args = data;
	struct run run = { .cli = cli, .args = args };
	struct job_file file = { 0 };
	int rc = -1;

	run_wanted_init(&run.wanted);
	launch_wanted_init(&run.launch);
	if ((!args->file ||
	     job_file_read(args->file, cli->command, args, &file, &cli->error) == 0) &&
	    check(cli, args, argc || file.nr_command) == 0 &&
	    (args->on || launch_wanted_check(cli, &args->launch, &run.launch) == 0) &&
	    run_wanted_read(cli, args, argc ? argc : (int)file.nr_command,
			    argc ? argv : file.command, &run.wanted) == 0) {
		struct job_session *session = &run.session;

		session->cli = cli;
		session->interactive = cli->err_terminal && !cli->json;
		session->outputs = run.wanted.outputs;
		session->nr_outputs = run.wanted.nr_outputs;
		session->keep = run.wanted.spec.keep;
		session->keep_failed = run.wanted.spec.keep_failed;
		session->linger_s = run.wanted.spec.linger_s;
		job_log_init(&session->log, cli, cli->out, cli->out_terminal);
		rc = go(&run);
		job_log_release(&session->log);
		job_release(&session->job);
		reach_close(&session->reach);
	}
	job_file_release(&file);
	launch_wanted_release(&run.launch);
	run_wanted_release(&run.wanted);
	/* what was wrong before anything was begun has its usual code */
	return rc < 0 && cli->error.kind == ERROR_USAGE ? rc : reach_end(cli, rc);
}

const struct command cmd_run = {
	.name = "run",
	.group = "Run",
	.summary = "launch, push, run a job, bring it home, end it",
	.usage = "gpucloud run [options] [--] COMMAND [ARG...]",
	.details =
		"The folder we are in is sent, COMMAND runs in it and prints here; when it has\n"
		"ended, what --out names is fetched and the instance is ended. The job outlives\n"
		"the connection; Ctrl-C asks: detach or cancel. docs/run.md",
	.opts = run_opts,
	.args_size = sizeof(struct run_args),
	.like = &cmd_launch,
	.examples = "gpucloud run --spot --bid 76% --gpu T4 --out results -- ./train.sh\n"
		    "gpucloud run --on train -- python3 eval.py --fast\n"
		    "gpucloud run -f job.yml --detach\n",
	.exits = "125 gpucloud itself failed; 130 detached or cancelled by Ctrl-C\n"
		 "    every other code is the job's own (128 + n: ended by signal n)\n",
	.max_args = COMMAND_ANY_ARGS,
	.stop_after = 1,
	.run = run_run,
};

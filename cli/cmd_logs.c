/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud logs and cancel: a job that runs without us. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/job_session.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "core/timefmt.h"

/* --- logs ------------------------------------------------------------------------------------- */

struct logs_args {
	const char *job;
	unsigned tail;
	bool follow, out, err, list;
};

static const struct opt logs_opts[] = {
	OPT_FLAG_AT('f', "follow", struct logs_args, follow, "go on until it has ended"),
	OPT_UINT_AT(0, "tail", struct logs_args, tail, "LINES", 1, 1000000,
		    "the last lines of each (all)"),
	OPT_FLAG_AT(0, "only-out", struct logs_args, out, "only its standard output"),
	OPT_FLAG_AT(0, "only-err", struct logs_args, err, "only its error output"),
	OPT_STRING_AT(0, "job", struct logs_args, job, "ID", "this one (the latest)"),
	OPT_FLAG_AT('l', "list", struct logs_args, list, "which jobs there are"),
	OPT_END,
};

static const char *const state_names[] = {
	[JOB_STARTING] = "starting", [JOB_SETUP] = "setup", [JOB_RUNNING] = "running",
	[JOB_DONE] = "done",	     [JOB_LOST] = "lost",
};

static cJSON *json_of_job(const struct job *job)
{
	cJSON *object = cJSON_CreateObject();
	int code = job_exit_code(job);

	cJSON_AddStringToObject(object, "job", job->id);
	cJSON_AddStringToObject(object, "state", state_names[job->state]);
	cJSON_AddStringToObject(object, "command", job->spec.command);
	cJSON_AddItemToObject(object, "started", out_time(job->started ? job->started : -1));
	cJSON_AddItemToObject(object, "ended", out_time(job->ended ? job->ended : -1));
	cJSON_AddNumberToObject(object, "seconds", (double)job->ran_s);
	cJSON_AddItemToObject(object, "exit_code",
			      code < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(code));
	return object;
}

static void show_jobs(struct cli *cli, const struct job *jobs, size_t nr)
{
	static const struct table_column columns[] = {
		{ .title = "JOB" },
		{ .title = "STATE" },
		{ .title = "CODE", .right = true },
		{ .title = "TIME", .right = true },
		{ .title = "COMMAND" },
	};
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));
	cJSON *object = cJSON_CreateObject(), *array = cJSON_AddArrayToObject(object, "jobs");

	for (size_t i = 0; i < nr; i++) {
		char code[16] = "", took[TIME_TEXT_MAX];

		if (job_exit_code(&jobs[i]) >= 0)
			snprintf(code, sizeof(code), "%d", job_exit_code(&jobs[i]));
		const char *cells[] = { jobs[i].id, state_names[jobs[i].state], code,
					duration_format(took, jobs[i].ran_s),
					jobs[i].spec.command };
		table_row(table, cells);
		cJSON_AddItemToArray(array, json_of_job(&jobs[i]));
	}
	if (cli->json) {
		cli_json_print(cli, object);
	} else {
		table_print(table);
		cJSON_Delete(object);
	}
	table_free(table);
}

static int list_jobs(struct cli *cli, const char *target)
{
	struct reach reach;
	struct job *jobs = NULL;
	size_t nr = 0;
	int rc = reach_open(cli, target, &reach);

	if (rc == 0)
		rc = job_list(&reach.machine, &jobs, &nr, &cli->error);
	if (rc == 0)
		show_jobs(cli, jobs, nr);
	for (size_t i = 0; i < nr; i++)
		job_release(&jobs[i]);
	free(jobs);
	reach_close(&reach);
	return rc;
}

/* Lost connections are taken up again; the job's end is not ours. */
static int follow(struct job_session *session, const struct logs_args *args)
{
	struct cli *cli = session->cli;
	const struct job_sink sink = { .ctx = &session->log, .write = job_log_write };
	struct job seen = { 0 };
	int rc;

	session->log.only_out = args->out;
	session->log.only_err = args->err;
	for (;;) {
		error_clear(&cli->error);
		rc = job_follow(&session->reach.machine, session->id, &session->place, args->follow,
				&sink, &seen, &cli->error);
		if (rc == 0 || interrupted() || job_log_closed(&session->log) ||
		    (cli->error.kind != ERROR_NETWORK && cli->error.kind != ERROR_TIMEOUT))
			break;
		cli_note(cli, "%s; connecting again", cli->error.message);
		if (reach_again(cli, &session->reach, 120) < 0)
			break;
	}
	if (rc < 0 && job_log_closed(&session->log)) {
		error_clear(&cli->error);
		rc = 0;
	}
	if (rc == 0 && job_log_end(&session->log, &cli->error) < 0)
		rc = -1;
	if (rc == 0)
		job_tell_dropped(cli, &seen);
	if (rc == 0 && cli->json) {
		cli_json_line(cli, "summary", json_of_job(seen.id[0] ? &seen : &session->job));
	} else if (rc == 0 && args->follow && seen.state == JOB_DONE) {
		cli_note(cli, "the job has ended with %d", job_exit_code(&seen));
	}
	job_release(&seen);
	return rc;
}

static int logs_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct logs_args *args = data;
	struct job_session session;

	(void)argc;
	if (args->out && args->err)
		return cli_usage(cli, "--only-out and --only-err leave nothing");
	if (args->list)
		return list_jobs(cli, argv[0]);
	int rc = job_session_open(cli, argv[0], args->job, &session);
	if (rc == 0 && args->tail)
		rc = job_tail(&session.reach.machine, session.id, args->tail, &session.place,
			      &cli->error);
	progress_end(cli);
	if (rc == 0)
		rc = follow(&session, args);
	job_session_close(&session);
	return rc;
}

const struct command cmd_logs = {
	.name = "logs",
	.group = "Use",
	.summary = "what a job printed, or prints",
	.usage = "gpucloud logs [options] NAME|ID",
	.details = "The job's standard output comes to ours, its error output to ours. From any\n"
		   "computer that can log in. Ctrl-C ends the watching, never the job.",
	.opts = logs_opts,
	.args_size = sizeof(struct logs_args),
	.examples = "gpucloud logs -f train\n"
		    "gpucloud logs --tail 20 --only-err train\n"
		    "gpucloud logs --list train\n",
	.exits = "3 there is no such instance, or no job on it\n",
	.min_args = 1,
	.max_args = 1,
	.run = logs_run,
};

/* --- cancel ----------------------------------------------------------------------------------- */

struct cancel_args {
	const char *job;
	unsigned grace;
};

static const struct opt cancel_opts[] = {
	OPT_STRING_AT(0, "job", struct cancel_args, job, "ID", "this one (the latest)"),
	OPT_UINT_AT(0, "grace", struct cancel_args, grace, "SECONDS", 1, 3600,
		    "from SIGTERM to SIGKILL (10)"),
	OPT_END,
};

static int cancel_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct cancel_args *args = data;
	struct job_session session;
	bool was_running = false;
	int rc = job_session_open(cli, argv[0], args->job, &session);

	(void)argc;
	if (rc == 0) {
		progress_update(cli, "ending job %s", session.id);
		rc = job_cancel(&session.reach.machine, session.id,
				args->grace ? (int)args->grace : 10, &was_running, &cli->error);
	}
	progress_end(cli);
	if (rc == 0 && cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "job", session.id);
		cJSON_AddBoolToObject(object, "was_running", was_running);
		cli_json_print(cli, object);
	} else if (rc == 0) {
		cli_note(cli, was_running ? "job %s was ended" : "job %s had ended already",
			 session.id);
		cli_note(cli,
			 "the instance still runs, and bills: gpucloud attach %s%s%s fetches its "
			 "results%s",
			 argv[0], args->job ? " --job " : "", args->job ? args->job : "",
			 session.keep ? "" : " and ends it");
	}
	job_session_close(&session);
	return rc;
}

const struct command cmd_cancel = {
	.name = "cancel",
	.group = "Use",
	.summary = "end a job; its instance stays until its own limit",
	.usage = "gpucloud cancel [options] NAME|ID",
	.details = "SIGTERM to all of its processes, SIGKILL to what is left after --grace.",
	.opts = cancel_opts,
	.args_size = sizeof(struct cancel_args),
	.examples = "gpucloud cancel train\n"
		    "gpucloud cancel --grace 120 train\n",
	.exits = "3 there is no such instance, or no job on it\n",
	.flags = COMMAND_ALSO,
	.min_args = 1,
	.max_args = 1,
	.run = cancel_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/job_session.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "cli/amount.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/terminate_show.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/timefmt.h"
#include "fleet/terminate.h"
#include "ssh/sync/sync.h"

#define END_S	300
#define AGAIN_S 120

/* What the job says of its end, for a person and for a script. */
static void tell_end(struct job_session *session)
{
	static const char *const names[] = {
		[JOB_END_NONE] = "lost",	   [JOB_END_EXIT] = "exit",
		[JOB_END_SIGNAL] = "signal",	   [JOB_END_SETUP] = "setup",
		[JOB_END_CANCELLED] = "cancelled",
	};
	const struct job *job = &session->job;
	struct cli *cli = session->cli;
	char took[TIME_TEXT_MAX];

	duration_format(took, job->ran_s);
	switch (job->end) {
	case JOB_END_EXIT:
		cli_note(cli, "the job ended with %d after %s", job->code, took);
		break;
	case JOB_END_SIGNAL:
		cli_note(cli, "the job was ended by signal %d after %s", job->code, took);
		break;
	case JOB_END_SETUP:
		cli_note(cli, "set-up failed with %d after %s: the job was not started", job->code,
			 took);
		break;
	case JOB_END_CANCELLED:
		cli_note(cli, "the job was cancelled after %s", took);
		break;
	case JOB_END_NONE:
		cli_warning(cli, "the job is gone and left no status: the machine was restarted, "
				 "or ran out of memory");
		break;
	}
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "job", job->id);
		cJSON_AddStringToObject(object, "end", names[job->end]);
		if (job->end == JOB_END_NONE)
			cJSON_AddNullToObject(object, "code");
		else
			cJSON_AddNumberToObject(object, "code", job->code);
		cJSON_AddNumberToObject(object, "seconds", (double)job->ran_s);
		cli_json_line(cli, "job", object);
	}
}

static int sync_again(void *ctx, struct sync_link *link, struct error *err)
{
	struct job_session *session = ctx;

	if (reach_again(session->cli, &session->reach, AGAIN_S) < 0) {
		*err = session->cli->error;
		return -1;
	}
	link->remote = session->reach.machine.remote;
	return 0;
}

static void on_moved(void *ctx, const struct sync_progress *progress)
{
	struct job_session *session = ctx;

	progress_update(session->cli, "fetching: %s of %s",
			amount_of_bytes(progress->done_bytes).text,
			amount_of(progress->files, progress->bytes).text);
}

static void on_note(void *ctx, const char *text)
{
	cli_note(((struct job_session *)ctx)->cli, "%s", text);
}

static int make_parent(struct cli *cli, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct arena arena = { 0 };
	int rc = 0;

	if (slash && slash != path)
		rc = dir_make(arena_strndup(&arena, path, (size_t)(slash - path)), &cli->error);
	arena_release(&arena);
	return rc;
}

static int fetch(struct job_session *session, const struct job_output *output)
{
	struct cli *cli = session->cli;
	const struct sync_events events = { .ctx = session, .progress = on_moved, .note = on_note };
	const struct sync_options options = { 0 };
	struct machine *machine = &session->reach.machine;
	struct sync_link link = {
		.ops = machine->ops, .remote = machine->remote, .ctx = session, .again = sync_again
	};
	struct sync_result result = { 0 };

	progress_start(cli, "fetching %s", output->remote);
	int rc = make_parent(cli, output->local);
	if (rc == 0)
		rc = sync_pull(&link, output->remote, output->local, &options, &events, &result,
			       &cli->error);
	progress_end(cli);
	if (rc < 0) {
		cli_warning(cli, "%s was not fetched: %s", output->remote, cli->error.message);
		error_clear(&cli->error);
		return -1;
	}
	cli_note(cli, "results: %s, %s -> %s", output->remote,
		 amount_of(result.files + result.same_files, result.bytes).text, output->local);
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "from", output->remote);
		cJSON_AddStringToObject(object, "to", output->local);
		cJSON_AddNumberToObject(object, "files", (double)result.files);
		cJSON_AddNumberToObject(object, "bytes", (double)result.bytes);
		cli_json_line(cli, "fetched", object);
	}
	return 0;
}

static void waiting(void *ctx, size_t left, int64_t seconds)
{
	(void)left;
	progress_update(ctx, "waiting until the cloud confirms the end (%lld s)",
			(long long)seconds);
}

int job_end_instance(struct job_session *session)
{
	struct cli *cli = session->cli;
	struct fleet *fleet = &session->reach.fleet;
	const struct terminate_events events = { .ctx = cli, .waiting = waiting };
	struct ending ending = { .instance = *session->reach.instance };
	struct ended ended = { .v = &ending, .nr = 1 };

	machine_close(&session->reach.machine);
	interrupt_take();
	progress_start(cli, "ending the instance");
	if (terminate_all(fleet, &ending, 1, END_S, &events, &cli->error) < 0) {
		progress_end(cli);
		return -1;
	}
	terminate_still_bills(fleet, &ending, 1, &ended.bills, &ended.bills_err);
	progress_end(cli);
	const struct job_aside aside = job_aside_begin(cli);
	int rc = terminate_show_receipt(cli, &ended);
	job_aside_end(cli, &aside);
	leftover_list_release(&ended.bills);
	return rc == 0 ? 0 : EXIT_OWN_FAILURE;
}

/* It stays: who ends it, and how to look for what was not fetched. */
static void tell_kept(struct job_session *session, bool fetched)
{
	const struct instance *instance = session->reach.instance;
	const char *name = instance->name[0] ? instance->name : instance->id;
	struct cli *cli = session->cli;
	char linger[TIME_TEXT_MAX];

	if (!fetched && !session->keep)
		cli_warning(cli,
			    "not everything was fetched, so %s was not ended: it ends itself "
			    "within %s",
			    name, duration_format(linger, session->linger_s));
	else
		cli_note(cli, "%s stays, and bills", name);
	cli_note(cli, "  look    gpucloud ssh %s", name);
	cli_note(cli, "  end it  gpucloud terminate %s", name);
}

int job_finish(struct job_session *session)
{
	const struct job *job = &session->job;
	int code = job_exit_code(job);
	bool fetched = true;

	tell_end(session);
	if (!session->reach.machine.remote && session->nr_outputs)
		fetched = reach_again(session->cli, &session->reach, AGAIN_S) == 0;
	/* Set-up that failed leaves nothing to fetch. */
	for (size_t i = 0; fetched && job->end != JOB_END_SETUP && i < session->nr_outputs; i++)
		fetched = fetch(session, &session->outputs[i]) == 0 && fetched;
	if (code < 0)
		code = EXIT_OWN_FAILURE;
	bool keep = session->keep || (session->keep_failed && code != 0);
	if (keep || !fetched) {
		tell_kept(session, fetched);
		return fetched ? code : EXIT_OWN_FAILURE;
	}
	int rc = job_end_instance(session);
	return rc == 0 ? code : rc;
}

int job_gone(struct job_session *session)
{
	enum instance_state state = session->reach.instance->state;
	struct cli *cli = session->cli;
	char why[sizeof(cli->error.message)];

	snprintf(why, sizeof(why), "%s", cli->error.message);
	/* What is gone is asked for once more: it costs nothing, tidies up, and tells the receipt. One
	 * that somebody stopped is theirs to start again. */
	if (state == INSTANCE_ENDING || state == INSTANCE_GONE)
		job_end_instance(session);
	error_clear(&cli->error);
	error_set(&cli->error, ERROR_NETWORK, "the job did not end before its instance: %s", why);
	return -1;
}

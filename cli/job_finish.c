/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/job_session.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "cli/amount.h"
#include "cli/common.h"
#include "cli/copy_show.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/terminate_show.h"
#include "core/interrupt.h"
#include "core/timefmt.h"
#include "fleet/look.h"
#include "fleet/terminate.h"
#include "ssh/sync/sync.h"

#define END_S	300
#define AGAIN_S 120

void job_tell_dropped(struct cli *cli, const struct job *job)
{
	if (job->out_dropped || job->err_dropped)
		cli_warning(cli, "the machine kept not all that was printed: %s are missing",
			    amount_of_bytes(job->out_dropped + job->err_dropped).text);
}

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

	job_tell_dropped(cli, job);
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

/* The limit was brought down as if nobody were here: for the time of the fetching it is held. */
static void hold_limit(struct job_session *session)
{
	struct fleet *fleet = &session->reach.fleet;
	const struct instance *instance = session->reach.instance;
	struct error err = ERROR_INIT;

	if (session->job.linger != JOB_LINGER_SET || !instance->expires)
		return;
	int64_t most = instance->expires - look_now(fleet, fleet->provider, instance->region);
	if (most > 0 && session->linger_s > 0 &&
	    job_stay(&session->reach.machine, session->id, session->linger_s, most, &err) < 0)
		cli_warning(session->cli, "%s", err.message);
}

/* As mkdir -p: what is there may be a group's, or anybody's, as /tmp is. */
static int make_parent(struct cli *cli, const char *path)
{
	struct arena arena = { 0 };
	char *whole = arena_strdup(&arena, path);
	int rc = 0;

	for (char *slash = strchr(whole + 1, '/'); rc == 0 && slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(whole, 0777) < 0 && errno != EEXIST)
			rc = error_errno(&cli->error, ERROR_IO, "cannot make the folder '%.200s'",
					 whole);
		*slash = '/';
	}
	arena_release(&arena);
	return rc;
}

static int fetch(struct job_session *session, const struct job_output *output)
{
	struct cli *cli = session->cli;
	struct copy_show show = {
		.cli = cli, .reach = &session->reach, .from = output->remote, .to = output->local
	};
	struct sync_link link = copy_show_link(&show);
	const struct sync_events events = copy_show_events(&show);
	const struct sync_options options = { 0 };
	struct sync_result result = { 0 };

	progress_start(cli, "fetching %s", output->remote);
	int rc = make_parent(cli, output->local);
	if (rc == 0)
		rc = sync_pull(&link, output->remote, output->local, &options, &events, &result,
			       &cli->error);
	progress_end(cli);
	copy_show_release(&show);
	if (rc < 0) {
		cli_warning(cli, "%s was not fetched: %s", output->remote, cli->error.message);
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

/* As far as it is known: whose keeper was killed has not brought the limit down. */
static void when_it_ends(struct job_session *session, char *out, size_t size)
{
	const struct instance *instance = session->reach.instance;
	const struct job *job = &session->job;
	char time[TIME_TEXT_MAX];

	if (job->state == JOB_DONE && job->linger == JOB_LINGER_SET)
		snprintf(out, size, "it ends itself within %s",
			 duration_format(time, job->linger_left_s));
	else if (instance->expires)
		snprintf(out, size, "its time limit is %s", time_format(time, instance->expires));
	else
		snprintf(out, size, "it has no time limit");
}

/* It stays: who ends it, and how to look for what was not fetched. */
static void tell_kept(struct job_session *session, const char *why)
{
	const struct instance *instance = session->reach.instance;
	const char *name = instance->name[0] ? instance->name : instance->id;
	struct cli *cli = session->cli;
	char when[80];

	when_it_ends(session, when, sizeof(when));
	if (why)
		cli_warning(cli, "%s, so %s was not ended: %s", why, name, when);
	else
		cli_note(cli, "%s stays, and bills; %s", name, when);
	cli_note(cli, "  look    gpucloud ssh %s", name);
	cli_note(cli, "  end it  gpucloud terminate %s", name);
}

/* One that cannot be had is no reason to leave the others, but for a machine that does not answer. */
static bool fetch_all(struct job_session *session)
{
	struct error *err = &session->cli->error;
	bool fetched = true;

	/* Set-up that failed leaves nothing to fetch. */
	if (session->job.end == JOB_END_SETUP || !session->nr_outputs)
		return true;
	if (!session->reach.machine.remote &&
	    reach_again(session->cli, &session->reach, AGAIN_S) < 0) {
		cli_warning(session->cli, "nothing was fetched: %s", err->message);
		return false;
	}
	hold_limit(session);
	for (size_t i = 0; i < session->nr_outputs; i++) {
		error_clear(err);
		if (fetch(session, &session->outputs[i]) == 0)
			continue;
		fetched = false;
		if (err->kind == ERROR_NETWORK || err->kind == ERROR_TIMEOUT ||
		    err->kind == ERROR_CANCELLED || strcmp(err->code, "InstanceGone") == 0)
			break;
	}
	error_clear(err);
	return fetched;
}

/* Another job may have come to the machine meanwhile (--beside): 1, 0, or -1, it cannot be learned. */
static int other_runs(struct job_session *session, char other[JOB_ID_MAX])
{
	struct error *err = &session->cli->error;
	int rc = -1;

	for (int turn = 0; turn < 2; turn++) {
		error_clear(err);
		if ((turn || !session->reach.machine.remote) &&
		    reach_again(session->cli, &session->reach, AGAIN_S) < 0)
			return strcmp(err->code, "InstanceGone") == 0 ? 0 : -1;
		rc = job_other(&session->reach.machine, session->id, other, err);
		if (rc >= 0 || (err->kind != ERROR_NETWORK && err->kind != ERROR_TIMEOUT))
			break;
	}
	return rc;
}

/* Ends it, unless somebody else's job would end with it. */
static int end_unless_used(struct job_session *session, int code)
{
	char other[JOB_ID_MAX], why[300];

	switch (other_runs(session, other)) {
	case 1:
		snprintf(why, sizeof(why), "job '%s' runs there", other);
		tell_kept(session, why);
		return code;
	case 0: {
		int rc = job_end_instance(session);

		return rc == 0 ? code : rc;
	}
	default:
		snprintf(why, sizeof(why),
			 "whether another job runs there cannot be learned (%.200s)",
			 session->cli->error.message);
		error_clear(&session->cli->error);
		tell_kept(session, why);
		return EXIT_OWN_FAILURE;
	}
}

int job_finish(struct job_session *session)
{
	int code = job_exit_code(&session->job);

	tell_end(session);
	bool fetched = fetch_all(session);
	if (code < 0)
		code = EXIT_OWN_FAILURE;
	if (session->keep || (session->keep_failed && code != 0)) {
		tell_kept(session, NULL);
		return fetched ? code : EXIT_OWN_FAILURE;
	}
	if (fetched)
		return end_unless_used(session, code);
	tell_kept(session, "not everything was fetched");
	return EXIT_OWN_FAILURE;
}

int job_summary(struct job_session *session, int code)
{
	struct cli *cli = session->cli;

	if (!cli->json)
		return code;
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "job", session->id);
	cJSON_AddStringToObject(object, "instance", session->reach.instance->id);
	cJSON_AddNumberToObject(object, "exit_code", code);
	cli_json_line(cli, "summary", object);
	return code;
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
	if (state == INSTANCE_STOPPING || state == INSTANCE_STOPPED)
		return error_hint(
			&cli->error,
			"its disk is there, and bills: gpucloud start %s, then attach; or "
			"gpucloud terminate %s",
			session->reach.instance->id, session->reach.instance->id);
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/job_session.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "cli/common.h"
#include "cli/confirm.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/timefmt.h"
#include "fleet/look.h"

#define PAINT_MS 1000
#define AGAIN_S	 120 /* for one try to connect again */
#define AGAIN_PAUSE_MS \
	5000 /* and then: the cloud is asked whether there is still somebody to ask */
#define CANCEL_GRACE_S 10

static int check_id(struct cli *cli, const char *id)
{
	size_t len = id ? strlen(id) : 1;

	if (id && (len >= JOB_ID_MAX ||
		   strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz-") != len || !len))
		return cli_usage(cli, "--job '%.40s' is no job's id", id);
	return 0;
}

int job_session_open(struct cli *cli, const char *target, const char *id,
		     struct job_session *session)
{
	*session =
		(struct job_session){ .cli = cli, .interactive = cli->err_terminal && !cli->json };
	job_log_init(&session->log, cli, cli->out, cli->out_terminal);
	if (check_id(cli, id) < 0 || reach_open(cli, target, &session->reach) < 0 ||
	    job_look(&session->reach.machine, id, &session->job, &cli->error) < 0)
		return -1;
	snprintf(session->id, sizeof(session->id), "%s", session->job.id);
	session->keep = session->job.spec.keep;
	session->keep_failed = session->job.spec.keep_failed;
	session->linger_s = session->job.spec.linger_s;
	return 0;
}

void job_session_close(struct job_session *session)
{
	job_log_release(&session->log);
	job_release(&session->job);
	reach_close(&session->reach);
}

struct job_aside job_aside_begin(struct cli *cli)
{
	const struct job_aside was = { cli->out, cli->out_terminal, cli->colour };

	if (!cli->json) {
		fflush(cli->out);
		cli->out = cli->err;
		cli->out_terminal = cli->err_terminal;
		cli->colour = cli->err_colour;
	}
	return was;
}

void job_aside_end(struct cli *cli, const struct job_aside *aside)
{
	fflush(cli->out);
	cli->out = aside->out;
	cli->out_terminal = aside->terminal;
	cli->colour = aside->colour;
}

static int64_t now_of(struct job_session *session)
{
	struct fleet *fleet = &session->reach.fleet;

	return look_now(fleet, fleet->provider, session->reach.instance->region);
}

struct job_cost job_cost_so_far(struct job_session *session)
{
	struct job_cost ret = { "" };
	struct arena arena = { 0 };
	struct cost cost;

	cost_recall(&session->reach.fleet, session->reach.instance, now_of(session), &cost);
	if (cost.total != MONEY_UNKNOWN)
		snprintf(ret.text, sizeof(ret.text), "$%s", text_money(&arena, cost.total));
	arena_release(&arena);
	return ret;
}

static const char *state_text(enum job_state state)
{
	switch (state) {
	case JOB_SETUP:
		return "set-up";
	case JOB_STARTING:
	case JOB_RUNNING:
	case JOB_DONE:
	case JOB_LOST:
		break;
	}
	return "job";
}

static void paint(void *ctx)
{
	struct job_session *session = ctx;
	int64_t now = clock_mono_ms(&clock_system);
	char took[TIME_TEXT_MAX];

	if (now - session->painted_ms < PAINT_MS)
		return;
	session->painted_ms = now;
	const struct instance *instance = session->reach.instance;
	int64_t ran = now_of(session) - instance->launched;
	const struct job_cost cost = job_cost_so_far(session);
	progress_update(session->cli, "%s%s%s on %s, %s (Ctrl-C: detach or cancel)", cost.text,
			cost.text[0] ? ", " : "", state_text(session->job.state),
			instance->name[0] ? instance->name : instance->id,
			duration_format(took, ran > 0 ? ran : 0));
}

static const char *name_of(const struct job_session *session)
{
	const struct instance *instance = session->reach.instance;

	return instance->name[0] ? instance->name : instance->id;
}

static bool ends_itself(const struct instance *instance)
{
	const struct provider_ops *ops = provider_find(instance->provider);

	return !ops || ops->time_limit == TIME_LIMIT_ENDS;
}

/* "the machine ends itself 2 h after the job, and at 18:40 in any case" */
static void end_text(struct job_session *session, char *out, size_t size)
{
	const struct instance *instance = session->reach.instance;
	char linger[TIME_TEXT_MAX], at[TIME_TEXT_MAX];
	int n;

	if (session->keep)
		n = snprintf(out, size,
			     "nothing ends the instance when the job has ended (--keep)");
	else
		n = snprintf(
			out, size,
			ends_itself(instance)
				? "the machine ends itself %s after the job%s, and what is on it "
				  "with it"
				: "the machine turns itself off %s after the job%s, and bills until "
				  "'gpucloud reap' or 'terminate' ends it",
			duration_format(linger, session->linger_s),
			session->keep_failed ? " (if that fails: not)" : "");
	if (n < 0 || (size_t)n >= size)
		return;
	if (instance->expires)
		snprintf(out + n, size - (size_t)n, "; its time limit is %s",
			 time_format(at, instance->expires));
	else
		snprintf(out + n, size - (size_t)n, "; it has no time limit");
}

void job_tell_detached(struct job_session *session)
{
	struct cli *cli = session->cli;
	const char *name = name_of(session);
	char end[300];

	end_text(session, end, sizeof(end));
	cli_note(cli, "the job goes on without us: %s", end);
	cli_note(cli, "  watch    gpucloud logs -f %s", name);
	cli_note(cli, "  results  gpucloud attach %s   (waits for the end, fetches%s)", name,
		 session->keep ? "" : ", ends the instance");
	cli_note(cli, "  stop it  gpucloud cancel %s", name);
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "status", "detached");
		cJSON_AddStringToObject(object, "job", session->id);
		cli_json_line(cli, "status", object);
	}
}

static enum job_watched cancel(struct job_session *session)
{
	struct cli *cli = session->cli;
	struct error ignored = ERROR_INIT;
	bool was_running = false;
	struct job seen = { 0 };

	progress_start(cli, "ending the job");
	error_clear(&cli->error);
	if (reach_again(cli, &session->reach, AGAIN_S) < 0 ||
	    job_cancel(&session->reach.machine, session->id, CANCEL_GRACE_S, &was_running,
		       &cli->error) < 0)
		return JOB_WATCH_FAILED;
	progress_end(cli);
	cli_note(cli, was_running ? "the job was ended" : "the job had ended already");
	/* for its times, and what became of the machine's limit */
	if (job_look(&session->reach.machine, session->id, &seen, &ignored) == 0) {
		job_release(&session->job);
		session->job = seen;
	}
	session->job.end = JOB_END_CANCELLED;
	return JOB_WATCH_CANCELLED;
}

/* Ctrl-C: 0 go on watching, else what came of it. */
static int interrupted_by(struct job_session *session)
{
	struct cli *cli = session->cli;
	const struct instance *instance = session->reach.instance;
	int signal = interrupt_signal();
	char end[300];
	int answer = 'd';

	interrupt_take();
	progress_end(cli);
	if (session->interactive && signal == SIGINT) {
		const struct job_cost cost = job_cost_so_far(session);
		struct arena arena = { 0 };
		struct cost now;

		cost_recall(&session->reach.fleet, instance, now_of(session), &now);
		end_text(session, end, sizeof(end));
		cli_note(cli, "%s bills $%s/h%s%s", name_of(session), text_money(&arena, now.price),
			 cost.text[0] ? "; so far " : "", cost.text);
		cli_note(cli, "  d      detach: the job goes on; %s", end);
		cli_note(cli, "  c      cancel: the job is ended, its outputs are fetched%s",
			 session->keep ? "" : ", the instance is ended");
		cli_note(cli, "  Enter  go on watching");
		arena_release(&arena);
		answer = confirm_letter(cli, "dc", "Detach, cancel or go on?");
		interrupt_take();
	}
	if (answer == 0)
		return 0;
	if (answer == 'c')
		return cancel(session);
	job_tell_detached(session);
	return JOB_WATCH_DETACHED;
}

/* Tries until there is a connection, or nothing to connect to. */
static int again(struct job_session *session)
{
	struct cli *cli = session->cli;

	cli_note(cli, "%s; the job goes on, connecting again", cli->error.message);
	for (;;) {
		if (interrupted())
			return 0;
		progress_start(cli, "connecting to %s again", name_of(session));
		if (reach_again(cli, &session->reach, AGAIN_S) == 0) {
			progress_end(cli);
			cli_note(cli, "connected again");
			return 0;
		}
		if (cli->error.kind != ERROR_NETWORK && cli->error.kind != ERROR_TIMEOUT &&
		    cli->error.kind != ERROR_CANCELLED && !cli->error.retryable)
			return -1;
		clock_sleep_ms(&clock_system, AGAIN_PAUSE_MS);
	}
}

/* What an error of following means: 0 goes on. */
static int judge(struct job_session *session)
{
	struct cli *cli = session->cli;
	int watched;

	if (interrupted()) {
		watched = interrupted_by(session);
		if (watched != 0)
			return watched;
		error_set(&cli->error, ERROR_NETWORK, "back to the job");
	} else if (job_log_closed(&session->log)) {
		/* as a shell's job whose reader has gone; the job itself is no process of ours */
		job_tell_detached(session);
		return JOB_WATCH_DETACHED;
	} else if (cli->error.kind != ERROR_NETWORK && cli->error.kind != ERROR_TIMEOUT) {
		return JOB_WATCH_FAILED;
	}
	if (again(session) == 0)
		return 0;
	return strcmp(cli->error.code, "InstanceGone") == 0 || cli->error.kind == ERROR_NOT_FOUND
		       ? JOB_WATCH_GONE
		       : JOB_WATCH_FAILED;
}

static int on_write(void *ctx, bool err_stream, const char *data, size_t len, struct error *err)
{
	struct job_session *session = ctx;

	return job_log_write(&session->log, err_stream, data, len, err);
}

/* 0: it has ended; else judge() says what the error means. */
static int follow(struct job_session *session)
{
	const struct job_sink sink = { .ctx = session, .write = on_write, .tick = paint };
	struct cli *cli = session->cli;
	struct job seen = { 0 };

	error_clear(&cli->error);
	if (!session->reach.machine.remote)
		return error_set(&cli->error, ERROR_NETWORK, "not connected");
	if (job_follow(&session->reach.machine, session->id, &session->place, true, &sink, &seen,
		       &cli->error) < 0)
		return -1;
	job_release(&session->job);
	session->job = seen;
	return 0;
}

enum job_watched job_watch(struct job_session *session)
{
	struct cli *cli = session->cli;
	struct error ignored = ERROR_INIT;
	int watched = JOB_WATCH_ENDED;

	if (cli->err_terminal)
		interrupt_say("\n");
	while (watched == JOB_WATCH_ENDED && follow(session) < 0)
		watched = judge(session);
	progress_end(cli);
	job_log_end(&session->log, &ignored);
	if (watched == JOB_WATCH_FAILED)
		job_tell_detached(session);
	return (enum job_watched)watched;
}

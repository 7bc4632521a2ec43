/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud attach: a job that runs without us, watched to its end. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/job_session.h"
#include "fleet/labels.h"
#include "fleet/reap.h"

struct attach_args {
	const char *job, *out_dir;
	unsigned tail;
	bool keep;
};

static const struct opt attach_opts[] = {
	OPT_STRING_AT(0, "job", struct attach_args, job, "ID", "this one (the latest)"),
	OPT_STRING_AT('o', "out-dir", struct attach_args, out_dir, "DIR",
		      "where its results go (a new folder, NAME-ID)"),
	OPT_UINT_AT(0, "tail", struct attach_args, tail, "LINES", 1, 1000000,
		    "begin with its last lines (all of it)"),
	OPT_FLAG_AT(0, "keep", struct attach_args, keep, "do not end the instance"),
	OPT_END,
};

/* The last component of what the machine says is its output, as a name below our folder. */
static const char *plain_name(struct arena *arena, const char *path, size_t index)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strlen(name) > 200)
		return arena_printf(arena, "output-%zu", index + 1);
	return name;
}

/* Two outputs may end in the same name: the second gets one of its own. */
static const char *own_name(struct arena *arena, const struct job_spec *spec, size_t index)
{
	const char *name = plain_name(arena, spec->outputs[index], index);

	for (size_t i = 0; i < index; i++)
		if (strcmp(plain_name(arena, spec->outputs[i], i), name) == 0)
			return arena_printf(arena, "%s.%zu", name, index + 1);
	return name;
}

/*
 * What the job said it would leave is the machine's word by now: it goes below a folder of its own,
 * each under its last name, so that nothing of ours can be written over.
 */
static void choose_outputs(struct job_session *session, const char *out_dir, struct arena *arena)
{
	const struct job_spec *spec = &session->job.spec;
	const struct instance *instance = session->reach.instance;
	struct job_output *outputs = arena_alloc(arena, (spec->nr_outputs + 1) * sizeof(*outputs));

	if (!out_dir)
		out_dir = arena_printf(arena, "%s-%s",
				       instance->name[0] ? instance->name : instance->id,
				       session->id);
	for (size_t i = 0; i < spec->nr_outputs; i++) {
		const char *path = arena_strdup(arena, spec->outputs[i]);

		outputs[i].remote = path;
		if (path[0] != '/' && spec->folder)
			outputs[i].remote = arena_printf(arena, "%s/%s", spec->folder, path);
		outputs[i].local = arena_printf(arena, "%s/%s", out_dir, own_name(arena, spec, i));
	}
	session->outputs = outputs;
	session->nr_outputs = spec->nr_outputs;
}

/* It shall stay when its job has ended: then being off is not its end either (fleet/reap.h). */
static void unmark_once(struct job_session *session)
{
	const struct tag tag = { TAG_ONCE, "0" };
	const char *value = instance_tag(session->reach.instance, TAG_ONCE);
	struct error err = ERROR_INIT;

	if (value && strcmp(value, "0") != 0 &&
	    fleet_tag(&session->reach.fleet, session->reach.instance, &tag, &err) < 0)
		cli_warning(session->cli, "'reap' will end it once it is off: %s", err.message);
}

static int attach(struct job_session *session, const struct attach_args *args)
{
	struct cli *cli = session->cli;
	struct arena arena = { 0 };
	int rc = -1;

	choose_outputs(session, args->out_dir, &arena);
	session->keep = session->keep || args->keep;
	if (args->keep && !session->job.spec.keep && session->job.state != JOB_DONE &&
	    job_keep(&session->reach.machine, session->id, true, &cli->error) < 0)
		goto out;
	if (args->keep)
		unmark_once(session);
	if (args->tail && job_tail(&session->reach.machine, session->id, args->tail,
				   &session->place, &cli->error) < 0)
		goto out;
	switch (job_watch(session)) {
	case JOB_WATCH_ENDED:
		rc = job_summary(session, job_finish(session));
		break;
	case JOB_WATCH_DETACHED:
		rc = job_summary(session, 130);
		break;
	case JOB_WATCH_CANCELLED:
		job_finish(session);
		rc = job_summary(session, 130);
		break;
	case JOB_WATCH_GONE:
		rc = job_gone(session);
		break;
	case JOB_WATCH_FAILED:
		break;
	}
out:
	arena_release(&arena);
	return rc;
}

static int attach_run(struct cli *cli, void *data, int argc, const char **argv)
{
	struct job_session session;
	int rc = job_session_open(cli, argv[0], ((const struct attach_args *)data)->job, &session);

	(void)argc;
	if (rc == 0)
		rc = attach(&session, data);
	job_session_close(&session);
	return reach_end(cli, rc);
}

const struct command cmd_attach = {
	.name = "attach",
	.group = "Use",
	.summary = "watch a job to its end, fetch its results, end its instance",
	.usage = "gpucloud attach [options] NAME|ID",
	.details = "As `run` would have done: whatever ends the instance is what `run` was told.\n"
		   "From any computer that can log in. Results go into a new folder.",
	.opts = attach_opts,
	.args_size = sizeof(struct attach_args),
	.examples = "gpucloud attach train\n"
		    "gpucloud attach train --out-dir results --keep\n",
	.exits = "125 gpucloud itself failed; 130 detached or cancelled by Ctrl-C\n"
		 "    every other code is the job's own (128 + n: ended by signal n)\n",
	.flags = COMMAND_ALSO,
	.min_args = 1,
	.max_args = 1,
	.run = attach_run,
};

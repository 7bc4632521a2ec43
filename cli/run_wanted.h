/* SPDX-License-Identifier: Apache-2.0 */
/* What `run` is told, by options and by a job file, read and checked. */
#ifndef GPUCLOUD_CLI_RUN_WANTED_H
#define GPUCLOUD_CLI_RUN_WANTED_H

#include "cli/job_session.h"
#include "cli/launch_wanted.h"
#include "fleet/job.h"
#include "ssh/sync/sync.h"

/* What the options of `run` fill; those of `launch` come first. */
struct run_args {
	struct launch_args launch;
	const char *file, *on, *push, *dir, *setup, *linger;
	struct opt_strings env, secrets, outputs, excludes;
	bool detach, keep, keep_failed, mirror, beside;
};

struct run_wanted {
	struct arena arena;
	struct job_spec spec; /* borrows from the arena */
	struct buf command;
	const char *push; /* a local folder; NULL: nothing is pushed */
	uint64_t push_files, push_bytes;
	struct sync_options sync;
	struct job_output *outputs;
	size_t nr_outputs;
};
void run_wanted_init(struct run_wanted *wanted);
void run_wanted_release(struct run_wanted *wanted); /* wipes the secrets */

/* argv: the command and its arguments. Reads the secrets and measures what is to be pushed. cli->error. */
int run_wanted_read(struct cli *cli, const struct run_args *args, int argc, const char **argv,
		    struct run_wanted *ret);

/* The text as one word of a shell's line. */
void run_quote(struct buf *out, const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job file: YAML, one mapping, whose keys are the options of `run` and `launch` by their long names
 * (without dashes), and "command". docs/run.md has them all. Unknown keys, a wrong type, anchors,
 * tags and a second document are refused with their line.
 *
 *   command: python3 train.py --epochs 30     # or a list: command and arguments
 *   spot: true
 *   bid: 76%
 *   gpu: T4
 *   setup: pip install -r requirements.txt
 *   env: {EPOCHS: 30, MODE: fast}
 *   secret: [WANDB_API_KEY]
 *   out: [results, /data/ckpt:ckpt]
 */
#ifndef GPUCLOUD_CLI_JOB_FILE_H
#define GPUCLOUD_CLI_JOB_FILE_H

#include "core/arena.h"

struct error;

#define JOB_FILE_MAX ((size_t)64 << 10)

struct job_file {
	struct arena arena; /* what args borrow */
	const char **command;
	size_t nr_command;
};
void job_file_release(struct job_file *file);

/* Fills what args (of that command) do not have yet: an option given wins over the file; of a list the file's come
 * first. ERROR_USAGE "job.yml:12: ...". Paths are relative to where gpucloud runs. */
struct command;
int job_file_read(const char *path, const struct command *command, void *args, struct job_file *ret,
		  struct error *err);

#endif

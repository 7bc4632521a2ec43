/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job on a machine: a shell command in a session of its own, which outlives the connection and
 * gpucloud. The machine keeps everything about it (docs/job.md), below the login's home:
 *
 *   .gpucloud/jobs/ID/       0700; ID sorts by time: "20261123-141503-k3x9"
 *     job.json      what was asked for (struct job_spec without secrets and values of env)
 *     state         "starting", "setup", "running" or "done", PID and more; replaced by rename
 *     out, err      what set-up and command printed, apart; setup.out, setup.err
 *     status        "exit N" or "signal N" (of the command), "setup N", "cancelled N"; by rename
 *     started, ended   Unix s by the machine's clock
 *
 * State is what `idle` and `reap` see: "setup" and "running" with a live process are busy. Secrets
 * reach the machine on the standard input of the script that starts the job, and are in the
 * environment of the job alone: not in argv, not in a file, not in that script's own environment.
 *
 * At the job's end the machine may shorten its own time limit (linger_s): so that one that nobody
 * watches ends by itself.
 */
#ifndef GPUCLOUD_FLEET_JOB_H
#define GPUCLOUD_FLEET_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/secret.h"

struct clock;
struct error;
struct machine;

#define JOB_ID_MAX	32
#define JOB_COMMAND_MAX ((size_t)64 << 10)
#define JOB_ENV_MAX	256		   /* variables, and as many secrets */
#define JOB_VALUE_MAX	((size_t)32 << 10) /* bytes of a value */
#define JOB_VALUES_MAX	((size_t)1 << 20)  /* of all of them, with their names */
#define JOB_PATH_MAX	4095
#define JOB_OUTPUTS_MAX 64
#define JOB_LINGER_MAX	31622400 /* 366 days */
#define JOB_LIST_MAX	1000
#define JOB_RUNS_HINT	"wait for its end (attach), cancel it, or say --beside"
/* Bytes of out and of err kept each, of set-up and of the command; what comes after is dropped and told. */
#define JOB_LOG_KEEP INT64_C(8589934592)

struct job_pair {
	const char *name;  /* [A-Za-z_][A-Za-z0-9_]* */
	const char *value; /* any bytes but NUL */
};

struct job_secret {
	const char *name;
	struct secret value;
};

struct job_spec {
	const char *command; /* a line for /bin/sh, bash where the machine has it */
	const char *setup;   /* run before, or NULL; its failure is the job's */
	const char *folder;  /* where it runs: below the home, or absolute; NULL: the home. Made. */
	const struct job_pair *env;
	size_t nr_env;
	const struct job_secret *secrets;
	size_t nr_secrets;
	const char *const *outputs; /* paths to be brought home, relative to folder, or absolute */
	size_t nr_outputs;
	const char *out_dir; /* where on the starting computer; told to `attach`, not trusted */
	bool keep;	     /* the instance stays when the job has ended */
	bool keep_failed;    /* and this where it failed */
	int64_t linger_s; /* with !keep: the time limit after the end, where longer; 0: as it is */
};

enum job_state {
	JOB_STARTING, /* the folder is there, no process yet */
	JOB_SETUP,
	JOB_RUNNING,
	JOB_DONE,
	JOB_LOST, /* its process is gone and left no status: a reboot, or out of memory */
};

enum job_end {
	JOB_END_NONE,
	JOB_END_EXIT,	   /* code: 0..255 */
	JOB_END_SIGNAL,	   /* code: the signal's number */
	JOB_END_SETUP,	   /* set-up failed; code: its exit code (a signal: 128 + n) */
	JOB_END_CANCELLED, /* by `cancel`; code: as of a signal, or 0 */
};

/* What became of the time limit at the job's end. */
enum job_linger {
	JOB_LINGER_NONE,   /* not asked for, not ended yet, or the instance stays */
	JOB_LINGER_SET,	   /* linger_left_s are left from the end on, or less were anyway */
	JOB_LINGER_OTHER,  /* another job was at work: the limit is as it was */
	JOB_LINGER_NO_TTL, /* the machine has no limit */
	JOB_LINGER_FAILED, /* no right to change it (sudo): it ends later than wished */
};

/* One job as the machine tells it: hostile until read, bounded, checked. Strings are in arena. */
struct job {
	struct arena arena;
	char id[JOB_ID_MAX];
	enum job_state state;
	enum job_end end;
	int code;
	bool rebooted;		/* of JOB_LOST: the machine has booted since */
	bool cancelling;	/* somebody asked for its end */
	int64_t created;	/* Unix s by the machine's clock; 0: not known */
	int64_t started, ended; /* of what runs now, or ran last: set-up or the command */
	int64_t ran_s; /* created to ended, or to now by its clock; lost: to its last sign */
	uint64_t out_size, err_size; /* bytes printed so far and kept */
	uint64_t setup_out_size, setup_err_size;
	uint64_t out_dropped,
		err_dropped; /* at least so many more were printed; known at the end */
	enum job_linger linger;
	int64_t linger_left_s;
	struct job_spec spec; /* without env and secrets; texts unescaped */
};
void job_release(struct job *job);

/* What a shell says of it: the command's status, 128 + n; set-up's; 130 cancelled; -1 not ended. */
int job_exit_code(const struct job *job);

/*
 * 0, or ERROR_USAGE naming what is wrong: a name that is none or that a shell keeps for itself, too much
 * of something, control characters or no UTF-8 in command, set-up and paths.
 */
int job_spec_check(const struct job_spec *spec, struct error *err);

/*
 * Starts it. Returns once the machine has it in a session of its own: from then on it runs whatever
 * becomes of us. id (of ours, JOB_ID_MAX, from job_new_id) makes it repeatable: where the answer was
 * lost, the same call again starts nothing twice. ERROR_CONFLICT: another job runs there, and
 * !beside. The machine writes job.json, state and logs first, then starts.
 */
void job_new_id(int64_t now_ms, char id[JOB_ID_MAX]); /* sorts by that time */
bool job_id_ok(const char *id);			      /* what comes from outside */
int job_start(struct machine *machine, const char *id, const struct job_spec *spec, bool beside,
	      struct error *err);

/* The job of that id, or (NULL) the latest that is at work, else the latest. ERROR_NOT_FOUND: there is none. */
int job_look(struct machine *machine, const char *id, struct job *ret, struct error *err);

/* All of them, oldest first; at most 1000. Each is released by the caller, then free(*ret). */
int job_list(struct machine *machine, struct job **ret, size_t *nr, struct error *err);

/*
 * Is another job than that one (NULL: any) at work there? 1, and which; 0; -1: it cannot be learned.
 */
int job_other(struct machine *machine, const char *id, char other[JOB_ID_MAX], struct error *err);

/* Where following stands: bytes of each log seen so far, so that a cut connection goes on from there. */
struct job_place {
	uint64_t out, err;	       /* of the command's logs */
	uint64_t setup_out, setup_err; /* of set-up's */
};

struct job_sink {
	void *ctx;
	/* Pieces as they are printed; err: the job's standard error. -1 (err filled) ends the following. */
	int (*write)(void *ctx, bool err_stream, const char *data, size_t len, struct error *err);
	void (*tick)(void *ctx); /* or NULL: as remote_stream.tick */
};

/*
 * Hands on what the job prints from *place on, until it has ended and all of it was told; *place
 * moves along. follow false: what is there now, then back. 0: ended (or not followed), ret is filled.
 * -1: ERROR_NETWORK and ERROR_TIMEOUT: connect again and go on from *place; ERROR_CANCELLED: Ctrl-C:
 * the job is untouched, and so is the connection's machine.
 */
int job_follow(struct machine *machine, const char *id, struct job_place *place, bool follow,
	       const struct job_sink *sink, struct job *ret, struct error *err);

/*
 * The place where the last `lines` lines of each log begin, at most a million bytes before its end. Of
 * set-up nothing, once the command has begun.
 */
int job_tail(struct machine *machine, const char *id, unsigned lines, struct job_place *ret,
	     struct error *err);

/*
 * TERM to all of the job's session, and to what left it but kept GPUCLOUD_JOB_ID; KILL after grace_s;
 * waits until none of it is left. *was_running: it was. A job that has ended: 0, nothing done.
 * ERROR_REMOTE "JobLeft": some of it cannot be ended.
 */
int job_cancel(struct machine *machine, const char *id, int grace_s, bool *was_running,
	       struct error *err);

/*
 * Whether the instance stays may change while the job runs: `attach --keep`. ERROR_CONFLICT "JobEnded":
 * too late, its time limit may be lower by now.
 */
int job_keep(struct machine *machine, const char *id, bool keep, struct error *err);

/*
 * While this connection lasts, the machine's time limit does not come below seconds, but never reaches
 * further than most_s from now: for who fetches what a job has left.
 */
int job_stay(struct machine *machine, const char *id, int64_t seconds, int64_t most_s,
	     struct error *err);

#endif

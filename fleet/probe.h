/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One look at a machine: what its GPUs, CPUs, users, network, disks and jobs do. A script
 * (fleet/machine/probe.sh) prints it, one fact a line; everything it prints is hostile until read.
 *
 * Whatever could not be learned is unknown and stays unknown: nothing is ever filled in. Counters are
 * totals since boot; rates come from two looks (fleet/idle.h).
 */
#ifndef GPUCLOUD_FLEET_PROBE_H
#define GPUCLOUD_FLEET_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct machine;

#define PROBE_GPUS_MAX	  64
#define PROBE_USERS_MAX	  64
#define PROBE_TEXT_MAX	  ((size_t)256 << 10) /* of the script's output */
#define PROBE_UNKNOWN	  INT64_C(-1)
#define PROBE_DEADLINE_MS 20000

struct probe_gpu {
	char name[64];
	int64_t busy_percent; /* utilisation 0..100, or PROBE_UNKNOWN: "[N/A]", MIG */
	int64_t memory_used_mib;
	bool mig;
};

struct probe_user {
	char name[33], tty[33]; /* tmux and screen sessions count as users too */
	int64_t idle_s;		/* of the terminal, or PROBE_UNKNOWN */
};

enum probe_job {
	PROBE_JOB_UNKNOWN,
	PROBE_JOB_NONE,
	PROBE_JOB_SETUP, /* cloud-init or a set-up command still at work */
	PROBE_JOB_RUNNING,
	PROBE_JOB_DONE,
};

struct probe {
	int64_t taken;	   /* Unix s by our clock, when the answer was there */
	bool whole;	   /* the script came to its end and every part of it could be read */
	char trouble[160]; /* what was missing first, where it is not */
	char boot_id[40];  /* a reboot starts the counters anew */
	int64_t uptime_s;
	bool gpus_known; /* false: nvidia-smi hung, failed, or said what cannot be read */
	struct probe_gpu gpus[PROBE_GPUS_MAX];
	size_t nr_gpus;
	int64_t gpu_processes;	    /* processes that have a GPU open */
	int64_t gpu_process_cpu_ms; /* CPU time of them, in all */
	int64_t cpus;
	int64_t load_milli;	       /* the load average of the last minute, in thousandths */
	int64_t cpu_busy_ms;	       /* of all CPUs, since boot */
	int64_t net_bytes, disk_bytes; /* since boot, both ways, without loopback */
	bool users_known;
	struct probe_user users[PROBE_USERS_MAX];
	size_t nr_users;
	enum probe_job job;
	int64_t ttl_left_s;
};

/*
 * Reads what the script printed. Never fails: what is missing, out of range, doubled, too long, or
 * foreign makes the probe partial, and `trouble` says what.
 */
void probe_read(const char *text, size_t len, int64_t taken, struct probe *ret);

/* What probe_read reads back as it was, but for `taken`, `whole` and `trouble`: to be kept on disk. */
void probe_write(const struct probe *probe, struct buf *out);

/* A look at a machine that could not be taken. */
void probe_failed(const char *why, int64_t taken, struct probe *ret);

/* Runs the script on the machine. An exit status, a timeout or a cut is a partial probe too; -1 only
 * where nothing at all came back. */
int probe_take(struct machine *machine, int64_t now, struct probe *ret, struct error *err);

#endif

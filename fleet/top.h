/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the GPUs of a machine do right now, frame after frame (fleet/machine/top.sh prints them). All of
 * it is hostile until read: bounded and checked; texts are unescaped.
 */
#ifndef GPUCLOUD_FLEET_TOP_H
#define GPUCLOUD_FLEET_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct machine;

#define TOP_GPUS_MAX	  64
#define TOP_PROCESSES_MAX 128
#define TOP_UNKNOWN	  INT64_C(-1)

struct top_gpu {
	char name[64], uuid[64];
	int64_t busy_percent, used_mib, total_mib; /* TOP_UNKNOWN: "[N/A]" */
	int64_t power_mw, power_limit_mw, celsius;
};

struct top_process {
	int64_t pid, used_mib;
	int gpu;		     /* index, or -1 */
	int64_t cpu_percent;	     /* of one CPU, since the frame before; TOP_UNKNOWN */
	int64_t cpu_ticks;	     /* so far */
	char user[33], command[201]; /* "" where it could not be seen */
};

struct top_frame {
	struct top_gpu gpus[TOP_GPUS_MAX];
	size_t nr_gpus;
	bool gpus_known, processes_known;
	char trouble[80]; /* why not */
	struct top_process processes[TOP_PROCESSES_MAX];
	size_t nr_processes;
	int64_t load_milli, cpus, memory_kib, available_kib; /* TOP_UNKNOWN */
	int64_t up_ms;
};

enum top_verdict {
	TOP_UNKNOWN_STATE,
	TOP_ON_GPU,   /* a program computes on a GPU */
	TOP_HELD,     /* one has a GPU open, and does nothing on it */
	TOP_CPU_ONLY, /* the CPUs work, no GPU does */
	TOP_IDLE,
};

/* The verdict and a line that says why, for a person. */
enum top_verdict top_judge(const struct top_frame *frame, char *text, size_t size);
const char *
top_verdict_name(enum top_verdict verdict); /* "on-gpu", "held", "cpu-only", "idle", "unknown" */

/* Reads one frame's lines. previous: for CPU shares, or NULL. ERROR_PROTOCOL. */
int top_read(const char *text, size_t len, const struct top_frame *previous, struct top_frame *ret,
	     struct error *err);

struct top_sink {
	void *ctx;
	int (*frame)(void *ctx, const struct top_frame *frame, struct error *err); /* -1 ends it */
};

/* interval_s 1 to 3600; frames 0: until interrupted (ERROR_CANCELLED). */
int top_watch(struct machine *machine, unsigned interval_s, unsigned frames,
	      const struct top_sink *sink, struct error *err);

#endif

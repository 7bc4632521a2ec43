/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a machine idle? A verdict with its evidence, from the looks taken at it over a window. Pure.
 *
 * It is idle only where every look of the window is whole and shows nothing going on. One sign of
 * work makes it busy; one thing that is not known makes it unknown, which counts as busy. Too few
 * looks, or looks too far apart, are unknown as well: what nobody watched is not idle.
 */
#ifndef GPUCLOUD_FLEET_IDLE_H
#define GPUCLOUD_FLEET_IDLE_H

#include "core/arena.h"
#include "fleet/probe.h"

enum idle_verdict {
	IDLE_BUSY,
	IDLE_UNKNOWN, /* counts as busy */
	IDLE_IDLE,
};
const char *idle_verdict_name(enum idle_verdict verdict); /* "busy", "unknown", "idle" */

struct idle_policy {
	int64_t window_s;		 /* idle for so long: tag gpucloud-idle */
	size_t samples;			 /* and seen idle by so many looks in it, at least 2 */
	int64_t most_apart_s;		 /* neighbours further apart than this prove nothing */
	int64_t gpu_percent;		 /* a GPU at or above it works */
	int64_t gpu_process_cpu_percent; /* of one CPU: processes with a GPU open */
	int64_t load_percent;		 /* load average per CPU */
	int64_t net_bytes_s, disk_bytes_s;
	int64_t young_s; /* a machine up for less is busy */
};
/* The defaults but for the window: 3 looks, 5 %, 5 %, 10 %, 50 kB/s, 200 kB/s, 10 minutes up;
 * most_apart_s half the window or 15 minutes, whichever is more. */
struct idle_policy idle_policy_default(int64_t window_s);

/* One thing looked at. */
struct idle_fact {
	const char *name;  /* "GPU 0", "load", "user ada on pts/0", "network" */
	const char *value; /* "87 %", "not known: nvidia-smi timed out" */
	enum idle_verdict verdict;
};

struct idle_judgement {
	struct arena arena;
	enum idle_verdict verdict;
	const char *reason; /* one line: the first fact that keeps it, or since when it is idle */
	struct idle_fact *facts;
	size_t nr;
	int64_t idle_since; /* Unix s; 0 where it is not idle now */
	size_t looks;	    /* idle ones in a row up to now */
};
void idle_judgement_release(struct idle_judgement *judgement);

/* looks: oldest first, of one machine; those of an earlier boot, from the future, or out of order are
 * left out. now: Unix s. No looks: IDLE_UNKNOWN. */
void idle_judge(const struct probe *looks, size_t nr, const struct idle_policy *policy, int64_t now,
		struct idle_judgement *ret);

#endif

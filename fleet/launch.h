/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making an instance, so that killing the program at any instant loses nothing: the intent is in
 * the journal before the request leaves, one random token per zone and attempt makes a repeat
 * harmless, and what a crash leaves open the next command finishes or undoes (fleet/recover.h).
 */
#ifndef GPUCLOUD_FLEET_LAUNCH_H
#define GPUCLOUD_FLEET_LAUNCH_H

#include "fleet/plan.h"

struct launch_resume;

struct launch_options {
	const char *name;	    /* a label; NULL: one is made */
	const char *image, *subnet; /* as launch_request */
	const char *ssh_public_key;
	const uint16_t *ports;
	size_t nr_ports;
	uint16_t ssh_port;
	unsigned disk_gib, disk_more_gib;
	bool static_address;
	const void *user_data; /* the user's own: the machine is then not prepared for gpucloud */
	size_t user_data_len;
	bool prepared;		/* our login key, a host key we know, the time limit */
	int64_t ttl_s;		/* with prepared: 0 is no limit */
	const struct tag *tags; /* of its policy (fleet/reap.h) */
	size_t nr_tags;
	const struct launch_resume *resume; /* finish this one, or NULL */
};

/* What a launch tells while it runs; every slot may be NULL. */
struct launch_events {
	void *ctx;
	void (*trying)(void *ctx, const struct zone *zone);
	void (*passed_over)(void *ctx, const struct zone *zone, const struct error *why);
	/* An earlier request for that name may yet bring an instance: for so long it is looked for. */
	void (*looking)(void *ctx, const char *name, int64_t seconds);
	void (*waiting)(void *ctx, const struct instance *instance, int64_t seconds);
	void (*request)(void *ctx, const char *title, const char *text); /* dry run */
};

struct launch_outcome {
	struct launch_result made;
	const char *launch_id; /* in made.arena */
	const char *name;
	int64_t price;	/* micro-dollars per hour: as the cloud says of it, or else as quoted */
	int64_t quoted; /* before it was made; MONEY_UNKNOWN */
	bool existed;	/* an instance of that name was there: nothing was launched */
};
void launch_outcome_release(struct launch_outcome *outcome);

/*
 * Looks for a live instance of ours with that name in every region. 1: found, ret is filled and
 * there is nothing more to do; 0: the name is free; -1: error. 2: a launch of that name was
 * interrupted before its answer was kept and nothing is visible yet: *resume says which, and
 * launch_make repeats it with the same token; where the cloud would carry that out twice, it waits
 * for it instead, and begins another launch once nothing can come of it any more. The name is this process's alone until launch_make
 * or fleet_close: another gpucloud that is launching it is ERROR_CONFLICT.
 */
int launch_find_existing(struct fleet *fleet, const char *name, struct launch_outcome *ret,
			 struct launch_resume *resume, struct error *err);

/* Tries the plan's zones in order. Capacity gone in all: ERROR_CAPACITY or ERROR_PRICE of the last.
 * err->unknown: whether an instance was made is not known; the journal keeps looking. */
int launch_make(struct fleet *fleet, const struct launch_plan *plan,
		const struct launch_options *options, const struct launch_events *events,
		struct launch_outcome *ret, struct error *err);

/* Shows every request and asks the cloud whether it would be allowed; makes nothing. */
int launch_rehearse(struct fleet *fleet, const struct launch_plan *plan,
		    const struct launch_options *options, const struct launch_events *events,
		    struct error *err);

/* Polls until the instance runs; it ending instead is an error with the cloud's reason. */
int launch_wait_running(struct fleet *fleet, struct launch_outcome *outcome, int64_t timeout_s,
			const struct launch_events *events, struct error *err);

#endif

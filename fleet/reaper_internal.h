/* SPDX-License-Identifier: Apache-2.0 */
/* Inside fleet/reaper*.c only: one pass while it runs. */
#ifndef GPUCLOUD_FLEET_REAPER_INTERNAL_H
#define GPUCLOUD_FLEET_REAPER_INTERNAL_H

#include "fleet/reaper.h"

struct idle_store;

struct pass {
	struct fleet *fleet;
	const struct reap_options *options;
	const struct reap_events *events;
	struct reap_report *report;
	char scope[FLEET_SCOPE_MAX];
	struct idle_store *store; /* NULL: could not be opened */
};

/* What is remembered goes wrong: said once, in the report. */
void pass_store_failed(struct pass *pass, const struct error *err);
void pass_mark(struct pass *pass, const struct instance *instance, int mark, int64_t at);
int64_t pass_marked(struct pass *pass, const struct instance *instance, int mark);

/* reaper_tell.c: what a person must hear of; the first of an item counts, and is told once a day. */
void pass_trouble(struct pass *pass, struct reap_item *item, const char *text);
void pass_tell_stopped(struct pass *pass, struct reap_item *item);
void pass_tell_policy_unknown(struct pass *pass, struct reap_item *item);
void pass_tell_unknown(struct pass *pass, struct reap_item *item);
void pass_tell_others(struct pass *pass);
/* After all that may find one: what is well again is told at once the next time it is not. */
void pass_forget_trouble(struct pass *pass, struct reap_item *item);

/* reaper_find.c: asks every region; what is ours is in the report, what is not is counted there. */
int pass_find(struct pass *pass, struct error *err);

/* Reads the policy of the instance into its facts, and decides. */
void pass_read_policy(struct pass *pass, struct reap_item *item);

/* reaper_act.c: looks again at what is to be ended, whether its tags still say so; warns, stops,
 * terminates. */
void pass_check_again(struct pass *pass);
void pass_visit(struct pass *pass);
void pass_stop(struct pass *pass);
int pass_terminate(struct pass *pass, struct error *err);

#endif

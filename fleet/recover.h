/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an interrupted launch left open is finished or undone by the next command: the instance it
 * made is looked up by launch id and kept, or, once the cloud would long have shown it, the rest is
 * removed. An end that was interrupted is seen through once the cloud says that the instance is gone;
 * one that rests on its way to its end is asked for the next step. No launch is ever sent again by
 * itself. A host key's file that no launch can need any more goes too.
 */
#ifndef GPUCLOUD_FLEET_RECOVER_H
#define GPUCLOUD_FLEET_RECOVER_H

#include "fleet/journal.h"

struct error;
struct fleet;

/* A request may still be carried out, or become visible, for so long after it was sent. */
#define RECOVER_VISIBLE_S 600

/* Where a cloud does not know a request again (no PROVIDER_CAP_TOKEN), that nothing came of it takes two
 * listings, so far apart. */
#define RECOVER_AGAIN_MS 5000

/* A host key's file is written moments before the row of its launch: one that has none after so long
 * never will. */
#define RECOVER_SEED_S 900

/* A cloud may go on saying that an instance runs for so long after it took the order to end it. */
#define RECOVER_END_S 60

/* Tells what was done, one line each. */
typedef void (*recover_told_fn)(void *ctx, const char *line);

/*
 * Goes through every open launch of this account whose owner is gone, and through the host keys kept
 * (of every account). Costs one read of the journal and of a folder where nothing is open; makes no journal where there is none. Failures to reach the cloud leave
 * the rows open and are told, not returned: they must not stop the command.
 */
void recover_all(struct fleet *fleet, recover_told_fn told, void *ctx);

/* An attempt whose answer was never kept. */
struct launch_resume {
	struct arena arena;
	const char *launch_id;
	struct attempt_row attempt;
	int64_t began; /* of the launch, Unix s */
};
void launch_resume_release(struct launch_resume *resume);

/*
 * Is a launch under that name open in the journal, and not visible? 1: yes, ret says which: it may
 * only be repeated as it was, with the same token. 0: no; -1: error.
 */
int recover_open_name(struct fleet *fleet, const char *name, struct launch_resume *ret,
		      struct error *err);

#endif

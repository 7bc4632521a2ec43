/* SPDX-License-Identifier: Apache-2.0 */
/* What `terminate` says: before, and of each end the receipt and what bills on. */
#ifndef GPUCLOUD_CLI_TERMINATE_SHOW_H
#define GPUCLOUD_CLI_TERMINATE_SHOW_H

#include <stddef.h>

#include "core/error.h"
#include "fleet/terminate.h"

struct cli;

/* The ends, and what was made with them and bills on. */
struct ended {
	struct ending *v;
	size_t nr;
	struct leftover_list bills; /* failures: regions that did not tell */
	struct error bills_err;	    /* kind set: none did */
};

/* A table of those that are about to end, with what each has cost so far. */
void terminate_show_targets(struct cli *cli, struct fleet *fleet, const struct ending *v,
			    size_t nr);

void terminate_show_rehearsed(struct cli *cli, const struct ending *v, size_t nr);

/* 0 all well; 8 something needs a look; 1 a request was refused. */
int terminate_show_ends(struct cli *cli, const struct ended *ended);

/* The same inside a longer story: with --json a line of type "receipt". */
int terminate_show_receipt(struct cli *cli, const struct ended *ended);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What push and pull show: how far it is, what would be done, what was done. */
#ifndef GPUCLOUD_CLI_COPY_SHOW_H
#define GPUCLOUD_CLI_COPY_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "ssh/sync/sync.h"

struct cJSON;
struct cli;
struct reach;

struct copy_show {
	struct cli *cli;
	struct reach *reach;
	const char *from, *to;
	struct cJSON *changes; /* of a dry run with --json */
	int64_t began_ms;      /* 0: not connected yet */
	int64_t turn_ms;       /* when this turn's first bytes came */
	uint64_t turn_bytes;   /* how many there were then */
	unsigned turn;
};

/* The connection that show->reach has; another one is made where it is lost. */
struct sync_link copy_show_link(struct copy_show *show);
struct sync_events copy_show_events(struct copy_show *show);
void copy_show_done(struct copy_show *show, const struct sync_result *result);
void copy_show_release(struct copy_show *show);

#endif

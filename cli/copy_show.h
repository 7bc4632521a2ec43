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

struct sync_events copy_show_events(struct copy_show *show);
void copy_show_done(struct copy_show *show, const struct sync_result *result);
void copy_show_release(struct copy_show *show);

/* "12,345", "3.4 MB" */
struct copy_text {
	char text[48];
};
struct copy_text copy_count(uint64_t n);
struct copy_text copy_bytes(uint64_t bytes);

#endif

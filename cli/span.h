/* SPDX-License-Identifier: Apache-2.0 */
/* How long something may take, as --timeout says it. */
#ifndef GPUCLOUD_CLI_SPAN_H
#define GPUCLOUD_CLI_SPAN_H

#include <stdint.h>

struct error;

/* "90" (seconds), "90s", "10m", "1h30m": 1 s to most_s. ERROR_USAGE naming `what`. */
int span_parse(const char *text, const char *what, int64_t most_s, int64_t *ret_s,
	       struct error *err);

#endif

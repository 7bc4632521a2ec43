/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of /_sim/: how "gpucloud-sim state" and the others ask the one that runs. */
#ifndef GPUCLOUD_SIMULATOR_SERVE_ADMIN_CLIENT_H
#define GPUCLOUD_SIMULATOR_SERVE_ADMIN_CLIENT_H

#include "core/buf.h"

struct error;
struct running;

/*
 * Sends method to "/_sim/<order>" with body (JSON text, or NULL). The reply's text is added to out.
 * A refusal is ERROR_USAGE with the server's own words.
 */
int admin_ask(const struct running *running, const char *method, const char *order,
	      const char *body, struct buf *out, struct error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's own certificates: an authority made at start, and a server certificate signed by
 * it for 127.0.0.1, ::1 and localhost. Both last 30 days. The authority's key is forgotten at once,
 * the server's lives in memory only.
 */
#ifndef GPUCLOUD_SIMULATOR_SERVE_TLS_H
#define GPUCLOUD_SIMULATOR_SERVE_TLS_H

#include "core/buf.h"

struct error;

struct tls_identity {	 /* PEM, NUL-terminated */
	struct buf ca;	 /* what clients trust */
	struct buf cert; /* the server's, then the authority's */
	struct buf key;
};
#define TLS_IDENTITY_INIT                                         \
	{                                                         \
		.ca = BUF_INIT, .cert = BUF_INIT, .key = BUF_INIT \
	}

int tls_identity_make(struct tls_identity *ret, struct error *err);
void tls_identity_release(struct tls_identity *identity); /* wipes the key */

#endif

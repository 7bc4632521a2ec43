/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of the wire and of the servers' clocks, which the pure model knows nothing about. They
 * join simulator/cloud/fault.h in scenario files and in "gpucloud-sim fault".
 */
#ifndef GPUCLOUD_SIMULATOR_SERVE_WIRE_H
#define GPUCLOUD_SIMULATOR_SERVE_WIRE_H

#include <stddef.h>
#include <stdint.h>

struct route;

enum wire_kind {
	WIRE_NONE,
	WIRE_GIANT,  /* nothing is done; a body of `bytes` begins well and never ends well */
	WIRE_SLOW,   /* done; the body comes in pieces spread over delay_ms */
	WIRE_DOUBLE, /* done twice, as if the network had sent the request twice */
	WIRE_SKEW,   /* no request's matter: the servers' clocks are off by skew_ms from now on */
};

struct wire_fault {
	enum wire_kind kind;
	char service[32], action[64]; /* "": any */
	uint64_t first, count;	      /* turns of matching requests, from 1; count 0: for ever */
	uint64_t seen;
	uint64_t bytes;
	int64_t delay_ms;
	int64_t skew_ms;
};

struct wire { /* zeroed: no faults */
	struct wire_fault *v;
	size_t nr, cap;
	int64_t skew_ms;
};

/* Copies. */
void wire_add(struct wire *wire, const struct wire_fault *fault);
/* Counts the request; the first fault whose turn it is, with kind WIRE_NONE where there is none. */
struct wire_fault wire_next(struct wire *wire, const struct route *route);
void wire_release(struct wire *wire);

#endif

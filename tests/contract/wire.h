/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may happen between a computer and a cloud: a reply breaks off after any byte, a request
 * comes twice, or so late that nobody waits for it any more, and what was sent at once is carried
 * out in any order. Drawn from a seed; stands before the simulated cloud's transport.
 */
#ifndef GPUCLOUD_TESTS_CONTRACT_WIRE_H
#define GPUCLOUD_TESTS_CONTRACT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/http.h"
#include "core/rng.h"

struct sim_transport;
struct wire_held;

/* Shares of requests, 0 to 1. */
struct wire_trouble {
	double cut, twice, held;
	bool shuffled;
	int64_t held_most_ms;
};

struct wire {
	struct sim_transport *net;
	struct rng rng;
	struct rng_seeded seeded;
	struct wire_trouble trouble; /* all 0: everything arrives, once and whole */
	struct wire_held *held;	     /* on their way */
	size_t nr_held, cap_held;
};

void wire_init(struct wire *wire, struct sim_transport *net, uint64_t seed);
void wire_release(struct wire *wire);

void wire_perform(struct wire *wire, struct http_attempt **attempts, size_t n);
/* What was held back and is due by now arrives. */
void wire_deliver(struct wire *wire);

#endif

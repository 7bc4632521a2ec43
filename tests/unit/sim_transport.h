/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated cloud where the network would be: a transport for core/http.h whose far end is
 * cloud_handle(). One clock for both sides, which only sleep and slow replies move; sleeping lets
 * the cloud live on.
 */
#ifndef GPUCLOUD_TESTS_UNIT_SIM_TRANSPORT_H
#define GPUCLOUD_TESTS_UNIT_SIM_TRANSPORT_H

#include <stdint.h>

#include "core/clock.h"
#include "core/http.h"

struct cloud;

struct sim_transport {
	struct cloud *cloud; /* borrowed */
	struct clock clock;  /* give this to http_new() and to the provider */
	int64_t round_ms;    /* what one round of requests takes; 20 at first */
	int64_t skew_ms;     /* our clock minus the cloud's */
	size_t chunk;	     /* bytes at a time into a sink; 1000 at first */
	/* Private. */
	int64_t now_ms;
};

/* Begins at the cloud's own time. Do not move the struct afterwards. */
void sim_transport_init(struct sim_transport *transport, struct cloud *cloud);
struct http_transport sim_transport(struct sim_transport *transport);

#endif

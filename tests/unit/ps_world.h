/* SPDX-License-Identifier: Apache-2.0 */
/* One machine at the simulated Paperspace, and what is asked of what it runs. */
#ifndef GPUCLOUD_TESTS_UNIT_PS_WORLD_H
#define GPUCLOUD_TESTS_UNIT_PS_WORLD_H

#include <stdint.h>

#include "sim_rest.h"

#define PS_P4000   510000	       /* micro-dollars an hour */
#define PS_DISK	   (7 * 1000000 / 730) /* of 100 GB */
#define PS_ADDRESS 4109

struct world {
	struct rest_sim rest;
	char gpu[48];	/* a template */
	char id[48];	/* the machine */
	char event[48]; /* of the last order */
	struct buf log; /* what was asked of its machine: "boot 1xP4000 8192 [script];halt;" */
	char address[16];
	struct cloud_machines machines;
};

/* Of cmocka. A boot takes 8 to 12 s, everything else 4 s; late: shown only after 30 s. */
int pworld_setup(void **state);
int pworld_setup_late(void **state);
int pworld_teardown(void **state);

/* A P4000 with a disk of 100 GB in NY2, with that more in its body: "\"a\":1,". */
void pworld_create(struct world *world, const char *more);
/* Of the machine: verb is "" or "/stop". The status; pworld_order() fails the test unless it is 200. */
int pworld_ask(struct world *world, const char *method, const char *verb);
void pworld_order(struct world *world, const char *method, const char *verb);
/* "ready", of the machine; "done", of the last order's event. The reply is the last one then. */
const char *pworld_state_now(struct world *world);
const char *pworld_event_now(struct world *world);
void pworld_at(struct world *world, double seconds); /* after the start */
int64_t pworld_bill(const struct world *world);	     /* of all that lives, micro-dollars an hour */

#endif

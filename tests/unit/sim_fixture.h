/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small cloud for tests, called without a network. It begins on 2020-03-20T00:00:00Z. Its pools,
 * all in us-east-1 unless said:
 *   p3.2xlarge a: 0.918, at +1 h 2.0, at +2 h 0.5 (on demand 3.06); b: 3.06 all the time
 *   p2.xlarge a: 2,400 hourly changes up to the start; b: one; eu-west-1a: 0.3
 *   t3.micro, g5g.xlarge a; g4dn.xlarge c
 */
#ifndef GPUCLOUD_TESTS_UNIT_SIM_FIXTURE_H
#define GPUCLOUD_TESTS_UNIT_SIM_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "core/xml.h"
#include "simulator/cloud/cloud.h"

#define SIM_START  INT64_C(1584662400)
#define SIM_HOUR   INT64_C(3600)
#define SIM_HOURLY 2400

struct sim {
	struct market *market;
	struct cloud *cloud;
	struct cloud_reply reply;
	struct xml xml; /* of the last reply; root NULL where it was none */
};

/* config may be NULL; its market and start are set here. */
void sim_start(struct sim *sim, const struct cloud_config *config);
void sim_stop(struct sim *sim);

/* Moves time to `seconds` after the start. */
void sim_at(struct sim *sim, double seconds);

/* Sends "Action=...&...", Version added; the reply's status. */
int sim_call(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int sim_call_in(struct sim *sim, const char *region, const char *body);

/* Text of the first element of that name anywhere in the reply; "" where there is none. */
const char *sim_text(const struct sim *sim, const char *name);
size_t sim_count(const struct sim *sim, const char *name); /* elements of that name */
/* Items directly in the first element of that name. */
size_t sim_items(const struct sim *sim, const char *set);

/* Calls, and fails the test unless the reply is that error (NULL: success). */
void sim_expect(struct sim *sim, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The image that launches may use, in us-east-1; static. */
const char *sim_image(const char *arch);

/* The resources of a kind that live, and what all that lives bills an hour now. */
size_t sim_living(const struct sim *sim, const char *kind);
int64_t sim_bill(const struct sim *sim);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated DigitalOcean for tests, called without a network: boots take 1 s and at most half of
 * it more, ends and changes of firewalls 1 s. What it asks of machines is written down.
 */
#ifndef GPUCLOUD_TESTS_UNIT_DROPLET_SIM_H
#define GPUCLOUD_TESTS_UNIT_DROPLET_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/json.h"
#include "sim_fixture.h"
#include "simulator/cloud/fault.h"

#define DO_ADMITS 8

struct do_machine { /* the last one of each kind of call */
	char id[CLOUD_ID_MAX], gpu[32], public_key[256], user_data[256], login[32];
	unsigned gpus, gpu_mem_mib;
	bool guarded; /* else open to everybody */
	struct {
		unsigned from, to;
		char cidr[64];
	} admits[DO_ADMITS];
	size_t nr_admits;
	unsigned boots, reboots, halts, ends, admitted;
};

struct do_sim {
	struct sim sim;
	struct do_machine machine;
	struct cloud_machines ops;
	struct json json; /* of the last reply; root NULL where it was empty */
	const char *token;
	double now; /* seconds since the start */
};

void do_start(struct do_sim *sim, const struct cloud_config *config); /* config may be NULL */
void do_stop(struct do_sim *sim);
void do_wait(struct do_sim *sim, double seconds);

/* path: "droplets?page=2". body may be NULL. The reply's status. */
int do_call(struct do_sim *sim, const char *method, const char *path, const char *body);
int do_get(struct do_sim *sim, const char *path);
int do_post(struct do_sim *sim, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* By a path of names and numbers, "droplets.0.id"; NULL: nothing there. */
const struct cJSON *do_at(const struct do_sim *sim, const char *path);
const char *do_text(const struct do_sim *sim, const char *path); /* "" where there is none */
double do_number(const struct do_sim *sim, const char *path);	 /* -1 */
size_t do_count(const struct do_sim *sim, const char *path);	 /* elements or members */

/* Fails the test unless the last reply is that error, with words of its message. */
void do_expect(const struct do_sim *sim, int status, const char *id, const char *words);

/* A droplet of that size and name, with tags ("\"a\",\"b\""), waited for; its id. */
int64_t do_droplet(struct do_sim *sim, const char *name, const char *size, const char *tags);
void do_fault(struct do_sim *sim, const struct fault *fault); /* of "digitalocean" */

#endif

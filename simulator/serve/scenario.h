/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario files and single faults, as JSON from a person: read strictly, every unknown word is an
 * error. See README.md of this folder for the words.
 */
#ifndef GPUCLOUD_SIMULATOR_SERVE_SCENARIO_H
#define GPUCLOUD_SIMULATOR_SERVE_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

#include "core/json.h"
#include "simulator/cloud/cloud.h"
#include "simulator/cloud/fault.h"
#include "simulator/machine/machine.h"
#include "simulator/serve/wire.h"

struct cJSON;
struct error;

#define SCENARIO_BYTES_MAX  ((size_t)1 << 20)
#define SCENARIO_FAULTS_MAX 1000

/* What is wrong with one machine or with all; bits as in simulator/machine/machine.h. */
struct machine_fault {
	char id[MACHINE_ID_MAX];
	bool all;
	unsigned bits;
};

/* One fault: the model's, the wire's or a machine's. */
struct any_fault {
	bool is_wire, is_machine;
	struct machine_fault machine;
	struct fault cloud; /* strings belong to the JSON it was read from; times are from now on */
	struct wire_fault wire;
};
/* Errors are ERROR_USAGE. Times of the result (from_ms, until_ms) are moved by now_ms. */
int fault_parse(const struct cJSON *node, int64_t now_ms, struct any_fault *ret, struct error *err);

struct scenario {
	bool has_boot, no_default_vpc;
	int64_t boot_ms, visible_after_ms;
	int64_t quota[CLOUD_QUOTA_COUNT][2]; /* [quota][spot]; -1: unchanged */
	struct any_fault *faults;
	size_t nr_faults;
	struct json json; /* what the strings of faults point into */
};
int scenario_parse(const char *text, size_t len, const char *name, int64_t now_ms,
		   struct scenario *ret, struct error *err);
void scenario_release(struct scenario *scenario);

#endif

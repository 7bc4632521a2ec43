/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the property test: a world, its chance, and the story so far. */
#ifndef GPUCLOUD_TESTS_CONTRACT_PROPERTY_H
#define GPUCLOUD_TESTS_CONTRACT_PROPERTY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/contract/world.h"

#define LIVE_MAX 64

struct run {
	struct world world;
	struct rng_seeded seeded;
	struct rng rng; /* of the test itself */
	uint64_t seed;
	bool forgetful; /* the journal was lost: then a name may be taken twice in a blind moment */
	char story[8192];
};

void tell(struct run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* All of it: a message of cmocka's is cut. */
void tell_story(const struct run *run);

#define CHECK(run, what)                                                                      \
	do {                                                                                  \
		if (!(what)) {                                                                \
			tell_story(run);                                                      \
			fail_msg("seed %llu: %s", (unsigned long long)(run)->seed, #what);    \
		}                                                                             \
	} while (0)

uint64_t below(struct run *run, uint64_t n);

/* What the cloud itself knows: instances that live, or lie stopped. */
struct living {
	struct {
		char id[CLOUD_ID_MAX], launch[64], name[64];
	} v[LIVE_MAX];
	size_t nr;
};
void find_living(struct run *run, struct living *ret);
bool lives(struct run *run, const char *id_or_name);

/* Instances as the provider lists them. A region that did not answer is an error. */
int list_all(struct run *run, struct instance_list *list, struct error *err);
/* Ends all, or those of that name; not confirmed is an error. */
int end_all(struct run *run, const char *name, struct error *err);
void recovered(void *ctx, const char *line); /* for recover_all; ctx is the run */

/* Something a person does, drawn from the run's chance; the computer may crash on the way. */
void do_something(struct run *run);

#endif

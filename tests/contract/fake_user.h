/* SPDX-License-Identifier: Apache-2.0 */
/* What a person does with fleet/ on the fake cloud, and how it is killed while doing it. */
#ifndef GPUCLOUD_TESTS_CONTRACT_FAKE_USER_H
#define GPUCLOUD_TESTS_CONTRACT_FAKE_USER_H

#include "fleet/journal.h"
#include "fleet/launch.h"
#include "tests/contract/fake_provider.h"

/* For cmocka: *state is a struct fake. */
int fake_setup(void **state);
int fake_teardown(void **state);

/* What recover_all told. */
struct told {
	char text[1024];
};
struct told fake_recover(struct fake *fake);

/* launch --name NAME as the command does it: 0, -1, or 1: it was there already. */
struct wanted {
	const char *name;
	bool spot;
	unsigned disk_gib;
	const struct tag *tags; /* its policy */
	size_t nr_tags;
	char passed_over[64]; /* zones, each with a blank behind it */
};
int fake_user_launch(struct fake *fake, struct wanted *wanted, struct launch_outcome *ret,
		     struct error *err);
/* Fails the test unless that launch of an instance (spot, where there is that) gives `expected`. */
void fake_must_launch(struct fake *fake, const char *name, int expected);
/* A child launches and is killed at that point; the disk and the cloud are as it left them. */
void fake_launch_and_die(struct fake *fake, const char *name, enum fake_point point);
/* A child does that and is killed at that point; false where it came to its end, and was not. */
bool fake_do_and_die(struct fake *fake, enum fake_point point, void (*fn)(struct fake *fake));

/* The journal's launches in that state, and the newest one's instance (may be NULL). */
size_t fake_rows(struct fake *fake, enum launch_state state, char instance[32]);
/* Done to the journal by hand. */
void fake_sql(struct fake *fake, const char *text);
void fake_later(struct fake *fake, int64_t s);

#endif

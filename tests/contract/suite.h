/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the provider suite share. Each test's *state is a struct world. */
#ifndef GPUCLOUD_TESTS_CONTRACT_SUITE_H
#define GPUCLOUD_TESTS_CONTRACT_SUITE_H

#include "core/buf.h"
#include "tests/contract/world.h"

#define LAUNCH	"contract2345672345672345ab"
#define OTHER	"other234567234567234567abc"
#define NOBODYS "nobody23456723456723456abc"
#define TOKEN  LAUNCH "-1"

/* What the steps of a launch were told. */
struct diary {
	struct world *world;
	char log[512];
	const char *refuse; /* the intent of this kind fails */
	uint64_t sent_at_intent;
	char hash[80];
	struct buf shown;
};

struct launch_steps suite_steps(struct diary *diary, struct world *world);

int suite_launch(struct world *world, const struct launch_request *request,
		 struct launch_result *ret, struct error *err);
/* The instance's id, to be freed. */
char *suite_must_launch(struct world *world, const struct launch_request *request);
/* In the one region of the suite; a failure fails the test. */
void suite_find(struct world *world, struct instance_query query, struct instance_list *ret);
size_t suite_count(struct world *world, struct instance_query query);
void suite_wait_s(struct world *world, int64_t s);
/* Asks for its end until it is gone. */
void suite_terminate(struct world *world, const char *id);
/* That, and releases what belonged to LAUNCH. */
void suite_end(struct world *world, const char *id);
void suite_nothing_lives(const struct world *world);

/* suite_admit.c, suite_ask.c, suite_launch.c, suite_leftovers.c, suite_refuse.c */
void test_slots_and_bits(void **state);
void test_region_names(void **state);
void test_account_and_regions(void **state);
void test_offers(void **state);
void test_spot_history(void **state);
void test_launch_to_release(void **state);
void test_token_is_idempotent(void **state);
void test_lost_reply_is_replayed(void **state);
void test_dry_run(void **state);
void test_intent_comes_first(void **state);
void test_refused_at_once(void **state);
void test_unknown_ids(void **state);
void test_what_others_made(void **state);
void test_no_capacity(void **state);
void test_price_too_low(void **state);
void test_quota(void **state);
void test_bad_requests(void **state);
void test_wrong_credentials(void **state);
void test_leftovers(void **state);
void test_leftovers_of_others(void **state);
void test_stop_and_start(void **state);
void test_limit(void **state);
void test_admit(void **state);
void test_admit_is_bounded(void **state);

#endif

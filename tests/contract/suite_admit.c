/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of a cloud: one more address is let in to a machine, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/contract/suite.h"

static struct admit_request ask_for(const struct world *world, const char *id, const char *cidr)
{
	return (struct admit_request){ .region = world->cloud->region,
				       .instance = id,
				       .launch_id = LAUNCH,
				       .owner = WORLD_OWNER,
				       .cidr = cidr,
				       .port = 22 };
}

static struct admit_result must_admit(struct world *world, const char *id, const char *cidr)
{
	const struct admit_request request = ask_for(world, id, cidr);
	struct admit_result result = { 0 };
	struct error err = ERROR_INIT;

	world_must(world->ops->admit(world->p, &request, &result, &err), &err);
	return result;
}

static void must_refuse(struct world *world, struct admit_request request, enum error_kind kind)
{
	struct admit_result result = { .removed = 77 };
	struct error err = ERROR_INIT;

	assert_int_equal(world->ops->admit(world->p, &request, &result, &err), -1);
	assert_int_equal(err.kind, kind);
	assert_int_equal(result.removed, 77);
}

void test_admit(void **state)
{
	struct world *world = *state;
	struct launch_request request = world_request(world, LAUNCH, TOKEN);
	static const char *const from[] = { "198.51.100.0/24", "2001:db8::/48" };
	struct admit_request bad;

	if (!(world->ops->caps & PROVIDER_CAP_ADMIT))
		return;
	request.from = from;
	request.nr_from = 2;
	request.ssh_port = 22;
	char *id = suite_must_launch(world, &request);
	suite_wait_s(world, 10);
	/* What the launch let in needs nothing, in whatever way it was written. */
	assert_false(must_admit(world, id, "198.51.100.0/32").added);
	assert_false(must_admit(world, id, "198.51.100.255/32").added);
	assert_false(must_admit(world, id, "2001:db8:0:ffff::1/128").added);
	assert_true(must_admit(world, id, "198.51.101.0/32").added);
	assert_false(must_admit(world, id, "198.51.101.0/32").added); /* safe to repeat */
	assert_true(must_admit(world, id, "2001:db8:1::1/128").added);
	/* Another port is another door. */
	struct admit_request other = ask_for(world, id, "198.51.100.7/32");
	struct admit_result result = { 0 };
	struct error err = ERROR_INIT;
	other.port = 2222;
	world_must(world->ops->admit(world->p, &other, &result, &err), &err);
	assert_true(result.added);
	/* One address alone, of somebody. */
	must_refuse(world, ask_for(world, id, "198.51.100.0/24"), ERROR_USAGE);
	must_refuse(world, ask_for(world, id, "0.0.0.0/0"), ERROR_USAGE);
	must_refuse(world, ask_for(world, id, "198.51.100.7"), ERROR_USAGE);
	must_refuse(world, ask_for(world, id, "here/32"), ERROR_USAGE);
	bad = ask_for(world, id, "198.51.102.7/32");
	bad.owner = "a b";
	must_refuse(world, bad, ERROR_USAGE);
	bad = ask_for(world, id, "198.51.102.7/32");
	bad.launch_id = NOBODYS;
	must_refuse(world, bad, ERROR_NOT_FOUND);
	suite_end(world, id);
	suite_nothing_lives(world);
	free(id);
}

/* However often an owner moves, only so many addresses stay; another owner's do too. */
void test_admit_is_bounded(void **state)
{
	struct world *world = *state;
	struct launch_request request = world_request(world, LAUNCH, TOKEN);
	static const char *const from[] = { "192.0.2.1/32" };
	struct admit_request other;
	struct admit_result result = { 0 };
	struct error err = ERROR_INIT;
	unsigned removed = 0;

	if (!(world->ops->caps & PROVIDER_CAP_ADMIT))
		return;
	request.from = from;
	request.nr_from = 1;
	request.ssh_port = 22;
	char *id = suite_must_launch(world, &request);
	suite_wait_s(world, 10);
	other = ask_for(world, id, "203.0.113.250/32");
	other.owner = "other";
	world_must(world->ops->admit(world->p, &other, &result, &err), &err);
	for (unsigned i = 0; i < 3 * ADMIT_MOST; i++) {
		char cidr[32];

		snprintf(cidr, sizeof(cidr), "203.0.113.%u/32", i);
		result = must_admit(world, id, cidr);
		assert_true(result.added);
		removed += result.removed;
		suite_wait_s(world, 1);
	}
	assert_int_equal(removed, 2 * ADMIT_MOST);
	assert_false(must_admit(world, id, "192.0.2.1/32").added);
	assert_false(must_admit(world, id, "203.0.113.250/32").added);
	assert_false(must_admit(world, id, "203.0.113.47/32").added); /* the newest ones stay */
	assert_false(must_admit(world, id, "203.0.113.32/32").added);
	assert_true(must_admit(world, id, "203.0.113.31/32").added); /* and may come again */
	suite_end(world, id);
	free(id);
}

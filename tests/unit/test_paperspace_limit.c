/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace: the time limit that it keeps itself, and moving it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"
#include "tests/unit/paperspace_fake.h"

#define ID	 "ps1234567"
#define AT(time) "2026-01-01T" time ".000Z"
#define Q(time)	 "\"2026-01-01T" time ".000Z\""
#define T0	 AWS_FAKE_NOW /* 2026-01-01T00:00:00Z */
#define CREATED	 PF_EVENT("create", "done", AT("00:00:01"), Q("00:00:02"), Q("00:01:00"), "")
#define STARTED	 PF_EVENT("start", "done", AT("02:00:00"), Q("02:00:01"), Q("02:00:20"), "")

/* Whole hours from when it was last on; never fewer than it has, nor any where it has none. */
static void test_limit(void **state)
{
	struct cloud_fake *world = *state;
#define SET	 LOOKED "PUT /machines/" ID "\n"
#define LOOKED	 ASKED "GET /machine-events\n"
#define ASKED	 "GET /machines/" ID "\n"
#define ON(more) "\"autoShutdownEnabled\":true" more
	static const struct {
		const char *limit, *events;
		int64_t until; /* from T0 on */
		const char *log, *body;
	} cases[] = {
		{ ON(",\"autoShutdownTimeout\":2"), CREATED, 2 * 3600 + 2, LOOKED, NULL },
		{ ON(",\"autoShutdownTimeout\":2"), CREATED, 2 * 3600 + 3, SET,
		  ON(",\"autoShutdownTimeout\":3,\"autoShutdownForce\":true") },
		{ ON(",\"autoShutdownTimeout\":2"), STARTED "," CREATED, 4 * 3600 + 1, LOOKED,
		  NULL },
		{ ON(",\"autoShutdownTimeout\":2"), STARTED "," CREATED, 4 * 3600 + 2, SET,
		  ON(",\"autoShutdownTimeout\":3,\"autoShutdownForce\":true") },
		{ ON(",\"autoShutdownTimeout\":10000"), CREATED, 9000 * 3600, LOOKED, NULL },
		{ ON(",\"autoShutdownTimeout\":8760"), CREATED, 8760 * 3600 + 3, SET,
		  "{\"autoShutdownEnabled\":false}" },
		{ ON(",\"autoShutdownTimeout\":null"), CREATED, 60, SET,
		  ON(",\"autoShutdownTimeout\":1,\"autoShutdownForce\":true") },
		{ ON(""), CREATED, 60, SET,
		  ON(",\"autoShutdownTimeout\":1,\"autoShutdownForce\":true") },
		{ "\"autoShutdownEnabled\":false,\"autoShutdownTimeout\":2", CREATED, 9 * 3600,
		  ASKED, NULL },
		{ "\"autoShutdownEnabled\":\"yes\"", CREATED, 9 * 3600, ASKED, NULL },
		/* What its events do not tell is not taken for late. */
		{ ON(",\"autoShutdownTimeout\":2"), "\"x\"", 3 * 3600, SET,
		  ON(",\"autoShutdownTimeout\":3,\"autoShutdownForce\":true") },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf machine = BUF_INIT, events = BUF_INIT;

		buf_addf(&machine,
			 "{\"id\":\"" ID "\",\"name\":\"" PF_NAME
			 "\",\"state\":\"ready\",\"dtCreated\":\"" AT("00:00:00") "\",%s}",
			 cases[i].limit);
		buf_addf(&events, "{\"items\":[%s]}", cases[i].events);
		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "GET " PF_URL "/machines/" ID, 200, machine.data);
		aws_fake_reply(&world->fake, "/machine-events", 200, events.data);
		aws_fake_reply(&world->fake, "PUT", 200, "{\"data\":{}}");
		if (pspace_limit(world->p, "ny2", ID, T0 + cases[i].until, &world->err) < 0 ||
		    strcmp(cloud_fake_log(world), cases[i].log) != 0)
			fail_msg("%zu: %s\n%s", i, world->err.message, cloud_fake_log(world));
		if (cases[i].body && !strstr(cloud_fake_body(world, 2), cases[i].body))
			fail_msg("%zu: %s", i, cloud_fake_body(world, 2));
		buf_release(&machine);
		buf_release(&events);
	}
	cloud_fake_expect(world, pspace_limit(world->p, "ny2", "../x", T0, &world->err),
			  ERROR_USAGE, "no machine's id");
	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "GET", 200, "{\"name\":\"x\"}");
	cloud_fake_expect(world, pspace_limit(world->p, "ny2", ID, T0, &world->err), ERROR_PROTOCOL,
			  "cannot move the auto-shutdown");
}

/* It counts from the next start on, however long ago the last one was. */
static void test_limit_of_one_that_is_off(void **state)
{
	struct cloud_fake *world = *state;
	static const char off[] = "{\"id\":\"" ID "\",\"name\":\"" PF_NAME
				  "\",\"state\":\"off\",\"dtCreated\":\"2025-12-01T00:00:00.000Z\","
				  "\"autoShutdownEnabled\":true,\"autoShutdownTimeout\":2}";

	aws_fake_reply(&world->fake, "GET", 200, off);
	assert_int_equal(pspace_limit(world->p, "ny2", ID, T0 + 2 * 3600, &world->err), 0);
	assert_string_equal(cloud_fake_log(world), ASKED);
	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "GET", 200, off);
	aws_fake_reply(&world->fake, "PUT", 200, "{\"data\":{}}");
	assert_int_equal(pspace_limit(world->p, "ny2", ID, T0 + 2 * 3600 + 1, &world->err), 0);
	assert_string_equal(cloud_fake_log(world), ASKED "PUT /machines/" ID "\n");
	assert_non_null(strstr(cloud_fake_body(world, 1), "\"autoShutdownTimeout\":3"));
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, paperspace_fake_setup, cloud_fake_teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_limit),
		WITH(test_limit_of_one_that_is_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

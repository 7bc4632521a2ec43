/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace: what a machine is made of, and a launch that makes none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"
#include "tests/unit/paperspace_fake.h"

static void test_templates_and_disks(void **state)
{
	struct cloud_fake *world = *state;
	static const struct {
		const char *type, *image;
		unsigned gib, more;
		const char *made; /* part of the body; NULL: refused */
		const char *says;
	} cases[] = {
		{ "P4000", NULL, 0, 0, "\"templateId\":\"tmlbox22\",\"diskSize\":100,", NULL },
		{ "V100", NULL, 0, 0, "\"templateId\":\"tmlbox20\"", NULL },
		{ "C5", NULL, 0, 0, "\"templateId\":\"tubuntu1\",\"diskSize\":50,", NULL },
		{ "P4000", "tmlbox20", 0, 0, "\"templateId\":\"tmlbox20\"", NULL },
		{ "P4000", "ml-in-a-box", 0, 1, "\"templateId\":\"tmlbox22\",\"diskSize\":250,",
		  NULL },
		{ "P4000", "ubuntu-22.04", 2000, 0, "\"templateId\":\"tubuntu1\",\"diskSize\":2000",
		  NULL },
		{ "P4000", "ML-in-a", 0, 0, NULL, "could be any of" },
		{ "V100", "ubuntu 22.04 server", 0, 0, NULL, "is not there for a V100" },
		{ "P4000", "debian", 0, 0, NULL, "tmlbox22 (ML-in-a-Box)" },
		{ "P4000", NULL, 50, 0, NULL, "too small for template tmlbox22" },
		{ "P4000", NULL, 2001, 0, NULL, "largest disk has 2000 GB" },
		{ "P4000", NULL, 0, 4000000000U, NULL, "largest disk" },
		{ "P4000", "mine", 0, 0, "\"templateId\":\"tcustom1\",\"diskSize\":250,", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct launch_request wanted = paperspace_fake_request();
		struct launch_result result = { 0 };

		cloud_fake_clear(world);
		wanted.type = cases[i].type;
		wanted.image = cases[i].image;
		wanted.disk_gib = cases[i].gib;
		wanted.disk_more_gib = cases[i].more;
		paperspace_fake_allow(world);
		aws_fake_reply(&world->fake, "/custom-templates", 200,
			       PF_LIST(PF_TEMPLATE("tcustom1", "mine", "Ubuntu 22.04", "200",
						   PF_TYPE("P4000"))));
		aws_fake_reply(&world->fake, "POST " PF_URL "/machines", 200, PF_MADE);
		int rc = paperspace_fake_launch(world, &wanted, NULL, &result);
		if (!cases[i].made) {
			cloud_fake_expect(world, rc, world->err.kind, cases[i].says);
			paperspace_fake_none_made(world);
			continue;
		}
		if (rc < 0)
			fail_msg("%zu: %s", i, world->err.message);
		size_t last = world->fake.nr_requests - 1;
		if (!strstr(cloud_fake_body(world, last), cases[i].made))
			fail_msg("%zu: %s", i, cloud_fake_body(world, last));
		launch_result_release(&result);
	}
}

static void test_variants(void **state)
{
	struct cloud_fake *world = *state;
	struct launch_request wanted = paperspace_fake_request();
	struct launch_result result = { 0 };

	/* Nobody is let in and nothing runs: no script. For ever, with an address that stays. */
	wanted.ssh_public_key = NULL;
	wanted.user_data = NULL;
	wanted.user_data_len = 0;
	wanted.ttl_s = 0;
	wanted.static_address = true;
	wanted.subnet = "ne1234";
	paperspace_fake_allow(world);
	aws_fake_reply(&world->fake, "POST " PF_URL "/machines", 200, PF_MADE);
	assert_int_equal(paperspace_fake_launch(world, &wanted, NULL, &result), 0);
	const char *body = cloud_fake_body(world, world->fake.nr_requests - 1);
	assert_null(strstr(body, "startupScriptId"));
	assert_null(strstr(body, "autoShutdownTimeout"));
	assert_non_null(strstr(body, "\"autoShutdownEnabled\":false"));
	assert_non_null(strstr(body, "\"publicIpType\":\"static\",\"networkId\":\"ne1234\""));
	launch_result_release(&result);

	cloud_fake_clear(world);
	wanted.ttl_s = 366 * 86400;
	paperspace_fake_allow(world);
	aws_fake_reply(&world->fake, "POST " PF_URL "/machines", 200, PF_MADE);
	assert_int_equal(paperspace_fake_launch(world, &wanted, NULL, &result), 0);
	assert_non_null(strstr(cloud_fake_body(world, world->fake.nr_requests - 1),
			       "\"autoShutdownTimeout\":8760,"));
	launch_result_release(&result);
}

static void test_dry_run(void **state)
{
	struct cloud_fake *world = *state;
	struct launch_request wanted = paperspace_fake_request();
	struct launch_result result = { 0 };
	struct paperspace_diary diary = { .log = BUF_INIT };

	wanted.dry_run = true;
	paperspace_fake_allow(world);
	assert_int_equal(paperspace_fake_launch(world, &wanted, &diary, &result), 0);
	paperspace_fake_none_made(world);
	assert_string_equal(cloud_fake_log(world),
			    "GET /billing/account-standing\nGET /machine-availability\n"
			    "GET /os-templates\n");
	assert_non_null(strstr(diary.log.data, "[POST /startup-scripts]\nname=" PF_SCRIPT "\n"
					       "script=*** ("));
	assert_non_null(strstr(diary.log.data, "[POST /machines]\nname=" PF_NAME "\n"));
	assert_null(strstr(diary.log.data, "echo hello"));
	assert_null(strstr(diary.log.data, "AAAAC3"));
	assert_null(strstr(diary.log.data, "intend"));
	launch_result_release(&result);

	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "/machine-availability", 200, "{\"available\":false}");
	paperspace_fake_allow(world);
	cloud_fake_expect(world, paperspace_fake_launch(world, &wanted, &diary, &result),
			  ERROR_CAPACITY, "no P4000 left");
	assert_string_equal(diary.log.data, "");
	buf_release(&diary.log);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, paperspace_fake_setup, cloud_fake_teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_templates_and_disks),
		WITH(test_variants),
		WITH(test_dry_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

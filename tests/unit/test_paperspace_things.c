/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace: what is left of launches besides machines, and how it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/unit/paperspace_fake.h"

#define ID "ps1234567"
#define SCRIPT(id, name, machines)                                                        \
	"{\"id\":\"" id "\",\"name\":\"" name "\",\"isRunOnce\":true,\"isEnabled\":true," \
	"\"dtCreated\":\"2026-01-01T00:00:10.000Z\",\"dtDeleted\":null,"                  \
	"\"assignedMachineIds\":[" machines "]}"
#define ADDRESS(ip, machine)                                                               \
	"{\"ip\":\"" ip "\",\"region\":\"ca1\",\"dtCreated\":\"2026-01-01T00:00:20.000Z\"" \
	",\"assignedMachineId\":" machine "}"

static void reply(struct cloud_fake *world, const char *scripts, const char *addresses,
		  const char *machines)
{
	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "GET " PF_URL "/startup-scripts?", 200, scripts);
	aws_fake_reply(&world->fake, "GET " PF_URL "/public-ips?", 200, addresses);
	aws_fake_reply(&world->fake, "GET " PF_URL "/machines?", 200, machines);
}

static int leftovers(struct cloud_fake *world, const char *launch_id, struct leftover_list *ret)
{
	static const char *const regions[] = { "ca1", "ny2" };
	const struct leftover_query query = { .regions = regions,
					      .nr_regions = 2,
					      .launch_id = launch_id };

	return pspace_leftovers(world->p, &query, ret, &world->err);
}

static void expect(const struct leftover *one, enum leftover_kind kind, const char *id,
		   const char *launch_id, const char *owner, const char *attached,
		   const char *region)
{
	assert_int_equal(one->kind, kind);
	assert_string_equal(one->id, id);
	assert_string_equal(one->launch_id, launch_id);
	assert_string_equal(one->owner, owner);
	assert_string_equal(one->attached, attached);
	assert_string_equal(one->region, region);
}

static void test_what_is_left(void **state)
{
	struct cloud_fake *world = *state;
	struct leftover_list list = { 0 };

	reply(world,
	      PF_LIST(SCRIPT("s1", PF_SCRIPT, "\"" ID "\"") "," SCRIPT(
		      "s2", "gpucloud.me." PF_OTHER,
		      "\"psgone001\"") "," SCRIPT("s3", "gpucloud.me",
						  "") "," SCRIPT("s4", "My script", "\"" ID "\"")),
	      PF_LIST(ADDRESS("198.51.100.1", "\"" ID "\"") "," ADDRESS(
		      "198.51.100.2",
		      "null") "," ADDRESS("198.51.100.3",
					  "\"psother01\"") "," ADDRESS("198.51.100.4",
								       "\"psgone001\"")),
	      PF_LIST(PF_MACHINE(ID, PF_NAME, "ready", "") "," PF_MACHINE("psother01", "Mine",
									  "ready", "")));
	if (leftovers(world, NULL, &list) < 0)
		fail_msg("%s", world->err.message);
	/* Another's machine keeps its address; nobody's are told, without owner. */
	assert_int_equal(list.nr, 5);
	expect(&list.v[0], LEFTOVER_ADDRESS, "198.51.100.1", PF_LAUNCH, "me", ID, "ca1");
	assert_string_equal(list.v[0].name, "train");
	expect(&list.v[1], LEFTOVER_ADDRESS, "198.51.100.2", "", "", "", "ca1");
	assert_int_equal(list.v[1].price, MONEY_UNKNOWN);
	assert_int_equal(list.v[1].created, AWS_FAKE_NOW + 20);
	expect(&list.v[2], LEFTOVER_ADDRESS, "198.51.100.4", "", "", "", "ca1");
	/* One whose machine is gone has no region. */
	expect(&list.v[3], LEFTOVER_SCRIPT, "s1", PF_LAUNCH, "me", ID, "ny2");
	expect(&list.v[4], LEFTOVER_SCRIPT, "s2", PF_OTHER, "me", "", "ny2");
	assert_int_equal(list.v[4].created, AWS_FAKE_NOW + 10);
	assert_int_equal(list.v[4].price, 0);
	leftover_list_release(&list);
}

/* An end that was interrupted between the two: the script's name says whose the address was. Not that
 * of one that hangs on a machine again, and not of another address. */
static void test_noted_address(void **state)
{
	struct cloud_fake *world = *state;
	struct leftover_list list = { 0 };
	struct release_result result = { 0 };
	static const char script[] = PF_LIST(SCRIPT("s1", PF_SCRIPT ".198-51-100-2", ""));
	static const char others[] = PF_LIST(
		ADDRESS("198.51.100.2", "\"psother01\"") "," ADDRESS("198.51.100.3", "null"));

	reply(world, script,
	      PF_LIST(ADDRESS("198.51.100.2", "null") "," ADDRESS("198.51.100.3", "null")),
	      PF_EMPTY);
	assert_int_equal(leftovers(world, NULL, &list), 0);
	assert_int_equal(list.nr, 3);
	expect(&list.v[0], LEFTOVER_ADDRESS, "198.51.100.2", PF_LAUNCH, "me", "", "ca1");
	expect(&list.v[1], LEFTOVER_ADDRESS, "198.51.100.3", "", "", "", "ca1");
	leftover_list_release(&list);

	/* It goes before the script that knows of it. */
	static const char log[] = "GET /startup-scripts\nGET /public-ips\n"
				  "DELETE /public-ips/198.51.100.2\nDELETE /startup-scripts/s1\n";
	struct leftover one = {
		.kind = LEFTOVER_SCRIPT, .id = "s1", .launch_id = PF_LAUNCH, .attached = ""
	};
	for (int i = 0; i < 2; i++) {
		reply(world, script, PF_LIST(ADDRESS("198.51.100.2", "null")), PF_EMPTY);
		aws_fake_reply(&world->fake, "DELETE " PF_URL "/public-ips", 200, "{}");
		aws_fake_reply(&world->fake, "DELETE " PF_URL "/startup-scripts", 200, "{}");
		assert_int_equal(
			i ? pspace_remove(world->p, &one, &world->err)
			  : pspace_release(world->p, "ny2", PF_LAUNCH, &result, &world->err),
			0);
		assert_string_equal(cloud_fake_log(world), log);
	}
	assert_int_equal(result.addresses, 1);

	/* What cannot be released keeps its note. */
	reply(world, script, PF_LIST(ADDRESS("198.51.100.2", "null")), PF_EMPTY);
	aws_fake_reply(&world->fake, "DELETE " PF_URL "/public-ips", 403, "{}");
	assert_int_equal(pspace_release(world->p, "ny2", PF_LAUNCH, &result, &world->err), -1);
	assert_null(strstr(cloud_fake_log(world), "DELETE /startup-scripts"));

	reply(world, script, others, PF_EMPTY);
	aws_fake_reply(&world->fake, "DELETE " PF_URL "/startup-scripts", 200, "{}");
	assert_int_equal(pspace_release(world->p, "ny2", PF_LAUNCH, &result, &world->err), 0);
	assert_null(strstr(cloud_fake_log(world), "DELETE /public-ips"));
}

static void test_script_names(void **state)
{
	static const char *const bad[] = { "gpucloud.me." PF_LAUNCH ".",
					   "gpucloud.me." PF_LAUNCH ".198-51-100",
					   "gpucloud.me." PF_LAUNCH ".198-51-100-256",
					   "gpucloud.me." PF_LAUNCH ".198-51-100-02",
					   "gpucloud.me." PF_LAUNCH ".198.51.100.2",
					   "gpucloud.me." PF_LAUNCH ".198-51-100-2.",
					   "gpucloud.me." PF_LAUNCH "-198-51-100-2",
					   "gpucloud.me." PF_LAUNCH ".1111111111111111111111111",
					   "gpucloud.me.short.198-51-100-2" };
	char text[PSPACE_NAME_MAX + 1];
	struct pspace_name name;

	(void)state;
	pspace_name_script_noting("me", PF_LAUNCH, "198.51.100.2", text);
	assert_string_equal(text, PF_SCRIPT ".198-51-100-2");
	assert_true(pspace_name_read_script(text, &name));
	assert_string_equal(name.address, "198.51.100.2");
	assert_string_equal(name.launch_id, PF_LAUNCH);
	assert_string_equal(name.owner, "me");
	assert_true(pspace_name_read_script(PF_SCRIPT, &name));
	assert_string_equal(name.address, "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (pspace_name_read_script(bad[i], &name))
			fail_msg("%s", bad[i]);
}

/* A machine in a region that nobody asked for holds on to its script all the same. */
static void test_machine_elsewhere(void **state)
{
	struct cloud_fake *world = *state;
	struct leftover_list list = { 0 };

	reply(world, PF_LIST(SCRIPT("s1", PF_SCRIPT, "")), PF_EMPTY,
	      PF_LIST("{\"id\":\"" ID "\",\"name\":\"" PF_NAME
		      "\",\"region\":\"AMS1\",\"state\":\"ready\"}"));
	assert_int_equal(leftovers(world, NULL, &list), 0);
	assert_int_equal(list.nr, 0);
	leftover_list_release(&list);
}

static void test_of_one_launch(void **state)
{
	struct cloud_fake *world = *state;
	struct leftover_list list = { 0 };

	reply(world,
	      PF_LIST(SCRIPT("s1", PF_SCRIPT, "") "," SCRIPT("s2", "gpucloud.me." PF_OTHER, "")),
	      PF_LIST(ADDRESS("198.51.100.2", "null")), PF_EMPTY);
	assert_int_equal(leftovers(world, PF_LAUNCH, &list), 0);
	assert_int_equal(list.nr, 1);
	assert_string_equal(list.v[0].id, "s1");
	leftover_list_release(&list);
	cloud_fake_expect(world, leftovers(world, "../x", &list), ERROR_USAGE, "no launch's id");
}

static void test_hostile(void **state)
{
	struct cloud_fake *world = *state;
	static const struct {
		const char *scripts, *addresses, *machines, *says;
	} cases[] = {
		{ PF_LIST("{\"name\":\"x\"}"), PF_EMPTY, PF_EMPTY, "field 'id'" },
		{ PF_LIST("{\"id\":\"s1\"}"), PF_EMPTY, PF_EMPTY, "field 'name'" },
		{ PF_LIST(SCRIPT("s 1", PF_SCRIPT, "")), PF_EMPTY, PF_EMPTY, "field 'id'" },
		{ PF_EMPTY, PF_LIST("{}"), PF_EMPTY, "field 'ip'" },
		{ PF_EMPTY, PF_LIST(ADDRESS("1.2.3", "null")), PF_EMPTY, "field 'ip'" },
		{ PF_EMPTY, PF_LIST(ADDRESS("198.51.100.1", "7")), PF_EMPTY, "assignedMachineId" },
		{ PF_EMPTY, PF_LIST(ADDRESS("198.51.100.1", "\"../x\"")), PF_EMPTY,
		  "assignedMachineId" },
		{ PF_EMPTY, PF_EMPTY, "{\"items\":null}", "field 'items'" },
	};
	struct leftover_list list = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		reply(world, cases[i].scripts, cases[i].addresses, cases[i].machines);
		cloud_fake_expect(world, leftovers(world, NULL, &list), ERROR_PROTOCOL,
				  cases[i].says);
	}
}

static void test_remove(void **state)
{
	struct cloud_fake *world = *state;
	struct leftover one = {
		.kind = LEFTOVER_SCRIPT, .id = "s1", .launch_id = PF_LAUNCH, .attached = ""
	};

	/* Twice is harmless. */
	aws_fake_reply(&world->fake, "GET " PF_URL "/startup-scripts?", 200,
		       PF_LIST(SCRIPT("s1", PF_SCRIPT, "")));
	for (int i = 0; i < 2; i++)
		aws_fake_reply(&world->fake, "GET " PF_URL "/startup-scripts?", 200, PF_EMPTY);
	aws_fake_reply(&world->fake, "DELETE " PF_URL "/startup-scripts/s1", 200, "{}");
	aws_fake_reply(&world->fake, "DELETE " PF_URL "/startup-scripts/s1", 404, "{}");
	assert_int_equal(pspace_remove(world->p, &one, &world->err), 0);
	assert_int_equal(pspace_remove(world->p, &one, &world->err), 0);
	aws_fake_reply(&world->fake, "DELETE", 409, "{\"message\":\"In use\"}");
	cloud_fake_expect(world, pspace_remove(world->p, &one, &world->err), ERROR_CONFLICT,
			  "In use");
	one.kind = LEFTOVER_ADDRESS;
	one.id = "198.51.100.2";
	aws_fake_reply(&world->fake, "DELETE " PF_URL "/public-ips/198.51.100.2", 200, "{}");
	assert_int_equal(pspace_remove(world->p, &one, &world->err), 0);

	/* What hangs on a machine, what may be anybody's, and what is not there. */
	cloud_fake_clear(world);
	one.attached = ID;
	cloud_fake_expect(world, pspace_remove(world->p, &one, &world->err), ERROR_CONFLICT,
			  "hangs on machine '" ID "'");
	one.attached = one.launch_id = "";
	cloud_fake_expect(world, pspace_remove(world->p, &one, &world->err), ERROR_UNSUPPORTED,
			  "pspace public-ip release 198.51.100.2");
	one.kind = LEFTOVER_VOLUME;
	cloud_fake_expect(world, pspace_remove(world->p, &one, &world->err), ERROR_UNSUPPORTED,
			  "no volume");
	assert_int_equal(world->fake.nr_requests, 0);
}

static void test_release(void **state)
{
	struct cloud_fake *world = *state;
	struct release_result result = { 0 };
	static const char scripts[] = PF_LIST(SCRIPT("s1", PF_SCRIPT, "") "," SCRIPT(
		"s2", PF_SCRIPT, "") "," SCRIPT("s3", "gpucloud.me." PF_OTHER, ""));

	/* One at once, one that was gone already, none of another launch. */
	aws_fake_reply(&world->fake, "GET", 200, scripts);
	aws_fake_reply(&world->fake, "DELETE " PF_URL "/startup-scripts/s1", 200, "{}");
	aws_fake_reply(&world->fake, "DELETE " PF_URL "/startup-scripts/s2", 404, "{}");
	assert_int_equal(pspace_release(world->p, "ny2", PF_LAUNCH, &result, &world->err), 0);
	assert_int_equal(result.scripts, 1);
	assert_int_equal(result.left, 0);
	assert_int_equal(world->fake.nr_requests, 3);

	/* Waited for, but not for ever. */
	cloud_fake_clear(world);
	int64_t began = world->fake.now_ms;
	aws_fake_reply(&world->fake, "GET", 200, PF_LIST(SCRIPT("s1", PF_SCRIPT, "")));
	for (int i = 0; i < 11; i++)
		aws_fake_reply(&world->fake, "DELETE", 409, "{}");
	assert_int_equal(pspace_release(world->p, "ny2", PF_LAUNCH, &result, &world->err), 0);
	assert_int_equal(result.left, 1);
	assert_in_range(world->fake.now_ms - began, 20000, 30000);

	/* What fails does not stop the rest. */
	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "GET", 200, scripts);
	aws_fake_reply(&world->fake, "DELETE " PF_URL "/startup-scripts/s1", 403, "{}");
	aws_fake_reply(&world->fake, "DELETE " PF_URL "/startup-scripts/s2", 200, "{}");
	cloud_fake_expect(world, pspace_release(world->p, "ny2", PF_LAUNCH, &result, &world->err),
			  ERROR_AUTH, "cannot delete the startup script");
	assert_true(aws_fake_all_used(&world->fake));
	cloud_fake_expect(world, pspace_release(world->p, "ny2", "short", &result, &world->err),
			  ERROR_USAGE, "no launch's id");
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, paperspace_fake_setup, cloud_fake_teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_what_is_left),  WITH(test_machine_elsewhere),
		WITH(test_of_one_launch), WITH(test_hostile),
		WITH(test_remove),	  WITH(test_release),
		WITH(test_noted_address), cmocka_unit_test(test_script_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

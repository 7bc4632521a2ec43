/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to a machine of the simulated Paperspace: addresses, scripts, changes, snapshots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "core/mem.h"
#include "ps_world.h"

static void test_static_address(void **state)
{
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;
	char target[64], body[96], ip[16];

	pworld_create(world, "\"publicIpType\":\"static\",");
	assert_int_equal(pworld_bill(world), PS_P4000 + PS_DISK + PS_ADDRESS);
	pworld_at(world, 20);
	assert_int_equal(pworld_ask(world, "GET", ""), 200);
	snprintf(ip, sizeof(ip), "%s", rsim_text(rest, "publicIp"));
	assert_string_equal(ip, "127.33.1.2"); /* where one can log in */
	snprintf(target, sizeof(target), "public-ips/%s", ip);
	rsim_expect(rest, 200, "GET", "public-ips?region=NY2", NULL);
	assert_string_equal(rsim_text(rest, "items.0.assignedMachineId"), world->id);
	assert_string_equal(rsim_text(rest, "items.0.region"), "ny2");
	rsim_expect(rest, 412, "DELETE", target, NULL);
	pworld_order(world, "PATCH", "/stop");
	pworld_at(world, 30);
	assert_int_equal(pworld_ask(world, "GET", ""), 200);
	assert_string_equal(rsim_text(rest, "publicIp"), ip); /* also while it is off */
	pworld_order(world, "DELETE", "");
	pworld_at(world, 40);
	/* the machine is gone; the address is not, and bills */
	rsim_expect(rest, 200, "GET", "public-ips", NULL);
	assert_int_equal(rsim_items(rest, "items"), 1);
	assert_null(strstr(rest->reply.body.data, "assignedMachineId"));
	assert_int_equal(pworld_bill(world), PS_ADDRESS);
	rsim_expect(rest, 400, "GET", "public-ips?region=mars", NULL);

	/* claimed by itself, moved from one to the next, released */
	rsim_expect(rest, 200, "DELETE", target, NULL);
	assert_string_equal(rsim_text(rest, "ip"), ip);
	rsim_expect(rest, 404, "DELETE", target, NULL);
	assert_int_equal(pworld_bill(world), 0);
	rsim_expect(rest, 200, "POST", "public-ips", "{\"region\":\"ny2\"}");
	snprintf(ip, sizeof(ip), "%s", rsim_text(rest, "ip"));
	snprintf(target, sizeof(target), "public-ips/%s", ip);
	pworld_create(world, "");
	pworld_at(world, 60);
	snprintf(body, sizeof(body), "{\"machineId\":\"%s\"}", world->id);
	rsim_expect(rest, 200, "PUT", target, "%s", body);
	assert_string_equal(rsim_text(rest, "assignedMachineId"), world->id);
	assert_int_equal(pworld_ask(world, "GET", ""), 200);
	assert_string_equal(rsim_text(rest, "publicIp"), ip);
	assert_string_equal(rsim_text(rest, "publicIpType"), "static");
	pworld_create(world, "");
	pworld_at(world, 80);
	snprintf(body, sizeof(body), "{\"machineId\":\"%s\"}", world->id);
	rsim_expect(rest, 409, "PUT", target, "%s", body); /* somebody else's */
	rsim_expect(rest, 400, "PUT", target, "{}");
	rsim_expect(rest, 404, "PUT", target, "{\"machineId\":\"psnone\"}");
	rsim_expect(rest, 200, "PUT", target, "{\"machineId\":null}");
	rsim_expect(rest, 200, "PUT", target, "%s", body);
	assert_string_equal(rsim_text(rest, "assignedMachineId"), world->id);
	rsim_expect(rest, 200, "POST", "public-ips", "{\"region\":\"AMS1\"}");
	snprintf(target, sizeof(target), "public-ips/%s", rsim_text(rest, "ip"));
	rsim_expect(rest, 400, "PUT", target, "%s", body); /* of another region */
}

/* Claimed with the machine: given back before that was up, it is in the account all the same. */
static void test_static_address_early(void **state)
{
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;
	char target[64];

	pworld_create(world, "\"publicIpType\":\"static\",");
	rsim_expect(rest, 200, "GET", "public-ips", NULL);
	assert_int_equal(rsim_items(rest, "items"), 0);
	snprintf(target, sizeof(target), "machines/%s", world->id);
	rsim_expect(rest, 200, "PUT", target, "{\"publicIpType\":\"none\"}");
	rsim_expect(rest, 200, "GET", "public-ips", NULL);
	assert_int_equal(rsim_items(rest, "items"), 1);
	snprintf(target, sizeof(target), "public-ips/%s", rsim_text(rest, "items.0.ip"));
	rsim_expect(rest, 200, "DELETE", target, NULL);
	assert_int_equal(pworld_bill(world), PS_P4000 + PS_DISK);
}

static void test_updates(void **state)
{
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;
	char target[64];

	pworld_create(world, "");
	pworld_at(world, 20);
	snprintf(target, sizeof(target), "machines/%s", world->id);
	rsim_expect(rest, 200, "PUT", target, "{\"name\":\"renamed\"}");
	assert_string_equal(rsim_text(rest, "data.name"), "renamed");
	assert_null(strstr(rest->reply.body.data, "\"event\""));
	rsim_expect(rest, 412, "PUT", target, "{\"machineType\":\"P5000\"}");
	rsim_expect(rest, 400, "PUT", target, "{\"diskSize\":50}");
	rsim_expect(rest, 400, "PUT", target, "{\"region\":\"CA1\"}");
	rsim_expect(rest, 400, "PUT", target, "{\"machineType\":\"none\"}");
	rsim_expect(rest, 400, "PUT", target, "{\"autoShutdownEnabled\":true}");
	rsim_expect(rest, 200, "PUT", target, "{\"publicIpType\":\"dynamic\"}");
	assert_string_equal(rsim_text(rest, "data.publicIp"), "127.33.1.2");
	rsim_expect(rest, 200, "PUT", target, "{\"publicIpType\":\"static\"}");
	assert_int_equal(sim_living(&rest->sim, "elastic-ip"), 1);
	rsim_expect(rest, 200, "PUT", target, "{\"publicIpType\":\"none\"}");
	assert_true(rsim_null(rest, "data.publicIp"));
	assert_int_equal(sim_living(&rest->sim, "elastic-ip"), 1); /* left in the account */
	pworld_order(world, "PATCH", "/stop");
	pworld_at(world, 30);
	rsim_expect(rest, 200, "PUT", target, "{\"machineType\":\"P5000\",\"diskSize\":250}");
	assert_string_equal(rsim_text(rest, "event.name"), "vm-upgrade");
	assert_string_equal(rsim_text(rest, "data.state"), "upgrading");
	pworld_at(world, 40);
	assert_string_equal(pworld_state_now(world), "off");
	assert_string_equal(rsim_text(rest, "machineType"), "P5000");
	assert_int_equal(pworld_bill(world), 10 * 1000000 / 730 + PS_ADDRESS);
}

static void test_scripts_run(void **state)
{
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;
	char more[96], target[64], pair[96];

	for (int once = 0; once < 2; once++) {
		rsim_expect(rest, 200, "POST", "startup-scripts",
			    "{\"name\":\"s\",\"script\":\"say %d\",\"isRunOnce\":%s}", once,
			    once ? "true" : "false");
		snprintf(more, sizeof(more), "\"startupScriptId\":\"%s\",", rsim_text(rest, "id"));
		snprintf(target, sizeof(target), "startup-scripts/%s", rsim_text(rest, "id"));
		pworld_create(world, more);
		for (int boots = 0; boots < 2; boots++) {
			pworld_at(world, once * 200 + boots * 100 + 30);
			pworld_order(world, "PATCH", "/stop");
			pworld_at(world, once * 200 + boots * 100 + 60);
			pworld_order(world, "PATCH", "/start");
		}
		pworld_at(world, once * 200 + 190);
	}
	assert_string_equal(world->log.data,
			    "boot 1xP4000 8192 [say 0];halt;boot 1xP4000 8192 [say 0];halt;"
			    "boot 1xP4000 8192 [say 0];"
			    "boot 1xP4000 8192 [say 1];halt;boot 1xP4000 8192 [];halt;"
			    "boot 1xP4000 8192 [];");
	/* taken off and put on again: as new */
	buf_clear(&world->log);
	snprintf(pair, sizeof(pair), "{\"machineId\":\"%s\"}", world->id);
	snprintf(more, sizeof(more), "%s/unassign", target);
	rsim_expect(rest, 200, "POST", more, "%s", pair);
	assert_int_equal(rsim_items(rest, "assignedMachineIds"), 0);
	rsim_expect(rest, 409, "POST", more, "%s", pair);
	snprintf(more, sizeof(more), "%s/assign", target);
	rsim_expect(rest, 200, "POST", more, "%s", pair);
	assert_int_equal(rsim_items(rest, "assignedMachineIds"), 1);
	rsim_expect(rest, 404, "POST", more, "{\"machineId\":\"psnone\"}");
	pworld_order(world, "PATCH", "/stop");
	pworld_at(world, 410);
	pworld_order(world, "PATCH", "/start");
	pworld_at(world, 430);
	assert_string_equal(world->log.data, "halt;boot 1xP4000 8192 [say 1];");
}

static void test_not_started_and_snapshots(void **state)
{
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;

	pworld_create(world, "\"startOnCreate\":false,\"takeInitialSnapshot\":true,"
			     "\"emailPassword\":false,");
	assert_int_equal(pworld_bill(world), PS_DISK);
	pworld_at(world, 20);
	assert_string_equal(pworld_state_now(world), "off");
	assert_string_equal(world->log.data, "");
	rsim_expect(rest, 200, "GET", "snapshots", NULL);
	assert_string_equal(rsim_text(rest, "items.0.machineId"), world->id);
	assert_int_equal(cloud_counter(rest->sim.cloud, "paperspace", "EmailPassword"), 0);
	pworld_order(world, "DELETE", "");
	pworld_at(world, 30);
	rsim_expect(rest, 200, "GET", "snapshots", NULL);
	assert_int_equal(rsim_items(rest, "items"), 0);
	pworld_create(world, ""); /* nothing said: the password goes out by e-mail */
	assert_int_equal(cloud_counter(rest->sim.cloud, "paperspace", "EmailPassword"), 1);
}

/* Without tags, the name is all there is to find one's things by. */
static void find_name(void *ctx, const struct cloud_resource *resource)
{
	unsigned *seen = ctx;

	assert_string_equal(resource->provider, "paperspace");
	assert_int_equal(resource->nr_tags, 1);
	assert_string_equal(resource->tags[0].key, "name");
	assert_string_equal(resource->tags[0].value, strcmp(resource->kind, "startup-script") == 0
							     ? "gpucloud.me.abc"
							     : "gpucloud.me.one.x-1");
	++*seen;
}

static void count_paperspace(void *ctx, const struct cloud_resource *resource)
{
	if (strcmp(resource->provider, "paperspace") == 0)
		find_name(ctx, resource);
}

static void test_ledger(void **state)
{
	struct world *world = *state;
	unsigned seen = 0;

	rsim_expect(&world->rest, 200, "POST", "startup-scripts",
		    "{\"name\":\"gpucloud.me.abc\",\"script\":\"true\"}");
	pworld_create(world, "\"publicIpType\":\"static\",\"takeInitialSnapshot\":true,");
	pworld_at(world, 20);
	cloud_each_resource(world->rest.sim.cloud, count_paperspace, &seen);
	assert_int_equal(seen, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pworld_setup, pworld_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_static_address), TEST(test_static_address_early),	 TEST(test_updates),
		TEST(test_scripts_run),	   TEST(test_not_started_and_snapshots), TEST(test_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

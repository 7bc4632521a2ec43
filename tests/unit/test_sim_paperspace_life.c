/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated Paperspace over time: operations, what their events come to, and bills. */
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
#include "simulator/cloud/fault.h"

static void test_events_lag(void **state)
{
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;
	int provisioning = 0, up_before_done = 0;
	double t = 0;

	pworld_create(world, "\"publicIpType\":\"dynamic\",");
	assert_string_equal(rsim_text(rest, "event.state"), "new");
	assert_string_equal(rsim_text(rest, "event.name"), "create");
	assert_true(rsim_null(rest, "event.dtStarted"));
	assert_string_equal(rsim_text(rest, "data.state"), "provisioning");
	assert_true(rsim_null(rest, "data.publicIp"));
	assert_true(rsim_null(rest, "data.dtDeleted"));
	assert_string_equal(rsim_text(rest, "data.dtCreated"), "2020-03-20T00:00:00.000Z");
	assert_int_equal(pworld_bill(world), PS_P4000 + PS_DISK);
	for (; strcmp(pworld_event_now(world), "done") != 0; t += 0.1) {
		assert_true(t < 20);
		pworld_at(world, t);
		if (strcmp(pworld_event_now(world), "in progress") != 0)
			continue;
		assert_false(rsim_null(rest, "dtStarted"));
		assert_true(rsim_null(rest, "dtFinished"));
		provisioning += strcmp(pworld_state_now(world), "provisioning") == 0;
		up_before_done += strcmp(pworld_state_now(world), "serviceready") == 0;
	}
	assert_true(t >= 8 && provisioning > 0 && up_before_done > 0);
	assert_false(rsim_null(rest, "dtFinished"));
	assert_true(rsim_null(rest, "error"));
	assert_string_equal(pworld_state_now(world), "ready");
	assert_string_equal(rsim_text(rest, "publicIp"), "127.33.1.2");
	assert_string_equal(world->log.data, "boot 1xP4000 8192 [];");
	assert_int_equal(sim_living(&rest->sim, "elastic-ip"), 0); /* dynamic ones are no things */
}

static void test_a_whole_life(void **state)
{
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;

	pworld_create(world, "\"publicIpType\":\"dynamic\",");
	assert_int_equal(pworld_ask(world, "PATCH", "/restart"), 409); /* busy */
	pworld_at(world, 20);
	assert_int_equal(pworld_ask(world, "PATCH", "/start"), 412);
	assert_int_equal(pworld_ask(world, "DELETE", ""), 412);
	assert_string_equal(rsim_text(rest, "code"), "PRECONDITION_FAILED");
	assert_non_null(strstr(rsim_text(rest, "message"), "must be off"));
	pworld_order(world, "PATCH", "/restart");
	assert_string_equal(rsim_text(rest, "data.state"), "restarting");
	assert_int_equal(pworld_ask(world, "PATCH", "/restart"), 409);
	pworld_at(world, 40);
	pworld_order(world, "PATCH", "/stop");
	assert_string_equal(rsim_text(rest, "data.state"), "stopping");
	assert_int_equal(pworld_bill(world), PS_P4000 + PS_DISK); /* on until it is off */
	pworld_at(world, 50);
	assert_string_equal(pworld_state_now(world), "off");
	assert_true(rsim_null(rest, "publicIp"));
	assert_int_equal(pworld_bill(world), PS_DISK);
	assert_int_equal(pworld_ask(world, "PATCH", "/stop"), 412);
	assert_int_equal(pworld_ask(world, "PATCH", "/restart"), 412);
	pworld_order(world, "PATCH", "/start");
	pworld_at(world, 70);
	assert_string_equal(pworld_state_now(world), "ready");
	assert_int_equal(pworld_bill(world), PS_P4000 + PS_DISK);
	pworld_order(world, "PATCH", "/stop");
	pworld_at(world, 80);
	pworld_order(world, "DELETE", "");
	assert_string_equal(rsim_text(rest, "event.name"), "deactivate");
	assert_int_equal(pworld_ask(world, "DELETE", ""), 409);
	assert_int_equal(pworld_ask(world, "PATCH", "/start"), 409);
	assert_string_equal(pworld_state_now(world), "off");
	pworld_at(world, 90);
	assert_int_equal(pworld_ask(world, "GET", ""), 404);
	assert_int_equal(pworld_ask(world, "DELETE", ""), 404);
	assert_string_equal(pworld_event_now(world), "done");
	rsim_expect(rest, 200, "GET", "machines", NULL);
	assert_int_equal(rsim_items(rest, "items"), 0);
	assert_int_equal(pworld_bill(world), 0);
	assert_string_equal(world->log.data,
			    "boot 1xP4000 8192 [];reboot;halt;boot 1xP4000 8192 [];halt;end;");
	rsim_expect(rest, 200, "GET", "machine-events?order=asc", NULL);
	assert_int_equal(rsim_items(rest, "items"), 6);
	assert_string_equal(rsim_text(rest, "items.5.name"), "deactivate");
	rsim_expect(rest, 200, "GET", "machine-events?machineId=psnone", NULL);
	assert_int_equal(rsim_items(rest, "items"), 0);
}

/* A body of "{}" or none at all; an empty one that says it is JSON is refused. */
static void test_empty_bodies(void **state)
{
	struct world *world = *state;
	char *target;

	pworld_create(world, "");
	pworld_at(world, 20);
	target = xasprintf("machines/%s/stop", world->id);
	rsim_expect(&world->rest, 400, "PATCH", target, "%s", "");
	assert_string_equal(rsim_text(&world->rest, "code"), "PARSE_ERROR");
	rsim_expect(&world->rest, 400, "PATCH", target, "{\"force\":true}");
	assert_string_equal(pworld_state_now(world), "ready");
	rsim_expect(&world->rest, 200, "PATCH", target, NULL);
	free(target);
}

static void test_auto_shutdown(void **state)
{
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;
	char *target;

	pworld_create(world, "\"autoShutdownEnabled\":true,\"autoShutdownTimeout\":3,");
	assert_true(rsim_number(rest, "data.autoShutdownTimeout") == 3);
	pworld_at(world, 3 * SIM_HOUR);
	assert_string_equal(pworld_state_now(world), "ready"); /* it counts from when it was on */
	pworld_at(world, 3 * SIM_HOUR + 20);
	assert_string_equal(pworld_state_now(world), "off");
	assert_int_equal(pworld_bill(world), PS_DISK);
	rsim_expect(rest, 200, "GET", "machine-events?limit=1", NULL);
	assert_string_equal(rsim_text(rest, "items.0.name"), "stop");
	/* on again: another three hours, and fewer once that is said */
	pworld_order(world, "PATCH", "/start");
	pworld_at(world, 5 * SIM_HOUR + 600);
	assert_string_equal(pworld_state_now(world), "ready");
	target = xasprintf("machines/%s", world->id);
	rsim_expect(rest, 400, "PUT", target, "{\"autoShutdownTimeout\":null}");
	rsim_expect(rest, 200, "PUT", target,
		    "{\"autoShutdownTimeout\":2,\"autoShutdownForce\":true}");
	pworld_at(world, 5 * SIM_HOUR + 610);
	assert_string_equal(pworld_state_now(world), "off");
	rsim_expect(rest, 200, "GET", "machine-events?limit=1", NULL);
	assert_string_equal(rsim_text(rest, "items.0.name"), "vm-shutdown-force");
	/* and never where it is not wanted */
	rsim_expect(rest, 200, "PUT", target, "{\"autoShutdownEnabled\":false}");
	pworld_order(world, "PATCH", "/start");
	pworld_at(world, 500 * SIM_HOUR);
	assert_string_equal(pworld_state_now(world), "ready");
	free(target);
}

static void test_powers_itself_off(void **state)
{
	struct world *world = *state;

	pworld_create(world, "\"publicIpType\":\"dynamic\",");
	cloud_machine_off(world->rest.sim.cloud, world->id); /* before it was on */
	pworld_at(world, 20);
	assert_string_equal(pworld_state_now(world), "ready");
	cloud_machine_off(world->rest.sim.cloud, "psnone");
	cloud_machine_off(world->rest.sim.cloud, world->id);
	assert_string_equal(pworld_state_now(world), "off");
	assert_true(rsim_null(&world->rest, "publicIp"));
	assert_int_equal(pworld_bill(world), PS_DISK);
	pworld_order(world, "DELETE", "");
	cloud_machine_off(world->rest.sim.cloud, world->id); /* it is, and that calls nothing off */
	pworld_at(world, 30);
	assert_int_equal(pworld_bill(world), 0);
}

static void add(struct world *world, enum fault_kind kind, const char *action)
{
	const struct fault fault = { .kind = kind,
				     .service = "paperspace",
				     .action = action,
				     .count = 1,
				     .message = kind == FAULT_EVENT_ERROR ? "no host" : NULL };

	cloud_fault_add(world->rest.sim.cloud, &fault);
}

static void test_stuck(void **state)
{
	struct world *world = *state;

	add(world, FAULT_EVENT_STUCK, "CreateMachine");
	pworld_create(world, "\"publicIpType\":\"static\",");
	pworld_at(world, 100 * SIM_HOUR);
	assert_string_equal(pworld_event_now(world), "in progress");
	assert_string_equal(pworld_state_now(world), "provisioning");
	assert_int_equal(pworld_ask(world, "DELETE", ""), 412);
	assert_int_equal(pworld_bill(world), PS_P4000 + PS_DISK + PS_ADDRESS);
	/* the way out */
	pworld_order(world, "PATCH", "/stop");
	rsim_expect(&world->rest, 200, "GET", "machine-events?order=asc", NULL);
	assert_string_equal(rsim_text(&world->rest, "items.0.state"), "cancelled");
	pworld_at(world, 100 * SIM_HOUR + 10);
	assert_string_equal(pworld_state_now(world), "off");
	pworld_order(world, "DELETE", "");
	pworld_at(world, 100 * SIM_HOUR + 20);
	assert_int_equal(pworld_ask(world, "GET", ""), 404);
	rsim_expect(&world->rest, 200, "GET", "public-ips", NULL);
	assert_int_equal(rsim_items(&world->rest, "items"), 1);
}

static void test_failing(void **state)
{
	static const struct {
		const char *method, *verb, *action, *before, *after;
	} cases[] = {
		{ "PATCH", "/restart", "RestartMachine", "ready", "ready" },
		{ "PATCH", "/stop", "StopMachine", "ready", "ready" },
		{ "PATCH", "/start", "StartMachine", "off", "off" },
		{ "DELETE", "", "DeleteMachine", "off", "off" },
	};
	struct world *world = *state;
	double now = 20;

	pworld_create(world, "");
	pworld_at(world, now);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (strcmp(cases[i].before, pworld_state_now(world)) != 0) {
			pworld_order(world, "PATCH", "/stop");
			pworld_at(world, now += 20);
		}
		add(world, FAULT_EVENT_ERROR, cases[i].action);
		pworld_order(world, cases[i].method, cases[i].verb);
		assert_true(rsim_null(&world->rest, "event.error"));
		pworld_at(world, now += 20);
		assert_string_equal(pworld_event_now(world), "error");
		assert_string_equal(rsim_text(&world->rest, "error"), "no host");
		assert_string_equal(pworld_state_now(world), cases[i].after);
		assert_int_equal(pworld_bill(world),
				 strcmp(cases[i].after, "off") == 0 ? PS_DISK : PS_P4000 + PS_DISK);
	}
	/* made, but never on: it is there, and bills for its disk */
	pworld_order(world, "DELETE", "");
	pworld_at(world, now += 20);
	add(world, FAULT_EVENT_ERROR, "CreateMachine");
	pworld_create(world, "");
	pworld_at(world, now += 20);
	assert_string_equal(pworld_event_now(world), "error");
	assert_string_equal(pworld_state_now(world), "off");
	assert_int_equal(pworld_bill(world), PS_DISK);
}

static void test_shows_later(void **state)
{
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;

	pworld_create(world, "");
	assert_string_equal(pworld_event_now(world), "new");
	for (int late = 0; late < 2; late++) {
		pworld_at(world, late ? 30 : 29.9);
		assert_int_equal(pworld_ask(world, "GET", ""), late ? 200 : 404);
		rsim_expect(rest, 200, "GET", "machines", NULL);
		assert_int_equal(rsim_items(rest, "items"), late);
	}
	assert_string_equal(pworld_state_now(world), "ready");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pworld_setup, pworld_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_events_lag),
		TEST(test_a_whole_life),
		TEST(test_empty_bodies),
		TEST(test_auto_shutdown),
		TEST(test_powers_itself_off),
		TEST(test_stuck),
		TEST(test_failing),
		cmocka_unit_test_setup_teardown(test_shows_later, pworld_setup_late,
						pworld_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

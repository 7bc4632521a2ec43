/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace: which machines there are, what their events say, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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

static int list(struct cloud_fake *world, struct instance_query query, struct instance_list *ret)
{
	static const char *const ny2[] = { "ny2" };

	query.regions = ny2;
	query.nr_regions = 1;
	error_clear(&world->err);
	return pspace_instances(world->p, &query, ret, &world->err);
}

static void must_list(struct cloud_fake *world, struct instance_query query,
		      struct instance_list *ret)
{
	if (list(world, query, ret) < 0)
		fail_msg("%s", world->err.message);
}

/* --- which are ours -------------------------------------------------------------------------- */

static void test_which(void **state)
{
	struct cloud_fake *world = *state;
	struct instance_list found = { 0 };
	static const char *const ids[] = { "psother01", "psnobody0" };

	aws_fake_reply(&world->fake, "/machines?limit=120\n", 200,
		       "{\"hasMore\":true,\"nextPage\":\"p2\",\"items\":[" PF_MACHINE(
			       ID, PF_NAME, "ready", "") "," PF_MACHINE("psother01", "My machine",
									"ready", "") "]}");
	/* The pages overlap, one is elsewhere, and one only looks like ours. */
	aws_fake_reply(
		&world->fake, "&after=p2\n", 200,
		PF_LIST(PF_MACHINE(ID, PF_NAME, "ready",
				   "") ","
				       "{\"id\":\"psaway001\",\"name\":\"gpucloud.me.far." PF_OTHER
				       "-1\",\"region\":\"CA1\",\"state\":\"off\"},"
				       "{\"id\":\"psodd0001\",\"name\":\"gpucloud.me.odd." PF_OTHER
				       "-2\",\"region\":\"Moon (LU1)\",\"state\":\"ready\"},"
				       "{\"id\":\"psfake001\",\"name\":\"gpucloud.me.x." PF_OTHER
				       "-1 \",\"region\":\"ny2\",\"state\":\"ready\"}"));
	aws_fake_reply(&world->fake, "machineId=" ID, 200, PF_LIST(CREATED));
	aws_fake_reply(&world->fake, "machineId=psodd0001", 500, "{}");
	for (int i = 0; i < 5; i++)
		aws_fake_reply(&world->fake, "machineId=psodd0001", 500, "{}");
	must_list(world, (struct instance_query){ .with_gone = true }, &found);
	assert_int_equal(found.nr, 2);
	const struct instance *ours = &found.v[1];
	assert_string_equal(ours->id, ID);
	assert_string_equal(ours->region, "ny2");
	assert_string_equal(ours->zone.name, "ny2");
	assert_string_equal(ours->name, "train");
	assert_string_equal(ours->owner, "me");
	assert_string_equal(ours->launch_id, PF_LAUNCH);
	assert_string_equal(ours->token, PF_TOKEN);
	assert_string_equal(ours->public_ip, "203.0.113.9");
	assert_int_equal(ours->price, 510000);
	assert_int_equal(ours->price_off, 6800);
	assert_int_equal(ours->launched, T0 + 2);
	assert_int_equal(ours->ended, 0);
	/* What could not be told of it does not hide it. */
	assert_string_equal(found.v[0].id, "psodd0001");
	assert_string_equal(found.v[0].region, "moon--lu1-");
	instance_list_release(&found);

	/* By id: others' too, without name; one that does not exist is missing. */
	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "/machines/psother01\n", 200,
		       PF_MACHINE("psother01", "My machine", "ready", ""));
	aws_fake_reply(&world->fake, "/machines/psnobody0\n", 404, "{\"code\":\"NOT_FOUND\"}");
	aws_fake_reply(&world->fake, "machineId=psother01", 200, PF_EMPTY);
	must_list(world, (struct instance_query){ .ids = ids, .nr_ids = 2 }, &found);
	assert_int_equal(found.nr, 1);
	assert_string_equal(found.v[0].name, "");
	assert_string_equal(found.v[0].launch_id, "");
	instance_list_release(&found);
}

static void test_filters(void **state)
{
	struct cloud_fake *world = *state;
	static const struct {
		struct instance_query query;
		size_t nr;
	} cases[] = {
		{ { .name = "train" }, 1 },	   { { .name = "trai" }, 0 },
		{ { .owner = "me" }, 1 },	   { { .owner = "you" }, 0 },
		{ { .launch_id = PF_LAUNCH }, 1 }, { { .launch_id = PF_OTHER }, 0 },
		{ { .token = PF_TOKEN }, 1 },	   { { .token = PF_LAUNCH "-2" }, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct instance_list found = { 0 };

		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "/machines?", 200,
			       PF_LIST(PF_MACHINE(ID, PF_NAME, "ready", "")));
		aws_fake_reply(&world->fake, "/machine-events", 200, PF_LIST(CREATED));
		must_list(world, cases[i].query, &found);
		assert_int_equal(found.nr, cases[i].nr);
		/* Nobody's events are asked for who is not wanted. */
		assert_int_equal(world->fake.nr_requests, 1 + cases[i].nr);
		instance_list_release(&found);
	}
}

static void test_hostile_lists(void **state)
{
	struct cloud_fake *world = *state;
	static const struct {
		const char *body, *says;
	} cases[] = {
		{ "[]", "field 'items'" },
		{ "{\"items\":7}", "field 'items'" },
		{ "{\"items\":[7]}", "expected objects" },
		{ "{\"items\":[],\"hasMore\":\"no\"}", "field 'hasMore'" },
		{ "{\"items\":[],\"hasMore\":true}", "field 'nextPage'" },
		{ "{\"items\":[],\"hasMore\":true,\"nextPage\":\"\"}", "empty or too long" },
		{ PF_LIST("{\"name\":\"x\"}"), "field 'id'" },
		{ PF_LIST("{\"id\":\"" ID "\"}"), "field 'name'" },
		{ PF_LIST("{\"id\":\"" ID "\",\"name\":[]}"), "field 'name'" },
		{ PF_LIST("{\"id\":\"../x\",\"name\":\"x\"}"), "field 'id'" },
		{ "{\"code\":\"NOT_FOUND\",\"message\":\"No team\"}", "No team (NOT_FOUND)" },
	};
	static const char *const odd[] = { "a b", "", "../x" };
	struct instance_list found = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "/machines?", 200, cases[i].body);
		int rc = list(world, (struct instance_query){ .name = "train" }, &found);
		cloud_fake_expect(world, rc, world->err.kind, cases[i].says);
		assert_non_null(strstr(world->err.message, "cannot list machines"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		cloud_fake_expect(
			world,
			list(world, (struct instance_query){ .ids = &odd[i], .nr_ids = 1 }, &found),
			ERROR_USAGE, "no machine's id");
}

/* Values that cannot be are as good as absent. */
static void test_odd_values(void **state)
{
	struct cloud_fake *world = *state;
	struct instance_list found = { 0 };

	aws_fake_reply(&world->fake, "/machines?", 200,
		       PF_LIST("{\"id\":\"" ID "\",\"name\":\"" PF_NAME
			       "\",\"region\":7,\"state\":\"melting\",\"publicIp\":\"1.2.3\","
			       "\"privateIp\":{},\"usageRate\":-1,\"storageRate\":1e300,"
			       "\"dtCreated\":\"yesterday\",\"machineType\":null}"));
	aws_fake_reply(&world->fake, "/machine-events", 200,
		       "{\"items\":[{\"name\":7,\"state\":\"done\"}]}");
	must_list(world, (struct instance_query){ .name = "train" }, &found);
	assert_int_equal(found.nr, 1);
	assert_int_equal(found.v[0].state, INSTANCE_UNKNOWN);
	assert_string_equal(found.v[0].public_ip, "");
	assert_string_equal(found.v[0].type, "");
	assert_int_equal(found.v[0].price, 0);
	assert_int_equal(found.v[0].price_off, 0);
	assert_int_equal(found.v[0].launched, 0);
	instance_list_release(&found);
}

/* --- what events say ------------------------------------------------------------------------- */

#define STOPPED PF_EVENT("stop", "done", AT("01:00:00"), Q("01:00:01"), Q("01:00:30"), "")
#define STARTED PF_EVENT("start", "done", AT("02:00:00"), Q("02:00:01"), Q("02:00:20"), "")
#define RESTART PF_EVENT("restart", "done", AT("03:00:00"), Q("03:00:01"), Q("03:00:20"), "")
#define NO_TIME "null"

static void test_history(void **state)
{
	struct cloud_fake *world = *state;
	static const struct {
		const char *machine_state, *more, *events;
		enum instance_state state;
		int64_t launched, ended;
		const char *reason;
	} cases[] = {
		{ "provisioning", "",
		  PF_EVENT("create", "new", AT("00:00:01"), NO_TIME, NO_TIME, ""), INSTANCE_PENDING,
		  T0 + 1, 0, "" },
		{ "serviceready", "", CREATED, INSTANCE_RUNNING, T0 + 2, 0, "" },
		{ "ready", "", RESTART "," STARTED "," STOPPED "," CREATED, INSTANCE_RUNNING,
		  T0 + 7201, 0, "" },
		{ "off", "", STOPPED "," CREATED, INSTANCE_STOPPED, T0 + 2, T0 + 3630, "" },
		{ "stopping", "",
		  PF_EVENT("stop", "in progress", AT("01:00:00"), Q("01:00:01"), NO_TIME,
			   "") "," CREATED,
		  INSTANCE_STOPPING, T0 + 2, T0 + 3601, "" },
		/* a stop or a start that failed was none */
		{ "ready", "",
		  PF_EVENT("stop", "error", AT("01:00:00"), NO_TIME, NO_TIME, "") "," CREATED,
		  INSTANCE_RUNNING, T0 + 2, 0, "" },
		{ "off", "",
		  PF_EVENT("start", "error", AT("02:00:00"), NO_TIME, NO_TIME, "") "," STOPPED
										   "," CREATED,
		  INSTANCE_STOPPED, T0 + 2, T0 + 3630, "" },
		/* it turned itself off */
		{ "off", ",\"dtModified\":\"" AT("04:00:00") "\"", CREATED, INSTANCE_STOPPED,
		  T0 + 2, T0 + 14400, "" },
		{ "restarting", "", RESTART "," CREATED, INSTANCE_PENDING, T0 + 2, 0, "" },
		{ "upgrading", "", CREATED, INSTANCE_PENDING, T0 + 2, 0, "" },
		/* it never came up */
		{ "provisioning", "",
		  "{\"id\":\"e\",\"name\":\"create\",\"state\":\"error\",\"error\":\"No host\","
		  "\"dtCreated\":\"" AT("00:00:01") "\"}",
		  INSTANCE_STOPPED, T0, T0, "No host" },
		{ "off", "", /* stopped on its way up, and it billed until then */
		  STOPPED "," PF_EVENT("create", "cancelled", AT("00:00:01"), NO_TIME, NO_TIME, ""),
		  INSTANCE_STOPPED, T0 + 1, T0 + 3630, "" },
		/* it is going */
		{ "off", "",
		  PF_EVENT("deactivate", "in progress", AT("05:00:00"), NO_TIME, NO_TIME,
			   "") "," STOPPED "," CREATED,
		  INSTANCE_ENDING, T0, 0, "" },
		{ "off", ",\"dtDeleted\":\"" AT("05:00:00") "\"",
		  PF_EVENT("deactivate", "done", AT("05:00:00"), NO_TIME, NO_TIME, ""),
		  INSTANCE_GONE, T0, T0 + 18000, "" },
		{ "off", "",
		  PF_EVENT("deactivate", "error", AT("05:00:00"), NO_TIME, NO_TIME, "") "," STOPPED
											"," CREATED,
		  INSTANCE_STOPPED, T0 + 2, T0 + 3630, "" },
		/* somebody else's event, and none at all */
		{ "ready", "",
		  "{\"name\":\"start\",\"state\":\"done\",\"machineId\":\"psother01\","
		  "\"dtCreated\":\"" AT("09:00:00") "\"}",
		  INSTANCE_RUNNING, T0, 0, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct instance_list found = { 0 };
		struct buf machines = BUF_INIT, events = BUF_INIT;

		buf_addf(&machines,
			 "{\"items\":[{\"id\":\"" ID "\",\"name\":\"" PF_NAME
			 "\",\"region\":\"NY2\",\"state\":\"%s\",\"dtCreated\":\"" AT(
				 "00:00:00") "\"%s}]}",
			 cases[i].machine_state, cases[i].more);
		buf_addf(&events, "{\"items\":[%s]}", cases[i].events);
		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "/machines?", 200, machines.data);
		aws_fake_reply(&world->fake,
			       "/machine-events?machineId=" ID
			       "&limit=120&orderBy=dtCreated&order=desc\n",
			       200, events.data);
		must_list(world, (struct instance_query){ .with_gone = true }, &found);
		assert_int_equal(found.nr, 1);
		const struct instance *one = &found.v[0];
		if (one->state != cases[i].state || one->launched != cases[i].launched ||
		    one->ended != cases[i].ended || strcmp(one->reason, cases[i].reason) != 0)
			fail_msg("%zu: %s, %lld, %lld, '%s'", i, instance_state_name(one->state),
				 (long long)(one->launched - T0), (long long)(one->ended - T0),
				 one->reason);
		instance_list_release(&found);
		buf_release(&machines);
		buf_release(&events);
	}
}

/* Snapshots may hide the start on a later page; a list that leads round ends all the same. */
static void test_long_history(void **state)
{
	struct cloud_fake *world = *state;
	struct instance_list found = { 0 };
	static const char snapshots[] =
		"{\"hasMore\":true,\"nextPage\":\"%s\",\"items\":[" PF_EVENT(
			"snapshot-create", "done", AT("08:00:00"), NO_TIME, NO_TIME, "") "]}";
	char first[600], again[600];

	snprintf(first, sizeof(first), snapshots, "p2");
	snprintf(again, sizeof(again), snapshots, "p3");
	aws_fake_reply(&world->fake, "/machines?", 200,
		       PF_LIST(PF_MACHINE(ID, PF_NAME, "ready", "")));
	aws_fake_reply(&world->fake, "order=desc\n", 200, first);
	aws_fake_reply(&world->fake, "after=p2", 200, PF_LIST(STARTED));
	must_list(world, (struct instance_query){ .name = "train" }, &found);
	assert_int_equal(found.v[0].launched, T0 + 7201);
	instance_list_release(&found);

	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "/machines?", 200,
		       PF_LIST(PF_MACHINE(ID, PF_NAME, "ready", "")));
	aws_fake_reply(&world->fake, "order=desc\n", 200, again);
	aws_fake_reply(&world->fake, "after=p3", 200, again);
	must_list(world, (struct instance_query){ .name = "train" }, &found);
	assert_int_equal(found.v[0].launched, T0);
	assert_int_equal(world->fake.nr_requests, 3);
	instance_list_release(&found);
}

/* --- the end --------------------------------------------------------------------------------- */

#define STUCK PF_EVENT("stop", "error", AT("06:00:00"), NO_TIME, NO_TIME, "") "," CREATED
/* The clock stands at midnight. */
#define HANGS(at) PF_EVENT("stop", "new", "2025-12-31T23:" at ".000Z", NO_TIME, NO_TIME, "")
#define GOING	  PF_EVENT("deactivate", "new", AT("06:00:00"), NO_TIME, NO_TIME, "") "," CREATED
#define LOOK	  "GET /machines/" ID "\nGET /machine-events\n"
#define STOP	  "PATCH /machines/" ID "/stop\n"
#define GONE	  "DELETE /machines/" ID "\n"

static void test_terminate(void **state)
{
	struct cloud_fake *world = *state;
	static const struct {
		const char *state, *events, *log;
		int stop, gone; /* what is answered */
		enum error_kind kind;
	} cases[] = {
		{ "ready", CREATED, LOOK STOP, 200, 0, ERROR_NONE },
		{ "serviceready", CREATED, LOOK STOP, 200, 0, ERROR_NONE },
		{ "stopping", CREATED, LOOK, 0, 0, ERROR_NONE },
		{ "off", CREATED, LOOK GONE, 0, 200, ERROR_NONE },
		{ "off", CREATED, LOOK GONE, 0, 404, ERROR_NONE },
		{ "off", CREATED, LOOK GONE, 0, 403, ERROR_AUTH },
		{ "off", GOING, LOOK, 0, 0, ERROR_NONE },
		{ "ready", CREATED, LOOK STOP, 404, 0, ERROR_NONE },
		/* not now: the next call will */
		{ "provisioning", CREATED, LOOK STOP, 409, 0, ERROR_NONE },
		{ "starting", CREATED, LOOK STOP, 400, 0, ERROR_NONE },
		{ "ready", CREATED, LOOK STOP "GET /machines/" ID "\n", 409, 0, ERROR_CONFLICT },
		/* it would not stop */
		{ "stopping", STUCK, LOOK GONE, 0, 200, ERROR_NONE },
		{ "ready", STUCK, LOOK GONE STOP, 200, 409, ERROR_NONE },
		{ "ready", STUCK, LOOK GONE STOP "GET /machines/" ID "\n", 409, 409,
		  ERROR_CONFLICT },
		{ "stopping", HANGS("50:01"), LOOK, 0, 0, ERROR_NONE },
		{ "stopping", HANGS("50:00"), LOOK GONE, 0, 200, ERROR_NONE },
		{ "melting", CREATED, LOOK GONE, 0, 200, ERROR_NONE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf machine = BUF_INIT, events = BUF_INIT;

		buf_addf(&machine, "{\"id\":\"" ID "\",\"name\":\"" PF_NAME "\",\"state\":\"%s\"}",
			 cases[i].state);
		buf_addf(&events, "{\"items\":[%s]}", cases[i].events);
		cloud_fake_clear(world);
		for (int k = 0; k < 2; k++)
			aws_fake_reply(&world->fake, "GET " PF_URL "/machines/" ID, 200,
				       machine.data);
		aws_fake_reply(&world->fake, "/machine-events", 200, events.data);
		if (cases[i].stop)
			aws_fake_reply(&world->fake, "/stop", cases[i].stop, "{}");
		if (cases[i].gone)
			aws_fake_reply(&world->fake, "DELETE", cases[i].gone, "{}");
		int rc = pspace_terminate(world->p, "ny2", ID, &world->err);
		if (rc != (cases[i].kind ? -1 : 0) || world->err.kind != cases[i].kind ||
		    strcmp(cloud_fake_log(world), cases[i].log) != 0)
			fail_msg("%zu: %d %s\n%s", i, rc, world->err.message,
				 cloud_fake_log(world));
		buf_release(&machine);
		buf_release(&events);
	}
	assert_non_null(strstr(world->fake.requests[0], PF_URL));
}

static void test_terminate_what_is_not_there(void **state)
{
	struct cloud_fake *world = *state;

	aws_fake_reply(&world->fake, NULL, 404, "{\"code\":\"NOT_FOUND\",\"message\":\"No\"}");
	assert_int_equal(pspace_terminate(world->p, "ny2", ID, &world->err), 0);
	cloud_fake_expect(world, pspace_terminate(world->p, "ny2", "../x", &world->err),
			  ERROR_USAGE, "no machine's id");
}

#define STATIC ",\"publicIpType\":\"static\""

#define NOTED "gpucloud.me." PF_LAUNCH ".198-51-100-2"

/* Noted, then the address, while the machine still says whose; another's is left to him. */
static void test_static_address(void **state)
{
	struct cloud_fake *world = *state;
	static const char address[] =
		PF_LIST("{\"ip\":\"198.51.100.1\",\"assignedMachineId\":\"psother01\"},"
			"{\"ip\":\"198.51.100.2\",\"assignedMachineId\":\"" ID "\"},"
			"{\"ip\":\"198.51.100.3\"}");
#define FREED	  "PUT /public-ips/198.51.100.2\nDELETE /public-ips/198.51.100.2\n"
#define SEEN	  LOOK "GET /public-ips\nGET /startup-scripts\n"
#define ONE(name) PF_LIST("{\"id\":\"s1\",\"name\":\"" name "\"}")
	static const struct {
		const char *name, *script, *log;
	} cases[] = {
		{ PF_NAME, ONE(PF_SCRIPT), SEEN "PUT /startup-scripts/s1\n" FREED GONE },
		{ PF_NAME, ONE(NOTED), SEEN FREED GONE },
		{ PF_NAME, PF_EMPTY, SEEN FREED GONE },
		{ "My machine", NULL, LOOK GONE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf machine = BUF_INIT;

		buf_addf(&machine,
			 "{\"id\":\"" ID "\",\"name\":\"%s\",\"state\":\"off\"" STATIC "}",
			 cases[i].name);
		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "GET " PF_URL "/machines/" ID, 200, machine.data);
		aws_fake_reply(&world->fake, "/machine-events", 200, PF_LIST(CREATED));
		if (cases[i].script) {
			aws_fake_reply(&world->fake, "GET " PF_URL "/public-ips", 200, address);
			aws_fake_reply(&world->fake, "GET " PF_URL "/startup-scripts", 200,
				       cases[i].script);
			if (i == 0)
				aws_fake_reply(&world->fake, "{\"name\":\"" NOTED "\"}", 200, "{}");
			aws_fake_reply(&world->fake, "{\"machineId\":null}", 200, "{}");
			aws_fake_reply(&world->fake, "DELETE " PF_URL "/public-ips/198.51.100.2",
				       200, "{}");
		}
		aws_fake_reply(&world->fake, "DELETE " PF_URL "/machines", 200, "{}");
		assert_int_equal(pspace_terminate(world->p, "ny2", ID, &world->err), 0);
		assert_string_equal(cloud_fake_log(world), cases[i].log);
		buf_release(&machine);
	}
}

/* --- stop, start, restart -------------------------------------------------------------------- */

static void test_stop_and_start(void **state)
{
	struct cloud_fake *world = *state;
	static const struct {
		int (*fn)(struct provider *, const char *, const char *, struct error *);
		const char *verb;
		int status;
		const char *state; /* looked at afterwards, or NULL */
		enum error_kind kind;
	} cases[] = {
		{ pspace_stop, "stop", 200, NULL, ERROR_NONE },
		{ pspace_stop, "stop", 409, "off", ERROR_NONE },
		{ pspace_stop, "stop", 400, "stopping", ERROR_NONE },
		{ pspace_stop, "stop", 400, "provisioning", ERROR_CONFLICT },
		{ pspace_stop, "stop", 404, NULL, ERROR_NOT_FOUND },
		{ pspace_start, "start", 200, NULL, ERROR_NONE },
		{ pspace_start, "start", 409, "ready", ERROR_NONE },
		{ pspace_start, "start", 409, "starting", ERROR_NONE },
		{ pspace_start, "start", 409, "stopping", ERROR_CONFLICT },
		{ pspace_start, "start", 404, NULL, ERROR_NOT_FOUND },
		{ pspace_restart, "restart", 200, NULL, ERROR_NONE },
		{ pspace_restart, "restart", 409, NULL, ERROR_CONFLICT },
		{ pspace_restart, "restart", 404, NULL, ERROR_NOT_FOUND },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char machine[200], path[64];

		cloud_fake_clear(world);
		snprintf(path, sizeof(path), "PATCH " PF_URL "/machines/" ID "/%s", cases[i].verb);
		aws_fake_reply(&world->fake, path, cases[i].status, "{\"message\":\"m\"}");
		snprintf(machine, sizeof(machine),
			 "{\"id\":\"" ID "\",\"name\":\"x\",\"state\":\"%s\"}",
			 cases[i].state ? cases[i].state : "");
		if (cases[i].state)
			aws_fake_reply(&world->fake, "GET", 200, machine);
		int rc = cases[i].fn(world->p, "ny2", ID, &world->err);
		if (rc != (cases[i].kind ? -1 : 0) || world->err.kind != cases[i].kind)
			fail_msg("%zu: %d %s", i, rc, world->err.message);
		/* An empty body, and said to be JSON. */
		assert_string_equal(cloud_fake_body(world, 0), "{}");
		assert_non_null(strstr(world->fake.requests[0], "Content-Type: application/json"));
	}
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, paperspace_fake_setup, cloud_fake_teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_which),	   WITH(test_filters),
		WITH(test_hostile_lists),  WITH(test_odd_values),
		WITH(test_history),	   WITH(test_long_history),
		WITH(test_terminate),	   WITH(test_terminate_what_is_not_there),
		WITH(test_static_address), WITH(test_stop_and_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* RunInstances: replies that are not what was asked for, errors, and dry runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/interrupt.h"
#include "core/mem.h"
#include "launch_world.h"
#include "providers/aws/ec2.h"

/* Spot asked, on demand had: ended at once, even if EC2 does not know it yet. */
static void test_spot_guard(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	world_add_all(cloud);
	fake_always(cloud, RUN, 200, RAN(INSTANCE("i-0abc", "tok-1", "")));
	fake_error(cloud, "Action=TerminateInstances", 400, "InvalidInstanceID.NotFound");
	fake_once(cloud, "Action=TerminateInstances InstanceId.1=i-0abc", 200,
		  FAKE_REPLY("TerminateInstances", "<instancesSet/>"));
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_REMOTE);
	assert_false(world->err.unknown);
	assert_non_null(strstr(world->err.message, "i-0abc"));
	assert_non_null(strstr(world->err.message, "has been terminated"));
	assert_int_equal(fake_count(cloud, "Action=TerminateInstances"), 2);
	assert_null(strstr(world->journal.log, "-instance"));

	fake_error(cloud, "Action=TerminateInstances", 403, "UnauthorizedOperation");
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_REMOTE);
	assert_true(world->err.unknown);
	assert_non_null(strstr(world->err.hint, "terminate i-0abc"));
}

/* "Not found" for a while is no end: what was made a moment ago is not known everywhere yet. */
static void test_spot_guard_not_found(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	world_add_all(cloud);
	fake_always(cloud, RUN, 200, RAN(INSTANCE("i-0abc", "tok-1", "")));
	fake_error(cloud, "Action=TerminateInstances", 400, "InvalidInstanceID.NotFound")->times =
		-1;
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_REMOTE);
	assert_true(world->err.unknown);
	assert_non_null(strstr(world->err.message, "could not be terminated"));
	assert_non_null(strstr(world->err.hint, "terminate i-0abc"));
	assert_true(cloud->slept_ms >= 10000 && cloud->slept_ms <= 60000);
}

/* Nothing but RunInstances can leave an instance that nobody knows of. */
static void test_unknown_only_once_run(void **state)
{
	static const char *const before[] = { "Action=DescribeImages", "Action=DescribeSubnets",
					      "Action=ImportKeyPair",
					      "Action=CreateSecurityGroup" };
	struct world *world = *state;

	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		struct fake_rule *rule = fake_once(&world->cloud, before[i], 0, "");
		rule->fail = ERROR_NETWORK;
		rule->unknown = true;
		rule->times = HTTP_ATTEMPTS_MAX;
	}
	world_add_all(&world->cloud);
	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		assert_int_equal(world_launch(world), -1);
		assert_int_equal(world->err.kind, ERROR_NETWORK);
		if (world->err.unknown)
			fail_msg("%s: %s", before[i], world->err.message);
	}
	assert_int_equal(fake_count(&world->cloud, RUN), 0);
}

/* Ctrl-C while the journal was being written: what has not begun does not begin. */
static int interrupting_intend(void *ctx, const char *kind, const char *name, const char *hash,
			       struct error *err)
{
	(void)ctx;
	(void)name;
	(void)hash;
	(void)err;
	if (!strcmp(kind, "instance"))
		raise(SIGINT);
	return 0;
}

static void test_interrupted_before_run(void **state)
{
	struct world *world = *state;
	int status = -1;

	world_add_all(&world->cloud);
	fake_always(&world->cloud, RUN, 200, RAN(INSTANCE("i-0abc", "tok-1", SPOT_LIFE)));
	world->steps.intend = interrupting_intend;
	pid_t pid = fork(); /* signals once counted stay counted */
	if (pid == 0) {
		interrupt_install();
		_exit(world_launch(world) < 0 && world->err.kind == ERROR_CANCELLED &&
				      !world->err.unknown && !fake_count(&world->cloud, RUN)
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_run_replies(void **state)
{
	static const struct {
		const char *body;
		enum error_kind kind;
	} cases[] = {
		{ RAN(""), ERROR_PROTOCOL },
		{ RAN(INSTANCE("i-01", "tok-1", SPOT_LIFE) INSTANCE("i-02", "tok-1", SPOT_LIFE)),
		  ERROR_PROTOCOL },
		{ RAN(INSTANCE("i-01", "another", SPOT_LIFE)), ERROR_PROTOCOL },
		{ RAN(INSTANCE("i-01&#10;x", "tok-1", SPOT_LIFE)), ERROR_PROTOCOL },
		{ RAN(INSTANCE("", "tok-1", SPOT_LIFE)), ERROR_PROTOCOL },
		{ "<RunInstancesResponse><instancesSet><item>", ERROR_PROTOCOL },
		{ "", ERROR_PROTOCOL },
		{ "<!DOCTYPE x><RunInstancesResponse/>", ERROR_PROTOCOL },
	};
	struct world *world = *state;

	world_add_all(&world->cloud);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_once(&world->cloud, RUN, 200, cases[i].body);
		assert_int_equal(world_launch(world), -1);
		if (world->err.kind != cases[i].kind || !world->err.unknown)
			fail_msg("case %zu: %s", i, world->err.message);
	}
}

static void test_run_errors(void **state)
{
	static const struct {
		const char *code;
		int status;
		enum error_kind kind;
		bool unknown;
	} cases[] = {
		{ "InsufficientInstanceCapacity", 500, ERROR_CAPACITY, false },
		{ "VcpuLimitExceeded", 400, ERROR_QUOTA, false },
		{ "MaxSpotInstanceCountExceeded", 400, ERROR_QUOTA, false },
		{ "UnauthorizedOperation", 403, ERROR_AUTH, false },
		{ "IdempotentParameterMismatch", 400, ERROR_CONFLICT, false },
		{ "InvalidParameterValue", 400, ERROR_USAGE, false },
		{ "InternalError", 500, ERROR_REMOTE, true },
	};
	struct world *world = *state;

	world_add_all(&world->cloud);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int j = 0; j < (cases[i].unknown ? HTTP_ATTEMPTS_MAX : 1); j++)
			fake_error(&world->cloud, RUN, cases[i].status, cases[i].code);
		assert_int_equal(world_launch(world), -1);
		if (world->err.kind != cases[i].kind || world->err.unknown != cases[i].unknown)
			fail_msg("%s: %s %d", cases[i].code, error_kind_name(world->err.kind),
				 world->err.unknown);
		assert_null(strstr(world->journal.log, "-instance"));
	}
	for (int j = 0; j < HTTP_ATTEMPTS_MAX; j++) {
		struct fake_rule *rule = fake_once(&world->cloud, RUN, 0, "");
		rule->fail = ERROR_NETWORK;
		rule->unknown = j == 0; /* the first may have got through */
	}
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_NETWORK);
	assert_true(world->err.unknown);
}

static void test_price_too_low(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;
	static const char open_request[] = SPOT_REQUESTS(
		"<item><spotInstanceRequestId>sir-1</spotInstanceRequestId><state>open</state>"
		"<tagSet><item><key>gpucloud-launch</key><value>l1x</value></item></tagSet></item>"
		"<item><spotInstanceRequestId>sir-2</spotInstanceRequestId><state>closed</state>"
		"<tagSet><item><key>gpucloud-launch</key><value>l1x</value></item></tagSet></item>"
		"<item><spotInstanceRequestId>sir-3</spotInstanceRequestId><state>open</state>"
		"<tagSet><item><key>gpucloud-launch</key><value>other</value></item></tagSet>"
		"</item>");

	world_add_all(cloud);
	fake_error(cloud, RUN, 400, "SpotMaxPriceTooLow")->times = 3;
	/* It shows up only at the second look. */
	fake_once(cloud, "Action=DescribeSpotInstanceRequests", 200, SPOT_REQUESTS(""));
	fake_once(cloud,
		  "Action=DescribeSpotInstanceRequests Filter.1.Name=tag:gpucloud-launch "
		  "Filter.1.Value.1=l1x Filter.2.Name=state Filter.2.Value.1=open",
		  200, open_request);
	fake_once(cloud, "Action=CancelSpotInstanceRequests SpotInstanceRequestId.1=sir-1", 200,
		  FAKE_REPLY("CancelSpotInstanceRequests", "<spotInstanceRequestSet/>"));
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_PRICE);
	assert_false(world->err.unknown);
	world_param(fake_seen(cloud, "Action=CancelSpotInstanceRequests", 0),
		    "SpotInstanceRequestId.2", NULL);

	/* It cannot be cancelled: it may still come true. */
	fake_once(cloud, "Action=DescribeSpotInstanceRequests", 200, open_request);
	fake_error(cloud, "Action=CancelSpotInstanceRequests", 403, "UnauthorizedOperation");
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_PRICE);
	assert_true(world->err.unknown);
	assert_non_null(strstr(world->err.hint, "describe-spot-instance-requests"));
}

static void test_dry_run(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	world_add_places(cloud);
	world->request.dry_run = true;
	world->request.user_data = "top secret";
	world->request.user_data_len = 10;
	fake_error(cloud, RUN " DryRun=true", 412, "DryRunOperation");
	assert_int_equal(world_launch(world), 0);
	assert_int_equal(world->err.kind, ERROR_NONE);
	assert_string_equal(world->result.instance.id, "");
	assert_string_equal(world->result.image, "ami-0123");
	launch_result_release(&world->result);
	assert_string_equal(world->journal.log, "");
	assert_int_equal(fake_count(cloud, "Action=ImportKeyPair"), 0);
	assert_int_equal(fake_count(cloud, "Action=CreateSecurityGroup"), 0);
	const char *run = fake_seen(cloud, RUN, 0);
	world_param(run, "KeyName", NULL);
	world_param(run, "SecurityGroupId.1", NULL);
	world_param(run, "ClientToken", NULL);
	world_param(run, "InstanceMarketOptions.SpotOptions.MaxPrice", "7.344");

	const char *shown = world->journal.shown.data;
	const char *key = strstr(shown, "[ImportKeyPair]"),
		   *group = strstr(shown, "[CreateSecurityGroup]"),
		   *open = strstr(shown, "[AuthorizeSecurityGroupIngress]"),
		   *last = strstr(shown, "[RunInstances]");
	assert_true(key && group && open && last && key < group && group < open && open < last);
	assert_non_null(strstr(last, "KeyName=gpucloud-l1x\n"));
	assert_non_null(strstr(last, "MaxPrice=7.344\n"));
	assert_null(strstr(shown, "dG9wIHNlY3JldA"));

	fake_error(cloud, RUN " DryRun=true", 403, "UnauthorizedOperation");
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_AUTH);

	/* A server that takes it in earnest. */
	fake_once(cloud, RUN, 200, RAN(INSTANCE("i-0abc", "", SPOT_LIFE)));
	fake_once(cloud, "Action=TerminateInstances InstanceId.1=i-0abc", 200,
		  FAKE_REPLY("TerminateInstances", "<instancesSet/>"));
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_REMOTE);
	assert_false(world->err.unknown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_spot_guard, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_spot_guard_not_found, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(test_unknown_only_once_run, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(test_interrupted_before_run, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(test_run_replies, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_run_errors, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_price_too_low, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_dry_run, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

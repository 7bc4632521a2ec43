/* SPDX-License-Identifier: Apache-2.0 */
/* Ending instances on EC2, cleaning up after a launch, and quotas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "fake_cloud.h"
#include "providers/aws/ec2.h"

#define TAG(key, value) "<item><key>" key "</key><value>" value "</value></item>"

static int setup(void **state)
{
	struct fake_cloud *cloud = xcalloc(1, sizeof(*cloud));

	fake_cloud_init(cloud);
	*state = cloud;
	return 0;
}

static int teardown(void **state)
{
	fake_cloud_release(*state);
	free(*state);
	return 0;
}

/* --- ending -------------------------------------------------------------------------------- */

static void test_terminate(void **state)
{
	struct fake_cloud *cloud = *state;
	struct error err = ERROR_INIT;

	fake_once(cloud, "Action=TerminateInstances InstanceId.1=i-01", 200,
		  FAKE_REPLY("TerminateInstances", "<instancesSet/>"));
	assert_int_equal(aws_terminate(cloud->p, "us-east-1", "i-01", &err), 0);
	assert_int_equal(cloud->slept_ms, 0);

	fake_error(cloud, "Action=TerminateInstances", 400, "InvalidInstanceID.NotFound")->times =
		3;
	assert_int_equal(aws_terminate(cloud->p, "us-east-1", "i-02", &err), 0);
	assert_int_equal(err.kind, ERROR_NONE);

	fake_error(cloud, "Action=TerminateInstances", 400, "OperationNotPermitted");
	assert_int_equal(aws_terminate(cloud->p, "us-east-1", "i-03", &err), -1);
	assert_non_null(strstr(err.hint, "--no-disable-api-termination"));

	size_t before = cloud->nr_seen;
	assert_int_equal(aws_terminate(cloud->p, "us-east-1", "i-03&Force=true", &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(aws_terminate(cloud->p, "us-east-1", "", &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(cloud->nr_seen, before);

	/* Interrupted while it waits: not known to be gone. */
	cloud->interrupt = true;
	fake_error(cloud, "Action=TerminateInstances", 400, "InvalidInstanceID.NotFound");
	assert_int_equal(aws_terminate(cloud->p, "us-east-1", "i-04", &err), -1);
	assert_int_equal(err.kind, ERROR_CANCELLED);
}

static void test_restart(void **state)
{
	struct fake_cloud *cloud = *state;
	struct error err = ERROR_INIT;

	fake_once(cloud, "Action=RebootInstances InstanceId.1=i-01", 200,
		  FAKE_REPLY("RebootInstances", "<return>true</return>"));
	assert_int_equal(aws_restart(cloud->p, "us-east-1", "i-01", &err), 0);
	fake_error(cloud, "Action=RebootInstances", 400, "InvalidInstanceID.NotFound");
	assert_int_equal(aws_restart(cloud->p, "us-east-1", "i-01", &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

/* --- leftovers ----------------------------------------------------------------------------- */

#define GROUPS(items) \
	FAKE_REPLY("DescribeSecurityGroups", "<securityGroupInfo>" items "</securityGroupInfo>")
#define GROUP(id, name, tags)                                                         \
	"<item><groupId>" id "</groupId><groupName>" name "</groupName><tagSet>" tags \
	"</tagSet></item>"
#define KEYS(items) FAKE_REPLY("DescribeKeyPairs", "<keySet>" items "</keySet>")
#define KEYPAIR(id, name, tags)                                                       \
	"<item><keyPairId>" id "</keyPairId><keyName>" name "</keyName><tagSet>" tags \
	"</tagSet></item>"
#define REQUESTS(items)                            \
	FAKE_REPLY("DescribeSpotInstanceRequests", \
		   "<spotInstanceRequestSet>" items "</spotInstanceRequestSet>")
#define L1 TAG("gpucloud-launch", "l1")

static void add_leftovers(struct fake_cloud *cloud)
{
	fake_always(cloud, "Action=DescribeSpotInstanceRequests", 200,
		    REQUESTS("<item><spotInstanceRequestId>sir-1</spotInstanceRequestId><state>open"
			     "</state><tagSet>" L1 "</tagSet></item>"));
	fake_always(cloud, "Action=CancelSpotInstanceRequests SpotInstanceRequestId.1=sir-1", 200,
		    FAKE_REPLY("CancelSpotInstanceRequests", "<spotInstanceRequestSet/>"));
	/* A tagged group under another name, and strangers that a bad filter let through. */
	fake_always(cloud, "Action=DescribeSecurityGroups Filter.1.Name=tag:gpucloud-launch", 200,
		    GROUPS(GROUP("sg-1", "gpucloud-l1", L1) GROUP("sg-2", "other", L1)
				   GROUP("sg-9", "default", "")));
	fake_always(cloud,
		    "Action=DescribeSecurityGroups Filter.1.Name=group-name "
		    "Filter.1.Value.1=gpucloud-l1",
		    200, GROUPS(GROUP("sg-1", "gpucloud-l1", L1)));
	fake_always(cloud, "Action=DescribeKeyPairs Filter.1.Name=tag:gpucloud-launch", 200,
		    KEYS(KEYPAIR("key-8", "my-own", "") KEYPAIR("key-9", "of a friend&amp;", L1)));
	fake_always(cloud, "Action=DescribeKeyPairs Filter.1.Name=key-name", 200,
		    KEYS(KEYPAIR("key-1", "gpucloud-l1", "")));
}

static void test_release(void **state)
{
	struct fake_cloud *cloud = *state;
	struct release_result result = { 0 };
	struct error err = ERROR_INIT;

	add_leftovers(cloud);
	fake_once(cloud, "Action=DeleteKeyPair KeyName=gpucloud-l1", 200,
		  FAKE_REPLY("DeleteKeyPair", "<return>true</return>"));
	fake_error(cloud, "Action=DeleteSecurityGroup GroupId=sg-1", 400, "DependencyViolation")
		->times = 5;
	fake_once(cloud, "Action=DeleteSecurityGroup GroupId=sg-1", 200,
		  FAKE_REPLY("DeleteSecurityGroup", "<return>true</return>"));
	fake_error(cloud, "Action=DeleteSecurityGroup GroupId=sg-2", 400, "InvalidGroup.NotFound");
	assert_int_equal(aws_release(cloud->p, "us-east-1", "l1", &result, &err), 0);
	assert_int_equal(err.kind, ERROR_NONE);
	assert_int_equal(result.spot_requests, 1);
	assert_int_equal(result.keys, 1);
	assert_int_equal(result.security_groups, 1);
	assert_int_equal(result.left, 0);
	assert_true(cloud->slept_ms >= 5000 && cloud->slept_ms <= 90000);
	assert_int_equal(fake_count(cloud, "Action=DeleteSecurityGroup GroupId=sg-9"), 0);
	assert_int_equal(fake_count(cloud, "Action=DeleteKeyPair KeyName=my-own"), 0);
}

static void test_release_stuck(void **state)
{
	struct fake_cloud *cloud = *state;
	struct release_result result = { 0 };
	struct error err = ERROR_INIT;

	add_leftovers(cloud);
	fake_error(cloud, "Action=DeleteKeyPair", 400, "InvalidKeyPair.NotFound")->times = -1;
	fake_error(cloud, "Action=DeleteSecurityGroup", 400, "DependencyViolation")->times = -1;
	assert_int_equal(aws_release(cloud->p, "us-east-1", "l1", &result, &err), 0);
	assert_int_equal(result.left, 2);
	assert_int_equal(result.keys, 0);
	assert_true(cloud->slept_ms <= 90000); /* for both together */

	cloud->interrupt = true;
	assert_int_equal(aws_release(cloud->p, "us-east-1", "l1", &result, &err), -1);
	assert_int_equal(err.kind, ERROR_CANCELLED);
	assert_int_equal(result.left, 2);
}

static void test_release_fails(void **state)
{
	struct fake_cloud *cloud = *state;
	struct release_result result = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(aws_release(cloud->p, "us-east-1", "", &result, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(aws_release(cloud->p, "us-east-1", "*", &result, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(cloud->nr_seen, 0);

	/* The key may not be deleted, the groups may: they are, and the error is told. */
	add_leftovers(cloud);
	fake_error(cloud, "Action=DeleteKeyPair", 403, "UnauthorizedOperation");
	fake_always(cloud, "Action=DeleteSecurityGroup", 200,
		    FAKE_REPLY("DeleteSecurityGroup", "<return>true</return>"));
	assert_int_equal(aws_release(cloud->p, "us-east-1", "l1", &result, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	assert_int_equal(fake_count(cloud, "Action=DeleteSecurityGroup"), 2);
}

static void test_release_nothing(void **state)
{
	struct fake_cloud *cloud = *state;
	struct release_result result = { 0 };
	struct error err = ERROR_INIT;

	fake_always(cloud, "Action=DescribeSpotInstanceRequests", 200, REQUESTS(""));
	fake_always(cloud, "Action=DescribeSecurityGroups", 200, GROUPS(""));
	fake_always(cloud, "Action=DescribeKeyPairs", 200, KEYS(""));
	assert_int_equal(aws_release(cloud->p, "us-east-1", "l1", &result, &err), 0);
	assert_int_equal(result.spot_requests + result.security_groups + result.keys + result.left,
			 0);
	assert_int_equal(cloud->slept_ms, 0);
}

/* --- quotas -------------------------------------------------------------------------------- */

#define GET_QUOTA   "Target=ServiceQuotasV20190624.GetServiceQuota"
#define GET_DEFAULT "Target=ServiceQuotasV20190624.GetAWSDefaultServiceQuota"
#define QUOTA(code) "{\"ServiceCode\":\"ec2\",\"QuotaCode\":\"" code "\"}"

static void test_quota_codes(void **state)
{
	static const struct {
		const char *type;
		bool spot;
		const char *body;
	} cases[] = {
		{ "g5.xlarge", false, QUOTA("L-DB2E81BA") },
		{ "g5.xlarge", true, QUOTA("L-3819A6DF") },
		{ "gr6.4xlarge", true, QUOTA("L-3819A6DF") },
		{ "p4d.24xlarge", false, QUOTA("L-417A185B") },
		{ "p3.2xlarge", true, QUOTA("L-7212CCBC") },
		{ "m5.large", false, QUOTA("L-1216C47A") },
		{ "t3.micro", true, QUOTA("L-34B43A08") },
	};
	struct fake_cloud *cloud = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct quota quota = { .known = false };
		struct error err = ERROR_INIT;
		char match[128];
		snprintf(match, sizeof(match), GET_QUOTA " %s", cases[i].body);
		fake_once(cloud, match, 200, "{\"Quota\":{\"Value\":96.0}}");
		assert_int_equal(aws_quota(cloud->p, "us-east-1", cases[i].type, 8, cases[i].spot,
					   &quota, &err),
				 0);
		assert_true(quota.known);
		assert_true(quota.limit == 96 && quota.need == 8);
		assert_string_equal(quota.unit, "vCPUs");
		assert_non_null(strstr(cases[i].body, quota.code));
		assert_true(*quota.name);
	}
}

static void test_quota_unknown(void **state)
{
	struct fake_cloud *cloud = *state;
	struct quota quota = { .known = false };
	struct error err = ERROR_INIT;

	/* A family without a row in the table. */
	assert_int_equal(aws_quota(cloud->p, "us-east-1", "inf2.xlarge", 4, true, &quota, &err), 0);
	assert_false(quota.known);
	assert_int_equal(cloud->nr_seen, 0);

	fake_once(cloud, GET_QUOTA, 400, "{\"__type\":\"NoSuchResourceException\"}");
	fake_once(cloud, GET_DEFAULT, 200, "{\"Quota\":{\"Value\":0}}");
	assert_int_equal(aws_quota(cloud->p, "us-east-1", "p3.2xlarge", 8, true, &quota, &err), 0);
	assert_true(quota.known);
	assert_true(quota.limit == 0);

	static const char *const bad[] = { "{\"Quota\":{\"Value\":-1}}",
					   "{\"Quota\":{\"Value\":\"96\"}}", "{}", "[" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fake_once(cloud, GET_QUOTA, 200, bad[i]);
		assert_int_equal(
			aws_quota(cloud->p, "us-east-1", "p3.2xlarge", 8, true, &quota, &err), 0);
		assert_false(quota.known);
		assert_string_equal(quota.code, "L-7212CCBC");
	}
	fake_once(cloud, GET_QUOTA, 400, "{\"__type\":\"AccessDeniedException\"}");
	assert_int_equal(aws_quota(cloud->p, "us-east-1", "p3.2xlarge", 8, true, &quota, &err), 0);
	assert_false(quota.known);
	assert_int_equal(err.kind, ERROR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_terminate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_release, setup, teardown),
		cmocka_unit_test_setup_teardown(test_release_stuck, setup, teardown),
		cmocka_unit_test_setup_teardown(test_release_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_release_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quota_codes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quota_unknown, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

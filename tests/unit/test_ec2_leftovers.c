/* SPDX-License-Identifier: Apache-2.0 */
/* What is left over on EC2: found in every region and kind, never taken from others, removed. */
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
#define TAGS(items)	"<tagSet>" items "</tagSet>"
#define OURS		TAGS(TAG("gpucloud-launch", "l1") TAG("gpucloud-owner", "me"))
#define MADE		TAGS(TAG("gpucloud-launch", "l1") TAG("gpucloud-made", "1788990000"))

static const struct {
	const char *action, *set;
} listings[] = {
	{ "DescribeSpotInstanceRequests", "spotInstanceRequestSet" },
	{ "DescribeAddresses", "addressesSet" },
	{ "DescribeNetworkInterfaces", "networkInterfaceSet" },
	{ "DescribeVolumes", "volumeSet" },
	{ "DescribeImages", "imagesSet" },
	{ "DescribeSnapshots", "snapshotSet" },
	{ "DescribeSecurityGroups", "securityGroupInfo" },
	{ "DescribeKeyPairs", "keySet" },
};

static const char *const one_region[] = { "us-east-1" };
static const char *const two_regions[] = { "us-east-1", "eu-west-1" };

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

/* A rule for one listing; the rest, asked last, is empty. */
static void answer(struct fake_cloud *cloud, const char *match, const char *action, const char *set,
		   const char *xml)
{
	char *body =
		xasprintf("<%sResponse><%s>%s</%s></%sResponse>", action, set, xml, set, action);

	fake_always(cloud, match, 200, body);
	free(body);
}

static void items(struct fake_cloud *cloud, size_t listing, const char *xml)
{
	char *match = xasprintf("Action=%s", listings[listing].action);

	answer(cloud, match, listings[listing].action, listings[listing].set, xml);
	free(match);
}

static void the_rest_is_empty(struct fake_cloud *cloud)
{
	for (size_t i = 0; i < ARRAY_SIZE(listings); i++)
		items(cloud, i, "");
}

static void look(struct fake_cloud *cloud, const char *const *regions, size_t nr,
		 struct leftover_list *ret)
{
	const struct leftover_query query = { .regions = regions, .nr_regions = nr };
	struct error err = ERROR_INIT;

	if (aws_leftovers(cloud->p, &query, ret, &err) != 0)
		fail_msg("%s", err.message);
}

/* --- finding ------------------------------------------------------------------------------- */

static void add_one_of_each(struct fake_cloud *cloud)
{
	items(cloud, 0,
	      "<item><spotInstanceRequestId>sir-1</spotInstanceRequestId><state>open</state>"
	      "<createTime>2026-09-10T00:00:00.000Z</createTime>" OURS "</item>");
	items(cloud, 1,
	      "<item><allocationId>eipalloc-1</allocationId><publicIp>198.18.0.1</publicIp>" MADE
	      "</item>");
	items(cloud, 2,
	      "<item><networkInterfaceId>eni-1</networkInterfaceId><status>in-use</status>"
	      "<attachment><instanceId>i-01</instanceId></attachment>" OURS "</item>");
	items(cloud, 3,
	      "<item><volumeId>vol-1</volumeId><size>100</size><volumeType>gp3</volumeType>"
	      "<iops>4000</iops><throughput>225</throughput><status>in-use</status>"
	      "<createTime>2026-09-09T00:00:00.000Z</createTime><attachmentSet><item>"
	      "<instanceId>i-01</instanceId></item></attachmentSet>" OURS "</item>");
	items(cloud, 4,
	      "<item><imageId>ami-1</imageId><creationDate>2026-09-01T00:00:00.000Z</creationDate>"
	      "<blockDeviceMapping><item><ebs><snapshotId>snap-2</snapshotId></ebs></item>"
	      "</blockDeviceMapping>" OURS "</item>");
	items(cloud, 5,
	      "<item><snapshotId>snap-1</snapshotId><volumeSize>73</volumeSize>" OURS "</item>"
	      "<item><snapshotId>snap-2</snapshotId><volumeSize>73</volumeSize>"
	      "<storageTier>archive</storageTier>" OURS "</item>");
	items(cloud, 6,
	      "<item><groupId>sg-1</groupId><groupName>gpucloud-l1</groupName>" MADE "</item>");
	items(cloud, 7, "<item><keyName>gpucloud-l1</keyName>" OURS "</item>");
}

static void test_every_kind(void **state)
{
	static const struct {
		enum leftover_kind kind;
		const char *id, *attached;
		int64_t created, price;
	} wanted[] = {
		{ LEFTOVER_SPOT_REQUEST, "sir-1", "", 1788998400, 0 },
		{ LEFTOVER_ADDRESS, "eipalloc-1", "", 1788990000, 5000 },
		{ LEFTOVER_INTERFACE, "eni-1", "i-01", 0, 0 },
		/* 100 GiB, 1000 operations and 100 MiB a second above what is included */
		{ LEFTOVER_VOLUME, "vol-1", "i-01", 1788912000,
		  (100 * 80000 + 1000 * 5000 + 100 * 40000) / 730 },
		{ LEFTOVER_IMAGE, "ami-1", "", 1788220800, 0 },
		{ LEFTOVER_SNAPSHOT, "snap-1", "", 0, 5000 },
		{ LEFTOVER_SNAPSHOT, "snap-2", "ami-1", 0, 1250 },
		{ LEFTOVER_SECURITY_GROUP, "sg-1", "", 1788990000, 0 },
		{ LEFTOVER_KEY, "gpucloud-l1", "", 0, 0 },
	};
	struct fake_cloud *cloud = *state;
	struct leftover_list list = { 0 };

	add_one_of_each(cloud);
	look(cloud, one_region, 1, &list);
	assert_int_equal(list.nr, ARRAY_SIZE(wanted));
	for (size_t i = 0; i < list.nr; i++) {
		assert_int_equal(list.v[i].kind, wanted[i].kind);
		assert_string_equal(list.v[i].id, wanted[i].id);
		assert_string_equal(list.v[i].attached, wanted[i].attached);
		assert_int_equal(list.v[i].created, wanted[i].created);
		assert_int_equal(list.v[i].price, wanted[i].price);
		assert_string_equal(list.v[i].launch_id, "l1");
	}
	assert_int_equal(list.nr_failures, 0);
	leftover_list_release(&list);
}

static void test_what_is_asked(void **state)
{
	struct fake_cloud *cloud = *state;
	struct leftover_list list = { 0 };

	the_rest_is_empty(cloud);
	look(cloud, two_regions, 2, &list);
	leftover_list_release(&list);
	assert_int_equal(cloud->nr_seen, 2 * ARRAY_SIZE(listings));
	assert_true(cloud->most_at_once >= 8); /* not one after the other */
	assert_int_equal(fake_count(cloud, "Filter.1.Name=tag-key "
					   "Filter.1.Value.1=gpucloud-launch"),
			 2 * ARRAY_SIZE(listings));
	/* Everybody's public images are none of our business. */
	assert_int_equal(fake_count(cloud, "Action=DescribeImages Owner.1=self"), 2);
	assert_int_equal(fake_count(cloud, "Action=DescribeSnapshots Owner.1=self"), 2);
	assert_int_equal(fake_count(cloud, "Action=DescribeAddresses MaxResults=500"), 0);
	assert_int_equal(fake_count(cloud, "Action=DescribeKeyPairs MaxResults=500"), 0);
	assert_int_equal(fake_count(cloud, "Action=DescribeVolumes MaxResults=500"), 2);
}

/* A server that ignores filters shows strangers' things too. */
static void test_never_what_others_made(void **state)
{
	struct fake_cloud *cloud = *state;
	struct leftover_list list = { 0 };

	items(cloud, 0,
	      "<item><spotInstanceRequestId>sir-1</spotInstanceRequestId><state>active</state>" OURS
	      "</item>"); /* that is an instance's */
	items(cloud, 1, "<item><allocationId>eipalloc-1</allocationId></item>");
	items(cloud, 2,
	      "<item><networkInterfaceId>eni-1</networkInterfaceId>"
	      "<requesterManaged>true</requesterManaged>" OURS "</item>");
	items(cloud, 3,
	      "<item><volumeId>vol-1</volumeId>" TAGS(TAG(
		      "gpucloud-name",
		      "train")) "</item>"
				"<item><volumeId>vol-2</volumeId>" TAGS(TAG(
					"gpucloud-launch",
					"")) "</item>"
					     "<item><volumeId>vol-3</volumeId>" TAGS(TAG(
						     "gpucloud-launch",
						     "a b")) "</item>"
							     "<item><volumeId>vol-4</volumeId>" TAGS(
								     TAG("Gpucloud-Launch",
									 "l1")) "</item>"
										"<item><volumeId>vol-5</volumeId><status>deleting</status>" OURS
										"</item>");
	items(cloud, 4,
	      "<item><imageId>ami-1</imageId><imageState>deregistered</imageState>" OURS "</item>");
	items(cloud, 6,
	      "<item><groupId>sg-1</groupId><groupName>gpucloud-l1</groupName></item>"
	      "<item><groupId>sg-2</groupId><groupName>web</groupName>" OURS "</item>"
	      "<item><groupId>sg-3</groupId><groupName>gpucloud-l11</groupName>" OURS "</item>");
	items(cloud, 7,
	      "<item><keyName>gpucloud-l1</keyName></item><item><keyName>mine</keyName>" OURS
	      "</item><item><keyName>gpucloud-l1 </keyName>" OURS "</item>");
	the_rest_is_empty(cloud);
	look(cloud, one_region, 1, &list);
	for (size_t i = 0; i < list.nr; i++)
		print_message("%s\n", list.v[i].id);
	assert_int_equal(list.nr, 0);
	leftover_list_release(&list);
}

static void test_pages(void **state)
{
	struct fake_cloud *cloud = *state;
	struct leftover_list list = { 0 };

	fake_always(cloud, "Action=DescribeVolumes NextToken=two", 200,
		    FAKE_REPLY("DescribeVolumes", "<volumeSet><item><volumeId>vol-1</volumeId>" OURS
						  "</item><item><volumeId>vol-0</volumeId>" OURS
						  "</item></volumeSet>"));
	fake_always(cloud, "Action=DescribeVolumes", 200,
		    FAKE_REPLY("DescribeVolumes", "<volumeSet><item><volumeId>vol-1</volumeId>" OURS
						  "</item></volumeSet><nextToken>two</nextToken>"));
	the_rest_is_empty(cloud);
	look(cloud, one_region, 1, &list);
	assert_int_equal(list.nr, 2); /* each once, in order */
	assert_string_equal(list.v[0].id, "vol-0");
	assert_string_equal(list.v[1].id, "vol-1");
	leftover_list_release(&list);
}

static void test_failures(void **state)
{
	const struct leftover_query query = { .regions = two_regions, .nr_regions = 2 };
	struct fake_cloud *cloud = *state;
	struct leftover_list list = { 0 };
	struct error err = ERROR_INIT;

	/* One kind may not be asked for: the others are told, and so is the failure. */
	fake_error(cloud, "https://ec2.eu-west-1* Action=DescribeAddresses", 403,
		   "UnauthorizedOperation")
		->times = -1;
	fake_once(cloud, "https://ec2.us-east-1* Action=DescribeVolumes", 200,
		  FAKE_REPLY("DescribeVolumes", "<volumeSet><item><volumeId>../x</volumeId>" OURS
						"</item></volumeSet>"));
	fake_once(cloud, "https://ec2.eu-west-1* Action=DescribeVolumes", 200,
		  FAKE_REPLY("DescribeVolumes", "<volumeSet><item><volumeId>vol-1</volumeId>" OURS
						"</item></volumeSet>"));
	the_rest_is_empty(cloud);
	look(cloud, two_regions, 2, &list);
	assert_int_equal(list.nr, 1);
	assert_int_equal(list.nr_failures, 2);
	leftover_list_release(&list);

	/* Nothing at all answered. */
	fake_cloud_release(cloud);
	memset(cloud, 0, sizeof(*cloud));
	fake_cloud_init(cloud);
	fake_error(cloud, "Action=*", 403, "UnauthorizedOperation")->times = -1;
	assert_int_equal(aws_leftovers(cloud->p, &query, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
}

/* --- removing ------------------------------------------------------------------------------ */

static void test_removals(void **state)
{
	static const struct {
		enum leftover_kind kind;
		const char *id, *request;
	} cases[] = {
		{ LEFTOVER_SPOT_REQUEST, "sir-1",
		  "Action=CancelSpotInstanceRequests SpotInstanceRequestId.1=sir-1" },
		{ LEFTOVER_ADDRESS, "eipalloc-1", "Action=ReleaseAddress AllocationId=eipalloc-1" },
		{ LEFTOVER_INTERFACE, "eni-1",
		  "Action=DeleteNetworkInterface NetworkInterfaceId=eni-1" },
		{ LEFTOVER_VOLUME, "vol-1", "Action=DeleteVolume VolumeId=vol-1" },
		{ LEFTOVER_IMAGE, "ami-1", "Action=DeregisterImage ImageId=ami-1" },
		{ LEFTOVER_SNAPSHOT, "snap-1", "Action=DeleteSnapshot SnapshotId=snap-1" },
		{ LEFTOVER_SECURITY_GROUP, "sg-1", "Action=DeleteSecurityGroup GroupId=sg-1" },
		{ LEFTOVER_KEY, "gpucloud-l1", "Action=DeleteKeyPair KeyName=gpucloud-l1" },
	};
	struct fake_cloud *cloud = *state;
	struct error err = ERROR_INIT;

	fake_always(cloud, "Action=*", 200, FAKE_REPLY("X", "<return>true</return>"));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct leftover one = { .region = "us-east-1",
					      .kind = cases[i].kind,
					      .id = cases[i].id };

		assert_int_equal(aws_remove(cloud->p, &one, &err), 0);
		assert_int_equal(fake_count(cloud, cases[i].request), 1);
	}
	assert_int_equal(cloud->nr_seen, ARRAY_SIZE(cases));
}

static void test_what_removal_says(void **state)
{
	static const struct {
		enum leftover_kind kind;
		const char *id, *code, *message;
		enum error_kind wanted; /* ERROR_NONE: success */
	} cases[] = {
		{ LEFTOVER_VOLUME, "vol-1", "VolumeInUse", "x", ERROR_CONFLICT },
		{ LEFTOVER_VOLUME, "vol-1", "IncorrectState", "creating", ERROR_CONFLICT },
		{ LEFTOVER_VOLUME, "vol-1", "InvalidVolume.NotFound", "x", ERROR_NONE },
		{ LEFTOVER_VOLUME, "vol-1", "UnauthorizedOperation", "x", ERROR_AUTH },
		{ LEFTOVER_ADDRESS, "eipalloc-1", "InvalidIPAddress.InUse", "x", ERROR_CONFLICT },
		{ LEFTOVER_ADDRESS, "eipalloc-1", "InvalidAllocationID.NotFound", "x", ERROR_NONE },
		{ LEFTOVER_SNAPSHOT, "snap-1", "InvalidSnapshot.InUse", "x", ERROR_CONFLICT },
		{ LEFTOVER_IMAGE, "ami-1", "InvalidAMIID.Unavailable", "x", ERROR_NONE },
		{ LEFTOVER_IMAGE, "ami-1", "OperationNotPermitted", "protected", ERROR_REMOTE },
		{ LEFTOVER_INTERFACE, "eni-1", "InvalidParameterValue",
		  "Network interface 'eni-1' is currently in use.", ERROR_CONFLICT },
		{ LEFTOVER_INTERFACE, "eni-1", "InvalidParameterValue", "no", ERROR_USAGE },
		{ LEFTOVER_SECURITY_GROUP, "sg-1", "DependencyViolation", "x", ERROR_CONFLICT },
		{ LEFTOVER_SECURITY_GROUP, "sg-1", "InvalidGroup.InUse", "x", ERROR_CONFLICT },
		{ LEFTOVER_SECURITY_GROUP, "sg-1", "InvalidGroup.NotFound", "x", ERROR_NONE },
		{ LEFTOVER_KEY, "gpucloud-l1", "InvalidKeyPair.NotFound", "x", ERROR_NONE },
	};
	struct fake_cloud *cloud = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct leftover one = { .region = "us-east-1",
					      .kind = cases[i].kind,
					      .id = cases[i].id };
		struct error err = ERROR_INIT;
		char *body = xasprintf("<Response><Errors><Error><Code>%s</Code><Message>%s"
				       "</Message></Error></Errors></Response>",
				       cases[i].code, cases[i].message);

		fake_once(cloud, "Action=*", 400, body);
		int rc = aws_remove(cloud->p, &one, &err);

		if (rc != (cases[i].wanted == ERROR_NONE ? 0 : -1) || err.kind != cases[i].wanted)
			fail_msg("%s: %d, %s: %s", cases[i].code, rc, error_kind_name(err.kind),
				 err.message);
		free(body);
	}
}

/* An id that is none never goes into a request. */
static void test_bad_ids(void **state)
{
	static const struct leftover bad[] = {
		{ .kind = LEFTOVER_VOLUME, .id = "vol-1&x=y" },
		{ .kind = LEFTOVER_VOLUME, .id = "snap-1" },
		{ .kind = LEFTOVER_VOLUME, .id = "" },
		{ .kind = LEFTOVER_VOLUME },
		{ .kind = LEFTOVER_KEY, .id = "mine" }, /* no name of ours */
		{ .kind = LEFTOVER_KEY, .id = "gpucloud-a b" },
		{ .kind = LEFTOVER_KIND_COUNT, .id = "vol-1" },
	};
	struct fake_cloud *cloud = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(aws_remove(cloud->p, &bad[i], &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
	}
	assert_int_equal(cloud->nr_seen, 0);
}

/* --- stopping ------------------------------------------------------------------------------ */

static void test_stop(void **state)
{
	static const struct {
		const char *code;
		enum error_kind wanted;
	} cases[] = {
		{ "UnsupportedOperation", ERROR_UNSUPPORTED },
		{ "IncorrectSpotRequestState", ERROR_UNSUPPORTED },
		{ "IncorrectInstanceState", ERROR_CONFLICT },
		{ "InvalidInstanceID.NotFound", ERROR_NOT_FOUND },
		{ "InsufficientInstanceCapacity", ERROR_CAPACITY },
	};
	struct fake_cloud *cloud = *state;
	struct error err = ERROR_INIT;

	fake_once(cloud, "Action=StopInstances InstanceId.1=i-01", 200,
		  FAKE_REPLY("StopInstances", "<instancesSet/>"));
	assert_int_equal(aws_stop(cloud->p, "us-east-1", "i-01", &err), 0);
	fake_once(cloud, "Action=StartInstances InstanceId.1=i-01", 200,
		  FAKE_REPLY("StartInstances", "<instancesSet/>"));
	assert_int_equal(aws_start(cloud->p, "us-east-1", "i-01", &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_error(cloud, "Action=StopInstances", 400, cases[i].code);
		error_clear(&err);
		assert_int_equal(aws_stop(cloud->p, "us-east-1", "i-01", &err), -1);
		assert_int_equal(err.kind, cases[i].wanted);
		fake_error(cloud, "Action=StartInstances", 400, cases[i].code);
		error_clear(&err);
		assert_int_equal(aws_start(cloud->p, "us-east-1", "i-01", &err), -1);
		assert_int_equal(err.kind, cases[i].wanted);
	}
	size_t before = cloud->nr_seen;
	assert_int_equal(aws_stop(cloud->p, "us-east-1", "i-1&Force=true", &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(cloud->nr_seen, before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_every_kind),
		TEST(test_what_is_asked),
		TEST(test_never_what_others_made),
		TEST(test_pages),
		TEST(test_failures),
		TEST(test_removals),
		TEST(test_what_removal_says),
		TEST(test_bad_ids),
		TEST(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

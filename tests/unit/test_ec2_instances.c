/* SPDX-License-Identifier: Apache-2.0 */
/* Finding, ending and cleaning up on EC2, and its quotas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"
#include "fake_cloud.h"
#include "providers/aws/ec2.h"

#define LIST		"Action=DescribeInstances"
#define TAG(key, value) "<item><key>" key "</key><value>" value "</value></item>"
#define ITEM(id, state, rest)                                                            \
	"<item><instanceId>" id "</instanceId><instanceState><code>0</code><name>" state \
	"</name></instanceState><instanceType>g5.xlarge</instanceType>" rest "</item>"
#define OURS(launch) "<tagSet>" TAG("gpucloud-launch", launch) "</tagSet>"
#define PAGE(items, rest)                                                            \
	FAKE_REPLY("DescribeInstances", "<reservationSet><item><instancesSet>" items \
					"</instancesSet></item></reservationSet>" rest)
#define NONE FAKE_REPLY("DescribeInstances", "<reservationSet/>")

static const char *const regions[] = { "us-east-1", "eu-west-1" };

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

static void test_fields(void **state)
{
	struct fake_cloud *cloud = *state;
	struct instance_query query = { .regions = regions, .nr_regions = 1, .with_gone = true };
	struct instance_list list = { 0 };
	struct error err = ERROR_INIT;

	fake_once(
		cloud, LIST " Filter.1.Name=tag-key Filter.1.Value.1=gpucloud-launch", 200,
		PAGE(ITEM("i-0b", "terminated",
			  "<placement><availabilityZone>us-east-1b</availabilityZone></placement>"
			  "<instanceLifecycle>spot</instanceLifecycle><spotInstanceRequestId>"
			  "sir-1</spotInstanceRequestId><imageId>ami-1</imageId><keyName>k</keyName>"
			  "<privateIpAddress>10.0.0.5</privateIpAddress><ipAddress>203.0.113.9"
			  "</ipAddress><clientToken>tok-9</clientToken><launchTime>"
			  "2026-09-10T00:26:40.000Z</launchTime><reason>Server.SpotInstanceTermination "
			  "(2026-09-10 01:26:40 GMT)</reason><stateReason><code>Server.x</code>"
			  "<message>Server.SpotInstanceTermination: Instance terminated</message>"
			  "</stateReason><tagSet>" TAG("gpucloud-launch", "l1")
				  TAG("gpucloud-name", "train")
					  TAG("gpucloud-owner", "ann") "</tagSet>"),
		     ""));
	assert_int_equal(aws_instances(cloud->p, &query, &list, &err), 0);
	assert_int_equal(list.nr, 1);
	const struct instance *instance = &list.v[0];
	assert_string_equal(instance->provider, "aws");
	assert_string_equal(instance->region, "us-east-1");
	assert_string_equal(instance->zone.name, "us-east-1b");
	assert_string_equal(instance->zone.id, "");
	assert_string_equal(instance->id, "i-0b");
	assert_string_equal(instance->type, "g5.xlarge");
	assert_int_equal(instance->state, INSTANCE_GONE);
	assert_non_null(strstr(instance->reason, "Instance terminated"));
	assert_true(instance->spot);
	assert_string_equal(instance->spot_request, "sir-1");
	assert_string_equal(instance->public_ip, "203.0.113.9");
	assert_string_equal(instance->private_ip, "10.0.0.5");
	assert_string_equal(instance->image, "ami-1");
	assert_string_equal(instance->key_name, "k");
	assert_string_equal(instance->token, "tok-9");
	assert_int_equal(instance->launched, FAKE_NOW);
	assert_int_equal(instance->ended, FAKE_NOW + 3600);
	assert_string_equal(instance->name, "train");
	assert_string_equal(instance->owner, "ann");
	assert_string_equal(instance->launch_id, "l1");
	instance_list_release(&list);
	assert_null(fake_param(fake_seen(cloud, LIST, 0), "Filter.2.Name"));
}

/* Nonsense in a field must not hide the instance that it belongs to. */
static void test_odd_fields(void **state)
{
	struct fake_cloud *cloud = *state;
	struct instance_query query = { .regions = regions, .nr_regions = 1, .with_gone = true };
	struct instance_list list = { 0 };
	struct error err = ERROR_INIT;
	char name[4001];
	struct buf body = BUF_INIT;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	buf_addf(&body,
		 PAGE(ITEM("i-01", "half-dead",
			   "<launchTime>noon</launchTime><ipAddress>1.2.3.4; rm</ipAddress>"
			   "<placement><availabilityZone>a b</availabilityZone></placement>"
			   "<reason>User initiated (2026-13-45 99:99:99 GMT)</reason>"
			   "<tagSet>" TAG("gpucloud-name", "%s")
				   TAG("gpucloud-launch", "$(x) Y") "</tagSet>")
			      ITEM("i-02", "terminated", "<reason>(</reason>" OURS("l"))
				      ITEM("i-03", "shutting-down", OURS("l")),
		      ""),
		 name);
	fake_once(cloud, LIST, 200, body.data);
	buf_release(&body);
	assert_int_equal(aws_instances(cloud->p, &query, &list, &err), 0);
	assert_int_equal(list.nr, 3);
	assert_int_equal(list.v[0].state, INSTANCE_UNKNOWN);
	assert_int_equal(list.v[0].launched, 0);
	assert_int_equal(list.v[0].ended, 0);
	assert_string_equal(list.v[0].public_ip, "");
	assert_string_equal(list.v[0].zone.name, "");
	assert_int_equal(strlen(list.v[0].name), EC2_TEXT_MAX);
	assert_int_equal(list.v[1].ended, 0);
	assert_int_equal(list.v[2].state, INSTANCE_ENDING);
	instance_list_release(&list);
}

static void test_queries(void **state)
{
	static const struct {
		struct instance_query query;
		const char *match; /* what must be asked */
	} cases[] = {
		{ { .name = "train" }, "Filter.1.Name=tag:gpucloud-name Filter.1.Value.1=train" },
		{ { .owner = "ann" },
		  "Filter.1.Name=tag:gpucloud-owner Filter.1.Value.1=ann Filter.2.Name=tag-key" },
		{ { .launch_id = "l1" }, "Filter.1.Name=tag:gpucloud-launch Filter.1.Value.1=l1" },
		{ { .token = "t1" }, "Filter.1.Name=client-token Filter.1.Value.1=t1" },
		{ { .name = "train", .owner = "ann" },
		  "Filter.1.Name=tag:gpucloud-name Filter.2.Name=tag:gpucloud-owner" },
	};
	struct fake_cloud *cloud = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct instance_query query = cases[i].query;
		struct instance_list list = { 0 };
		struct error err = ERROR_INIT;
		char match[256];
		query.regions = regions;
		query.nr_regions = 1;
		snprintf(match, sizeof(match), LIST " %s", cases[i].match);
		/* A server that ignores filters sends strangers too. */
		fake_once(
			cloud, match, 200,
			PAGE(ITEM("i-01", "running", "") ITEM("i-02", "running", OURS("zz")), ""));
		assert_int_equal(aws_instances(cloud->p, &query, &list, &err), 0);
		assert_int_equal(list.nr, 0);
		instance_list_release(&list);
	}
}

static void test_ids(void **state)
{
	struct fake_cloud *cloud = *state;
	struct instance_list list = { 0 };
	struct error err = ERROR_INIT;
	char text[150][16];
	const char *ids[150];
	struct instance_query query = {
		.regions = regions, .nr_regions = 2, .ids = ids, .nr_ids = 150
	};

	for (size_t i = 0; i < 150; i++) {
		snprintf(text[i], sizeof(text[i]), "i-%zu", i);
		ids[i] = text[i];
	}
	fake_once(cloud,
		  "https://ec2.us-east-1* " LIST " Filter.1.Name=instance-id "
		  "Filter.1.Value.1=i-0 Filter.1.Value.100=i-99",
		  200, PAGE(ITEM("i-7", "running", "") ITEM("i-7", "running", ""), ""));
	fake_once(cloud, "https://ec2.us-east-1* " LIST " Filter.1.Value.50=i-149", 200, NONE);
	fake_always(cloud, "https://ec2.eu-west-1* " LIST, 200,
		    PAGE(ITEM("i-149", "stopped", "") ITEM("i-999", "running", ""), ""));
	assert_int_equal(aws_instances(cloud->p, &query, &list, &err), 0);
	assert_int_equal(list.nr, 2);
	assert_int_equal(cloud->most_at_once, 4);
	instance_list_release(&list);

	ids[3] = "i-1,i-2";
	size_t before = cloud->nr_seen;
	assert_int_equal(aws_instances(cloud->p, &query, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(cloud->nr_seen, before);
}

static void test_gone_and_pages(void **state)
{
	struct fake_cloud *cloud = *state;
	struct instance_query query = { .regions = regions, .nr_regions = 2 };
	struct instance_list list = { 0 };
	struct error err = ERROR_INIT;

	fake_once(cloud, "https://ec2.us-east-1* " LIST " NextToken=n2", 200,
		  PAGE(ITEM("i-03", "shutting-down", OURS("l3")), ""));
	fake_once(cloud, "https://ec2.us-east-1* " LIST " Filter.2.Name=instance-state-name", 200,
		  PAGE(ITEM("i-01", "terminated", OURS("l1")) ITEM("i-02", "running", OURS("l2")),
		       "<nextToken>n2</nextToken>"));
	fake_error(cloud, "https://ec2.eu-west-1* " LIST, 401, "AuthFailure");
	assert_int_equal(aws_instances(cloud->p, &query, &list, &err), 0);
	assert_int_equal(list.nr, 2);
	assert_string_equal(list.v[0].id, "i-02");
	assert_string_equal(list.v[1].id, "i-03");
	assert_int_equal(list.v[1].state, INSTANCE_ENDING);
	assert_int_equal(list.nr_failures, 1);
	assert_string_equal(list.failures[0].region, "eu-west-1");
	instance_list_release(&list);

	fake_error(cloud, LIST, 401, "AuthFailure")->times = 2;
	assert_int_equal(aws_instances(cloud->p, &query, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
}

/* A page full of the largest instances there are is still one that we read. */
static void test_largest_page(void **state)
{
	struct fake_cloud *cloud = *state;
	struct instance_query query = { .regions = regions, .nr_regions = 1 };
	struct instance_list list = { 0 };
	struct error err = ERROR_INIT;
	struct buf one = BUF_INIT, page = BUF_INIT;

	fake_once(cloud, LIST, 200, NONE);
	assert_int_equal(aws_instances(cloud->p, &query, &list, &err), 0);
	instance_list_release(&list);
	long size = strtol(fake_param(fake_seen(cloud, LIST, 0), "MaxResults"), NULL, 10);
	assert_in_range(size, 5, 1000);

	/* A p5 has 32 network interfaces, each with some 40 elements of long names. */
	buf_addstr(&one, "<networkInterfaceSet>");
	for (int i = 0; i < 32; i++) {
		buf_addstr(&one, "<item>");
		for (int j = 0; j < 40; j++)
			buf_addstr(&one, "<groupIdentifier>0123456789abc</groupIdentifier>");
		buf_addstr(&one, "</item>");
	}
	buf_addstr(&one, "</networkInterfaceSet>");
	buf_addstr(&page, "<DescribeInstancesResponse><reservationSet>");
	for (long i = 0; i < size; i++)
		buf_addf(&page,
			 "<item><instancesSet><item><instanceId>i-%04lx</instanceId>" OURS(
				 "l1") "%s</item></instancesSet></item>",
			 i, one.data);
	buf_addstr(&page, "</reservationSet></DescribeInstancesResponse>");
	fake_once(cloud, LIST, 200, page.data);
	if (aws_instances(cloud->p, &query, &list, &err) < 0)
		fail_msg("%ld instances: %s", size, err.message);
	assert_int_equal(list.nr, size);
	instance_list_release(&list);
	buf_release(&one);
	buf_release(&page);
}

/* However a reply comes in, and if it breaks off on its way: each instance once. */
static void test_pages_in_pieces(void **state)
{
	static const char first[] =
		PAGE(ITEM("i-01", "running", OURS("l1")) ITEM("i-02", "running", OURS("l2")),
		     "<nextToken>n&amp;2</nextToken>");
	static const char last[] =
		"<R><groupSet><item><instancesSet><item><instanceId>i-98"
		"</instanceId>" OURS(
			"l9") "</item></instancesSet></item>"
			      "</groupSet><nextToken/><reservationSet><item><groupSet><item>"
			      "<instanceId>i-99</instanceId></item></groupSet><instancesSet/>"
			      "<requesterId>1</requesterId></item><item><instancesSet>" ITEM(
				      "i-03", "stopped", OURS("l3")) "</instancesSet></item>"
								     "</reservationSet></R>";
	static const char *const ids[] = { "i-01", "i-02", "i-03" };
	struct fake_cloud *cloud = *state;
	struct instance_query query = { .regions = regions, .nr_regions = 1 };

	for (size_t cut = 1; cut < sizeof(first) - 1; cut++) {
		struct instance_list list = { 0 };
		struct error err = ERROR_INIT;
		struct fake_rule *rule;

		cloud->chunk = 1 + cut % 50;
		fake_once(cloud, LIST " NextToken=n&2", 200, last);
		rule = fake_once(cloud, LIST, 200, first);
		rule->cut = cut;
		rule->fail = ERROR_NETWORK;
		fake_once(cloud, LIST, 200, first);
		if (aws_instances(cloud->p, &query, &list, &err) < 0)
			fail_msg("cut at %zu: %s", cut, err.message);
		assert_int_equal(list.nr, ARRAY_SIZE(ids));
		assert_int_equal(list.nr_failures, 0);
		for (size_t i = 0; i < list.nr; i++)
			assert_string_equal(list.v[i].id, ids[i]);
		assert_int_equal(list.v[2].state, INSTANCE_STOPPED);
		instance_list_release(&list);
	}
}

/* What the pages before have told stays, beside the failure. */
static void test_second_page_fails(void **state)
{
	static const char *const bodies[] = {
		"<R/>",
		PAGE(ITEM("i+1", "running", OURS("l")), ""),
		PAGE("", "<nextToken>n2</nextToken>"),
		"<R><reservationSet>",
	};
	struct fake_cloud *cloud = *state;
	struct instance_query query = { .regions = regions, .nr_regions = 2 };

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct instance_list list = { 0 };
		struct error err = ERROR_INIT;

		fake_once(cloud, "https://ec2.us-east-1* " LIST " NextToken=n2", 200, bodies[i]);
		fake_once(cloud, "https://ec2.us-east-1* " LIST, 200,
			  PAGE(ITEM("i-01", "running", OURS("l1")), "<nextToken>n2</nextToken>"));
		fake_once(cloud, "https://ec2.eu-west-1* " LIST, 200, NONE);
		assert_int_equal(aws_instances(cloud->p, &query, &list, &err), 0);
		assert_int_equal(list.nr, 1);
		assert_int_equal(list.nr_failures, 1);
		assert_string_equal(list.failures[0].region, "us-east-1");
		assert_int_equal(list.failures[0].err.kind, ERROR_PROTOCOL);
		instance_list_release(&list);
	}
}

static void test_hostile_lists(void **state)
{
	static const char *const bodies[] = {
		PAGE(ITEM("../i-1", "running", OURS("l")), ""),
		PAGE(ITEM("", "running", OURS("l")), ""),
		PAGE("<item/>", ""),
		PAGE(ITEM("i-01", "running", OURS("&#27;[2J")), ""),
		"<DescribeInstancesResponse/>",
		"<DescribeInstancesResponse><reservationSet>",
		"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
		"\xff\xfe",
	};
	struct fake_cloud *cloud = *state;
	struct instance_query query = { .regions = regions, .nr_regions = 1 };

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct instance_list list = { 0 };
		struct error err = ERROR_INIT;
		fake_once(cloud, LIST, 200, bodies[i]);
		assert_int_equal(aws_instances(cloud->p, &query, &list, &err), -1);
		if (err.kind != ERROR_PROTOCOL)
			fail_msg("case %zu: %s", i, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone_and_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_largest_page, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pages_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_page_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_lists, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

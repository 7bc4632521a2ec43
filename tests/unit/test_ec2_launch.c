/* SPDX-License-Identifier: Apache-2.0 */
/* A launch on EC2: what is asked, in which order, what is told to the journal, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "launch_world.h"
#include "providers/aws/ec2.h"

static void check_key_and_group(const struct fake_cloud *cloud)
{
	const char *key = fake_seen(cloud, "Action=ImportKeyPair", 0);
	world_param(key, "KeyName", "gpucloud-l1x");
	world_param(key, "PublicKeyMaterial",
		    "c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUV4YW1wbGUgbWVAZXhhbXBsZQ==");
	world_param(key, "TagSpecification.1.ResourceType", "key-pair");
	world_param(key, "TagSpecification.1.Tag.3.Key", "gpucloud-launch");
	world_param(key, "TagSpecification.1.Tag.3.Value", "l1x");

	const char *group = fake_seen(cloud, "Action=CreateSecurityGroup", 0);
	world_param(group, "GroupName", "gpucloud-l1x");
	world_param(group, "VpcId", "vpc-0a1b");
	world_param(group, "TagSpecification.1.ResourceType", "security-group");

	const char *open = fake_seen(cloud, "Action=AuthorizeSecurityGroupIngress", 0);
	world_param(open, "GroupId", "sg-01");
	world_param(open, "IpPermissions.1.FromPort", "22");
	world_param(open, "IpPermissions.1.ToPort", "22");
	world_param(open, "IpPermissions.1.IpProtocol", "tcp");
	world_param(open, "IpPermissions.1.IpRanges.1.CidrIp", "203.0.113.7/32");
	world_param(open, "IpPermissions.1.IpRanges.2.CidrIp", NULL);
	world_param(open, "IpPermissions.1.Ipv6Ranges.1.CidrIpv6", "2001:db8::/64");
	world_param(open, "IpPermissions.2.FromPort", "8888");
	world_param(open, "IpPermissions.3.FromPort", "8787");
	world_param(open, "IpPermissions.4.FromPort", NULL);
}

static void check_run(const struct fake_cloud *cloud)
{
	const char *run = fake_seen(cloud, RUN, 0);
	world_param(run, "ImageId", "ami-0123");
	world_param(run, "InstanceType", "g5.xlarge");
	world_param(run, "MinCount", "1");
	world_param(run, "MaxCount", "1");
	world_param(run, "ClientToken", "tok-1");
	world_param(run, "KeyName", "gpucloud-l1x");
	world_param(run, "SubnetId", "subnet-0c");
	world_param(run, "SecurityGroupId.1", "sg-01");
	world_param(run, "InstanceMarketOptions.MarketType", "spot");
	world_param(run, "InstanceMarketOptions.SpotOptions.MaxPrice", "7.344");
	world_param(run, "InstanceMarketOptions.SpotOptions.SpotInstanceType", "one-time");
	world_param(run, "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior",
		    "terminate");
	world_param(run, "InstanceInitiatedShutdownBehavior", "terminate");
	world_param(run, "MetadataOptions.HttpTokens", "required");
	world_param(run, "MetadataOptions.HttpPutResponseHopLimit", "1");
	world_param(run, "BlockDeviceMapping.1.DeviceName", "/dev/sda1");
	world_param(run, "BlockDeviceMapping.1.Ebs.VolumeSize", "100");
	world_param(run, "BlockDeviceMapping.1.Ebs.VolumeType", "gp3");
	world_param(run, "BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true");
	world_param(run, "UserData", "IyEvYmluL3NoCg==");
	world_param(run, "TagSpecification.1.ResourceType", "instance");
	world_param(run, "TagSpecification.1.Tag.1.Key", "gpucloud-owner");
	world_param(run, "TagSpecification.1.Tag.1.Value", "ann");
	world_param(run, "TagSpecification.1.Tag.2.Value", "train");
	world_param(run, "TagSpecification.2.ResourceType", "volume");
	world_param(run, "TagSpecification.3.ResourceType", "network-interface");
	world_param(run, "TagSpecification.4.ResourceType", "spot-instances-request");
	world_param(run, "DryRun", NULL);
	world_param(run, "Placement.AvailabilityZone", NULL);
}

static void test_spot_launch(void **state)
{
	static const uint16_t ports[] = { 8888, 22, 8787, 8888 };
	static const char *const from[] = { "203.0.113.7/32", "2001:db8::/64", "203.0.113.7/32" };
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	world_add_all(cloud);
	fake_once(cloud, RUN, 200, RAN(INSTANCE("i-0abc", "tok-1", SPOT_LIFE)));
	world->request.ports = ports;
	world->request.nr_ports = 4;
	world->request.from = from;
	world->request.nr_from = 3;
	world->request.disk_gib = 100;
	world->request.user_data = "#!/bin/sh\n";
	world->request.user_data_len = 10;
	assert_int_equal(world_launch(world), 0);
	assert_string_equal(world->result.instance.id, "i-0abc");
	assert_true(world->result.instance.spot);
	assert_string_equal(world->result.instance.zone.name, "us-east-1a");
	assert_string_equal(world->result.image, "ami-0123");
	assert_string_equal(world->result.image_name, "Test image");
	assert_int_equal(world->result.instance.launched, FAKE_NOW);
	launch_result_release(&world->result);

	/* The journal knows before EC2 does, by the very hash of what is sent. */
	assert_string_equal(world->journal.log,
			    "+key gpucloud-l1x|-key gpucloud-l1x|"
			    "+security-group gpucloud-l1x|-security-group sg-01|"
			    "+instance tok-1|-instance i-0abc|");
	assert_int_equal(world->journal.runs_at_intent, 0);
	assert_int_equal(strlen(world->journal.hash), 64);
	check_key_and_group(cloud);
	check_run(cloud);
}

static void test_on_demand_launch(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	world_add_all(cloud);
	fake_once(cloud, RUN, 200, RAN(INSTANCE("i-0abc", "tok-1", "")));
	world->request.spot = false;
	world->request.ssh_public_key = NULL;
	world->request.nr_from = 0;
	assert_int_equal(aws_launch(cloud->p, &world->request, NULL, &world->result, &world->err),
			 0);
	assert_false(world->result.instance.spot);
	launch_result_release(&world->result);
	const char *run = fake_seen(cloud, RUN, 0);
	world_param(run, "InstanceMarketOptions.MarketType", NULL);
	world_param(run, "InstanceMarketOptions.SpotOptions.MaxPrice", NULL);
	world_param(run, "TagSpecification.4.ResourceType", NULL);
	world_param(run, "KeyName", NULL);
	world_param(run, "BlockDeviceMapping.1.DeviceName", NULL);
	world_param(run, "UserData", NULL);
	assert_int_equal(fake_count(cloud, "Action=ImportKeyPair"), 0);
	assert_int_equal(fake_count(cloud, "Action=AuthorizeSecurityGroupIngress"), 0);
}

/* The body is the same at every attempt, and so is what the journal was told. */
static void test_same_body_again(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	world_add_all(cloud);
	fake_error(cloud, RUN, 503, "RequestLimitExceeded");
	fake_once(cloud, RUN, 500, "<html>oops</html>");
	fake_error(cloud, RUN, 400, "InvalidGroup.NotFound");
	fake_error(cloud, RUN, 400, "InvalidKeyPair.NotFound");
	fake_once(cloud, RUN, 200, RAN(INSTANCE("i-0abc", "tok-1", SPOT_LIFE)));
	assert_int_equal(world_launch(world), 0);
	launch_result_release(&world->result);
	assert_int_equal(fake_count(cloud, RUN), 5);
	for (size_t i = 1; i < 5; i++)
		assert_string_equal(fake_seen(cloud, RUN, i), fake_seen(cloud, RUN, 0));
	assert_int_equal(world->err.kind, ERROR_NONE);

	/* Another day, the same launch: the same hash. */
	char first[SHA256_HEX_MAX];
	memcpy(first, world->journal.hash, sizeof(first));
	fake_once(cloud, RUN, 200, RAN(INSTANCE("i-0abc", "tok-1", SPOT_LIFE)));
	cloud->now_ms += 86400000;
	assert_int_equal(world_launch(world), 0);
	launch_result_release(&world->result);
	assert_string_equal(world->journal.hash, first);
}

static void test_journal_refuses(void **state)
{
	static const char *const kinds[] = { "key", "security-group", "instance" };
	static const char *const actions[] = { "Action=ImportKeyPair", "Action=CreateSecurityGroup",
					       RUN };
	struct world *world = *state;

	world_add_all(&world->cloud);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t before = fake_count(&world->cloud, actions[i]);
		world->journal.refuse = kinds[i];
		assert_int_equal(world_launch(world), -1);
		assert_int_equal(world->err.kind, ERROR_CONFLICT);
		assert_false(world->err.unknown);
		assert_int_equal(fake_count(&world->cloud, actions[i]), before);
	}
	assert_int_equal(fake_count(&world->cloud, RUN), 0);
}

static void test_journal_loses(void **state)
{
	struct world *world = *state;

	world_add_all(&world->cloud);
	fake_always(&world->cloud, RUN, 200, RAN(INSTANCE("i-0abc", "tok-1", SPOT_LIFE)));
	world->journal.lose = "instance";
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_IO);
	assert_true(world->err.unknown);
	world->journal.lose = "key";
	assert_int_equal(world_launch(world), -1);
	assert_false(world->err.unknown);
}

static void test_made_before(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;
	static const uint16_t ports[] = { 8888 };

	world_add_places(cloud);
	world->request.ports = ports;
	world->request.nr_ports = 1;
	fake_error(cloud, "Action=ImportKeyPair", 400, "InvalidKeyPair.Duplicate");
	fake_error(cloud, "Action=CreateSecurityGroup", 400, "InvalidGroup.Duplicate");
	fake_once(cloud,
		  "Action=DescribeSecurityGroups Filter.1.Name=group-name "
		  "Filter.1.Value.1=gpucloud-l1x Filter.2.Name=vpc-id Filter.2.Value.1=vpc-0a1b",
		  200, GROUP("sg-77", "<item><key>gpucloud-launch</key><value>l1x</value></item>"));
	/* One rule is there: none of the two was added. Then one by one. */
	fake_error(cloud, "Action=AuthorizeSecurityGroupIngress IpPermissions.2.FromPort=8888", 400,
		   "InvalidPermission.Duplicate");
	fake_error(cloud, "Action=AuthorizeSecurityGroupIngress IpPermissions.1.FromPort=22", 400,
		   "InvalidPermission.Duplicate");
	fake_once(cloud, "Action=AuthorizeSecurityGroupIngress IpPermissions.1.FromPort=8888", 200,
		  FAKE_REPLY("AuthorizeSecurityGroupIngress", "<return>true</return>"));
	fake_once(cloud, RUN " SecurityGroupId.1=sg-77", 200,
		  RAN(INSTANCE("i-0abc", "tok-1", SPOT_LIFE)));
	assert_int_equal(world_launch(world), 0);
	assert_int_equal(world->err.kind, ERROR_NONE);
	launch_result_release(&world->result);
	assert_int_equal(fake_count(cloud, "Action=AuthorizeSecurityGroupIngress"), 3);
}

static void test_foreign_group(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	world_add_places(cloud);
	fake_error(cloud, "Action=ImportKeyPair", 400, "InvalidKeyPair.Duplicate");
	fake_error(cloud, "Action=CreateSecurityGroup", 400, "InvalidGroup.Duplicate");
	fake_once(cloud, "Action=DescribeSecurityGroups", 200,
		  GROUP("sg-77", "<item><key>gpucloud-launch</key><value>other</value></item>"));
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_CONFLICT);
	assert_int_equal(fake_count(cloud, "Action=AuthorizeSecurityGroupIngress"), 0);
	assert_int_equal(fake_count(cloud, RUN), 0);
}

/* The reply to the first request was lost, and the group is not seen everywhere yet. */
static void test_own_group_settles(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	world_add_places(cloud);
	fake_error(cloud, "Action=CreateSecurityGroup", 400, "InvalidGroup.Duplicate");
	fake_once(cloud, "Action=DescribeSecurityGroups", 200,
		  FAKE_REPLY("DescribeSecurityGroups", "<securityGroupInfo/>"));
	fake_once(cloud, "Action=DescribeSecurityGroups", 200,
		  GROUP("sg-77", "<item><key>gpucloud-launch</key><value>l1x</value></item>"));
	world_add_made(cloud);
	fake_once(cloud, RUN, 200, RAN(INSTANCE("i-0abc", "tok-1", SPOT_LIFE)));
	assert_int_equal(world_launch(world), 0);
	world_param(fake_seen(cloud, RUN, 0), "SecurityGroupId.1", "sg-77");
	launch_result_release(&world->result);
}

static void test_group_settles(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	fake_error(cloud, "Action=AuthorizeSecurityGroupIngress", 400, "InvalidGroup.NotFound");
	fake_error(cloud, "Action=AuthorizeSecurityGroupIngress", 400, "InvalidGroupId.NotFound");
	world_add_all(cloud);
	fake_once(cloud, RUN, 200, RAN(INSTANCE("i-0abc", "tok-1", SPOT_LIFE)));
	assert_int_equal(world_launch(world), 0);
	launch_result_release(&world->result);
	assert_true(cloud->slept_ms > 0 && cloud->slept_ms < 10000);
}

/* --- requests that are no use -------------------------------------------------------------- */

static void test_requests_refused(void **state)
{
	static const uint16_t zero[] = { 0 };
	static const char *const from[] = {
		"203.0.113.7", "203.0.113.7/33", "/32",	   "1.2.3.4/",
		"300.1.1.1/8", "::1/129",	 "zz::/4", "1.2.3.4/8 ",
		"1.2.3.4/0",   "2001:db8::/0" /* EC2 would take these for the whole world */
	};
	struct world *world = *state;
	struct launch_request good = world->request;

	for (size_t i = 0; i < ARRAY_SIZE(from); i++) {
		const char *const one[] = { from[i] };
		world->request.from = one;
		assert_int_equal(world_launch(world), -1);
		if (world->err.kind != ERROR_USAGE)
			fail_msg("'%s': %s", from[i], world->err.message);
	}
#define REFUSED(field, value)                                   \
	do {                                                    \
		world->request = good;                          \
		world->request.field = (value);                 \
		assert_int_equal(world_launch(world), -1);      \
		assert_int_equal(world->err.kind, ERROR_USAGE); \
	} while (0)
	REFUSED(launch_id, "no/slash");
	REFUSED(launch_id, NULL);
	REFUSED(token, "");
	REFUSED(token, "a234567890123456789012345678901234567890123456789012345678901234x");
	REFUSED(type, "p3 2xlarge");
	REFUSED(zone, "eu-west-1a");
	REFUSED(zone, NULL);
	REFUSED(ssh_port, 0);
	REFUSED(ssh_public_key, "ecdsa-sha2-nistp256 AAAA me");
	assert_non_null(strstr(world->err.message, "ecdsa-sha2-nistp256"));
	REFUSED(ssh_public_key, "ssh-ed25519");
	REFUSED(ssh_public_key, "");
	REFUSED(ssh_public_key, KEY "\n" KEY);
	REFUSED(ssh_public_key, "-----BEGIN OPENSSH PRIVATE KEY-----");
	REFUSED(user_data_len, 16385);
	good.ports = zero;
	REFUSED(nr_ports, 1);
	assert_int_equal(world->cloud.nr_seen, 0);
}

static void test_user_data_bounds(void **state)
{
	struct world *world = *state;
	static char big[16385];

	world_add_all(&world->cloud);
	memset(big, 'x', sizeof(big));
	fake_once(&world->cloud, RUN, 200, RAN(INSTANCE("i-0abc", "tok-1", SPOT_LIFE)));
	world->request.user_data = big;
	world->request.user_data_len = 16384;
	assert_int_equal(world_launch(world), 0);
	launch_result_release(&world->result);
	world->request.user_data_len = 16385;
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_USAGE);
	assert_non_null(strstr(world->err.message, "16385"));
	assert_int_equal(fake_count(&world->cloud, RUN), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_spot_launch, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_on_demand_launch, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_same_body_again, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_journal_refuses, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_journal_loses, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_made_before, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_foreign_group, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_own_group_settles, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(test_group_settles, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_requests_refused, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_user_data_bounds, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

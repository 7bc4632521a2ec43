/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated EC2: disks, addresses, interfaces, snapshots and images, and what they bill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "sim_fixture.h"

#define RUN    "Action=RunInstances&InstanceType=t3.micro&MinCount=1&MaxCount=1&ImageId=%s"
#define VOLUME "Action=CreateVolume&AvailabilityZone=us-east-1a&Size=73"

static int setup(void **state)
{
	struct sim *sim = xcalloc(1, sizeof(*sim));

	sim_start(sim, NULL);
	*state = sim;
	return 0;
}

static int teardown(void **state)
{
	sim_stop(*state);
	free(*state);
	return 0;
}

static char *made(struct sim *sim, const char *field, const char *body)
{
	sim_expect(sim, NULL, "%s", body);
	return xstrdup(sim_text(sim, field));
}

static char *instance(struct sim *sim, double now)
{
	sim_expect(sim, NULL, RUN, sim_image("x86_64"));
	char *id = xstrdup(sim_text(sim, "instanceId"));
	sim_at(sim, now + 10);
	return id;
}

static void test_volumes(void **state)
{
	struct sim *sim = *state;
	static const struct {
		const char *more, *code;
	} bad[] = {
		{ "&VolumeType=gp9", "InvalidParameterValue" },
		{ "&Iops=3000", "InvalidParameterCombination" }, /* of gp2 */
		{ "&VolumeType=io2", "MissingParameter" },
		{ "&VolumeType=gp3&Iops=2999", "InvalidParameterValue" },
		{ "&Throughput=125", "InvalidParameterCombination" },
		{ "&Colour=red", "UnknownParameter" },
		{ "&TagSpecification.1.ResourceType=snapshot", "InvalidParameterValue" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		sim_expect(sim, bad[i].code, VOLUME "%s", bad[i].more);
	sim_expect(sim, "InvalidZone.NotFound", "Action=CreateVolume&AvailabilityZone=x&Size=1");
	sim_expect(sim, "MissingParameter", "Action=CreateVolume&AvailabilityZone=us-east-1a");
	sim_expect(sim, "DryRunOperation", VOLUME "&DryRun=true");
	assert_int_equal(sim_living(sim, "volume"), 0);

	char *id = made(sim, "volumeId", VOLUME "&VolumeType=gp3");
	assert_string_equal(sim_text(sim, "status"), "creating");
	sim_expect(sim, "IncorrectState", "Action=DeleteVolume&VolumeId=%s", id);
	sim_at(sim, 10);
	sim_expect(sim, NULL, "Action=DescribeVolumes&VolumeId.1=%s", id);
	assert_string_equal(sim_text(sim, "status"), "available");
	assert_int_equal(sim_bill(sim), 73 * 80000 / 730);
	sim_expect(sim, "DryRunOperation", "Action=DeleteVolume&DryRun=true&VolumeId=%s", id);
	sim_expect(sim, NULL, "Action=DeleteVolume&VolumeId=%s", id);
	assert_int_equal(sim_bill(sim), 0);
	sim_expect(sim, NULL, "Action=DescribeVolumes"); /* shown on its way out */
	assert_string_equal(sim_text(sim, "status"), "deleting");
	sim_expect(sim, "InvalidVolume.NotFound", "Action=DeleteVolume&VolumeId=%s", id);
	sim_at(sim, 20);
	sim_expect(sim, NULL, "Action=DescribeVolumes");
	assert_int_equal(sim_items(sim, "volumeSet"), 0);
	/* a token makes a repetition harmless */
	for (int i = 0; i < 2; i++)
		sim_expect(sim, NULL, VOLUME "&ClientToken=once");
	assert_int_equal(sim_living(sim, "volume"), 1);
	sim_expect(sim, "IdempotentParameterMismatch", VOLUME "&VolumeType=gp3&ClientToken=once");
	sim_expect(sim, "InvalidVolumeID.Malformed", "Action=DeleteVolume&VolumeId=vol-zz");
	free(id);
}

static void test_volume_prices(void **state)
{
	static const struct {
		const char *type;
		int64_t month;
	} types[] = { { "gp2", 100000 }, { "gp3", 80000 }, { "io1&Iops=100", 125000 },
		      { "st1", 45000 },	 { "sc1", 15000 }, { "standard", 50000 } };
	struct sim *sim = *state;
	int64_t before = 0;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		sim_expect(sim, NULL, VOLUME "&VolumeType=%s", types[i].type);
		assert_int_equal(sim_bill(sim) - before, 73 * types[i].month / 730);
		before = sim_bill(sim);
	}
}

static void test_disks_that_stay(void **state)
{
	struct sim *sim = *state;

	sim_expect(sim, NULL,
		   RUN "&BlockDeviceMapping.1.DeviceName=/dev/sdf&BlockDeviceMapping.1.Ebs."
		       "VolumeSize=73&BlockDeviceMapping.1.Ebs.DeleteOnTermination=false",
		   sim_image("x86_64"));
	char *id = xstrdup(sim_text(sim, "instanceId"));
	sim_at(sim, 10);
	sim_expect(sim, NULL, "Action=DescribeVolumes&Filter.1.Name=size&Filter.1.Value.1=73");
	char *volume = xstrdup(sim_text(sim, "volumeId"));
	sim_expect(sim, "VolumeInUse", "Action=DeleteVolume&VolumeId=%s", volume);
	sim_expect(sim, NULL, "Action=TerminateInstances&InstanceId.1=%s", id);
	sim_at(sim, 20);
	assert_int_equal(sim_living(sim, "volume"), 1);
	assert_int_equal(sim_bill(sim), 73 * 80000 / 730);
	sim_expect(sim, NULL, "Action=DeleteVolume&VolumeId=%s", volume);
	assert_int_equal(sim_bill(sim), 0);
	free(volume);
	free(id);
}

static void test_stopped_bills_disks_alone(void **state)
{
	struct sim *sim = *state;
	char *id = instance(sim, 0);
	int64_t running = sim_bill(sim);

	sim_expect(sim, NULL, "Action=StopInstances&InstanceId.1=%s", id);
	sim_at(sim, 20);
	assert_true(sim_bill(sim) > 0 && sim_bill(sim) < running);
	sim_expect(sim, NULL, "Action=StartInstances&InstanceId.1=%s", id);
	sim_at(sim, 30);
	assert_int_equal(sim_bill(sim), running);
	free(id);
}

static void test_addresses(void **state)
{
	struct sim *sim = *state;
	char *id = instance(sim, 0);
	int64_t before = sim_bill(sim);

	sim_expect(sim, "InvalidParameterValue", "Action=AllocateAddress&Domain=standard");
	char *address = made(sim, "allocationId", "Action=AllocateAddress&Domain=vpc");
	char *ip = xstrdup(sim_text(sim, "publicIp"));
	assert_int_equal(sim_bill(sim) - before, 5000);
	sim_expect(sim, "InvalidParameterCombination", "Action=AssociateAddress&AllocationId=%s",
		   address);
	sim_expect(sim, NULL, "Action=AssociateAddress&AllocationId=%s&InstanceId=%s", address, id);
	sim_expect(sim, "Resource.AlreadyAssociated",
		   "Action=AssociateAddress&AllocationId=%s&InstanceId=%s", address, id);
	sim_expect(sim, NULL, "Action=DescribeInstances&InstanceId.1=%s", id);
	assert_string_equal(sim_text(sim, "ipAddress"), ip);
	sim_expect(sim, "InvalidIPAddress.InUse", "Action=ReleaseAddress&AllocationId=%s", address);

	/* It stays with a stopped instance, and outlives an ended one, billing. */
	sim_expect(sim, NULL, "Action=StopInstances&InstanceId.1=%s", id);
	sim_at(sim, 20);
	sim_expect(sim, NULL, "Action=DescribeAddresses&AllocationId.1=%s", address);
	assert_string_equal(sim_text(sim, "instanceId"), id);
	sim_expect(sim, NULL, "Action=TerminateInstances&InstanceId.1=%s", id);
	sim_at(sim, 30);
	sim_expect(sim, NULL, "Action=DescribeAddresses");
	assert_int_equal(sim_count(sim, "instanceId"), 0);
	assert_int_equal(sim_bill(sim), 5000);
	sim_expect(sim, NULL, "Action=ReleaseAddress&AllocationId=%s", address);
	sim_expect(sim, "InvalidAllocationID.NotFound", "Action=ReleaseAddress&AllocationId=%s",
		   address);
	assert_int_equal(sim_bill(sim), 0);
	for (int i = 0; i < 5; i++)
		sim_expect(sim, NULL, "Action=AllocateAddress");
	sim_expect(sim, "AddressLimitExceeded", "Action=AllocateAddress");
	free(address);
	free(ip);
	free(id);
}

static void test_interfaces(void **state)
{
	struct sim *sim = *state;

	sim_expect(sim, NULL, "Action=CreateSecurityGroup&GroupName=g&GroupDescription=d");
	char *group = xstrdup(sim_text(sim, "groupId"));
	sim_expect(sim, NULL,
		   "Action=DescribeSubnets&Filter.1.Name=availability-zone&Filter.1.Value.1="
		   "us-east-1a");
	char *subnet = xstrdup(sim_text(sim, "subnetId"));
	sim_expect(sim, "InvalidSubnetID.NotFound",
		   "Action=CreateNetworkInterface&SubnetId=subnet-01234567");
	sim_expect(sim, NULL,
		   "Action=CreateNetworkInterface&SubnetId=%s&SecurityGroupId.1=%s"
		   "&TagSpecification.1.ResourceType=network-interface&TagSpecification.1.Tag.1.Key"
		   "=a&TagSpecification.1.Tag.1.Value=b",
		   subnet, group);
	char *id = xstrdup(sim_text(sim, "networkInterfaceId"));
	assert_string_equal(sim_text(sim, "status"), "available");
	/* it holds on to its group */
	sim_expect(sim, "DependencyViolation", "Action=DeleteSecurityGroup&GroupId=%s", group);
	char *address = made(sim, "allocationId", "Action=AllocateAddress");
	sim_expect(sim, NULL, "Action=AssociateAddress&AllocationId=%s&NetworkInterfaceId=%s",
		   address, id);
	sim_expect(sim, "InvalidIPAddress.InUse", "Action=ReleaseAddress&AllocationId=%s", address);
	sim_expect(sim, NULL,
		   "Action=DescribeNetworkInterfaces&Filter.1.Name=tag:a&Filter.1.Value.1=b");
	assert_int_equal(sim_items(sim, "networkInterfaceSet"), 1);
	sim_expect(sim, NULL, "Action=DeleteNetworkInterface&NetworkInterfaceId=%s", id);
	sim_expect(sim, "InvalidNetworkInterfaceID.NotFound",
		   "Action=DeleteNetworkInterface&NetworkInterfaceId=%s", id);
	sim_expect(sim, NULL, "Action=ReleaseAddress&AllocationId=%s", address);
	sim_expect(sim, NULL, "Action=DeleteSecurityGroup&GroupId=%s", group);

	char *machine = instance(sim, 0);
	sim_expect(sim, NULL, "Action=DescribeNetworkInterfaces");
	assert_string_equal(sim_text(sim, "instanceId"), machine);
	sim_expect(sim, "InvalidParameterValue",
		   "Action=DeleteNetworkInterface&NetworkInterfaceId=%s",
		   sim_text(sim, "networkInterfaceId"));
	free(machine);
	free(address);
	free(id);
	free(subnet);
	free(group);
}

static void test_snapshots(void **state)
{
	struct sim *sim = *state;
	char *volume = made(sim, "volumeId", VOLUME "&VolumeType=gp3");

	sim_expect(sim, "IncorrectState", "Action=CreateSnapshot&VolumeId=%s", volume);
	sim_at(sim, 10);
	sim_expect(sim, NULL, "Action=CreateSnapshot&VolumeId=%s&Description=x", volume);
	char *id = xstrdup(sim_text(sim, "snapshotId"));
	assert_string_equal(sim_text(sim, "status"), "pending");
	sim_expect(sim, NULL, "Action=DeleteVolume&VolumeId=%s", volume); /* which it outlives */
	sim_at(sim, 20);
	assert_int_equal(sim_bill(sim), 5000);
	sim_expect(sim, NULL, "Action=DescribeSnapshots&Owner.1=self");
	assert_string_equal(sim_text(sim, "status"), "completed");
	assert_string_equal(sim_text(sim, "volumeSize"), "73");
	sim_expect(sim, NULL, "Action=DescribeSnapshots&Owner.1=amazon");
	assert_int_equal(sim_items(sim, "snapshotSet"), 0);
	sim_expect(sim, NULL, "Action=DeleteSnapshot&SnapshotId=%s", id);
	sim_expect(sim, "InvalidSnapshot.NotFound", "Action=DeleteSnapshot&SnapshotId=%s", id);
	assert_int_equal(sim_bill(sim), 0);
	free(id);
	free(volume);
}

static void test_own_images(void **state)
{
	struct sim *sim = *state;
	char *machine = instance(sim, 0);

	sim_expect(sim, "InvalidAMIName.Malformed", "Action=CreateImage&InstanceId=%s&Name=a",
		   machine);
	sim_expect(sim, NULL, "Action=CreateImage&InstanceId=%s&Name=mine&NoReboot=true", machine);
	char *id = xstrdup(sim_text(sim, "imageId"));
	sim_expect(sim, "InvalidAMIName.Duplicate", "Action=CreateImage&InstanceId=%s&Name=mine",
		   machine);
	sim_expect(sim, "InvalidAMIID.Unavailable", RUN, id);
	sim_at(sim, 20);
	sim_expect(sim, NULL, "Action=DescribeImages&Owner.1=self");
	assert_int_equal(sim_items(sim, "imagesSet"), 1);
	assert_string_equal(sim_text(sim, "imageState"), "available");
	char *snapshot = xstrdup(sim_text(sim, "snapshotId"));
	sim_expect(sim, "InvalidSnapshot.InUse", "Action=DeleteSnapshot&SnapshotId=%s", snapshot);
	sim_expect(sim, NULL, RUN, id); /* an instance of it */

	/* Pages go on from the public ones into our own. */
	size_t seen = 0, own = 0;
	char *token = NULL;
	do {
		char *next = token ? xasprintf("&NextToken=%s", token) : xstrdup("");

		sim_expect(sim, NULL, "Action=DescribeImages&MaxResults=1%s", next);
		seen += sim_items(sim, "imagesSet");
		own += strcmp(sim_text(sim, "imageId"), id) == 0;
		free(next);
		free(token);
		token = sim_count(sim, "nextToken") ? xstrdup(sim_text(sim, "nextToken")) : NULL;
		for (char *c = token; c && *c; c++)
			assert_true(*c != '+' && *c != '&');
	} while (token && seen < 100);
	assert_int_equal(own, 1);

	sim_expect(sim, "AuthFailure", "Action=DeregisterImage&ImageId=%s", sim_image("x86_64"));
	sim_expect(sim, NULL, "Action=DeregisterImage&ImageId=%s", id);
	sim_expect(sim, "InvalidAMIID.NotFound", "Action=DeregisterImage&ImageId=%s", id);
	assert_int_equal(sim_living(sim, "snapshot"), 1); /* which bills on */
	sim_expect(sim, NULL, "Action=DeleteSnapshot&SnapshotId=%s", snapshot);
	assert_int_equal(sim_living(sim, "snapshot"), 0);
	free(snapshot);
	free(id);
	free(machine);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_volumes),	    TEST(test_volume_prices),
		TEST(test_disks_that_stay), TEST(test_stopped_bills_disks_alone),
		TEST(test_addresses),	    TEST(test_interfaces),
		TEST(test_snapshots),	    TEST(test_own_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

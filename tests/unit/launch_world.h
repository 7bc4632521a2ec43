/* SPDX-License-Identifier: Apache-2.0 */
/* A launch on the fake cloud, with a journal that remembers what it was told, and EC2's replies. */
#ifndef GPUCLOUD_TESTS_LAUNCH_WORLD_H
#define GPUCLOUD_TESTS_LAUNCH_WORLD_H

#include "core/buf.h"
#include "core/codec.h"
#include "fake_cloud.h"

#define RUN "Action=RunInstances"
#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample me@example"

#define IMAGE(id, arch, state, device, disk)                                        \
	FAKE_REPLY("DescribeImages",                                                \
		   "<imagesSet><item><imageId>" id "</imageId><imageState>" state   \
		   "</imageState><architecture>" arch "</architecture><name>"       \
		   "Test image</name><rootDeviceName>" device                       \
		   "</rootDeviceName><blockDeviceMapping><item><deviceName>" device \
		   "</deviceName><ebs>" disk "</ebs></item>"                        \
		   "</blockDeviceMapping></item></imagesSet>")
#define DISK45	     "<volumeSize>45</volumeSize><deleteOnTermination>true</deleteOnTermination>"
#define SUBNETS(xml) FAKE_REPLY("DescribeSubnets", "<subnetSet>" xml "</subnetSet>")
#define SUBNET(id, zone)                                                                   \
	"<item><subnetId>" id "</subnetId><vpcId>vpc-0a1b</vpcId><state>available</state>" \
	"<availabilityZone>" zone "</availabilityZone></item>"
#define INSTANCE(id, token, lifecycle)                                                             \
	"<item><instanceId>" id "</instanceId><instanceState><name>pending</name></instanceState>" \
	"<instanceType>p3.2xlarge</instanceType><clientToken>" token "</clientToken>" lifecycle    \
	"<launchTime>2026-09-10T00:26:40.000Z</launchTime><placement><availabilityZone>"           \
	"us-east-1a</availabilityZone></placement></item>"
#define RAN(items) FAKE_REPLY("RunInstances", "<instancesSet>" items "</instancesSet>")
#define SPOT_LIFE  "<instanceLifecycle>spot</instanceLifecycle>"
#define GROUP(id, tag)                                                                         \
	FAKE_REPLY("DescribeSecurityGroups",                                                   \
		   "<securityGroupInfo><item><groupId>" id "</groupId><groupName>gpucloud-l1x" \
		   "</groupName><tagSet>" tag "</tagSet></item></securityGroupInfo>")
#define SPOT_REQUESTS(items)                       \
	FAKE_REPLY("DescribeSpotInstanceRequests", \
		   "<spotInstanceRequestSet>" items "</spotInstanceRequestSet>")
#define SSM_GPU                                             \
	"{\"Name\":\"/aws/service/deeplearning/ami/x86_64/" \
	"base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id\"}"
#define NO_PARAMETER "{\"__type\":\"ParameterNotFound\",\"message\":\"none\"}"

/* What the journal was told, and how many requests had been sent by then. */
struct journal {
	struct fake_cloud *cloud;
	char log[1024];
	char hash[SHA256_HEX_MAX];
	const char *refuse; /* kind whose intent fails */
	const char *lose;   /* kind whose done fails */
	size_t runs_at_intent;
	struct buf shown;
};

struct world {
	struct fake_cloud cloud;
	struct journal journal;
	struct launch_steps steps;
	struct launch_request request;
	struct launch_result result;
	struct error err;
};

/* A spot launch of a g5.xlarge in us-east-1a at $7.344 at most, from image ami-0123. */
int world_setup(void **state);
int world_teardown(void **state);
/* Launches; error and journal start empty. */
int world_launch(struct world *world);

/* Rules for what a launch asks: image and subnet; key, group and ports; all of these. */
void world_add_places(struct fake_cloud *cloud);
void world_add_made(struct fake_cloud *cloud);
void world_add_all(struct fake_cloud *cloud);

/* Fails the test unless the parameter has that value (NULL: is absent). */
void world_param(const char *seen, const char *name, const char *value);

#endif

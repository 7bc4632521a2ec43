/* SPDX-License-Identifier: Apache-2.0 */
/* Where an instance goes and what it boots: subnets and images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "launch_world.h"
#include "providers/aws/ec2.h"

/* --- subnets ------------------------------------------------------------------------------- */

static void test_no_subnet(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	fake_always(cloud, "Action=DescribeImages", 200,
		    IMAGE("ami-0123", "x86_64", "available", "/dev/sda1", DISK45));
	fake_always(cloud, "Action=DescribeSubnets Filter.1.Name=availability-zone", 200,
		    SUBNETS(""));
	fake_once(cloud, "Action=DescribeSubnets Filter.1.Name=default-for-az", 200,
		  SUBNETS(SUBNET("subnet-0d", "us-east-1b")));
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_CONFIG);
	assert_non_null(strstr(world->err.hint, "aws ec2 create-default-subnet"));
	assert_non_null(strstr(world->err.hint, "--availability-zone us-east-1a"));

	fake_once(cloud, "Action=DescribeSubnets Filter.1.Name=default-for-az", 200, SUBNETS(""));
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_CONFIG);
	assert_non_null(strstr(world->err.hint, "aws ec2 create-default-vpc"));
	assert_int_equal(fake_count(cloud, "Action=ImportKeyPair"), 0);
	assert_string_equal(world->journal.log, "");
}

static void test_named_subnet(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	fake_always(cloud, "Action=DescribeImages", 200,
		    IMAGE("ami-0123", "x86_64", "available", "/dev/sda1", DISK45));
	world_add_made(cloud);
	world->request.subnet = "subnet-0e";
	fake_once(cloud, "Action=DescribeSubnets SubnetId.1=subnet-0e", 200,
		  SUBNETS(SUBNET("subnet-0e", "us-east-1a")));
	fake_once(cloud, RUN " SubnetId=subnet-0e", 200,
		  RAN(INSTANCE("i-0abc", "tok-1", SPOT_LIFE)));
	assert_int_equal(world_launch(world), 0);
	launch_result_release(&world->result);

	fake_once(cloud, "Action=DescribeSubnets", 200, SUBNETS(SUBNET("subnet-0e", "us-east-1f")));
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_USAGE);
	assert_non_null(strstr(world->err.message, "us-east-1f"));

	fake_error(cloud, "Action=DescribeSubnets", 400, "InvalidSubnetID.NotFound");
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_NOT_FOUND);

	world->request.subnet = "net/1";
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_USAGE);
}

/* --- images -------------------------------------------------------------------------------- */

static void test_image_checks(void **state)
{
	static const struct {
		const char *body;
		unsigned disk_gib;
		enum error_kind kind;
		const char *says;
	} cases[] = {
		{ IMAGE("ami-0123", "arm64", "available", "/dev/sda1", DISK45), 0, ERROR_USAGE,
		  "arm64" },
		{ IMAGE("ami-0123", "x86_64", "pending", "/dev/sda1", DISK45), 0, ERROR_NOT_FOUND,
		  "pending" },
		{ IMAGE("ami-0123", "x86_64", "available", "/dev/sda1", DISK45), 44, ERROR_USAGE,
		  "needs 45" },
		{ IMAGE("ami-0123", "x86_64", "available", "", DISK45), 50, ERROR_USAGE,
		  "no root disk" },
		{ IMAGE("ami-0123", "x86_64", "available", "/dev/$(x)", DISK45), 50, ERROR_PROTOCOL,
		  "rootDeviceName" },
		{ IMAGE("ami-9999", "x86_64", "available", "/dev/sda1", DISK45), 0, ERROR_NOT_FOUND,
		  "ami-0123" },
		{ FAKE_REPLY("DescribeImages", "<imagesSet/>"), 0, ERROR_NOT_FOUND, "ami-0123" },
	};
	struct world *world = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_once(&world->cloud, "Action=DescribeImages", 200, cases[i].body);
		world->request.disk_gib = cases[i].disk_gib;
		assert_int_equal(world_launch(world), -1);
		if (world->err.kind != cases[i].kind || !strstr(world->err.message, cases[i].says))
			fail_msg("case %zu: %s", i, world->err.message);
	}
	fake_error(&world->cloud, "Action=DescribeImages", 400, "InvalidAMIID.NotFound");
	assert_int_equal(world_launch(world), -1);
	assert_int_equal(world->err.kind, ERROR_NOT_FOUND);
	assert_string_equal(world->journal.log, "");
}

/* A root disk that the image would leave behind is told to go. */
static void test_disk_that_stays(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	fake_once(cloud, "Action=DescribeImages", 200,
		  IMAGE("ami-0123", "x86_64", "available", "/dev/xvda",
			"<volumeSize>8</volumeSize><deleteOnTermination>false"
			"</deleteOnTermination>"));
	world_add_all(cloud);
	fake_once(cloud, RUN, 200, RAN(INSTANCE("i-0abc", "tok-1", SPOT_LIFE)));
	assert_int_equal(world_launch(world), 0);
	launch_result_release(&world->result);
	const char *run = fake_seen(cloud, RUN, 0);
	world_param(run, "BlockDeviceMapping.1.DeviceName", "/dev/xvda");
	world_param(run, "BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true");
	world_param(run, "BlockDeviceMapping.1.Ebs.VolumeSize", "8");
	world_param(run, "BlockDeviceMapping.1.Ebs.VolumeType", NULL);
}

/* The image a launch would use, by dry run. */
static int find_image(struct world *world, const char *image)
{
	struct ec2_image found;

	world->err = (struct error)ERROR_INIT;
	world->request.image = image;
	int rc = ec2_image_find(world->cloud.p, &world->request, &found, &world->err);
	if (rc == 0)
		assert_string_equal(found.id, "ami-0123");
	return rc;
}

#define PARAMETER "{\"Parameter\":{\"Name\":\"x\",\"Value\":\"ami-0123\"}}"
#define NAMED(id, name, created)                                                                \
	"<item><imageId>" id "</imageId><imageState>available</imageState><architecture>x86_64" \
	"</architecture><name>" name "</name><creationDate>" created "</creationDate></item>"

static void test_image_names(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	fake_always(cloud, "Action=DescribeImages ImageId.1=ami-0123", 200,
		    IMAGE("ami-0123", "x86_64", "available", "/dev/sda1", DISK45));

	fake_once(cloud, "Target=AmazonSSM.GetParameter " SSM_GPU, 200, PARAMETER);
	assert_int_equal(find_image(world, NULL), 0);
	fake_once(cloud, "Target=AmazonSSM.GetParameter " SSM_GPU, 400, NO_PARAMETER);
	fake_once(cloud,
		  "Target=AmazonSSM.GetParameter {\"Name\":\"/aws/service/deeplearning/ami/x86_64/"
		  "base-oss-nvidia-driver-ubuntu-22.04/latest/ami-id\"}",
		  200, PARAMETER);
	assert_int_equal(find_image(world, "dlami"), 0);
	fake_once(cloud, "Target=AmazonSSM.GetParameter {\"Name\":\"/my/golden-image\"}", 200,
		  PARAMETER);
	assert_int_equal(find_image(world, "ssm:/my/golden-image"), 0);
	fake_once(cloud,
		  "Target=AmazonSSM.GetParameter {\"Name\":\"/aws/service/canonical/ubuntu/server/"
		  "22.04/stable/current/amd64/hvm/ebs-gp2/ami-id\"}",
		  200, PARAMETER);
	assert_int_equal(find_image(world, "ubuntu-22.04"), 0);
	fake_once(cloud,
		  "Target=AmazonSSM.GetParameter {\"Name\":\"/aws/service/ami-amazon-linux-latest/"
		  "al2023-ami-kernel-default-x86_64\"}",
		  200, PARAMETER);
	assert_int_equal(find_image(world, "al2023"), 0);

	/* Volta and older: the open driver has never heard of them. */
	world->request.type = "p3.2xlarge";
	fake_once(cloud,
		  "Target=AmazonSSM.GetParameter {\"Name\":\"/aws/service/deeplearning/ami/x86_64/"
		  "base-proprietary-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id\"}",
		  200, PARAMETER);
	assert_int_equal(find_image(world, NULL), 0);
}

static void test_image_by_name(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;

	fake_always(cloud, "Action=DescribeImages ImageId.1=ami-0123", 200,
		    IMAGE("ami-0123", "x86_64", "available", "/dev/sda1", DISK45));
	/* SSM is not for us to read: EC2 tells which is the newest of that name. */
	fake_always(cloud, "Target=AmazonSSM.GetParameter", 400,
		    "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}");
	fake_once(cloud,
		  "Action=DescribeImages Owner.1=amazon Filter.1.Name=name "
		  "Filter.2.Value.1=x86_64",
		  200,
		  FAKE_REPLY("DescribeImages",
			     "<imagesSet>" NAMED("ami-01",
						 "Deep Learning Base OSS Nvidia Driver GPU AMI "
						 "(Ubuntu 22.04) 20260101",
						 "2026-01-01T00:00:00.000Z")
				     NAMED("ami-0123",
					   "Deep Learning Base OSS Nvidia Driver GPU AMI "
					   "(Ubuntu 22.04) 20260901",
					   "2026-09-01T00:00:00.000Z")
					     NAMED("ami-02", "Somebody's Deep Learning",
						   "2026-10-01T00:00:00.000Z") "</imagesSet>"));
	assert_int_equal(find_image(world, NULL), 0);

	fake_always(cloud, "Action=DescribeImages Owner.1=amazon", 200,
		    FAKE_REPLY("DescribeImages", "<imagesSet/>"));
	assert_int_equal(find_image(world, NULL), -1);
	assert_int_equal(world->err.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(world->err.hint, "--image"));
}

static void test_image_refused(void **state)
{
	struct world *world = *state;
	struct fake_cloud *cloud = &world->cloud;
	static const char *const bad[] = { "ami-",	   "ami-../x", "windows", "",
					   "ssm:relative", "ssm:/a b", "ssm:" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(find_image(world, bad[i]), -1);
		assert_int_equal(world->err.kind, ERROR_USAGE);
	}
	assert_int_equal(cloud->nr_seen, 0);
	fake_once(cloud, "Target=AmazonSSM.GetParameter", 200,
		  "{\"Parameter\":{\"Value\":\"ami-1 --evil\"}}");
	assert_int_equal(find_image(world, "ssm:/x"), -1);
	assert_int_equal(world->err.kind, ERROR_PROTOCOL);
	fake_once(cloud, "Target=AmazonSSM.GetParameter", 400, NO_PARAMETER);
	assert_int_equal(find_image(world, "ssm:/x"), -1);
	assert_int_equal(world->err.kind, ERROR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_subnet, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_named_subnet, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_image_checks, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_disk_that_stays, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_image_names, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_image_by_name, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_image_refused, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated EC2: launching, ending, and what a launch leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/mem.h"
#include "core/money.h"
#include "sim_fixture.h"
#include "simulator/cloud/types.h"

#define MARKET	    "InstanceMarketOptions"
#define SPOT	    "&" MARKET ".MarketType=spot&" MARKET ".SpotOptions.MaxPrice="
#define ZONE	    "&Placement.AvailabilityZone=us-east-1"
#define ONE	    "&MinCount=1&MaxCount=1"
#define ROOT_MICROS 7123 /* 65 GiB of gp3, an hour */

/* RunInstances of one p3.2xlarge in zone a, with more parameters appended. */
#define RUN(more)                                                                   \
	"Action=RunInstances&InstanceType=p3.2xlarge&ImageId=%s" ONE ZONE "a" more, \
		sim_image("x86_64")

static char *keep(const struct sim *sim, const char *name)
{
	return xstrdup(sim_text(sim, name));
}

static void test_on_demand_life(void **state)
{
	struct sim sim;
	char *id;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL, RUN(""));
	id = keep(&sim, "instanceId");
	assert_string_equal(sim_text(&sim, "name"), "pending");
	assert_int_equal(sim_count(&sim, "ipAddress"), 0);
	assert_int_equal(sim_count(&sim, "instanceLifecycle"), 0);
	assert_int_equal(sim_bill(&sim), 3060000 + ROOT_MICROS);
	sim_at(&sim, 1.9);
	sim_expect(&sim, NULL, "Action=DescribeInstances&InstanceId.1=%s", id);
	assert_string_equal(sim_text(&sim, "name"), "pending");
	sim_at(&sim, 3.1);
	sim_expect(&sim, NULL, "Action=DescribeInstances&InstanceId.1=%s", id);
	assert_string_equal(sim_text(&sim, "name"), "running");
	assert_int_equal(sim_count(&sim, "ipAddress"), 1);
	sim_expect(&sim, NULL, "Action=StopInstances&InstanceId.1=%s", id);
	sim_at(&sim, 6);
	assert_int_equal(sim_bill(&sim), ROOT_MICROS); /* the disk goes on billing */
	sim_expect(&sim, NULL, "Action=StartInstances&InstanceId.1=%s", id);
	sim_at(&sim, 10);
	assert_int_equal(sim_bill(&sim), 3060000 + ROOT_MICROS);
	sim_expect(&sim, NULL, "Action=TerminateInstances&InstanceId.1=%s", id);
	assert_string_equal(sim_text(&sim, "name"), "shutting-down");
	assert_int_equal(sim_living(&sim, "network-interface"), 1);
	sim_at(&sim, 13);
	assert_int_equal(sim_living(&sim, "instance"), 0);
	assert_int_equal(sim_living(&sim, "network-interface"), 0);
	assert_int_equal(sim_living(&sim, "volume"), 0);
	assert_int_equal(sim_bill(&sim), 0);
	sim_expect(&sim, NULL, "Action=TerminateInstances&InstanceId.1=%s", id); /* repeatable */
	sim_expect(&sim, NULL, "Action=DescribeInstances&InstanceId.1=%s", id);
	assert_int_equal(sim_count(&sim, "privateIpAddress"), 0);
	sim_at(&sim, 13 + 3600);
	sim_expect(&sim, "InvalidInstanceID.NotFound", "Action=DescribeInstances&InstanceId.1=%s",
		   id);
	free(id);
	sim_stop(&sim);
}

static void test_run_refusals(void **state)
{
	static const struct {
		const char *more, *code;
	} cases[] = {
		{ ONE, "MissingParameter" },
		{ "&InstanceType=p3.2xlarge&MinCount=1", "MissingParameter" },
		{ "&InstanceType=p3.2xlarge&MinCount=0&MaxCount=1", "InvalidParameterValue" },
		{ "&InstanceType=p3.2xlarge&MinCount=2&MaxCount=1", "InvalidParameterCombination" },
		{ "&InstanceType=p9.huge" ONE, "InvalidParameterValue" },
		{ "&InstanceType=p3.2xlarge" ONE ZONE "c", "Unsupported" },
		{ "&InstanceType=g5.xlarge" ONE, "Unsupported" },
		{ "&InstanceType=p3.2xlarge" ONE ZONE "z", "InvalidParameterValue" },
		{ "&InstanceType=g5g.xlarge" ONE, "InvalidParameterValue" }, /* arm64 */
		{ "&InstanceType=p3.2xlarge&KeyName=none" ONE, "InvalidKeyPair.NotFound" },
		{ "&InstanceType=p3.2xlarge&UserData=%25" ONE, "InvalidUserData.Malformed" },
		{ "&InstanceType=p3.2xlarge&SubnetId=subnet-0123456789abcdef0" ONE,
		  "InvalidSubnetID.NotFound" },
		{ "&InstanceType=p3.2xlarge&SecurityGroupId.1=sg-0123456789abcdef0" ONE,
		  "InvalidGroup.NotFound" },
		{ "&InstanceType=p3.2xlarge&SecurityGroupId.1=mine" ONE,
		  "InvalidGroupId.Malformed" },
		{ "&InstanceType=p3.2xlarge&IamInstanceProfile.Name=x" ONE,
		  "InvalidParameterValue" },
		{ "&InstanceType=p3.2xlarge&MetadataOptions.HttpTokens=maybe" ONE,
		  "InvalidParameterValue" },
		{ "&InstanceType=p3.2xlarge&MetadataOptions.HttpPutResponseHopLimit=65" ONE,
		  "InvalidParameterValue" },
		{ "&InstanceType=p3.2xlarge&InstanceInitiatedShutdownBehavior=explode" ONE,
		  "InvalidParameterValue" },
		{ "&InstanceType=p3.2xlarge&LaunchTemplate.LaunchTemplateName=x" ONE,
		  "UnknownParameter" },
		{ "&InstanceType=p3.2xlarge" ONE SPOT "0.001", "InvalidParameterValue" },
		{ "&InstanceType=p3.2xlarge" ONE SPOT "1e9", "InvalidParameterValue" },
		{ "&InstanceType=p3.2xlarge" ONE "&" MARKET ".SpotOptions.MaxPrice=1",
		  "InvalidParameterCombination" },
		{ "&InstanceType=p3.2xlarge" ONE SPOT "1&" MARKET
		  ".SpotOptions.SpotInstanceType=persistent",
		  "InvalidParameterCombination" },
		{ "&InstanceType=p3.2xlarge" ONE "&DryRun=true", "DryRunOperation" },
	};
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		sim_expect(&sim, cases[i].code, "Action=RunInstances&ImageId=%s%s",
			   sim_image("x86_64"), cases[i].more);
	sim_expect(&sim, "InvalidAMIID.NotFound",
		   "Action=RunInstances&InstanceType=p3.2xlarge&ImageId=ami-0123456789abcdef0" ONE);
	assert_int_equal(sim_living(&sim, "instance"), 0);
	assert_int_equal(sim_living(&sim, "spot-request"), 0);
	sim_stop(&sim);
}

static void test_user_data_limit(void **state)
{
	char *raw = xcalloc(1, 16385);
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	for (size_t len = 16384; len <= 16385; len++) {
		struct buf text = BUF_INIT, encoded = BUF_INIT;

		base64_encode(&text, raw, len);
		url_encode(&encoded, text.data, text.len, false);
		sim_expect(&sim, len == 16384 ? NULL : "InvalidParameterValue", RUN("&UserData=%s"),
			   encoded.data);
		buf_release(&text);
		buf_release(&encoded);
	}
	free(raw);
	sim_stop(&sim);
}

static void test_disks(void **state)
{
	struct sim sim;
	char *id;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, "InvalidBlockDeviceMapping",
		   RUN("&BlockDeviceMapping.1.DeviceName=/dev/sda1&"
		       "BlockDeviceMapping.1.Ebs.VolumeSize=64"));
	sim_expect(&sim, "InvalidBlockDeviceMapping",
		   RUN("&BlockDeviceMapping.1.DeviceName=disk&"
		       "BlockDeviceMapping.1.Ebs.VolumeSize=64"));
	sim_expect(&sim, "InvalidParameterValue",
		   RUN("&BlockDeviceMapping.1.DeviceName=/dev/sda1&"
		       "BlockDeviceMapping.1.Ebs.VolumeSize=65537"));
	sim_expect(&sim, "MissingParameter", RUN("&BlockDeviceMapping.1.DeviceName=/dev/sdf"));
	sim_expect(&sim, NULL,
		   RUN("&BlockDeviceMapping.1.DeviceName=/dev/sda1&"
		       "BlockDeviceMapping.1.Ebs.VolumeSize=730&"
		       "BlockDeviceMapping.2.DeviceName=/dev/sdf&"
		       "BlockDeviceMapping.2.Ebs.VolumeSize=73&"
		       "BlockDeviceMapping.2.Ebs.DeleteOnTermination=false"));
	id = keep(&sim, "instanceId");
	assert_int_equal(sim_living(&sim, "volume"), 2);
	assert_int_equal(sim_bill(&sim), 3060000 + 80000 + 8000);
	sim_expect(&sim, NULL, "Action=TerminateInstances&InstanceId.1=%s", id);
	sim_at(&sim, 10);
	/* the kept disk is a leak, and bills as one */
	assert_int_equal(sim_living(&sim, "volume"), 1);
	assert_int_equal(sim_bill(&sim), 8000);
	sim_expect(&sim, NULL, "Action=DescribeVolumes");
	assert_string_equal(sim_text(&sim, "status"), "available");
	free(id);
	sim_stop(&sim);
}

static void test_idempotency(void **state)
{
	struct sim sim;
	char *id;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL, RUN("&ClientToken=t1"));
	id = keep(&sim, "instanceId");
	sim_expect(&sim, NULL, RUN("&ClientToken=t1"));
	assert_string_equal(sim_text(&sim, "instanceId"), id);
	assert_int_equal(sim_living(&sim, "instance"), 1);
	sim_expect(&sim, "IdempotentParameterMismatch", RUN("&ClientToken=t1&EbsOptimized=true"));
	sim_expect(&sim, NULL, RUN("&ClientToken=t2"));
	assert_int_equal(sim_living(&sim, "instance"), 2);
	sim_expect(&sim, NULL, RUN(""));
	sim_expect(&sim, NULL, RUN(""));
	assert_int_equal(sim_living(&sim, "instance"), 4);
	sim_expect(&sim, NULL,
		   "Action=DescribeInstances&Filter.1.Name=client-token&Filter.1.Value.1=t1");
	assert_int_equal(sim_items(&sim, "reservationSet"), 1);
	assert_string_equal(sim_text(&sim, "instanceId"), id);
	sim_expect(&sim, NULL, "Action=TerminateInstances&InstanceId.1=%s", id);
	sim_at(&sim, 10);
	sim_expect(&sim, "IdempotentInstanceTerminated", RUN("&ClientToken=t1"));
	sim_at(&sim, 10 + 25 * 3600); /* the token is forgotten */
	sim_expect(&sim, NULL, RUN("&ClientToken=t1"));
	assert_string_not_equal(sim_text(&sim, "instanceId"), id);
	sim_expect(&sim, "InvalidParameterValue",
		   RUN("&ClientToken=12345678901234567890123456789012345678901234567890123456789012"
		       "345"));
	free(id);
	sim_stop(&sim);
}

static void test_spot_life(void **state)
{
	struct sim sim;
	char *id, *request;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL, RUN(SPOT "1.5"));
	id = keep(&sim, "instanceId");
	request = keep(&sim, "spotInstanceRequestId");
	assert_string_equal(sim_text(&sim, "instanceLifecycle"), "spot");
	assert_int_equal(sim_bill(&sim), 918000 + ROOT_MICROS); /* the price, not the cap */
	sim_at(&sim, 5);
	sim_expect(&sim, "UnsupportedOperation", "Action=StopInstances&InstanceId.1=%s", id);
	/* cancelling the request does not end the instance */
	sim_expect(&sim, NULL, "Action=CancelSpotInstanceRequests&SpotInstanceRequestId.1=%s",
		   request);
	assert_string_equal(sim_text(&sim, "state"), "cancelled");
	sim_expect(&sim, NULL, "Action=DescribeInstances&InstanceId.1=%s", id);
	assert_string_equal(sim_text(&sim, "name"), "running");
	sim_expect(&sim, NULL, "Action=TerminateInstances&InstanceId.1=%s", id);
	sim_at(&sim, 10);
	sim_expect(&sim, NULL, "Action=DescribeSpotInstanceRequests");
	assert_string_equal(sim_text(&sim, "code"), "instance-terminated-by-user");
	assert_int_equal(sim_living(&sim, "spot-request"), 0);
	free(id);
	free(request);
	sim_stop(&sim);
}

/* The price passes the cap at +1 h: notice, two minutes, the end. */
static void test_price_interrupts(void **state)
{
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL, RUN(SPOT "1.9999"));
	sim_expect(&sim, NULL, RUN(SPOT "2.0")); /* a cap equal to the price keeps the instance */
	sim_at(&sim, 3599);
	sim_expect(&sim, NULL, "Action=DescribeSpotInstanceRequests");
	assert_string_equal(sim_text(&sim, "code"), "fulfilled");
	sim_at(&sim, 3601);
	sim_expect(&sim, NULL, "Action=DescribeSpotInstanceRequests");
	assert_string_equal(sim_text(&sim, "code"), "marked-for-termination");
	assert_int_equal(sim_living(&sim, "instance"), 2);
	assert_int_equal(sim_bill(&sim), 1999900 + 2000000 + 2 * ROOT_MICROS);
	sim_at(&sim, 3600 + 123);
	assert_int_equal(sim_living(&sim, "instance"), 1);
	sim_expect(&sim, NULL, "Action=DescribeSpotInstanceRequests");
	assert_string_equal(sim_text(&sim, "code"), "instance-terminated-by-price");
	assert_string_equal(sim_text(&sim, "state"), "closed");
	sim_expect(&sim, NULL,
		   "Action=DescribeInstances&Filter.1.Name=instance-state-name&"
		   "Filter.1.Value.1=terminated");
	assert_non_null(strstr(sim.reply.body.data, "<code>Server.SpotInstanceTermination</code>"));
	sim_at(&sim, 3 * 3600); /* 0.5 by then */
	assert_int_equal(sim_bill(&sim), 500000 + ROOT_MICROS);
	sim_stop(&sim);
}

/* Under the price nothing starts, but the request stays open, and may yet bring an instance. */
static void test_price_too_low(void **state)
{
	struct sim sim;
	char *request;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, "SpotMaxPriceTooLow",
		   RUN(SPOT "0.6&TagSpecification.1.ResourceType=spot-instances-request&"
			    "TagSpecification.1.Tag.1.Key=mine&TagSpecification.1.Tag.1.Value=1&"
			    "ClientToken=low"));
	assert_string_equal(
		sim_text(&sim, "Message"),
		"Your Spot request price of 0.6 is lower than the minimum required Spot "
		"request fulfillment price of 0.918.");
	assert_int_equal(sim_living(&sim, "instance"), 0);
	assert_int_equal(sim_living(&sim, "spot-request"), 1);
	sim_expect(&sim, NULL,
		   "Action=DescribeSpotInstanceRequests&Filter.1.Name=tag:mine&Filter.1.Value.1=1&"
		   "Filter.2.Name=state&Filter.2.Value.1=open");
	assert_string_equal(sim_text(&sim, "code"), "price-too-low");
	request = keep(&sim, "spotInstanceRequestId");
	sim_expect(&sim, "SpotMaxPriceTooLow", RUN(SPOT "0.7&ClientToken=other"));
	sim_expect(&sim, NULL, "Action=CancelSpotInstanceRequests&SpotInstanceRequestId.1=%s",
		   request);
	sim_at(&sim, 2 * 3600 + 10); /* 0.5: the one that was not cancelled is fulfilled */
	assert_int_equal(sim_living(&sim, "instance"), 1);
	sim_expect(&sim, NULL, "Action=DescribeInstances");
	assert_string_equal(sim_text(&sim, "clientToken"), "other");
	free(request);
	sim_stop(&sim);
}

static void test_quota(void **state)
{
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	cloud_quota_set(sim.cloud, CLOUD_QUOTA_P, false, 16);
	cloud_quota_set(sim.cloud, CLOUD_QUOTA_P, true, 7);
	sim_expect(&sim, NULL, RUN(""));
	sim_expect(&sim, NULL, RUN(""));
	sim_expect(&sim, "VcpuLimitExceeded", RUN(""));
	sim_expect(&sim, "MaxSpotInstanceCountExceeded", RUN(SPOT "3"));
	sim_expect(&sim, NULL, "Action=RunInstances&InstanceType=t3.micro&ImageId=%s" ONE,
		   sim_image("x86_64")); /* another bucket */
	cloud_quota_set(sim.cloud, CLOUD_QUOTA_P, false, 40);
	sim_expect(&sim, NULL,
		   "Action=RunInstances&InstanceType=p3.2xlarge&ImageId=%s&MinCount=1&MaxCount=9",
		   sim_image("x86_64"));
	assert_int_equal(sim_items(&sim, "instancesSet"), 3); /* as many as the limit allows */
	sim_stop(&sim);
}

static void test_visibility(void **state)
{
	const struct cloud_config config = { .seed = 3, .visible_after_ms = 1500 };
	struct sim sim;
	char *id;

	(void)state;
	sim_start(&sim, &config);
	sim_expect(&sim, NULL, RUN("&ClientToken=t"));
	id = keep(&sim, "instanceId");
	sim_expect(&sim, "InvalidInstanceID.NotFound", "Action=DescribeInstances&InstanceId.1=%s",
		   id);
	sim_expect(&sim, NULL,
		   "Action=DescribeInstances&Filter.1.Name=client-token&Filter.1.Value.1=t");
	assert_int_equal(sim_items(&sim, "reservationSet"), 0);
	/* the token knows it already */
	sim_expect(&sim, NULL, RUN("&ClientToken=t"));
	assert_string_equal(sim_text(&sim, "instanceId"), id);
	sim_at(&sim, 1.5);
	sim_expect(&sim, NULL, "Action=DescribeInstances&InstanceId.1=%s", id);
	free(id);
	sim_stop(&sim);
}

static void test_instance_pages(void **state)
{
	size_t seen = 0, pages = 0;
	char *token = xstrdup("");
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	for (int i = 0; i < 4; i++)
		sim_expect(&sim, NULL,
			   "Action=RunInstances&InstanceType=t3.micro&ImageId=%s&MinCount=3&"
			   "MaxCount=3",
			   sim_image("x86_64"));
	do {
		struct buf encoded = BUF_INIT;

		url_encode(&encoded, token, strlen(token), false);
		sim_expect(&sim, NULL, "Action=DescribeInstances&MaxResults=5%s%s",
			   *token ? "&NextToken=" : "", encoded.data);
		buf_release(&encoded);
		seen += sim_count(&sim, "instanceId");
		free(token);
		token = xstrdup(sim_text(&sim, "nextToken"));
		pages++;
	} while (*token);
	assert_int_equal(seen, 12);
	assert_int_equal(pages, 3);
	free(token);
	sim_stop(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_demand_life),
		cmocka_unit_test(test_run_refusals),
		cmocka_unit_test(test_user_data_limit),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_idempotency),
		cmocka_unit_test(test_spot_life),
		cmocka_unit_test(test_price_interrupts),
		cmocka_unit_test(test_price_too_low),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_visibility),
		cmocka_unit_test(test_instance_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

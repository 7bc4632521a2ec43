/* SPDX-License-Identifier: Apache-2.0 */
/* Faults that a scenario injects, and time as the simulated cloud lives it. */
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
#include "simulator/cloud/fault.h"

#define SPOT "&InstanceMarketOptions.MarketType=spot&InstanceMarketOptions.SpotOptions.MaxPrice="
#define RUN(more)                                                            \
	"Action=RunInstances&InstanceType=p3.2xlarge&MinCount=1&MaxCount=1&" \
	"Placement.AvailabilityZone=us-east-1a&ImageId=%s" more,             \
		sim_image("x86_64")

static int64_t ms(double seconds)
{
	return SIM_START * 1000 + (int64_t)(seconds * 1000);
}

static void test_turns(void **state)
{
	const struct fault second = { .kind = FAULT_ERROR,
				      .action = "Describe*",
				      .first = 2,
				      .count = 1,
				      .status = 503,
				      .code = "RequestLimitExceeded" };
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	cloud_fault_add(sim.cloud, &second);
	sim_expect(&sim, NULL, RUN(""));
	sim_expect(&sim, NULL, "Action=DescribeRegions");
	sim_expect(&sim, "RequestLimitExceeded", "Action=DescribeVpcs");
	assert_int_equal(sim.reply.status, 503);
	sim_expect(&sim, NULL, "Action=DescribeVpcs");
	sim_stop(&sim);
}

static void test_lost_reply(void **state)
{
	const struct fault lost = { .kind = FAULT_LOST, .action = "RunInstances", .count = 1 };
	const struct fault cut = { .kind = FAULT_CUT, .action = "StopInstances" };
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	cloud_fault_add(sim.cloud, &lost);
	cloud_fault_add(sim.cloud, &cut);
	sim_call(&sim, RUN("&ClientToken=t"));
	assert_true(sim.reply.cut);
	assert_int_equal(sim.reply.cut_after, 0);
	assert_int_equal(sim_living(&sim, "instance"), 1); /* it was made all the same */
	sim_expect(&sim, NULL, RUN("&ClientToken=t"));
	assert_false(sim.reply.cut);
	assert_int_equal(sim_living(&sim, "instance"), 1);
	char *id = xstrdup(sim_text(&sim, "instanceId"));

	sim_at(&sim, 5);
	sim_call(&sim, "Action=StopInstances&InstanceId.1=%s", id);
	assert_true(sim.reply.cut);
	sim_expect(&sim, NULL, "Action=DescribeInstances&InstanceId.1=%s", id);
	assert_string_equal(sim_text(&sim, "name"), "running"); /* cut before it was done */
	free(id);
	sim_stop(&sim);
}

static void test_broken_replies(void **state)
{
	const struct fault html = { .kind = FAULT_HTML, .action = "DescribeVpcs", .status = 502 };
	const struct fault half = { .kind = FAULT_TRUNCATE, .action = "DescribeRegions" };
	const struct fault slow = { .kind = FAULT_DELAY, .action = "Describe*", .delay_ms = 700 };
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	cloud_fault_add(sim.cloud, &html);
	cloud_fault_add(sim.cloud, &half);
	cloud_fault_add(sim.cloud, &slow);
	assert_int_equal(sim_call(&sim, "Action=DescribeVpcs"), 502);
	assert_string_equal(sim.reply.content_type, "text/html");
	assert_int_equal(sim.reply.delay_ms, 700);
	assert_int_equal(sim_call(&sim, "Action=DescribeRegions"), 200);
	assert_true(sim.reply.cut);
	assert_true(sim.reply.cut_after > 0 && sim.reply.cut_after < sim.reply.body.len);
	sim_stop(&sim);
}

static void test_probability(void **state)
{
	const struct fault half = { .kind = FAULT_ERROR,
				    .action = "DescribeVpcs",
				    .probability = 0.5 };
	unsigned failed = 0;
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	cloud_fault_add(sim.cloud, &half);
	for (int i = 0; i < 400; i++)
		failed += sim_call(&sim, "Action=DescribeVpcs") == 500;
	assert_in_range(failed, 150, 250);
	sim_stop(&sim);
}

static void test_no_capacity(void **state)
{
	const struct fault none = { .kind = FAULT_NO_CAPACITY,
				    .zone = "us-east-1a",
				    .type = "p3.*",
				    .until_ms = SIM_START * 1000 + 60000 };
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	cloud_fault_add(sim.cloud, &none);
	sim_expect(&sim, "InsufficientInstanceCapacity", RUN(""));
	assert_int_equal(sim.reply.status, 500);
	sim_expect(&sim, "InsufficientInstanceCapacity", RUN(SPOT "3"));
	assert_int_equal(sim_living(&sim, "spot-request"), 0);
	/* nobody asked for that zone: EC2 takes one that has room */
	sim_expect(&sim, NULL,
		   "Action=RunInstances&InstanceType=p3.2xlarge&MinCount=1&MaxCount=1&ImageId=%s",
		   sim_image("x86_64"));
	assert_string_equal(sim_text(&sim, "availabilityZone"), "us-east-1b");
	sim_at(&sim, 60);
	sim_expect(&sim, NULL, RUN(""));
	sim_stop(&sim);
}

static void test_price_override(void **state)
{
	const struct fault dear = { .kind = FAULT_PRICE,
				    .zone = "us-east-1a",
				    .type = "p3.2xlarge",
				    .price_micros = 2500000,
				    .from_ms = SIM_START * 1000 + 60000,
				    .until_ms = SIM_START * 1000 + 600000 };
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL, RUN(SPOT "1.5"));
	cloud_fault_add(sim.cloud, &dear);
	sim_at(&sim, 59);
	assert_int_equal(sim_living(&sim, "instance"), 1);
	sim_at(&sim, 61);
	sim_expect(&sim, "SpotMaxPriceTooLow", RUN(SPOT "1.6"));
	sim_expect(&sim, NULL,
		   "Action=DescribeSpotPriceHistory&InstanceType.1=p3.2xlarge&"
		   "ProductDescription.1=Linux%%2FUNIX&AvailabilityZone=us-east-1a");
	assert_string_equal(sim_text(&sim, "spotPrice"), "2.500000");
	sim_at(&sim, 60 + 120 + 5);
	assert_int_equal(sim_living(&sim, "instance"), 0);
	sim_at(&sim, 601); /* over: the request that was left open is fulfilled */
	assert_int_equal(sim_living(&sim, "instance"), 1);
	sim_stop(&sim);
}

static void test_interruption(void **state)
{
	const struct fault taken = { .kind = FAULT_INTERRUPT,
				     .zone = "us-east-1a",
				     .from_ms = SIM_START * 1000 + 30000 };
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	cloud_fault_add(sim.cloud, &taken);
	sim_expect(&sim, NULL, RUN(SPOT "3"));
	sim_expect(&sim, NULL, RUN("")); /* on demand: not touched */
	sim_at(&sim, 31);
	sim_expect(&sim, NULL, "Action=DescribeSpotInstanceRequests");
	assert_string_equal(sim_text(&sim, "code"), "marked-for-termination");
	sim_expect(&sim, NULL, RUN(SPOT "3")); /* began after it: not touched */
	sim_at(&sim, 30 + 120 + 5);
	assert_int_equal(sim_living(&sim, "instance"), 2);
	sim_expect(&sim, NULL, "Action=DescribeSpotInstanceRequests");
	assert_string_equal(sim_text(&sim, "code"), "instance-terminated-no-capacity");
	sim_stop(&sim);
}

/* One long step or many short ones: the same cloud in the end. */
static void test_time_in_steps(void **state)
{
	struct sim leap, walk;

	(void)state;
	sim_start(&leap, NULL);
	sim_start(&walk, NULL);
	for (int i = 0; i < 2; i++) {
		struct sim *sim = i ? &walk : &leap;

		sim_expect(sim, NULL, RUN(SPOT "1.5"));
		sim_expect(sim, NULL, RUN(""));
		sim_expect(sim, "SpotMaxPriceTooLow", RUN(SPOT "0.6"));
	}
	sim_at(&leap, 9000);
	for (int i = 0; i < 9000; i += 7)
		sim_at(&walk, i);
	sim_at(&walk, 9000);
	sim_expect(&leap, NULL, "Action=DescribeInstances");
	sim_expect(&walk, NULL, "Action=DescribeInstances");
	assert_string_equal(leap.reply.body.data, walk.reply.body.data);
	assert_int_equal(sim_count(&leap, "instanceId"), 2); /* the first is forgotten by now */
	sim_at(&walk, 100);				     /* time does not go back */
	assert_int_equal(cloud_now_ms(walk.cloud), ms(9000));
	assert_true(cloud_next_change(walk.cloud) > ms(9000));
	sim_stop(&leap);
	sim_stop(&walk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),	       cmocka_unit_test(test_lost_reply),
		cmocka_unit_test(test_broken_replies), cmocka_unit_test(test_probability),
		cmocka_unit_test(test_no_capacity),    cmocka_unit_test(test_price_override),
		cmocka_unit_test(test_interruption),   cmocka_unit_test(test_time_in_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

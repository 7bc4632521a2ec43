/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated EC2: its envelope, and what it says of places, types, images and prices. */
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
#include "core/timefmt.h"
#include "sim_fixture.h"
#include "simulator/cloud/ec2.h"
#include "simulator/cloud/params.h"

static void test_params(void **state)
{
	static const struct {
		const char *body, *code;
	} cases[] = {
		{ "", "" },
		{ "Action=A", "" },
		{ "a=%41+b&c=", "" },
		{ "a=1&&b=2&", "" },
		{ "a=1&a=2", "InvalidParameterCombination" },
		{ "a=1&a", "InvalidParameterCombination" },
		{ "a=%4", "MalformedQueryString" },
		{ "a=%00", "MalformedQueryString" },
		{ "a=%C3%A9%E2%82%AC%F0%9F%98%80", "" },
		{ "a=%C3", "MalformedQueryString" },
		{ "a=%C0%AF", "MalformedQueryString" },	      /* overlong */
		{ "a=%ED%A0%80", "MalformedQueryString" },    /* a surrogate */
		{ "a=%F4%90%80%80", "MalformedQueryString" }, /* past the last one */
		{ "a=%EF%BF%BF", "MalformedQueryString" },    /* XML cannot hold it */
		{ "=x", "MalformedQueryString" },
		{ "a%20b=x", "MalformedQueryString" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sim_params params;

		params_parse(&params, cases[i].body, strlen(cases[i].body));
		assert_string_equal(params.code, cases[i].code);
		params_release(&params);
	}
}

static void test_params_bounds(void **state)
{
	struct buf body = BUF_INIT;
	struct sim_params params;

	(void)state;
	for (int i = 0; i < PARAMS_MAX; i++)
		buf_addf(&body, "p%d=&", i);
	assert_int_equal(params_parse(&params, body.data, body.len), 0);
	params_release(&params);
	buf_addstr(&body, "last=");
	assert_int_equal(params_parse(&params, body.data, body.len), -1);
	assert_string_equal(params.code, "RequestTooLarge");
	params_release(&params);
	buf_clear(&body);
	buf_addstr(&body, "a=");
	while (body.len < CLOUD_BODY_MAX)
		buf_addch(&body, 'x');
	assert_int_equal(params_parse(&params, body.data, body.len), 0);
	params_release(&params);
	assert_int_equal(params_parse(&params, body.data, body.len + 1), -1);
	params_release(&params);
	buf_release(&body);
}

static void test_params_lists(void **state)
{
	static const struct {
		const char *body, *code;
		size_t nr;
	} cases[] = {
		{ "X.1=a&X.2=b", "", 2 },
		{ "X.2=b&X.1=a", "", 2 },
		{ "Y.1=a", "", 0 },
		{ "X.1=a&X.3=b", "InvalidParameterValue", 0 },
		{ "X.0=a", "InvalidParameterValue", 0 },
		{ "X.01=a", "InvalidParameterValue", 0 },
		{ "X.-1=a", "InvalidParameterValue", 0 },
		{ "X.a=a", "InvalidParameterValue", 0 },
		{ "X.4=a", "InvalidParameterValue", 0 },
		{ "X.1.Y=a", "UnknownParameter", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sim_params params;
		size_t nr = 0;

		params_parse(&params, cases[i].body, strlen(cases[i].body));
		params_list(&params, "X", 3, &nr);
		if (nr != cases[i].nr || strcmp(params.code, cases[i].code) != 0)
			fail_msg("%s: %zu, '%s'", cases[i].body, nr, params.code);
		params_release(&params);
	}
}

static void test_glob(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} cases[] = {
		{ "p3.*", "p3.2xlarge", true },
		{ "p3.*", "p2.xlarge", false },
		{ "*", "", true },
		{ "", "", true },
		{ "", "x", false },
		{ "?", "x", true },
		{ "?", "", false },
		{ "a*b*c", "axxbxxc", true },
		{ "a*b*c", "axxcxxb", false },
		{ "\\*", "*", true },
		{ "\\*", "x", false },
		{ "a\\?c", "abc", false },
		{ "P3.*", "p3.2xlarge", false },
		{ "**", "abc", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (filter_glob(cases[i].pattern, cases[i].text) != cases[i].match)
			fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].text);
	}
}

static void test_envelope(void **state)
{
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	assert_int_equal(sim_call_in(&sim, "us-east-1", "Version=2016-11-15"), 400);
	assert_string_equal(sim_text(&sim, "Code"), "MissingAction");
	assert_int_equal(sim_call_in(&sim, "us-east-1", "Action=DescribeRegions"), 400);
	assert_string_equal(sim_text(&sim, "Code"), "MissingParameter");
	sim_call_in(&sim, "us-east-1", "Action=DescribeRegions&Version=2014-01-01");
	assert_string_equal(sim_text(&sim, "Code"), "NoSuchVersion");
	sim_expect(&sim, "InvalidAction", "Action=CopyImage");
	sim_expect(&sim, "UnknownParameter", "Action=DescribeRegions&Foo=1");
	assert_non_null(strstr(sim_text(&sim, "Message"), "Foo"));
	sim_expect(&sim, "DryRunOperation", "Action=DescribeRegions&DryRun=true");
	assert_int_equal(sim.reply.status, 412);
	sim_expect(&sim, "InvalidParameterValue", "Action=DescribeRegions&DryRun=yes");
	assert_int_equal(sim_call_in(&sim, "af-south-1", "Action=DescribeVpcs&Version=2016-11-15"),
			 401);
	assert_int_equal(
		sim_call_in(&sim, "xx-nowhere-9", "Action=DescribeVpcs&Version=2016-11-15"), 401);
	sim_expect(&sim, NULL, "Action=DescribeRegions");
	assert_string_equal(sim_text(&sim, "requestId"), sim.reply.request_id);
	assert_int_equal(cloud_counter(sim.cloud, "ec2", "DescribeVpcs"), 2);
	assert_int_equal(cloud_counter(sim.cloud, "ec2", "RunInstances"), 0);
	sim_stop(&sim);
}

static void test_places(void **state)
{
	struct sim sim;
	char subnet[CLOUD_ID_MAX];

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL, "Action=DescribeRegions");
	assert_int_equal(sim_items(&sim, "regionInfo"), 17);
	sim_expect(&sim, NULL, "Action=DescribeRegions&AllRegions=true");
	assert_int_equal(sim_items(&sim, "regionInfo"), 18);
	sim_expect(&sim, NULL,
		   "Action=DescribeRegions&Filter.1.Name=region-name&Filter.1.Value.1=us-*");
	assert_int_equal(sim_items(&sim, "regionInfo"), 4);
	sim_expect(&sim, "InvalidParameterValue", "Action=DescribeRegions&RegionName.1=mars-1");
	sim_expect(&sim, "InvalidParameterValue",
		   "Action=DescribeRegions&Filter.1.Name=planet&Filter.1.Value.1=mars");
	sim_expect(&sim, "InvalidParameterValue", "Action=DescribeRegions&Filter.1.Name=endpoint");
	sim_expect(&sim, NULL, "Action=DescribeAvailabilityZones");
	assert_int_equal(sim_items(&sim, "availabilityZoneInfo"), 6);
	sim_expect(&sim, "InvalidParameterValue",
		   "Action=DescribeAvailabilityZones&ZoneName.1=us-east-1z");
	sim_expect(
		&sim, NULL,
		"Action=DescribeSubnets&Filter.1.Name=availability-zone&"
		"Filter.1.Value.1=us-east-1b&Filter.2.Name=default-for-az&Filter.2.Value.1=true");
	assert_int_equal(sim_items(&sim, "subnetSet"), 1);
	snprintf(subnet, sizeof(subnet), "%s", sim_text(&sim, "subnetId"));
	sim_expect(&sim, NULL, "Action=DescribeSubnets&SubnetId.1=%s", subnet);
	assert_string_equal(sim_text(&sim, "availabilityZone"), "us-east-1b");
	sim_expect(&sim, "InvalidSubnetID.NotFound",
		   "Action=DescribeSubnets&SubnetId.1=subnet-0123456789abcdef0");
	sim_stop(&sim);
}

static void test_no_default_vpc(void **state)
{
	const struct cloud_config config = { .seed = 1, .no_default_vpc = true };
	struct sim sim;

	(void)state;
	sim_start(&sim, &config);
	sim_expect(&sim, NULL, "Action=DescribeVpcs");
	assert_int_equal(sim_items(&sim, "vpcSet"), 0);
	sim_expect(&sim, NULL, "Action=DescribeSubnets");
	assert_int_equal(sim_items(&sim, "subnetSet"), 0);
	sim_expect(&sim, "VPCIdNotSpecified",
		   "Action=RunInstances&MinCount=1&MaxCount=1&InstanceType=p3.2xlarge&ImageId=%s",
		   sim_image("x86_64"));
	assert_int_equal(sim_living(&sim, "instance"), 0);
	sim_stop(&sim);
}

static void test_types(void **state)
{
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL, "Action=DescribeInstanceTypes");
	assert_int_equal(sim_items(&sim, "instanceTypeSet"), 5); /* those with a pool here */
	sim_expect(&sim, NULL, "Action=DescribeInstanceTypes&InstanceType.1=p3.2xlarge");
	assert_string_equal(sim_text(&sim, "defaultVCpus"), "8");
	assert_string_equal(sim_text(&sim, "totalGpuMemoryInMiB"), "16384");
	assert_string_equal(sim_text(&sim, "manufacturer"), "NVIDIA");
	/* known, but not sold here; and known nowhere */
	sim_expect(&sim, "InvalidInstanceType",
		   "Action=DescribeInstanceTypes&InstanceType.1=g5.xlarge");
	sim_expect(&sim, "InvalidInstanceType", "Action=DescribeInstanceTypes&InstanceType.1=z9");
	sim_expect(&sim, NULL,
		   "Action=DescribeInstanceTypes&Filter.1.Name=instance-type&"
		   "Filter.1.Value.1=p3.*&Filter.1.Value.2=t3*");
	assert_int_equal(sim_items(&sim, "instanceTypeSet"), 2);
	sim_expect(&sim, "InvalidParameterValue", "Action=DescribeInstanceTypes&MaxResults=4");
	sim_expect(&sim, "InvalidParameterValue", "Action=DescribeInstanceTypes&MaxResults=101");
	sim_expect(&sim, "InvalidParameterCombination",
		   "Action=DescribeInstanceTypes&MaxResults=5&InstanceType.1=p3.2xlarge");
	sim_expect(&sim, NULL,
		   "Action=DescribeInstanceTypeOfferings&LocationType=availability-zone&"
		   "Filter.1.Name=instance-type&Filter.1.Value.1=p2.xlarge");
	assert_int_equal(sim_items(&sim, "instanceTypeOfferingSet"), 2);
	assert_string_equal(sim_text(&sim, "location"), "us-east-1a");
	sim_expect(&sim, NULL, "Action=DescribeInstanceTypeOfferings");
	assert_int_equal(sim_items(&sim, "instanceTypeOfferingSet"), 5);
	assert_string_equal(sim_text(&sim, "location"), "us-east-1");
	sim_stop(&sim);
}

/* The table is searched by bisection, and its slices must not look like whole GPUs. */
static void test_type_table(void **state)
{
	size_t nr;
	const struct type_spec *types = type_specs(&nr);

	(void)state;
	for (size_t i = 0; i < nr; i++) {
		if (i > 0 && strcmp(types[i - 1].name, types[i].name) >= 0)
			fail_msg("'%s' is out of order", types[i].name);
		assert_ptr_equal(type_spec_find(types[i].name), &types[i]);
		assert_true(types[i].on_demand > 0);
		assert_true(!types[i].gpu || types[i].gpu_mem_mib > 0);
		assert_true(!types[i].gpu || (types[i].gpus == 0) == (types[i].gpu_partition < 1));
	}
	assert_null(type_spec_find("p3.2XLARGE"));
}

static void test_images(void **state)
{
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL, "Action=DescribeImages&ImageId.1=%s", sim_image("arm64"));
	assert_string_equal(sim_text(&sim, "architecture"), "arm64");
	sim_expect(&sim, "InvalidAMIID.NotFound",
		   "Action=DescribeImages&ImageId.1=ami-0123456789abcdef0");
	sim_expect(&sim, "InvalidAMIID.Malformed", "Action=DescribeImages&ImageId.1=ami-zz");
	sim_expect(&sim, NULL, "Action=DescribeImages&Owner.1=self");
	assert_int_equal(sim_items(&sim, "imagesSet"), 0);
	sim_stop(&sim);
}

static void test_prices(void **state)
{
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	sim_at(&sim, 90 * 60);
	/* the change in force when the window begins, and those inside it, newest first */
	sim_expect(&sim, NULL,
		   "Action=DescribeSpotPriceHistory&InstanceType.1=p3.2xlarge&"
		   "ProductDescription.1=Linux%%2FUNIX&AvailabilityZone=us-east-1a&"
		   "StartTime=2020-03-20T00:30:00Z");
	assert_int_equal(sim_items(&sim, "spotPriceHistorySet"), 2);
	assert_string_equal(sim_text(&sim, "spotPrice"), "2.000000");
	assert_string_equal(sim_text(&sim, "timestamp"), "2020-03-20T01:00:00.000Z");
	assert_non_null(strstr(sim.reply.body.data, "<spotPrice>0.918000</spotPrice>"
						    "<timestamp>2020-02-19T00:00:00.000Z"));
	/* from now on: one row for each zone, and no future */
	sim_expect(&sim, NULL,
		   "Action=DescribeSpotPriceHistory&InstanceType.1=p3.2xlarge&"
		   "ProductDescription.1=Linux%%2FUNIX&StartTime=2020-03-20T02:00:00Z");
	assert_int_equal(sim_items(&sim, "spotPriceHistorySet"), 2);
	/* without a product there is more than Linux in the answer */
	sim_expect(&sim, NULL,
		   "Action=DescribeSpotPriceHistory&InstanceType.1=p3.2xlarge&"
		   "StartTime=2020-03-20T02:00:00Z");
	assert_int_equal(sim_items(&sim, "spotPriceHistorySet"), 4);
	sim_expect(&sim, "InvalidParameterCombination",
		   "Action=DescribeSpotPriceHistory&StartTime=2020-03-20T02:00:00Z&"
		   "EndTime=2020-03-20T01:00:00Z");
	sim_expect(&sim, "InvalidParameterValue",
		   "Action=DescribeSpotPriceHistory&StartTime=yesterday");
	sim_expect(&sim, "InvalidParameterValue",
		   "Action=DescribeSpotPriceHistory&AvailabilityZone=us-east-1q");
	sim_expect(&sim, "InvalidParameterValue",
		   "Action=DescribeSpotPriceHistory&ProductDescription.1=Plan9");
	sim_stop(&sim);
}

#define PAGED                                                       \
	"Action=DescribeSpotPriceHistory&InstanceType.1=p2.xlarge&" \
	"ProductDescription.1=Linux%2FUNIX&AvailabilityZone=us-east-1a"

/* Every change of the last 90 days comes once, also where time moves on between the pages. */
static void test_price_pages(void **state)
{
	const size_t expected = 90 * 24 + 1;
	size_t rows = 0, pages = 0;
	char *token = xstrdup("");
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	do {
		struct buf encoded = BUF_INIT;

		sim_at(&sim, 0.25 * (double)pages);
		url_encode(&encoded, token, strlen(token), false);
		sim_expect(&sim, NULL, "%s%s%s", PAGED, *token ? "&NextToken=" : "", encoded.data);
		buf_release(&encoded);
		rows += sim_items(&sim, "spotPriceHistorySet");
		free(token);
		token = xstrdup(sim_text(&sim, "nextToken"));
		pages++;
	} while (*token);
	assert_int_equal(rows, expected);
	assert_int_equal(pages, 3);
	free(token);
	sim_stop(&sim);
}

/* A token belongs to the request that it came from. */
static void test_token_misuse(void **state)
{
	struct buf encoded = BUF_INIT;
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL, "%s", PAGED);
	url_encode(&encoded, sim_text(&sim, "nextToken"), strlen(sim_text(&sim, "nextToken")),
		   false);
	sim_expect(&sim, NULL, "%s&NextToken=%s", PAGED, encoded.data);
	sim_expect(&sim, "InvalidNextToken", "%s&SomeFilter=1&NextToken=%s", PAGED, encoded.data);
	sim_expect(&sim, "InvalidNextToken", "Action=DescribeImages&NextToken=%s", encoded.data);
	sim_expect(&sim, "InvalidNextToken", "%s&NextToken=MTAwMDow", PAGED);
	sim_expect(&sim, "InvalidNextToken", "%s&NextToken=", PAGED);
	buf_release(&encoded);
	sim_stop(&sim);
}

#define GROUP "Action=CreateSecurityGroup&GroupDescription=d&GroupName=g"

/* The same seed and the same requests give the same bytes. */
static void test_deterministic(void **state)
{
	struct sim one, two;

	(void)state;
	sim_start(&one, NULL);
	sim_start(&two, NULL);
	for (int i = 0; i < 3; i++) {
		sim_expect(&one, NULL, GROUP "%d", i);
		sim_expect(&two, NULL, GROUP "%d", i);
		assert_string_equal(one.reply.body.data, two.reply.body.data);
	}
	sim_stop(&one);
	sim_stop(&two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_params),	       cmocka_unit_test(test_params_bounds),
		cmocka_unit_test(test_params_lists),   cmocka_unit_test(test_glob),
		cmocka_unit_test(test_envelope),       cmocka_unit_test(test_places),
		cmocka_unit_test(test_no_default_vpc), cmocka_unit_test(test_types),
		cmocka_unit_test(test_type_table),     cmocka_unit_test(test_images),
		cmocka_unit_test(test_prices),	       cmocka_unit_test(test_price_pages),
		cmocka_unit_test(test_token_misuse),   cmocka_unit_test(test_deterministic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

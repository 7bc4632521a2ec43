/* SPDX-License-Identifier: Apache-2.0 */
/* Regions, instance types, zones and on-demand prices of EC2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "fake_cloud.h"
#include "providers/aws/ec2.h"

#define TYPE(name, arch, vcpus, usage, gpu)                                                  \
	"<item><instanceType>" name "</instanceType><processorInfo><supportedArchitectures>" \
	"<item>" arch                                                                        \
	"</item></supportedArchitectures></processorInfo><vCpuInfo><defaultVCpus>" vcpus     \
	"</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>1000</sizeInMiB></memoryInfo>"     \
	"<supportedUsageClasses>" usage "</supportedUsageClasses>" gpu "</item>"
#define GPU(name, maker, count, mib, part)                                   \
	"<gpuInfo><gpus><item><name>" name "</name><manufacturer>" maker     \
	"</manufacturer><count>" count "</count><memoryInfo><sizeInMiB>" mib \
	"</sizeInMiB></memoryInfo>" part "</item></gpus></gpuInfo>"
#define BOTH "<item>on-demand</item><item>spot</item>"
#define OD   "<item>on-demand</item>"

#define P3    TYPE("p3.2xlarge", "x86_64", "8", BOTH, GPU("V100", "NVIDIA", "1", "16384", ""))
#define G5    TYPE("g5.xlarge", "x86_64", "4", BOTH, GPU("A10G", "NVIDIA", "1", "22888", ""))
#define G5_48 TYPE("g5.48xlarge", "x86_64", "192", OD, GPU("A10G", "NVIDIA", "8", "22888", ""))
#define G5G   TYPE("g5g.xlarge", "arm64", "4", BOTH, GPU("T4g", "NVIDIA", "1", "16384", ""))
#define G4AD \
	TYPE("g4ad.xlarge", "x86_64", "4", BOTH, GPU("Radeon Pro V520", "AMD", "1", "8192", ""))
#define G6F                                    \
	TYPE("g6f.large", "x86_64", "2", BOTH, \
	     GPU("L4", "NVIDIA", "1", "2861", "<gpuPartitionSize>0.125</gpuPartitionSize>"))
#define M5	   TYPE("m5.large", "x86_64", "2", BOTH, "")
#define TYPES(xml) FAKE_REPLY("DescribeInstanceTypes", "<instanceTypeSet>" xml "</instanceTypeSet>")

#define ZONE(name, id, type, state)                                                 \
	"<item><zoneName>" name "</zoneName><zoneId>" id "</zoneId><zoneType>" type \
	"</zoneType><zoneState>" state "</zoneState></item>"
#define AZS(xml)                                \
	FAKE_REPLY("DescribeAvailabilityZones", \
		   "<availabilityZoneInfo>" xml "</availabilityZoneInfo>")
#define OFFERING(type, zone)                                                         \
	"<item><instanceType>" type "</instanceType><locationType>availability-zone" \
	"</locationType><location>" zone "</location></item>"
#define OFFERINGS(xml)                              \
	FAKE_REPLY("DescribeInstanceTypeOfferings", \
		   "<instanceTypeOfferingSet>" xml "</instanceTypeOfferingSet>")
#define HTML "<html><body>Internal Server Error</body></html>"

static const char *const us_east_1[] = { "us-east-1" };
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

static void add_zones(struct fake_cloud *cloud)
{
	fake_always(cloud, "https://ec2.us-east-1* Action=DescribeAvailabilityZones", 200,
		    AZS(ZONE("us-east-1b", "use1-az2", "availability-zone", "available")
				ZONE("us-east-1a", "use1-az1", "availability-zone", "available")
					ZONE("us-east-1c", "use1-az3", "availability-zone",
					     "impaired") ZONE("us-east-1-bos-1a", "use1-bos1-az1",
							      "local-zone", "available")));
	fake_always(cloud, "https://ec2.eu-west-1* Action=DescribeAvailabilityZones", 200,
		    AZS(ZONE("eu-west-1a", "euw1-az1", "availability-zone", "available")));
}

static void add_offerings(struct fake_cloud *cloud, const char *type)
{
	char *body = xasprintf(
		OFFERINGS(
			"<item><instanceType>%s</instanceType><location>us-east-1b</location></item>"
			"<item><instanceType>%s</instanceType><location>us-east-1a</location></item>"
			"<item><instanceType>%s</instanceType><location>us-east-1c</location></item>"
			"<item><instanceType>%s</instanceType><location>us-east-1-bos-1a</location>"
			"</item>"),
		type, type, type, type);

	fake_always(cloud, "https://ec2.us-east-1* Action=DescribeInstanceTypeOfferings", 200,
		    body);
	free(body);
}

static void no_prices(struct fake_cloud *cloud)
{
	fake_always(cloud, "Target=AWSPriceListService.GetProducts", 500, HTML);
}

static void test_exact_type(void **state)
{
	struct fake_cloud *cloud = *state;
	struct offer_query query = { .regions = us_east_1, .nr_regions = 1, .type = "p3.2xlarge" };
	struct offer_list list = { 0 };
	struct error err = ERROR_INIT;

	add_zones(cloud);
	add_offerings(cloud, "p3.2xlarge");
	no_prices(cloud);
	fake_once(cloud, "Action=DescribeInstanceTypes InstanceType.1=p3.2xlarge", 200, TYPES(P3));
	assert_int_equal(aws_offers(cloud->p, &query, &list, &err), 0);
	assert_int_equal(list.nr, 1);
	const struct offer *offer = &list.v[0];
	assert_string_equal(offer->provider, "aws");
	assert_string_equal(offer->region, "us-east-1");
	assert_string_equal(offer->type, "p3.2xlarge");
	assert_string_equal(offer->gpu, "V100");
	assert_string_equal(offer->arch, "x86_64");
	assert_int_equal(offer->gpu_count, 1);
	assert_int_equal(offer->gpu_mem_mib, 16384);
	assert_int_equal(offer->vcpus, 8);
	assert_int_equal(offer->mem_mib, 1000);
	assert_true(offer->spot);
	/* Only zones that are up and no local ones, sorted. */
	assert_int_equal(offer->nr_zones, 2);
	assert_string_equal(offer->zones[0].name, "us-east-1a");
	assert_string_equal(offer->zones[0].id, "use1-az1");
	assert_string_equal(offer->zones[1].name, "us-east-1b");
	/* Pricing said HTML: the built-in price, which knows its date. */
	assert_true(offer->on_demand_builtin);
	assert_int_equal(offer->on_demand, 3060000);
	assert_true(offer->on_demand_as_of > 0);
	/* Zones, types and offerings went out together. */
	assert_int_equal(cloud->most_at_once, 3);
	offer_list_release(&list);
}

static void test_type_unknown(void **state)
{
	struct fake_cloud *cloud = *state;
	struct offer_query query = { .regions = two_regions, .nr_regions = 2, .type = "p9.huge" };
	struct offer_list list = { 0 };
	struct error err = ERROR_INIT;

	add_zones(cloud);
	fake_error(cloud, "Action=DescribeInstanceTypes", 400, "InvalidInstanceType")->times = -1;
	fake_always(cloud, "Action=DescribeInstanceTypeOfferings", 200, OFFERINGS(""));
	assert_int_equal(aws_offers(cloud->p, &query, &list, &err), 0);
	assert_int_equal(list.nr, 0);
	assert_int_equal(list.nr_failures, 0);
	offer_list_release(&list);

	size_t before = cloud->nr_seen;
	query.type = "no such/type";
	assert_int_equal(aws_offers(cloud->p, &query, &list, &err), 0);
	assert_int_equal(list.nr, 0);
	assert_int_equal(cloud->nr_seen, before);
	assert_int_equal(err.kind, ERROR_NONE);
}

/* Which of all types a query finds. */
static void test_filters(void **state)
{
	static const struct {
		struct offer_query query;
		const char *expected;
	} cases[] = {
		{ { .gpu = "V100" }, "p3.2xlarge" },
		{ { .gpu = "v100", .gpu_count = 1 }, "p3.2xlarge" },
		{ { .gpu = "v100", .gpu_count = 2 }, "" },
		{ { .gpu = "a10g" }, "g5.48xlarge g5.xlarge" },
		{ { .gpu = "A10G", .gpu_count = 8 }, "g5.48xlarge" },
		{ { .gpu = "a10" }, "" },
		{ { .gpu = "v520" }, "" },
		{ { .gpu = "t4g" }, "" },
		{ { .gpu = "t4g", .all_arches = true }, "g5g.xlarge" },
		{ { .gpu_count = 1 }, "g5.xlarge g6f.large p3.2xlarge" },
		{ { .gpu_count = 0 }, "g5.48xlarge g5.xlarge g6f.large p3.2xlarge" },
		{ { .type = "g4ad.xlarge" }, "g4ad.xlarge" },
		{ { .type = "g5g.xlarge" }, "g5g.xlarge" },
		{ { .type = "m5.large" }, "m5.large" },
	};
	struct fake_cloud *cloud = *state;

	add_zones(cloud);
	no_prices(cloud);
	fake_always(cloud, "Action=DescribeInstanceTypes", 200, TYPES(P3 G5 G5_48 G5G G4AD G6F M5));
	fake_always(cloud, "Action=DescribeInstanceTypeOfferings", 200,
		    OFFERINGS(OFFERING("p3.2xlarge", "us-east-1a") OFFERING(
			    "g5.xlarge", "us-east-1a") OFFERING("g5.48xlarge", "us-east-1b")
				      OFFERING("g5g.xlarge", "us-east-1a")
					      OFFERING("g4ad.xlarge", "us-east-1a")
						      OFFERING("g6f.large", "us-east-1a")
							      OFFERING("m5.large", "us-east-1a")));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct offer_query query = cases[i].query;
		struct offer_list list = { 0 };
		struct error err = ERROR_INIT;
		struct buf found = BUF_INIT;
		query.regions = us_east_1;
		query.nr_regions = 1;
		assert_int_equal(aws_offers(cloud->p, &query, &list, &err), 0);
		for (size_t j = 0; j < list.nr; j++) {
			buf_addf(&found, "%s%s", j ? " " : "", list.v[j].type);
			if (!strcmp(list.v[j].type, "g6f.large"))
				assert_true(list.v[j].gpu_fraction == 0.125);
			else
				assert_true(list.v[j].gpu_fraction == 1);
			if (!strcmp(list.v[j].type, "g5.48xlarge")) {
				assert_false(list.v[j].spot);
				assert_int_equal(list.v[j].gpu_mem_mib, 8 * 22888);
			}
		}
		assert_string_equal(found.data, cases[i].expected);
		buf_release(&found);
		offer_list_release(&list);
	}
}

static void test_gpu_names(void **state)
{
	static const struct {
		const char *gpu, *wanted;
		uint64_t mib;
		bool found;
	} cases[] = {
		{ "V100", "V100", 16384, true },
		{ "V100", "v100", 16384, true },
		{ "V100", "NVIDIA V100", 16384, true },
		{ "V100", "nvidia-tesla-v100", 16384, true },
		{ "V100", "Tesla V100", 16384, true },
		{ "V100", "v10", 16384, false },
		{ "V100", "", 16384, false },
		{ "V100", "-", 16384, false },
		{ "V100", "v100-16gb", 16384, true },
		{ "V100", "v100-32gb", 16384, false },
		{ "A100", "a100-80gb", 81920, true },
		{ "A100", "a100-40gb", 81920, false },
		{ "A100", "a100-80g", 81920, true },
		{ "A10G", "a10g-24gb", 22888, true },
		{ "L40S", "l4", 45776, false },
		{ "L4", "L4", 22888, true },
		{ "T4g", "T4", 16384, false },
		{ "RTX PRO Server 6000", "rtx-pro", 97887, true },
		{ "RTX PRO Server 6000", "RTX PRO SERVER 6000", 97887, true },
		{ "RTX PRO Server 6000", "rtx-pro-server-60", 97887, false },
		{ "H100", "h100-99999999999gb", 81920, false },
		{ "", "V100", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct offer offer = { .gpu = cases[i].gpu,
				       .gpu_count = 1,
				       .gpu_mem_mib = cases[i].mib };
		if (ec2_gpu_matches(&offer, cases[i].wanted) != cases[i].found)
			fail_msg("'%s' and '%s'", cases[i].gpu, cases[i].wanted);
	}
}

static void test_pages(void **state)
{
	struct fake_cloud *cloud = *state;
	struct offer_query query = { .regions = us_east_1, .nr_regions = 1, .gpu_count = 1 };
	struct offer_list list = { 0 };
	struct error err = ERROR_INIT;

	add_zones(cloud);
	no_prices(cloud);
	fake_once(cloud, "Action=DescribeInstanceTypes NextToken=page/3+x", 200,
		  FAKE_REPLY("DescribeInstanceTypes",
			     "<instanceTypeSet>" P3 "</instanceTypeSet><nextToken/>"));
	/* A page can be empty and still not be the last. */
	fake_once(cloud, "Action=DescribeInstanceTypes NextToken=page2", 200,
		  FAKE_REPLY("DescribeInstanceTypes",
			     "<instanceTypeSet/><nextToken>page/3+x</nextToken>"));
	fake_once(cloud, "Action=DescribeInstanceTypes", 200,
		  FAKE_REPLY("DescribeInstanceTypes",
			     "<instanceTypeSet>" G5 P3 "</instanceTypeSet><nextToken>page2"
			     "</nextToken>"));
	fake_once(cloud, "Action=DescribeInstanceTypeOfferings NextToken=more", 200,
		  OFFERINGS(OFFERING("p3.2xlarge", "us-east-1b")));
	fake_once(cloud, "Action=DescribeInstanceTypeOfferings", 200,
		  FAKE_REPLY("DescribeInstanceTypeOfferings",
			     "<instanceTypeOfferingSet>" OFFERING(
				     "g5.xlarge", "us-east-1a") "</instanceTypeOfferingSet>"
								"<nextToken>more</nextToken>"));
	assert_int_equal(aws_offers(cloud->p, &query, &list, &err), 0);
	assert_int_equal(list.nr, 2);
	assert_string_equal(list.v[0].type, "g5.xlarge");
	assert_string_equal(list.v[1].type, "p3.2xlarge");
	offer_list_release(&list);
}

static void test_pages_without_end(void **state)
{
	struct fake_cloud *cloud = *state;
	struct offer_query query = { .regions = us_east_1, .nr_regions = 1 };
	struct offer_list list = { 0 };
	struct error err = ERROR_INIT;

	add_zones(cloud);
	fake_always(cloud, "Action=DescribeInstanceTypes", 200,
		    FAKE_REPLY("DescribeInstanceTypes",
			       "<instanceTypeSet/><nextToken>same</nextToken>"));
	assert_int_equal(aws_offers(cloud->p, &query, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	assert_non_null(strstr(err.message, "nextToken"));
	assert_non_null(strstr(err.message, "DescribeInstanceTypes in us-east-1"));
	assert_int_equal(fake_count(cloud, "Action=DescribeInstanceTypes"), 2);
}

static void test_hostile_types(void **state)
{
	static const char *const bodies[] = {
		TYPES("<item><instanceType>p3 2xlarge</instanceType></item>"),
		TYPES("<item><instanceType>p3.2xlarge&#10;</instanceType></item>"),
		TYPES("<item></item>"),
		TYPES(TYPE("p3.2xlarge", "x86_64", "-8", BOTH, "")),
		TYPES(TYPE("p3.2xlarge", "x86_64", "99999999999999999999", BOTH, "")),
		TYPES(TYPE("p3.2xlarge", "x86_64", "8", BOTH,
			   GPU("V100", "NVIDIA", "4000000000", "16384", ""))),
		TYPES(TYPE("p3.2xlarge", "x86_64", "8", BOTH,
			   GPU("V100", "NVIDIA", "1", "1",
			       "<gpuPartitionSize>nan"
			       "</gpuPartitionSize>"))),
		TYPES(TYPE("p3.2xlarge", "x86_64", "8", BOTH,
			   GPU("V100", "NVIDIA", "1", "1",
			       "<gpuPartitionSize>1.5"
			       "</gpuPartitionSize>"))),
		FAKE_REPLY("DescribeInstanceTypes", "<somethingElse/>"),
		"<DescribeInstanceTypesResponse><instanceTypeSet><item>",
		"<!DOCTYPE x [<!ENTITY a \"b\">]><DescribeInstanceTypesResponse/>",
		"not xml at all",
		"",
	};
	struct fake_cloud *cloud = *state;

	add_zones(cloud);
	fake_always(cloud, "Action=DescribeInstanceTypeOfferings", 200, OFFERINGS(""));
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct offer_query query = { .regions = us_east_1,
					     .nr_regions = 1,
					     .type = "p3.2xlarge" };
		struct offer_list list = { 0 };
		struct error err = ERROR_INIT;
		fake_once(cloud, "Action=DescribeInstanceTypes", 200, bodies[i]);
		assert_int_equal(aws_offers(cloud->p, &query, &list, &err), -1);
		if (err.kind != ERROR_PROTOCOL)
			fail_msg("case %zu: %s: %s", i, error_kind_name(err.kind), err.message);
	}
}

static void test_region_fails(void **state)
{
	struct fake_cloud *cloud = *state;
	struct offer_query query = { .regions = two_regions,
				     .nr_regions = 2,
				     .type = "p3.2xlarge" };
	struct offer_list list = { 0 };
	struct error err = ERROR_INIT;

	add_zones(cloud);
	add_offerings(cloud, "p3.2xlarge");
	no_prices(cloud);
	fake_always(cloud, "https://ec2.us-east-1* Action=DescribeInstanceTypes", 200, TYPES(P3));
	fake_error(cloud, "https://ec2.eu-west-1*", 401, "OptInRequired")->times = -1;
	assert_int_equal(aws_offers(cloud->p, &query, &list, &err), 0);
	assert_int_equal(list.nr, 1);
	assert_int_equal(list.nr_failures, 1);
	assert_string_equal(list.failures[0].region, "eu-west-1");
	assert_string_equal(list.failures[0].err.code, "OptInRequired");
	offer_list_release(&list);

	query.regions = two_regions + 1;
	query.nr_regions = 1;
	assert_int_equal(aws_offers(cloud->p, &query, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
}

static void test_regions(void **state)
{
	struct fake_cloud *cloud = *state;
	struct region_list list = { 0 };
	struct error err = ERROR_INIT;

	fake_once(cloud, "Action=DescribeRegions", 200,
		  FAKE_REPLY("DescribeRegions",
			     "<regionInfo><item><regionName>us-west-2</regionName><optInStatus>"
			     "opt-in-not-required</optInStatus></item><item><regionName>af-south-1"
			     "</regionName><optInStatus>not-opted-in</optInStatus></item><item>"
			     "<regionName>cn-north-1</regionName></item><item>" /* not ours */
			     "<regionName>eu-west-1</regionName></item></regionInfo>"));
	assert_int_equal(aws_regions(cloud->p, &list, &err), 0);
	assert_int_equal(list.nr, 2);
	assert_string_equal(list.v[0], "eu-west-1");
	assert_string_equal(list.v[1], "us-west-2");
	region_list_release(&list);

	fake_once(cloud, "Action=DescribeRegions", 200,
		  FAKE_REPLY("DescribeRegions", "<regionInfo><item><regionName>evil.example/x"
						"</regionName></item></regionInfo>"));
	assert_int_equal(aws_regions(cloud->p, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	assert_non_null(strstr(err.message, "regionName"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_exact_type, setup, teardown),
		cmocka_unit_test_setup_teardown(test_type_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
		cmocka_unit_test(test_gpu_names),
		cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pages_without_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_region_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_regions, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

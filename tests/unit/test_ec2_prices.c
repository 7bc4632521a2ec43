/* SPDX-License-Identifier: Apache-2.0 */
/* On-demand prices: the Pricing API, and the built-in table behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "fake_cloud.h"
#include "providers/aws/ec2.h"

#define GET_PRODUCTS "Target=AWSPriceListService.GetProducts"
#define HTML	     "<html><body>Internal Server Error</body></html>"

#define PRODUCT(type, os, market, unit, usd)                                                     \
	"\"{\\\"product\\\":{\\\"attributes\\\":{\\\"instanceType\\\":\\\"" type                 \
	"\\\",\\\"operatingSystem\\\":\\\"" os "\\\",\\\"tenancy\\\":\\\"Shared\\\","            \
	"\\\"marketoption\\\":\\\"" market "\\\",\\\"regionCode\\\":\\\"us-east-1\\\"}},"        \
	"\\\"terms\\\":{\\\"OnDemand\\\":{\\\"A.B\\\":{\\\"priceDimensions\\\":{\\\"A.B.C\\\":{" \
	"\\\"unit\\\":\\\"" unit "\\\",\\\"pricePerUnit\\\":{\\\"USD\\\":\\\"" usd "\\\"}}}}}}}\""
#define PRODUCTS(json) "{\"FormatVersion\":\"aws_v1\",\"PriceList\":[" json "]}"

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

static struct offer p3(void)
{
	return (struct offer){ .region = "us-east-1",
			       .type = "p3.2xlarge",
			       .on_demand = MONEY_UNKNOWN };
}

static void test_replies(void **state)
{
	static const struct {
		const char *reply;
		int64_t micros;
		bool builtin;
	} cases[] = {
		{ PRODUCTS(PRODUCT("p3.2xlarge", "Linux", "OnDemand", "Hrs", "3.1234000000")),
		  3123400, false },
		/* Other products in the same reply are passed over. */
		{ PRODUCTS(PRODUCT("p3.2xlarge", "Windows", "OnDemand", "Hrs", "9.9") "," PRODUCT(
			  "p3.8xlarge", "Linux", "OnDemand", "Hrs",
			  "9.8") "," PRODUCT("p3.2xlarge", "Linux", "CapacityBlock", "Hrs",
					     "9.7") "," PRODUCT("p3.2xlarge", "Linux", "OnDemand",
								"Quantity",
								"9.6") "," PRODUCT("p3.2xlarge",
										   "Linux",
										   "OnDemand",
										   "Hrs",
										   "0.0000000000") ","
												   "17,\"not json\",\"[]\"," PRODUCT(
													   "p3.2xlarge",
													   "Linux",
													   "OnDemand",
													   "Hrs",
													   "3.0700000000")),
		  3070000, false },
		{ PRODUCTS(""), 3060000, true },
		{ PRODUCTS(PRODUCT("p3.2xlarge", "Linux", "OnDemand", "Hrs", "-1")), 3060000,
		  true },
		{ "{\"PriceList\":\"nothing\"}", 3060000, true },
		{ "{}", 3060000, true },
		{ "[", 3060000, true },
	};
	struct fake_cloud *cloud = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct offer offer = p3(), *one[] = { &offer };
		struct error err = ERROR_INIT;
		fake_once(cloud, "https://api.pricing.us-east-1* " GET_PRODUCTS, 200,
			  cases[i].reply);
		assert_int_equal(ec2_prices(cloud->p, one, 1, &err), 0);
		if (offer.on_demand != cases[i].micros ||
		    offer.on_demand_builtin != cases[i].builtin)
			fail_msg("case %zu: %lld", i, (long long)offer.on_demand);
		/* A price from the cloud is of now, a built-in one as old as it is. */
		assert_true(cases[i].builtin == (offer.on_demand_as_of != FAKE_NOW));
	}
	const char *asked = fake_seen(cloud, GET_PRODUCTS, 0);
	assert_non_null(strstr(asked, "\"Field\":\"instanceType\",\"Value\":\"p3.2xlarge\""));
	assert_non_null(strstr(asked, "\"Field\":\"regionCode\",\"Value\":\"us-east-1\""));
	assert_non_null(strstr(asked, "\"ServiceCode\":\"AmazonEC2\""));
}

/* Of a type that the table does not know either, the price stays unknown. */
static void test_unknown(void **state)
{
	struct fake_cloud *cloud = *state;
	struct offer offer = p3(), *one[] = { &offer };
	struct error err = ERROR_INIT;

	offer.type = "p99.2xlarge";
	fake_once(cloud, GET_PRODUCTS, 400, "{\"__type\":\"AccessDeniedException\"}");
	assert_int_equal(ec2_prices(cloud->p, one, 1, &err), 0);
	assert_int_equal(offer.on_demand, MONEY_UNKNOWN);
	assert_false(offer.on_demand_builtin);
	assert_int_equal(err.kind, ERROR_NONE);
	assert_int_equal(ec2_prices(cloud->p, one, 0, &err), 0);
}

/* Where Pricing does not answer at all, it is not asked for every type. */
static void test_gives_up(void **state)
{
	struct fake_cloud *cloud = *state;
	struct offer offers[70], *all[70];
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < 70; i++) {
		offers[i] = p3();
		all[i] = &offers[i];
	}
	fake_always(cloud, GET_PRODUCTS, 500, HTML);
	assert_int_equal(ec2_prices(cloud->p, all, 70, &err), 0);
	assert_int_equal(cloud->most_at_once, 32);
	assert_true(fake_count(cloud, GET_PRODUCTS) <= 64);
	for (size_t i = 0; i < 70; i++)
		assert_true(offers[i].on_demand_builtin);

	/* Where it does, it is: all of them, 32 at a time. */
	size_t before = cloud->nr_seen;
	cloud->rules[0].times = 0;
	fake_always(cloud, GET_PRODUCTS, 200,
		    PRODUCTS(PRODUCT("p3.2xlarge", "Linux", "OnDemand", "Hrs", "3.5")));
	for (size_t i = 0; i < 70; i++)
		offers[i] = p3();
	assert_int_equal(ec2_prices(cloud->p, all, 70, &err), 0);
	assert_int_equal(cloud->nr_seen - before, 70);
	for (size_t i = 0; i < 70; i++)
		assert_int_equal(offers[i].on_demand, 3500000);
}

static void test_interrupted(void **state)
{
	struct fake_cloud *cloud = *state;
	struct offer offer = p3(), *one[] = { &offer };
	struct error err = ERROR_INIT;

	fake_once(cloud, GET_PRODUCTS, 0, "")->fail = ERROR_CANCELLED;
	assert_int_equal(ec2_prices(cloud->p, one, 1, &err), -1);
	assert_int_equal(err.kind, ERROR_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_replies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gives_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interrupted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

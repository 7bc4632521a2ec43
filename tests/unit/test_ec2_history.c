/* SPDX-License-Identifier: Apache-2.0 */
/* Spot price history: streamed, page by page, checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fake_cloud.h"
#include "providers/aws/ec2.h"

#define ROW_OF(product, type, zone, time, price)                                  \
	"<item><instanceType>" type "</instanceType><productDescription>" product \
	"</productDescription><spotPrice>" price "</spotPrice><timestamp>" time   \
	"</timestamp><availabilityZone>" zone "</availabilityZone></item>"
#define ROW(type, zone, time, price) ROW_OF("Linux/UNIX", type, zone, time, price)
#define PAGE(rows, rest)                       \
	FAKE_REPLY("DescribeSpotPriceHistory", \
		   "<spotPriceHistorySet>" rows "</spotPriceHistorySet>" rest)

#define HISTORY "Action=DescribeSpotPriceHistory"

#define P3 "p3.2xlarge"
#define P2 "p2.xlarge"

static const char *const regions[] = { "us-east-1", "eu-west-1" };
static const char *const types[] = { P3, P2 };

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

static int64_t at(const char *text)
{
	struct error err = ERROR_INIT;
	int64_t s = 0;

	assert_int_equal(time_parse(text, "time", &s, &err), 0);
	return s;
}

/* One region and one type, 1 to 31 March 2020. */
static struct spot_query march(void)
{
	return (struct spot_query){ .regions = regions,
				    .nr_regions = 1,
				    .types = types,
				    .nr_types = 1,
				    .since = at("2020-03-01T00:00:00Z"),
				    .until = at("2020-03-31T00:00:00Z") };
}

static void test_pages_and_series(void **state)
{
	struct fake_cloud *cloud = *state;
	struct spot_query query = march();
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;

	query.nr_types = 2;
	fake_once(cloud, HISTORY " NextToken=two", 200,
		  PAGE(ROW(P3, "us-east-1b", "2020-03-02T00:00:00Z", "0.918000"), ""));
	fake_once(cloud, HISTORY " NextToken=one", 200, PAGE("", "<nextToken>two</nextToken>"));
	fake_once(cloud, HISTORY, 200,
		  PAGE(ROW(P3, "us-east-1b", "2020-03-05T10:00:00.000Z", "0.925100")
			       ROW(P3, "us-east-1a", "2020-03-04T00:00:00.000Z", "1.2")
				       ROW(P2, "us-east-1b", "2020-03-03T00:00:00.000Z", "0.27"),
		       "<nextToken>one</nextToken>"));
	assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), 0);
	assert_int_equal(history.nr, 3);
	/* By region, type, zone; oldest first. */
	assert_string_equal(history.v[0].type, P2);
	assert_string_equal(history.v[1].zone.name, "us-east-1a");
	assert_string_equal(history.v[2].zone.name, "us-east-1b");
	assert_string_equal(history.v[2].region, "us-east-1");
	assert_int_equal(history.v[2].nr, 2);
	assert_int_equal(history.v[2].v[0].time, at("2020-03-02T00:00:00Z"));
	assert_int_equal(history.v[2].v[0].micros, 918000);
	assert_int_equal(history.v[2].v[1].time, at("2020-03-05T10:00:00Z"));
	assert_int_equal(history.v[2].v[1].micros, 925100);
	spot_history_release(&history);

	const char *first = fake_seen(cloud, HISTORY, 0);
	assert_string_equal(fake_param(first, "InstanceType.1"), P3);
	assert_string_equal(fake_param(first, "InstanceType.2"), P2);
	assert_string_equal(fake_param(first, "ProductDescription.1"), "Linux/UNIX");
	assert_string_equal(fake_param(first, "StartTime"), "2020-03-01T00:00:00Z");
	assert_string_equal(fake_param(first, "EndTime"), "2020-03-31T00:00:00Z");
	assert_null(fake_param(first, "AvailabilityZone"));
	assert_null(fake_param(first, "NextToken"));
	assert_int_equal(fake_count(cloud, HISTORY), 3);
}

/* Which points of a series are kept. */
static void test_window(void **state)
{
	struct fake_cloud *cloud = *state;
	struct spot_query query = march();
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;

	fake_once(cloud, HISTORY, 200,
		  PAGE(ROW(P3, "us-east-1a", "2020-04-01T00:00:00Z",
			   "9") ROW(P3, "us-east-1a", "2020-03-10T00:00:00.900000000Z",
				    "5") ROW(P3, "us-east-1a", "2020-03-10T00:00:00.100Z",
					     "4") ROW(P3, "us-east-1a", "2020-03-01T00:00:00Z", "3")
			       ROW(P3, "us-east-1a", "2020-02-20T00:00:00Z", "2")
				       ROW(P3, "us-east-1a", "2006-01-02T15:04:05.999999999Z", "1"),
		       "<nextToken></nextToken>"));
	assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), 0);
	assert_int_equal(history.nr, 1);
	/* The one in force at the start, then one a second; nothing after the end. */
	assert_int_equal(history.v[0].nr, 2);
	assert_int_equal(history.v[0].v[0].micros, 3000000);
	assert_int_equal(history.v[0].v[1].micros, 5000000);
	assert_int_equal(history.v[0].v[1].time, at("2020-03-10T00:00:00Z"));
	spot_history_release(&history);

	/* Only what is older than the window: it is the price in force. */
	fake_once(cloud, HISTORY, 200,
		  PAGE(ROW_OF("Linux/UNIX (Amazon VPC)", P3, "us-east-1a",
			      "2006-01-02T15:04:05.999999999Z", "0.00001"),
		       ""));
	assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), 0);
	assert_int_equal(history.nr, 1);
	assert_int_equal(history.v[0].nr, 1);
	assert_int_equal(history.v[0].v[0].micros, 10);
	spot_history_release(&history);
}

/* A server that ignores what was asked: other products, types, zones. */
static void test_unasked_rows(void **state)
{
	struct fake_cloud *cloud = *state;
	struct spot_query query = march();
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;

	query.zone = "us-east-1a";
	fake_once(cloud, HISTORY " AvailabilityZone=us-east-1a", 200,
		  PAGE(ROW_OF("Windows", P3, "us-east-1a", "2020-03-10T00:00:00Z", "5") ROW_OF(
			       "Red Hat Enterprise Linux", P3, "us-east-1a", "2020-03-10T00:00:00Z",
			       "5") ROW(P2, "us-east-1a", "2020-03-10T00:00:00Z", "5")
			       ROW(P3, "us-east-1b", "2020-03-10T00:00:00Z", "5")
				       ROW(P3, "us-east-1a", "2020-03-11T00:00:00Z", "0.9"),
		       ""));
	assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), 0);
	assert_int_equal(history.nr, 1);
	assert_int_equal(history.v[0].nr, 1);
	assert_int_equal(history.v[0].v[0].micros, 900000);
	assert_string_equal(history.v[0].zone.id, "");
	spot_history_release(&history);
}

/* Two products of one zone are never mixed, whichever comes first, on one page or on two. */
static void test_products(void **state)
{
#define PLAIN(zone, day, price) ROW(P3, zone, "2020-03-" day "T00:00:00Z", price)
#define VPC(zone, day, price) \
	ROW_OF("Linux/UNIX (Amazon VPC)", P3, zone, "2020-03-" day "T00:00:00Z", price)
	static const char *const pages[][2] = {
		{ PAGE(PLAIN("us-east-1a", "14", "1") VPC("us-east-1a", "13", "9")
			       VPC("us-east-1b", "13", "5"),
		       "<nextToken>2</nextToken>"),
		  PAGE(VPC("us-east-1a", "12", "8") PLAIN("us-east-1a", "11", "2"), "") },
		{ PAGE(VPC("us-east-1a", "13", "9") VPC("us-east-1b", "13", "5")
			       VPC("us-east-1a", "12", "8"),
		       "<nextToken>2</nextToken>"),
		  PAGE(PLAIN("us-east-1a", "14", "1") PLAIN("us-east-1a", "11", "2"), "") },
	};
	struct fake_cloud *cloud = *state;
	struct spot_query query = march();
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		struct spot_history history = { 0 };

		fake_once(cloud, HISTORY " NextToken=2", 200, pages[i][1]);
		fake_once(cloud, HISTORY, 200, pages[i][0]);
		assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), 0);
		assert_int_equal(history.nr, 2);
		for (size_t z = 0; z < 2; z++) {
			const struct spot_series *series = &history.v[z];
			bool a = strcmp(series->zone.name, "us-east-1a") == 0;

			assert_int_equal(series->nr, a ? 2 : 1);
			assert_int_equal(series->v[0].micros, a ? 2000000 : 5000000);
			assert_int_equal(series->v[series->nr - 1].micros, a ? 1000000 : 5000000);
		}
		spot_history_release(&history);
	}
}

static void test_zone_ids(void **state)
{
	struct fake_cloud *cloud = *state;
	struct spot_query query = march();
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;

	fake_once(cloud, HISTORY, 200,
		  PAGE("<item><availabilityZoneId>use1-az6</availabilityZoneId><availabilityZone>"
		       "us-east-1a</availabilityZone><instanceType>" P3 "</instanceType>"
		       "<productDescription>Linux/UNIX</productDescription><spotPrice>0.9"
		       "</spotPrice><timestamp>2020-03-11T00:00:00Z</timestamp></item>",
		       ""));
	assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), 0);
	assert_string_equal(history.v[0].zone.id, "use1-az6");
	spot_history_release(&history);
}

static void test_hostile(void **state)
{
	static const struct {
		const char *body, *field;
	} cases[] = {
		{ PAGE(ROW(P3, "us-east-1a", "2020-03-10T00:00:00Z", "-1"), ""), "spotPrice" },
		{ PAGE(ROW(P3, "us-east-1a", "2020-03-10T00:00:00Z", "0"), ""), "spotPrice" },
		{ PAGE(ROW(P3, "us-east-1a", "2020-03-10T00:00:00Z", "1e3"), ""), "spotPrice" },
		{ PAGE(ROW(P3, "us-east-1a", "2020-03-10T00:00:00Z", "nan"), ""), "spotPrice" },
		{ PAGE(ROW(P3, "us-east-1a", "2020-03-10T00:00:00Z", ""), ""), "spotPrice" },
		{ PAGE(ROW(P3, "us-east-1a", "2020-03-10T00:00:00Z", "99999999999"), ""),
		  "spotPrice" },
		{ PAGE(ROW(P3, "us-east-1a", "2020-02-30T00:00:00Z", "1"), ""), "timestamp" },
		{ PAGE(ROW(P3, "us-east-1a", "yesterday", "1"), ""), "timestamp" },
		{ PAGE(ROW(P3, "eu-west-1a", "2020-03-10T00:00:00Z", "1"), ""),
		  "availabilityZone" },
		{ PAGE(ROW(P3, "us-east-1a; rm", "2020-03-10T00:00:00Z", "1"), ""),
		  "availabilityZone" },
		{ PAGE(ROW(P3, "", "2020-03-10T00:00:00Z", "1"), ""), "availabilityZone" },
		{ PAGE(ROW(P3, "us-east-1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			   "2020-03-10T00:00:00Z", "1"),
		       ""),
		  "availabilityZone" },
		{ "<DescribeSpotPriceHistoryResponse><spotPriceHistorySet><item>", "" },
		{ "<html>", "" },
		{ "", "" },
		{ "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "" },
	};
	struct fake_cloud *cloud = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct spot_query query = march();
		struct spot_history history = { 0 };
		struct error err = ERROR_INIT;
		fake_once(cloud, HISTORY, 200, cases[i].body);
		assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), -1);
		if (err.kind != ERROR_PROTOCOL || !strstr(err.message, cases[i].field))
			fail_msg("case %zu: %s: %s", i, error_kind_name(err.kind), err.message);
	}
}

/* An attempt that breaks off in the middle of the page leaves nothing behind. */
static void test_broken_attempt(void **state)
{
	static const char body[] =
		PAGE(ROW(P3, "us-east-1a", "2020-03-10T00:00:00Z", "1.5")
			     ROW(P3, "us-east-1b", "2020-03-11T00:00:00Z", "1.6"),
		     "");
	struct fake_cloud *cloud = *state;
	struct spot_query query = march();
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;

	for (size_t chunk = 1; chunk < 400; chunk += 23) {
		cloud->chunk = chunk;
		fake_error(cloud, HISTORY, 503, "RequestLimitExceeded");
		fake_once(cloud, HISTORY, 500, "<html>oops</html>");
		fake_once(cloud, HISTORY, 200, body);
		assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), 0);
		assert_int_equal(history.nr, 2);
		assert_int_equal(history.v[0].nr, 1);
		spot_history_release(&history);
	}
	/* Cut at every byte: an error each time, never half a history. */
	for (size_t cut = 1; cut < sizeof(body) - 1; cut++) {
		fake_once(cloud, HISTORY, 200, body)->cut = cut;
		assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), -1);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
	}
}

static void test_regions(void **state)
{
	struct fake_cloud *cloud = *state;
	struct spot_query query = march();
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;

	query.nr_regions = 2;
	fake_once(cloud, "https://ec2.us-east-1* " HISTORY, 200,
		  PAGE(ROW(P3, "us-east-1a", "2020-03-10T00:00:00Z", "1.5"), ""));
	fake_once(cloud, "https://ec2.eu-west-1* " HISTORY, 200,
		  PAGE(ROW(P3, "eu-west-1a", "2020-03-10T00:00:00Z", "1.5"), ""));
	assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), 0);
	assert_int_equal(cloud->most_at_once, 2);
	assert_int_equal(history.nr, 2);
	assert_string_equal(history.v[0].region, "eu-west-1");
	spot_history_release(&history);

	fake_error(cloud, "https://ec2.eu-west-1* " HISTORY, 403, "UnauthorizedOperation");
	fake_once(cloud, "https://ec2.us-east-1* " HISTORY, 200,
		  PAGE(ROW(P3, "us-east-1a", "2020-03-10T00:00:00Z", "1.5"), ""));
	assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), 0);
	assert_int_equal(history.nr, 1);
	assert_int_equal(history.nr_failures, 1);
	assert_string_equal(history.failures[0].region, "eu-west-1");
	spot_history_release(&history);

	fake_error(cloud, HISTORY, 403, "UnauthorizedOperation")->times = -1;
	assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
}

static void test_questions(void **state)
{
	struct fake_cloud *cloud = *state;
	struct spot_query query = march();
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;
	const char *bad[] = { "p3 2xlarge" };

	query.nr_types = 0;
	assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), 0);
	assert_int_equal(history.nr, 0);
	query = march();
	query.types = bad;
	assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	query = march();
	query.until = query.since - 1;
	assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(cloud->nr_seen, 0);

	query = march();
	fake_error(cloud, HISTORY, 400, "InvalidInstanceType");
	assert_int_equal(aws_spot_history(cloud->p, &query, &history, &err), 0);
	assert_int_equal(history.nr, 0);
}

/* A real reply, turned into the XML that it was. */
static void test_recorded(void **state)
{
	struct fake_cloud *cloud = *state;
	struct spot_query query = { .regions = regions, .nr_regions = 1, .nr_types = 1 };
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT, rows = BUF_INIT;
	struct json json;
	const struct cJSON *list;
	const char *path = GPUCLOUD_SHARED_DATA
		"/aws/ec2-instance-selector/DescribeSpotPriceHistory-m5_large.json";
	static const char *const m5[] = { "m5.large" };

	if (host_system.read_file(NULL, path, 1 << 20, &text, &err)) {
		print_message("no '%s'\n", path);
		skip();
	}
	assert_int_equal(json_parse(text.data, text.len, "the file", &json, &err), 0);
	assert_int_equal(json_array(json.root, "SpotPriceHistory", &list, &err), 0);
	const char *zone = "";
	size_t linux_rows = 0;
	for (size_t i = 0; i < json_len(list); i++) {
		const char *product, *price, *time;
		assert_int_equal(json_string(json_at(list, i), "AvailabilityZone", 64, &zone, &err),
				 0);
		json_string(json_at(list, i), "ProductDescription", 64, &product, &err);
		json_string(json_at(list, i), "SpotPrice", 64, &price, &err);
		json_string(json_at(list, i), "Timestamp", 64, &time, &err);
		linux_rows += !strncmp(product, "Linux/UNIX", 10);
		buf_addf(&rows, ROW_OF("%s", "m5.large", "%s", "%s", "%s"), product, price, time,
			 zone);
	}
	assert_true(linux_rows > 0);
	char *region = xstrndup(zone, strlen(zone) - 1);
	const char *const of_file[] = { region };
	char *body = xasprintf(PAGE("%s", ""), rows.data);
	fake_always(cloud, HISTORY, 200, body); /* each window of time is sent all of it */
	query.regions = of_file;
	query.types = m5;
	query.until = FAKE_NOW;
	if (aws_spot_history(cloud->p, &query, &history, &err))
		fail_msg("%s", err.message);
	size_t points = 0;
	for (size_t i = 0; i < history.nr; i++) {
		for (size_t j = 1; j < history.v[i].nr; j++)
			assert_true(history.v[i].v[j].time > history.v[i].v[j - 1].time);
		points += history.v[i].nr;
	}
	assert_true(points > 0 && points <= linux_rows);
	spot_history_release(&history);
	json_release(&json);
	buf_release(&text);
	buf_release(&rows);
	free(body);
	free(region);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pages_and_series, setup, teardown),
		cmocka_unit_test_setup_teardown(test_window, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unasked_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_products, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zone_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_attempt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_regions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_questions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recorded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded prices, and the numbers they must give. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bidding/bid.h"
#include "bidding/sweep.h"
#include "bidding/walk.h"
#include "core/error.h"
#include "core/mem.h"
#include "fleet/price_file.h"

#define EXACT	  1e-6 /* to the last digit stated */
#define ZONES_MAX 6
#define HOUR	  INT64_C(3600)
#define DAY	  (24 * HOUR)

#define FROM_2015  INT64_C(1433116800) /* 2015-06-01 */
#define UNTIL_2015 INT64_C(1440979200) /* 2015-08-31 */
#define SPRING	   INT64_C(1426032000) /* 2015-03-11 */
#define SUMMER	   INT64_C(1433980800) /* 2015-06-11 */
#define FROM_2020  INT64_C(1577232000) /* 2019-12-25 */
#define UNTIL_2020 INT64_C(1584662400) /* 2020-03-20 */

#define assert_near(a, b, epsilon) assert_true(fabs((a) - (b)) <= (epsilon))

struct zones {
	struct price_file files[ZONES_MAX];
	struct price_series series[ZONES_MAX];
	size_t nr;
};

static void need(const char *folder)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/prices/%s", GPUCLOUD_SHARED_DATA, folder);
	if (access(path, R_OK) < 0) {
		print_message("skipped: no recorded prices in %s\n", path);
		skip();
	}
}

static void load(struct zones *zones, const char *folder, const char *type, const char *letters)
{
	need(folder);
	*zones = (struct zones){ .nr = strlen(letters) };
	for (size_t i = 0; i < zones->nr; i++) {
		struct price_file *file = &zones->files[i];
		struct error err = ERROR_INIT;
		char path[512];

		snprintf(path, sizeof(path), "%s/prices/%s/%s_us-east-1%c.csv",
			 GPUCLOUD_SHARED_DATA, folder, type, letters[i]);
		if (price_file_read(path, file, &err) < 0)
			fail_msg("%s", err.message);
		assert_string_equal(file->type, type);
		zones->series[i] = (struct price_series){ file->zone, file->points, file->nr };
	}
}

static void unload(struct zones *zones)
{
	for (size_t i = 0; i < zones->nr; i++)
		price_file_release(&zones->files[i]);
}

static int64_t cap(const char *text, int64_t on_demand)
{
	struct error err = ERROR_INIT;
	struct bid bid;
	int64_t got = 0;

	assert_int_equal(bid_parse(text, &bid, &err), 0);
	assert_int_equal(bid_resolve(&bid, on_demand, &got, &err), 0);
	return got;
}

/* g2.2xlarge in the summer of 2015, when prices still spiked to ten times on demand. */
static void test_step_function_of_2015(void **state)
{
	static const char *const rungs[] = { "51%", "76%", "101%" };
	static const struct {
		double mean, std;
		int64_t median, p95;
		double under[3];
		size_t evictions[3];
		double survival;
	} want[] = {
		{ .495985,
		  1.254620,
		  88700,
		  5000000,
		  { .864321, .872117, .904473 },
		  { 281, 291, 209 },
		  .62337 },
		{ 1.023144,
		  1.663608,
		  134800,
		  5000000,
		  { .570533, .597518, .665178 },
		  { 301, 465, 182 },
		  .55649 },
		{ .240842,
		  .741766,
		  88200,
		  349900,
		  { .949673, .952937, .953736 },
		  { 139, 134, 135 },
		  .80850 },
	};
	struct error err = ERROR_INIT;
	struct zones zones;

	(void)state;
	load(&zones, "aws-2015", "g2.2xlarge", "abe");
	for (size_t z = 0; z < zones.nr; z++) {
		const struct price_series *series = &zones.series[z];
		struct price_stats stats;
		double survival;

		assert_int_equal(price_stats_compute(series, FROM_2015, UNTIL_2015, &stats, &err),
				 0);
		assert_near(stats.mean, want[z].mean, EXACT);
		assert_near(stats.std, want[z].std, EXACT);
		assert_int_equal(stats.median, want[z].median);
		assert_int_equal(stats.p95, want[z].p95);
		assert_int_equal(stats.covered_s, UNTIL_2015 - FROM_2015);
		for (size_t r = 0; r < 3; r++) {
			struct bid_stats under;

			assert_int_equal(bid_stats_compute(series, FROM_2015, UNTIL_2015,
							   cap(rungs[r], 650000), &under, &err),
					 0);
			assert_near(under.share_under, want[z].under[r], EXACT);
			assert_int_equal(under.crossings, want[z].evictions[r]);
		}
		assert_int_equal(bid_survival(series, FROM_2015, UNTIL_2015, cap("101%", 650000),
					      DAY, &survival, &err),
				 0);
		assert_near(survival, want[z].survival, 1e-5);
	}
	unload(&zones);
}

static struct zone_score scores[ZONES_MAX];
static size_t ranks[ZONES_MAX];

static struct zone_choice choose(const struct zones *zones, int64_t since, int64_t bid,
				 int64_t on_demand)
{
	struct zone_choice choice = { .v = scores, .order = ranks };
	struct error err = ERROR_INIT;

	if (zone_choose(zones->series, zones->nr, since, UNTIL_2020, bid, on_demand,
			ZONE_BY_STABILITY, &choice, &err) < 0)
		fail_msg("%s", err.message);
	return choice;
}

/* The window of the reference, and the 90 days the command line looks at. */
static const int64_t begins[] = { FROM_2020, UNTIL_2020 - 90 * DAY };

static void test_p2_16xlarge_goes_to_zone_e(void **state)
{
	struct zones zones;

	(void)state;
	load(&zones, "aws-2020", "p2.16xlarge", "abcde");
	for (size_t i = 0; i < ARRAY_SIZE(begins); i++) {
		struct zone_choice choice =
			choose(&zones, begins[i], cap("51%", 14400000), 14400000);

		assert_true(choice.nr_eligible > 0);
		assert_string_equal(choice.v[choice.order[0]].zone, "us-east-1e");
	}
	struct zone_choice choice = choose(&zones, FROM_2020, cap("51%", 14400000), 14400000);
	assert_int_equal(cap("51%", 14400000), 7344000);
	assert_near(choice.v[choice.order[0]].stats.mean, 4.320227, EXACT);
	assert_near(choice.v[choice.order[0]].stats.std, .003813, EXACT);
	unload(&zones);
}

/* Zone f never moved: it rested at the on-demand price, and the naive rule would take it. */
static void test_p2_xlarge_never_goes_to_zone_f(void **state)
{
	static const char *const bids[] = { "51%", "76%", "101%", "200%", "1000%" };
	struct zones zones;

	(void)state;
	load(&zones, "aws-2020", "p2.xlarge", "abcdef");
	for (size_t i = 0; i < ARRAY_SIZE(begins); i++) {
		for (size_t b = 0; b <= ARRAY_SIZE(bids); b++) {
			int64_t bid = b < ARRAY_SIZE(bids) ? cap(bids[b], 900000) : 0;
			struct zone_choice choice = choose(&zones, begins[i], bid, 900000);
			const struct zone_score *best = &choice.v[choice.order[0]];
			const struct zone_score *raw = &choice.v[choice.raw_min_std];

			assert_true(choice.nr_eligible > 0);
			assert_string_equal(best->zone, "us-east-1c");
			for (size_t z = 0; z < choice.nr_eligible; z++)
				assert_string_not_equal(choice.v[choice.order[z]].zone,
							"us-east-1f");
			assert_string_equal(raw->zone, "us-east-1f");
			assert_int_equal(raw->verdict, ZONE_AT_ON_DEMAND);
			assert_true(raw->stats.std == 0.0);
			assert_int_equal(raw->stats.last, 900000);
			if (begins[i] != FROM_2020)
				continue;
			assert_near(best->stats.mean, .371647, EXACT);
			assert_near(best->stats.std, .009805, EXACT);
			assert_int_equal(best->stats.p95, 388600);
		}
	}
	unload(&zones);
}

/* The coefficient of variation would rank these three exactly backwards. */
static void test_spiky_zones_are_ranked_the_right_way_round(void **state)
{
	static const char *const calm_first[] = { "us-east-1e", "us-east-1a", "us-east-1b" };
	struct zones zones;
	struct zone_choice choice = { .v = scores, .order = ranks };
	struct error err = ERROR_INIT;

	(void)state;
	load(&zones, "aws-2015", "g2.2xlarge", "abe");
	/* With an on-demand price above every spike all zones are eligible, and the order shows. */
	assert_int_equal(zone_choose(zones.series, zones.nr, FROM_2015, UNTIL_2015, 0, 10000000,
				     ZONE_BY_STABILITY, &choice, &err),
			 0);
	assert_int_equal(choice.nr_eligible, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(choice.v[choice.order[i]].zone, calm_first[i]);
	/* std / mean would say b, a, e. */
	double cv_a = scores[0].stats.std / scores[0].stats.mean;
	double cv_b = scores[1].stats.std / scores[1].stats.mean;
	double cv_e = scores[2].stats.std / scores[2].stats.mean;
	assert_true(cv_b < cv_a && cv_a < cv_e);
	unload(&zones);
}

/* Why nothing here is called a forecast: the calmest zone of spring was the worst of summer. */
static void test_the_past_does_not_predict(void **state)
{
	static const double calm[] = { .354, .309, .440 };
	struct price_stats before[3], after[3];
	struct error err = ERROR_INIT;
	struct zones zones;

	(void)state;
	load(&zones, "aws-2015", "g2.2xlarge", "abe");
	for (size_t z = 0; z < 3; z++) {
		assert_int_equal(
			price_stats_compute(&zones.series[z], SPRING, SUMMER, &before[z], &err), 0);
		assert_int_equal(
			price_stats_compute(&zones.series[z], SUMMER, UNTIL_2015, &after[z], &err),
			0);
		assert_near(before[z].std / .65, calm[z], 5e-4);
	}
	assert_true(before[1].std < before[0].std && before[1].std < before[2].std);
	assert_true(after[1].std > after[0].std && after[1].std > after[2].std);
	assert_true(after[1].mean > .65); /* dearer than on demand, on average */
	unload(&zones);
}

/* 300 jobs of 24 hours, one every 6 hours, in the calmest zone of that summer. */
static void test_jobs_of_2015(void **state)
{
	static const struct {
		const char *bid;
		double sec, hour2017, makespan_h, interruptions;
	} want[] = {
		{ "51%", 2.6570, 2.6175, 27.13, 2.407 },
		{ "76%", 2.6862, 2.6608, 26.84, 2.213 },
		{ "101%", 2.6934, 2.6749, 26.82, 2.187 },
	};
	struct error err = ERROR_INIT;
	struct zones zones;

	(void)state;
	load(&zones, "aws-2015", "g2.2xlarge", "e");
	struct walk walk = { .series = zones.series,
			     .nr = 1,
			     .since = SPRING,
			     .until = UNTIL_2015,
			     .train_s = 90 * DAY,
			     .first = SUMMER,
			     .last = SUMMER + 299 * 6 * HOUR,
			     .step_s = 6 * HOUR,
			     .job = { DAY, 1800, 60, 300 },
			     .on_demand = 650000 };
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		struct walk_result got[BILLING_NR];

		for (int b = 0; b < BILLING_NR; b++) {
			walk.billing = (enum billing)b;
			assert_int_equal(
				walk_zone(&walk, 0, cap(want[i].bid, 650000), &got[b], &err), 0);
			assert_int_equal(got[b].starts, 300);
			assert_int_equal(got[b].finished, 300);
			assert_near(got[b].mean_makespan_s / 3600, want[i].makespan_h, 5e-3);
			assert_near(got[b].interruptions, want[i].interruptions, 5e-4);
		}
		assert_near(got[BILLING_SEC].mean_cost, want[i].sec, 5e-5);
		assert_near(got[BILLING_HOUR2017].mean_cost, want[i].hour2017, 5e-5);
		/* no figure is known for the third; prices inside an hour rarely move by much */
		assert_near(got[BILLING_SEC_HOURLOCK].mean_cost, want[i].sec, .02 * want[i].sec);
	}
	assert_near(job_on_demand_cost(&walk.job, 650000, BILLING_SEC), 15.60, 1e-12);
	unload(&zones);
}

/* Zone b that summer: what the price did to those who went by the calm of spring. */
static void test_jobs_where_spring_was_calm(void **state)
{
	struct error err = ERROR_INIT;
	struct zones zones;
	struct walk_result got;

	(void)state;
	load(&zones, "aws-2015", "g2.2xlarge", "b");
	struct walk walk = { .series = zones.series,
			     .nr = 1,
			     .since = SPRING,
			     .until = UNTIL_2015,
			     .train_s = 90 * DAY,
			     .first = SUMMER,
			     .last = SUMMER + 299 * 6 * HOUR,
			     .step_s = 6 * HOUR,
			     .job = { DAY, 1800, 60, 300 },
			     .on_demand = 650000 };
	assert_int_equal(walk_zone(&walk, 0, cap("51%", 650000), &got, &err), 0);
	assert_int_equal(got.starts - got.finished, 106);
	assert_int_equal(walk_zone(&walk, 0, cap("1000%", 650000), &got, &err), 0);
	assert_int_equal(got.finished, 300);
	assert_true(got.interruptions == 0);
	assert_near(got.mean_cost, 28.56, 5e-3);
	unload(&zones);
}

/* The sweep on a real record: each of its bids, asked alone, has the same answer. */
static void test_every_bid_of_2015(void **state)
{
	struct error err = ERROR_INIT;
	struct bid_curve curve;
	struct zones zones;

	(void)state;
	load(&zones, "aws-2015", "g2.2xlarge", "a");
	assert_int_equal(
		bid_curve_compute(&zones.series[0], FROM_2015, UNTIL_2015, DAY, &curve, &err), 0);
	assert_true(curve.nr > 1000);
	for (size_t i = 0; i < curve.nr; i += 37) {
		struct bid_stats under;
		double survival;

		assert_int_equal(bid_stats_compute(&zones.series[0], FROM_2015, UNTIL_2015,
						   curve.v[i].bid, &under, &err),
				 0);
		assert_int_equal(bid_survival(&zones.series[0], FROM_2015, UNTIL_2015,
					      curve.v[i].bid, DAY, &survival, &err),
				 0);
		assert_true(curve.v[i].share_under == under.share_under);
		assert_true(curve.v[i].paid == under.paid);
		assert_int_equal(curve.v[i].crossings, under.crossings);
		assert_true(curve.v[i].survival == survival);
	}
	assert_near(bid_curve_at(&curve, cap("101%", 650000))->survival, .62337, 1e-5);
	assert_int_equal(bid_curve_at(&curve, cap("51%", 650000))->crossings, 281);
	bid_curve_release(&curve);
	unload(&zones);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_step_function_of_2015),
		cmocka_unit_test(test_p2_16xlarge_goes_to_zone_e),
		cmocka_unit_test(test_p2_xlarge_never_goes_to_zone_f),
		cmocka_unit_test(test_spiky_zones_are_ranked_the_right_way_round),
		cmocka_unit_test(test_the_past_does_not_predict),
		cmocka_unit_test(test_jobs_of_2015),
		cmocka_unit_test(test_jobs_where_spring_was_calm),
		cmocka_unit_test(test_every_bid_of_2015),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

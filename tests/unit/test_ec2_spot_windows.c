/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spot price history in windows of time: however it is cut, the series are those of a walk from page
 * to page; a server that will not have it ends in a region's failure, never in a shorter history.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "providers/aws/ec2.h"
#include "providers/aws/ec2_spot_history.h"
#include "spot_server.h"

#define DAY_S  INT64_C(86400)
#define DAY_MS (DAY_S * 1000)

static const char *const types[] = { "p3.2xlarge", "g5.xlarge", "g6.xlarge" };

static const struct spot_tuning serial = {
	.width = 1, .first_windows = 1, .window_rows = 1000, .page_rows = 1000
};

static int setup(void **state)
{
	struct spot_server *server = xcalloc(1, sizeof(*server));

	spot_server_init(server);
	*state = server;
	return 0;
}

static int teardown(void **state)
{
	spot_server_release(*state);
	free(*state);
	return 0;
}

/* One series: quiet, with a burst in it, restated prices, and changes within one millisecond. */
static void add_series(struct spot_server *server, const struct rng *rng, const char *region,
		       const char *type, char letter, unsigned nr)
{
	struct server_row row = { .region = region, .type = type };
	int64_t burst = FAKE_NOW - (int64_t)rng_below(rng, 95 * DAY_S);

	snprintf(row.zone, sizeof(row.zone), "%s%c", region, letter);
	row.micros = 500000;
	for (unsigned i = 0; i < nr; i++) {
		int64_t s = rng_below(rng, 4) ? FAKE_NOW - (int64_t)rng_below(rng, 100 * DAY_S)
					      : burst + (int64_t)rng_below(rng, 7200);
		if (rng_below(rng, 3))
			row.micros = 100000 + (int64_t)rng_below(rng, 900000);
		row.ms = s * 1000 + (rng_below(rng, 3) ? 0 : (int64_t)rng_below(rng, 1000));
		if (rng_below(rng, 6) == 0) /* where windows may begin and end, or next to it */
			row.ms = FAKE_NOW * 1000 - (FAKE_NOW - s) / DAY_S * DAY_MS +
				 ((int64_t)rng_below(rng, 3) - 1) * 500;
		spot_server_add(server, &row);
		if (rng_below(rng, 30) == 0) {
			row.micros += 1;
			spot_server_add(server, &row);
		}
	}
}

static void add_world(struct spot_server *server, const struct rng *rng, unsigned max)
{
	for (size_t r = 0; r < SPOT_SERVER_REGIONS; r++)
		for (size_t t = 0; t < ARRAY_SIZE(types); t++)
			for (char letter = 'a'; letter < 'd'; letter++)
				add_series(server, rng, spot_server_regions[r], types[t], letter,
					   (unsigned)rng_below(rng, max));
}

static struct spot_query all_of(const struct spot_server *server)
{
	(void)server;
	return (struct spot_query){ .regions = spot_server_regions,
				    .nr_regions = SPOT_SERVER_REGIONS,
				    .types = types,
				    .nr_types = ARRAY_SIZE(types),
				    .since = FAKE_NOW - 90 * DAY_S,
				    .until = FAKE_NOW };
}

static void assert_same(const struct spot_history *a, const struct spot_history *b)
{
	assert_int_equal(a->nr, b->nr);
	for (size_t i = 0; i < a->nr; i++) {
		const struct spot_series *x = &a->v[i], *y = &b->v[i];

		assert_string_equal(x->region, y->region);
		assert_string_equal(x->type, y->type);
		assert_string_equal(x->zone.name, y->zone.name);
		if (x->nr != y->nr)
			fail_msg("%s %s: %zu points, not %zu", x->zone.name, x->type, x->nr, y->nr);
		assert_memory_equal(x->v, y->v, x->nr * sizeof(*x->v));
	}
}

static void fetch(struct spot_server *server, const struct spot_query *query,
		  const struct spot_tuning *tuning, struct spot_stats *stats,
		  struct spot_history *ret)
{
	struct error err = ERROR_INIT;

	memset(ret, 0, sizeof(*ret));
	if (ec2_spot_history_tuned(server->cloud.p, query, tuning, stats, ret, &err))
		fail_msg("%s", err.message);
	assert_int_equal(ret->nr_failures, 0);
}

static struct spot_tuning random_tuning(const struct rng *rng)
{
	return (struct spot_tuning){
		.width = 1 + (unsigned)rng_below(rng, 8),
		.first_windows = 1 + (unsigned)rng_below(rng, 12),
		.window_rows = 1 + (unsigned)rng_below(rng, 500),
		.page_rows = 3 + (unsigned)rng_below(rng, 60),
		.long_pages = (unsigned)rng_below(rng, 4),
	};
}

/* The same rows and the same server, cut in any way. */
static void test_any_cut_is_the_same(void **state)
{
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 7);
	unsigned cut = 0;

	(void)state;
	for (int round = 0; round < 40; round++) {
		struct spot_server server;
		struct spot_history want, got;
		struct spot_stats stats;

		spot_server_init(&server);
		add_world(&server, &rng, round % 2 ? 20 : 60);
		server.order = (enum spot_order)(round % SPOT_ORDER_COUNT);
		server.open_end = rng_below(&rng, 2);
		server.empty_pages = rng_below(&rng, 3) == 0;
		server.ignores_times = rng_below(&rng, 4) == 0;
		server.ignores_max = rng_below(&rng, 4) == 0;
		server.ignores_types = rng_below(&rng, 4) == 0;
		struct spot_query query = all_of(&server);
		if (round % 3 == 0) {
			query.since -= (int64_t)rng_below(&rng, 20 * DAY_S) - 5 * DAY_S;
			query.until -= (int64_t)rng_below(&rng, 3) * DAY_S;
		}
		fetch(&server, &query, &serial, &stats, &want);
		for (int i = 0; i < 3; i++) {
			struct spot_tuning tuning = random_tuning(&rng);

			fetch(&server, &query, &tuning, &stats, &got);
			assert_same(&got, &want);
			assert_true(server.most_of_region <= 8);
			cut += stats.windows > SPOT_SERVER_REGIONS;
			spot_history_release(&got);
		}
		spot_history_release(&want);
		spot_server_release(&server);
	}
	assert_true(cut > 80);
}

/* Against the rows themselves: what a server that does as EC2 leads to. */
static void test_nothing_is_lost(void **state)
{
	struct spot_server *server = *state;
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 8);
	struct spot_query query = all_of(server);
	struct spot_history history;
	struct spot_stats stats;

	add_world(server, &rng, 400);
	fetch(server, &query, &spot_tuning_default, &stats, &history);
	for (size_t i = 0; i < server->nr; i++) {
		const struct server_row *row = &server->rows[i];
		bool found = false;

		if (row->ms < query.since * 1000 || row->ms > query.until * 1000)
			continue;
		for (size_t s = 0; s < history.nr && !found; s++) {
			const struct spot_series *series = &history.v[s];

			if (strcmp(series->zone.name, row->zone) != 0 ||
			    strcmp(series->type, row->type) != 0)
				continue;
			for (size_t p = 0; p < series->nr && !found; p++)
				found = series->v[p].time == row->ms / 1000;
		}
		assert_true(found);
	}
	spot_history_release(&history);
}

/* More side by side, fewer one after the other; and never more at once than allowed. */
static void test_pages_go_side_by_side(void **state)
{
	struct spot_server *server = *state;
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 9);
	struct spot_query query = all_of(server);
	struct spot_history history;
	struct spot_stats walk, stats;
	struct spot_tuning tuning = spot_tuning_default, one = serial;

	add_world(server, &rng, 400);
	one.page_rows = tuning.page_rows = 50;
	fetch(server, &query, &one, &walk, &history);
	spot_history_release(&history);
	assert_int_equal(server->most_of_region, 1);
	assert_int_equal(walk.windows, SPOT_SERVER_REGIONS);
	fetch(server, &query, &tuning, &stats, &history);
	spot_history_release(&history);
	assert_true(walk.longest >= 20);
	assert_true(stats.longest * 3 <= walk.longest);
	/* Pages are short here, and each window repeats nine prices: in earnest it is far less. */
	assert_true(stats.requests <= walk.requests * 3);
	assert_true(server->most_of_region > 1 && server->most_of_region <= tuning.width);
}

static const struct spot_series *series_of(const struct spot_history *history, const char *region)
{
	for (size_t i = 0; i < history->nr; i++)
		if (!strcmp(history->v[i].region, region))
			return &history->v[i];
	return NULL;
}

/* Throttled now and then: slower, and whole. */
static void test_some_throttling(void **state)
{
	struct spot_server *server = *state;
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 10);
	struct spot_query query = all_of(server);
	struct spot_history want, got;
	struct spot_stats stats;
	struct spot_tuning tuning = spot_tuning_default;

	add_world(server, &rng, 200);
	tuning.page_rows = 40;
	fetch(server, &query, &serial, &stats, &want);
	server->throttle_every = 6;
	fetch(server, &query, &tuning, &stats, &got);
	assert_same(&got, &want);
	assert_true(server->cloud.slept_ms > 0);
	spot_history_release(&want);
	spot_history_release(&got);
}

/* A region that throttles for ever, from the start or after some pages, is a failure of its own. */
static void test_throttle_storm(void **state)
{
	struct spot_server *server = *state;
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 11);
	struct spot_query query = all_of(server);
	struct spot_tuning tuning = spot_tuning_default;

	add_world(server, &rng, 200);
	tuning.page_rows = 40;
	for (unsigned after = 0; after < 30; after += 10) {
		struct spot_history history = { 0 };
		struct error err = ERROR_INIT;
		struct spot_stats stats;

		memset(server->of_region, 0, sizeof(server->of_region));
		server->throttled = "eu-west-1";
		server->throttled_after = after;
		assert_int_equal(ec2_spot_history_tuned(server->cloud.p, &query, &tuning, &stats,
							&history, &err),
				 0);
		assert_int_equal(history.nr_failures, 1);
		assert_string_equal(history.failures[0].region, "eu-west-1");
		assert_int_equal(history.failures[0].err.kind, ERROR_THROTTLED);
		assert_null(series_of(&history, "eu-west-1"));
		assert_non_null(series_of(&history, "us-east-1"));
		/* Each of those under way was tried four times; none was begun after the first gave up. */
		assert_true(server->of_region[1] <= after + 4 * tuning.width);
		spot_history_release(&history);
	}
	assert_true(server->cloud.slept_ms < 120000);
}

static void test_tokens_that_lead_nowhere(void **state)
{
	static const unsigned circles[] = { 1, 2, 3, 7, 100 };
	struct spot_server *server = *state;
	struct spot_query query = all_of(server);

	query.nr_regions = 1;
	for (size_t i = 0; i <= ARRAY_SIZE(circles); i++) {
		struct spot_history history = { 0 };
		struct error err = ERROR_INIT;
		struct spot_stats stats;

		server->requests = 0;
		server->endless = i == ARRAY_SIZE(circles);
		server->circle = server->endless ? 0 : circles[i];
		assert_int_equal(ec2_spot_history_tuned(server->cloud.p, &query, &serial, &stats,
							&history, &err),
				 -1);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
		if (server->endless) {
			assert_non_null(strstr(err.message, "more than 5000 pages"));
			assert_int_equal(server->requests, EC2_PAGES_MAX);
		} else {
			assert_non_null(strstr(err.message, "repeats its 'nextToken'"));
			assert_true(server->requests <= 4 * circles[i] + 2);
		}
	}
}

/* EC2 refuses the question for one type that a region does not know: the others count. */
static void test_unknown_type(void **state)
{
	struct spot_server *server = *state;
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 12);
	struct spot_query query = all_of(server);
	struct spot_history history;
	struct spot_stats stats;
	size_t nr = 0;

	add_world(server, &rng, 50);
	server->unknown = "g6.xlarge";
	server->unknown_in = "us-west-2";
	fetch(server, &query, &spot_tuning_default, &stats, &history);
	for (size_t i = 0; i < history.nr; i++) {
		bool there = !strcmp(history.v[i].region, "us-west-2");

		nr += there;
		assert_false(there && !strcmp(history.v[i].type, "g6.xlarge"));
	}
	assert_int_equal(nr, 2 * 3);
	spot_history_release(&history);
}

static void test_plan(void **state)
{
	static const char *const regions[] = { "us-east-1" };
	struct spot_query query = { .regions = regions,
				    .nr_regions = 1,
				    .types = types,
				    .nr_types = 1,
				    .since = FAKE_NOW - 3600,
				    .until = FAKE_NOW };
	struct spot_window v[SPOT_WINDOWS_MAX];
	const struct spot_window year = { FAKE_NOW - 365 * DAY_S, FAKE_NOW + 5, INT64_MIN,
					  INT64_MAX };

	(void)state;
	/* The price now is one request, and so is what EC2 no longer has. */
	assert_int_equal(spot_first_windows(&query, FAKE_NOW, &spot_tuning_default), 1);
	query.since = FAKE_NOW - 300 * DAY_S;
	query.until = FAKE_NOW - 200 * DAY_S;
	assert_int_equal(spot_first_windows(&query, FAKE_NOW, &spot_tuning_default), 1);
	query.until = FAKE_NOW;
	query.nr_types = 3;
	assert_int_equal(spot_first_windows(&query, FAKE_NOW, &spot_tuning_default), 6);
	query.zone = "us-east-1a";
	assert_int_equal(spot_first_windows(&query, FAKE_NOW, &spot_tuning_default), 2);

	/* Only what EC2 keeps is cut; the pieces join. */
	assert_int_equal(spot_window_cut(&year, 6, FAKE_NOW, v), 6);
	assert_int_equal(v[0].since, year.since);
	assert_true(v[0].from_ms == INT64_MIN && v[5].to_ms == INT64_MAX);
	assert_int_equal(v[5].until, year.until);
	for (int i = 1; i < 6; i++) {
		assert_int_equal(v[i].since, v[i - 1].until);
		assert_int_equal(v[i].from_ms, v[i - 1].to_ms);
		assert_int_equal(v[i].since, FAKE_NOW - (90 - 15 * i) * DAY_S);
		assert_int_equal(v[i].from_ms, v[i].since * 1000);
	}
	/* No shorter than an hour. */
	const struct spot_window short_one = { FAKE_NOW - 7200, FAKE_NOW, INT64_MIN, INT64_MAX };
	assert_int_equal(spot_window_cut(&short_one, 6, FAKE_NOW, v), 2);
	const struct spot_window none = { FAKE_NOW, FAKE_NOW, 5, 6 };
	assert_int_equal(spot_window_cut(&none, 6, FAKE_NOW, v), 1);
	assert_memory_equal(&v[0], &none, sizeof(none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_cut_is_the_same),
		cmocka_unit_test_setup_teardown(test_nothing_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pages_go_side_by_side, setup, teardown),
		cmocka_unit_test_setup_teardown(test_some_throttling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_throttle_storm, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tokens_that_lead_nowhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_type, setup, teardown),
		cmocka_unit_test(test_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

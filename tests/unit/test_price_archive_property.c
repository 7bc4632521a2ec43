/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeded: whatever windows are synced in whatever order, the archive tells the true prices where one
 * of them reaches (from the change in force at its beginning on), and nothing elsewhere. Any order,
 * and twice, gives the same rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/mem.h"
#include "core/rng.h"
#include "tests/unit/price_cloud.h"

#define SEEDS	40
#define WINDOWS 6
#define ZONES	2
#define DAWN	(PC_NOW - 10 * PC_DAY)
#define STEP	INT64_C(3600)

struct window {
	int64_t since, until;
};

static int64_t below(struct rng *rng, int64_t n)
{
	return (int64_t)rng_below(rng, (uint64_t)n);
}

static void make_world(struct price_cloud *cloud, struct rng *rng)
{
	static const char *const names[ZONES] = { "r1a", "r1b" }, *const ids[ZONES] = { "a1",
											"a2" };

	for (size_t z = 0; z < ZONES; z++) {
		struct pc_pool *pool = pc_pool(cloud, "r1", "p3", names[z], ids[z]);

		for (int64_t t = below(rng, 30); t < 240; t += 1 + below(rng, 25))
			pc_price(pool, DAWN + t * STEP + below(rng, STEP), 1 + below(rng, 4));
	}
}

static struct window draw(struct rng *rng)
{
	int64_t a = below(rng, 240), b = below(rng, 240);

	if (a > b) {
		int64_t swap = a;
		a = b;
		b = swap;
	}
	return (struct window){ DAWN + a * STEP, DAWN + (b + 1) * STEP };
}

/* What the windows tell of t. */
static int64_t truth(const struct pc_pool *pool, const struct window *windows, size_t nr, int64_t t)
{
	for (size_t i = 0; i < nr; i++) {
		int64_t from = windows[i].since;

		/* From the change in force on; or from the first one, where there is none yet. */
		for (size_t k = 0; k < pool->nr; k++)
			if (pool->v[k].time <= windows[i].since || k == 0)
				from = pool->v[k].time;
		if (t < from || t >= windows[i].until || from >= windows[i].until)
			continue;
		int64_t micros = PRICE_GAP;
		for (size_t k = 0; k < pool->nr && pool->v[k].time <= t; k++)
			micros = pool->v[k].micros;
		return micros;
	}
	return PRICE_GAP;
}

static void compare(struct price_cloud *cloud, const struct window *windows, size_t nr,
		    uint64_t seed)
{
	struct market_list list = { 0 };
	struct error err = ERROR_INIT;
	int rc = pc_read(cloud, DAWN, PC_NOW, &list, &err);

	if (rc < 0)
		assert_int_equal(err.kind, ERROR_NOT_FOUND);
	for (size_t z = 0; z < ZONES; z++) {
		const struct price_series none = { "", NULL, 0 };
		const struct price_series *series = &none;

		for (size_t i = 0; rc == 0 && i < list.v[0].nr; i++)
			if (strcmp(list.v[0].zones[i].id, cloud->v[z].id) == 0)
				series = &list.v[0].series[i];
		for (size_t i = 1; i < series->nr; i++)
			assert_true(series->v[i].time > series->v[i - 1].time);
		for (int64_t t = DAWN; t < PC_NOW; t += 900) {
			int64_t want = truth(&cloud->v[z], windows, nr, t), got = pc_at(series, t);

			if (want != got)
				fail_msg("seed %llu zone %zu at %lld: %lld, not %lld",
					 (unsigned long long)seed, z, (long long)(t - DAWN),
					 (long long)got, (long long)want);
		}
	}
	market_list_release(&list);
}

static int64_t print_of(struct price_cloud *cloud)
{
	return pc_number(cloud,
			 "SELECT coalesce(sum((time % 1000003) * 31 + micros * 7 +"
			 " (SELECT length(zone_id) + instr('a1a2', zone_id) FROM zone JOIN pool"
			 " ON zone.id = pool.zone WHERE pool.id = price.pool)), 0) FROM price") +
	       pc_number(cloud, "SELECT coalesce(sum((since % 1000003) * 3 + until % 10007), 0)"
				" FROM cover");
}

static void run_seed(uint64_t seed)
{
	struct price_cloud *cloud = xcalloc(1, sizeof(*cloud));
	struct rng_seeded seeded;
	struct rng rng = rng_seeded(&seeded, seed);
	struct window windows[WINDOWS];

	pc_open(cloud);
	make_world(cloud, &rng);
	for (size_t i = 0; i < WINDOWS; i++) {
		windows[i] = draw(&rng);
		pc_must_sync(cloud, windows[i].since, windows[i].until, NULL);
		compare(cloud, windows, i + 1, seed);
	}
	int64_t rows = print_of(cloud);
	for (size_t i = 0; i < WINDOWS; i++) { /* again */
		struct price_sync sync;

		pc_must_sync(cloud, windows[i].since, windows[i].until, &sync);
		assert_int_equal(sync.rows_added, 0);
	}
	assert_int_equal(print_of(cloud), rows);
	unlink(cloud->file);
	for (size_t i = WINDOWS; i-- > 0;) /* the other way round */
		pc_must_sync(cloud, windows[i].since, windows[i].until, NULL);
	compare(cloud, windows, WINDOWS, seed);
	if (print_of(cloud) != rows)
		fail_msg("seed %llu: other rows in another order", (unsigned long long)seed);
	pc_close(cloud);
	free(cloud);
}

static void test_seeds(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run_seed(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

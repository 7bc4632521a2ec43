/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The promise, at random: what people do in any order, on a cloud that loses replies, stumbles and
 * is late, over a wire that cuts, doubles and holds back, from a computer that crashes at any
 * request and may lose its journal. At every moment a launch has one live instance at most, and so
 * has a name. What is said to be launched lives, what is said to be gone is gone. At the end all is
 * found by its tags, and when it has been ended nothing bills.
 *
 * For every cloud of the registry. GPUCLOUD_SEEDS=FIRST-LAST runs others than the first 200,
 * GPUCLOUD_SEEDS_OF=PROVIDER those of one; a failure names its seed.
 */
#include "tests/contract/property.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "fleet/journal.h"
#include "fleet/recover.h"
#include "simulator/cloud/fault.h"

#define SEEDS	 200
#define STEPS	 14
#define TROUBLED INT64_C(3600) /* the cloud misbehaves for so long, in seconds */

static void check_one_each(struct run *run)
{
	struct living living;

	find_living(run, &living);
	for (size_t i = 0; i < living.nr; i++) {
		CHECK(run, living.v[i].launch[0] && living.v[i].name[0]);
		for (size_t k = 0; k < i; k++) {
			CHECK(run, strcmp(living.v[i].launch, living.v[k].launch) != 0);
			CHECK(run,
			      run->forgetful || strcmp(living.v[i].name, living.v[k].name) != 0);
		}
	}
}

/* --- trouble -------------------------------------------------------------------------------- */

static void add_trouble(struct run *run)
{
	const struct world_cloud *cloud = run->world.cloud;
	const struct fault kinds[] = {
		{ .kind = FAULT_LOST, .probability = .05 },
		{ .kind = FAULT_CUT, .probability = .05 },
		{ .kind = FAULT_TRUNCATE, .probability = .05 },
		{ .kind = FAULT_HTML, .status = 502, .probability = .05 },
		{ .kind = FAULT_ERROR,
		  .status = cloud->broken.status,
		  .code = cloud->broken.code,
		  .probability = .05 },
		{ .kind = FAULT_ERROR,
		  .status = cloud->busy.status,
		  .code = cloud->busy.code,
		  .probability = .1 },
		{ .kind = FAULT_DELAY, .delay_ms = 2000, .probability = .1 },
		{ .kind = FAULT_LOST, .action = cloud->launch, .probability = .5 },
		{ .kind = FAULT_ERROR,
		  .status = cloud->broken.status,
		  .code = cloud->broken.code,
		  .action = cloud->list,
		  .probability = .5 },
		{ .kind = FAULT_LOST, .action = cloud->beside, .probability = .3 },
		{ .kind = FAULT_LOST, .action = cloud->terminate, .probability = .5 },
		{ .kind = FAULT_NO_CAPACITY, .zone = cloud->zone },
	};
	/* A request that the wire doubles makes two where the cloud knows no tokens: nobody who sends
	 * it could prevent that. */
	const bool token = (run->world.ops->caps & PROVIDER_CAP_TOKEN) != 0;

	if (below(run, 2)) {
		run->world.wire.trouble = (struct wire_trouble){
			.cut = below(run, 2) ? .1 : 0,
			.twice = below(run, 2) && token ? .1 : 0,
			.held = below(run, 2) ? .05 : 0,
			.held_most_ms = 240000,
			.shuffled = below(run, 2),
		};
		tell(run, "  the wire: cut %.2f twice %.2f held %.2f\n",
		     run->world.wire.trouble.cut, run->world.wire.trouble.twice,
		     run->world.wire.trouble.held);
	}
	for (uint64_t n = below(run, 4); n > 0; n--) {
		struct fault fault = kinds[below(run, ARRAY_SIZE(kinds))];

		fault.until_ms = (SIM_START + TROUBLED) * 1000;
		tell(run, "  fault %s %s\n", fault_kind_name(fault.kind),
		     fault.action ? fault.action : "");
		cloud_fault_add(run->world.sim.cloud, &fault);
	}
}

/* The trouble is over: everything that lives is listed, and can be ended. */
static void check_the_end(struct run *run)
{
	struct instance_list list = { 0 };
	struct living living;
	struct error err = ERROR_INIT;
	int64_t now = clock_now(&run->world.clock), calm = SIM_START + TROUBLED + 700;

	clock_sleep_ms(&run->world.clock, ((now > calm ? now : calm) - now + 700) * 1000);
	tell(run, "  calm\n");
	run->world.wire.trouble = (struct wire_trouble){ 0 };
	recover_all(&run->world.fleet, recovered, run);
	CHECK(run, list_all(run, &list, &err) == 0);
	find_living(run, &living);
	size_t listed_living = 0; /* what ends is listed for a while, and is nobody's any longer */
	for (size_t i = 0; i < list.nr; i++)
		listed_living += list.v[i].state != INSTANCE_ENDING;
	CHECK(run, listed_living == living.nr);
	for (size_t i = 0; i < living.nr; i++) {
		bool listed = false;

		for (size_t k = 0; k < list.nr; k++)
			listed |= strcmp(list.v[k].id, living.v[i].id) == 0;
		CHECK(run, listed);
	}
	instance_list_release(&list);
	int rc = end_all(run, NULL, &err);
	tell(run, "  end: %s\n", rc < 0 ? err.message : "ok");
	CHECK(run, rc == 0);
	clock_sleep_ms(&run->world.clock, 60000);
	CHECK(run, sim_living(&run->world.sim, "instance") == 0);
	CHECK(run, sim_living(&run->world.sim, "volume") == 0);
	CHECK(run, sim_living(&run->world.sim, "spot-request") == 0);
	CHECK(run, sim_living(&run->world.sim, "elastic-ip") == 0);
	CHECK(run, sim_bill(&run->world.sim) == 0);
}

/* Nothing is open any more: what was interrupted was kept or undone. */
static void check_journal(struct run *run)
{
	struct launch_rows rows = { 0 };
	struct error err = ERROR_INIT;

	world_must(fleet_journal(&run->world.fleet, &err), &err);
	world_must(journal_launches(run->world.fleet.journal, LAUNCH_OPEN, NULL, &rows, &err),
		   &err);
	CHECK(run, rows.nr == 0);
	launch_rows_release(&rows);
	struct arena arena = { 0 };
	struct end_row *ends;
	size_t nr_ends;
	world_must(journal_endings(run->world.fleet.journal, &arena, &ends, &nr_ends, &err), &err);
	CHECK(run, nr_ends == 0);
	arena_release(&arena);
}

static void one_run(const char *provider, uint64_t seed)
{
	struct run *run = xcalloc(1, sizeof(*run));
	run->seed = seed;
	run->rng = rng_seeded(&run->seeded, seed * 7919 + 1);
	const struct cloud_config config = {
		.seed = seed,
		.boot_ms = 1000,
		.end_ms = 1000,
		.visible_after_ms = below(run, 2) ? (int64_t)below(run, 5000) : 0,
	};

	world_open(&run->world, provider, &config, false);
	add_trouble(run);
	for (int i = 0; i < STEPS; i++) {
		do_something(run);
		check_one_each(run);
	}
	check_the_end(run);
	check_journal(run);
	world_close(&run->world);
	free(run);
}

static void test_nothing_is_lost(void **state)
{
	const char *provider = *state;
	unsigned long long first = 1, last = strcmp(provider, "aws") == 0 ? SEEDS : SEEDS / 4;
	const char *wanted = getenv("GPUCLOUD_SEEDS");

	if (wanted && sscanf(wanted, "%llu-%llu", &first, &last) == 1)
		last = first;
	int64_t start = clock_mono_ms(&clock_system);
	for (unsigned long long seed = first; seed <= last; seed++)
		one_run(provider, seed);
	int64_t took = clock_mono_ms(&clock_system) - start;
	print_message("%s, seeds %llu to %llu: %.0f a minute\n", provider, first, last,
		      (double)(last - first + 1) * 60000 / (double)(took ? took : 1));
}

int main(void)
{
	const char *only = getenv("GPUCLOUD_SEEDS_OF");
	int failed = 0;

	for (const struct provider_ops *const *p = providers; *p; p++) {
		const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(
			test_nothing_is_lost, (void *)(uintptr_t)(*p)->name) };

		if (!only || strcmp(only, (*p)->name) == 0)
			failed += _cmocka_run_group_tests((*p)->title, tests, 1, NULL, NULL);
	}
	return failed;
}

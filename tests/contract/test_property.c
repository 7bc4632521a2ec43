/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The promise, at random: launches, lists and ends in any order, on a cloud that loses replies,
 * stumbles and is late, from a computer that crashes at any request and may lose its journal. At
 * every moment a launch has one live instance at most, and so has a name. At the end everything
 * is found by its tags, and when it has been ended nothing bills.
 *
 * GPUCLOUD_SEEDS=FIRST-LAST runs others than the first 200; a failure names its seed.
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
#include "fleet/journal.h"
#include "fleet/recover.h"
#include "fleet/terminate.h"
#include "simulator/cloud/fault.h"
#include "tests/contract/world.h"

#define SEEDS	 200
#define STEPS	 14
#define TROUBLED INT64_C(3600) /* the cloud misbehaves for so long, in seconds */
#define LIVE_MAX 64

static const char *const names[] = { "a", "b", "c" };
static const char *const regions[] = { WORLD_REGION };

struct run {
	struct world world;
	struct rng_seeded seeded;
	struct rng rng; /* of the test itself */
	uint64_t seed;
	bool forgetful; /* the journal was lost: then a name may be taken twice in a blind moment */
	char story[4096];
};

static void tell(struct run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct run *run, const char *fmt, ...)
{
	size_t len = strlen(run->story);
	va_list args;

	va_start(args, fmt);
	vsnprintf(run->story + len, sizeof(run->story) - len, fmt, args);
	va_end(args);
}

#define CHECK(run, what)                                                                      \
	do {                                                                                  \
		if (!(what))                                                                  \
			fail_msg("seed %llu: %s\n%s", (unsigned long long)(run)->seed, #what, \
				 (run)->story);                                               \
	} while (0)

static uint64_t below(struct run *run, uint64_t n)
{
	return rng_below(&run->rng, n);
}

/* --- what the cloud itself knows ------------------------------------------------------------ */

struct living {
	struct {
		char id[CLOUD_ID_MAX], launch[64], name[64];
	} v[LIVE_MAX];
	size_t nr;
};

static const char *tag_of(const struct cloud_resource *resource, const char *key)
{
	for (size_t i = 0; i < resource->nr_tags; i++)
		if (strcmp(resource->tags[i].key, key) == 0)
			return resource->tags[i].value;
	return "";
}

static void note_living(void *ctx, const struct cloud_resource *resource)
{
	struct living *living = ctx;

	/* What is shutting down bills no more and is nobody's any longer. */
	if (strcmp(resource->kind, "instance") != 0 || resource->ended_ms ||
	    strcmp(resource->state, "shutting-down") == 0 || living->nr == LIVE_MAX)
		return;
	snprintf(living->v[living->nr].id, CLOUD_ID_MAX, "%s", resource->id);
	snprintf(living->v[living->nr].launch, 64, "%s", tag_of(resource, TAG_LAUNCH));
	snprintf(living->v[living->nr].name, 64, "%s", tag_of(resource, TAG_NAME));
	living->nr++;
}

static void find_living(struct run *run, struct living *living)
{
	living->nr = 0;
	cloud_each_resource(run->world.sim.cloud, note_living, living);
}

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

/* --- what a person does --------------------------------------------------------------------- */

static void recovered(void *ctx, const char *line)
{
	struct run *run = ctx;

	tell(run, "    %.100s\n", line);
}

static void plan_crash(struct run *run)
{
	uint64_t dice = below(run, 6);

	if (dice < 2)
		world_crash_in(&run->world, dice ? 0 : 1 + (int)below(run, 30), below(run, 2));
}

static void after(struct run *run, const char *what, int rc, const struct error *err)
{
	bool died = world_reboot(&run->world);

	tell(run, "  %s: %s%s%.120s\n", what,
	     died     ? "crashed"
	     : rc < 0 ? "failed"
		      : "ok",
	     rc < 0 ? ": " : "", rc < 0 ? err->message : "");
}

static int launch_named(struct run *run, const char *name, struct error *err)
{
	struct fleet *fleet = &run->world.fleet;
	const struct plan_options wanted = {
		.type = WORLD_TYPE, .region = WORLD_REGION, .spot = true, .on_demand = MONEY_UNKNOWN
	};
	const struct launch_events events = { 0 };
	struct launch_options options = { .name = name, .ssh_port = 22 };
	struct launch_plan plan = { 0 };
	struct launch_resume resume = { 0 };
	struct launch_outcome outcome = { 0 };

	int rc = launch_find_existing(fleet, name, &outcome, &resume, err);
	if (rc == 2)
		options.resume = &resume;
	if (rc == 0 || rc == 2) {
		rc = launch_plan_make(fleet, &wanted, &plan, err);
		if (rc == 0)
			rc = launch_make(fleet, &plan, &options, &events, &outcome, err);
		if (rc == 0 && below(run, 2))
			rc = launch_wait_running(fleet, &outcome, 120, &events, err);
	}
	launch_plan_release(&plan);
	launch_outcome_release(&outcome);
	launch_resume_release(&resume);
	return rc < 0 ? -1 : 0;
}

static void do_launch(struct run *run)
{
	const char *name = names[below(run, ARRAY_SIZE(names))];
	struct error err = ERROR_INIT;
	char what[32];

	plan_crash(run);
	recover_all(&run->world.fleet, recovered, run);
	int rc = launch_named(run, name, &err);
	snprintf(what, sizeof(what), "launch %s", name);
	after(run, what, rc, &err);
}

static int list_all(struct run *run, struct instance_list *list, struct error *err)
{
	const struct instance_query query = { .regions = regions,
					      .nr_regions = 1,
					      .owner = WORLD_OWNER };
	const struct provider_ops *ops = run->world.ops;
	int rc = ops->instances(run->world.p, &query, list, err);

	if (rc == 0 && list->nr_failures) {
		*err = list->failures[0].err;
		instance_list_release(list);
		return -1;
	}
	return rc;
}

static void do_list(struct run *run)
{
	struct instance_list list = { 0 };
	struct error err = ERROR_INIT;

	plan_crash(run);
	recover_all(&run->world.fleet, recovered, run);
	int rc = list_all(run, &list, &err);
	instance_list_release(&list);
	after(run, "list", rc, &err);
}

static int end_all(struct run *run, const char *name, struct error *err)
{
	struct instance_list list = { 0 };
	const struct terminate_events events = { 0 };

	if (list_all(run, &list, err) < 0)
		return -1;
	struct ending *endings = xcalloc(list.nr + 1, sizeof(*endings));
	size_t n = 0;
	for (size_t i = 0; i < list.nr; i++)
		if (!name || strcmp(list.v[i].name, name) == 0)
			endings[n++].instance = list.v[i];
	int rc = terminate_all(&run->world.fleet, endings, n, 60, &events, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (!endings[i].confirmed)
			rc = error_set(err, ERROR_REMOTE, "not confirmed: %s",
				       endings[i].err.message);
	free(endings);
	instance_list_release(&list);
	return rc;
}

static void do_terminate(struct run *run)
{
	const char *name = names[below(run, ARRAY_SIZE(names))];
	struct error err = ERROR_INIT;
	char what[32];

	plan_crash(run);
	recover_all(&run->world.fleet, recovered, run);
	int rc = end_all(run, name, &err);
	snprintf(what, sizeof(what), "terminate %s", name);
	after(run, what, rc, &err);
}

static void do_wait(struct run *run)
{
	int64_t s = below(run, 8) ? (int64_t)below(run, 30) : 700;

	tell(run, "  wait %lld s\n", (long long)s);
	clock_sleep_ms(&run->world.clock, s * 1000);
}

static void do_lose_journal(struct run *run)
{
	if (below(run, 4))
		return;
	tell(run, "  the journal is lost\n");
	run->forgetful = true;
	world_lose_journal(&run->world);
}

/* --- trouble -------------------------------------------------------------------------------- */

static void add_trouble(struct run *run)
{
	static const struct fault kinds[] = {
		{ .kind = FAULT_LOST, .probability = .05 },
		{ .kind = FAULT_CUT, .probability = .05 },
		{ .kind = FAULT_TRUNCATE, .probability = .05 },
		{ .kind = FAULT_HTML, .status = 502, .probability = .05 },
		{ .kind = FAULT_ERROR, .status = 500, .code = "InternalError", .probability = .05 },
		{ .kind = FAULT_ERROR,
		  .status = 503,
		  .code = "RequestLimitExceeded",
		  .probability = .1 },
		{ .kind = FAULT_DELAY, .delay_ms = 2000, .probability = .1 },
		{ .kind = FAULT_LOST, .action = "RunInstances", .probability = .5 },
		{ .kind = FAULT_ERROR,
		  .status = 500,
		  .code = "InternalError",
		  .action = "DescribeInstances",
		  .probability = .5 },
		{ .kind = FAULT_LOST, .action = "*SecurityGroup*", .probability = .3 },
		{ .kind = FAULT_LOST, .action = "TerminateInstances", .probability = .5 },
		{ .kind = FAULT_NO_CAPACITY, .zone = "us-east-1a" },
	};

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
	recover_all(&run->world.fleet, recovered, run);
	CHECK(run, list_all(run, &list, &err) == 0);
	find_living(run, &living);
	CHECK(run, list.nr == living.nr);
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
}

static void one_run(uint64_t seed)
{
	void (*const things[])(struct run *) = { do_launch, do_launch,	  do_launch,	  do_list,
						 do_wait,   do_terminate, do_lose_journal };
	struct run *run = xcalloc(1, sizeof(*run));
	run->seed = seed;
	run->rng = rng_seeded(&run->seeded, seed * 7919 + 1);
	const struct cloud_config config = {
		.seed = seed,
		.boot_ms = 1000,
		.end_ms = 1000,
		.visible_after_ms = below(run, 2) ? (int64_t)below(run, 5000) : 0,
	};

	world_open(&run->world, "aws", &config, false);
	add_trouble(run);
	for (int i = 0; i < STEPS; i++) {
		things[below(run, ARRAY_SIZE(things))](run);
		check_one_each(run);
	}
	check_the_end(run);
	check_journal(run);
	world_close(&run->world);
	free(run);
}

static void test_nothing_is_lost(void **state)
{
	unsigned long long first = 1, last = SEEDS;
	const char *wanted = getenv("GPUCLOUD_SEEDS");

	(void)state;
	if (wanted && sscanf(wanted, "%llu-%llu", &first, &last) == 1)
		last = first;
	for (unsigned long long seed = first; seed <= last; seed++)
		one_run(seed);
	print_message("seeds %llu to %llu\n", first, last);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_nothing_is_lost) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

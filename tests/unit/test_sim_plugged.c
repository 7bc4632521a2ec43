/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AWS provider against the simulated cloud in one process: the same calls as over a network,
 * with seeded faults, and the cloud's own ledger to count what was left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/settings.h"
#include "providers/provider.h"
#include "sim_fixture.h"
#include "sim_transport.h"
#include "simulator/cloud/fault.h"

#define SECRET "SimulatedSecretKeyGoodForNothingElse0000"
#define KEY    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"
#define SEEDS  60
#define TRIES  60
#define REGION "us-east-1"
#define LAUNCH "l-abc"

struct world {
	struct sim sim;
	struct sim_transport transport;
	struct rng_seeded seeded;
	struct rng rng;
	struct settings *settings;
	struct provider_env env;
	const struct provider_ops *ops;
	struct provider *p;
};

static int no_file(void *ctx, const char *path, size_t max, struct buf *out, struct error *err)
{
	(void)ctx;
	(void)max;
	(void)out;
	return error_set(err, ERROR_NOT_FOUND, "no file '%s'", path);
}

static int no_run(void *ctx, const char *const *argv, int64_t timeout_ms, struct buf *out,
		  struct buf *diag, int *status, struct error *err)
{
	(void)ctx;
	(void)timeout_ms;
	(void)out;
	(void)diag;
	(void)status;
	return error_set(err, ERROR_CONFIG, "cannot run '%s'", argv[0]);
}

static const struct host no_host = { .read_file = no_file, .run = no_run };

static void world_open(struct world *world, uint64_t seed, const char *secret)
{
	const struct cloud_config config = { .seed = seed, .visible_after_ms = 300 };
	char *secret_env = xasprintf("AWS_SECRET_ACCESS_KEY=%s", secret);
	const char *const env[] = { "AWS_ACCESS_KEY_ID=AKIASIMULATOR0000000", secret_env,
				    "AWS_REGION=" REGION, "HOME=/nonexistent", NULL };
	struct error err = ERROR_INIT;

	memset(world, 0, sizeof(*world));
	sim_start(&world->sim, &config);
	sim_transport_init(&world->transport, world->sim.cloud);
	world->rng = rng_seeded(&world->seeded, seed);
	world->settings = settings_new(env);
	world->env = (struct provider_env){
		.http = http_new(sim_transport(&world->transport), &world->transport.clock,
				 &world->rng),
		.clock = &world->transport.clock,
		.rng = &world->rng,
		.settings = world->settings,
		.host = &no_host,
		.home = "/nonexistent",
	};
	world->ops = provider_find("aws");
	assert_non_null(world->ops);
	assert_int_equal(world->ops->open(&world->env, &world->p, &err), 0);
	free(secret_env);
}

static void world_close(struct world *world)
{
	world->ops->close(world->p);
	http_free(world->env.http);
	settings_free(world->settings);
	sim_stop(&world->sim);
}

static struct launch_request a_request(void)
{
	static const char *const from[] = { "203.0.113.9/32" };

	return (struct launch_request){
		.launch_id = LAUNCH,
		.token = LAUNCH "-1",
		.name = "abc",
		.owner = "me",
		.region = REGION,
		.zone = "us-east-1a",
		.type = "p3.2xlarge",
		.arch = "x86_64",
		.spot = true,
		.max_price = 1560600,
		.ssh_public_key = KEY,
		.ssh_port = 22,
		.from = from,
		.nr_from = 1,
		.disk_gib = 100,
	};
}

static void must(int rc, const struct error *err)
{
	if (rc != 0)
		fail_msg("%s (%s)", err->message, err->code);
}

static void test_account(void **state)
{
	struct error err = ERROR_INIT;
	struct account account = { 0 };
	struct world world;

	(void)state;
	world_open(&world, 1, SECRET);
	must(world.ops->account(world.p, &account, &err), &err);
	assert_string_equal(account.id, "123456789012");
	account_release(&account);
	world_close(&world);
	world_open(&world, 1, "AnotherSecretKeyGoodForNothingElse000000");
	assert_int_equal(world.ops->account(world.p, &account, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	world_close(&world);
}

/* Twenty minutes off either way: signed again with the server's time. */
static void test_clock_skew(void **state)
{
	(void)state;
	for (int64_t skew = -1200000; skew <= 1200000; skew += 2400000) {
		const char *const regions[] = { REGION };
		const struct instance_query query = { .regions = regions, .nr_regions = 1 };
		struct instance_list list = { 0 };
		struct error err = ERROR_INIT;
		struct world world;

		world_open(&world, 1, SECRET);
		world.transport.skew_ms = skew;
		must(world.ops->instances(world.p, &query, &list, &err), &err);
		assert_int_equal(list.nr_failures, 0);
		instance_list_release(&list);
		world_close(&world);
	}
}

static void test_offers_and_prices(void **state)
{
	const char *const regions[] = { REGION }, *const types[] = { "p2.xlarge" };
	const struct offer_query wanted = { .regions = regions,
					    .nr_regions = 1,
					    .type = "p2.xlarge" };
	const struct spot_query query = { .regions = regions,
					  .nr_regions = 1,
					  .types = types,
					  .nr_types = 1,
					  .since = SIM_START - 80 * 86400,
					  .until = SIM_START };
	struct offer_list offers = { 0 };
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;
	struct world world;

	(void)state;
	world_open(&world, 1, SECRET);
	must(world.ops->offers(world.p, &wanted, &offers, &err), &err);
	assert_int_equal(offers.nr, 1);
	assert_string_equal(offers.v[0].gpu, "K80");
	assert_int_equal(offers.v[0].nr_zones, 2);
	assert_int_equal(offers.v[0].on_demand, 900000);
	offer_list_release(&offers);
	must(world.ops->spot_history(world.p, &query, &history, &err), &err);
	assert_int_equal(history.nr, 2);
	assert_int_equal(history.v[0].nr, 80 * 24 + 1); /* over two pages */
	assert_int_equal(history.v[0].v[80 * 24].micros, 270000 + SIM_HOURLY - 1);
	spot_history_release(&history);
	world_close(&world);
}

static size_t list_launch(struct world *world, struct instance_list *list, struct error *err)
{
	const char *const regions[] = { REGION };
	const struct instance_query query = { .regions = regions,
					      .nr_regions = 1,
					      .launch_id = LAUNCH };

	if (world->ops->instances(world->p, &query, list, err) != 0)
		return SIZE_MAX;
	if (list->nr_failures) {
		instance_list_release(list);
		memset(list, 0, sizeof(*list));
		return SIZE_MAX;
	}
	return list->nr;
}

static size_t living(const struct world *world)
{
	static const char *const kinds[] = { "instance", "volume",	   "network-interface",
					     "key-pair", "security-group", "spot-request" };
	size_t nr = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		nr += sim_living(&world->sim, kinds[i]);
	return nr;
}

static void test_launch_and_end(void **state)
{
	struct launch_request request = a_request();
	struct launch_result result = { 0 };
	struct release_result released = { 0 };
	struct instance_list list = { 0 };
	struct error err = ERROR_INIT;
	struct world world;

	(void)state;
	world_open(&world, 1, SECRET);
	must(world.ops->launch(world.p, &request, NULL, &result, &err), &err);
	assert_true(result.instance.spot);
	assert_string_equal(result.instance.zone.name, "us-east-1a");
	clock_sleep_ms(&world.transport.clock, 10000);
	assert_int_equal(list_launch(&world, &list, &err), 1);
	assert_string_equal(list.v[0].id, result.instance.id);
	assert_int_equal(list.v[0].state, INSTANCE_RUNNING);
	assert_string_not_equal(list.v[0].public_ip, "");
	instance_list_release(&list);
	must(world.ops->terminate(world.p, REGION, result.instance.id, &err), &err);
	launch_result_release(&result);
	must(world.ops->release(world.p, REGION, LAUNCH, &released, &err), &err);
	assert_int_equal(released.left, 0);
	clock_sleep_ms(&world.transport.clock, 10000);
	assert_int_equal(living(&world), 0);
	world_close(&world);
}

struct made {
	size_t instances;
};

static void count_made(void *ctx, const struct cloud_resource *resource)
{
	((struct made *)ctx)->instances += strcmp(resource->kind, "instance") == 0;
}

static void add_faults(struct world *world)
{
	static const enum fault_kind kinds[] = { FAULT_LOST, FAULT_CUT, FAULT_HTML, FAULT_TRUNCATE,
						 FAULT_ERROR };

	for (size_t i = 0; i < 3; i++) {
		struct fault fault = {
			.kind = kinds[rng_below(&world->rng, ARRAY_SIZE(kinds))],
			.service = "ec2",
			.action = rng_below(&world->rng, 3) ? "*" : "RunInstances",
			.probability = 0.1 + 0.2 * rng_unit(&world->rng),
			.status = 503,
			.code = "RequestLimitExceeded",
		};

		cloud_fault_add(world->sim.cloud, &fault);
	}
	if (rng_below(&world->rng, 3) == 0) /* under the cap again after a while */
		cloud_fault_add(world->sim.cloud,
				&(struct fault){ .kind = FAULT_PRICE,
						 .zone = "us-east-1a",
						 .price_micros = 2000000,
						 .until_ms = SIM_START * 1000 + 90000 });
}

/* Ends all that the launch made, as often as it takes; the tries that were needed. */
static unsigned clean_up(struct world *world)
{
	for (unsigned try = 1; try <= TRIES; try++) {
		struct instance_list list = { 0 };
		struct release_result released = { 0 };
		struct error err = ERROR_INIT;
		size_t nr = list_launch(world, &list, &err);

		for (size_t i = 0; nr != SIZE_MAX && i < nr; i++)
			world->ops->terminate(world->p, REGION, list.v[i].id, &err);
		if (nr != SIZE_MAX)
			instance_list_release(&list);
		clock_sleep_ms(&world->transport.clock, 5000);
		if (world->ops->release(world->p, REGION, LAUNCH, &released, &err) == 0 &&
		    released.left == 0 && nr == 0)
			return try;
	}
	return TRIES;
}

/*
 * Whatever breaks on the way: a token never makes two instances, and what the launch made can be
 * found by its tag and ended, so that nothing bills in the end.
 */
static void test_faults_leave_nothing(void **state)
{
	unsigned launched = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct launch_request request = a_request();
		struct made made = { 0 };
		struct world world;

		world_open(&world, seed, SECRET);
		add_faults(&world);
		for (int try = 0; try < 3; try++) {
			struct launch_result result = { 0 };
			struct error err = ERROR_INIT;

			if (world.ops->launch(world.p, &request, NULL, &result, &err) != 0)
				continue;
			launched++;
			launch_result_release(&result);
			break;
		}
		clock_sleep_ms(&world.transport.clock, 3000);
		clean_up(&world);
		clock_sleep_ms(&world.transport.clock, 200000);
		cloud_each_resource(world.sim.cloud, count_made, &made);
		if (living(&world) || sim_bill(&world.sim) || made.instances > 1)
			fail_msg("seed %u: %zu things live, %zu instances were made",
				 (unsigned)seed, living(&world), made.instances);
		world_close(&world);
	}
	assert_true(launched > SEEDS / 3); /* the faults did not just stop everything */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_clock_skew),
		cmocka_unit_test(test_offers_and_prices),
		cmocka_unit_test(test_launch_and_end),
		cmocka_unit_test(test_faults_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

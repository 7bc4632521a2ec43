/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of a cloud: questions. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/contract/suite.h"

void test_slots_and_bits(void **state)
{
	const struct world *world = *state;
	const struct provider_ops *ops = world->ops;

	assert_true(ops->name[0] && ops->title[0]);
	assert_true(ops->open && ops->close && ops->default_region && ops->endpoint &&
		    ops->account && ops->offers && ops->launch && ops->instances &&
		    ops->terminate && ops->release);
	assert_int_equal(!!(ops->caps & PROVIDER_CAP_REGIONS), ops->regions != NULL);
	assert_int_equal(!!(ops->caps & PROVIDER_CAP_SPOT), ops->spot_history != NULL);
	assert_int_equal(!!(ops->caps & PROVIDER_CAP_RESTART), ops->restart != NULL);
	assert_int_equal(!!(ops->caps & PROVIDER_CAP_QUOTA), ops->quota != NULL);
	assert_true(ops->login && ops->login[0] && ops->user_data_max >= 4096);
	assert_true(ops->is_id && ops->is_id(world->cloud->nobody));
	assert_false(ops->is_id("train") || ops->is_id("") || ops->is_id(WORLD_OWNER));
}

/* One spelling of each region comes out, whatever went in; what can be none is refused. */
void test_region_names(void **state)
{
	const struct world *world = *state;
	static const char *const bad[] = { "", "a b/c", "us east", "ny2;ls", "\033[1m" };
	struct error err = ERROR_INIT;
	const char *region;

	world_must(world->ops->region(world->p, world->cloud->region, &region, &err), &err);
	assert_string_equal(region, world->cloud->region);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(world->ops->region(world->p, bad[i], &region, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
	}
}

void test_account_and_regions(void **state)
{
	struct world *world = *state;
	struct account account = { 0 };
	struct region_list list = { 0 };
	struct error err = ERROR_INIT;
	const char *region;
	bool found = false;

	world_must(world->ops->account(world->p, &account, &err), &err);
	assert_true(account.id[0] && account.principal[0] && account.source[0]);
	account_release(&account);
	world_must(world->ops->default_region(world->p, &region, &err), &err);
	assert_string_equal(region, world->cloud->region);
	if (!world->ops->regions)
		return;
	world_must(world->ops->regions(world->p, &list, &err), &err);
	for (size_t i = 0; i < list.nr; i++) {
		found |= strcmp(list.v[i], world->cloud->region) == 0;
		if (i)
			assert_true(strcmp(list.v[i - 1], list.v[i]) < 0);
	}
	assert_true(found);
	region_list_release(&list);
}

void test_offers(void **state)
{
	struct world *world = *state;
	struct offer_query query = { .regions = &world->cloud->region,
				     .nr_regions = 1,
				     .type = world->cloud->type };
	struct offer_list list = { 0 };
	struct error err = ERROR_INIT;

	world_must(world->ops->offers(world->p, &query, &list, &err), &err);
	assert_int_equal(list.nr, 1);
	const struct offer *offer = &list.v[0];
	assert_string_equal(offer->type, world->cloud->type);
	assert_string_equal(offer->region, world->cloud->region);
	assert_string_equal(offer->gpu, world->cloud->gpu);
	assert_true(offer->gpu_count == 1 && offer->vcpus == world->cloud->vcpus);
	assert_int_equal(offer->spot, (world->ops->caps & PROVIDER_CAP_SPOT) != 0);
	assert_int_equal(offer->on_demand, world->cloud->on_demand);
	assert_int_equal(offer->nr_zones, world->cloud->zones);
	assert_string_equal(offer->zones[0].name, world->cloud->zone);
	offer_list_release(&list);

	query.type = "no-such.type";
	world_must(world->ops->offers(world->p, &query, &list, &err), &err);
	assert_int_equal(list.nr, 0);
	offer_list_release(&list);

	/* However a person writes it. */
	char gpu[32];
	for (size_t i = 0; i <= strlen(world->cloud->gpu); i++)
		gpu[i] = (char)tolower((unsigned char)world->cloud->gpu[i]);
	query = (struct offer_query){ .regions = &world->cloud->region,
				      .nr_regions = 1,
				      .gpu = gpu };
	world_must(world->ops->offers(world->p, &query, &list, &err), &err);
	for (size_t i = 0; i < list.nr; i++)
		assert_string_equal(list.v[i].gpu, world->cloud->gpu);
	assert_true(list.nr >= 1);
	offer_list_release(&list);
}

void test_spot_history(void **state)
{
	static const char *const types[] = { "p2.xlarge" };
	static const char *const unknown[] = { "no-such.type" };
	struct world *world = *state;
	/* Between two of the hourly changes: the one in force at the start belongs to it. */
	struct spot_query query = { .regions = &world->cloud->region,
				    .nr_regions = 1,
				    .types = types,
				    .nr_types = 1,
				    .zone = world->cloud->zone,
				    .since = SIM_START - 1500 * SIM_HOUR + 60,
				    .until = SIM_START };
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;

	if (!world->ops->spot_history)
		return;
	world_must(world->ops->spot_history(world->p, &query, &history, &err), &err);
	assert_int_equal(history.nr, 1);
	const struct spot_series *series = &history.v[0];
	assert_string_equal(series->zone.name, world->cloud->zone);
	assert_int_equal(series->nr, 1501); /* more than a page */
	assert_int_equal(series->v[0].time, SIM_START - 1500 * SIM_HOUR);
	for (size_t i = 1; i < series->nr; i++)
		assert_true(series->v[i - 1].time < series->v[i].time);
	assert_int_equal(series->v[series->nr - 1].micros, 270000 + SIM_HOURLY - 1);
	spot_history_release(&history);

	query.types = unknown;
	int rc = world->ops->spot_history(world->p, &query, &history, &err);
	if (rc == 0) {
		for (size_t i = 0; i < history.nr; i++)
			assert_int_equal(history.v[i].nr, 0);
		spot_history_release(&history);
	} else {
		assert_true(err.kind == ERROR_NOT_FOUND || err.kind == ERROR_USAGE);
	}
}

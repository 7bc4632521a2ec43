/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated Paperspace: what it takes, what it refuses and in which words, lists and pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "core/mem.h"
#include "sim_rest.h"
#include "simulator/cloud/fault.h"

#define GOOD                                                                \
	"\"name\":\"one\",\"machineType\":\"P4000\",\"templateId\":\"%s\"," \
	"\"diskSize\":100,\"region\":\"East Coast (NY2)\""

struct world {
	struct rest_sim rest;
	char gpu[48], server[48]; /* templates */
};

static int setup(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));
	struct rest_sim *rest = &world->rest;

	rsim_start(rest, NULL, "/paperspace/v1", CLOUD_PAPERSPACE_KEY);
	rsim_expect(rest, 200, "GET", "os-templates?name=ML-in-a-Box", NULL);
	snprintf(world->gpu, sizeof(world->gpu), "%s", rsim_text(rest, "items.0.id"));
	rsim_expect(rest, 200, "GET", "os-templates?name=Ubuntu%2022.04%20Server", NULL);
	snprintf(world->server, sizeof(world->server), "%s", rsim_text(rest, "items.0.id"));
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	rsim_stop(&world->rest);
	free(world);
	return 0;
}

/* The issue about that field: its message, or NULL. */
static const char *issue(const struct rest_sim *rest, const char *field)
{
	for (size_t i = 0; i < rsim_items(rest, "issues"); i++) {
		const cJSON *one = rsim_item(rest, "issues", i);
		const cJSON *path = cJSON_GetObjectItemCaseSensitive(one, "path");

		if (strcmp(cJSON_GetStringValue(cJSON_GetArrayItem(path, 0)), field) == 0)
			return cJSON_GetStringValue(
				cJSON_GetObjectItemCaseSensitive(one, "message"));
	}
	return NULL;
}

static void test_required(void **state)
{
	static const char *const fields[] = { "name", "machineType", "templateId", "diskSize",
					      "region" };
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;

	/* all at once, each by its name */
	rsim_expect(rest, 400, "POST", "machines", "{}");
	assert_string_equal(rsim_text(rest, "code"), "BAD_REQUEST");
	assert_int_equal(rsim_items(rest, "issues"), ARRAY_SIZE(fields));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		assert_string_equal(issue(rest, fields[i]), "Required");
	assert_int_equal(sim_living(&rest->sim, "instance"), 0);
}

static void test_refused(void **state)
{
	static const struct {
		const char *more, *field, *says; /* says NULL: it is taken */
	} cases[] = {
		{ "\"colour\":\"red\"", "colour", "Unknown member 'colour'" },
		{ "\"name\":7", NULL, NULL }, /* twice: no JSON of ours, see below */
		{ "\"publicIpType\":\"elastic\"", "publicIpType", "Invalid enum value" },
		{ "\"publicIpType\":null", "publicIpType", "received null" },
		{ "\"autoShutdownEnabled\":\"yes\"", "autoShutdownEnabled", "received string" },
		{ "\"autoShutdownEnabled\":true", "autoShutdownTimeout", "Required with" },
		{ "\"autoShutdownTimeout\":0", "autoShutdownTimeout", "from 1 to 8760" },
		{ "\"autoShutdownTimeout\":1.5", "autoShutdownTimeout", "whole" },
		{ "\"autoShutdownTimeout\":8761", "autoShutdownTimeout", "from 1 to 8760" },
		{ "\"autoShutdownTimeout\":\"4\"", "autoShutdownTimeout", "received string" },
		{ "\"emailPassword\":0", "emailPassword", "received number" },
		{ "\"autoSnapshotEnabled\":true", "autoSnapshotEnabled", "does not do this" },
		{ "\"restorePointEnabled\":true", "restorePointEnabled", "does not do this" },
		{ "\"enableNvlink\":true", "enableNvlink", "does not do this" },
		{ "\"accessorIds\":[\"u1\"]", "accessorIds", "does not do this" },
		{ "\"accessorIds\":{}", "accessorIds", "received object" },
		{ "\"startupScriptId\":\"\"", "startupScriptId", "from 1 to 40" },
		{ "\"autoSnapshotEnabled\":false,\"accessorIds\":[],\"enableNvlink\":false", NULL,
		  "" },
		{ "\"autoShutdownEnabled\":true,\"autoShutdownTimeout\":8760", NULL, "" },
		{ "\"autoShutdownEnabled\":false,\"autoShutdownTimeout\":1", NULL, "" },
	};
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!cases[i].says) {
			rsim_expect(rest, 400, "POST", "machines", "{" GOOD ",%s}", world->gpu,
				    cases[i].more);
			assert_string_equal(rsim_text(rest, "code"), "PARSE_ERROR");
		} else if (!cases[i].field) {
			rsim_expect(rest, 200, "POST", "machines", "{" GOOD ",%s}", world->gpu,
				    cases[i].more);
		} else {
			rsim_expect(rest, 400, "POST", "machines", "{" GOOD ",%s}", world->gpu,
				    cases[i].more);
			if (!issue(rest, cases[i].field) ||
			    !strstr(issue(rest, cases[i].field), cases[i].says))
				fail_msg("%s: %s", cases[i].more, rest->reply.body.data);
		}
	}
	rsim_expect(rest, 400, "POST", "machines?dry=true", "{" GOOD "}", world->gpu);
	assert_non_null(issue(rest, "dry"));
	assert_int_equal(sim_living(&rest->sim, "instance"), 3);
}

/* Sends a whole body; the status. */
static int create(struct world *world, const char *type, const char *template, int gb,
		  const char *region)
{
	char *body = xasprintf("{\"name\":\"n\",\"machineType\":\"%s\",\"templateId\":\"%s\","
			       "\"diskSize\":%d,\"region\":\"%s\",\"emailPassword\":false}",
			       type, template, gb, region);
	int status = rsim_send(&world->rest, "POST", "machines", body);

	free(body);
	return status;
}

static void test_what_there_is(void **state)
{
	struct world *world = *state;
	const struct {
		const char *type, *template;
		int gb;
		const char *region;
		int status;
		const char *field;
	} cases[] = {
		{ "P4000", world->gpu, 100, "NY2", 200, NULL },
		{ "P4000", world->gpu, 100, "ny2", 200, NULL },
		{ "P4000", world->gpu, 100, "Europe (AMS1)", 200, NULL },
		{ "P4000", world->gpu, 250, "ca1", 200, NULL },
		{ "C5", world->server, 50, "ca1", 200, NULL },
		{ "P4000", world->gpu, 100, "us-east-1", 400, "region" },
		{ "P4000", world->gpu, 100, "East Coast", 400, "region" },
		{ "P9999", world->gpu, 100, "NY2", 400, "machineType" },
		{ "H100", world->gpu, 100, "AMS1", 400, "machineType" },
		{ "A5000", world->gpu, 100, "AMS1", 400, "machineType" },
		{ "V100", world->gpu, 100, "CA1", 400, "machineType" },
		{ "P4000", world->gpu, 50, "NY2", 400, "diskSize" }, /* the template is larger */
		{ "P4000", world->gpu, 120, "NY2", 400, "diskSize" },
		{ "P4000", world->server, 100, "NY2", 400, "templateId" },
		{ "C5", world->gpu, 100, "NY2", 400, "templateId" },
		{ "P4000", "tvimtol9", 100, "NY2", 404, NULL }, /* somebody else's list */
	};
	struct rest_sim *rest = &world->rest;
	size_t made = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int status = create(world, cases[i].type, cases[i].template, cases[i].gb,
				    cases[i].region);

		if (status != cases[i].status || (cases[i].field && !issue(rest, cases[i].field)))
			fail_msg("case %zu: %d %s", i, status, rest->reply.body.data);
		made += status == 200;
	}
	assert_int_equal(sim_living(&rest->sim, "instance"), made);
	rsim_expect(rest, 404, "POST", "machines", "{" GOOD ",\"startupScriptId\":\"none\"}",
		    world->gpu);
	rsim_expect(rest, 404, "POST", "machines", "{" GOOD ",\"networkId\":\"none\"}", world->gpu);
	assert_int_equal(cloud_counter(rest->sim.cloud, "paperspace", "EmailPassword"), 0);
}

static int available(struct rest_sim *rest, const char *type, const char *region)
{
	char *target = xasprintf("machine-availability?machineType=%s&region=%s", type, region);

	rsim_expect(rest, 200, "GET", target, NULL);
	free(target);
	return rsim_true(rest, "available");
}

/* Where Paperspace has which GPU, by its own page. */
static void test_availability(void **state)
{
	static const struct {
		const char *type;
		int ny2, ca1, ams1;
	} cases[] = {
		{ "P4000", 1, 1, 1 },	 { "P5000", 1, 1, 1 },	  { "P6000", 1, 1, 1 },
		{ "RTX4000", 1, 1, 1 },	 { "A4000", 1, 1, 1 },	  { "GPU%2B", 1, 0, 1 },
		{ "V100", 1, 0, 1 },	 { "A5000", 1, 1, 0 },	  { "A6000", 1, 1, 0 },
		{ "RTX5000", 1, 0, 0 },	 { "V100-32G", 1, 0, 0 }, { "A100", 1, 0, 0 },
		{ "A100-80G", 1, 0, 0 }, { "H100", 1, 0, 0 },	  { "none", 0, 0, 0 },
	};
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;
	const struct fault sold_out = {
		.kind = FAULT_NO_CAPACITY, .service = "paperspace", .zone = "ny2", .type = "A*"
	};
	const struct fault elsewhere = { .kind = FAULT_NO_CAPACITY, .service = "digitalocean" };
	const struct fault ec2 = { .kind = FAULT_NO_CAPACITY, .zone = "us-east-1a" };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(available(rest, cases[i].type, "East+Coast+(NY2)"), cases[i].ny2);
		assert_int_equal(available(rest, cases[i].type, "CA1"), cases[i].ca1);
		assert_int_equal(available(rest, cases[i].type, "ams1"), cases[i].ams1);
	}
	rsim_expect(rest, 400, "GET", "machine-availability", NULL);
	assert_non_null(issue(rest, "machineType"));
	assert_non_null(issue(rest, "region"));
	rsim_expect(rest, 400, "GET", "machine-availability?machineType=P4000&region=mars", NULL);
	cloud_fault_add(rest->sim.cloud, &sold_out);
	cloud_fault_add(rest->sim.cloud, &elsewhere);
	cloud_fault_add(rest->sim.cloud, &ec2);
	assert_false(available(rest, "A4000", "ny2"));
	assert_true(available(rest, "A4000", "ca1"));
	assert_true(available(rest, "P4000", "ny2"));
	assert_int_equal(create(world, "A4000", world->gpu, 100, "NY2"), 400);
	assert_non_null(strstr(rsim_text(rest, "message"), "out of capacity"));
	assert_int_equal(create(world, "A4000", world->gpu, 100, "CA1"), 200);
	/* a template says so, too: gone where it is gone everywhere */
	rsim_expect(rest, 200, "GET", "os-templates?name=ML-in-a-Box", NULL);
	for (size_t i = 0; i < rsim_items(rest, "items.0.availableMachineTypes"); i++) {
		const cJSON *one = rsim_item(rest, "items.0.availableMachineTypes", i);
		const char *label = cJSON_GetStringValue(
			cJSON_GetObjectItemCaseSensitive(one, "machineTypeLabel"));
		int is = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(one, "isAvailable"));

		if (strcmp(label, "A100") == 0)
			assert_false(is);
		if (strcmp(label, "A4000") == 0 || strcmp(label, "H100") == 0)
			assert_true(is);
	}
}

static void test_rates(void **state)
{
	static const struct {
		const char *type;
		double usd;
		int gb;
		double month;
	} cases[] = {
		{ "P4000", 0.51, 100, 7 },  { "P5000", 0.78, 250, 10 },
		{ "V100", 2.30, 500, 20 },  { "A100-80G", 3.18, 1000, 40 },
		{ "H100", 5.95, 2000, 80 },
	};
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;
	int64_t bill = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		double storage = cases[i].month / 730;

		assert_int_equal(
			create(world, cases[i].type, world->gpu, cases[i].gb, "East Coast (NY2)"),
			200);
		assert_true(rsim_number(rest, "data.usageRate") == cases[i].usd);
		assert_true(rsim_number(rest, "data.storageRate") > storage - 1e-5);
		assert_true(rsim_number(rest, "data.storageRate") < storage + 1e-5);
		assert_true(rsim_number(rest, "data.storageTotal") == cases[i].gb * 1e9);
		bill += (int64_t)(cases[i].usd * 1e6 + 0.5) +
			(int64_t)(cases[i].month * 1000000) / 730;
	}
	assert_int_equal(sim_bill(&rest->sim), bill);
}

static void test_regions_of_the_day(void **state)
{
	const struct fault brief = { .kind = FAULT_SHORT_REGIONS,
				     .until_ms = SIM_START * 1000 + 1000 };
	const struct fault full = { .kind = FAULT_FULL_REGIONS,
				    .from_ms = SIM_START * 1000 + 1000 };
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;

	cloud_fault_add(rest->sim.cloud, &brief);
	cloud_fault_add(rest->sim.cloud, &full);
	assert_int_equal(create(world, "P4000", world->gpu, 100, "East Coast (NY2)"), 400);
	assert_non_null(issue(rest, "region"));
	assert_int_equal(create(world, "P4000", world->gpu, 100, "NY2"), 200);
	assert_string_equal(rsim_text(rest, "data.region"), "NY2");
	sim_at(&rest->sim, 1);
	assert_int_equal(create(world, "P4000", world->gpu, 100, "NY2"), 400);
	assert_int_equal(create(world, "P4000", world->gpu, 100, "ny2"), 400);
	assert_int_equal(create(world, "P4000", world->gpu, 100, "East Coast (NY2)"), 200);
	assert_string_equal(rsim_text(rest, "data.region"), "East Coast (NY2)");
	rsim_expect(rest, 400, "GET", "machines?region=NY2", NULL);
	rsim_expect(rest, 200, "GET", "machines?region=East%20Coast%20(NY2)", NULL);
	assert_int_equal(rsim_items(rest, "items"), 2);
}

static void test_templates_gone(void **state)
{
	const struct fault some = { .kind = FAULT_NO_IMAGE, .type = "ML-in-a-Box*" };
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;
	size_t all;

	rsim_expect(rest, 200, "GET", "os-templates", NULL);
	all = rsim_items(rest, "items");
	cloud_fault_add(rest->sim.cloud, &some);
	rsim_expect(rest, 200, "GET", "os-templates", NULL);
	assert_int_equal(rsim_items(rest, "items"), all - 2);
	assert_int_equal(create(world, "P4000", world->gpu, 100, "NY2"), 404);
	cloud_fault_add(rest->sim.cloud, &(struct fault){ .kind = FAULT_NO_IMAGE });
	rsim_expect(rest, 200, "GET", "os-templates", NULL);
	assert_int_equal(rsim_items(rest, "items"), 0);
}

static void test_standing(void **state)
{
	const struct fault debt = { .kind = FAULT_BAD_STANDING, .message = "Pay your bills" };
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;

	rsim_expect(rest, 200, "GET", "billing/account-standing", NULL);
	assert_true(rsim_true(rest, "isInGoodStanding"));
	assert_int_equal(rsim_items(rest, "messages"), 0);
	cloud_fault_add(rest->sim.cloud, &debt);
	rsim_expect(rest, 200, "GET", "billing/account-standing", NULL);
	assert_false(rsim_true(rest, "isInGoodStanding"));
	assert_string_equal(rsim_text(rest, "messages.0"), "Pay your bills");
	assert_int_equal(create(world, "P4000", world->gpu, 100, "NY2"), 403);
	assert_string_equal(rsim_text(rest, "message"), "Pay your bills");
}

/* Walks a list by its cursors; the names in order, joined by ','. */
static void walk(struct rest_sim *rest, const char *query, struct buf *names, size_t *pages)
{
	char *target = xasprintf("machines?%s", query);
	bool more = true;

	buf_clear(names);
	for (*pages = 0; more && *pages < 50; ++*pages) {
		rsim_expect(rest, 200, "GET", target, NULL);
		for (size_t i = 0; i < rsim_items(rest, "items"); i++)
			buf_addf(names, "%s%s", names->len ? "," : "",
				 cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
					 rsim_item(rest, "items", i), "name")));
		more = rsim_true(rest, "hasMore");
		free(target);
		target =
			more ? xasprintf("machines?%s&after=%s", query, rsim_text(rest, "nextPage"))
			     : NULL;
		/* none: there is no cursor where there is no more */
		if (!more)
			assert_null(strstr(rest->reply.body.data, "nextPage"));
	}
	free(target);
}

static void test_pages(void **state)
{
	static const char *const names[] = { "cc", "aa", "dd", "bb", "aa" };
	static const struct {
		const char *query, *order;
		size_t pages;
	} cases[] = {
		{ "limit=120", "aa,bb,dd,aa,cc", 1 },
		{ "limit=2", "aa,bb,dd,aa,cc", 3 },
		{ "limit=5&order=asc", "cc,aa,dd,bb,aa", 1 },
		{ "limit=4&order=asc", "cc,aa,dd,bb,aa", 2 },
		{ "limit=1&order=asc&orderBy=name", "aa,aa,bb,cc,dd", 5 },
		{ "limit=2&order=desc&orderBy=name", "dd,cc,bb,aa,aa", 3 },
		{ "limit=3&orderBy=state", "aa,bb,dd,aa,cc", 2 },
		{ "limit=1&name=aa", "aa,aa", 2 },
		{ "region=CA1", "", 1 },
		{ "machineType=P4000&agentType=LinuxHeadless&limit=3", "aa,bb,dd,aa,cc", 2 },
		{ "agentType=Windows", "", 1 },
	};
	static const char *const bad[] = { "limit=0",	      "limit=121",
					   "limit=-1",	      "limit=1x",
					   "limit=",	      "limit=99999999999999999999",
					   "orderBy=size",    "order=up",
					   "after=",	      "after=x",
					   "after=ips-0",     "after=machines-5",
					   "after=machines-", "after=machines-0x1",
					   "region=" };
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;
	struct buf got = BUF_INIT;
	size_t pages;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		rsim_expect(rest, 200, "POST", "machines",
			    "{\"name\":\"%s\",\"machineType\":\"P4000\",\"templateId\":\"%s\","
			    "\"diskSize\":100,\"region\":\"AMS1\"}",
			    names[i], world->gpu);
		sim_at(&rest->sim, 0.001 * (double)(i + 1));
	}
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		walk(rest, cases[i].query, &got, &pages);
		if (strcmp(got.data, cases[i].order) != 0 || pages != cases[i].pages)
			fail_msg("%s: %s in %zu pages", cases[i].query, got.data, pages);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *target = xasprintf("machines?%s", bad[i]);

		rsim_expect(rest, 400, "GET", target, NULL);
		assert_int_equal(rsim_items(rest, "issues"), 1);
		free(target);
	}
	buf_release(&got);
}

static void test_scripts(void **state)
{
	struct world *world = *state;
	struct rest_sim *rest = &world->rest;
	char id[48], target[96];

	rsim_expect(rest, 400, "POST", "startup-scripts", "{\"name\":\"x\",\"text\":\"y\"}");
	assert_non_null(issue(rest, "text"));
	rsim_expect(rest, 400, "POST", "startup-scripts", "{\"name\":\"x\"}");
	assert_string_equal(issue(rest, "script"), "Required");
	rsim_expect(rest, 200, "POST", "startup-scripts",
		    "{\"name\":\"gpucloud.me.abc\",\"script\":\"#!/bin/sh\\ntrue\\n\"}");
	snprintf(id, sizeof(id), "%s", rsim_text(rest, "id"));
	assert_false(rsim_true(rest, "isRunOnce"));
	assert_true(rsim_true(rest, "isEnabled"));
	assert_true(rsim_null(rest, "dtDeleted"));
	assert_true(rsim_null(rest, "description"));
	assert_null(strstr(rest->reply.body.data, "bin/sh")); /* never shown again */
	snprintf(target, sizeof(target), "startup-scripts/%s", id);
	rsim_expect(rest, 200, "PUT", target, "{\"isRunOnce\":true,\"isEnabled\":false}");
	assert_true(rsim_true(rest, "isRunOnce"));
	assert_string_equal(rsim_text(rest, "name"), "gpucloud.me.abc");
	rsim_expect(rest, 400, "PUT", target, "{\"isRunOnce\":\"no\"}");
	rsim_expect(rest, 200, "GET", "startup-scripts?name=gpucloud.me.abc", NULL);
	assert_int_equal(rsim_items(rest, "items"), 1);
	rsim_expect(rest, 200, "GET", "startup-scripts?name=gpucloud", NULL);
	assert_int_equal(rsim_items(rest, "items"), 0);
	rsim_expect(rest, 200, "POST", "machines", "{" GOOD ",\"startupScriptId\":\"%s\"}",
		    world->gpu, id);
	rsim_expect(rest, 200, "GET", target, NULL);
	assert_int_equal(rsim_items(rest, "assignedMachineIds"), 1);
	assert_int_equal(sim_living(&rest->sim, "startup-script"), 1);
	rsim_expect(rest, 200, "DELETE", target, NULL);
	assert_false(rsim_null(rest, "dtDeleted"));
	rsim_expect(rest, 404, "DELETE", target, NULL);
	rsim_expect(rest, 404, "GET", target, NULL);
	assert_int_equal(sim_living(&rest->sim, "startup-script"), 0);
}

static void test_empty_lists(void **state)
{
	static const char *const targets[] = { "custom-templates?machineId=x", "snapshots",
					       "private-networks?region=NY2", "machine-events",
					       "public-ips" };
	struct world *world = *state;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		rsim_expect(&world->rest, 200, "GET", targets[i], NULL);
		assert_int_equal(rsim_items(&world->rest, "items"), 0);
		assert_false(rsim_true(&world->rest, "hasMore"));
	}
	rsim_expect(&world->rest, 400, "GET", "snapshots?after=snapshots-0", NULL);
	rsim_expect(&world->rest, 405, "POST", "custom-templates", "{}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_required),	   TEST(test_refused),	   TEST(test_what_there_is),
		TEST(test_availability),   TEST(test_rates),	   TEST(test_regions_of_the_day),
		TEST(test_templates_gone), TEST(test_standing),	   TEST(test_pages),
		TEST(test_scripts),	   TEST(test_empty_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

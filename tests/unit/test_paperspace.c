/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace: keys, regions, names, who we are, what there is to rent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "core/settings.h"
#include "tests/unit/paperspace_fake.h"

/* --- the key --------------------------------------------------------------------------------- */

#define HOME "/home/u/.paperspace/"

struct key_case {
	const char *env, *json, *credentials, *config; /* NULL: not there */
	const char *key;			       /* NULL: an error */
	const char *says;			       /* of the error, or of where it came from */
};

static void check_key(const struct key_case *one)
{
	const char *const env[] = { one->env, NULL };
	struct aws_fake fake;
	struct provider *p = NULL;
	struct error err = ERROR_INIT;

	aws_fake_start(&fake, env);
	if (one->json)
		aws_fake_file(&fake, HOME "config.json", one->json);
	if (one->credentials)
		aws_fake_file(&fake, HOME "credentials.toml", one->credentials);
	if (one->config)
		aws_fake_file(&fake, HOME "config.toml", one->config);
	assert_int_equal(pspace_open(&fake.env, &p, &err), 0);
	int rc = rest_token(&p->rest, &err);
	if (rc < 0 && (one->key || err.kind != ERROR_CONFIG ||
		       (!strstr(err.message, one->says) && !strstr(err.hint, one->says))))
		fail_msg("%s: %s", error_kind_name(err.kind), err.message);
	if (rc == 0) {
		assert_non_null(one->key);
		assert_string_equal(p->rest.token.data, one->key);
		assert_non_null(strstr(p->rest.origin, one->says));
	}
	assert_null(strstr(err.message, "sEcReT"));
	assert_int_equal(fake.nr_requests, 0);
	pspace_close(p);
	aws_fake_stop(&fake);
}

static void test_keys(void **state)
{
	static const struct key_case cases[] = {
		{ "PAPERSPACE_API_KEY=E", "{\"apiKey\":\"J\"}", NULL, NULL, "E",
		  "environment PAPERSPACE_API_KEY" },
		{ "X=1", "{\"apiKey\":\"J\"}", "[keys]\na = \"T\"\n", NULL, "J", "config.json" },
		{ "X=1", "{}", "version = 1\n\n[keys]\nteam = \"T\"\n", NULL, "T",
		  "credentials.toml" },
		{ "X=1", NULL, "# mine\n[keys]\n\"my team\" = 'T1'\nother = \"T2\"\n",
		  "version = 1\nteam = \"my team\"\n", "T1", "credentials.toml" },
		{ "X=1", NULL, "[keys]\na = \"sEcReT1\"\nb = \"sEcReT2\"\n", NULL, NULL,
		  "2 teams, and none is chosen" },
		{ "X=1", NULL, "[keys]\na = \"sEcReT1\"\n", "team = \"gone\"\n", NULL,
		  "no key of the team 'gone'" },
		{ "X=1", NULL, "[keys]\n", NULL, NULL, "PAPERSPACE_API_KEY" },
		{ "X=1", NULL, "[other]\na = \"sEcReT1\"\n", NULL, NULL, "no Paperspace API key" },
		{ "X=1", NULL, NULL, NULL, NULL, "no Paperspace API key was found" },
		{ "X=1", "{\"apiKey\":\"sEcReT", NULL, NULL, NULL, "config.json" },
		{ "X=1", "{\"apiKey\":7}", NULL, NULL, NULL, "apiKey" },
		{ "PAPERSPACE_API_KEY=two sEcReTs", NULL, NULL, NULL, NULL,
		  "environment PAPERSPACE_API_KEY" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_key(&cases[i]);
}

/* Under the profile 'sim' nothing but the simulator's key goes to nothing but the simulator. */
static void test_simulator(void **state)
{
	static const char *const env[] = { "PAPERSPACE_API_KEY=" PF_KEY,
					   "PAPERSPACE_API_URL=https://real.example/v1", NULL };

	(void)state;
	for (int has_key = 0; has_key < 2; has_key++) {
		struct aws_fake fake;
		struct provider *p = NULL;
		struct error err = ERROR_INIT;

		aws_fake_start(&fake, env);
		settings_set(fake.settings, "paperspace_api_url",
			     "https://127.0.0.1:9/paperspace/v1", SETTING_SIMULATOR, "sim.json");
		if (has_key)
			settings_set(fake.settings, "paperspace_api_key", "simulated",
				     SETTING_SIMULATOR, "sim.json");
		assert_int_equal(pspace_open(&fake.env, &p, &err), 0);
		assert_string_equal(p->rest.base, "https://127.0.0.1:9/paperspace/v1");
		assert_int_equal(rest_token(&p->rest, &err), has_key ? 0 : -1);
		if (has_key)
			assert_string_equal(p->rest.token.data, "simulated");
		else
			assert_non_null(strstr(err.message, "no Paperspace"));
		pspace_close(p);
		aws_fake_stop(&fake);
	}
}

static void test_base_url(void **state)
{
	static const struct {
		const char *env, *endpoint, *base; /* NULL base: refused */
	} cases[] = {
		{ "X=1", NULL, PF_URL },
		{ "PAPERSPACE_API_URL=https://own.example/v1/", NULL, "https://own.example/v1" },
		{ "X=1", "https://any.example", "https://any.example" },
		{ "PAPERSPACE_API_URL=http://own.example/v1", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const env[] = { cases[i].env, NULL };
		struct aws_fake fake;
		struct provider *p = NULL;
		struct error err = ERROR_INIT;

		aws_fake_start(&fake, env);
		if (cases[i].endpoint)
			settings_set(fake.settings, "endpoint_url", cases[i].endpoint, SETTING_FLAG,
				     "--endpoint-url");
		int rc = pspace_open(&fake.env, &p, &err);
		assert_int_equal(rc, cases[i].base ? 0 : -1);
		if (rc == 0)
			assert_string_equal(p->rest.base, cases[i].base);
		else
			assert_non_null(strstr(err.message, "PAPERSPACE_API_URL"));
		pspace_close(p);
		aws_fake_stop(&fake);
	}
}

/* --- names ----------------------------------------------------------------------------------- */

static void test_region_names(void **state)
{
	struct cloud_fake *world = *state;
	static const char *const good[][2] = {
		{ "ny2", "ny2" },
		{ "NY2", "ny2" },
		{ "East Coast (NY2)", "ny2" },
		{ "east coast", "ny2" },
		{ "CA1", "ca1" },
		{ "West Coast (CA1)", "ca1" },
		{ "Europe (AMS1)", "ams1" },
		{ "EUROPE", "ams1" },
	};
	static const char *const bad[] = { "",	    "us-east-1", "ny",	    "ny22",
					   "(NY2)", "ny2 ",	 "\033[31m" };
	const char *region;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(pspace_region(world->p, good[i][0], &region, &world->err), 0);
		assert_string_equal(region, good[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int rc = pspace_region(world->p, bad[i], &region, &world->err);

		cloud_fake_expect(world, rc, ERROR_USAGE, "ny2, ca1 and ams1");
		assert_null(strchr(world->err.message, '\033'));
	}
	assert_int_equal(pspace_default_region(world->p, &region, &world->err), 0);
	assert_string_equal(region, "ny2");
	settings_set(world->fake.settings, "region", "us-east-1", SETTING_ENV, "GPUCLOUD_REGION");
	cloud_fake_expect(world, pspace_default_region(world->p, &region, &world->err),
			  ERROR_CONFIG, "from GPUCLOUD_REGION");
	settings_set(world->fake.settings, "region", "Europe (AMS1)", SETTING_FLAG, "--region");
	assert_int_equal(pspace_default_region(world->p, &region, &world->err), 0);
	assert_string_equal(region, "ams1");
}

static void test_machine_names(void **state)
{
	static const char *const not_ours[] = {
		"",
		"gpucloud",
		"gpucloud.",
		"gpucloud.me.train",
		"gpucloud.me.train.",
		"gpucloud.me.train." PF_LAUNCH,
		"gpucloud.me.train." PF_LAUNCH "-",
		"gpucloud.me.train." PF_LAUNCH "-0",
		"gpucloud.me.train." PF_LAUNCH "-01",
		"gpucloud.me.train." PF_LAUNCH "-1x",
		"gpucloud.me.train." PF_LAUNCH "-1234567",
		"gpucloud.me.train.short-1",
		"Gpucloud.me.train." PF_TOKEN,
		"gpucloud.Me.train." PF_TOKEN,
		"gpucloud.me.." PF_TOKEN,
		"gpucloud..train." PF_TOKEN,
		"gpucloud.me.tr ain." PF_TOKEN,
		"gpucloud.me.train.x." PF_TOKEN,
		"gpucloud.me.train." PF_TOKEN "\n",
		" gpucloud.me.train." PF_TOKEN,
		"gpucloud.me.-train." PF_TOKEN,
		PF_SCRIPT,
		"gpucloud.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.x." PF_TOKEN,
	};
	struct pspace_name name;

	(void)state;
	assert_true(pspace_name_read_machine(PF_NAME, &name));
	assert_string_equal(name.owner, "me");
	assert_string_equal(name.name, "train");
	assert_string_equal(name.launch_id, PF_LAUNCH);
	assert_string_equal(name.token, PF_TOKEN);
	for (size_t i = 0; i < ARRAY_SIZE(not_ours); i++)
		if (pspace_name_read_machine(not_ours[i], &name))
			fail_msg("'%s' was taken for ours", not_ours[i]);
	assert_true(pspace_name_read_script(PF_SCRIPT, &name));
	assert_string_equal(name.launch_id, PF_LAUNCH);
	assert_false(pspace_name_read_script(PF_NAME, &name));
	assert_false(pspace_name_read_script("gpucloud.me.short", &name));
}

static void test_ids(void **state)
{
	static const char *const ids[] = { "ps1234567", "psr1eoj9d", "psnobody0" };
	static const char *const names[] = { "",
					     "train",
					     "ps",
					     "pspace",
					     "ps-123456",
					     "PS1234567",
					     "i-0123456789abcdef0",
					     "ps 123456" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_true(pspace_is_instance_id(ids[i]));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_false(pspace_is_instance_id(names[i]));
}

/* --- who we are ------------------------------------------------------------------------------ */

static void test_account(void **state)
{
	struct cloud_fake *world = *state;
	struct account account = { 0 };

	aws_fake_reply(&world->fake, "GET " PF_URL "/auth/session", 200,
		       "{\"team\":{\"id\":\"te12\"},\"user\":{\"id\":\"u1\",\"email\":"
		       "\"me@example.com\"}}");
	assert_int_equal(pspace_account(world->p, &account, &world->err), 0);
	assert_string_equal(account.id, "te12");
	assert_string_equal(account.principal, "me@example.com");
	assert_string_equal(account.source, "environment PAPERSPACE_API_KEY");
	assert_string_equal(account.region, "ny2");
	account_release(&account);

	static const struct {
		int status;
		const char *body, *says;
		enum error_kind kind;
	} bad[] = {
		{ 401, "{\"code\":\"UNAUTHORIZED\",\"message\":\"Invalid key\"}",
		  "PAPERSPACE_API_KEY", ERROR_AUTH },
		{ 403, "{\"code\":\"FORBIDDEN\",\"message\":\"No\"}", "lacks the rights",
		  ERROR_AUTH },
		{ 200, "{\"code\":\"UNAUTHORIZED\",\"message\":\"Invalid key\"}",
		  "Invalid key (UNAUTHORIZED)", ERROR_AUTH },
		{ 200, "null", "team.id", ERROR_PROTOCOL },
		{ 200, "{\"team\":{\"id\":7}}", "team.id", ERROR_PROTOCOL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		error_clear(&world->err);
		aws_fake_reply(&world->fake, NULL, bad[i].status, bad[i].body);
		cloud_fake_expect(world, pspace_account(world->p, &account, &world->err),
				  bad[i].kind, bad[i].says);
	}
}

/* --- offers ---------------------------------------------------------------------------------- */

static size_t offers(struct cloud_fake *world, struct offer_query query, struct offer_list *ret)
{
	static const char *const all[] = { "ams1", "ca1", "ny2" };

	aws_fake_reply(
		&world->fake, "GET " PF_URL "/os-templates?limit=120", 200,
		PF_LIST(PF_TEMPLATE(
			"t1", "One", "Ubuntu", "50",
			PF_TYPE("P4000") "," PF_TYPE("P4000") "," PF_TYPE("V100-32Gx2") "," PF_TYPE(
				"C5")) "," PF_TEMPLATE("t2", "Two", "Ubuntu", "null",
						       PF_TYPE("A100-80Gx4") "," PF_TYPE(
							       "B300") ",{\"machineTypeLabel\":\"A100\","
								       "\"isAvailable\":false}")));
	query.regions = all;
	query.nr_regions = 3;
	if (pspace_offers(world->p, &query, ret, &world->err) < 0)
		fail_msg("%s", world->err.message);
	return ret->nr;
}

static void test_offers(void **state)
{
	struct cloud_fake *world = *state;
	struct offer_list list = { 0 };

	/* P4000 everywhere, two V100 in one place; an unknown multiple of a known GPU everywhere. */
	assert_int_equal(offers(world, (struct offer_query){ .gpu_count = 0 }, &list), 3 + 1 + 3);
	assert_string_equal(list.v[0].region, "ams1");
	assert_string_equal(list.v[0].type, "A100-80Gx4");
	assert_int_equal(list.v[0].gpu_count, 4);
	assert_int_equal(list.v[0].gpu_mem_mib, 4 * 80 * 1024);
	assert_int_equal(list.v[0].on_demand, MONEY_UNKNOWN);
	assert_string_equal(list.v[1].type, "P4000");
	assert_int_equal(list.v[1].on_demand, 510000);
	assert_true(list.v[1].on_demand_builtin);
	assert_int_equal(list.v[1].on_demand_as_of, PSPACE_BUILTIN_AS_OF);
	assert_int_equal(list.v[1].nr_zones, 1);
	assert_string_equal(list.v[1].zones[0].name, "ams1");
	offer_list_release(&list);

	assert_int_equal(offers(world, (struct offer_query){ .type = "C5" }, &list), 3);
	offer_list_release(&list);
	assert_int_equal(offers(world, (struct offer_query){ .type = "B300" }, &list), 3);
	assert_string_equal(list.v[0].gpu, "");
	offer_list_release(&list);
	assert_int_equal(offers(world, (struct offer_query){ .type = "A100" }, &list), 0);
	offer_list_release(&list);

	static const char *const v100[] = { "V100",	  "v100",      "nvidia-v100",
					    "Tesla V100", "V100-32GB", "v100-32g" };
	for (size_t i = 0; i < ARRAY_SIZE(v100); i++) {
		assert_int_equal(offers(world, (struct offer_query){ .gpu = v100[i] }, &list), 1);
		offer_list_release(&list);
	}
	static const char *const none[] = { "V10", "V100-16GB", "100", "P400", "H100" };
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		assert_int_equal(offers(world, (struct offer_query){ .gpu = none[i] }, &list), 0);
		offer_list_release(&list);
		world->fake.nr_requests = 0;
	}
	const struct offer_query hostile = { .type = "a b" };
	assert_int_equal(pspace_offers(world->p, &hostile, &list, &world->err), 0);
	assert_int_equal(list.nr, 0);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, paperspace_fake_setup, cloud_fake_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_simulator),
		cmocka_unit_test(test_base_url),
		WITH(test_region_names),
		cmocka_unit_test(test_machine_names),
		cmocka_unit_test(test_ids),
		WITH(test_account),
		WITH(test_offers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* DigitalOcean: where its token comes from, who we are, names and tags, sizes and offers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/unit/digitalocean_fake.h"

#define FILE_AT "/home/u/.config/doctl/config.yaml"
#define ACCOUNT                                                                            \
	"{\"account\":{\"uuid\":\"u-1\",\"email\":\"a@example.com\",\"droplet_limit\":25," \
	"\"team\":{\"uuid\":\"t-2\"}}}"

/* --- the token ------------------------------------------------------------------------------- */

struct source {
	const char *env, *path, *file; /* of doctl */
	const char *header;	       /* what the cloud sees; NULL: an error */
	const char *says;	       /* the source's name, or of the error */
};

static void check_source(const struct source *source)
{
	const char *const env[] = { source->env ? source->env : "X=y",
				    source->path ? "XDG_CONFIG_HOME=/xdg" : NULL, NULL };
	struct aws_fake fake;
	struct provider *p = NULL;
	struct account account = { 0 };
	struct error err = ERROR_INIT;

	aws_fake_start(&fake, env);
	if (source->file)
		aws_fake_file(&fake, source->path ? source->path : FILE_AT, source->file);
	if (source->header)
		aws_fake_reply(&fake, source->header, 200, ACCOUNT);
	assert_int_equal(ocean_open(&fake.env, &p, &err), 0);
	int rc = ocean_account(p, &account, &err);
	if (!source->header) {
		assert_int_equal(rc, -1);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_int_equal(fake.nr_requests, 0);
		if (!strstr(err.message, source->says) && !strstr(err.hint, source->says))
			fail_msg("'%s' lacks '%s'", err.message, source->says);
		assert_null(strstr(err.message, "tok-"));
	} else {
		if (rc)
			fail_msg("%s", err.message);
		assert_non_null(strstr(account.source, source->says));
	}
	account_release(&account);
	ocean_close(p);
	aws_fake_stop(&fake);
}

static void test_token(void **state)
{
	static const struct source sources[] = {
		{ "DIGITALOCEAN_TOKEN=tok-a", NULL, NULL, "Authorization: Bearer tok-a",
		  "environment DIGITALOCEAN_TOKEN" },
		{ "DIGITALOCEAN_ACCESS_TOKEN=tok-b", NULL, NULL, "Authorization: Bearer tok-b",
		  "environment DIGITALOCEAN_ACCESS_TOKEN" },
		{ "DIGITALOCEAN_TOKEN=tok-a", NULL, "access-token: tok-c\n",
		  "Authorization: Bearer tok-a\n", "environment" },
		{ NULL, NULL, "access-token: tok-c\napi-url: \"\"\n",
		  "Authorization: Bearer tok-c\n", FILE_AT },
		{ NULL, NULL, "context: default\naccess-token: \"tok-d\"\r\n",
		  "Authorization: Bearer tok-d\n", FILE_AT },
		{ NULL, "/xdg/doctl/config.yaml", "access-token: 'tok-e'", "Bearer tok-e\n",
		  "/xdg/doctl/config.yaml" },
		/* Another context is in force: the token of its line, not the default one's. */
		{ NULL, NULL,
		  "access-token: tok-no\nauth-contexts:\n  work: tok-f\n  home: tok-g\n"
		  "compute:\n  work: tok-h\ncontext: work\n",
		  "Authorization: Bearer tok-f\n", FILE_AT },
		{ NULL, NULL, "access-token: tok-no\ncontext: work\n", NULL,
		  "export DIGITALOCEAN_TOKEN=" },
		{ NULL, NULL, "#access-token: tok-no\n  access-token: tok-no\n", NULL, "no token" },
		{ NULL, NULL, "access-token: \"\"\n", NULL, "no token" },
		{ NULL, NULL, NULL, NULL, "no token for DigitalOcean" },
		{ "DIGITALOCEAN_TOKEN=tok- x", NULL, NULL, NULL, "environment DIGITALOCEAN_TOKEN" },
		{ NULL, NULL, "access-token: tok-\033[1m\n", NULL, FILE_AT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		check_source(&sources[i]);
}

/* --- account and regions --------------------------------------------------------------------- */

static void test_account(void **state)
{
	struct cloud_fake *world = *state;
	struct account account = { 0 };
	struct quota quota = { 0 };
	static const char *const bad[] = {
		"",
		"[]",
		"{\"account\":{\"email\":\"a\"}}",
		"{\"account\":{\"uuid\":\"a b\",\"email\":\"a\"}}",
		"{\"account\":{\"uuid\":7,\"email\":\"a\"}}",
	};

	aws_fake_reply(&world->fake, "GET " DF_URL "/account\n", 200, ACCOUNT);
	assert_int_equal(ocean_account(world->p, &account, &world->err), 0);
	assert_string_equal(account.id, "t-2"); /* what a team has is the team's */
	assert_string_equal(account.principal, "a@example.com");
	assert_string_equal(account.region, "nyc2");
	account_release(&account);

	aws_fake_reply(&world->fake, "/account", 200, ACCOUNT);
	assert_int_equal(ocean_quota(world->p, "nyc2", "x", 8, false, &quota, &world->err), 0);
	assert_true(quota.known && quota.limit == 25 && quota.need == 1);
	aws_fake_reply(&world->fake, "/account", 200, "{\"account\":{}}");
	assert_int_equal(ocean_quota(world->p, "nyc2", "x", 8, false, &quota, &world->err), 0);
	assert_false(quota.known);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "/account", 200, bad[i]);
		cloud_fake_expect(world, ocean_account(world->p, &account, &world->err),
				  ERROR_PROTOCOL, "cannot read the account");
	}
	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "/account", 403, DF_ERROR("forbidden", "no access"));
	cloud_fake_expect(world, ocean_account(world->p, &account, &world->err), ERROR_AUTH,
			  "account:read");
	aws_fake_reply(&world->fake, "/account", 401, DF_ERROR("unauthorized", "no"));
	cloud_fake_expect(world, ocean_account(world->p, &account, &world->err), ERROR_AUTH,
			  "account/api/tokens");
}

static void test_regions(void **state)
{
	struct cloud_fake *world = *state;
	struct region_list list = { 0 };
	const char *region;

	assert_int_equal(ocean_region(world->p, "NYC2", &region, &world->err), 0);
	assert_string_equal(region, "nyc2");
	cloud_fake_expect(world, ocean_region(world->p, "a/b", &region, &world->err), ERROR_USAGE,
			  "region 'a/b'");
	cloud_fake_expect(world,
			  ocean_region(world->p, "abcdefghijklmnopqrstu", &region, &world->err),
			  ERROR_USAGE, "region");

	/* Two pages: of the next one's address only the number is believed. */
	aws_fake_reply(&world->fake, "/regions?per_page=200\n", 200,
		       "{\"regions\":[{\"slug\":\"tor1\",\"available\":true},{\"slug\":\"ams2\","
		       "\"available\":false}],\"links\":{\"pages\":{\"next\":"
		       "\"https://evil.example/v2/x?per_page=200&page=2\"}}}");
	aws_fake_reply(&world->fake, "/regions?per_page=200&page=2\n", 200,
		       DF_LIST("regions", "{\"slug\":\"nyc2\",\"available\":true}"));
	assert_int_equal(ocean_regions(world->p, &list, &world->err), 0);
	assert_int_equal(list.nr, 2);
	assert_string_equal(list.v[0], "nyc2");
	assert_string_equal(list.v[1], "tor1");
	region_list_release(&list);

	static const char *const bad[] = {
		"{}",
		DF_LIST("regions", "{\"slug\":\"a b\",\"available\":true}"),
		DF_LIST("regions", "{\"slug\":\"nyc2\"}"),
		"{\"regions\":[],\"links\":{\"pages\":{\"next\":\"https://x/?pages=2\"}}}",
		"{\"regions\":[],\"links\":{\"pages\":{\"next\":\"?page=2x\"}}}",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "/regions", 200, bad[i]);
		cloud_fake_expect(world, ocean_regions(world->p, &list, &world->err),
				  ERROR_PROTOCOL, "cannot list regions");
	}
}

/* --- names and tags -------------------------------------------------------------------------- */

static void test_names(void **state)
{
	static const struct ocean_name names[] = {
		{ "me", DF_LAUNCH, "nyc2", "" },
		{ "a_b", "l_1", "nyc2", "c__d_" },
		{ "a-", "l-", "r", "1767225600" },
		{ "a_", "x", "r", "" },
	};
	static const char *const foreign[] = {
		"",
		"web",
		"gpucloud",
		"gpucloud.",
		"gpucloud.me",
		"gpucloud.me.l",
		"gpucloud.me.l.",
		"gpucloud..l.r",
		"gpucloud.me.l.r.",
		"gpucloud.me.l.r.x.y",
		"gpucloud.Me.l.r",
		"gpucloud-me.l.r",
		"gpucloud.me.l.r x",
	};
	struct ocean_name back, bad = { "a b", "l", "r", "" };
	struct error err = ERROR_INIT;
	char text[OCEAN_TEXT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(ocean_name_write(&names[i], text, &err), 0);
		/* What firewalls may be called. */
		assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-"),
				 strlen(text));
		assert_true(ocean_name_read(text, &back));
		assert_string_equal(back.owner, names[i].owner);
		assert_string_equal(back.launch_id, names[i].launch_id);
		assert_string_equal(back.region, names[i].region);
		assert_string_equal(back.extra, names[i].extra);
	}
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		if (ocean_name_read(foreign[i], &back))
			fail_msg("'%s' is taken for one of ours", foreign[i]);
	assert_int_equal(ocean_name_write(&bad, text, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	memset(bad.owner, '_', sizeof(bad.owner) - 1);
	memset(bad.extra, '_', sizeof(bad.extra) - 1);
	bad.owner[0] = bad.extra[0] = 'a';
	memcpy(bad.launch_id, bad.owner, sizeof(bad.owner));
	assert_int_equal(ocean_name_write(&bad, text, &err), -1);
	assert_non_null(strstr(err.message, "too long"));
}

static void test_tags(void **state)
{
	static const struct {
		const char *text, *key, *value, *launch;
		unsigned turn;
	} good[] = {
		{ "gpucloud-owner:me", "gpucloud-owner", "me", "", 0 },
		{ "gpucloud-launch:l1", "gpucloud-launch", "l1", "l1", 0 },
		{ "gpucloud-token:l-1-22", "gpucloud-token", "l-1-22", "l-1", 0 },
		{ "gpucloud-token:odd", "gpucloud-token", "odd", "", 0 },
		{ "gpucloud-hold:0:l1", "gpucloud-hold", "0", "l1", 0 },
		{ "gpucloud-hold:0:l1:12", "gpucloud-hold", "0", "l1", 12 },
	};
	static const char *const foreign[] = { "web",
					       "env:prod",
					       "gpucloud-owner",
					       "gpucloud-a:b:",
					       "gpucloud-a:b:C",
					       "gpucloud-a:b:l:",
					       "gpucloud-a:b:l:x",
					       "gpucloud-a:b:l:1234567890",
					       "gpucloud-a:b:l:1:2" };
	struct ocean_tag tag;
	struct error err = ERROR_INIT;
	char text[OCEAN_TEXT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(ocean_tag_read(good[i].text, &tag));
		assert_string_equal(tag.key, good[i].key);
		assert_string_equal(tag.value, good[i].value);
		assert_string_equal(tag.launch_id, good[i].launch);
		assert_int_equal(tag.turn, good[i].turn);
		if (i < 4)
			tag.launch_id[0] = '\0';
		assert_int_equal(ocean_tag_write(&tag, text, &err), 0);
		assert_string_equal(text, good[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		if (ocean_tag_read(foreign[i], &tag))
			fail_msg("'%s' is taken for one of ours", foreign[i]);
	assert_int_equal(ocean_tag_make_name("gpucloud-x", "a:b", NULL, text, &err), -1);
	assert_int_equal(ocean_tag_make_name("web", "b", NULL, text, &err), -1);
	assert_int_equal(ocean_tag_make_name("gpucloud-x", "", NULL, text, &err), -1);
}

/* --- sizes and offers ------------------------------------------------------------------------- */

#define SIZE(slug, price, regions, available, gpu)                               \
	"{\"slug\":\"" slug                                                      \
	"\",\"memory\":245760,\"vcpus\":20,\"disk\":720,\"price_hourly\":" price \
	",\"regions\":[" regions "],\"available\":" available gpu "}"
#define GPU(model, count, gib)                                                                 \
	",\"gpu_info\":{\"count\":" count ",\"model\":\"" model "\",\"vram\":{\"amount\":" gib \
	",\"unit\":\"gib\"}}"
#define SIZES                                                                                                                                    \
	DF_LIST("sizes",                                                                                                                         \
		SIZE("s-1vcpu-1gb", "0.00743999984115362", "\"nyc2\"", "true", "") "," SIZE(                                                     \
			"gpu-h100x1-80gb", "3.3900001049041748", "\"nyc2\",\"tor1\"", "true",                                                    \
			GPU("nvidia_h100", "1",                                                                                                  \
			    "80")) "," SIZE("gpu-h100x8-640gb", "23.92", "\"nyc2\"", "true",                                                     \
					    GPU("nvidia_h100", "8",                                                                              \
						"80")) "," SIZE("gpu-6000adax1-48gb", "1.57",                                                    \
								"\"nyc2\"", "true",                                                              \
								GPU("nvidia_rtx6000_ada", "1",                                                   \
								    "48")) "," SIZE("gpu-mi300x1-192gb",                                         \
										    "1.99",                                                      \
										    "\"nyc2\"",                                                  \
										    "true",                                                      \
										    GPU("amd_mi300x",                                            \
											"1",                                                     \
											"192")) "," SIZE("gpu-l40sx1-48gb",                      \
													 "1.57",                                 \
													 "",                                     \
													 "true",                                 \
													 GPU("nvidia_l40s",                      \
													     "1",                                \
													     "48")) "," SIZE("gpu-h200x1-141gb", \
															     "3.44",             \
															     "\"nyc2\"",         \
															     "false",            \
															     GPU("nvidia_h200",  \
																 "1",            \
																 "141")))

/* "type gpu price@region;" of each. */
static const char *offers(struct cloud_fake *world, struct offer_query query)
{
	static const char *const nyc2[] = { "nyc2" };
	static char text[1024];
	struct offer_list list = { 0 };
	size_t len = 0;

	if (!query.nr_regions) {
		query.regions = nyc2;
		query.nr_regions = 1;
	}
	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "/sizes?per_page=200\n", 200, SIZES);
	if (ocean_offers(world->p, &query, &list, &world->err))
		fail_msg("%s", world->err.message);
	text[0] = '\0';
	for (size_t i = 0; i < list.nr; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s %lld@%s;",
					list.v[i].type, list.v[i].gpu,
					(long long)list.v[i].on_demand, list.v[i].zones[0].name);
	offer_list_release(&list);
	return text;
}

static void test_offers(void **state)
{
	struct cloud_fake *world = *state;
	static const char *const both[] = { "tor1", "nyc2" };

	assert_string_equal(offers(world, (struct offer_query){ .gpu_count = 1 }),
			    "gpu-6000adax1-48gb RTX 6000 Ada 1570000@nyc2;"
			    "gpu-h100x1-80gb H100 3390000@nyc2;");
	assert_string_equal(offers(world, (struct offer_query){ .gpu = "NVIDIA h100-80GB" }),
			    "gpu-h100x1-80gb H100 3390000@nyc2;"
			    "gpu-h100x8-640gb H100 23920000@nyc2;");
	assert_string_equal(offers(world, (struct offer_query){ .gpu = "rtx-6000-ada" }),
			    "gpu-6000adax1-48gb RTX 6000 Ada 1570000@nyc2;");
	assert_string_equal(offers(world, (struct offer_query){ .gpu = "mi300x" }),
			    "gpu-mi300x1-192gb MI300X 1990000@nyc2;");
	assert_string_equal(offers(world, (struct offer_query){ .gpu = "h100 40gb" }), "");
	assert_string_equal(offers(world, (struct offer_query){ .gpu = "h10" }), "");
	assert_string_equal(offers(world, (struct offer_query){ .gpu = "nvidia" }), "");
	assert_string_equal(offers(world, (struct offer_query){ .type = "s-1vcpu-1gb" }),
			    "s-1vcpu-1gb  7440@nyc2;");
	assert_string_equal(offers(world, (struct offer_query){ .type = "no" }), "");
	/* Sold out, or switched off: not offered where several regions were asked. */
	assert_string_equal(offers(world, (struct offer_query){ .regions = both,
								.nr_regions = 2,
								.type = "gpu-l40sx1-48gb" }),
			    "");
	assert_string_equal(offers(world, (struct offer_query){ .regions = both,
								.nr_regions = 2,
								.type = "gpu-h100x1-80gb" }),
			    "gpu-h100x1-80gb H100 3390000@tor1;gpu-h100x1-80gb H100 3390000@nyc2;");
}

/* One region alone, which has none of it just now: that is not the same as no such thing. */
static void test_sold_out(void **state)
{
	struct cloud_fake *world = *state;
	static const char *const region = "tor1";
	static const struct {
		const char *type, *gpu, *says, *hint;
	} cases[] = {
		{ "gpu-l40sx1-48gb", NULL, "gpu-l40sx1-48gb is sold out in tor1", "" },
		{ "gpu-h200x1-141gb", NULL, "gpu-h200x1-141gb is sold out in tor1", "" },
		{ NULL, "rtx-6000-ada", "gpu-6000adax1-48gb is sold out in tor1", "nyc2" },
	};
	struct offer_list list = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct offer_query query = { .regions = &region,
						   .nr_regions = 1,
						   .type = cases[i].type,
						   .gpu = cases[i].gpu };

		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "/sizes", 200, SIZES);
		assert_int_equal(ocean_offers(world->p, &query, &list, &world->err), -1);
		assert_int_equal(world->err.kind, ERROR_CAPACITY);
		assert_string_equal(world->err.message, cases[i].says);
		assert_non_null(strstr(world->err.hint, cases[i].hint));
	}
}

/* A region that nothing is offered in, not even without GPUs, is told. */
static void test_no_region(void **state)
{
	struct cloud_fake *world = *state;
	static const char *const regions[] = { "moon1", "nyc2" };
	struct offer_query query = { .regions = regions, .nr_regions = 2, .gpu = "h100" };
	struct offer_list list = { 0 };

	aws_fake_reply(&world->fake, "/sizes", 200, SIZES);
	assert_int_equal(ocean_offers(world->p, &query, &list, &world->err), 0);
	assert_int_equal(list.nr, 2);
	assert_int_equal(list.nr_failures, 1);
	assert_string_equal(list.failures[0].region, "moon1");
	assert_int_equal(list.failures[0].err.kind, ERROR_NOT_FOUND);
	offer_list_release(&list);
	query.nr_regions = 1;
	aws_fake_reply(&world->fake, "/sizes", 200, SIZES);
	cloud_fake_expect(world, ocean_offers(world->p, &query, &list, &world->err),
			  ERROR_NOT_FOUND, "'moon1'");
}

static void test_hostile_sizes(void **state)
{
	struct cloud_fake *world = *state;
	static const char *const bad[] = {
		"{\"sizes\":{}}",
		DF_LIST("sizes", "{}"),
		DF_LIST("sizes", SIZE("a b", "1", "", "true", "")),
		DF_LIST("sizes", SIZE("a", "1", "7", "true", "")),
		DF_LIST("sizes", SIZE("a", "1", "\"../x\"", "true", "")),
		DF_LIST("sizes", SIZE("a", "1", "", "1", "")),
		DF_LIST("sizes", SIZE("a", "1", "", "true", GPU("nvidia_x", "2000", "80"))),
		DF_LIST("sizes", SIZE("a", "1", "", "true", GPU("nvidia_x", "1", "-1"))),
		DF_LIST("sizes", SIZE("a", "1", "", "true", GPU("a b", "1", "1"))),
	};
	const struct offer_query query = { .type = "a" };
	struct offer_list list = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "/sizes", 200, bad[i]);
		cloud_fake_expect(world, ocean_offers(world->p, &query, &list, &world->err),
				  ERROR_PROTOCOL, "cannot list sizes");
	}
}

/* A price that is none is not known; the size is offered all the same. */
static void test_odd_prices(void **state)
{
	struct cloud_fake *world = *state;
	static const char *const prices[] = { "-1", "null", "\"1\"", "1e300" };
	static const char *const bodies[] = {
		DF_LIST("sizes", SIZE("a", "-1", "\"nyc2\"", "true", "")),
		DF_LIST("sizes", SIZE("a", "null", "\"nyc2\"", "true", "")),
		DF_LIST("sizes", SIZE("a", "\"1\"", "\"nyc2\"", "true", "")),
		DF_LIST("sizes", SIZE("a", "1e300", "\"nyc2\"", "true", "")),
	};
	static const char *const regions[] = { "nyc2" };
	const struct offer_query query = { .regions = regions, .nr_regions = 1, .type = "a" };

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct offer_list list = { 0 };

		aws_fake_reply(&world->fake, "/sizes", 200, bodies[i]);
		assert_int_equal(ocean_offers(world->p, &query, &list, &world->err), 0);
		if (list.nr != 1 || list.v[0].on_demand != MONEY_UNKNOWN)
			fail_msg("price %s", prices[i]);
		offer_list_release(&list);
	}
}

int main(void)
{
#define WITH(test) \
	cmocka_unit_test_setup_teardown(test, digitalocean_fake_setup, cloud_fake_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token), WITH(test_account),   cmocka_unit_test(test_names),
		cmocka_unit_test(test_tags),  WITH(test_regions),   WITH(test_offers),
		WITH(test_sold_out),	      WITH(test_no_region), WITH(test_hostile_sizes),
		WITH(test_odd_prices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated DigitalOcean: what can be ordered, and the orders that it refuses. */
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
#include "droplet_sim.h"

#define PLAIN "\"size\":\"s-1vcpu-1gb\",\"image\":\"ubuntu-22-04-x64\""
#define BODY  "{\"name\":\"a\"," PLAIN ","

static const struct cJSON *size_named(const struct do_sim *sim, const char *slug)
{
	for (const cJSON *node = json_first(do_at(sim, "sizes")); node; node = json_next(node)) {
		if (strcmp(json_text(json_get(node, "slug")), slug) == 0)
			return node;
	}
	fail_msg("no size %s", slug);
	return NULL;
}

static void test_sizes(void **state)
{
	static const struct {
		const char *slug, *model;
		double price;
		int gpus, vram;
	} cases[] = {
		{ "gpu-4000adax1-20gb", "nvidia_rtx4000_ada", 0.76, 1, 20 },
		{ "gpu-6000adax1-48gb", "nvidia_rtx6000_ada", 1.57, 1, 48 },
		{ "gpu-l40sx1-48gb", "nvidia_l40s", 1.57, 1, 48 },
		{ "gpu-h100x1-80gb", "nvidia_h100", 3.39, 1, 80 },
		{ "gpu-h100x8-640gb", "nvidia_h100", 23.92, 8, 640 },
		{ "gpu-h200x1-141gb", "nvidia_h200", 3.44, 1, 141 },
		{ "gpu-h200x8-1128gb", "nvidia_h200", 27.52, 8, 1128 },
		{ "gpu-mi300x1-192gb", "amd_mi300x", 1.99, 1, 192 },
		{ "gpu-mi300x8-1536gb", "amd_mi300x", 15.92, 8, 1536 },
	};
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	assert_int_equal(do_get(&sim, "sizes?per_page=200"), 200);
	assert_int_equal(do_count(&sim, "links"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const cJSON *size = size_named(&sim, cases[i].slug);

		assert_true(json_get(size, "price_hourly")->valuedouble == cases[i].price);
		assert_string_equal(json_text(json_get(size, "gpu_info.model")), cases[i].model);
		assert_int_equal(json_get(size, "gpu_info.count")->valueint, cases[i].gpus);
		assert_int_equal(json_get(size, "gpu_info.vram.amount")->valueint, cases[i].vram);
		assert_int_equal(json_get(size, "memory")->valueint % 8, 0);
		assert_true(json_len(json_get(size, "regions")) > 0);
	}
	assert_null(json_get(size_named(&sim, "s-1vcpu-1gb"), "gpu_info"));
	assert_int_equal(do_get(&sim, "sizes?per_page=2&page=8"), 200);
	assert_int_equal(do_count(&sim, "sizes"), 1);
	do_stop(&sim);
}

#define H200_IN(region)                                                                \
	"{\"name\":\"a\",\"size\":\"gpu-h200x1-141gb\",\"image\":\"gpu-h100x1-base\"," \
	"\"region\":\"" region "\"}"

/* Stock is a size's list of regions; a size that is sold out stays in the list. */
static void test_stock(void **state)
{
	struct do_sim sim;
	const cJSON *size;

	(void)state;
	do_start(&sim, NULL);
	do_fault(&sim, &(struct fault){ .kind = FAULT_NO_CAPACITY,
					.zone = "nyc2",
					.type = "gpu-h200*",
					.until_ms = (SIM_START + 60) * 1000 });
	do_get(&sim, "sizes");
	size = size_named(&sim, "gpu-h200x1-141gb");
	assert_int_equal(json_len(json_get(size, "regions")), 1);
	assert_string_equal(json_text(json_at(json_get(size, "regions"), 0)), "tor1");
	assert_int_equal(do_post(&sim, "droplets", H200_IN("nyc2")), 422);
	do_expect(&sim, 422, "unprocessable_entity", "Size is not available in this region.");
	assert_int_equal(do_post(&sim, "droplets", H200_IN("tor1")), 202);
	do_fault(&sim, &(struct fault){ .kind = FAULT_NO_CAPACITY,
					.zone = "tor1",
					.until_ms = (SIM_START + 60) * 1000 });
	do_get(&sim, "sizes");
	size = size_named(&sim, "gpu-h200x1-141gb");
	assert_int_equal(json_len(json_get(size, "regions")), 0);
	assert_true(json_len(json_get(size_named(&sim, "gpu-h100x1-80gb"), "regions")) == 2);
	assert_int_equal(do_post(&sim, "droplets",
				 "{\"name\":\"a\",\"size\":\"gpu-h200x1-141gb\",\"image\":1}"),
			 422);
	assert_int_equal(
		do_post(&sim, "droplets",
			"{\"name\":\"a\",\"size\":\"gpu-h200x1-141gb\",\"image\":\"gpu-h100x1-base\"}"),
		422);
	do_expect(&sim, 422, "unprocessable_entity", "Size is not available in this region.");
	do_wait(&sim, 61);
	assert_int_equal(do_post(&sim, "droplets", H200_IN("nyc2")), 202);
	do_get(&sim, "regions");
	assert_string_equal(do_text(&sim, "regions.3.slug"), "ams2");
	assert_true(cJSON_IsFalse(do_at(&sim, "regions.3.available")));
	assert_int_equal(do_count(&sim, "regions.3.sizes"), 0);
	/* another price than a moment ago */
	do_fault(&sim, &(struct fault){ .kind = FAULT_PRICE,
					.type = "gpu-h200x1*",
					.price_micros = 4000000 });
	do_get(&sim, "sizes");
	assert_true(json_get(size_named(&sim, "gpu-h200x1-141gb"), "price_hourly")->valuedouble ==
		    4);
	do_stop(&sim);
}

static void test_images(void **state)
{
	static const struct {
		const char *path;
		int total, status;
	} cases[] = {
		{ "images", 7, 200 },
		{ "images?type=distribution", 6, 200 },
		{ "images?type=application", 1, 200 },
		{ "images?private=true", 0, 200 },
		{ "images?private=false", 7, 200 },
		{ "images?tag_name=x", 0, 200 },
		{ "images?type=gpu", 0, 422 },
		{ "images?private=1", 0, 422 },
		{ "images?slug=x", 0, 400 },
		{ "images/gpu-h100x1-base", -1, 200 },
		{ "images/166407044", -1, 200 },
		{ "images/nothing", -1, 404 },
		{ "images/1", -1, 404 },
	};
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (do_get(&sim, cases[i].path) != cases[i].status ||
		    (cases[i].status == 200 && do_number(&sim, "meta.total") != cases[i].total))
			fail_msg("%s: %s", cases[i].path, sim.sim.reply.body.data);
	}
	do_get(&sim, "images/166407044");
	assert_string_equal(do_text(&sim, "image.slug"), "gpu-h100x1-base");
	assert_int_equal(do_post(&sim, "droplets",
				 "{\"name\":\"a\",\"size\":\"s-1vcpu-1gb\",\"image\":129211873}"),
			 202);
	do_fault(&sim, &(struct fault){ .kind = FAULT_NO_IMAGE, .type = "gpu-*" });
	assert_int_equal(do_get(&sim, "images/gpu-amd-base"), 404);
	do_get(&sim, "images");
	assert_int_equal(do_number(&sim, "meta.total"), 4);
	do_stop(&sim);
}

static const struct {
	const char *body, *words;
	int status;
} refusals[] = {
	{ "{}", "name", 422 },
	{ "{\"name\":\"a\"}", "invalid size", 422 },
	{ "{\"name\":\"a\",\"size\":\"s-9\",\"image\":\"ubuntu-22-04-x64\"}",
	  "You specified an invalid size for Droplet creation.", 422 },
	{ "{\"name\":\"a\",\"size\":\"s-1vcpu-1gb\"}",
	  "You specified an invalid image for Droplet creation.", 422 },
	{ "{\"name\":\"a\",\"size\":\"s-1vcpu-1gb\",\"image\":\"x\"}", "invalid image", 422 },
	{ "{\"name\":\"a\",\"size\":\"s-1vcpu-1gb\",\"image\":true}", "image must be", 422 },
	{ "{\"name\":\"a\",\"size\":\"s-1vcpu-1gb\",\"image\":1.5}", "image must be", 422 },
	{ "{\"name\":\"a\",\"size\":1,\"image\":1}", "size must be a string", 422 },
	{ "{\"name\":7," PLAIN "}", "name must be a string", 422 },
	{ "{\"name\":null," PLAIN "}", "name must be a string", 422 },
	{ "{\"name\":\"a\",\"names\":[\"b\"]," PLAIN "}", "either name or names", 422 },
	{ "{\"names\":[]," PLAIN "}", "names must be 1 to 10", 422 },
	{ "{\"names\":[\"a\",1]," PLAIN "}", "name must be a string", 422 },
	{ BODY "\"region\":\"ams2\"}", "Region is not available", 422 },
	{ BODY "\"region\":\"mars1\"}", "invalid region", 422 },
	{ BODY "\"region\":\"\"}", "invalid region", 422 },
	{ BODY "\"region\":3}", "region must be a string", 422 },
	{ BODY "\"ssh_keys\":[12]}", "12 are invalid key identifiers for Droplet creation.", 422 },
	{ BODY "\"ssh_keys\":[\"3b:16\"]}", "invalid key identifiers", 422 },
	{ BODY "\"ssh_keys\":[true]}", "ssh_keys must be", 422 },
	{ BODY "\"ssh_keys\":\"x\"}", "ssh_keys must be an array", 422 },
	{ BODY "\"tags\":[\"a b\"]}", "invalid characters", 422 },
	{ BODY "\"tags\":[\"\"]}", "invalid characters", 422 },
	{ BODY "\"tags\":[\"a.b\"]}", "invalid characters", 422 },
	{ BODY "\"tags\":[3]}", "tags must be strings", 422 },
	{ BODY "\"tags\":\"x\"}", "tags must be an array", 422 },
	{ BODY "\"user_data\":{}}", "user_data must be a string", 422 },
	{ BODY "\"backups\":\"yes\"}", "backups must be a boolean", 422 },
	{ BODY "\"monitoring\":null}", "monitoring must be a boolean", 422 },
	{ BODY "\"public_networking\":false,\"ipv6\":true}", "public_networking", 422 },
	{ BODY "\"vpc_uuid\":\"760e09ef-dc84-11e8-981e-3cfdfeaae000\"}", "VPC does not exist",
	  422 },
	{ BODY "\"volumes\":[\"12e97116\"]}", "volume does not exist", 422 },
	{ BODY "\"backup_policy\":{}}", "backup_policy", 422 },
	{ BODY "\"backups\":true,\"backup_policy\":{\"plan\":\"hourly\"}}", "plan", 422 },
	{ BODY "\"backups\":true,\"backup_policy\":{\"hour\":5}}", "hour", 422 },
	{ BODY "\"backups\":true,\"backup_policy\":{\"day\":5}}", "'day'", 422 },
	{ BODY "\"count\":2}", "'count'", 400 },
	{ BODY "\"Region\":\"nyc1\"}", "'Region'", 400 },
	{ "[]", "object", 400 },
	{ "{\"name\":", "", 400 },
	{ BODY "\"size\":\"c-2\"}", "", 400 },
};

static void test_refusals(void **state)
{
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		do_call(&sim, "POST", "droplets", refusals[i].body);
		do_expect(&sim, refusals[i].status,
			  refusals[i].status == 400 ? "bad_request" : "unprocessable_entity",
			  refusals[i].words);
	}
	assert_int_equal(do_call(&sim, "POST", "droplets", NULL), 400);
	assert_int_equal(do_call(&sim, "POST", "droplets?x=1", "{}"), 400);
	assert_int_equal(sim_living(&sim.sim, "instance"), 0);
	assert_int_equal(sim_living(&sim.sim, "tag"), 0);
	do_stop(&sim);
}

static void test_accepted(void **state)
{
	static const struct {
		const char *body, *region;
	} cases[] = {
		{ "{\"name\":\"a\"," PLAIN "}", "nyc1" },
		{ BODY "\"region\":\"nyc\"}", "nyc1" },
		{ BODY "\"region\":\"ams\"}", "ams3" }, /* of two, the one that takes droplets */
		{ BODY "\"region\":\"syd1\",\"tags\":null,\"volumes\":[],\"ssh_keys\":[]}",
		  "syd1" },
		{ BODY "\"backups\":true,\"backup_policy\":{\"plan\":\"weekly\",\"weekday\":"
		       "\"MON\",\"hour\":20},\"ipv6\":true,\"private_networking\":true}",
		  "nyc1" },
		{ "{\"name\":\"a\",\"size\":\"gpu-h100x1-80gb\",\"image\":\"gpu-h100x1-base\"}",
		  "nyc2" },
	};
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (do_call(&sim, "POST", "droplets", cases[i].body) != 202)
			fail_msg("%s: %s", cases[i].body, sim.sim.reply.body.data);
		assert_string_equal(do_text(&sim, "droplet.region.slug"), cases[i].region);
	}
	do_wait(&sim, 2);
	do_get(&sim, "droplets?per_page=1&page=5");
	assert_string_equal(do_text(&sim, "droplets.0.features.0"), "backups");
	assert_string_equal(do_text(&sim, "droplets.0.next_backup_window.start"),
			    "2020-03-21T00:00:00Z");
	assert_string_equal(do_text(&sim, "droplets.0.networks.v6.0.type"), "public");
	/* five at 0.00893, backups a fifth more on one of them, and the GPU */
	assert_int_equal(sim_bill(&sim.sim), 5 * 8930 + 1786 + 3390000);
	char vpc[80];

	snprintf(vpc, sizeof(vpc), "%s", do_text(&sim, "droplets.0.vpc_uuid"));
	assert_int_equal(do_post(&sim, "droplets",
				 BODY "\"vpc_uuid\":\"%s\",\"public_networking\":false}", vpc),
			 202);
	do_wait(&sim, 2);
	do_get(&sim, "droplets?per_page=1&page=6");
	assert_int_equal(do_count(&sim, "droplets.0.networks.v4"), 1);
	assert_string_equal(do_text(&sim, "droplets.0.networks.v4.0.type"), "private");
	do_stop(&sim);
}

static void test_names(void **state)
{
	static const char *const good[] = { "a", "A-1.b", ".a", "-a", "0" };
	static const char *const bad[] = { "", "a_b", "a b", "a.", "a-", "\\u00e4", "a/b" };
	char name[300], *body;
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(do_post(&sim, "droplets", "{\"name\":\"%s\"," PLAIN "}", good[i]),
				 202);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		do_post(&sim, "droplets", "{\"name\":\"%s\"," PLAIN "}", bad[i]);
		do_expect(&sim, 422, "unprocessable_entity",
			  "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)");
	}
	memset(name, 'a', sizeof(name));
	for (int len = 255; len <= 256; len++) {
		body = xasprintf("{\"name\":\"%.*s\"," PLAIN "}", len, name);
		assert_int_equal(do_call(&sim, "POST", "droplets", body), len == 255 ? 202 : 422);
		free(body);
	}
	do_stop(&sim);
}

/* Ten at a time, and no more than the account may have. */
static void test_many(void **state)
{
#define FIVE "\"a\",\"b\",\"c\",\"d\",\"e\""
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	assert_int_equal(
		do_post(&sim, "droplets", "{\"names\":[" FIVE "," FIVE ",\"f\"]," PLAIN "}"), 422);
	do_expect(&sim, 422, "unprocessable_entity", "names must be 1 to 10");
	assert_int_equal(do_post(&sim, "droplets", "{\"names\":[" FIVE "," FIVE "]," PLAIN "}"),
			 202);
	assert_int_equal(do_count(&sim, "droplets"), 10);
	assert_int_equal(do_count(&sim, "links.actions"), 10);
	assert_true(do_number(&sim, "droplets.0.id") < do_number(&sim, "droplets.9.id"));
	assert_int_equal(do_post(&sim, "droplets", "{\"names\":[" FIVE "," FIVE "]," PLAIN "}"),
			 202);
	do_get(&sim, "account");
	assert_int_equal(do_number(&sim, "account.droplet_limit"), 25);
	assert_int_equal(do_post(&sim, "droplets", "{\"names\":[" FIVE ",\"f\"]," PLAIN "}"), 422);
	do_expect(&sim, 422, "unprocessable_entity",
		  "creating this/these droplet(s) will exceed your droplet limit");
	assert_int_equal(do_post(&sim, "droplets", "{\"names\":[" FIVE "]," PLAIN "}"), 202);
	assert_int_equal(sim_living(&sim.sim, "instance"), 25);
	do_get(&sim, "droplets");
	assert_int_equal(do_count(&sim, "droplets"), 20);
	do_stop(&sim);
}

static void test_user_data(void **state)
{
	size_t max = CLOUD_BODY_MAX - 200;
	char *data = xcalloc(1, max + 1), *body;
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	memset(data, 'x', max);
	body = xasprintf(BODY "\"user_data\":\"%s\"}", data);
	assert_int_equal(do_call(&sim, "POST", "droplets", body), 202);
	free(body);
	free(data);
	do_stop(&sim);
}

static int64_t header(const struct do_sim *sim, const char *name)
{
	const struct cloud_reply *reply = &sim->sim.reply;

	for (size_t i = 0; i < reply->nr_headers; i++) {
		if (strcmp(reply->headers[i].name, name) == 0)
			return reply->headers[i].value;
	}
	return -1;
}

/* Each request counts for one hour. */
static void test_limits(void **state)
{
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	do_get(&sim, "account");
	assert_int_equal(header(&sim, "ratelimit-limit"), 5000);
	assert_int_equal(header(&sim, "ratelimit-remaining"), 4999);
	assert_int_equal(header(&sim, "ratelimit-reset"), SIM_START + 3600);
	assert_int_equal(header(&sim, "retry-after"), -1);
	do_wait(&sim, 10);
	do_get(&sim, "account");
	assert_int_equal(header(&sim, "ratelimit-remaining"), 4998);
	assert_int_equal(header(&sim, "ratelimit-reset"), SIM_START + 3600);
	do_wait(&sim, 3590);
	do_get(&sim, "account");
	assert_int_equal(header(&sim, "ratelimit-remaining"), 4998);
	assert_int_equal(header(&sim, "ratelimit-reset"), SIM_START + 3610);
	sim.token = "wrong";
	do_get(&sim, "account");
	assert_int_equal(header(&sim, "ratelimit-limit"), -1);
	do_stop(&sim);
}

static void test_rights(void **state)
{
	struct do_sim sim;
	int64_t id;

	(void)state;
	do_start(&sim, NULL);
	id = do_droplet(&sim, "a", "s-1vcpu-1gb", "");
	sim.token = "dop_v1_wrong";
	assert_int_equal(do_get(&sim, "droplets"), 401);
	do_expect(&sim, 401, "unauthorized", "Unable to authenticate you");
	assert_int_equal(do_post(&sim, "droplets", "{}"), 401);
	sim.token = "";
	assert_int_equal(do_get(&sim, "account"), 401);
	sim.token = CLOUD_DIGITALOCEAN_READ_TOKEN;
	assert_int_equal(do_get(&sim, "droplets"), 200);
	assert_int_equal(do_post(&sim, "droplets", "{\"name\":\"a\"," PLAIN "}"), 403);
	do_expect(&sim, 403, "forbidden", "not authorized");
	char *path = xasprintf("droplets/%lld", (long long)id);

	assert_int_equal(do_call(&sim, "DELETE", path, NULL), 403);
	free(path);
	sim.token = CLOUD_DIGITALOCEAN_TOKEN;
	assert_int_equal(do_get(&sim, "nothing"), 404);
	assert_int_equal(do_call(&sim, "PUT", "droplets", "{}"), 405);
	do_fault(&sim, &(struct fault){ .kind = FAULT_ERROR,
					.action = "ListSizes",
					.status = 429,
					.code = "too_many_requests",
					.message = "API rate limit exceeded.",
					.count = 1 });
	assert_int_equal(do_get(&sim, "sizes"), 429);
	do_expect(&sim, 429, "too_many_requests", "exceeded");
	assert_int_equal(header(&sim, "retry-after"), 2);
	assert_int_equal(header(&sim, "ratelimit-remaining"), 0);
	assert_int_equal(do_get(&sim, "sizes"), 200);
	assert_int_equal(cloud_counter(sim.sim.cloud, "digitalocean", "ListSizes"), 2);
	do_stop(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	 cmocka_unit_test(test_stock),
		cmocka_unit_test(test_images),	 cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_names),
		cmocka_unit_test(test_many),	 cmocka_unit_test(test_user_data),
		cmocka_unit_test(test_limits),	 cmocka_unit_test(test_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

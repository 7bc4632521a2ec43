/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated DigitalOcean: tags, SSH keys, the account, and what the ledger says. */
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

#define BLOB  "AAAAC3NzaC1lZDI1NTE5AAAAIJ5mRrOV8fHwqCS0EAMXvRzdxkDYJ0/sQ2sp3Eu2fC0X"
#define KEY   "ssh-ed25519 " BLOB
#define PLAIN "\"size\":\"s-1vcpu-1gb\",\"image\":\"ubuntu-22-04-x64\""

static void test_tags(void **state)
{
	struct do_sim sim;
	int64_t id;
	char uri[80];

	(void)state;
	do_start(&sim, NULL);
	assert_int_equal(do_post(&sim, "tags", "{\"name\":\"PROD\"}"), 201);
	assert_int_equal(do_number(&sim, "tag.resources.count"), 0);
	assert_null(do_at(&sim, "tag.resources.last_tagged_uri"));
	/* the capitals of the first one stay */
	assert_int_equal(do_post(&sim, "tags", "{\"name\":\"prod\"}"), 201);
	assert_string_equal(do_text(&sim, "tag.name"), "PROD");
	id = do_droplet(&sim, "a", "s-1vcpu-1gb", "\"prod\",\"new:one\",\"new:one\"");
	do_get(&sim, "droplets?tag_name=PROD");
	assert_int_equal(do_count(&sim, "droplets.0.tags"), 2);
	assert_int_equal(do_get(&sim, "tags/PROD"), 200);
	snprintf(uri, sizeof(uri), "https://api.digitalocean.com/v2/droplets/%lld", (long long)id);
	assert_string_equal(do_text(&sim, "tag.resources.droplets.last_tagged_uri"), uri);
	assert_int_equal(do_number(&sim, "tag.resources.droplets.count"), 1);
	assert_int_equal(do_number(&sim, "tag.resources.images.count"), 0);
	assert_int_equal(do_get(&sim, "tags/prod"), 404);
	assert_int_equal(do_get(&sim, "tags/new%3Aone"), 200);
	assert_int_equal(do_get(&sim, "tags"), 200);
	assert_int_equal(do_number(&sim, "meta.total"), 2);
	assert_int_equal(do_call(&sim, "DELETE", "tags/PROD", NULL), 204);
	assert_int_equal(do_call(&sim, "DELETE", "tags/PROD", NULL), 404);
	do_get(&sim, "droplets");
	assert_int_equal(do_count(&sim, "droplets.0.tags"), 1);
	do_stop(&sim);
}

static void test_tag_names(void **state)
{
	static const char *const bad[] = { "", "a b", "a.b", "a=b", "\\u00e4", "a/b" };
	char name[300], *body;
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		/* this one refusal has a shape of its own */
		assert_int_equal(do_post(&sim, "tags", "{\"name\":\"%s\"}", bad[i]), 400);
		assert_non_null(strstr(do_text(&sim, "error"), "invalid characters"));
		assert_int_equal(do_count(&sim, "root_causes"), 1);
		assert_true(cJSON_IsNull(do_at(&sim, "messages")));
	}
	memset(name, 'a', sizeof(name));
	for (int len = 255; len <= 256; len++) {
		body = xasprintf("{\"name\":\"%.*s\"}", len, name);
		assert_int_equal(do_call(&sim, "POST", "tags", body), len == 255 ? 201 : 400);
		free(body);
		body = xasprintf("{\"name\":\"a\"," PLAIN ",\"tags\":[\"%.*s\"]}", len, name);
		assert_int_equal(do_call(&sim, "POST", "droplets", body), len == 255 ? 202 : 422);
		free(body);
	}
	assert_int_equal(do_post(&sim, "tags", "{\"name\":\"aZ09:_-\"}"), 201);
	assert_int_equal(do_post(&sim, "tags", "{\"name\":3}"), 422);
	assert_int_equal(do_post(&sim, "tags", "{}"), 422);
	assert_int_equal(do_post(&sim, "tags", "{\"name\":\"a\",\"colour\":1}"), 400);
	do_stop(&sim);
}

static void test_tagging(void **state)
{
	static const struct {
		const char *body;
		int status;
	} cases[] = {
		{ "{\"resources\":[{\"resource_id\":\"1\",\"resource_type\":\"droplet\"}]}", 404 },
		{ "{\"resources\":[{\"resource_id\":\"x\",\"resource_type\":\"volume\"}]}", 404 },
		{ "{\"resources\":[{\"resource_id\":\"1\",\"resource_type\":\"server\"}]}", 422 },
		{ "{\"resources\":[{\"resource_id\":1,\"resource_type\":\"droplet\"}]}", 422 },
		{ "{\"resources\":[{\"resource_id\":\"1\"}]}", 422 },
		{ "{\"resources\":[3]}", 422 },
		{ "{\"resources\":{}}", 422 },
		{ "{}", 422 },
		{ "{\"resources\":[]}", 204 },
	};
	struct do_sim sim;
	char *body;
	int64_t id;

	(void)state;
	do_start(&sim, NULL);
	id = do_droplet(&sim, "a", "s-1vcpu-1gb", "");
	do_post(&sim, "tags", "{\"name\":\"t\"}");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (do_call(&sim, "POST", "tags/t/resources", cases[i].body) != cases[i].status)
			fail_msg("%s: %s", cases[i].body, sim.sim.reply.body.data);
	}
	body = xasprintf(
		"{\"resources\":[{\"resource_id\":\"%lld\",\"resource_type\":\"droplet\"}]}",
		(long long)id);
	assert_int_equal(do_call(&sim, "POST", "tags/u/resources", body), 404);
	assert_int_equal(do_call(&sim, "POST", "tags/t/resources", body), 204);
	assert_int_equal(do_call(&sim, "POST", "tags/t/resources", body), 204);
	do_get(&sim, "droplets?tag_name=t");
	assert_int_equal(do_number(&sim, "meta.total"), 1);
	assert_int_equal(do_count(&sim, "droplets.0.tags"), 1);
	assert_int_equal(do_call(&sim, "DELETE", "tags/t/resources", body), 204);
	do_get(&sim, "droplets?tag_name=t");
	assert_int_equal(do_number(&sim, "meta.total"), 0);
	free(body);
	do_stop(&sim);
}

static void test_keys(void **state)
{
	/* of the key above, as "ssh-keygen -E md5" says it */
	static const char print[] = "a4:63:96:ea:d7:d9:89:a2:3d:8f:71:53:f5:79:ee:39";
	char path[80];
	struct do_sim sim;
	int64_t id;

	(void)state;
	do_start(&sim, NULL);
	assert_int_equal(
		do_post(&sim, "account/keys", "{\"name\":\"me\",\"public_key\":\"%s\\n\"}", KEY),
		201);
	assert_string_equal(do_text(&sim, "ssh_key.fingerprint"), print);
	assert_string_equal(do_text(&sim, "ssh_key.public_key"), KEY);
	id = (int64_t)do_number(&sim, "ssh_key.id");
	assert_true(id >= 10000000 && id <= 99999999);
	/* the comment does not make another key of it */
	do_post(&sim, "account/keys", "{\"name\":\"x\",\"public_key\":\"%s you\"}", KEY);
	do_expect(&sim, 422, "unprocessable_entity", "SSH Key is already in use on your account");
	snprintf(path, sizeof(path), "account/keys/%s", print);
	assert_int_equal(do_get(&sim, path), 200);
	assert_int_equal(do_number(&sim, "ssh_key.id"), id);
	assert_int_equal(do_post(&sim, "droplets",
				 "{\"name\":\"a\"," PLAIN ",\"ssh_keys\":[\"%s\"]}", print),
			 202);
	assert_int_equal(do_post(&sim, "droplets",
				 "{\"name\":\"b\"," PLAIN ",\"ssh_keys\":[\"%lld\"]}",
				 (long long)id),
			 202);
	snprintf(path, sizeof(path), "account/keys/%lld", (long long)id);
	assert_int_equal(do_call(&sim, "DELETE", path, NULL), 204);
	assert_int_equal(do_call(&sim, "DELETE", path, NULL), 404);
	do_wait(&sim, 2); /* it was theirs when they were made */
	assert_string_equal(sim.machine.public_key, KEY);
	do_get(&sim, "account/keys");
	assert_int_equal(do_number(&sim, "meta.total"), 0);
	assert_int_equal(
		do_post(&sim, "account/keys", "{\"name\":\"me\",\"public_key\":\"%s\"}", KEY), 201);
	do_stop(&sim);
}

static void test_bad_keys(void **state)
{
	static const char *const bad[] = { "",
					   "LaLaLa",
					   "ssh-ed25519",
					   "ssh-ed25519 ",
					   "ssh-ed25519 %%%",
					   "ssh-ed25519 AAAA",
					   "ssh-rsa " BLOB,
					   "ssh-dss " BLOB,
					   " ssh-ed25519 " BLOB,
					   KEY "\\nssh-ed25519 " BLOB };
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		do_post(&sim, "account/keys", "{\"name\":\"me\",\"public_key\":\"%s\"}", bad[i]);
		do_expect(&sim, 422, "unprocessable_entity", "type key [comment]");
	}
	assert_int_equal(do_post(&sim, "account/keys", "{\"name\":\"me\"}"), 422);
	assert_int_equal(do_post(&sim, "account/keys", "{\"public_key\":\"%s\"}", KEY), 422);
	assert_int_equal(do_post(&sim, "account/keys", "{\"name\":\"me\",\"key\":\"%s\"}", KEY),
			 400);
	assert_int_equal(do_get(&sim, "account/keys/0"), 404);
	assert_int_equal(do_get(&sim, "account/keys?per_page=x"), 422);
	do_stop(&sim);
}

struct seen {
	size_t nr, owned;
	char text[2048];
};

static void note(void *ctx, const struct cloud_resource *resource)
{
	struct seen *seen = ctx;
	size_t len = strlen(seen->text);

	if (strcmp(resource->provider, "digitalocean") != 0)
		return;
	snprintf(seen->text + len, sizeof(seen->text) - len, "%s %s %s %s%s", resource->kind,
		 resource->state, resource->region, resource->type,
		 resource->ended_ms ? " end" : "");
	for (size_t i = 0; i < resource->nr_tags; i++) {
		len = strlen(seen->text);
		snprintf(seen->text + len, sizeof(seen->text) - len, " [%s=%s]",
			 resource->tags[i].key, resource->tags[i].value);
	}
	len = strlen(seen->text);
	snprintf(seen->text + len, sizeof(seen->text) - len, "\n");
}

static void test_ledger(void **state)
{
	struct seen before = { 0 }, after = { 0 };
	struct do_sim sim;
	char path[120];
	int64_t id;

	(void)state;
	do_start(&sim, NULL);
	id = do_droplet(&sim, "a", "gpu-l40sx1-48gb", "\"gpucloud-owner:me\",\"web\",\"x:y:z\"");
	do_post(&sim, "tags", "{\"name\":\"idle\"}");
	do_post(&sim, "account/keys", "{\"name\":\"me\",\"public_key\":\"%s\"}", KEY);
	do_post(&sim, "firewalls",
		"{\"name\":\"fw\",\"tags\":[\"gpucloud-owner:me\"],\"inbound_rules\":[{\"protocol\":"
		"\"tcp\",\"ports\":\"22\",\"sources\":{\"addresses\":[\"0.0.0.0/0\"]}}]}");
	snprintf(path, sizeof(path), "firewalls/%s", do_text(&sim, "firewall.id"));
	cloud_each_resource(sim.sim.cloud, note, &before);
	assert_string_equal(before.text,
			    "instance active tor1 gpu-l40sx1-48gb [gpucloud-owner=me] [web=] "
			    "[x:y:z=]\n"
			    "security-group in-use  no-outbound [gpucloud-owner=me] [name=fw]\n"
			    "key-pair available   [name=me]\n"
			    "tag in-use  \n"
			    "tag in-use  \n"
			    "tag in-use  \n"
			    "tag unused  \n");
	do_call(&sim, "DELETE", path, NULL);
	snprintf(path, sizeof(path), "droplets/%lld", (long long)id);
	do_call(&sim, "DELETE", path, NULL);
	do_wait(&sim, 2);
	do_call(&sim, "DELETE", "tags/gpucloud-owner:me", NULL);
	cloud_each_resource(sim.sim.cloud, note, &after);
	/* what has ended still says whose it was */
	assert_non_null(strstr(after.text, "instance deleted tor1 gpu-l40sx1-48gb end "
					   "[gpucloud-owner=me] [web=]"));
	assert_non_null(strstr(after.text, "security-group deleted  no-outbound end"));
	assert_non_null(strstr(after.text, "tag deleted   end\n"));
	assert_int_equal(sim_bill(&sim.sim), 0);
	do_stop(&sim);
}

/* The same seed and requests give the same replies; EC2's world does not feel them. */
static void test_repeatable(void **state)
{
	struct do_sim one, two;

	(void)state;
	do_start(&one, NULL);
	do_start(&two, NULL);
	for (int i = 0; i < 3; i++) {
		do_post(&one, "droplets", "{\"name\":\"a\"," PLAIN ",\"tags\":[\"t\"]}");
		do_post(&two, "droplets", "{\"name\":\"a\"," PLAIN ",\"tags\":[\"t\"]}");
		assert_string_equal(one.sim.reply.body.data, two.sim.reply.body.data);
		do_wait(&one, 2);
		do_wait(&two, 2);
		do_get(&one, "droplets");
		do_get(&two, "droplets");
		assert_string_equal(one.sim.reply.body.data, two.sim.reply.body.data);
	}
	do_stop(&one);
	do_stop(&two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tags),	   cmocka_unit_test(test_tag_names),
		cmocka_unit_test(test_tagging),	   cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bad_keys),   cmocka_unit_test(test_ledger),
		cmocka_unit_test(test_repeatable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

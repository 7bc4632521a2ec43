/* SPDX-License-Identifier: Apache-2.0 */
/* DigitalOcean: launches. What is asked, in which order, and what is never sent twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"
#include "tests/unit/digitalocean_fake.h"

#define SIZES                                                                                  \
	DF_LIST("sizes",                                                                       \
		"{\"slug\":\"gpu-h100x1-80gb\",\"memory\":245760,\"vcpus\":20,\"disk\":720,"   \
		"\"price_hourly\":3.39,\"regions\":[\"nyc2\"],\"available\":true,"             \
		"\"gpu_info\":{\"count\":1,\"model\":\"nvidia_h100\",\"vram\":{\"amount\":80," \
		"\"unit\":\"gib\"}}}")
#define IMAGE	 "{\"image\":{\"id\":1,\"name\":\"AI/ML Ready\",\"min_disk_size\":25}}"
#define FIREWALL "{\"firewall\":{\"id\":\"" DF_UUID "\",\"name\":\"" DF_FIREWALL "\"}}"
#define KEY	 "{\"ssh_key\":{\"id\":77,\"fingerprint\":\"" DF_PRINT "\",\"name\":\"x\"}}"
#define MADE	 "{\"droplet\":" DF_DROPLET("3164444", "new", "") "}"
#define IN_USE	 DF_REFUSED("SSH Key is already in use on your account")
#define BAD_KEY	 DF_REFUSED(DF_PRINT " are invalid key identifiers for Droplet creation.")

#define LOOK                                                                    \
	"GET /droplets?per_page=200&type=gpus\n"                                \
	"GET /droplets?per_page=200&tag_name=gpucloud-token%3A" DF_ATTEMPT "\n" \
	"GET /sizes?per_page=200\nGET /images/gpu-h100x1-base\n"
#define GUARD "POST /firewalls\nPOST /tags\nPUT /firewalls/" DF_UUID "\n"

static struct launch_request request(void)
{
	static const char *const from[] = { "203.0.113.7/32", "2001:db8::/64" };
	static const uint16_t ports[] = { 8888, 22 };
	static const struct tag tags[] = { { "gpucloud-expires", "1767229200" } };

	return (struct launch_request){
		.launch_id = DF_LAUNCH,
		.token = DF_ATTEMPT,
		.name = "train_1-",
		.owner = "me",
		.region = "nyc2",
		.zone = "nyc2",
		.type = "gpu-h100x1-80gb",
		.arch = "x86_64",
		.ssh_public_key = DF_LOGIN,
		.ports = ports,
		.nr_ports = 2,
		.ssh_port = 22,
		.from = from,
		.nr_from = 2,
		.user_data = "#cloud-config\n",
		.user_data_len = strlen("#cloud-config\n"),
		.made = 1767225600,
		.tags = tags,
		.nr_tags = 1,
	};
}

static void allow_looks(struct cloud_fake *world)
{
	aws_fake_reply(&world->fake, "type=gpus", 200, DF_NO_DROPLETS);
	aws_fake_reply(&world->fake, "tag_name=gpucloud-token", 200, DF_NO_DROPLETS);
	aws_fake_reply(&world->fake, "/sizes", 200, SIZES);
	aws_fake_reply(&world->fake, "/images/", 200, IMAGE);
}

static void allow_guard(struct cloud_fake *world)
{
	aws_fake_reply(&world->fake, "POST " DF_URL "/firewalls", 202, FIREWALL);
	aws_fake_reply(&world->fake, "POST " DF_URL "/tags", 201, "{}");
	aws_fake_reply(&world->fake, "PUT " DF_URL "/firewalls", 200, FIREWALL);
}

static void allow(struct cloud_fake *world)
{
	allow_looks(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/account/keys", 201, KEY);
	allow_guard(world);
}

static int launch(struct cloud_fake *world, const struct launch_request *wanted,
		  struct launch_result *ret)
{
	return ocean_launch(world->p, wanted, NULL, ret, &world->err);
}

static void must_launch(struct cloud_fake *world, const struct launch_request *wanted)
{
	struct launch_result result = { 0 };

	if (launch(world, wanted, &result))
		fail_msg("%s\n%s", world->err.message, cloud_fake_log(world));
	assert_string_equal(result.instance.id, "3164444");
	assert_true(aws_fake_all_used(&world->fake));
	launch_result_release(&result);
}

/* --- what is sent ----------------------------------------------------------------------------- */

static void test_bodies(void **state)
{
	struct cloud_fake *world = *state;
	const struct launch_request wanted = request();
	struct launch_result result = { 0 };

	allow(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/droplets", 202, MADE);
	assert_int_equal(launch(world, &wanted, &result), 0);
	assert_string_equal(cloud_fake_log(world),
			    LOOK "POST /account/keys\n" GUARD "POST /droplets\n");
	assert_string_equal(
		cloud_fake_body(world, 4),
		"{\"name\":\"gpucloud.me." DF_LAUNCH ".nyc2.1767225600\",\"public_key\":\"ssh-"
		"ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\"}");
#define IN(port)                                                                   \
	"{\"protocol\":\"tcp\",\"ports\":\"" port "\",\"sources\":{\"addresses\":" \
	"[\"203.0.113.7/32\",\"2001:db8::/64\"]}}"
#define OUT(protocol)                                                                     \
	"{\"protocol\":\"" protocol "\",\"ports\":\"0\",\"destinations\":{\"addresses\":" \
	"[\"0.0.0.0/0\",\"::/0\"]}}"
#define RULES                                                                \
	"{\"name\":\"" DF_FIREWALL "\",\"inbound_rules\":[" IN("22") "," IN( \
		"8888") "],\"outbound_rules\":[" OUT("tcp") "," OUT("udp") "," OUT("icmp") "]"
	assert_string_equal(cloud_fake_body(world, 5), RULES "}");
	assert_string_equal(cloud_fake_body(world, 6),
			    "{\"name\":\"gpucloud-launch:" DF_LAUNCH "\"}");
	assert_string_equal(cloud_fake_body(world, 7),
			    RULES ",\"tags\":[\"gpucloud-launch:" DF_LAUNCH "\"]}");
	assert_string_equal(
		cloud_fake_body(world, 8),
		"{\"name\":\"train-1\",\"region\":\"nyc2\",\"size\":\"gpu-h100x1-80gb\","
		"\"image\":\"gpu-h100x1-base\",\"ssh_keys\":[\"" DF_PRINT
		"\"],\"monitoring\":false,\"tags\":[\"gpucloud-launch:" DF_LAUNCH
		"\",\"gpucloud-token:" DF_ATTEMPT
		"\",\"gpucloud-owner:me\",\"gpucloud-launch-owner:me:" DF_LAUNCH
		"\",\"gpucloud-name:train_1-\",\"gpucloud-launch-name:train_1-:" DF_LAUNCH
		"\",\"gpucloud-made:1767225600:" DF_LAUNCH
		"\",\"gpucloud-expires:1767229200:" DF_LAUNCH
		"\"],\"user_data\":\"#cloud-config\\n\"}");
	/* The tags come after the reply: what was asked for is what it has. */
	assert_string_equal(result.instance.name, "train_1-");
	assert_string_equal(result.instance.owner, "me");
	assert_string_equal(result.instance.launch_id, DF_LAUNCH);
	assert_string_equal(result.instance.token, DF_ATTEMPT);
	assert_int_equal(result.instance.expires, 1767229200);
	assert_int_equal(result.instance.state, INSTANCE_PENDING);
	assert_int_equal(result.instance.price, 3390000);
	assert_string_equal(result.image_name, "AI/ML Ready");
	launch_result_release(&result);
}

/* An image by number is sent as one; a VPC is; nobody let in means no rule. */
static void test_options(void **state)
{
	struct cloud_fake *world = *state;
	struct launch_request wanted = request();

	wanted.image = "166407044";
	wanted.subnet = "760e09ef-dc84-11e8-981e-3cfdfeaae000";
	wanted.ssh_public_key = NULL;
	wanted.nr_from = 0;
	wanted.disk_gib = 720;
	allow_looks(world);
	allow_guard(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/droplets", 202, MADE);
	must_launch(world, &wanted);
	assert_non_null(strstr(cloud_fake_log(world), "GET /images/166407044\n"));
	assert_non_null(strstr(cloud_fake_body(world, 4), "\"inbound_rules\":[],"));
	const char *body = cloud_fake_body(world, 7);
	assert_non_null(strstr(body, "\"image\":166407044,"));
	assert_non_null(strstr(body, "\"vpc_uuid\":\"760e09ef-dc84-11e8-981e-3cfdfeaae000\""));
	assert_null(strstr(body, "ssh_keys"));
}

/* --- what is refused before anything is made --------------------------------------------------- */

static void test_refused_unasked(void **state)
{
	struct cloud_fake *world = *state;
	static const char *const nowhere[] = { "10.0.0.0/0" };
	static char big[(64 << 10) + 2];
	struct launch_request bad[12];
	static const char *const says[ARRAY_SIZE(bad)] = {
		"launch id", "token",	"size",		 "zone",       "image",	 "VPC",
		"OpenSSH",   "OpenSSH", "address block", "plain text", "64 KiB", "owner",
	};

	memset(big, 'x', sizeof(big) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = request();
	bad[0].launch_id = "A b";
	bad[1].token = "a/b";
	bad[2].type = "a b";
	bad[3].zone = "nyc3";
	bad[4].image = "ssm:/x";
	bad[5].subnet = "../x";
	bad[6].ssh_public_key = "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAAB me"; /* another type */
	bad[7].ssh_public_key = DF_LOGIN "\nssh-ed25519 AAAA";
	bad[8].from = nowhere;
	bad[8].nr_from = 1;
	bad[9].user_data = "\x1f\x8b";
	bad[9].user_data_len = 2;
	bad[10].user_data = big;
	bad[10].user_data_len = sizeof(big) - 1;
	bad[11].owner = "a b";
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct launch_result result = { 0 };

		cloud_fake_expect(world, launch(world, &bad[i], &result), ERROR_USAGE, says[i]);
		assert_int_equal(world->fake.nr_requests, 0);
	}
	bad[0] = request();
	bad[0].user_data = big;
	bad[0].user_data_len = 64 << 10; /* just so much */
	allow(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/droplets", 202, MADE);
	must_launch(world, &bad[0]);
}

static void test_refused_asked(void **state)
{
	struct cloud_fake *world = *state;
	struct launch_request wanted[4];
	static const struct {
		enum error_kind kind;
		const char *says;
	} why[ARRAY_SIZE(wanted)] = {
		{ ERROR_NOT_FOUND, "no size 'gpu-x'" },
		{ ERROR_CAPACITY, "in stock: nyc2" },
		{ ERROR_USAGE, "720 GiB" },
		{ ERROR_USAGE, "720 GiB" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		wanted[i] = request();
	wanted[0].type = "gpu-x";
	wanted[1].region = wanted[1].zone = "tor1";
	wanted[2].disk_gib = 721;
	wanted[3].disk_more_gib = 696; /* and the image's 25 */
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct launch_result result = { 0 };

		cloud_fake_clear(world);
		allow_looks(world);
		cloud_fake_expect(world, launch(world, &wanted[i], &result), why[i].kind,
				  why[i].says);
		assert_null(strstr(cloud_fake_log(world), "POST"));
	}
}

/* --- the token --------------------------------------------------------------------------------- */

static void test_made_before(void **state)
{
	struct cloud_fake *world = *state;
	const struct launch_request wanted = request();

	aws_fake_reply(&world->fake, "type=gpus", 200,
		       DF_LIST("droplets", DF_DROPLET("3164444", "active", DF_TAGS)));
	aws_fake_reply(&world->fake, "tag_name=", 404, DF_NOT_FOUND);
	must_launch(world, &wanted);
	assert_int_equal(world->fake.nr_requests, 2);
}

/* An answer that is not known is told as that, and the request is not sent again. */
static void test_unknown(void **state)
{
	struct cloud_fake *world = *state;
	const struct launch_request wanted = request();
	static const char *const odd[] = { "<html>", "{}", "{\"droplet\":{\"id\":\"x\"}}", "" };
	struct launch_result result = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		cloud_fake_clear(world);
		allow(world);
		aws_fake_reply(&world->fake, "POST " DF_URL "/droplets", 202, odd[i]);
		cloud_fake_expect(world, launch(world, &wanted, &result), ERROR_PROTOCOL,
				  "create a droplet");
		assert_true(world->err.unknown);
	}
	cloud_fake_clear(world);
	allow(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/droplets", 502, "<html>");
	cloud_fake_expect(world, launch(world, &wanted, &result), ERROR_REMOTE, "502");
	assert_true(world->err.unknown);
	assert_int_equal(world->fake.nr_requests, 9);
}

/* What fails before the droplet leaves nothing unknown: whatever it made is found by its name. */
static void test_known(void **state)
{
	struct cloud_fake *world = *state;
	const struct launch_request wanted = request();
	static const struct {
		const char *match, *body;
		int status;
		enum error_kind kind;
	} no[] = {
		{ "POST " DF_URL "/droplets", DF_REFUSED("will exceed your droplet limit"), 422,
		  ERROR_QUOTA },
		{ "POST " DF_URL "/droplets", DF_REFUSED("Size is not available in this region."),
		  422, ERROR_CAPACITY },
		{ "POST " DF_URL "/droplets", DF_REFUSED("Region is not available"), 422,
		  ERROR_CAPACITY },
		{ "POST " DF_URL "/droplets", DF_ERROR("forbidden", "no"), 403, ERROR_AUTH },
		{ "POST " DF_URL "/droplets", DF_ERROR("too_many_requests", "no"), 429,
		  ERROR_THROTTLED },
	};
	struct launch_result result = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		cloud_fake_clear(world);
		allow(world);
		for (int k = 0; k < (no[i].status == 429 ? 4 : 1); k++)
			aws_fake_reply(&world->fake, no[i].match, no[i].status, no[i].body);
		cloud_fake_expect(world, launch(world, &wanted, &result), no[i].kind,
				  "cannot create a droplet");
		assert_false(world->err.unknown);
	}
	cloud_fake_clear(world);
	allow_looks(world);
	for (int i = 0; i < 4; i++)
		aws_fake_fail(&world->fake, "/account/keys", ERROR_TIMEOUT);
	cloud_fake_expect(world, launch(world, &wanted, &result), ERROR_TIMEOUT, "SSH key");
	assert_false(world->err.unknown);
}

/* --- the key ----------------------------------------------------------------------------------- */

static void test_key_is_shared(void **state)
{
	struct cloud_fake *world = *state;
	const struct launch_request wanted = request();

	allow_looks(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/account/keys", 422, IN_USE);
	aws_fake_reply(&world->fake, "GET " DF_URL "/account/keys/0f%3Aa2", 200, KEY);
	allow_guard(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/droplets", 202, MADE);
	must_launch(world, &wanted);

	/* Between the two questions its launch ended, and took it away. */
	cloud_fake_clear(world);
	allow_looks(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/account/keys", 422, IN_USE);
	aws_fake_reply(&world->fake, "GET " DF_URL "/account/keys/", 404, DF_NOT_FOUND);
	aws_fake_reply(&world->fake, "POST " DF_URL "/account/keys", 201, KEY);
	allow_guard(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/droplets", 202, MADE);
	must_launch(world, &wanted);

	/* It is another refusal, and stays one. */
	cloud_fake_clear(world);
	allow_looks(world);
	for (int i = 0; i < 2; i++) {
		aws_fake_reply(&world->fake, "POST " DF_URL "/account/keys", 422,
			       DF_REFUSED("Name can't be blank"));
		aws_fake_reply(&world->fake, "GET " DF_URL "/account/keys/", 404, DF_NOT_FOUND);
	}
	struct launch_result result = { 0 };
	cloud_fake_expect(world, launch(world, &wanted, &result), ERROR_USAGE, "be blank");
}

/* Not known yet, then gone: the droplet is asked for again, and made once. */
static void test_key_settles(void **state)
{
	struct cloud_fake *world = *state;
	const struct launch_request wanted = request();
	int64_t before = world->fake.now_ms;

	allow(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/droplets", 422, BAD_KEY);
	aws_fake_reply(&world->fake, "GET " DF_URL "/account/keys/", 200, KEY);
	aws_fake_reply(&world->fake, "POST " DF_URL "/droplets", 422, BAD_KEY);
	aws_fake_reply(&world->fake, "GET " DF_URL "/account/keys/", 404, DF_NOT_FOUND);
	aws_fake_reply(&world->fake, "POST " DF_URL "/account/keys", 201, KEY);
	aws_fake_reply(&world->fake, "POST " DF_URL "/droplets", 202, MADE);
	must_launch(world, &wanted);
	assert_int_equal(world->fake.now_ms - before, 1000);
	assert_string_equal(cloud_fake_body(world, 8), cloud_fake_body(world, 13));

	/* Never known: it ends. */
	cloud_fake_clear(world);
	allow(world);
	for (int i = 0; i < 5; i++) {
		aws_fake_reply(&world->fake, "POST " DF_URL "/droplets", 422, BAD_KEY);
		aws_fake_reply(&world->fake, "GET " DF_URL "/account/keys/", 200, KEY);
	}
	struct launch_result result = { 0 };
	cloud_fake_expect(world, launch(world, &wanted, &result), ERROR_USAGE,
			  "invalid key identifiers");
	assert_false(world->err.unknown);
}

/* --- the firewall ------------------------------------------------------------------------------ */

static void test_firewall_of_before(void **state)
{
	struct cloud_fake *world = *state;
	struct launch_request wanted = request();
	struct launch_result result = { 0 };

	wanted.ssh_public_key = NULL;
	allow_looks(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/firewalls", 409,
		       DF_ERROR("conflict", "duplicate name"));
	aws_fake_reply(&world->fake, "GET " DF_URL "/firewalls", 200,
		       DF_LIST("firewalls",
			       "{\"id\":\"" DF_UUID2 "\",\"name\":\"web\"},{\"id\":\"" DF_UUID
			       "\",\"name\":\"" DF_FIREWALL "\"}"));
	aws_fake_reply(&world->fake, "POST " DF_URL "/tags", 422, DF_REFUSED("exists"));
	aws_fake_reply(&world->fake, "GET " DF_URL "/tags/gpucloud-launch%3A", 200, "{}");
	aws_fake_reply(&world->fake, "PUT " DF_URL "/firewalls/" DF_UUID, 200, FIREWALL);
	aws_fake_reply(&world->fake, "POST " DF_URL "/droplets", 202, MADE);
	must_launch(world, &wanted);

	/* Not in force: no droplet is made. */
	cloud_fake_clear(world);
	allow_looks(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/firewalls", 202, FIREWALL);
	aws_fake_reply(&world->fake, "POST " DF_URL "/tags", 201, "{}");
	aws_fake_reply(&world->fake, "PUT " DF_URL "/firewalls", 422, DF_REFUSED("no"));
	cloud_fake_expect(world, launch(world, &wanted, &result), ERROR_USAGE, "in force");
	assert_null(strstr(cloud_fake_log(world), "POST /droplets"));

	/* A reply that shows another one is none. */
	cloud_fake_clear(world);
	allow_looks(world);
	aws_fake_reply(&world->fake, "POST " DF_URL "/firewalls", 202,
		       "{\"firewall\":{\"id\":\"" DF_UUID "\",\"name\":\"web\"}}");
	cloud_fake_expect(world, launch(world, &wanted, &result), ERROR_PROTOCOL,
			  "no such firewall");
}

/* --- dry runs ---------------------------------------------------------------------------------- */

static void on_show(void *ctx, const char *title, const char *text)
{
	buf_addf(ctx, "[%s]\n%s", title, text);
}

static void test_dry_run(void **state)
{
	struct cloud_fake *world = *state;
	struct launch_request wanted = request();
	struct launch_result result = { 0 };
	struct buf shown = BUF_INIT;
	const struct launch_steps steps = { &shown, NULL, NULL, on_show };

	wanted.dry_run = true;
	aws_fake_reply(&world->fake, "/sizes", 200, SIZES);
	aws_fake_reply(&world->fake, "/images/", 200, IMAGE);
	assert_int_equal(ocean_launch(world->p, &wanted, &steps, &result, &world->err), 0);
	assert_string_equal(result.instance.id, "");
	assert_string_equal(result.image, "gpu-h100x1-base");
	assert_int_equal(world->fake.nr_requests, 2);
	static const char *const titles[] = { "[POST /account/keys]", "[POST /firewalls]",
					      "[POST /tags]", "[PUT /firewalls/",
					      "[POST /droplets]" };
	const char *at = shown.data;
	for (size_t i = 0; i < ARRAY_SIZE(titles); i++) {
		at = strstr(at, titles[i]);
		assert_non_null(at);
	}
	assert_non_null(strstr(shown.data, "user_data=*** (14 characters)"));
	assert_null(strstr(shown.data, "cloud-config"));
	launch_result_release(&result);
	buf_release(&shown);
}

int main(void)
{
#define WITH(test) \
	cmocka_unit_test_setup_teardown(test, digitalocean_fake_setup, cloud_fake_teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_bodies),	    WITH(test_options),
		WITH(test_refused_unasked), WITH(test_refused_asked),
		WITH(test_made_before),	    WITH(test_unknown),
		WITH(test_known),	    WITH(test_key_is_shared),
		WITH(test_key_settles),	    WITH(test_firewall_of_before),
		WITH(test_dry_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* DigitalOcean: what is made beside a droplet. Released, listed, removed, changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/unit/digitalocean_fake.h"

#define TAG(name, count) "{\"name\":\"" name "\",\"resources\":{\"count\":" count "}}"
#define TAGS(owners)                                                                                                               \
	DF_LIST("tags",                                                                                                            \
		TAG("web", "3") "," TAG("gpucloud-owner:me", owners) "," TAG("gpucloud-name:train", "0") "," TAG(                  \
			"gpucloud-name:other",                                                                                     \
			"0") "," TAG("gpucloud-launch:" DF_LAUNCH,                                                                 \
				     "0") "," TAG("gpucloud-launch:" DF_OTHER,                                                     \
						  "0") "," TAG("gpucloud-token:" DF_ATTEMPT,                                       \
							       "0") "," TAG("gpucloud-launch-owner:me:" DF_LAUNCH,                 \
									    "0") "," TAG("gpucloud-launch-name:train:" DF_LAUNCH,  \
											 "0") "," TAG("gpucloud-hold:7:" DF_LAUNCH \
												      ":3",                        \
												      "0"))
#define FIREWALL(id, name)                                                                  \
	"{\"id\":\"" id "\",\"name\":\"" name "\",\"created_at\":\"2026-01-01T00:00:00Z\"," \
	"\"inbound_rules\":[],\"tags\":[]}"
#define FIREWALLS                                                                                  \
	DF_LIST("firewalls", FIREWALL(DF_UUID, DF_FIREWALL) "," FIREWALL("x", "web") "," FIREWALL( \
				     DF_UUID2, "gpucloud.me." DF_OTHER ".tor1"))
#define KEYS                                                                                    \
	DF_LIST("ssh_keys",                                                                     \
		"{\"id\":7,\"name\":\"my laptop\"},{\"id\":8,\"name\":\"gpucloud.me." DF_LAUNCH \
		".nyc2.1767225600\"},{\"id\":9,\"name\":\"gpucloud.me." DF_OTHER ".tor1\"}")

/* Of a launch: none lives. */
static void allow_none(struct cloud_fake *world)
{
	aws_fake_reply(&world->fake, "type=gpus", 200, DF_NO_DROPLETS);
	aws_fake_reply(&world->fake, "&tag_name=gpucloud-launch", 404, DF_NOT_FOUND);
}

static void gone(struct cloud_fake *world, int n)
{
	for (int i = 0; i < n; i++)
		aws_fake_reply(&world->fake, "DELETE", 204, "");
}

/* --- release ----------------------------------------------------------------------------------- */

static void test_release(void **state)
{
	struct cloud_fake *world = *state;
	struct release_result result = { 0 };

	allow_none(world);
	aws_fake_reply(&world->fake,
		       "DELETE " DF_URL "/droplets?tag_name=gpucloud-launch%3A" DF_LAUNCH "\n", 404,
		       DF_NOT_FOUND);
	aws_fake_reply(&world->fake, "GET " DF_URL "/tags", 200, TAGS("0"));
	aws_fake_reply(&world->fake, "/account/keys", 200, KEYS);
	aws_fake_reply(&world->fake, "/firewalls", 200, FIREWALLS);
	gone(world, 9);
	if (ocean_release(world->p, "nyc2", DF_LAUNCH, &result, &world->err))
		fail_msg("%s", world->err.message);
	/* The shared ones first, the launch's name last, and nobody else's at all. */
	const char *log = cloud_fake_log(world);
	assert_string_equal(strstr(log, "GET /tags"),
			    "GET /tags?per_page=200\n"
			    "DELETE /tags/gpucloud-owner%3Ame\n"
			    "DELETE /tags/gpucloud-name%3Atrain\n"
			    "DELETE /tags/gpucloud-token%3A" DF_ATTEMPT "\n"
			    "DELETE /tags/gpucloud-launch-owner%3Ame%3A" DF_LAUNCH "\n"
			    "DELETE /tags/gpucloud-launch-name%3Atrain%3A" DF_LAUNCH "\n"
			    "DELETE /tags/gpucloud-hold%3A7%3A" DF_LAUNCH "%3A3\n"
			    "DELETE /tags/gpucloud-launch%3A" DF_LAUNCH "\n"
			    "GET /account/keys?per_page=200\nDELETE /account/keys/8\n"
			    "GET /firewalls?per_page=200\nDELETE /firewalls/" DF_UUID "\n");
	assert_true(result.tags == 7 && result.keys == 1 && result.security_groups == 1);
	assert_int_equal(result.left, 0);
}

/* A shared tag that something has stays; what is gone already is not counted. */
static void test_release_in_use(void **state)
{
	struct cloud_fake *world = *state;
	struct release_result result = { 0 };

	allow_none(world);
	aws_fake_reply(&world->fake, "DELETE " DF_URL "/droplets?", 204, "");
	aws_fake_reply(&world->fake, "GET " DF_URL "/tags", 200, TAGS("1"));
	aws_fake_reply(&world->fake, "GET " DF_URL "/account/keys", 200, DF_LIST("ssh_keys", ""));
	aws_fake_reply(&world->fake, "GET " DF_URL "/firewalls", 200, FIREWALLS);
	for (int i = 0; i < 7; i++)
		aws_fake_reply(&world->fake, "DELETE", 404, DF_NOT_FOUND);
	assert_int_equal(ocean_release(world->p, "nyc2", DF_LAUNCH, &result, &world->err), 0);
	assert_null(strstr(cloud_fake_log(world), "gpucloud-owner%3Ame\n"));
	assert_int_equal(result.tags + result.keys + result.security_groups + result.left, 0);
}

/* A double is deleted; while it lives nothing is taken from it. */
/* A token that may only look has made nothing: there is not even the tag. */
static void test_release_looks(void **state)
{
	struct cloud_fake *world = *state;
	struct release_result result = { 0 };

	for (int there = 0; there <= 1; there++) {
		cloud_fake_clear(world);
		allow_none(world);
		aws_fake_reply(&world->fake, "DELETE " DF_URL "/droplets?tag_name=", 403,
			       DF_ERROR("forbidden", "no"));
		aws_fake_reply(&world->fake,
			       "GET " DF_URL "/tags/gpucloud-launch%3A" DF_LAUNCH "\n",
			       there ? 200 : 404, there ? "{\"tag\":{}}" : DF_NOT_FOUND);
		if (there) {
			cloud_fake_expect(
				world,
				ocean_release(world->p, "nyc2", DF_LAUNCH, &result, &world->err),
				ERROR_AUTH, "cannot delete the droplets");
			continue;
		}
		aws_fake_reply(&world->fake, "GET " DF_URL "/tags?", 200, DF_LIST("tags", ""));
		aws_fake_reply(&world->fake, "GET " DF_URL "/account/keys", 200,
			       DF_LIST("ssh_keys", ""));
		aws_fake_reply(&world->fake, "GET " DF_URL "/firewalls", 200,
			       DF_LIST("firewalls", ""));
		assert_int_equal(ocean_release(world->p, "nyc2", DF_LAUNCH, &result, &world->err),
				 0);
		assert_int_equal(result.left, 0);
	}
}

static void test_release_doubles(void **state)
{
	struct cloud_fake *world = *state;
	struct release_result result = { 0 };

	aws_fake_reply(&world->fake, "type=gpus", 200,
		       DF_LIST("droplets", DF_DROPLET("5", "active", DF_TAGS)));
	aws_fake_reply(&world->fake, "tag_name=", 200, DF_NO_DROPLETS);
	aws_fake_reply(&world->fake, "DELETE " DF_URL "/droplets?tag_name=", 204, "");
	allow_none(world);
	aws_fake_reply(&world->fake, "DELETE " DF_URL "/droplets?tag_name=", 204, "");
	aws_fake_reply(&world->fake, "GET " DF_URL "/tags", 200, DF_LIST("tags", ""));
	aws_fake_reply(&world->fake, "GET " DF_URL "/account/keys", 200, DF_LIST("ssh_keys", ""));
	aws_fake_reply(&world->fake, "GET " DF_URL "/firewalls", 200, DF_LIST("firewalls", ""));
	assert_int_equal(ocean_release(world->p, "nyc2", DF_LAUNCH, &result, &world->err), 0);
	assert_int_equal(result.left, 0);

	/* It does not end: left, with its tags and its firewall. */
	cloud_fake_clear(world);
	for (int i = 0; i < 6; i++) {
		aws_fake_reply(&world->fake, "type=gpus", 200, DF_NO_DROPLETS);
		aws_fake_reply(&world->fake, "&tag_name=", 200,
			       DF_LIST("droplets", DF_DROPLET("5", "new", DF_TAGS)));
		aws_fake_reply(&world->fake, "DELETE " DF_URL "/droplets?tag_name=", 422,
			       DF_REFUSED("Droplet already has a pending event."));
	}
	assert_int_equal(ocean_release(world->p, "nyc2", DF_LAUNCH, &result, &world->err), 0);
	assert_int_equal(result.left, 1);
	assert_null(strstr(cloud_fake_log(world), "/tags"));
	assert_null(strstr(cloud_fake_log(world), "/firewalls"));
	cloud_fake_expect(world, ocean_release(world->p, "nyc2", "../x", &result, &world->err),
			  ERROR_USAGE, "launch id");
}

/* --- leftovers --------------------------------------------------------------------------------- */

static void allow_things(struct cloud_fake *world, const char *gpus)
{
	aws_fake_reply(&world->fake, "/firewalls", 200, FIREWALLS);
	aws_fake_reply(&world->fake, "/account/keys", 200, KEYS);
	aws_fake_reply(&world->fake, "/tags", 200, TAGS("0"));
	aws_fake_reply(&world->fake, "type=gpus", 200, gpus);
	aws_fake_reply(&world->fake, "type=droplets", 200, DF_NO_DROPLETS);
}

/* "kind id launch-first-letter attached created;" */
static const char *leftovers(struct cloud_fake *world, struct leftover_query query)
{
	static char text[1024];
	struct leftover_list list = { 0 };
	size_t len = 0;

	if (ocean_leftovers(world->p, &query, &list, &world->err))
		fail_msg("%s", world->err.message);
	text[0] = '\0';
	for (size_t i = 0; i < list.nr; i++) {
		assert_string_equal(list.v[i].owner, "me");
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %.12s %c %s %lld;",
					leftover_kind_name(list.v[i].kind), list.v[i].id,
					list.v[i].launch_id[0], list.v[i].attached,
					(long long)list.v[i].created);
	}
	leftover_list_release(&list);
	return text;
}

static void test_leftovers(void **state)
{
	struct cloud_fake *world = *state;
	static const char *const both[] = { "nyc2", "tor1" };
	struct leftover_query query = { .regions = both, .nr_regions = 1 };

	allow_things(world, DF_NO_DROPLETS);
	assert_string_equal(leftovers(world, query), "security-group bb4b2611-3d7 a  1767225600;"
						     "key 8 a  1767225600;"
						     "tag gpucloud-lau a  1767225600;");
	query.nr_regions = 2;
	query.launch_id = DF_OTHER;
	allow_things(world, DF_NO_DROPLETS);
	assert_string_equal(leftovers(world, query), "security-group cc4b2611-3d7 z  1767225600;"
						     "key 9 z  0;"
						     "tag gpucloud-lau z  1767225600;");
	/* A droplet that lives, wherever: firewall and tags hang on it. */
	query.launch_id = DF_LAUNCH;
	allow_things(world, DF_LIST("droplets", DF_DROPLET_AT("5", "off", "ams3", DF_TAGS, "")));
	assert_string_equal(leftovers(world, query), "security-group bb4b2611-3d7 a 5 1767225600;"
						     "key 8 a  1767225600;"
						     "tag gpucloud-lau a 5 1767225600;");
}

static void test_hostile_things(void **state)
{
	struct cloud_fake *world = *state;
	static const char *const firewalls[] = {
		"{}",
		DF_LIST("firewalls", "7"),
		DF_LIST("firewalls", "{\"id\":\"x\"}"),
		DF_LIST("firewalls", FIREWALL("../x", DF_FIREWALL)),
		DF_LIST("firewalls", "{\"name\":\"" DF_FIREWALL "\"}"),
	};
	const struct leftover_query query = { .launch_id = NULL };
	struct leftover_list list = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(firewalls); i++) {
		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "/firewalls", 200, firewalls[i]);
		cloud_fake_expect(world, ocean_leftovers(world->p, &query, &list, &world->err),
				  ERROR_PROTOCOL, "cannot list firewalls");
	}
}

static void test_remove(void **state)
{
	struct cloud_fake *world = *state;
	struct leftover firewall = { .kind = LEFTOVER_SECURITY_GROUP,
				     .id = DF_UUID,
				     .launch_id = DF_LAUNCH };
	struct leftover key = { .kind = LEFTOVER_KEY, .id = "8", .launch_id = DF_LAUNCH };
	struct leftover tag = { .kind = LEFTOVER_TAG,
				.id = "gpucloud-launch:" DF_LAUNCH,
				.launch_id = DF_LAUNCH };
	struct leftover bad[] = { firewall, key, tag, tag };

	allow_none(world);
	aws_fake_reply(&world->fake, "GET " DF_URL "/tags", 200,
		       DF_LIST("tags", TAG("gpucloud-launch:" DF_LAUNCH, "0")));
	aws_fake_reply(&world->fake, "DELETE " DF_URL "/tags/gpucloud-launch%3A" DF_LAUNCH "\n",
		       204, "");
	aws_fake_reply(&world->fake, "DELETE " DF_URL "/firewalls/" DF_UUID "\n", 404,
		       DF_NOT_FOUND);
	assert_int_equal(ocean_remove(world->p, &firewall, &world->err), 0);
	aws_fake_reply(&world->fake, "DELETE " DF_URL "/account/keys/8\n", 204, "");
	assert_int_equal(ocean_remove(world->p, &key, &world->err), 0);

	/* Something hangs on it. */
	aws_fake_reply(&world->fake, "type=gpus", 200,
		       DF_LIST("droplets", DF_DROPLET("5", "off", DF_TAGS)));
	aws_fake_reply(&world->fake, "tag_name=", 200, DF_NO_DROPLETS);
	cloud_fake_expect(world, ocean_remove(world->p, &tag, &world->err), ERROR_CONFLICT,
			  "droplet 5");

	cloud_fake_clear(world);
	bad[0].id = "../x";
	bad[1].id = "8/x";
	bad[2].id = "gpucloud-launch:" DF_OTHER;
	bad[3].kind = LEFTOVER_VOLUME;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cloud_fake_expect(world, ocean_remove(world->p, &bad[i], &world->err), ERROR_USAGE,
				  "is no");
	assert_int_equal(world->fake.nr_requests, 0);
}

/* --- tags -------------------------------------------------------------------------------------- */

#define HELD DF_TAGS ",\"gpucloud-hold:5:" DF_LAUNCH ":1\",\"gpucloud-hold:4:" DF_LAUNCH "\""

static void test_tag(void **state)
{
	struct cloud_fake *world = *state;
	struct tag hold = { "gpucloud-hold", "0" };

	aws_fake_reply(&world->fake, "GET " DF_URL "/droplets/5\n", 200,
		       "{\"droplet\":" DF_DROPLET("5", "active", HELD) "}");
	aws_fake_reply(&world->fake, "POST", 201, "{}");
	aws_fake_reply(&world->fake, "POST", 204, "");
	gone(world, 2);
	assert_int_equal(ocean_tag(world->p, "nyc2", "5", &hold, &world->err), 0);
	assert_string_equal(cloud_fake_log(world),
			    "GET /droplets/5\nPOST /tags\n"
			    "POST /tags/gpucloud-hold%3A0%3A" DF_LAUNCH "%3A2/resources\n"
			    "DELETE /tags/gpucloud-hold%3A5%3A" DF_LAUNCH "%3A1\n"
			    "DELETE /tags/gpucloud-hold%3A4%3A" DF_LAUNCH "\n");
	assert_string_equal(
		cloud_fake_body(world, 2),
		"{\"resources\":[{\"resource_id\":\"5\",\"resource_type\":\"droplet\"}]}");

	/* So it is already: nothing is sent. */
	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "GET", 200,
		       "{\"droplet\":" DF_DROPLET(
			       "5", "active", DF_TAGS ",\"gpucloud-hold:0:" DF_LAUNCH ":2\"") "}");
	assert_int_equal(ocean_tag(world->p, "nyc2", "5", &hold, &world->err), 0);
	assert_int_equal(world->fake.nr_requests, 1);
	aws_fake_reply(&world->fake, "GET", 404, DF_NOT_FOUND);
	cloud_fake_expect(world, ocean_tag(world->p, "nyc2", "5", &hold, &world->err),
			  ERROR_NOT_FOUND, "'5'");
	hold.value = "a:b";
	cloud_fake_expect(world, ocean_tag(world->p, "nyc2", "5", &hold, &world->err), ERROR_USAGE,
			  "cannot be a tag");
}

/* --- addresses --------------------------------------------------------------------------------- */

#define RULE(ports, addresses)                                        \
	"{\"protocol\":\"tcp\",\"ports\":\"" ports "\",\"sources\":{" \
	"\"addresses\":[" addresses "]}}"
#define GUARD(name, rules) \
	"{\"id\":\"" DF_UUID "\",\"name\":\"" name "\",\"inbound_rules\":[" rules "],\"tags\":[]}"
#define OWN \
	GUARD(DF_FIREWALL, RULE("22", "\"198.51.100.0/24\"") "," RULE("8000-9000", "\"0.0.0.0/0\""))
#define HERS(rules)                                                                           \
	"{\"id\":\"" DF_UUID2 "\",\"name\":\"" DF_FIREWALL ".ada\",\"inbound_rules\":[" rules \
	"],\"tags\":[]}"

static struct admit_request ask_for(const char *cidr, uint16_t port)
{
	return (struct admit_request){ .region = "nyc2",
				       .instance = "5",
				       .launch_id = DF_LAUNCH,
				       .owner = "ada",
				       .cidr = cidr,
				       .port = port };
}

static void test_admit(void **state)
{
	struct cloud_fake *world = *state;
	struct admit_request wanted = ask_for("198.51.100.7/32", 22);
	struct admit_result result = { 0 };

	/* Let in already, by the launch or since. */
	static const struct {
		const char *cidr;
		uint16_t port;
	} in[] = { { "198.51.100.7/32", 22 }, { "192.0.2.9/32", 8888 }, { "203.0.113.1/32", 22 } };
	for (size_t i = 0; i < ARRAY_SIZE(in); i++) {
		wanted = ask_for(in[i].cidr, in[i].port);
		aws_fake_reply(&world->fake, "GET", 200,
			       DF_LIST("firewalls", OWN "," HERS(RULE("22", "\"203.0.113.1\""))));
		assert_int_equal(ocean_admit(world->p, &wanted, &result, &world->err), 0);
		assert_false(result.added);
	}
	/* The owner's first address makes a firewall; the next is a rule more. */
	cloud_fake_clear(world);
	wanted = ask_for("192.0.2.9/32", 22);
	aws_fake_reply(&world->fake, "GET", 200, DF_LIST("firewalls", OWN));
	aws_fake_reply(&world->fake, "POST " DF_URL "/firewalls\n", 202, "{}");
	assert_int_equal(ocean_admit(world->p, &wanted, &result, &world->err), 0);
	assert_true(result.added);
	assert_string_equal(
		cloud_fake_body(world, 1),
		"{\"name\":\"" DF_FIREWALL ".ada\",\"inbound_rules\":[" RULE(
			"22", "\"192.0.2.9/32\"") "],\"tags\":[\"gpucloud-launch:" DF_LAUNCH
						  "\"]}");
	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "GET", 200,
		       DF_LIST("firewalls", OWN "," HERS(RULE("22", "\"203.0.113.1\""))));
	aws_fake_reply(&world->fake, "POST " DF_URL "/firewalls/" DF_UUID2 "/rules\n", 204, "");
	assert_int_equal(ocean_admit(world->p, &wanted, &result, &world->err), 0);
	assert_string_equal(cloud_fake_body(world, 1),
			    "{\"inbound_rules\":[" RULE("22", "\"192.0.2.9/32\"") "]}");
	/* Another computer was quicker with the name. */
	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "GET", 200, DF_LIST("firewalls", OWN));
	aws_fake_reply(&world->fake, "POST", 409, DF_ERROR("conflict", "duplicate name"));
	aws_fake_reply(&world->fake, "GET", 200,
		       DF_LIST("firewalls", OWN "," HERS(RULE("22", "\"203.0.113.1\""))));
	aws_fake_reply(&world->fake, "/rules", 204, "");
	assert_int_equal(ocean_admit(world->p, &wanted, &result, &world->err), 0);
	assert_true(result.added);
}

static void test_admit_refused(void **state)
{
	struct cloud_fake *world = *state;
	struct admit_request wanted = ask_for("192.0.2.9/32", 22);
	struct admit_result result = { .removed = 77 };
	static const char *const odd[] = { "192.0.2.0/24", "192.0.2.9", "here/32", "::1/32" };

	aws_fake_reply(&world->fake, "GET", 200,
		       DF_LIST("firewalls", GUARD("web", RULE("22", "\"0.0.0.0/0\""))));
	cloud_fake_expect(world, ocean_admit(world->p, &wanted, &result, &world->err),
			  ERROR_NOT_FOUND, "5 has no firewall");
	aws_fake_reply(&world->fake, "GET", 200,
		       DF_LIST("firewalls", GUARD(DF_FIREWALL, RULE("22", "\"x\""))));
	cloud_fake_expect(world, ocean_admit(world->p, &wanted, &result, &world->err),
			  ERROR_PROTOCOL, "sources.addresses");
	cloud_fake_clear(world);
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		wanted = ask_for(odd[i], 22);
		cloud_fake_expect(world, ocean_admit(world->p, &wanted, &result, &world->err),
				  ERROR_USAGE, "is not one address");
	}
	wanted = ask_for("192.0.2.9/32", 0);
	cloud_fake_expect(world, ocean_admit(world->p, &wanted, &result, &world->err), ERROR_USAGE,
			  "port");
	assert_int_equal(world->fake.nr_requests, 0);
	assert_int_equal(result.removed, 77);
}

int main(void)
{
#define WITH(test) \
	cmocka_unit_test_setup_teardown(test, digitalocean_fake_setup, cloud_fake_teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_release),	    WITH(test_release_in_use),
		WITH(test_release_doubles), WITH(test_release_looks),
		WITH(test_leftovers),	    WITH(test_hostile_things),
		WITH(test_remove),	    WITH(test_tag),
		WITH(test_admit),	    WITH(test_admit_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

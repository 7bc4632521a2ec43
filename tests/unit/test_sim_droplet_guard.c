/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated DigitalOcean: firewalls, and what machines feel of them. */
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

#define TCP(ports, from) "{\"protocol\":\"tcp\",\"ports\":\"" ports "\",\"sources\":{" from "}}"
#define HOME		 "\"addresses\":[\"203.0.113.9\"]"
#define SSH		 TCP("22", HOME)
#define OUT                                                                           \
	"\"outbound_rules\":[{\"protocol\":\"tcp\",\"ports\":\"0\",\"destinations\":" \
	"{\"addresses\":[\"0.0.0.0/0\",\"::/0\"]}}]"

/* Its path below the API; static. */
static const char *made(struct do_sim *sim, const char *body)
{
	static char path[160];

	if (do_call(sim, "POST", "firewalls", body) != 202)
		fail_msg("no firewall: %s", sim->sim.reply.body.data);
	snprintf(path, sizeof(path), "firewalls/%s", do_text(sim, "firewall.id"));
	return path;
}

static const char *below(const char *path, const char *rest)
{
	static char whole[200];

	snprintf(whole, sizeof(whole), "%s/%s", path, rest);
	return whole;
}

static void test_by_tag(void **state)
{
	struct do_sim sim;
	const char *path;

	(void)state;
	do_start(&sim, NULL);
	/* a tag must be there before a firewall may name it */
	do_post(&sim, "firewalls",
		"{\"name\":\"fw\",\"tags\":[\"t\"],\"inbound_rules\":[" SSH "]}");
	do_expect(&sim, 422, "unprocessable_entity", "tag t does not exist");
	do_post(&sim, "tags", "{\"name\":\"t\"}");
	path = made(&sim, "{\"name\":\"fw\",\"tags\":[\"t\"],\"inbound_rules\":[" SSH "]," OUT "}");
	assert_string_equal(do_text(&sim, "firewall.status"), "succeeded");
	assert_string_equal(do_text(&sim, "firewall.inbound_rules.0.sources.addresses.0"),
			    "203.0.113.9");
	assert_string_equal(do_text(&sim, "firewall.outbound_rules.0.ports"), "0");
	do_droplet(&sim, "a", "s-1vcpu-1gb", "");
	assert_false(sim.machine.guarded); /* nobody guards that one */
	do_droplet(&sim, "b", "s-1vcpu-1gb", "\"t\"");
	assert_true(sim.machine.guarded);
	assert_int_equal(sim.machine.nr_admits, 1);
	assert_string_equal(sim.machine.admits[0].cidr, "203.0.113.9/32");
	assert_int_equal(sim.machine.admits[0].from, 22);
	assert_int_equal(sim.machine.admits[0].to, 22);
	/* a new rule is in force a little later */
	sim.machine.admitted = 0;
	assert_int_equal(
		do_post(&sim, below(path, "rules"),
			"{\"inbound_rules\":[" TCP("8000-9000", "\"addresses\":["
								"\"10.0.0.0/8\",\"::/0\"]") "]}"),
		204);
	do_get(&sim, path);
	assert_string_equal(do_text(&sim, "firewall.status"), "waiting");
	assert_int_equal(do_count(&sim, "firewall.pending_changes"), 1);
	assert_true(cJSON_IsFalse(do_at(&sim, "firewall.pending_changes.0.removing")));
	assert_int_equal(sim.machine.admitted, 0);
	do_wait(&sim, 1);
	assert_int_equal(sim.machine.nr_admits, 2);
	assert_string_equal(sim.machine.admits[1].cidr, "10.0.0.0/8");
	assert_int_equal(sim.machine.admits[1].to, 9000);
	do_get(&sim, path);
	assert_string_equal(do_text(&sim, "firewall.status"), "succeeded");
	assert_int_equal(do_count(&sim, "firewall.pending_changes"), 0);
	assert_int_equal(do_count(&sim, "firewall.inbound_rules"), 2);
	/* without its tag it is guarded no more */
	assert_int_equal(do_call(&sim, "DELETE", "tags/t", NULL), 204);
	do_get(&sim, path);
	assert_true(cJSON_IsTrue(do_at(&sim, "firewall.pending_changes.0.removing")));
	assert_int_equal(do_count(&sim, "firewall.tags"), 0);
	do_wait(&sim, 1);
	assert_false(sim.machine.guarded);
	do_stop(&sim);
}

static void test_by_id(void **state)
{
	struct do_sim sim;
	char body[120];
	const char *path;
	int64_t id;

	(void)state;
	do_start(&sim, NULL);
	id = do_droplet(&sim, "a", "s-1vcpu-1gb", "");
	path = made(&sim, "{\"name\":\"fw\"," OUT "}");
	snprintf(body, sizeof(body), "{\"droplet_ids\":[%lld]}", (long long)id);
	assert_int_equal(do_call(&sim, "POST", below(path, "droplets"), body), 204);
	do_wait(&sim, 1);
	assert_true(sim.machine.guarded);
	assert_int_equal(sim.machine.nr_admits, 0); /* no rule lets anybody in */
	do_get(&sim, path);
	assert_int_equal(do_number(&sim, "firewall.droplet_ids.0"), id);
	assert_int_equal(do_call(&sim, "DELETE", below(path, "droplets"), body), 204);
	do_get(&sim, path);
	assert_true(cJSON_IsTrue(do_at(&sim, "firewall.pending_changes.0.removing")));
	do_wait(&sim, 1);
	assert_false(sim.machine.guarded);
	assert_int_equal(do_post(&sim, below(path, "droplets"), "{\"droplet_ids\":[1]}"), 422);
	assert_int_equal(do_post(&sim, below(path, "droplets"), "{\"droplet_ids\":[\"1\"]}"), 422);
	assert_int_equal(do_post(&sim, below(path, "droplets"), "{}"), 422);
	/* what is deleted is in no firewall */
	do_call(&sim, "POST", below(path, "droplets"), body);
	snprintf(body, sizeof(body), "droplets/%lld", (long long)id);
	do_wait(&sim, 1);
	assert_int_equal(do_call(&sim, "DELETE", body, NULL), 204);
	do_wait(&sim, 2);
	do_get(&sim, path);
	assert_int_equal(do_count(&sim, "firewall.droplet_ids"), 0);
	assert_int_equal(do_call(&sim, "DELETE", path, NULL), 204);
	assert_int_equal(do_get(&sim, path), 404);
	do_get(&sim, "firewalls");
	assert_int_equal(do_number(&sim, "meta.total"), 0);
	do_stop(&sim);
}

/* A rule may name droplets, by id or tag: their addresses of the moment are let in. */
static void test_from_droplets(void **state)
{
	struct do_sim sim;
	int64_t gate;
	char *body;

	(void)state;
	do_start(&sim, NULL);
	gate = do_droplet(&sim, "gate", "s-1vcpu-1gb", "\"gate\",\"node\"");
	body = xasprintf(
		"{\"name\":\"fw\",\"tags\":[\"node\"],\"inbound_rules\":["
		"{\"protocol\":\"tcp\",\"ports\":\"all\",\"sources\":{\"tags\":[\"gate\"]}},"
		"{\"protocol\":\"udp\",\"ports\":\"53\",\"sources\":{\"droplet_ids\":[%lld]}}]}",
		(long long)gate);
	made(&sim, body);
	free(body);
	assert_string_equal(do_text(&sim, "firewall.inbound_rules.0.sources.tags.0"), "gate");
	assert_int_equal(do_number(&sim, "firewall.inbound_rules.1.sources.droplet_ids.0"), gate);
	do_droplet(&sim, "n", "s-1vcpu-1gb", "\"node\"");
	do_wait(&sim, 1);
	assert_int_equal(sim.machine.nr_admits, 2);
	assert_string_equal(sim.machine.admits[0].cidr, "127.9.0.1/32");
	assert_string_equal(sim.machine.admits[1].cidr, "10.116.0.2/32");
	assert_int_equal(sim.machine.admits[0].from, 0);
	assert_int_equal(sim.machine.admits[0].to, 65535);
	/* one more behind the same tag */
	do_droplet(&sim, "gate2", "s-1vcpu-1gb", "\"gate\"");
	do_wait(&sim, 1);
	assert_int_equal(do_get(&sim, "droplets?tag_name=node"), 200);
	assert_int_equal(do_number(&sim, "meta.total"), 2);
	do_stop(&sim);
}

static void test_replace(void **state)
{
	struct do_sim sim;
	const char *path;
	char first[160];

	(void)state;
	do_start(&sim, NULL);
	do_droplet(&sim, "a", "s-1vcpu-1gb", "\"t\",\"u\"");
	path = made(&sim, "{\"name\":\"fw\",\"tags\":[\"t\"],\"inbound_rules\":[" SSH "]," OUT "}");
	snprintf(first, sizeof(first), "%s", path);
	do_wait(&sim, 1);
	assert_int_equal(sim.machine.nr_admits, 1);
	/* what is not said again is gone */
	assert_int_equal(do_call(&sim, "PUT", first,
				 "{\"name\":\"fw2\",\"inbound_rules\":[" TCP("80", HOME) "]}"),
			 200);
	assert_string_equal(do_text(&sim, "firewall.name"), "fw2");
	assert_int_equal(do_count(&sim, "firewall.tags"), 0);
	assert_int_equal(do_count(&sim, "firewall.outbound_rules"), 0);
	do_wait(&sim, 1);
	assert_false(sim.machine.guarded);
	made(&sim, "{\"name\":\"fw\",\"inbound_rules\":[" SSH "]}");
	do_call(&sim, "PUT", first, "{\"name\":\"fw\",\"inbound_rules\":[" SSH "]}");
	do_expect(&sim, 409, "conflict", "duplicate name");
	do_post(&sim, "firewalls", "{\"name\":\"fw\",\"inbound_rules\":[" SSH "]}");
	do_expect(&sim, 409, "conflict", "duplicate name");
	assert_int_equal(do_call(&sim, "PUT", first, "{\"name\":\"fw2\",\"inbound_rules\":[]}"),
			 422);
	do_get(&sim, first);
	assert_int_equal(do_count(&sim, "firewall.inbound_rules"), 1);
	assert_int_equal(do_post(&sim, below(first, "tags"), "{\"tags\":[\"u\"]}"), 204);
	do_wait(&sim, 1);
	assert_true(sim.machine.guarded);
	assert_int_equal(sim.machine.admits[0].from, 80);
	assert_int_equal(do_call(&sim, "DELETE", below(first, "tags"), "{\"tags\":[\"u\"]}"), 204);
	do_wait(&sim, 1);
	assert_false(sim.machine.guarded);
	do_stop(&sim);
}

static void test_rules(void **state)
{
	static const char *const two = "{\"inbound_rules\":[" SSH "," TCP("80", HOME) "]}";
	struct do_sim sim;
	const char *path;

	(void)state;
	do_start(&sim, NULL);
	path = made(&sim, "{\"name\":\"fw\",\"inbound_rules\":[" SSH "]}");
	/* one that is there already changes nothing */
	assert_int_equal(do_call(&sim, "POST", below(path, "rules"), two), 204);
	do_get(&sim, path);
	assert_int_equal(do_count(&sim, "firewall.inbound_rules"), 2);
	assert_int_equal(do_call(&sim, "DELETE", below(path, "rules"), two), 422);
	do_expect(&sim, 422, "unprocessable_entity", "at least one rule");
	assert_int_equal(do_call(&sim, "DELETE", below(path, "rules"),
				 "{\"inbound_rules\":[" TCP("23", HOME) "]}"),
			 422);
	assert_int_equal(
		do_call(&sim, "DELETE", below(path, "rules"), "{\"inbound_rules\":[" SSH "]}"),
		204);
	do_get(&sim, path);
	assert_string_equal(do_text(&sim, "firewall.inbound_rules.0.ports"), "80");
	assert_int_equal(do_post(&sim, below(path, "rules"), "{}"), 422);
	assert_int_equal(do_call(&sim, "POST", below(path, "rules"), NULL), 400);
	assert_int_equal(do_post(&sim, "firewalls/x/rules", "{\"inbound_rules\":[" SSH "]}"), 404);
	do_stop(&sim);
}

static void test_bad_rules(void **state)
{
	static const struct {
		const char *rule, *words;
	} cases[] = {
		{ "3", "rule must be an object" },
		{ "{}", "protocol" },
		{ "{\"protocol\":\"sctp\",\"ports\":\"1\",\"sources\":{" HOME "}}", "protocol" },
		{ "{\"protocol\":\"tcp\",\"sources\":{" HOME "}}", "ports" },
		{ "{\"protocol\":\"tcp\",\"ports\":22,\"sources\":{" HOME "}}",
		  "ports must be a string" },
		{ TCP("", HOME), "ports" },
		{ TCP("65536", HOME), "ports" },
		{ TCP("90-80", HOME), "ports" },
		{ TCP("0-80", HOME), "ports" },
		{ TCP("80-", HOME), "ports" },
		{ TCP("-80", HOME), "ports" },
		{ TCP("+80", HOME), "ports" },
		{ TCP("99999999999999999999", HOME), "ports" },
		{ "{\"protocol\":\"icmp\",\"ports\":\"8\",\"sources\":{" HOME "}}", "icmp" },
		{ "{\"protocol\":\"tcp\",\"ports\":\"22\"}", "sources must be an object" },
		{ TCP("22", ""), "at least one source" },
		{ TCP("22", "\"addresses\":[]"), "at least one source" },
		{ TCP("22", "\"addresses\":[\"1.2.3\"]"), "addresses must be" },
		{ TCP("22", "\"addresses\":[\"1.2.3.4/33\"]"), "addresses must be" },
		{ TCP("22", "\"addresses\":[\"1.2.3.4/\"]"), "addresses must be" },
		{ TCP("22", "\"addresses\":[\"1.2.3.4/08\"]"), "addresses must be" },
		{ TCP("22", "\"addresses\":[\"::1/129\"]"), "addresses must be" },
		{ TCP("22", "\"addresses\":[\"gw.example\"]"), "addresses must be" },
		{ TCP("22", "\"addresses\":[7]"), "addresses must be" },
		{ TCP("22", "\"addresses\":\"1.2.3.4\""), "addresses must be an array" },
		{ TCP("22", "\"tags\":[\"none\"]"), "tag none does not exist" },
		{ TCP("22", "\"droplet_ids\":[5]"), "droplet 5 does not exist" },
		{ TCP("22", "\"load_balancer_uids\":[\"x\"]"), "load balancer does not exist" },
		{ TCP("22", "\"kubernetes_ids\":[\"x\"]"), "cluster does not exist" },
		{ TCP("22", HOME ",\"port\":1"), "'port'" },
	};
	static const char *const good[] = { TCP("1", HOME),
					    TCP("65535", HOME),
					    TCP("1-65535", HOME),
					    TCP("0", HOME),
					    TCP("22", "\"addresses\":[\"0.0.0.0/0\"]"),
					    TCP("22",
						"\"addresses\":[\"1.2.3.4/32\",\"::/128\"]") };
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		do_post(&sim, "firewalls", "{\"name\":\"fw\",\"inbound_rules\":[%s]}",
			cases[i].rule);
		do_expect(&sim, 422, "unprocessable_entity", cases[i].words);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char *body = xasprintf("{\"name\":\"fw%zu\",\"inbound_rules\":[%s]}", i, good[i]);

		made(&sim, body);
		free(body);
	}
	do_stop(&sim);
}

static void test_bounds(void **state)
{
	static const char *const names[] = { "", "a", "-a", ".a", "a_b", "a b" };
	struct buf rules = BUF_INIT;
	struct do_sim sim;
	char *body;

	(void)state;
	do_start(&sim, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		do_post(&sim, "firewalls", "{\"name\":\"%s\",\"inbound_rules\":[" SSH "]}",
			names[i]);
		do_expect(&sim, 422, "unprocessable_entity", "name");
	}
	assert_int_equal(do_post(&sim, "firewalls", "{\"inbound_rules\":[" SSH "]}"), 422);
	assert_int_equal(do_post(&sim, "firewalls", "{\"name\":\"fw\"}"), 422);
	assert_int_equal(do_post(&sim, "firewalls", "{\"name\":\"fw\",\"inbound_rules\":null}"),
			 422);
	assert_int_equal(do_post(&sim, "firewalls", "{\"name\":\"fw\",\"id\":\"x\"}"), 400);
	for (int i = 1; i <= 51; i++) {
		buf_addf(&rules, "%s{\"protocol\":\"tcp\",\"ports\":\"%d\",\"sources\":{" HOME "}}",
			 i > 1 ? "," : "", i);
		body = xasprintf("{\"name\":\"fw%d\",\"inbound_rules\":[%s]}", i, rules.data);
		if (i >= 50)
			assert_int_equal(do_call(&sim, "POST", "firewalls", body),
					 i == 50 ? 202 : 422);
		free(body);
	}
	buf_release(&rules);
	for (int i = 1; i <= 6; i++) {
		body = xasprintf("{\"name\":\"t%d\"}", i);
		do_call(&sim, "POST", "tags", body);
		free(body);
	}
	assert_int_equal(do_post(&sim, "firewalls",
				 "{\"name\":\"ok\",\"inbound_rules\":[" SSH
				 "],\"tags\":[\"t1\",\"t2\","
				 "\"t3\",\"t4\",\"t5\"]}"),
			 202);
	char *path = xasprintf("firewalls/%s/tags", do_text(&sim, "firewall.id"));

	assert_int_equal(do_post(&sim, path, "{\"tags\":[\"t6\"]}"), 422);
	free(path);
	do_stop(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_tag),	      cmocka_unit_test(test_by_id),
		cmocka_unit_test(test_from_droplets), cmocka_unit_test(test_replace),
		cmocka_unit_test(test_rules),	      cmocka_unit_test(test_bad_rules),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated DigitalOcean: a droplet's life, and what a request for one may say. */
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

#define KEY                                                                   \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5mRrOV8fHwqCS0EAMXvRzdxkDYJ0/" \
	"sQ2sp3Eu2fC0X me@here"
#define PLAIN "\"size\":\"s-1vcpu-1gb\",\"image\":\"ubuntu-22-04-x64\""

static const char *path_of(int64_t id, const char *rest)
{
	static char path[80];

	snprintf(path, sizeof(path), "droplets/%lld%s", (long long)id, rest);
	return path;
}

/* What it is now, as GET says. */
static const char *status_of(struct do_sim *sim, int64_t id)
{
	if (do_get(sim, path_of(id, "")) != 200)
		return "none";
	return do_text(sim, "droplet.status");
}

static void test_life(void **state)
{
	struct do_sim sim;
	int64_t id, action;
	char href[80];

	(void)state;
	do_start(&sim, NULL);
	assert_int_equal(
		do_post(&sim, "account/keys", "{\"name\":\"k\",\"public_key\":\"%s\"}", KEY), 201);
	assert_int_equal(
		do_post(&sim, "droplets",
			"{\"name\":\"gpu-1.example\",\"size\":\"gpu-h100x1-80gb\",\"region\":\"nyc2\","
			"\"image\":\"gpu-h100x1-base\",\"ssh_keys\":[%.0f],\"monitoring\":true,"
			"\"user_data\":\"#cloud-config\\n{}\\n\",\"tags\":[\"gpucloud-owner:me\"]}",
			do_number(&sim, "ssh_key.id")),
		202);
	id = (int64_t)do_number(&sim, "droplet.id");
	action = (int64_t)do_number(&sim, "links.actions.0.id");
	snprintf(href, sizeof(href), "https://api.digitalocean.com/v2/actions/%lld",
		 (long long)action);
	assert_true(id >= 100000000 && id <= 999999999);
	assert_true(action > UINT32_MAX);
	assert_string_equal(do_text(&sim, "links.actions.0.href"), href);
	assert_string_equal(do_text(&sim, "links.actions.0.rel"), "create");
	assert_string_equal(do_text(&sim, "droplet.status"), "new");
	assert_true(cJSON_IsTrue(do_at(&sim, "droplet.locked")));
	assert_int_equal(do_count(&sim, "droplet.networks.v4"), 0);
	assert_string_equal(do_text(&sim, "droplet.created_at"), "2020-03-20T00:00:00Z");
	assert_true(cJSON_IsNull(do_at(&sim, "droplet.next_backup_window")));
	assert_int_equal(do_get(&sim, strstr(href, "actions/")), 200);
	assert_string_equal(do_text(&sim, "action.status"), "in-progress");
	assert_true(cJSON_IsNull(do_at(&sim, "action.completed_at")));
	do_wait(&sim, 0.9);
	assert_string_equal(status_of(&sim, id), "new");
	do_wait(&sim, 1.1);
	assert_string_equal(status_of(&sim, id), "active");
	assert_false(cJSON_IsTrue(do_at(&sim, "droplet.locked")));
	assert_string_equal(do_text(&sim, "droplet.networks.v4.0.ip_address"), "127.9.0.1");
	assert_string_equal(do_text(&sim, "droplet.networks.v4.0.type"), "public");
	assert_string_equal(do_text(&sim, "droplet.networks.v4.1.type"), "private");
	assert_int_equal(do_number(&sim, "droplet.size.price_hourly") * 100, 339);
	assert_string_equal(do_text(&sim, "droplet.gpu_info.model"), "nvidia_h100");
	assert_string_equal(do_text(&sim, "droplet.tags.0"), "gpucloud-owner:me");
	assert_int_equal(do_get(&sim, strstr(href, "actions/")), 200);
	assert_string_equal(do_text(&sim, "action.status"), "completed");
	assert_int_equal(do_number(&sim, "action.resource_id"), id);
	assert_string_equal(sim.machine.gpu, "H100");
	assert_int_equal(sim.machine.gpus, 1);
	assert_int_equal(sim.machine.gpu_mem_mib, 80 * 1024);
	assert_string_equal(sim.machine.public_key, KEY);
	assert_string_equal(sim.machine.login, "root");
	assert_string_equal(sim.machine.user_data, "#cloud-config\n{}\n");
	assert_false(sim.machine.guarded);
	do_stop(&sim);
}

/* What a machine has of the GPUs: those of NVIDIA's, where the image has their driver. */
static void test_gpus(void **state)
{
	static const struct {
		const char *size, *image, *gpu;
		unsigned gpus, mem;
	} cases[] = {
		{ "gpu-h100x8-640gb", "gpu-h100x8-base", "H100", 8, 81920 },
		{ "gpu-h200x1-141gb", "gpu-h100x1-base", "H200", 1, 141 * 1024 },
		{ "gpu-l40sx1-48gb", "gpu-h100x1-base", "L40S", 1, 49152 },
		{ "gpu-4000adax1-20gb", "gpu-h100x1-base", "RTX 4000 Ada", 1, 20480 },
		{ "gpu-h100x1-80gb", "ubuntu-22-04-x64", "none", 0, 0 },
		{ "gpu-mi300x8-1536gb", "gpu-amd-base", "none", 0, 0 },
		{ "s-1vcpu-1gb", "gpu-h100x1-base", "none", 0, 0 },
	};
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(do_post(&sim, "droplets",
					 "{\"name\":\"a\",\"size\":\"%s\",\"image\":\"%s\"}",
					 cases[i].size, cases[i].image),
				 202);
		do_wait(&sim, 2);
		assert_string_equal(sim.machine.gpu, cases[i].gpu);
		assert_int_equal(sim.machine.gpus, cases[i].gpus);
		assert_int_equal(sim.machine.gpu_mem_mib, cases[i].mem);
	}
	do_stop(&sim);
}

static void test_off_bills(void **state)
{
	struct do_sim sim;
	int64_t id, bill;

	(void)state;
	do_start(&sim, NULL);
	id = do_droplet(&sim, "a", "gpu-h100x1-80gb", "");
	bill = sim_bill(&sim.sim);
	assert_int_equal(bill, 3390000);
	assert_int_equal(do_post(&sim, path_of(id, "/actions"), "{\"type\":\"power_off\"}"), 201);
	assert_string_equal(do_text(&sim, "action.status"), "in-progress");
	assert_string_equal(do_text(&sim, "action.type"), "power_off");
	/* one at a time */
	assert_int_equal(do_post(&sim, path_of(id, "/actions"), "{\"type\":\"reboot\"}"), 422);
	do_expect(&sim, 422, "unprocessable_entity", "already has a pending event");
	assert_int_equal(do_call(&sim, "DELETE", path_of(id, ""), NULL), 422);
	do_expect(&sim, 422, "unprocessable_entity", "already has a pending event");
	do_wait(&sim, 1);
	assert_string_equal(status_of(&sim, id), "off");
	assert_string_equal(do_text(&sim, "droplet.networks.v4.0.ip_address"), "127.9.0.1");
	assert_int_equal(sim.machine.halts, 1);
	assert_int_equal(sim_bill(&sim.sim), bill);
	assert_int_equal(do_post(&sim, path_of(id, "/actions"), "{\"type\":\"shutdown\"}"), 422);
	do_expect(&sim, 422, "unprocessable_entity", "currently off");
	assert_int_equal(do_post(&sim, path_of(id, "/actions"), "{\"type\":\"power_on\"}"), 201);
	do_wait(&sim, 2);
	assert_string_equal(status_of(&sim, id), "active");
	assert_int_equal(sim.machine.boots, 2);
	assert_int_equal(do_post(&sim, path_of(id, "/actions"), "{\"type\":\"power_on\"}"), 422);
	assert_int_equal(do_post(&sim, path_of(id, "/actions"), "{\"type\":\"reboot\"}"), 201);
	do_wait(&sim, 1);
	assert_int_equal(sim.machine.reboots, 1);
	/* it powers itself off: no other way to bill less than deleting it */
	cloud_machine_off(sim.sim.cloud, "unknown");
	assert_string_equal(status_of(&sim, id), "active");
	cloud_machine_off(sim.sim.cloud, sim.machine.id);
	assert_string_equal(status_of(&sim, id), "off");
	assert_int_equal(sim_bill(&sim.sim), bill);
	assert_int_equal(do_get(&sim, path_of(id, "/actions?per_page=3")), 200);
	assert_int_equal(do_number(&sim, "meta.total"), 4);
	assert_string_equal(do_text(&sim, "actions.0.type"), "reboot");
	assert_string_equal(do_text(&sim, "actions.0.status"), "completed");
	do_stop(&sim);
}

static void test_delete(void **state)
{
	struct do_sim sim;
	int64_t id;

	(void)state;
	do_start(&sim, NULL);
	id = do_droplet(&sim, "a", "s-1vcpu-1gb", "");
	assert_int_equal(do_call(&sim, "DELETE", path_of(id, ""), NULL), 204);
	assert_int_equal(sim.sim.reply.body.len, 0);
	assert_int_equal(sim.machine.ends, 1);
	assert_int_equal(sim_bill(&sim.sim), 0);
	assert_int_equal(sim_living(&sim.sim, "instance"), 0);
	/* it is still shown, and locked, until that has been done */
	assert_string_equal(status_of(&sim, id), "active");
	assert_true(cJSON_IsTrue(do_at(&sim, "droplet.locked")));
	assert_int_equal(do_call(&sim, "DELETE", path_of(id, ""), NULL), 422);
	cloud_machine_off(sim.sim.cloud, sim.machine.id);
	assert_string_equal(status_of(&sim, id), "active");
	do_wait(&sim, 1);
	assert_int_equal(do_get(&sim, path_of(id, "")), 404);
	do_expect(&sim, 404, "not_found", "could not be found");
	assert_int_equal(do_call(&sim, "DELETE", path_of(id, ""), NULL), 404);
	assert_int_equal(do_get(&sim, path_of(id, "/actions")), 404);
	do_get(&sim, "droplets");
	assert_int_equal(do_number(&sim, "meta.total"), 0);
	/* an id that is none */
	assert_int_equal(do_get(&sim, "droplets/0"), 404);
	assert_int_equal(do_get(&sim, "droplets/-1"), 404);
	assert_int_equal(do_get(&sim, "droplets/99999999999999999999"), 404);
	assert_int_equal(do_get(&sim, "droplets/%20"), 404);
	do_stop(&sim);
}

static void test_delete_tagged(void **state)
{
	struct do_sim sim;
	int64_t other;

	(void)state;
	do_start(&sim, NULL);
	do_droplet(&sim, "a", "s-1vcpu-1gb", "\"web\"");
	do_droplet(&sim, "b", "gpu-l40sx1-48gb", "\"web\",\"x\"");
	other = do_droplet(&sim, "c", "s-1vcpu-1gb", "\"x\"");
	assert_int_equal(do_call(&sim, "DELETE", "droplets", NULL), 422);
	assert_int_equal(do_call(&sim, "DELETE", "droplets?tag_name=nobody", NULL), 404);
	assert_int_equal(do_post(&sim, path_of(other, "/actions"), "{\"type\":\"reboot\"}"), 201);
	assert_int_equal(do_call(&sim, "DELETE", "droplets?tag_name=x", NULL), 422);
	assert_int_equal(sim_living(&sim.sim, "instance"), 3);
	assert_int_equal(do_call(&sim, "DELETE", "droplets?tag_name=web", NULL), 204);
	assert_int_equal(sim_living(&sim.sim, "instance"), 1);
	do_wait(&sim, 1);
	assert_string_equal(status_of(&sim, other), "active");
	assert_int_equal(do_call(&sim, "DELETE", "droplets?tag_name=web", NULL), 204);
	do_stop(&sim);
}

static void test_lists(void **state)
{
	static const struct {
		const char *query;
		int total, status;
	} cases[] = {
		{ "", 2, 200 },
		{ "?type=droplets", 2, 200 },
		{ "?type=gpus", 1, 200 },
		{ "?type=gpus&name=G", 1, 200 },
		{ "?name=g", 0, 200 },
		{ "?name=A", 1, 200 },
		{ "?tag_name=t", 2, 200 },
		{ "?tag_name=T", 0, 200 },
		{ "?tag_name=nobody", 0, 200 },
		{ "?tag_name=t&type=gpus", 0, 422 },
		{ "?tag_name=t&name=a", 0, 422 },
		{ "?type=gpu", 0, 422 },
		{ "?per_page=200", 2, 200 },
		{ "?per_page=201", 0, 422 },
		{ "?per_page=0", 0, 422 },
		{ "?page=0", 0, 422 },
		{ "?page=1.5", 0, 422 },
		{ "?page=01", 0, 422 },
		{ "?status=active", 0, 400 },
	};
	struct do_sim sim;

	(void)state;
	do_start(&sim, NULL);
	do_droplet(&sim, "a", "s-1vcpu-1gb", "\"t\"");
	do_droplet(&sim, "b", "s-1vcpu-1gb", "");
	do_droplet(&sim, "g", "gpu-h100x1-80gb", "\"t\"");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *path = xasprintf("droplets%s", cases[i].query);

		if (do_get(&sim, path) != cases[i].status ||
		    (cases[i].status == 200 && do_number(&sim, "meta.total") != cases[i].total))
			fail_msg("%s: %s", path, sim.sim.reply.body.data);
		free(path);
	}
	assert_int_equal(do_get(&sim, "droplets?per_page=1&type=droplets"), 200);
	assert_int_equal(do_count(&sim, "droplets"), 1);
	assert_string_equal(
		do_text(&sim, "links.pages.next"),
		"https://api.digitalocean.com/v2/droplets?page=2&per_page=1&type=droplets");
	assert_null(do_at(&sim, "links.pages.prev"));
	assert_int_equal(do_get(&sim, "droplets?per_page=1&page=2"), 200);
	assert_string_equal(do_text(&sim, "droplets.0.name"), "b");
	assert_null(do_at(&sim, "links.pages.next"));
	assert_non_null(do_at(&sim, "links.pages.first"));
	assert_int_equal(do_get(&sim, "droplets?page=3"), 200);
	assert_int_equal(do_count(&sim, "droplets"), 0);
	do_stop(&sim);
}

static void test_seen_late(void **state)
{
	const struct cloud_config config = { .seed = 7, .visible_after_ms = 3000 };
	struct do_sim sim;
	int64_t id;

	(void)state;
	do_start(&sim, &config);
	assert_int_equal(
		do_post(&sim, "account/keys", "{\"name\":\"k\",\"public_key\":\"%s\"}", KEY), 201);
	int64_t key = (int64_t)do_number(&sim, "ssh_key.id");

	id = do_droplet(&sim, "a", "s-1vcpu-1gb", "\"t\"");
	assert_string_equal(status_of(&sim, id), "active");
	do_get(&sim, "droplets?tag_name=t");
	assert_int_equal(do_number(&sim, "meta.total"), 0);
	assert_int_equal(do_post(&sim, "droplets", "{\"name\":\"b\"," PLAIN ",\"ssh_keys\":[%lld]}",
				 (long long)key),
			 422);
	do_expect(&sim, 422, "unprocessable_entity",
		  "are invalid key identifiers for Droplet creation.");
	do_wait(&sim, 1.5);
	do_get(&sim, "droplets?tag_name=t");
	assert_int_equal(do_number(&sim, "meta.total"), 1);
	assert_int_equal(do_post(&sim, "droplets", "{\"name\":\"b\"," PLAIN ",\"ssh_keys\":[%lld]}",
				 (long long)key),
			 202);
	do_stop(&sim);
}

static void test_scenarios(void **state)
{
	struct do_sim sim;
	int64_t id, action;
	char path[80];

	(void)state;
	do_start(&sim, NULL);
	do_fault(&sim, &(struct fault){
			       .kind = FAULT_EVENT_ERROR, .action = "CreateDroplet", .count = 1 });
	id = do_droplet(&sim, "a", "s-1vcpu-1gb", "");
	assert_int_equal(do_get(&sim, path_of(id, "")), 404);
	assert_int_equal(sim_bill(&sim.sim), 0);
	assert_int_equal(sim.machine.boots, 0);
	do_fault(&sim, &(struct fault){
			       .kind = FAULT_EVENT_STUCK, .action = "CreateDroplet", .count = 1 });
	do_post(&sim, "droplets", "{\"name\":\"b\"," PLAIN "}");
	id = (int64_t)do_number(&sim, "droplet.id");
	action = (int64_t)do_number(&sim, "links.actions.0.id");
	do_wait(&sim, 100000);
	assert_string_equal(status_of(&sim, id), "new");
	snprintf(path, sizeof(path), "actions/%lld", (long long)action);
	do_get(&sim, path);
	assert_string_equal(do_text(&sim, "action.status"), "in-progress");
	/* what hangs can still be deleted */
	assert_int_equal(do_call(&sim, "DELETE", path_of(id, ""), NULL), 204);
	do_wait(&sim, 1);
	assert_int_equal(do_get(&sim, path_of(id, "")), 404);
	/* a switch that does not do it */
	id = do_droplet(&sim, "c", "s-1vcpu-1gb", "");
	do_fault(&sim, &(struct fault){ .kind = FAULT_EVENT_ERROR, .action = "ActOnDroplet" });
	assert_int_equal(do_post(&sim, path_of(id, "/actions"), "{\"type\":\"power_off\"}"), 201);
	do_wait(&sim, 1);
	do_get(&sim, path_of(id, "/actions"));
	assert_string_equal(do_text(&sim, "actions.0.status"), "errored");
	assert_non_null(do_at(&sim, "actions.0.completed_at"));
	assert_string_equal(status_of(&sim, id), "active");
	assert_int_equal(do_post(&sim, path_of(id, "/actions"), "{\"type\":\"snapshot\"}"), 422);
	do_expect(&sim, 422, "unprocessable_entity", "simulator does not do 'snapshot'");
	assert_int_equal(do_post(&sim, path_of(id, "/actions"), "{\"type\":\"halt\"}"), 422);
	assert_int_equal(do_post(&sim, path_of(id, "/actions"), "{\"type\":1}"), 422);
	assert_int_equal(do_post(&sim, path_of(id, "/actions"), "{}"), 422);
	do_fault(&sim, &(struct fault){ .kind = FAULT_BAD_STANDING, .message = "Pay first." });
	assert_int_equal(do_post(&sim, "droplets", "{\"name\":\"b\"," PLAIN "}"), 403);
	do_expect(&sim, 403, "forbidden", "Pay first.");
	do_get(&sim, "account");
	assert_string_equal(do_text(&sim, "account.status"), "locked");
	do_stop(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),	      cmocka_unit_test(test_gpus),
		cmocka_unit_test(test_off_bills),     cmocka_unit_test(test_delete),
		cmocka_unit_test(test_delete_tagged), cmocka_unit_test(test_lists),
		cmocka_unit_test(test_seen_late),     cmocka_unit_test(test_scenarios),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

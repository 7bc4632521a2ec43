/* SPDX-License-Identifier: Apache-2.0 */
#include "droplet_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "core/error.h"
#include "core/mem.h"

static void note_admits(struct do_machine *machine, const struct cloud_admit *v, size_t nr)
{
	machine->nr_admits = nr;
	for (size_t i = 0; i < nr && i < DO_ADMITS; i++) {
		machine->admits[i].from = v[i].from;
		machine->admits[i].to = v[i].to;
		snprintf(machine->admits[i].cidr, sizeof(machine->admits[i].cidr), "%s", v[i].cidr);
	}
	machine->guarded = nr != 1 || strcmp(v[0].cidr, "0.0.0.0/0") != 0 || v[0].from != 0 ||
			   v[0].to != UINT16_MAX;
}

static void boot(void *ctx, const struct cloud_boot *boot, char *address)
{
	struct do_machine *machine = ctx;

	machine->boots++;
	snprintf(machine->id, sizeof(machine->id), "%s", boot->id);
	snprintf(machine->gpu, sizeof(machine->gpu), "%s", boot->gpu ? boot->gpu : "none");
	snprintf(machine->public_key, sizeof(machine->public_key), "%s",
		 boot->public_key ? boot->public_key : "none");
	snprintf(machine->user_data, sizeof(machine->user_data), "%.*s", (int)boot->len,
		 boot->len ? (const char *)boot->user_data : "");
	snprintf(machine->login, sizeof(machine->login), "%s", boot->login ? boot->login : "none");
	machine->gpus = boot->gpus;
	machine->gpu_mem_mib = boot->gpu_mem_mib;
	note_admits(machine, boot->admits, boot->nr_admits);
	snprintf(address, 16, "127.9.0.%u", machine->boots);
}

static void reboot_one(void *ctx, const char *id)
{
	(void)id;
	((struct do_machine *)ctx)->reboots++;
}

static void halt(void *ctx, const char *id)
{
	(void)id;
	((struct do_machine *)ctx)->halts++;
}

static void end(void *ctx, const char *id)
{
	(void)id;
	((struct do_machine *)ctx)->ends++;
}

static void console(void *ctx, const char *id, struct buf *out)
{
	(void)ctx;
	(void)id;
	(void)out;
}

static void admit(void *ctx, const char *id, const struct cloud_admit *v, size_t nr)
{
	struct do_machine *machine = ctx;

	snprintf(machine->id, sizeof(machine->id), "%s", id);
	machine->admitted++;
	note_admits(machine, v, nr);
}

void do_start(struct do_sim *sim, const struct cloud_config *config)
{
	struct cloud_config mine = config ? *config : (struct cloud_config){ .seed = 7 };

	memset(sim, 0, sizeof(*sim));
	sim->ops = (struct cloud_machines){ .ctx = &sim->machine,
					    .boot = boot,
					    .reboot = reboot_one,
					    .halt = halt,
					    .end = end,
					    .console = console,
					    .admit = admit };
	mine.boot_ms = mine.end_ms = 1000;
	mine.machines = &sim->ops;
	sim_start(&sim->sim, &mine);
	sim->token = CLOUD_DIGITALOCEAN_TOKEN;
}

static void drop_json(struct do_sim *sim)
{
	if (sim->json.root)
		json_release(&sim->json);
	sim->json.root = NULL;
}

void do_stop(struct do_sim *sim)
{
	drop_json(sim);
	sim_stop(&sim->sim);
}

void do_wait(struct do_sim *sim, double seconds)
{
	sim->now += seconds;
	sim_at(&sim->sim, sim->now);
}

int do_call(struct do_sim *sim, const char *method, const char *path, const char *body)
{
	struct cloud_reply *reply = &sim->sim.reply;
	char *full = xasprintf("/digitalocean/v2/%s", path);
	char *bearer = xasprintf("Bearer %s", sim->token);
	char *question = strchr(full, '?');
	struct error err = ERROR_INIT;
	const struct http_header headers[] = { { "Authorization", bearer },
					       { "Content-Type", "application/json" } };
	struct cloud_request request = { .method = method,
					 .host = "127.0.0.1",
					 .path = full,
					 .query = question ? question + 1 : "",
					 .headers = headers,
					 .nr_headers = 2,
					 .body = body ? body : "",
					 .len = body ? strlen(body) : 0,
					 .tls = true,
					 .peer_ip = "127.0.0.1" };

	if (question)
		*question = '\0';
	drop_json(sim);
	cloud_reply_release(reply);
	*reply = (struct cloud_reply)CLOUD_REPLY_INIT;
	cloud_handle(sim->sim.cloud, &request, reply);
	free(full);
	free(bearer);
	if (reply->body.len &&
	    json_parse(reply->body.data, reply->body.len, "reply", &sim->json, &err) != 0)
		fail_msg("%s: %s", err.message, reply->body.data);
	return reply->status;
}

int do_get(struct do_sim *sim, const char *path)
{
	return do_call(sim, "GET", path, NULL);
}

int do_post(struct do_sim *sim, const char *path, const char *fmt, ...)
{
	char *body = NULL;
	va_list ap;
	int status;

	va_start(ap, fmt);
	if (vasprintf(&body, fmt, ap) < 0)
		out_of_memory();
	va_end(ap);
	status = do_call(sim, "POST", path, body);
	free(body);
	return status;
}

const struct cJSON *do_at(const struct do_sim *sim, const char *path)
{
	const cJSON *node = sim->json.root;
	char name[64];

	while (node && *path) {
		size_t len = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		node = cJSON_IsArray(node) ? json_at(node, strtoul(name, NULL, 10))
					   : cJSON_GetObjectItemCaseSensitive(node, name);
		path += len + (path[len] == '.');
	}
	return node;
}

const char *do_text(const struct do_sim *sim, const char *path)
{
	const cJSON *node = do_at(sim, path);

	return cJSON_IsString(node) ? node->valuestring : "";
}

double do_number(const struct do_sim *sim, const char *path)
{
	const cJSON *node = do_at(sim, path);

	return cJSON_IsNumber(node) ? node->valuedouble : -1;
}

size_t do_count(const struct do_sim *sim, const char *path)
{
	return json_len(do_at(sim, path));
}

void do_expect(const struct do_sim *sim, int status, const char *id, const char *words)
{
	const struct cloud_reply *reply = &sim->sim.reply;

	if (reply->status != status || strcmp(do_text(sim, "id"), id) != 0 ||
	    !strstr(do_text(sim, "message"), words) || !*do_text(sim, "request_id"))
		fail_msg("expected %d %s '%s', got %d: %s", status, id, words, reply->status,
			 reply->body.data);
}

int64_t do_droplet(struct do_sim *sim, const char *name, const char *size, const char *tags)
{
	int64_t id;

	if (do_post(sim, "droplets",
		    "{\"name\":\"%s\",\"size\":\"%s\",\"image\":\"gpu-h100x1-base\","
		    "\"region\":\"tor1\",\"tags\":[%s]}",
		    name, size, tags) != 202)
		fail_msg("no droplet: %s", sim->sim.reply.body.data);
	id = (int64_t)do_number(sim, "droplet.id");
	do_wait(sim, 2);
	return id;
}

void do_fault(struct do_sim *sim, const struct fault *fault)
{
	struct fault mine = *fault;

	mine.service = "digitalocean";
	cloud_fault_add(sim->sim.cloud, &mine);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "ps_world.h"

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

static void boot(void *ctx, const struct cloud_boot *boot, char *address)
{
	struct world *world = ctx;

	assert_string_equal(boot->admits[0].cidr, "0.0.0.0/0");
	assert_int_equal(boot->admits[0].to, 65535);
	buf_addf(&world->log, "boot %ux%s %u [%.*s];", boot->gpus, boot->gpu ? boot->gpu : "none",
		 boot->gpu_mem_mib, (int)boot->len, boot->len ? (const char *)boot->user_data : "");
	memcpy(address, world->address, sizeof(world->address));
}

static void reboot_one(void *ctx, const char *id)
{
	(void)id;
	buf_addstr(&((struct world *)ctx)->log, "reboot;");
}

static void halt(void *ctx, const char *id)
{
	(void)id;
	buf_addstr(&((struct world *)ctx)->log, "halt;");
}

static void end(void *ctx, const char *id)
{
	(void)id;
	buf_addstr(&((struct world *)ctx)->log, "end;");
}

static int start(void **state, int64_t visible_after_ms)
{
	struct world *world = xcalloc(1, sizeof(*world));
	struct rest_sim *rest = &world->rest;
	const struct buf empty = BUF_INIT;

	world->log = empty;
	snprintf(world->address, sizeof(world->address), "127.33.1.2");
	world->machines = (struct cloud_machines){
		.ctx = world, .boot = boot, .reboot = reboot_one, .halt = halt, .end = end
	};
	rsim_start(rest,
		   &(struct cloud_config){ .seed = 7,
					   .boot_ms = 8000,
					   .end_ms = 4000,
					   .visible_after_ms = visible_after_ms,
					   .machines = &world->machines },
		   "/paperspace/v1", CLOUD_PAPERSPACE_KEY);
	rsim_expect(rest, 200, "GET", "os-templates?name=ML-in-a-Box", NULL);
	snprintf(world->gpu, sizeof(world->gpu), "%s", rsim_text(rest, "items.0.id"));
	*state = world;
	return 0;
}

int pworld_setup(void **state)
{
	return start(state, 0);
}

int pworld_setup_late(void **state)
{
	return start(state, 30000);
}

int pworld_teardown(void **state)
{
	struct world *world = *state;

	rsim_stop(&world->rest);
	buf_release(&world->log);
	free(world);
	return 0;
}

static void keep_event(struct world *world)
{
	snprintf(world->event, sizeof(world->event), "%s", rsim_text(&world->rest, "event.id"));
}

void pworld_create(struct world *world, const char *more)
{
	rsim_expect(&world->rest, 200, "POST", "machines",
		    "{%s\"name\":\"gpucloud.me.one.x-1\",\"machineType\":\"P4000\","
		    "\"templateId\":\"%s\",\"diskSize\":100,\"region\":\"East Coast (NY2)\"}",
		    more, world->gpu);
	snprintf(world->id, sizeof(world->id), "%s", rsim_text(&world->rest, "data.id"));
	keep_event(world);
}

int pworld_ask(struct world *world, const char *method, const char *verb)
{
	char *target = xasprintf("machines/%s%s", world->id, verb);
	int status =
		rsim_send(&world->rest, method, target, strcmp(method, "GET") == 0 ? NULL : "{}");

	free(target);
	return status;
}

void pworld_order(struct world *world, const char *method, const char *verb)
{
	if (pworld_ask(world, method, verb) != 200)
		fail_msg("%s %s: %s", method, verb, world->rest.reply.body.data);
	keep_event(world);
}

const char *pworld_state_now(struct world *world)
{
	assert_int_equal(pworld_ask(world, "GET", ""), 200);
	return rsim_text(&world->rest, "state");
}

const char *pworld_event_now(struct world *world)
{
	char *target = xasprintf("machine-events/%s", world->event);

	rsim_expect(&world->rest, 200, "GET", target, NULL);
	free(target);
	assert_string_equal(rsim_text(&world->rest, "machineId"), world->id);
	return rsim_text(&world->rest, "state");
}

void pworld_at(struct world *world, double seconds)
{
	sim_at(&world->rest.sim, seconds);
}

int64_t pworld_bill(const struct world *world)
{
	return sim_bill(&world->rest.sim);
}

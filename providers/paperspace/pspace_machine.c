/* SPDX-License-Identifier: Apache-2.0 */
/* Machines as the API tells them. A bad field must never hide one: it is left empty. */
#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

#define RATE_MAX 10000.0 /* dollars an hour; what is beyond is no price */

/*
 * "serviceready" runs and bills, and answers: only the vendor's own agent, which streams desktops, is
 * not up yet. "upgrading" goes down and comes up again by itself.
 * https://docs.digitalocean.com/products/paperspace/machines/reference/states-and-error-codes/
 */
static enum instance_state state_of(const struct cJSON *node)
{
	static const struct {
		const char *name;
		enum instance_state state;
	} states[] = {
		{ "provisioning", INSTANCE_PENDING }, { "starting", INSTANCE_PENDING },
		{ "restarting", INSTANCE_PENDING },   { "upgrading", INSTANCE_PENDING },
		{ "serviceready", INSTANCE_RUNNING }, { "ready", INSTANCE_RUNNING },
		{ "stopping", INSTANCE_STOPPING },    { "off", INSTANCE_STOPPED },
	};
	const struct cJSON *member = json_get(node, "state");
	const char *name = member ? json_text(member) : NULL;

	for (size_t i = 0; name && i < ARRAY_SIZE(states); i++)
		if (!strcmp(states[i].name, name))
			return states[i].state;
	return INSTANCE_UNKNOWN;
}

static const char *address(const struct cJSON *node, const char *name, struct arena *arena)
{
	const char *text = pspace_text(node, name, arena);
	struct in6_addr v6;
	struct in_addr v4;

	return inet_pton(AF_INET, text, &v4) == 1 || inet_pton(AF_INET6, text, &v6) == 1 ? text
											 : "";
}

/* Dollars per hour to micro-dollars; 0: it does not say. */
static int64_t rate(const struct cJSON *node, const char *name)
{
	struct error bad = ERROR_INIT;
	double value;

	if (!json_get(node, name) || json_double(node, name, &value, &bad) < 0 ||
	    !isfinite(value) || value < 0 || value > RATE_MAX)
		return 0;
	return (int64_t)llround(value * 1e6);
}

static void add_name(struct pspace_machine *machine, const char *text, struct arena *arena)
{
	struct instance *instance = &machine->instance;
	struct pspace_name name;

	machine->ours = pspace_name_read_machine(text, &name);
	if (!machine->ours)
		return;
	instance->owner = arena_strdup(arena, name.owner);
	instance->name = arena_strdup(arena, name.name);
	instance->launch_id = arena_strdup(arena, name.launch_id);
	instance->token = arena_strdup(arena, name.token);
}

int pspace_machine_read(const struct cJSON *node, struct arena *arena, struct pspace_machine *ret,
			struct error *err)
{
	const char *id, *name;

	if (json_string(node, "id", PSPACE_ID_MAX, &id, err) < 0 ||
	    json_string(node, "name", PSPACE_TEXT_MAX, &name, err) < 0)
		return error_prefix(err, "a machine of the reply");
	if (!pspace_id_ok(id))
		return error_set(err, ERROR_PROTOCOL,
				 "a machine of the reply: field 'id' holds no id");

	const char *region = pspace_region_read(pspace_text(node, "region", arena), arena);
	struct pspace_machine machine = {
		.instance = {
			.provider = "paperspace",
			.region = region,
			.zone = { region, "" },
			.id = arena_strdup(arena, id),
			.type = pspace_text(node, "machineType", arena),
			.state = state_of(node),
			.reason = "",
			.spot_request = "",
			.public_ip = address(node, "publicIp", arena),
			.private_ip = address(node, "privateIp", arena),
			.image = pspace_text(node, "os", arena),
			.key_name = "",
			.launched = pspace_time(node, "dtCreated"),
			.name = "",
			.owner = "",
			.launch_id = "",
			.token = "",
			.hostkey = "",
			.price = rate(node, "usageRate"),
			.price_off = rate(node, "storageRate"),
		},
		.is_static = strcmp(pspace_text(node, "publicIpType", arena), "static") == 0,
		.deleted = json_get(node, "dtDeleted") != NULL,
		.modified = pspace_time(node, "dtModified"),
	};
	add_name(&machine, name, arena);
	if (machine.deleted) {
		machine.instance.state = INSTANCE_ENDING;
		machine.instance.ended = pspace_time(node, "dtDeleted");
	} else if (machine.instance.state == INSTANCE_STOPPED &&
		   machine.modified > machine.instance.launched) {
		machine.instance.ended = machine.modified;
	}
	*ret = machine;
	return 0;
}

void pspace_machine_add_history(struct pspace_machine *machine,
				const struct pspace_history *history, struct arena *arena)
{
	struct instance *instance = &machine->instance;

	if (history->err.kind)
		return;
	if (history->ending) {
		instance->state = INSTANCE_ENDING;
		return;
	}
	if (machine->deleted) {
		instance->state = INSTANCE_GONE;
		return;
	}
	if (history->create_failed && !history->started) {
		/* It never was on: its disk is all there is. */
		instance->state = INSTANCE_STOPPED;
		instance->ended = instance->launched;
		instance->reason = arena_strdup(arena, history->error);
		return;
	}
	if (history->started)
		instance->launched = history->started;
	if (instance->state != INSTANCE_STOPPED && instance->state != INSTANCE_STOPPING)
		return;
	instance->ended = history->stopped;
	/* One that turned itself off has no such event. */
	if (!instance->ended && instance->state == INSTANCE_STOPPED &&
	    machine->modified >= instance->launched)
		instance->ended = machine->modified;
}

/* --- all of them ------------------------------------------------------------------------------ */

const struct pspace_machine *pspace_machines_find(const struct pspace_machines *list,
						  const char *id)
{
	for (size_t i = 0; i < list->nr; i++)
		if (!strcmp(list->v[i].instance.id, id))
			return &list->v[i];
	return NULL;
}

static int take_machine(void *ctx, const struct cJSON *item, struct error *err)
{
	struct pspace_machines *list = ctx;
	struct pspace_machine machine;

	if (pspace_machine_read(item, &list->arena, &machine, err) < 0)
		return -1;
	/* Pages overlap where machines come and go between them. */
	if (pspace_machines_find(list, machine.instance.id))
		return 0;
	list->v = arena_grow(&list->arena, list->v, list->nr, &list->cap, sizeof(*list->v));
	list->v[list->nr++] = machine;
	return 0;
}

int pspace_machines_list(struct provider *p, struct pspace_machines *ret, struct error *err)
{
	struct pspace_machines list = { .nr = 0 };
	struct pspace_pages pages = { .what = "cannot list machines",
				      .name = "machines",
				      .ctx = &list,
				      .each = take_machine };

	if (pspace_list(p, &pages, err) < 0) {
		pspace_machines_release(&list);
		return -1;
	}
	*ret = list;
	return 0;
}

void pspace_machines_release(struct pspace_machines *list)
{
	arena_release(&list->arena);
	memset(list, 0, sizeof(*list));
}

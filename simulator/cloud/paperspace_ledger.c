/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace's part of the ledger: everything ever made there, and what it bills. */
#include <stdlib.h>

#include "core/mem.h"
#include "simulator/cloud/paperspace.h"

#define ADDRESS_HOUR 4109 /* micro-dollars: $3 a month of 730 hours */

struct pass {
	struct paperspace *ps;
	void (*fn)(void *ctx, const struct cloud_resource *resource);
	void *ctx;
};

/* There are no tags: the name alone says whose a thing is, and is shown as one. */
static void tell(const struct pass *pass, struct cloud_resource *resource, const char *name)
{
	char key[] = "name";
	struct cloud_tag tag = { .key = key, .value = name ? xstrdup(name) : NULL };

	resource->provider = PAPER_SERVICE;
	resource->zone = "";
	resource->type = resource->type ? resource->type : "";
	resource->tags = &tag;
	resource->nr_tags = name ? 1 : 0;
	pass->fn(pass->ctx, resource);
	free(tag.value);
}

static void tell_machine(const struct pass *pass, const struct paper_machine *machine)
{
	struct cloud_resource resource = {
		.kind = "instance",
		.id = machine->id,
		.region = paper_region_name(machine->region),
		.state = machine->ended_ms ? "deactivated"
			 : machine->op && strcmp(machine->op->name, "deactivate") == 0
				 ? "deactivating"
				 : paper_state_name(machine->state),
		.type = machine->type->name,
		.began_ms = machine->began_ms,
		.ended_ms = machine->ended_ms,
	};

	/* its disk, and the machine itself while it is on */
	if (!machine->ended_ms)
		resource.usd_per_hour = paper_disk_price(machine->disk_gb) +
					(paper_is_on(machine) ? machine->type->usd_per_hour : 0);
	tell(pass, &resource, machine->name);
}

static void tell_address(const struct pass *pass, const struct paper_address *address)
{
	struct cloud_resource resource = {
		.kind = "elastic-ip",
		.id = address->ip,
		.region = paper_region_name(address->region),
		.state = address->ended_ms  ? "released"
			 : address->machine ? "assigned"
					    : "allocated",
		.began_ms = address->began_ms,
		.ended_ms = address->ended_ms,
		.usd_per_hour = address->ended_ms ? 0 : ADDRESS_HOUR,
	};

	tell(pass, &resource, address->label);
}

static void tell_script(const struct pass *pass, const struct paper_script *script)
{
	struct cloud_resource resource = {
		.kind = "startup-script",
		.id = script->id,
		.region = "",
		.state = script->ended_ms ? "deleted" : "available",
		.began_ms = script->began_ms,
		.ended_ms = script->ended_ms,
	};

	tell(pass, &resource, script->name);
}

static void tell_snapshot(const struct pass *pass, const struct paper_snapshot *snapshot)
{
	struct cloud_resource resource = {
		.kind = "snapshot",
		.id = snapshot->id,
		.region = paper_region_name(snapshot->machine->region),
		.state = snapshot->ended_ms ? "deleted" : "completed",
		.began_ms = snapshot->began_ms,
		.ended_ms = snapshot->ended_ms,
	};

	tell(pass, &resource, snapshot->machine->name);
}

void paper_each_resource(void *self, void (*fn)(void *ctx, const struct cloud_resource *resource),
			 void *ctx)
{
	const struct pass pass = { self, fn, ctx };

	for (size_t i = 0; i < pass.ps->nr_machines; i++)
		tell_machine(&pass, pass.ps->machines[i]);
	for (size_t i = 0; i < pass.ps->nr_addresses; i++)
		tell_address(&pass, pass.ps->addresses[i]);
	for (size_t i = 0; i < pass.ps->nr_scripts; i++)
		tell_script(&pass, pass.ps->scripts[i]);
	for (size_t i = 0; i < pass.ps->nr_snapshots; i++)
		tell_snapshot(&pass, pass.ps->snapshots[i]);
}

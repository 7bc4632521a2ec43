/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be left of launches besides machines: startup scripts, by their names, and static
 * addresses, by the machine they hang on, or by the script that notes their release. Any other that
 * hangs on none says nothing of who claimed it: it is told without owner, and never removed from here.
 * Disks and snapshots go with their machine.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

/* --- addresses -------------------------------------------------------------------------------- */

static int take_address(void *ctx, const struct cJSON *item, struct error *err)
{
	struct pspace_addresses *list = ctx;
	struct in_addr v4;
	const char *ip, *machine = NULL;

	if (json_string(item, "ip", 64, &ip, err) < 0 ||
	    json_string_opt(item, "assignedMachineId", PSPACE_ID_MAX, &machine, err) < 0)
		return error_prefix(err, "an address of the reply");
	if (inet_pton(AF_INET, ip, &v4) != 1 || (machine && *machine && !pspace_id_ok(machine)))
		return error_set(err, ERROR_PROTOCOL,
				 "an address of the reply: field 'ip' or 'assignedMachineId' holds "
				 "none");
	for (size_t i = 0; i < list->nr; i++)
		if (!strcmp(list->v[i].ip, ip))
			return 0;
	list->v = arena_grow(&list->arena, list->v, list->nr, &list->cap, sizeof(*list->v));
	list->v[list->nr++] = (struct pspace_address){
		.ip = arena_strdup(&list->arena, ip),
		.machine = arena_strdup(&list->arena, machine ? machine : ""),
		.region =
			pspace_region_read(pspace_text(item, "region", &list->arena), &list->arena),
		.created = pspace_time(item, "dtCreated"),
	};
	return 0;
}

int pspace_addresses_list(struct provider *p, struct pspace_addresses *ret, struct error *err)
{
	struct pspace_addresses list = { .nr = 0 };
	struct pspace_pages pages = { .what = "cannot list addresses",
				      .name = "public-ips",
				      .ctx = &list,
				      .each = take_address };

	if (pspace_list(p, &pages, err) < 0) {
		pspace_addresses_release(&list);
		return -1;
	}
	*ret = list;
	return 0;
}

void pspace_addresses_release(struct pspace_addresses *list)
{
	arena_release(&list->arena);
	memset(list, 0, sizeof(*list));
}

/* --- all together ----------------------------------------------------------------------------- */

struct listing {
	const struct leftover_query *query;
	struct pspace_machines machines;
	struct leftover_list list;
	size_t cap;
};

static void add(struct listing *listing, struct leftover leftover)
{
	struct leftover_list *list = &listing->list;
	const struct leftover_query *query = listing->query;
	bool in_region = !pspace_region_find(leftover.region);

	for (size_t i = 0; i < query->nr_regions; i++)
		in_region |= strcmp(query->regions[i], leftover.region) == 0;
	if (!in_region || (query->launch_id && strcmp(query->launch_id, leftover.launch_id) != 0))
		return;
	list->v = arena_grow(&list->arena, list->v, list->nr, &listing->cap, sizeof(*list->v));
	list->v[list->nr++] = leftover;
}

static const struct pspace_machine *machine_of_launch(const struct pspace_machines *list,
						      const char *launch_id)
{
	for (size_t i = 0; i < list->nr; i++)
		if (list->v[i].ours && !list->v[i].deleted &&
		    !strcmp(list->v[i].instance.launch_id, launch_id))
			return &list->v[i];
	return NULL;
}

/* A script has no region: that of its launch's machine, wherever it runs, so that a machine elsewhere
 * still holds on to it; else one that was asked for. */
static const char *region_of_script(const struct leftover_query *query,
				    const struct pspace_machine *machine)
{
	if (machine)
		return machine->instance.region;
	for (size_t i = 0; i < query->nr_regions; i++)
		if (!strcmp(query->regions[i], PSPACE_REGION))
			return PSPACE_REGION;
	return query->regions[0];
}

static void add_script(struct listing *listing, const struct pspace_script *script)
{
	const struct pspace_machine *machine =
		machine_of_launch(&listing->machines, script->name.launch_id);
	struct arena *arena = &listing->list.arena;

	if (!machine && script->machine[0])
		machine = pspace_machines_find(&listing->machines, script->machine);
	if (machine && machine->deleted)
		machine = NULL;
	add(listing,
	    (struct leftover){
		    .provider = "paperspace",
		    .region = arena_strdup(arena, region_of_script(listing->query, machine)),
		    .kind = LEFTOVER_SCRIPT,
		    .id = arena_strdup(arena, script->id),
		    .launch_id = arena_strdup(arena, script->name.launch_id),
		    .name = "",
		    .owner = arena_strdup(arena, script->name.owner),
		    .attached = arena_strdup(arena, machine ? machine->instance.id : ""),
		    .created = script->created,
	    });
}

/* Taken from its machine for good, as a launch's script says; NULL: nobody says whose it is. */
static const struct pspace_name *noted(const struct pspace_scripts *scripts,
				       const struct pspace_address *address)
{
	for (size_t i = 0; !address->machine[0] && i < scripts->nr; i++)
		if (!strcmp(scripts->v[i].name.address, address->ip))
			return &scripts->v[i].name;
	return NULL;
}

static void add_address(struct listing *listing, const struct pspace_scripts *scripts,
			const struct pspace_address *address)
{
	const struct pspace_machine *machine =
		pspace_machines_find(&listing->machines, address->machine);
	const struct pspace_name *name = noted(scripts, address);
	const char *launch_id = machine ? machine->instance.launch_id : name ? name->launch_id : "";
	const char *owner = machine ? machine->instance.owner : name ? name->owner : "";
	struct arena *arena = &listing->list.arena;

	if (machine && !machine->ours)
		return;
	add(listing, (struct leftover){
			     .provider = "paperspace",
			     .region = arena_strdup(arena, address->region),
			     .kind = LEFTOVER_ADDRESS,
			     .id = arena_strdup(arena, address->ip),
			     .launch_id = arena_strdup(arena, launch_id),
			     .name = arena_strdup(arena, machine ? machine->instance.name : ""),
			     .owner = arena_strdup(arena, owner),
			     .attached = arena_strdup(arena, machine ? machine->instance.id : ""),
			     .created = address->created,
			     .price = MONEY_UNKNOWN,
		     });
}

static int by_place(const void *a, const void *b)
{
	const struct leftover *x = a, *y = b;
	int order = strcmp(x->region, y->region);

	if (order == 0)
		order = (int)x->kind - (int)y->kind;
	return order ? order : strcmp(x->id, y->id);
}

int pspace_leftovers(struct provider *p, const struct leftover_query *query,
		     struct leftover_list *ret, struct error *err)
{
	struct listing listing = { .query = query };
	struct pspace_scripts scripts = { .nr = 0 };
	struct pspace_addresses addresses = { .nr = 0 };
	int rc = -1;

	if (query->launch_id && !pspace_launch_id_ok(query->launch_id))
		return error_set(err, ERROR_USAGE, "'%.60s' is no launch's id", query->launch_id);
	/* Machines last: one that comes into being meanwhile is then seen. */
	if (query->nr_regions && pspace_scripts_list(p, query->launch_id, &scripts, err) == 0 &&
	    pspace_addresses_list(p, &addresses, err) == 0 &&
	    pspace_machines_list(p, &listing.machines, err) == 0)
		rc = 0;
	for (size_t i = 0; rc == 0 && i < scripts.nr; i++)
		add_script(&listing, &scripts.v[i]);
	for (size_t i = 0; rc == 0 && i < addresses.nr; i++)
		add_address(&listing, &scripts, &addresses.v[i]);
	if (rc == 0 && listing.list.nr)
		qsort(listing.list.v, listing.list.nr, sizeof(*listing.list.v), by_place);
	if (rc == 0 || !query->nr_regions) {
		*ret = listing.list;
		rc = 0;
	} else {
		arena_release(&listing.list.arena);
	}
	pspace_scripts_release(&scripts);
	pspace_addresses_release(&addresses);
	pspace_machines_release(&listing.machines);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which instances there are: the machines whose names are of ours, and what their events say. The API
 * filters by nothing that helps; a few that are named by id are asked for one by one.
 */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

#define BY_ID_MAX     8
#define HISTORIES_MAX 500 /* more than a team may have */

static bool is_any(const char *const *list, size_t nr, const char *wanted)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(list[i], wanted))
			return true;
	return false;
}

/* A machine in a region that is none of ours is never hidden: no request needs to know it. */
static bool in_region(const struct instance_query *query, const char *region)
{
	return !pspace_region_find(region) || is_any(query->regions, query->nr_regions, region);
}

static bool wanted(const struct instance_query *query, const struct pspace_machine *machine)
{
	const struct instance *instance = &machine->instance;

	if (!in_region(query, instance->region))
		return false;
	if (query->nr_ids ? !is_any(query->ids, query->nr_ids, instance->id) : !machine->ours)
		return false;
	return (!query->name || !strcmp(query->name, instance->name)) &&
	       (!query->owner || !strcmp(query->owner, instance->owner)) &&
	       (!query->launch_id || !strcmp(query->launch_id, instance->launch_id)) &&
	       (!query->token || !strcmp(query->token, instance->token));
}

/* One that does not exist is simply missing. */
static int read_one(struct rest_call *call, struct pspace_machines *list, struct error *err)
{
	struct pspace_machine machine;

	if (call->rc < 0 && call->err.kind == ERROR_NOT_FOUND)
		return 0;
	if (call->rc < 0) {
		*err = call->err;
		return -1;
	}
	if (pspace_machine_read(call->json.root, &list->arena, &machine, err) < 0)
		return error_prefix(err, "%s", call->what);
	if (pspace_machines_find(list, machine.instance.id))
		return 0;
	list->v = arena_grow(&list->arena, list->v, list->nr, &list->cap, sizeof(*list->v));
	list->v[list->nr++] = machine;
	return 0;
}

static int find_by_id(struct provider *p, const struct instance_query *query,
		      struct pspace_machines *ret, struct error *err)
{
	struct rest_call calls[BY_ID_MAX], *all[BY_ID_MAX];
	int rc = 0;

	for (size_t i = 0; i < query->nr_ids; i++) {
		rest_begin(&calls[i], &p->rest, REST_READ, "GET",
			   REST_PATH("machines", query->ids[i]), "cannot look at machine '%s'",
			   query->ids[i]);
		all[i] = &calls[i];
	}
	rest_send_all(all, query->nr_ids);
	for (size_t i = 0; i < query->nr_ids; i++) {
		if (rc == 0)
			rc = read_one(&calls[i], ret, err);
		rest_release(&calls[i]);
	}
	return rc;
}

static int find(struct provider *p, const struct instance_query *query, struct pspace_machines *ret,
		struct error *err)
{
	for (size_t i = 0; i < query->nr_ids; i++)
		if (pspace_id_check(query->ids[i], err) < 0)
			return -1;
	if (query->nr_ids && query->nr_ids <= BY_ID_MAX)
		return find_by_id(p, query, ret, err);
	return pspace_machines_list(p, ret, err);
}

static void add_histories(struct provider *p, struct pspace_machines *list)
{
	size_t n = list->nr < HISTORIES_MAX ? list->nr : HISTORIES_MAX;
	struct pspace_history *histories = xcalloc(n + 1, sizeof(*histories));

	for (size_t i = 0; i < n; i++)
		histories[i].id = list->v[i].instance.id;
	pspace_histories(p, histories, n);
	for (size_t i = 0; i < n; i++) {
		if (histories[i].err.kind)
			log_info("paperspace", "%s", histories[i].err.message);
		pspace_machine_add_history(&list->v[i], &histories[i], &list->arena);
	}
	free(histories);
}

static int by_launch(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	if (x->launched != y->launched)
		return x->launched < y->launched ? -1 : 1;
	return strcmp(x->id, y->id);
}

int pspace_instances(struct provider *p, const struct instance_query *query,
		     struct instance_list *ret, struct error *err)
{
	struct pspace_machines machines = { .nr = 0 };
	struct instance_list list = { .nr = 0 };
	size_t kept = 0;

	if (find(p, query, &machines, err) < 0) {
		pspace_machines_release(&machines);
		return -1;
	}
	for (size_t i = 0; i < machines.nr; i++)
		if (wanted(query, &machines.v[i]))
			machines.v[kept++] = machines.v[i];
	machines.nr = kept;
	add_histories(p, &machines);
	list.arena = machines.arena;
	list.v = arena_alloc(&list.arena, (kept + 1) * sizeof(*list.v));
	for (size_t i = 0; i < kept; i++)
		if (query->with_gone || machines.v[i].instance.state != INSTANCE_GONE)
			list.v[list.nr++] = machines.v[i].instance;
	if (list.nr)
		qsort(list.v, list.nr, sizeof(*list.v), by_launch);
	*ret = list;
	return 0;
}

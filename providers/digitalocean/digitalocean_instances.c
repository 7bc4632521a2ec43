/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which droplets there are. GPU droplets are listed only where they are asked for as such, and that
 * question takes no tag; whether one by tag brings them too, the definition leaves open. So two are
 * asked, and what is not wanted of either is left out here.
 *
 * https://docs.digitalocean.com/reference/api/digitalocean/#operation/droplets_list
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"

#define DROPLETS_MAX 20000
#define BY_ID_MAX    20 /* asked for one by one; more are looked for in the lists */
#define LOCKED_MAX   20 /* looked at more closely */

struct listing {
	const struct instance_query *query;
	struct instance_list list;
	size_t cap;
	size_t locked[LOCKED_MAX], nr_locked; /* places in the list */
};

static bool is_one_of(const char *text, const char *const *v, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (strcmp(v[i], text) == 0)
			return true;
	return false;
}

static bool is(const char *wanted, const char *have)
{
	return !wanted || strcmp(wanted, have) == 0;
}

static bool passes(const struct instance_query *query, const struct instance *instance)
{
	if (query->nr_regions && !is_one_of(instance->region, query->regions, query->nr_regions))
		return false;
	if (query->nr_ids ? !is_one_of(instance->id, query->ids, query->nr_ids)
			  : !*instance->launch_id)
		return false;
	if (instance->state == INSTANCE_GONE && !query->with_gone)
		return false;
	return is(query->name, instance->name) && is(query->owner, instance->owner) &&
	       is(query->launch_id, instance->launch_id) && is(query->token, instance->token);
}

static bool is_listed(const struct instance_list *list, const char *id)
{
	for (size_t i = 0; i < list->nr; i++)
		if (strcmp(list->v[i].id, id) == 0)
			return true;
	return false;
}

static int take_droplet(void *ctx, const struct cJSON *item, struct error *err)
{
	struct listing *listing = ctx;
	struct instance_list *list = &listing->list;
	struct instance instance;

	if (ocean_instance(item, &list->arena, &instance, err))
		return -1;
	if (!passes(listing->query, &instance) || is_listed(list, instance.id))
		return 0;
	if (list->nr == DROPLETS_MAX)
		return error_set(err, ERROR_PROTOCOL, "the reply has too many droplets");
	if (ocean_is_locked(item, &instance) && listing->nr_locked < LOCKED_MAX)
		listing->locked[listing->nr_locked++] = list->nr;
	list->v = arena_grow(&list->arena, list->v, list->nr, &listing->cap, sizeof(*list->v));
	list->v[list->nr++] = instance;
	return 0;
}

/* --- lists ----------------------------------------------------------------------------------- */

static int list_some(struct provider *p, struct listing *listing, const char *filter,
		     const char *value, struct error *err)
{
	const struct ocean_list list = { .path = REST_PATH("droplets"),
					 .what = "cannot list droplets",
					 .member = "droplets",
					 .filter = filter,
					 .value = value,
					 .ctx = listing,
					 .item = take_droplet };

	return ocean_list(p, &list, err);
}

/* Of two tags the one that fewer droplets have. "": none would help. */
static int pick_tag(const struct instance_query *query, char out[OCEAN_TEXT_MAX + 1],
		    struct error *err)
{
	out[0] = '\0';
	if (query->nr_ids)
		return 0;
	if (query->token)
		return ocean_tag_make_name(TAG_TOKEN, query->token, NULL, out, err);
	if (query->launch_id)
		return ocean_tag_make_name(TAG_LAUNCH, query->launch_id, NULL, out, err);
	return 0;
}

static int list_all(struct provider *p, struct listing *listing, struct error *err)
{
	struct error why = ERROR_INIT;
	char tag[OCEAN_TEXT_MAX + 1];

	if (pick_tag(listing->query, tag, err) || list_some(p, listing, "type", "gpus", err))
		return -1;
	if (!*tag)
		return list_some(p, listing, "type", "droplets", err);
	if (list_some(p, listing, "tag_name", tag, &why) == 0 || why.kind == ERROR_NOT_FOUND)
		return 0; /* a tag that does not exist has no droplets */
	*err = why;
	return -1;
}

/* --- one by one ------------------------------------------------------------------------------ */

static int take_reply(struct listing *listing, struct rest_call *call, struct error *err)
{
	const struct cJSON *droplet;

	if (call->rc && call->err.kind == ERROR_NOT_FOUND)
		return 0;
	if (call->rc) {
		*err = call->err;
		return -1;
	}
	droplet = json_get(call->json.root, "droplet");
	if (!droplet)
		return error_set(err, ERROR_PROTOCOL, "%s: field 'droplet' is missing", call->what);
	if (take_droplet(listing, droplet, err))
		return error_prefix(err, "%s", call->what);
	return 0;
}

static int ask_each(struct provider *p, struct listing *listing, struct error *err)
{
	const struct instance_query *query = listing->query;
	struct rest_call *calls = xcalloc(query->nr_ids, sizeof(*calls));
	struct rest_call **all = xcalloc(query->nr_ids, sizeof(*all));
	int rc = 0;

	for (size_t i = 0; i < query->nr_ids; i++) {
		all[i] = &calls[i];
		rest_begin(all[i], &p->rest, REST_READ, "GET", REST_PATH("droplets", query->ids[i]),
			   "cannot read droplet '%s'", query->ids[i]);
	}
	rest_send_all(all, query->nr_ids);
	for (size_t i = 0; i < query->nr_ids; i++) {
		if (rc == 0)
			rc = take_reply(listing, all[i], err);
		rest_release(all[i]);
	}
	free(all);
	free(calls);
	return rc;
}

/* --- those that are being deleted ------------------------------------------------------------ */

/*
 * A droplet whose deletion was accepted is listed as before until that has been carried out, and no
 * action tells of it. But it is locked, and no action that is told of is the reason.
 */
static int is_busy(const struct cJSON *root, bool *ret, bool *ret_going_down, struct error *err)
{
	const struct cJSON *actions;

	if (json_array(root, "actions", &actions, err))
		return -1;
	*ret = *ret_going_down = false;
	for (const struct cJSON *one = json_first(actions); one; one = json_next(one)) {
		const char *type, *status;

		if (json_string(one, "type", OCEAN_TEXT_MAX, &type, err) ||
		    json_string(one, "status", OCEAN_TEXT_MAX, &status, err))
			return -1;
		bool under_way = strcmp(status, "in-progress") == 0;
		*ret |= under_way && strcmp(type, "destroy") != 0;
		*ret_going_down |= under_way && ocean_goes_down(type);
	}
	return 0;
}

/* Asked again after its actions: one of them may have ended in between. */
static int look_again(struct provider *p, struct listing *listing, struct instance *instance,
		      struct error *err)
{
	struct rest_call call;
	const struct cJSON *droplet;
	struct instance now;

	rest_begin(&call, &p->rest, REST_READ, "GET", REST_PATH("droplets", instance->id),
		   "cannot read droplet '%s'", instance->id);
	int rc = rest_send(&call, err);
	droplet = rc == 0 ? json_get(call.json.root, "droplet") : NULL;
	if (rc && err->kind == ERROR_NOT_FOUND) {
		instance->state = INSTANCE_GONE;
		rc = 0;
	} else if (rc == 0 && ocean_instance(droplet, &listing->list.arena, &now, err)) {
		rc = error_prefix(err, "%s", call.what);
	} else if (rc == 0) {
		bool locked = ocean_is_locked(droplet, &now);

		*instance = now;
		if (locked)
			instance->state = INSTANCE_ENDING;
	}
	rest_release(&call);
	return rc;
}

static int judge_locked(struct provider *p, struct listing *listing, struct instance *instance,
			struct error *err)
{
	struct rest_call call;
	bool busy = true, going_down = false;

	rest_begin(&call, &p->rest, REST_READ, "GET",
		   REST_PATH("droplets", instance->id, "actions"),
		   "cannot list the actions of droplet '%s'", instance->id);
	int rc = rest_send(&call, err);
	if (rc == 0 && is_busy(call.json.root, &busy, &going_down, err))
		rc = error_prefix(err, "%s", call.what);
	rest_release(&call);
	if (rc && err->kind == ERROR_NOT_FOUND) {
		instance->state = INSTANCE_GONE;
		return 0;
	}
	if (rc == 0 && going_down && instance->state == INSTANCE_RUNNING)
		instance->state = INSTANCE_STOPPING;
	return rc || busy ? rc : look_again(p, listing, instance, err);
}

static int judge_all_locked(struct provider *p, struct listing *listing, struct error *err)
{
	struct instance_list *list = &listing->list;
	struct error why = ERROR_INIT;
	size_t kept = 0;

	for (size_t i = 0; i < listing->nr_locked; i++)
		if (judge_locked(p, listing, &list->v[listing->locked[i]], &why)) {
			*err = why;
			return -1;
		}
	for (size_t i = 0; i < list->nr; i++)
		if (passes(listing->query, &list->v[i]))
			list->v[kept++] = list->v[i];
	list->nr = kept;
	return 0;
}

/* --- operations ------------------------------------------------------------------------------ */

static int by_launch(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	if (x->launched != y->launched)
		return x->launched < y->launched ? -1 : 1;
	return strcmp(x->id, y->id);
}

int ocean_instances(struct provider *p, const struct instance_query *query,
		    struct instance_list *ret, struct error *err)
{
	struct listing listing = { .query = query };

	for (size_t i = 0; i < query->nr_ids; i++)
		if (!ocean_is_id(query->ids[i]))
			return error_set(err, ERROR_USAGE, "'%.80s' is no droplet's id",
					 query->ids[i]);
	int rc = query->nr_ids && query->nr_ids <= BY_ID_MAX ? ask_each(p, &listing, err)
							     : list_all(p, &listing, err);
	if (rc || judge_all_locked(p, &listing, err)) {
		arena_release(&listing.list.arena);
		return -1;
	}
	if (listing.list.nr)
		qsort(listing.list.v, listing.list.nr, sizeof(*listing.list.v), by_launch);
	*ret = listing.list;
	return 0;
}

int ocean_living(struct provider *p, const char *launch_id, struct instance_list *ret,
		 struct error *err)
{
	const struct instance_query query = { .launch_id = launch_id };

	return ocean_instances(p, &query, ret, err);
}

int ocean_droplet(struct provider *p, const char *id, struct arena *arena, struct instance *ret,
		  struct error *err)
{
	struct rest_call call;
	const struct cJSON *droplet;

	if (!ocean_is_id(id))
		return error_set(err, ERROR_USAGE, "'%.80s' is no droplet's id", id);
	rest_begin(&call, &p->rest, REST_READ, "GET", REST_PATH("droplets", id),
		   "cannot read droplet '%s'", id);
	int rc = rest_send(&call, err);
	droplet = rc == 0 ? json_get(call.json.root, "droplet") : NULL;
	if (rc == 0 && !droplet)
		rc = error_set(err, ERROR_PROTOCOL, "field 'droplet' is missing");
	if (rc == 0)
		rc = ocean_instance(droplet, arena, ret, err);
	if (rc && err->kind == ERROR_PROTOCOL)
		error_prefix(err, "%s", call.what);
	rest_release(&call);
	return rc;
}

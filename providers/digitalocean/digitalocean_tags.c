/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags: made, changed, removed. A tag is a thing of its own and stays when nothing has it any more;
 * deleting it takes it off whatever has it.
 *
 * https://docs.digitalocean.com/reference/api/digitalocean/#tag/Tags
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"

#define TAGS_MAX  20000 /* of an account */
#define COUNT_MAX 1000000000

static void begin_make(struct provider *p, const char *name, struct rest_call *call)
{
	struct cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "name", name);
	rest_begin(call, &p->rest, REST_CHANGE, "POST", REST_PATH("tags"), "cannot make tag '%s'",
		   name);
	rest_body(call, body);
}

void ocean_tag_show(struct provider *p, const char *name, const struct launch_steps *steps)
{
	struct rest_call call;

	begin_make(p, name, &call);
	rest_show(&call, steps);
	rest_release(&call);
}

int ocean_tag_make(struct provider *p, const char *name, struct error *err)
{
	struct rest_call call, look;
	struct error ignored = ERROR_INIT;

	begin_make(p, name, &call);
	int rc = rest_send(&call, err);
	rest_release(&call);
	if (rc == 0 || (err->http_status != 409 && err->http_status != 422))
		return rc;
	rest_begin(&look, &p->rest, REST_READ, "GET", REST_PATH("tags", name),
		   "cannot look up tag '%s'", name);
	rc = rest_send(&look, &ignored);
	rest_release(&look);
	return rc;
}

/* --- of a launch that has ended -------------------------------------------------------------- */

struct one {
	const char *name;
	struct ocean_tag tag;
	int64_t count; /* of things that have it */
};

struct collected {
	const char *launch_id;
	struct arena arena;
	struct one *v; /* the launch's, and the shared ones */
	size_t nr, cap;
};

static int take_tag(void *ctx, const struct cJSON *item, struct error *err)
{
	struct collected *all = ctx;
	struct one one = { .count = 0 };
	const char *name;

	if (json_string(item, "name", 1024, &name, err))
		return -1;
	if (!ocean_tag_read(name, &one.tag) ||
	    (*one.tag.launch_id && strcmp(one.tag.launch_id, all->launch_id) != 0))
		return 0;
	if (json_int64(item, "resources.count", 0, COUNT_MAX, &one.count, err))
		return error_prefix(err, "tag '%s'", name);
	if (all->nr == TAGS_MAX)
		return error_set(err, ERROR_PROTOCOL, "the reply has too many tags");
	one.name = arena_strdup(&all->arena, name);
	all->v = arena_grow(&all->arena, all->v, all->nr, &all->cap, sizeof(*all->v));
	all->v[all->nr++] = one;
	return 0;
}

/* Shared, this launch had it, and nothing has it now. */
static bool is_idle(const struct collected *all, const struct one *shared)
{
	const char *copy = strcmp(shared->tag.key, TAG_OWNER) == 0  ? TAG_OWN_OWNER
			   : strcmp(shared->tag.key, TAG_NAME) == 0 ? TAG_OWN_NAME
								    : "";

	if (*shared->tag.launch_id || shared->count)
		return false;
	for (size_t i = 0; i < all->nr; i++)
		if (strcmp(all->v[i].tag.key, copy) == 0 &&
		    strcmp(all->v[i].tag.value, shared->tag.value) == 0)
			return true;
	return false;
}

/* Those first that nothing else would tell of; the launch's own name last. */
static unsigned rank(const struct collected *all, const struct one *one)
{
	if (!*one->tag.launch_id)
		return is_idle(all, one) ? 1 : 0;
	return strcmp(one->tag.key, TAG_LAUNCH) == 0 && one->tag.turn == 0 ? 3 : 2;
}

/* All of one rank at once. Gone already is as good. */
static int remove_rank(struct provider *p, const struct collected *all, unsigned wanted,
		       unsigned *ret_removed, struct error *err)
{
	struct rest_call *calls = xcalloc(all->nr + 1, sizeof(*calls));
	struct rest_call **v = xcalloc(all->nr + 1, sizeof(*v));
	size_t nr = 0;
	int rc = 0;

	for (size_t i = 0; i < all->nr; i++) {
		if (rank(all, &all->v[i]) != wanted)
			continue;
		v[nr] = &calls[nr];
		rest_begin(v[nr++], &p->rest, REST_CHANGE, "DELETE",
			   REST_PATH("tags", all->v[i].name), "cannot delete tag '%s'",
			   all->v[i].name);
	}
	rest_send_all(v, nr);
	for (size_t i = 0; i < nr; i++) {
		*ret_removed += v[i]->rc == 0;
		if (v[i]->rc && v[i]->err.kind != ERROR_NOT_FOUND && rc == 0) {
			*err = v[i]->err;
			rc = -1;
		}
		rest_release(v[i]);
	}
	free(v);
	free(calls);
	return rc;
}

static int remove_all(struct provider *p, const struct collected *all, unsigned *ret_removed,
		      struct error *err)
{
	for (unsigned turn = 1; turn <= 3; turn++)
		if (remove_rank(p, all, turn, ret_removed, err))
			return -1;
	return 0;
}

int ocean_tags_release(struct provider *p, const char *launch_id, unsigned *ret_removed,
		       struct error *err)
{
	struct collected all = { .launch_id = launch_id };
	const struct ocean_list list = { .path = REST_PATH("tags"),
					 .what = "cannot list tags",
					 .member = "tags",
					 .ctx = &all,
					 .item = take_tag };
	int rc = ocean_list(p, &list, err);

	if (rc == 0)
		rc = remove_all(p, &all, ret_removed, err);
	arena_release(&all.arena);
	return rc;
}

/* --- of a droplet that lives ----------------------------------------------------------------- */

/* What the droplet has under one key. */
struct present {
	struct arena arena;
	char launch_id[OCEAN_LABEL_MAX + 1];
	const char **names;
	size_t nr, cap;
	unsigned turn; /* the latest */
	bool only;     /* the wanted value is there, and no other */
};

static int read_present(const struct cJSON *root, const struct tag *wanted, struct present *ret,
			struct error *err)
{
	const struct cJSON *tags;
	struct ocean_tag tag;

	if (json_array(root, "droplet.tags", &tags, err))
		return -1;
	ret->only = true;
	for (const struct cJSON *one = json_first(tags); one; one = json_next(one)) {
		const char *name = json_text(one);

		if (!name || !ocean_tag_read(name, &tag))
			continue;
		if (strcmp(tag.key, TAG_LAUNCH) == 0)
			snprintf(ret->launch_id, sizeof(ret->launch_id), "%s", tag.launch_id);
		if (strcmp(tag.key, wanted->key) != 0)
			continue;
		ret->only &= strcmp(tag.value, wanted->value) == 0;
		ret->turn = tag.turn > ret->turn ? tag.turn : ret->turn;
		ret->names = arena_grow(&ret->arena, ret->names, ret->nr, &ret->cap,
					sizeof(*ret->names));
		ret->names[ret->nr++] = arena_strdup(&ret->arena, name);
	}
	ret->only &= ret->nr > 0;
	return 0;
}

static int look(struct provider *p, const char *id, const struct tag *wanted, struct present *ret,
		struct error *err)
{
	struct rest_call call;

	rest_begin(&call, &p->rest, REST_READ, "GET", REST_PATH("droplets", id),
		   "cannot read droplet '%s'", id);
	int rc = rest_send(&call, err);
	if (rc == 0 && read_present(call.json.root, wanted, ret, err))
		rc = error_prefix(err, "%s", call.what);
	rest_release(&call);
	return rc;
}

/* method: "POST" or "DELETE". */
static int attach(struct provider *p, const char *method, const char *name, const char *id,
		  struct error *err)
{
	struct cJSON *body = cJSON_CreateObject(), *one = cJSON_CreateObject();
	struct rest_call call;

	cJSON_AddStringToObject(one, "resource_id", id);
	cJSON_AddStringToObject(one, "resource_type", "droplet");
	cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "resources"), one);
	rest_begin(&call, &p->rest, REST_CHANGE, method, REST_PATH("tags", name, "resources"),
		   "cannot tag droplet '%s'", id);
	rest_body(&call, body);
	int rc = rest_send(&call, err);
	rest_release(&call);
	return rc;
}

/* Of a launch's own the object goes with it; one that others share is only taken off. */
static int drop(struct provider *p, const char *name, const char *id, struct error *err)
{
	struct error why = ERROR_INIT;
	struct ocean_tag tag;

	if (ocean_tag_read(name, &tag) && *tag.launch_id)
		return ocean_delete(p, REST_PATH("tags", name), "tag", name, err) < 0 ? -1 : 0;
	if (attach(p, "DELETE", name, id, &why) == 0 || why.kind == ERROR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

static int change(struct provider *p, const char *id, const struct tag *wanted,
		  const struct present *present, struct error *err)
{
	struct ocean_tag tag = { .turn = 0 };
	char name[OCEAN_TEXT_MAX + 1];

	snprintf(tag.key, sizeof(tag.key), "%s", wanted->key);
	snprintf(tag.value, sizeof(tag.value), "%s", wanted->value);
	snprintf(tag.launch_id, sizeof(tag.launch_id), "%s", present->launch_id);
	tag.turn = present->nr ? present->turn + 1 : 0;
	if (ocean_tag_write(&tag, name, err) || ocean_tag_make(p, name, err) ||
	    attach(p, "POST", name, id, err))
		return -1;
	for (size_t i = 0; i < present->nr; i++)
		if (strcmp(present->names[i], name) != 0 && drop(p, present->names[i], id, err))
			return -1;
	return 0;
}

int ocean_tag(struct provider *p, const char *region, const char *id, const struct tag *tag,
	      struct error *err)
{
	struct present present = { .nr = 0 };
	char ignored[OCEAN_TEXT_MAX + 1];

	(void)region;
	if (!ocean_is_id(id))
		return error_set(err, ERROR_USAGE, "'%.80s' is no droplet's id", id);
	if (ocean_tag_make_name(tag->key, tag->value, NULL, ignored, err))
		return -1;
	int rc = look(p, id, tag, &present, err);
	if (rc == 0 && !present.only)
		rc = change(p, id, tag, &present, err);
	arena_release(&present.arena);
	return rc;
}

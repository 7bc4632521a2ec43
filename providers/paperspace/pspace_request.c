/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations have in common: small calls, lists, fields. */
#include <string.h>

#include <cjson/cJSON.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "providers/paperspace/paperspace.h"

bool pspace_id_ok(const char *id)
{
	return id && text_is_token(id, "-_", PSPACE_ID_MAX);
}

int pspace_id_check(const char *id, struct error *err)
{
	struct arena arena = { 0 };

	if (pspace_id_ok(id))
		return 0;
	error_set(err, ERROR_USAGE, "'%.80s' is no machine's id",
		  id ? text_escaped(&arena, id) : "");
	arena_release(&arena);
	return error_hint(err, "ids look like psabc123: see gpucloud list");
}

/* "psr1eoj9d". Words such as "pspace" are names still: theirs have seven characters and more. */
bool pspace_is_instance_id(const char *text)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t len = strlen(text);

	return text_starts_with(text, "ps") && len >= 7 && len <= 24 && strspn(text, chars) == len;
}

int pspace_sleep(struct provider *p, int64_t ms, struct error *err)
{
	if (clock_sleep_ms(p->env.clock, ms) == 0)
		return 0;
	return error_set(err, ERROR_CANCELLED, "interrupted");
}

static int send(struct rest_call *call, struct json *ret, struct error *err)
{
	int rc = rest_send(call, err);

	if (rc == 0 && ret) {
		*ret = call->json;
		call->json = (struct json){ NULL };
	}
	rest_release(call);
	return rc;
}

int pspace_get(struct provider *p, const char *const *path, const char *what, struct json *ret,
	       struct error *err)
{
	struct rest_call call;

	rest_begin(&call, &p->rest, REST_READ, "GET", path, "%s", what);
	return send(&call, ret, err);
}

/* PATCH without a body is refused where the Content-Type says JSON: an empty object is sent. */
int pspace_act(struct provider *p, const char *method, const char *const *path, const char *what,
	       struct error *err)
{
	struct rest_call call;

	rest_begin(&call, &p->rest, REST_CHANGE, method, path, "%s", what);
	if (strcmp(method, "DELETE") != 0)
		rest_body(&call, cJSON_CreateObject());
	return send(&call, NULL, err);
}

int pspace_delete(struct provider *p, const char *const *path, const char *what, struct error *err)
{
	struct error why = ERROR_INIT;

	if (pspace_act(p, "DELETE", path, what, &why) == 0)
		return 1;
	if (why.kind == ERROR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

int64_t pspace_time(const struct cJSON *node, const char *name)
{
	const struct cJSON *member = json_get(node, name);
	const char *text = member ? json_text(member) : NULL;
	struct error bad = ERROR_INIT;
	int64_t s;

	return text && *text && time_parse(text, "time", &s, &bad) == 0 && s > 0 ? s : 0;
}

const char *pspace_text(const struct cJSON *node, const char *name, struct arena *arena)
{
	const struct cJSON *member = json_get(node, name);
	const char *text = member ? json_text(member) : NULL;

	return text && strlen(text) <= PSPACE_TEXT_MAX ? arena_strdup(arena, text) : "";
}

/* --- lists ------------------------------------------------------------------------------------ */

static int take_page(void *ctx, const struct cJSON *page, const char **ret_next, struct error *err)
{
	struct pspace_pages *pages = ctx;
	const struct cJSON *items, *more = json_get(page, "hasMore");
	bool has_more = false;

	if (json_array(page, "items", &items, err) < 0 ||
	    (more && json_bool(page, "hasMore", &has_more, err) < 0))
		return -1;
	for (const struct cJSON *item = json_first(items); item; item = json_next(item)) {
		if (!cJSON_IsObject(item))
			return error_set(err, ERROR_PROTOCOL,
					 "field 'items': expected objects in it");
		if (++pages->nr > PSPACE_ITEMS_MAX)
			return error_set(err, ERROR_PROTOCOL, "the reply has more than %d items",
					 PSPACE_ITEMS_MAX);
		if (pages->each(pages->ctx, item, err) < 0)
			return -1;
	}
	return has_more ? json_string(page, "nextPage", PSPACE_TEXT_MAX, ret_next, err) : 0;
}

int pspace_list(struct provider *p, struct pspace_pages *pages, struct error *err)
{
	const struct rest_list list = {
		.path = REST_PATH(pages->name),
		.what = pages->what,
		.query = { { "limit", PSPACE_PAGE } },
		.cursor = "after",
		.ctx = pages,
		.take = take_page,
	};

	return rest_list(&p->rest, &list, err);
}

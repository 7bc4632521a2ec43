/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that come in pages: one after another, for each names the next. */
#include <string.h>

#include "core/mem.h"
#include "providers/rest.h"

#define CURSOR_MAX 1024

struct walk {
	struct arena arena;
	const char *seen[REST_PAGES_MAX];
	size_t nr;
};

static int endless(const struct rest_list *list, const char *why, struct error *err)
{
	return error_set(err, ERROR_PROTOCOL, "%s: %s", list->what, why);
}

/* Keeps the cursor of the page to come; a list that leads back to where it was has no end. */
static int follow(struct walk *walk, const struct rest_list *list, const char *cursor,
		  struct error *err)
{
	if (!*cursor || strnlen(cursor, CURSOR_MAX + 1) > CURSOR_MAX)
		return endless(list, "the reply's cursor of the next page is empty or too long",
			       err);
	for (size_t i = 0; i < walk->nr; i++)
		if (!strcmp(walk->seen[i], cursor))
			return endless(list, "the pages of the reply lead round in a circle", err);
	if (walk->nr == REST_PAGES_MAX - 1)
		return endless(list, "the reply has too many pages", err);
	walk->seen[walk->nr++] = arena_strdup(&walk->arena, cursor);
	return 0;
}

static int one_page(struct rest *rest, const struct rest_list *list, struct walk *walk,
		    bool *ret_more, struct error *err)
{
	struct rest_call call;
	const char *next = NULL;
	int rc;

	rest_begin(&call, rest, REST_READ, "GET", list->path, "%s", list->what);
	for (size_t i = 0; i < REST_PARTS_MAX && list->query[i].name; i++)
		rest_query(&call, list->query[i].name, list->query[i].value);
	if (walk->nr)
		rest_query(&call, list->cursor, walk->seen[walk->nr - 1]);
	rc = rest_send(&call, err);
	if (rc == 0 && !call.json.root)
		rc = endless(list, "the reply is empty", err);
	else if (rc == 0 && list->take(list->ctx, call.json.root, &next, err) < 0)
		rc = error_prefix(err, "%s", list->what);
	if (rc == 0 && next)
		rc = follow(walk, list, next, err);
	*ret_more = next != NULL;
	rest_release(&call);
	return rc;
}

int rest_list(struct rest *rest, const struct rest_list *list, struct error *err)
{
	struct walk walk = { .nr = 0 };
	bool more = true;
	int rc = 0;

	while (rc == 0 && more)
		rc = one_page(rest, list, &walk, &more, err);
	arena_release(&walk.arena);
	return rc;
}

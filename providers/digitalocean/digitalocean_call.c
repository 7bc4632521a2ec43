/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How DigitalOcean is asked: what its errors come to, its pages, and the members that many replies
 * have in common.
 *
 * https://docs.digitalocean.com/reference/api/
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "providers/digitalocean/digitalocean.h"

#define LIMIT_HINT \
	"a higher limit: https://cloud.digitalocean.com/account/team/droplet_limit_increase"
#define PRICE_MAX 100000 /* dollars an hour */

static const char *text_of(const struct cJSON *root, const char *path)
{
	const struct cJSON *node = json_get(root, path);

	return node ? json_text(node) : NULL;
}

static void read_problem(const struct cJSON *root, struct rest_problem *ret)
{
	ret->code = text_of(root, "id");
	ret->message = text_of(root, "message");
	ret->request_id = text_of(root, "request_id");
	if (!ret->message) /* a tag's refusal */
		ret->message = text_of(root, "error");
}

/* The status alone says little: most refusals are 422. */
static const struct rest_rule rules[] = {
	{ 401, NULL, NULL, ERROR_AUTH, HTTP_FAIL,
	  "a new token: https://cloud.digitalocean.com/account/api/tokens" },
	{ 403, NULL, "*locked*", ERROR_AUTH, HTTP_FAIL,
	  "https://cloud.digitalocean.com/account/billing   (the account itself is refused)" },
	{ 0, NULL, "*droplet limit*", ERROR_QUOTA, HTTP_FAIL, LIMIT_HINT },
	{ 403, NULL, NULL, ERROR_AUTH, HTTP_FAIL, OCEAN_SCOPES },
	{ 422, NULL, "*image*not available*", ERROR_NOT_FOUND, HTTP_FAIL, NULL },
	{ 422, NULL, "*not available*", ERROR_CAPACITY, HTTP_FAIL, NULL },
	{ 422, NULL, "*unavailable*", ERROR_CAPACITY, HTTP_FAIL, NULL },
	{ 422, NULL, "*sold out*", ERROR_CAPACITY, HTTP_FAIL, NULL },
	{ 422, NULL, "*capacity*", ERROR_CAPACITY, HTTP_FAIL, NULL },
	{ 422, NULL, "*pending event*", ERROR_CONFLICT, HTTP_FAIL, NULL },
	{ 422, NULL, "*is currently off*", ERROR_CONFLICT, HTTP_FAIL, "gpucloud start" },
	{ 422, NULL, "*is currently on*", ERROR_CONFLICT, HTTP_FAIL, NULL },
	{ 422, NULL, "*invalid size*", ERROR_NOT_FOUND, HTTP_FAIL, NULL },
	{ 422, NULL, "*invalid image*", ERROR_NOT_FOUND, HTTP_FAIL, NULL },
	{ 422, NULL, "*invalid region*", ERROR_NOT_FOUND, HTTP_FAIL, NULL },
	{ 0, NULL, NULL, ERROR_NONE, HTTP_OK, NULL },
};

static const char *const masked[] = { "user_data", NULL };

const struct rest_cloud ocean_cloud = {
	.topic = "digitalocean",
	.title = "DigitalOcean",
	.problem = read_problem,
	.rules = rules,
	.request_id_header = "x-request-id",
	.masked = masked,
	.throttle_ms = 2000,
	.token = ocean_token,
};

bool ocean_says(const struct error *err, const char *words)
{
	return strcasestr(err->message, words) != NULL;
}

/* --- pages ----------------------------------------------------------------------------------- */

struct walk {
	const struct ocean_list *list;
	char cursor[16];
};

/* links.pages.next is a whole URL: its page's number is all that is taken from it. */
static int next_page(struct walk *walk, const struct cJSON *page, const char **ret_next,
		     struct error *err)
{
	const char *next, *at;
	size_t len;

	if (json_string_opt(page, "links.pages.next", 4096, &next, err))
		return -1;
	if (!next)
		return 0;
	for (at = strchr(next, '?'); at; at = strchr(at + 1, '&'))
		if (text_starts_with(at + 1, "page="))
			break;
	at = at ? at + strlen("?page=") : "";
	len = strspn(at, "0123456789");
	if (!len || len >= sizeof(walk->cursor) || (at[len] && at[len] != '&'))
		return error_set(err, ERROR_PROTOCOL,
				 "field 'links.pages.next' of the reply names no page");
	snprintf(walk->cursor, sizeof(walk->cursor), "%.*s", (int)len, at);
	*ret_next = walk->cursor;
	return 0;
}

static int take(void *ctx, const struct cJSON *page, const char **ret_next, struct error *err)
{
	struct walk *walk = ctx;
	const struct cJSON *items;

	if (json_array(page, walk->list->member, &items, err))
		return -1;
	for (const struct cJSON *item = json_first(items); item; item = json_next(item))
		if (walk->list->item(walk->list->ctx, item, err))
			return -1;
	return next_page(walk, page, ret_next, err);
}

int ocean_list(struct provider *p, const struct ocean_list *list, struct error *err)
{
	struct walk walk = { .list = list };
	const struct rest_list pages = {
		.path = list->path,
		.what = list->what,
		.query = { { "per_page", OCEAN_PER_PAGE }, { list->filter, list->value } },
		.cursor = "page",
		.ctx = &walk,
		.take = take,
	};

	return rest_list(&p->rest, &pages, err);
}

/* --- members --------------------------------------------------------------------------------- */

int ocean_id(const struct cJSON *node, const char *path, int64_t *ret, struct error *err)
{
	return json_int64(node, path, 1, OCEAN_ID_LIMIT, ret, err);
}

bool ocean_is_slug(const char *text)
{
	return text_is_token(text, "-_.", OCEAN_LABEL_MAX);
}

const char *ocean_slug(struct arena *arena, const struct cJSON *node, const char *path)
{
	const char *text = text_of(node, path);

	return text && ocean_is_slug(text) ? arena_strdup(arena, text) : "";
}

int64_t ocean_time(const struct cJSON *node, const char *path)
{
	const char *text = text_of(node, path);
	struct error ignored = ERROR_INIT;
	int64_t s;

	return text && *text && time_parse(text, path, &s, &ignored) == 0 ? s : 0;
}

/* 0.00743999984115362 is what a float makes of 0.00744: the sixth decimal is as good as it gets. */
int64_t ocean_price(const struct cJSON *node, const char *path)
{
	struct error ignored = ERROR_INIT;
	double usd;

	if (json_double(node, path, &usd, &ignored) || !(usd >= 0 && usd <= PRICE_MAX))
		return MONEY_UNKNOWN;
	return (int64_t)floor(usd * (double)USD_MICROS + 0.5);
}

/* --- small calls ----------------------------------------------------------------------------- */

int ocean_delete(struct provider *p, const char *const *path, const char *what, const char *id,
		 struct error *err)
{
	struct rest_call call;
	struct error why = ERROR_INIT;

	rest_begin(&call, &p->rest, REST_CHANGE, "DELETE", path, "cannot delete %s '%s'", what, id);
	int rc = rest_send(&call, &why);
	rest_release(&call);
	if (rc == 0)
		return 1;
	if (why.kind == ERROR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

int ocean_sleep(struct provider *p, int64_t ms, struct error *err)
{
	if (clock_sleep_ms(p->env.clock, ms) == 0)
		return 0;
	return error_set(err, ERROR_CANCELLED, "interrupted");
}

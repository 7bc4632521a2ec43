/* SPDX-License-Identifier: Apache-2.0 */
/* The handle itself, regions, and who DigitalOcean says we are. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/settings.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"

#define REGION_MAX  20
#define REGIONS_MAX 1000
#define LIMIT_MAX   10000000

int ocean_open(const struct provider_env *env, struct provider **ret, struct error *err)
{
	struct provider *p = xcalloc(1, sizeof(*p));
	struct setting base;

	p->env = *env;
	rest_base(&p->env, "digitalocean_api_url", &base);
	if (rest_open(&p->rest, &ocean_cloud, &p->env, p, base.value, base.where, err) < 0) {
		free(p);
		return -1;
	}
	*ret = p;
	return 0;
}

void ocean_close(struct provider *p)
{
	if (!p)
		return;
	rest_close(&p->rest);
	arena_release(&p->arena);
	free(p);
}

/* --- regions --------------------------------------------------------------------------------- */

int ocean_region(struct provider *p, const char *said, const char **ret, struct error *err)
{
	char slug[REGION_MAX + 1];
	size_t n = 0;

	for (; said[n] && n < REGION_MAX; n++)
		slug[n] = (char)tolower((unsigned char)said[n]);
	slug[n] = '\0';
	if (said[n] || !text_is_token(slug, "-", REGION_MAX) || slug[0] == '-')
		return error_set(err, ERROR_USAGE, "region '%.60s' is not a region's name", said);
	*ret = arena_strdup(&p->arena, slug);
	return 0;
}

int ocean_default_region(struct provider *p, const char **ret, struct error *err)
{
	const char *region = settings_get(p->env.settings, "region");

	if (region)
		return ocean_region(p, region, ret, err);
	error_set(err, ERROR_CONFIG, "no region is set, and DigitalOcean has no default one");
	return error_hint(err, "gpucloud --provider digitalocean price   (then --region)");
}

int ocean_endpoint(struct provider *p, const char *region, const char **ret, struct error *err)
{
	(void)region; /* one for all of them */
	(void)err;
	*ret = p->rest.base;
	return 0;
}

struct regions {
	struct region_list list;
	size_t cap;
};

static int take_region(void *ctx, const struct cJSON *item, struct error *err)
{
	struct regions *regions = ctx;
	struct region_list *list = &regions->list;
	const char *slug;
	bool available;

	if (json_string(item, "slug", REGION_MAX, &slug, err) ||
	    json_bool(item, "available", &available, err))
		return -1;
	if (!text_is_token(slug, "-", REGION_MAX))
		return error_set(err, ERROR_PROTOCOL, "field 'slug' of the reply is no region");
	if (!available)
		return 0;
	if (list->nr == REGIONS_MAX)
		return error_set(err, ERROR_PROTOCOL, "the reply has too many regions");
	list->v = arena_grow(&list->arena, list->v, list->nr, &regions->cap, sizeof(*list->v));
	list->v[list->nr++] = arena_strdup(&list->arena, slug);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int ocean_regions(struct provider *p, struct region_list *ret, struct error *err)
{
	struct regions regions = { .cap = 0 };
	const struct ocean_list list = { .path = REST_PATH("regions"),
					 .what = "cannot list regions",
					 .member = "regions",
					 .ctx = &regions,
					 .item = take_region };
	size_t kept = 0;

	if (ocean_list(p, &list, err)) {
		region_list_release(&regions.list);
		return -1;
	}
	const char **v = regions.list.v;
	if (regions.list.nr)
		qsort(v, regions.list.nr, sizeof(*v), by_name);
	for (size_t i = 0; i < regions.list.nr; i++)
		if (!kept || strcmp(v[kept - 1], v[i]) != 0)
			v[kept++] = v[i];
	regions.list.nr = kept;
	*ret = regions.list;
	return 0;
}

/* --- the account ------------------------------------------------------------------------------ */

/* What a team has is the team's: who is in two of them has two accounts. */
static int read_account(const struct cJSON *root, struct account *ret, struct error *err)
{
	const char *uuid, *team, *email;

	if (json_string(root, "account.uuid", 64, &uuid, err) ||
	    json_string_opt(root, "account.team.uuid", 64, &team, err) ||
	    json_string(root, "account.email", OCEAN_TEXT_MAX, &email, err))
		return -1;
	if (team && *team)
		uuid = team;
	if (!text_is_token(uuid, "-", 64))
		return error_set(err, ERROR_PROTOCOL, "field 'account.uuid' is no id");
	ret->id = arena_strdup(&ret->arena, uuid);
	ret->principal = text_escaped(&ret->arena, email);
	return 0;
}

static int ask_account(struct provider *p, struct rest_call *call, struct error *err)
{
	rest_begin(call, &p->rest, REST_READ, "GET", REST_PATH("account"),
		   "cannot read the account");
	if (rest_send(call, err))
		return -1;
	if (call->json.root)
		return 0;
	return error_set(err, ERROR_PROTOCOL, "cannot read the account: the reply is empty");
}

int ocean_account(struct provider *p, struct account *ret, struct error *err)
{
	const char *region = settings_get(p->env.settings, "region");
	struct account account = { .skew_ms = 0 };
	struct rest_call call;
	int rc = ask_account(p, &call, err);

	if (rc == 0 && read_account(call.json.root, &account, err))
		rc = error_prefix(err, "cannot read the account");
	rest_release(&call);
	if (rc) {
		arena_release(&account.arena);
		return -1;
	}
	account.source = arena_strdup(&account.arena, p->rest.origin);
	account.skew_ms = rest_skew_ms(&p->rest);
	account.region = arena_strdup(&account.arena, region ? region : "");
	account.endpoint = arena_strdup(&account.arena, p->rest.base);
	*ret = account;
	return 0;
}

/* One limit for all droplets of the account, of whatever size. */
int ocean_quota(struct provider *p, const char *region, const char *type, unsigned vcpus, bool spot,
		struct quota *ret, struct error *err)
{
	struct rest_call call;
	int64_t limit = 0;
	int rc = ask_account(p, &call, err);

	(void)region;
	(void)type;
	(void)vcpus;
	(void)spot;
	if (rc == 0 && json_get(call.json.root, "account.droplet_limit"))
		rc = json_int64(call.json.root, "account.droplet_limit", 0, LIMIT_MAX, &limit, err);
	bool known = rc == 0 && json_get(call.json.root, "account.droplet_limit");
	rest_release(&call);
	if (rc)
		return -1;
	*ret = (struct quota){ .code = "droplet_limit",
			       .name = "Droplets of the account",
			       .known = known,
			       .limit = (double)limit,
			       .unit = "droplets",
			       .need = 1 };
	return 0;
}

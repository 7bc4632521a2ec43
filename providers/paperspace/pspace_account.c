/* SPDX-License-Identifier: Apache-2.0 */
/* The handle itself, where it asks, and who Paperspace says we are. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/settings.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

int pspace_open(const struct provider_env *env, struct provider **ret, struct error *err)
{
	struct provider *p = xcalloc(1, sizeof(*p));
	struct setting base;

	p->env = *env;
	rest_base(env, "paperspace_api_url", &base);
	p->simulated = base.origin == SETTING_SIMULATOR;
	if (rest_open(&p->rest, &pspace_cloud, &p->env, p, base.value, base.where, err) < 0) {
		free(p);
		return -1;
	}
	*ret = p;
	return 0;
}

void pspace_close(struct provider *p)
{
	if (!p)
		return;
	rest_close(&p->rest);
	arena_release(&p->arena);
	free(p);
}

static int no_region(const char *said, const char *where, enum error_kind kind, struct error *err)
{
	struct arena arena = { 0 };

	if (where)
		error_set(err, kind, "region '%.60s' (from %.200s) is no region of Paperspace",
			  text_escaped(&arena, said), where);
	else
		error_set(err, kind, "region '%.60s' is no region of Paperspace",
			  text_escaped(&arena, said));
	arena_release(&arena);
	return error_hint(err, "its regions are ny2, ca1 and ams1");
}

int pspace_default_region(struct provider *p, const char **ret, struct error *err)
{
	struct setting setting;
	const char *region;

	if (!settings_find(p->env.settings, "region", &setting) || !*setting.value) {
		*ret = PSPACE_REGION;
		return 0;
	}
	region = pspace_region_find(setting.value);
	if (!region)
		return no_region(setting.value, setting.where, ERROR_CONFIG, err);
	*ret = region;
	return 0;
}

int pspace_region(struct provider *p, const char *said, const char **ret, struct error *err)
{
	const char *region = pspace_region_find(said);

	(void)p;
	if (!region)
		return no_region(said, NULL, ERROR_USAGE, err);
	*ret = region;
	return 0;
}

int pspace_endpoint(struct provider *p, const char *region, const char **ret, struct error *err)
{
	const char *ours;

	if (pspace_region(p, region, &ours, err) < 0)
		return -1;
	*ret = p->rest.base;
	return 0;
}

int pspace_regions(struct provider *p, struct region_list *ret, struct error *err)
{
	static const char *const names[] = { "ams1", "ca1", "ny2" };
	struct region_list list = { .nr = ARRAY_SIZE(names) };

	(void)p;
	(void)err;
	list.v = arena_alloc(&list.arena, sizeof(names));
	for (size_t i = 0; i < list.nr; i++)
		list.v[i] = names[i];
	*ret = list;
	return 0;
}

static int read_session(const struct cJSON *root, struct account *ret, struct error *err)
{
	const char *id, *mail = NULL, *user = NULL;

	if (json_string(root, "team.id", PSPACE_ID_MAX, &id, err) < 0 ||
	    json_string_opt(root, "user.email", 320, &mail, err) < 0 ||
	    json_string_opt(root, "user.id", PSPACE_ID_MAX, &user, err) < 0)
		return error_prefix(err, "the reply that tells who we are");
	ret->id = text_escaped(&ret->arena, id);
	ret->principal = text_escaped(&ret->arena, mail && *mail ? mail : user ? user : id);
	return 0;
}

int pspace_account(struct provider *p, struct account *ret, struct error *err)
{
	struct account account = { .skew_ms = 0 };
	struct json reply = { NULL };
	const char *region;

	if (pspace_default_region(p, &region, err) < 0 ||
	    pspace_get(p, REST_PATH("auth", "session"), "cannot check the key", &reply, err) < 0)
		return -1;
	if (read_session(reply.root, &account, err) < 0) {
		arena_release(&account.arena);
		json_release(&reply);
		return -1;
	}
	account.source = arena_strdup(&account.arena, p->rest.origin);
	account.skew_ms = rest_skew_ms(&p->rest);
	account.region = arena_strdup(&account.arena, region);
	account.endpoint = arena_strdup(&account.arena, p->rest.base);
	json_release(&reply);
	*ret = account;
	return 0;
}

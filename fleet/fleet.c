/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/fleet.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/host.h"
#include "core/http.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/text.h"
#include "fleet/journal.h"
#include "fleet/simulator_profile.h"

#define REGIONS_MAX 64

int fleet_load_profile(struct settings *settings, const struct paths *paths,
		       const struct host *host, struct error *err)
{
	struct setting chosen = { 0 };
	bool named = settings_find(settings, "profile", &chosen);
	bool found = false;

	if (named && strcmp(chosen.value, "sim") == 0)
		return simulator_profile_load(settings, paths, host, err);

	char *path = xasprintf("%s/config", paths->config);
	int rc = settings_load(settings, host, path, named ? chosen.value : "default", &found, err);
	free(path);
	if (rc < 0)
		return -1;
	if (named && !found && strcmp(chosen.value, "default") != 0)
		settings_set(settings, "aws_profile", chosen.value, chosen.origin, chosen.where);
	return 0;
}

/* The login name, made a label; tags must be the same on every cloud. */
static void find_owner(struct fleet *fleet)
{
	const char *owner = settings_get(fleet->settings, "owner");
	char buf[1024];
	struct passwd pw, *found = NULL;

	if (!owner && getpwuid_r(getuid(), &pw, buf, sizeof(buf), &found) == 0 && found)
		owner = found->pw_name;
	text_to_label(fleet->owner, owner ? owner : "unknown");
}

static int hint_clouds(struct error *err)
{
	struct buf names = BUF_INIT_MAX(400);

	for (size_t i = 0; providers[i]; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", providers[i]->name);
	error_hint(err, "the clouds built in are: %s", names.data);
	buf_release(&names);
	return -1;
}

int fleet_open(struct fleet *fleet, struct settings *settings, const struct paths *paths,
	       struct error *err)
{
	const char *name = settings_get(settings, "provider");
	const char *ca_bundle = settings_get(settings, "ca_bundle");
	struct setting origin = { 0 };

	memset(fleet, 0, sizeof(*fleet));
	fleet->settings = settings;
	fleet->paths = paths;
	fleet->clock = &clock_system;
	fleet->rng = &rng_system;
	fleet->host = &host_system;
	fleet->simulated = settings_find(settings, "endpoint_url", &origin) &&
			   origin.origin == SETTING_SIMULATOR;
	find_owner(fleet);
	fleet->own = own_address_new();

	fleet->ops = provider_find(name ? name : "aws");
	if (!fleet->ops) {
		fleet_close(fleet);
		error_set(err, ERROR_USAGE, "there is no cloud '%s' in this build", name);
		return hint_clouds(err);
	}
	if (!ca_bundle)
		ca_bundle = settings_env(settings, "AWS_CA_BUNDLE");
	fleet->http =
		http_new(http_transport_curl(fleet->clock, ca_bundle, "gpucloud/" GPUCLOUD_VERSION),
			 fleet->clock, fleet->rng);
	const struct provider_env env = {
		.http = fleet->http,
		.clock = fleet->clock,
		.rng = fleet->rng,
		.settings = settings,
		.host = fleet->host,
		.home = paths->home,
	};
	if (fleet->ops->open(&env, &fleet->provider, err) < 0) {
		fleet_close(fleet);
		return -1;
	}
	return 0;
}

void fleet_close(struct fleet *fleet)
{
	journal_close(fleet->journal);
	own_address_free(fleet->own);
	if (fleet->ops && fleet->provider)
		fleet->ops->close(fleet->provider);
	if (fleet->http)
		http_free(fleet->http);
	memset(fleet, 0, sizeof(*fleet));
}

const char *fleet_target(const struct fleet *fleet, const struct instance *instance)
{
	return text_is_label(instance->name) && text_equal(instance->owner, fleet->owner)
		       ? instance->name
		       : instance->id;
}

int fleet_journal(struct fleet *fleet, struct error *err)
{
	if (fleet->journal)
		return 0;
	return journal_open(fleet->paths->state, NULL, fleet->clock, &fleet->journal, err);
}

/* Adds every name of a comma-separated list, each once. */
static int add_regions(struct fleet *fleet, const char *list, struct arena *arena, const char **v,
		       size_t *nr, struct error *err)
{
	for (const char *p = list; *p;) {
		size_t len = strcspn(p, ",");
		const char *name = arena_strndup(arena, p, len);

		p += len + (p[len] == ',');
		if (fleet->ops->region(fleet->provider, name, &name, err) < 0)
			return -1;
		bool known = false;
		for (size_t i = 0; i < *nr; i++)
			known |= strcmp(v[i], name) == 0;
		if (known)
			continue;
		if (*nr == REGIONS_MAX)
			return error_set(err, ERROR_USAGE, "more than %d regions", REGIONS_MAX);
		v[(*nr)++] = arena_strdup(arena, name);
	}
	return 0;
}

static int all_regions(struct fleet *fleet, struct arena *arena, const char **v, size_t *nr,
		       struct error *err)
{
	struct region_list list = { 0 };

	if (!(fleet->ops->caps & PROVIDER_CAP_REGIONS))
		return error_set(err, ERROR_UNSUPPORTED, "%s has no list of regions",
				 fleet->ops->title);
	if (fleet->ops->regions(fleet->provider, &list, err) < 0)
		return error_prefix(err, "cannot list the regions");
	for (size_t i = 0; i < list.nr && *nr < REGIONS_MAX; i++)
		v[(*nr)++] = arena_strdup(arena, list.v[i]);
	region_list_release(&list);
	return 0;
}

int fleet_regions(struct fleet *fleet, const struct region_choice *choice, struct arena *arena,
		  const char *const **ret, size_t *ret_nr, struct error *err)
{
	const char **v = arena_alloc(arena, REGIONS_MAX * sizeof(*v));
	size_t nr = 0;

	for (size_t i = 0; i < choice->nr_named; i++)
		if (add_regions(fleet, choice->named[i], arena, v, &nr, err) < 0)
			return -1;
	if (!nr && choice->all) {
		if (all_regions(fleet, arena, v, &nr, err) < 0)
			return -1;
	} else if (!nr) {
		const char *region;

		if (fleet->ops->default_region(fleet->provider, &region, err) < 0)
			return -1;
		v[nr++] = arena_strdup(arena, region);
	}
	*ret = v;
	*ret_nr = nr;
	return 0;
}

int fleet_explain_region(struct fleet *fleet, const char *region, struct error *err)
{
	struct region_list list = { 0 };
	struct error ignored = ERROR_INIT;
	const char *nearest = NULL;
	size_t best = 5;
	bool known = false;

	if (!(fleet->ops->caps & PROVIDER_CAP_REGIONS) ||
	    (err->kind != ERROR_AUTH && err->kind != ERROR_NETWORK && err->kind != ERROR_REMOTE) ||
	    fleet->ops->regions(fleet->provider, &list, &ignored) < 0)
		return -1;
	for (size_t i = 0; i < list.nr; i++) {
		size_t distance = text_distance(region, list.v[i]);

		known |= distance == 0;
		if (distance < best) {
			best = distance;
			nearest = list.v[i];
		}
	}
	if (!known) {
		error_set(err, ERROR_NOT_FOUND, "there is no region '%s' for this account", region);
		if (nearest)
			error_hint(err, "--region %s", nearest);
		else
			error_hint(err, "gpucloud price --all-regions");
	}
	region_list_release(&list);
	return -1;
}

int fleet_scope(struct fleet *fleet, char out[FLEET_SCOPE_MAX], struct error *err)
{
	struct account account = { 0 };

	if (fleet->ops->account(fleet->provider, &account, err) < 0)
		return -1;
	bool local = http_url_is_loopback(account.endpoint);
	snprintf(out, FLEET_SCOPE_MAX, "%s%s%s", account.id, local ? "@" : "",
		 local ? account.endpoint : "");
	account_release(&account);
	return 0;
}

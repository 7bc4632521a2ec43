/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/simulator_profile.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/host.h"
#include "core/http.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/settings.h"

#define FILE_MAX ((size_t)64 << 10)

/* Where gpucloud-sim writes what a client needs to know. */
static char *file_path(const struct settings *settings, const struct paths *paths)
{
	const char *dir = settings_get(settings, "simulator_dir");

	if (dir)
		return xasprintf("%s/sim.json", dir);
	if (settings_env(settings, "XDG_RUNTIME_DIR"))
		return xasprintf("%s/gpucloud-sim/sim.json", paths->runtime);
	return xasprintf("%s/sim/sim.json", paths->runtime);
}

/* Below /tmp anybody could have put the folder there: it must be ours alone. */
static int check_owner(const char *path, struct error *err)
{
	char *dir = xstrdup(path);
	struct stat st;
	int rc = 0;

	*strrchr(dir, '/') = '\0';
	if (lstat(dir, &st) < 0)
		rc = error_set(err, ERROR_NOT_FOUND, "'%s' is not there", dir);
	else if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		rc = error_set(err, ERROR_CONFIG, "'%s' is not a folder of ours alone", dir);
	free(dir);
	return rc;
}

/*
 * The clouds beside EC2 lie below the same endpoint, each with a key of its own. Their addresses are
 * set even where a simulator is too old to have them: nothing may lead to a real one.
 */
static int apply_others(struct settings *settings, const struct json *doc, const char *endpoint,
			const char *path, struct error *err)
{
	static const struct {
		const char *field, *key, *url, *below;
	} clouds[] = {
		{ "paperspace_api_key", "paperspace_api_key", "paperspace_api_url",
		  "/paperspace/v1" },
		{ "digitalocean_token", "digitalocean_token", "digitalocean_api_url",
		  "/digitalocean/v2" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(clouds); i++) {
		const char *key;
		char *url;

		if (json_string_opt(doc->root, clouds[i].field, 512, &key, err) < 0)
			return -1;
		url = xasprintf("%s%s", endpoint, clouds[i].below);
		settings_set(settings, clouds[i].url, url, SETTING_SIMULATOR, path);
		settings_set(settings, clouds[i].key, key, SETTING_SIMULATOR, path);
		free(url);
	}
	return 0;
}

/* --provider and GPUCLOUD_PROVIDER choose among its clouds; the region that it tells is EC2's. Where a
 * cloud has no default one of its own, there is one here that has something to launch. */
static void apply_provider(struct settings *settings, const char *region, const char *path)
{
	const struct {
		const char *provider, *region;
	} regions[] = { { "aws", region }, { "digitalocean", "nyc2" } };
	const char *provider;

	settings_set(settings, "provider", "aws", SETTING_PROFILE, path);
	provider = settings_get(settings, "provider");
	for (size_t i = 0; provider && i < ARRAY_SIZE(regions); i++)
		if (strcmp(provider, regions[i].provider) == 0)
			settings_set(settings, "region", regions[i].region, SETTING_PROFILE, path);
}

static int apply(struct settings *settings, const struct json *doc, const char *path,
		 struct error *err)
{
	/* Where requests go and whose key signs them cannot be overridden: a real account must never
	 * be reached under this profile. */
	static const struct {
		const char *field, *key;
	} map[] = {
		{ "endpoint", "endpoint_url" },
		{ "ca_bundle", "ca_bundle" },
		{ "access_key_id", "access_key_id" },
		{ "secret_access_key", "secret_access_key" },
	};
	const char *value[ARRAY_SIZE(map)], *region;
	int64_t pid;

	if (json_int64(doc->root, "pid", 2, INT32_MAX, &pid, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (json_string(doc->root, map[i].field, 512, &value[i], err) < 0)
			return -1;
	if (json_string(doc->root, "region", 512, &region, err) < 0)
		return -1;
	if (!http_url_is_loopback(value[0]))
		return error_set(err, ERROR_CONFIG,
				 "'%s' names an endpoint that is not this computer", path);
	if (kill((pid_t)pid, 0) < 0)
		return error_set(err, ERROR_CONFIG, "the simulator (process %lld) has ended",
				 (long long)pid);
	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		settings_set(settings, map[i].key, value[i], SETTING_SIMULATOR, path);
	if (apply_others(settings, doc, value[0], path, err) < 0)
		return -1;
	int64_t ssh_port;
	struct error ignored = ERROR_INIT;
	if (json_int64(doc->root, "ssh_port", 1, 65535, &ssh_port, &ignored) == 0) {
		char text[16];

		snprintf(text, sizeof(text), "%d", (int)ssh_port);
		settings_set(settings, "ssh_port", text, SETTING_PROFILE, path);
	}
	apply_provider(settings, region, path);
	return 0;
}

/* It tells a port only where something listens on it. */
bool simulator_profile_has_login(const struct settings *settings)
{
	struct setting endpoint, port;

	if (!settings_find(settings, "endpoint_url", &endpoint) ||
	    endpoint.origin != SETTING_SIMULATOR)
		return true;
	return settings_find(settings, "ssh_port", &port) && port.where && endpoint.where &&
	       strcmp(port.where, endpoint.where) == 0;
}

int simulator_profile_load(struct settings *settings, const struct paths *paths,
			   const struct host *host, struct error *err)
{
	char *path = file_path(settings, paths);
	struct buf text = BUF_INIT_MAX(FILE_MAX);
	struct json doc = { 0 };
	struct setting flag = { 0 };

	if (settings_find(settings, "endpoint_url", &flag) && flag.origin == SETTING_FLAG) {
		free(path);
		return error_set(
			err, ERROR_USAGE,
			"%s contradicts profile 'sim', which is the simulator's own endpoint",
			flag.where);
	}
	int rc = check_owner(path, err);
	if (rc == 0)
		rc = host->read_file(host->ctx, path, FILE_MAX, &text, err);

	if (rc < 0 && err->kind == ERROR_NOT_FOUND) {
		error_set(err, ERROR_CONFIG, "no simulator is running for this user");
	} else if (rc == 0) {
		rc = json_parse(text.data, text.len, path, &doc, err);
		if (rc == 0)
			rc = apply(settings, &doc, path, err);
		json_release(&doc);
	}
	if (rc < 0) {
		error_prefix(err, "profile 'sim'");
		err->kind = ERROR_CONFIG;
		error_hint(err, "gpucloud-sim start --detach");
	}
	buf_wipe(&text);
	free(path);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values with their origin. Precedence: flag > environment > profile > default. The table of known
 * keys (settings_specs) is the one place that names them; help and docs are made from it. A cloud's
 * own conventions (AWS_PROFILE, ~/.aws/config) are that provider's business: it reads them through
 * settings_env() and env->host, never by getenv or open.
 */
#ifndef GPUCLOUD_CORE_SETTINGS_H
#define GPUCLOUD_CORE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct host;
struct ini;

enum setting_origin {
	SETTING_DEFAULT,
	SETTING_PROFILE, /* the config file's section */
	SETTING_ENV,
	SETTING_FLAG,
	SETTING_SIMULATOR, /* the built-in profile "sim" */
};

struct setting {
	const char *value;
	enum setting_origin origin;
	const char
		*where; /* "--region", "GPUCLOUD_REGION", "/home/x/.config/gpucloud/config", ... */
};

struct setting_spec {
	const char *key;      /* "region" */
	const char *env;      /* "GPUCLOUD_REGION", or NULL */
	const char *fallback; /* the default, or NULL */
	bool secret;	      /* masked wherever it is shown */
	const char *help;
};

/* provider, region, profile, owner, aws_profile, endpoint_url, ca_bundle, checkip_url, from, image,
 * ssh_key, ssh_user, ssh_port, disk, simulator_dir: see settings.c. Ends with a NULL key. */
extern const struct setting_spec settings_specs[];

/* Whether a config file may set it: no credentials, and not 'profile' itself. */
bool settings_in_config(const char *key);

struct settings;

/* env: "NAME=value" strings, NULL-terminated (environ); copied. */
struct settings *settings_new(const char *const *env);
void settings_free(struct settings *settings);

/* NULL when nothing set it. settings_find gives the origin too. */
const char *settings_get(const struct settings *settings, const char *key);
bool settings_find(const struct settings *settings, const char *key, struct setting *ret);

/* A variable of the environment as it was at start; NULL when absent or empty. */
const char *settings_env(const struct settings *settings, const char *name);

/* The key must be in settings_specs; a later set of a higher origin wins over a lower one. */
void settings_set(struct settings *settings, const char *key, const char *value,
		  enum setting_origin origin, const char *where);

/*
 * Loads `profile`'s section of the config file: [default] and then [profile] over it. A missing
 * file is no error; an unknown key or a malformed line is ERROR_CONFIG naming file and line.
 * *ret_found tells whether a section of that name was there.
 */
int settings_load(struct settings *settings, const struct host *host, const char *path,
		  const char *profile, bool *ret_found, struct error *err);

/* The XDG folders of this user, each ending in /gpucloud (config, data, state, cache) or as
 * $XDG_RUNTIME_DIR is (runtime: "/tmp/gpucloud-UID" where unset). HOME missing: ERROR_CONFIG. */
struct paths {
	char *config, *data, *state, *cache, *runtime;
	char *home;
};
int paths_find(const struct settings *settings, struct paths *ret, struct error *err);
void paths_release(struct paths *paths);

#endif

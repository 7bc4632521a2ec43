/* SPDX-License-Identifier: Apache-2.0 */
/* https://specifications.freedesktop.org/basedir-spec/latest/ */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/settings.h"

/* A relative folder is to be ignored, says the specification. */
static char *xdg_folder(const struct settings *settings, const char *variable, const char *home,
			const char *below_home)
{
	const char *value = settings_env(settings, variable);

	if (value && value[0] == '/')
		return xasprintf("%s/gpucloud", value);
	return xasprintf("%s/%s/gpucloud", home, below_home);
}

int paths_find(const struct settings *settings, struct paths *ret, struct error *err)
{
	const char *home = settings_env(settings, "HOME");
	const char *runtime = settings_env(settings, "XDG_RUNTIME_DIR");

	if (!home || home[0] != '/') {
		error_set(err, ERROR_CONFIG, "HOME is %s", home ? "no absolute path" : "not set");
		return error_hint(err, "set HOME to your home folder, also in cron's table");
	}
	ret->home = xstrdup(home);
	ret->config = xdg_folder(settings, "XDG_CONFIG_HOME", home, ".config");
	ret->data = xdg_folder(settings, "XDG_DATA_HOME", home, ".local/share");
	ret->state = xdg_folder(settings, "XDG_STATE_HOME", home, ".local/state");
	ret->cache = xdg_folder(settings, "XDG_CACHE_HOME", home, ".cache");
	if (runtime && runtime[0] == '/')
		ret->runtime = xstrdup(runtime);
	else
		ret->runtime = xasprintf("/tmp/gpucloud-%u", (unsigned)geteuid());
	return 0;
}

void paths_release(struct paths *paths)
{
	free(paths->config);
	free(paths->data);
	free(paths->state);
	free(paths->cache);
	free(paths->runtime);
	free(paths->home);
	memset(paths, 0, sizeof(*paths));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that were handed to us: by our own settings (the simulator's profile), by the environment. */
#include <stdio.h>

#include "core/settings.h"
#include "core/timefmt.h"
#include "providers/aws/aws_cred.h"

int aws_cred_settings(struct provider *p, const char *profile, struct aws_cred *ret,
		      struct error *err)
{
	const struct settings *settings = p->env.settings;
	const struct aws_cred_parts parts = {
		.access_key = settings_get(settings, "access_key_id"),
		.secret_key = settings_get(settings, "secret_access_key"),
		.token = settings_get(settings, "session_token"),
	};
	const char *name = settings_get(settings, "profile");
	char source[64] = "the settings";

	(void)profile;
	if (!parts.access_key)
		return 0;
	if (name)
		snprintf(source, sizeof(source), "profile '%.40s'", name);
	return aws_cred_take(&parts, source, ret, err);
}

int aws_cred_env_keys(struct provider *p, struct aws_cred *ret, struct error *err)
{
	const struct settings *settings = p->env.settings;
	struct aws_cred_parts parts = {
		.access_key = settings_env(settings, "AWS_ACCESS_KEY_ID"),
		.secret_key = settings_env(settings, "AWS_SECRET_ACCESS_KEY"),
		.token = settings_env(settings, "AWS_SECURITY_TOKEN"),
	};
	const char *expires = settings_env(settings, "AWS_CREDENTIAL_EXPIRATION");

	if (!parts.access_key)
		return 0;
	if (!parts.secret_key) {
		error_set(err, ERROR_CONFIG,
			  "credentials in the environment: AWS_ACCESS_KEY_ID is "
			  "set, AWS_SECRET_ACCESS_KEY is not");
		return error_hint(err, "set both, or unset AWS_ACCESS_KEY_ID");
	}
	if (!parts.token)
		parts.token = settings_env(settings, "AWS_SESSION_TOKEN");
	if (expires && time_parse(expires, "AWS_CREDENTIAL_EXPIRATION", &parts.expires, err) < 0) {
		err->kind = ERROR_CONFIG;
		return -1;
	}
	return aws_cred_take(&parts, "the environment", ret, err);
}

int aws_cred_environment(struct provider *p, const char *profile, struct aws_cred *ret,
			 struct error *err)
{
	(void)profile;
	if (p->config.profile_explicit)
		return 0;
	return aws_cred_env_keys(p, ret, err);
}

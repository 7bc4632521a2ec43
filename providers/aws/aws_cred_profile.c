/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys written into AWS's two files, and roles that one profile takes on with the credentials of
 * another. https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "providers/aws/aws_cred.h"

#define ROLES_MAX 10 /* in a row; AWS allows that, nobody does it */

/* --- keys in files ------------------------------------------------------------------------- */

typedef const char *(*get_fn)(const struct aws_config *config, const char *profile,
			      const char *key);

static int take_keys(struct provider *p, get_fn get, const char *path, const char *profile,
		     struct aws_cred *ret, struct error *err)
{
	const struct aws_config *config = &p->config;
	struct aws_cred_parts parts = {
		.access_key = get(config, profile, "aws_access_key_id"),
		.secret_key = get(config, profile, "aws_secret_access_key"),
		.token = get(config, profile, "aws_security_token"),
	};
	char source[160];

	if (!parts.access_key)
		return 0;
	if (!parts.token)
		parts.token = get(config, profile, "aws_session_token");
	snprintf(source, sizeof(source), "profile '%.60s' in '%.80s'", profile, path);
	return aws_cred_take(&parts, source, ret, err);
}

int aws_cred_shared_file(struct provider *p, const char *profile, struct aws_cred *ret,
			 struct error *err)
{
	return take_keys(p, aws_credentials_file_get, p->config.credentials_path, profile, ret,
			 err);
}

int aws_cred_config_file(struct provider *p, const char *profile, struct aws_cred *ret,
			 struct error *err)
{
	return take_keys(p, aws_config_file_get, p->config.config_path, profile, ret, err);
}

/* --- roles --------------------------------------------------------------------------------- */

/* The profiles on the way to this one; each is on the stack of a call. */
struct visit {
	const struct visit *up;
	const char *profile;
};

static bool has_static_keys(const struct aws_config *config, const char *profile)
{
	return aws_config_get(config, profile, "aws_access_key_id") ||
	       aws_config_get(config, profile, "aws_secret_access_key");
}

/* With a web identity token the role needs no source: that is another source of the chain. */
static bool has_role(const struct aws_config *config, const char *profile)
{
	return aws_config_get(config, profile, "role_arn") &&
	       !aws_config_get(config, profile, "web_identity_token_file");
}

static int from_credential_source(struct provider *p, const char *profile, const char *name,
				  struct aws_cred *ret, struct error *err)
{
	int rc;

	if (!strcasecmp(name, "Environment")) {
		rc = aws_cred_env_keys(p, ret, err);
	} else if (!strcasecmp(name, "Ec2InstanceMetadata")) {
		rc = aws_cred_imds(p, profile, ret, err);
	} else if (!strcasecmp(name, "EcsContainer")) {
		rc = aws_cred_container(p, profile, ret, err);
	} else {
		error_set(err, ERROR_CONFIG, "aws profile '%s': unknown credential_source '%s'",
			  profile, name);
		return error_hint(err, "it is one of Environment, Ec2InstanceMetadata, "
				       "EcsContainer");
	}
	if (rc == 0)
		return error_set(err, ERROR_CONFIG,
				 "aws profile '%s': credential_source '%s' has no credentials",
				 profile, name);
	return rc;
}

static int check_loop(const struct aws_config *config, const struct visit *here, const char *source,
		      struct error *err)
{
	size_t depth = 0;

	for (const struct visit *v = here; v; v = v->up, depth++) {
		if (strcmp(v->profile, source) != 0)
			continue;
		/* A profile may name itself where it holds the keys as well as the role. */
		if (v == here && has_static_keys(config, source))
			continue;
		return error_set(err, ERROR_CONFIG,
				 "aws profile '%s': source_profile '%s' leads back to itself",
				 here->profile, source);
	}
	if (depth > ROLES_MAX)
		return error_set(err, ERROR_CONFIG,
				 "aws profile '%s': more than %d roles lead to one another",
				 here->profile, ROLES_MAX);
	return 0;
}

static int assume(struct provider *p, const struct visit *here, struct aws_cred *ret,
		  struct error *err);

static int from_source_profile(struct provider *p, const struct visit *here, const char *source,
			       struct aws_cred *ret, struct error *err)
{
	const struct aws_config *config = &p->config;
	const struct visit next = { .up = here, .profile = source };
	int rc;

	if (!aws_config_has_profile(config, source))
		return error_set(err, ERROR_CONFIG,
				 "aws profile '%s': source_profile '%s' does not exist",
				 here->profile, source);
	if (check_loop(config, here, source, err) < 0)
		return -1;
	if (has_role(config, source) && !has_static_keys(config, source))
		return assume(p, &next, ret, err);
	rc = aws_cred_of_profile(p, source, ret, err);
	if (rc == 0)
		return error_set(err, ERROR_CONFIG,
				 "aws profile '%s': source_profile '%s' has no credentials",
				 here->profile, source);
	return rc;
}

static int read_duration(const struct aws_config *config, const char *profile, int64_t *ret,
			 struct error *err)
{
	const char *text = aws_config_get(config, profile, "duration_seconds");
	char *end;
	long long value;

	if (!text)
		return 0;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || *end || end == text || value < 900 || value > 43200)
		return error_set(err, ERROR_CONFIG,
				 "aws profile '%s': duration_seconds '%s' is not 900 to 43200",
				 profile, text);
	*ret = value;
	return 0;
}

static int assume(struct provider *p, const struct visit *here, struct aws_cred *ret,
		  struct error *err)
{
	const struct aws_config *config = &p->config;
	const char *profile = here->profile;
	const char *source_profile = aws_config_get(config, profile, "source_profile");
	const char *credential_source = aws_config_get(config, profile, "credential_source");
	struct aws_cred source = { .expires = 0 };
	struct aws_role role = {
		.profile = profile,
		.arn = aws_config_get(config, profile, "role_arn"),
		.session_name = aws_config_get(config, profile, "role_session_name"),
		.external_id = aws_config_get(config, profile, "external_id"),
		.mfa_serial = aws_config_get(config, profile, "mfa_serial"),
	};
	int rc;

	if (!source_profile == !credential_source)
		return error_set(err, ERROR_CONFIG,
				 "aws profile '%s': role_arn needs %s of source_profile and "
				 "credential_source",
				 profile, source_profile ? "only one" : "one");
	if (read_duration(config, profile, &role.duration_s, err) < 0)
		return -1;
	rc = credential_source ? from_credential_source(p, profile, credential_source, &source, err)
			       : from_source_profile(p, here, source_profile, &source, err);
	if (rc < 0)
		return -1;
	rc = aws_sts_assume(p, &role, &source, ret, err);
	aws_cred_release(&source);
	return rc;
}

int aws_cred_assume_role(struct provider *p, const char *profile, struct aws_cred *ret,
			 struct error *err)
{
	const struct visit here = { .profile = profile };

	if (!has_role(&p->config, profile))
		return 0;
	return assume(p, &here, ret, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS's own configuration: the two files, the profile in force, the region and the endpoints.
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
#ifndef GPUCLOUD_PROVIDERS_AWS_AWS_CONFIG_H
#define GPUCLOUD_PROVIDERS_AWS_AWS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/ini.h"

struct buf;
struct error;
struct provider_env;

struct aws_config {
	const struct provider_env *env;
	const char *profile;	  /* "default" where nothing names one */
	const char *profile_from; /* "--aws-profile", "AWS_PROFILE", ...; NULL: nobody named it */
	bool profile_explicit;	  /* named to us, not by AWS's environment: keys in there lose */
	const char *config_path, *credentials_path;
	struct ini config_file, credentials_file; /* empty where the file is absent */
	bool have_config, have_credentials;
	struct arena arena;
};

/*
 * Reads the files and finds the profile; no network. A named profile that is in neither file:
 * ERROR_CONFIG, with what was looked at. ret starts zeroed; env is borrowed.
 */
int aws_config_load(struct aws_config *ret, const struct provider_env *env, struct error *err);
void aws_config_release(struct aws_config *config);

/* A profile's value; keys of the credentials file win. NULL when absent or empty. */
const char *aws_config_get(const struct aws_config *config, const char *profile, const char *key);
/* The same from one of the files only. */
const char *aws_config_file_get(const struct aws_config *config, const char *profile,
				const char *key);
const char *aws_credentials_file_get(const struct aws_config *config, const char *profile,
				     const char *key);
/* kind "sso-session" or "services": a value of "[kind name]" of the config file. */
const char *aws_config_section_get(const struct aws_config *config, const char *kind,
				   const char *name, const char *key);
bool aws_config_has_section(const struct aws_config *config, const char *kind, const char *name);
bool aws_config_has_profile(const struct aws_config *config, const char *profile);

/*
 * The region in force: setting "region", AWS_REGION, AWS_DEFAULT_REGION, the profile's. ERROR_CONFIG
 * where there is none.
 */
int aws_config_region(const struct aws_config *config, const char **ret, struct error *err);
/* As aws_config_region, for what works anywhere (STS): never fails, "us-east-1" at last. */
const char *aws_config_region_or_default(const struct aws_config *config);

/* "us-east-1", "us-gov-west-1": safe to put into a host name. ERROR_NOT_FOUND "unknown region". */
int aws_region_check(const char *region, struct error *err);
const char *aws_region_suffix(const char *region); /* "amazonaws.com", China ".com.cn" */
/* Whether credentials of the one region are good in the other: aws, aws-cn, aws-us-gov, ... */
bool aws_same_partition(const char *a, const char *b);
const char *aws_pricing_region(const char *region);

/*
 * Appends the URL of a service ("ec2", "sts", "ssm", "servicequotas", "pricing", "sso") in a
 * region: setting endpoint_url, AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's
 * services section, its endpoint_url, AWS's own host. Overrides are checked.
 */
int aws_config_endpoint(const struct aws_config *config, const char *service, const char *region,
			struct buf *out, struct error *err);

/* "~/x" becomes home/x; everything else is copied. */
const char *aws_config_expand(const struct aws_config *config, struct arena *arena,
			      const char *path);

#endif

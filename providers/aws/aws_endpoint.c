/* SPDX-License-Identifier: Apache-2.0 */
/* Regions and the hosts behind them; what may be put in their place, and by whom. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/http.h"
#include "core/mem.h"
#include "core/settings.h"
#include "core/text.h"
#include "providers/aws/aws_config.h"
#include "providers/provider.h"

#define REGION_MAX 32
#define URL_MAX	   1024

/* --- regions ------------------------------------------------------------------------------- */

/* letters{2,} ( - letters )+ - digit{1,2}: returns the length of what fits so, or 0. */
static size_t region_span(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz");
	size_t words = 0;

	if (n < 2)
		return 0;
	while (s[n] == '-') {
		size_t letters = strspn(s + n + 1, "abcdefghijklmnopqrstuvwxyz");

		if (letters == 0)
			break;
		n += 1 + letters;
		words++;
	}
	if (words == 0 || s[n] != '-')
		return 0;
	n++;

	size_t digits = strspn(s + n, "0123456789");

	return digits == 1 || digits == 2 ? n + digits : 0;
}

int aws_region_check(const char *region, struct error *err)
{
	size_t len = region_span(region);
	struct buf shown = BUF_INIT_MAX(256);

	if (len > 0 && len <= REGION_MAX && region[len] == '\0')
		return 0;
	text_escape(&shown, region, strnlen(region, 2 * REGION_MAX));
	error_set(err, ERROR_NOT_FOUND, "unknown region '%s'", shown.data);
	buf_release(&shown);
	if (len > 0 && len <= REGION_MAX && region[len] >= 'a' && region[len] <= 'z' &&
	    region[len + 1] == '\0')
		return error_hint(err, "that is a zone: its region is '%.*s'", (int)len, region);
	return error_hint(err, "a region is written like 'us-east-1'");
}

/* Credentials are good in one partition only. What no prefix names is "aws".
 * https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json */
static const struct partition {
	const char *prefix, *suffix;
} partitions[] = {
	{ "cn-", "amazonaws.com.cn" },	  { "us-gov-", "amazonaws.com" },
	{ "eusc-", "amazonaws.eu" },	  { "us-iso-", "c2s.ic.gov" },
	{ "us-isob-", "sc2s.sgov.gov" },  { "eu-isoe-", "cloud.adc-e.uk" },
	{ "us-isof-", "csp.hci.ic.gov" },
};

static const struct partition *partition_of(const char *region)
{
	for (size_t i = 0; i < ARRAY_SIZE(partitions); i++)
		if (text_starts_with(region, partitions[i].prefix))
			return &partitions[i];
	return NULL;
}

const char *aws_region_suffix(const char *region)
{
	const struct partition *partition = partition_of(region);

	return partition ? partition->suffix : "amazonaws.com";
}

bool aws_same_partition(const char *a, const char *b)
{
	return partition_of(a) == partition_of(b);
}

const char *aws_pricing_region(const char *region)
{
	if (text_starts_with(region, "eu-"))
		return "eu-central-1";
	if (text_starts_with(region, "ap-"))
		return "ap-south-1";
	return "us-east-1";
}

static const char *find_region(const struct aws_config *config)
{
	const struct settings *settings = config->env->settings;
	const char *region = settings_get(settings, "region");

	/* botocore knows AWS_DEFAULT_REGION only; the CLI and the other SDKs AWS_REGION first. */
	if (!region)
		region = settings_env(settings, "AWS_REGION");
	if (!region)
		region = settings_env(settings, "AWS_DEFAULT_REGION");
	if (!region)
		region = aws_config_get(config, config->profile, "region");
	return region;
}

int aws_config_region(const struct aws_config *config, const char **ret, struct error *err)
{
	const char *region = find_region(config);

	if (!region) {
		error_set(err, ERROR_CONFIG,
			  "no region: neither --region, AWS_REGION, "
			  "AWS_DEFAULT_REGION nor profile '%s' names one",
			  config->profile);
		return error_hint(err, "add --region us-east-1, or run: aws configure set region "
				       "us-east-1");
	}
	if (aws_region_check(region, err) < 0)
		return -1;
	*ret = region;
	return 0;
}

const char *aws_config_region_or_default(const struct aws_config *config)
{
	struct error ignored = ERROR_INIT;
	const char *region;

	return aws_config_region(config, &region, &ignored) == 0 ? region : "us-east-1";
}

/* --- endpoints ----------------------------------------------------------------------------- */

static const struct service {
	const char *name; /* as signed */
	const char *env;  /* AWS_ENDPOINT_URL_<env> */
	const char *key;  /* in a [services] section */
	const char *host;
} services[] = {
	{ "ec2", "EC2", "ec2", "ec2" },
	{ "sts", "STS", "sts", "sts" },
	{ "ssm", "SSM", "ssm", "ssm" },
	{ "servicequotas", "SERVICE_QUOTAS", "service_quotas", "servicequotas" },
	{ "pricing", "PRICING", "pricing", "api.pricing" },
	{ "sso", "SSO", "sso", "portal.sso" },
};

static const struct service *find_service(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		if (!strcmp(services[i].name, name))
			return &services[i];
	return NULL;
}

struct override {
	const char *url;
	char from[160];
};

static bool take(struct override *override, const char *url, const char *from)
{
	if (!url || !*url)
		return false;
	override->url = url;
	snprintf(override->from, sizeof(override->from), "%s", from);
	return true;
}

static bool find_in_profile(const struct aws_config *config, const struct service *service,
			    struct override *ret)
{
	const char *section = aws_config_get(config, config->profile, "services");
	char text[160];

	if (section) {
		snprintf(text, sizeof(text), "%s.endpoint_url", service->key);
		const char *url = aws_config_section_get(config, "services", section, text);

		snprintf(text, sizeof(text), "[services %s] of the aws config", section);
		if (take(ret, url, text))
			return true;
	}
	snprintf(text, sizeof(text), "aws profile '%s'", config->profile);
	return take(ret, aws_config_get(config, config->profile, "endpoint_url"), text);
}

static bool find_override(const struct aws_config *config, const struct service *service,
			  struct override *ret)
{
	const struct settings *settings = config->env->settings;
	struct setting setting;
	char name[64];

	if (settings_find(settings, "endpoint_url", &setting) &&
	    take(ret, setting.value, setting.where ? setting.where : "endpoint_url"))
		return true;

	const char *ignore = settings_env(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");

	if (!ignore)
		ignore = aws_config_get(config, config->profile, "ignore_configured_endpoint_urls");
	if (ignore && !strcasecmp(ignore, "true"))
		return false;
	snprintf(name, sizeof(name), "AWS_ENDPOINT_URL_%s", service->env);
	if (take(ret, settings_env(settings, name), name) ||
	    take(ret, settings_env(settings, "AWS_ENDPOINT_URL"), "AWS_ENDPOINT_URL"))
		return true;
	return find_in_profile(config, service, ret);
}

static int bad_endpoint(const struct override *override, const char *why, struct error *err)
{
	struct buf shown = BUF_INIT_MAX(512);

	text_escape(&shown, override->url, strnlen(override->url, 100));
	error_set(err, ERROR_CONFIG, "endpoint '%s' (from %s): %s", shown.data, override->from,
		  why);
	buf_release(&shown);
	return -1;
}

static int check_override(const struct override *override, struct error *err)
{
	const char *url = override->url;
	const char *host = NULL;

	if (strlen(url) > URL_MAX)
		return bad_endpoint(override, "too long", err);
	if (text_starts_with(url, "https://"))
		host = url + strlen("https://");
	else if (text_starts_with(url, "http://"))
		host = url + strlen("http://");
	if (!host)
		return bad_endpoint(override, "must start with https:// or http://", err);
	for (const char *s = url; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f ||
		    strchr("\"<>\\^`{|}", *s))
			return bad_endpoint(override, "holds a character no URL has", err);
	if (strpbrk(url, "?#"))
		return bad_endpoint(override, "must not have a query or a fragment", err);
	if (strcspn(host, "/") == 0 || *host == ':')
		return bad_endpoint(override, "names no host", err);
	if (memchr(host, '@', strcspn(host, "/")))
		return bad_endpoint(override, "must not hold a user name", err);
	if (url[4] == ':' && !http_url_is_loopback(url))
		return bad_endpoint(override,
				    "plain http is for this computer's own addresses "
				    "only; use https://",
				    err);
	return 0;
}

int aws_config_endpoint(const struct aws_config *config, const char *service_name,
			const char *region, struct buf *out, struct error *err)
{
	const struct service *service = find_service(service_name);
	struct override override = { .url = NULL };

	if (!service)
		return error_set(err, ERROR_USAGE, "unknown aws service '%s'", service_name);
	if (aws_region_check(region, err) < 0)
		return -1;
	if (!find_override(config, service, &override)) {
		buf_addf(out, "https://%s.%s.%s/", service->host, region,
			 aws_region_suffix(region));
		return 0;
	}
	if (check_override(&override, err) < 0)
		return -1;
	buf_addstr(out, override.url);
	if (out->data[out->len - 1] != '/')
		buf_addch(out, '/');
	return 0;
}

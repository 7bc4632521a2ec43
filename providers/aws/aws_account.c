/* SPDX-License-Identifier: Apache-2.0 */
/* The handle itself, and who AWS says we are. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/aws.h"

#define REGION_MAX 40

int aws_open(const struct provider_env *env, struct provider **ret, struct error *err)
{
	struct provider *p = xcalloc(1, sizeof(*p));

	p->env = *env;
	if (aws_config_load(&p->config, &p->env, err) < 0) {
		free(p);
		return -1;
	}
	*ret = p;
	return 0;
}

void aws_close(struct provider *p)
{
	if (!p)
		return;
	aws_cred_release(&p->cred);
	aws_config_release(&p->config);
	arena_release(&p->arena);
	free(p);
}

int aws_default_region(struct provider *p, const char **ret, struct error *err)
{
	return aws_config_region(&p->config, ret, err);
}

int aws_region(struct provider *p, const char *said, const char **ret, struct error *err)
{
	if (!text_is_token(said, "-", REGION_MAX))
		return error_set(err, ERROR_USAGE, "region '%.60s' is not a region's name", said);
	*ret = arena_strdup(&p->arena, said);
	return 0;
}

int aws_endpoint(struct provider *p, const char *region, const char **ret, struct error *err)
{
	struct buf url = BUF_INIT;
	int rc = aws_config_endpoint(&p->config, "ec2", region, &url, err);

	if (rc == 0)
		*ret = arena_strdup(&p->arena, url.data);
	buf_release(&url);
	return rc;
}

static int read_identity(const struct xml *xml, struct account *ret, struct error *err)
{
	const struct _xmlNode *node = xml_find(xml_root(xml), "GetCallerIdentityResult");
	const char *id = node ? xml_text(node, "Account") : NULL;
	const char *arn = node ? xml_text(node, "Arn") : NULL;

	if (!id || !arn || strlen(id) > 64 || strlen(arn) > 2048)
		return error_set(err, ERROR_PROTOCOL,
				 "the GetCallerIdentity reply lacks an account or an ARN");
	ret->id = arena_strdup(&ret->arena, id);
	ret->principal = arena_strdup(&ret->arena, arn);
	return 0;
}

/* GetCallerIdentity needs no permission: what it refuses is refused for who we are. */
int aws_account(struct provider *p, struct account *ret, struct error *err)
{
	const char *region = aws_config_region_or_default(&p->config);
	struct account account = { .skew_ms = 0 };
	struct aws_form form;
	struct aws_call call;
	struct aws_call *calls[] = { &call };
	const char *endpoint;
	int rc;

	if (aws_endpoint(p, region, &endpoint, err) < 0)
		return -1;
	aws_form_init(&form, "GetCallerIdentity", AWS_STS_VERSION);
	aws_call_query(&call, p, "sts", region, &form);
	aws_form_release(&form);
	rc = aws_send_all(p, calls, 1);
	if (rc < 0)
		*err = call.err;
	else
		rc = read_identity(&call.xml, &account, err);
	if (rc == 0) {
		account.source = arena_strdup(&account.arena, p->cred.source);
		account.expires = p->cred.expires;
		account.skew_ms = http_skew_ms(p->env.http, call.url);
		account.region = arena_strdup(&account.arena, region);
		account.endpoint = arena_strdup(&account.arena, endpoint);
		*ret = account;
	} else {
		arena_release(&account.arena);
	}
	aws_call_release(&call);
	return rc;
}

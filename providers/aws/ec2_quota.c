/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many vCPUs of a family an account may run at once. It is advice: what the service does not
 * tell stays unknown, and the launch itself has the last word.
 * https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/ec2.h"

struct quota_row {
	const char *families; /* separated by blanks */
	bool spot;
	const char *code, *name;
};

static const struct quota_row quota_rows[] = {
	{ "g gr vt", false, "L-DB2E81BA", "Running On-Demand G and VT instances" },
	{ "g gr vt", true, "L-3819A6DF", "All G and VT Spot Instance Requests" },
	{ "p", false, "L-417A185B", "Running On-Demand P instances" },
	{ "p", true, "L-7212CCBC", "All P Spot Instance Requests" },
	{ "a c d h i m r t z", false, "L-1216C47A", "Running On-Demand Standard instances" },
	{ "a c d h i m r t z", true, "L-34B43A08", "All Standard Spot Instance Requests" },
};

/* The letters before the first digit: "g" of g5.xlarge, "gr" of gr6.4xlarge, "p" of p4d. */
static void family_of(char *out, size_t max, const char *type)
{
	size_t n = 0;

	while (type[n] >= 'a' && type[n] <= 'z' && n + 1 < max) {
		out[n] = type[n];
		n++;
	}
	out[n] = '\0';
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *s = words; len && (s = strstr(s, word)) != NULL; s++)
		if ((s == words || s[-1] == ' ') && (s[len] == ' ' || !s[len]))
			return true;
	return false;
}

static const struct quota_row *find_row(const char *type, bool spot)
{
	char family[8];

	family_of(family, sizeof(family), type);
	for (size_t i = 0; i < ARRAY_SIZE(quota_rows); i++)
		if (quota_rows[i].spot == spot && has_word(quota_rows[i].families, family))
			return &quota_rows[i];
	return NULL;
}

static int ask(struct provider *p, const char *region, const char *target, const char *code,
	       struct quota *ret, struct error *err)
{
	char body[96];
	struct aws_call call = { 0 };
	double value;

	snprintf(body, sizeof(body), "{\"ServiceCode\":\"ec2\",\"QuotaCode\":\"%s\"}", code);
	aws_call_json(&call, p, "servicequotas", region, target, body);
	call.max_attempts = 2;
	struct aws_call *calls[] = { &call };
	int rc = aws_send_all(p, calls, 1);
	if (rc)
		*err = call.err;
	else if (json_double(call.json.root, "Quota.Value", &value, err))
		rc = -1;
	else if (value < 0)
		rc = error_set(err, ERROR_PROTOCOL, "'Quota.Value' of the reply is below zero");
	aws_call_release(&call);
	if (rc)
		return -1;
	ret->limit = value;
	ret->known = true;
	return 0;
}

int aws_quota(struct provider *p, const char *region, const char *type, unsigned vcpus, bool spot,
	      struct quota *ret, struct error *err)
{
	struct quota quota = { .unit = "vCPUs", .need = vcpus };
	struct error why = ERROR_INIT;
	const struct quota_row *row = find_row(type, spot);

	if (!row) {
		*ret = quota;
		return 0;
	}
	snprintf(quota.code, sizeof(quota.code), "%s", row->code);
	snprintf(quota.name, sizeof(quota.name), "%s", row->name);
	int rc = ask(p, region, "ServiceQuotasV20190624.GetServiceQuota", row->code, &quota, &why);
	/* Quotas that were never changed are only known as defaults. */
	if (rc && aws_error_is(&why, "NoSuchResourceException"))
		rc = ask(p, region, "ServiceQuotasV20190624.GetAWSDefaultServiceQuota", row->code,
			 &quota, &why);
	if (rc && (why.kind == ERROR_CANCELLED || why.kind == ERROR_CONFIG)) {
		*err = why;
		return -1;
	}
	*ret = quota;
	return 0;
}

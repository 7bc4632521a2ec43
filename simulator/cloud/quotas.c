/* SPDX-License-Identifier: Apache-2.0 */
/* https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/ */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/mem.h"
#include "simulator/cloud/service.h"

static const struct quota {
	const char *code, *name;
	enum cloud_quota quota;
	bool spot;
	double aws_default; /* what a new account has */
} quotas[] = {
	{ "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
	  CLOUD_QUOTA_STANDARD, false, 5 },
	{ "L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
	  CLOUD_QUOTA_STANDARD, true, 5 },
	{ "L-DB2E81BA", "Running On-Demand G and VT instances", CLOUD_QUOTA_G, false, 0 },
	{ "L-3819A6DF", "All G and VT Spot Instance Requests", CLOUD_QUOTA_G, true, 0 },
	{ "L-417A185B", "Running On-Demand P instances", CLOUD_QUOTA_P, false, 0 },
	{ "L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", CLOUD_QUOTA_P, true, 0 },
};

static const struct quota *find(const struct cJSON *body, struct cloud_reply *reply)
{
	static const char *const known[] = { "ServiceCode", "QuotaCode", NULL };
	const char *service, *code;

	if (json_known(body, known, reply))
		return NULL;
	service = json_member(body, "ServiceCode", 63, true, reply);
	code = service ? json_member(body, "QuotaCode", 128, true, reply) : NULL;
	if (!code)
		return NULL;
	for (size_t i = 0; strcmp(service, "ec2") == 0 && i < ARRAY_SIZE(quotas); i++) {
		if (strcmp(quotas[i].code, code) == 0)
			return &quotas[i];
	}
	json_error(reply, 400, "NoSuchResourceException",
		   "The request failed because the specified service quota does not exist.");
	return NULL;
}

static void write(const struct sim_call *call, const struct quota *quota, double value, bool own,
		  struct cloud_reply *reply)
{
	cJSON *body = cJSON_CreateObject();
	cJSON *node = cJSON_AddObjectToObject(body, "Quota");
	char *arn = xasprintf("arn:aws:servicequotas:%s:%s:ec2/%s", call->route->region,
			      own ? cloud_account(call->cloud) : "", quota->code);

	cJSON_AddStringToObject(node, "ServiceCode", "ec2");
	cJSON_AddStringToObject(node, "ServiceName", "Amazon Elastic Compute Cloud (Amazon EC2)");
	cJSON_AddStringToObject(node, "QuotaArn", arn);
	cJSON_AddStringToObject(node, "QuotaCode", quota->code);
	cJSON_AddStringToObject(node, "QuotaName", quota->name);
	cJSON_AddNumberToObject(node, "Value", value);
	cJSON_AddStringToObject(node, "Unit", "None");
	cJSON_AddBoolToObject(node, "Adjustable", true);
	cJSON_AddBoolToObject(node, "GlobalQuota", false);
	json_reply(reply, body);
	free(arn);
}

void quotas_handle(const struct sim_call *call, const struct cJSON *body, struct cloud_reply *reply)
{
	const char *action = call->route->action;
	bool own = strcmp(action, "GetServiceQuota") == 0;
	const struct quota *quota;

	if (!own && strcmp(action, "GetAWSDefaultServiceQuota") != 0) {
		json_error(reply, 400, "UnknownOperationException",
			   "The simulator does not know the operation '%s'", action);
		return;
	}
	quota = find(body, reply);
	if (quota)
		write(call, quota,
		      own ? cloud_quota(call->cloud, quota->quota, quota->spot)
			  : quota->aws_default,
		      own, reply);
}

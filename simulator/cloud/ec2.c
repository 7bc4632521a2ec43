/* SPDX-License-Identifier: Apache-2.0 */
/* EC2's front: the table of actions, faults, and the envelope of replies and errors. */
#include "simulator/cloud/ec2.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"

#define EC2_VERSION  "2016-11-15"
#define EC2_XMLNS    "http://ec2.amazonaws.com/doc/2016-11-15/"
#define CONTENT_TYPE "text/xml;charset=UTF-8"

static const struct {
	const char *name;
	void (*handle)(struct ec2_call *call);
} actions[] = {
	{ "AllocateAddress", act_allocate_address },
	{ "AssociateAddress", act_associate_address },
	{ "AuthorizeSecurityGroupIngress", act_authorize_ingress },
	{ "CancelSpotInstanceRequests", act_cancel_spot_requests },
	{ "CreateImage", act_create_image },
	{ "CreateNetworkInterface", act_create_interface },
	{ "CreateSecurityGroup", act_create_group },
	{ "CreateSnapshot", act_create_snapshot },
	{ "CreateTags", act_create_tags },
	{ "CreateVolume", act_create_volume },
	{ "DeleteKeyPair", act_delete_key },
	{ "DeleteNetworkInterface", act_delete_interface },
	{ "DeleteSecurityGroup", act_delete_group },
	{ "DeleteSnapshot", act_delete_snapshot },
	{ "DeleteTags", act_delete_tags },
	{ "DeleteVolume", act_delete_volume },
	{ "DeregisterImage", act_deregister_image },
	{ "DescribeAddresses", act_describe_addresses },
	{ "DescribeAvailabilityZones", act_describe_zones },
	{ "DescribeImages", act_describe_images },
	{ "DescribeInstanceStatus", act_describe_status },
	{ "DescribeInstanceTypeOfferings", act_describe_offerings },
	{ "DescribeInstanceTypes", act_describe_types },
	{ "DescribeInstances", act_describe_instances },
	{ "DescribeKeyPairs", act_describe_keys },
	{ "DescribeNetworkInterfaces", act_describe_interfaces },
	{ "DescribeRegions", act_describe_regions },
	{ "DescribeSecurityGroups", act_describe_groups },
	{ "DescribeSnapshots", act_describe_snapshots },
	{ "DescribeSpotInstanceRequests", act_describe_spot_requests },
	{ "DescribeSpotPriceHistory", act_describe_prices },
	{ "DescribeSubnets", act_describe_subnets },
	{ "DescribeTags", act_describe_tags },
	{ "DescribeVolumes", act_describe_volumes },
	{ "DescribeVpcs", act_describe_vpcs },
	{ "DisassociateAddress", act_disassociate_address },
	{ "GetConsoleOutput", act_console },
	{ "ImportKeyPair", act_import_key },
	{ "RebootInstances", act_reboot },
	{ "ReleaseAddress", act_release_address },
	{ "RevokeSecurityGroupIngress", act_revoke_ingress },
	{ "RunInstances", act_run },
	{ "StartInstances", act_start },
	{ "StopInstances", act_stop },
	{ "TerminateInstances", act_terminate },
};

static const struct {
	const char *code;
	int status;
} statuses[] = {
	/* what is not 400 */
	{ "AuthFailure", 401 },
	{ "DryRunOperation", 412 },
	{ "InsufficientInstanceCapacity", 500 },
	{ "InternalError", 500 },
	{ "RequestLimitExceeded", 503 },
	{ "ServiceUnavailable", 503 },
	{ "UnauthorizedOperation", 403 },
	{ "Unavailable", 503 },
};

static int status_of(const char *code)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		if (strcmp(statuses[i].code, code) == 0)
			return statuses[i].status;
	}
	return 400;
}

void ec2_error(struct cloud *cloud, struct cloud_reply *reply, int status, const char *code,
	       const char *fmt, ...)
{
	char message[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (!reply->request_id[0])
		cloud_request_id(cloud, reply->request_id);
	reply->status = status;
	reply->content_type = CONTENT_TYPE;
	buf_clear(&reply->body);
	buf_addstr(&reply->body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				 "<Response><Errors><Error>");
	out_str(&reply->body, "Code", code);
	out_str(&reply->body, "Message", message);
	buf_addstr(&reply->body, "</Error></Errors>");
	out_str(&reply->body, "RequestID", reply->request_id);
	buf_addstr(&reply->body, "</Response>");
}

bool ec2_ready(struct ec2_call *call)
{
	bool dry = params_bool(call->params, "DryRun", false);

	if (params_finish(call->params) != 0)
		return false;
	if (dry)
		ec2_fail(call, "DryRunOperation",
			 "Request would have succeeded, but DryRun flag is set.");
	return !dry;
}

static void run_action(struct ec2_call *call, void (*handle)(struct ec2_call *),
		       struct cloud_reply *reply)
{
	struct buf *out = &reply->body;

	buf_clear(out);
	buf_addf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%sResponse xmlns=\"%s\">",
		 call->action, EC2_XMLNS);
	out_str(out, "requestId", reply->request_id);
	handle(call);
	buf_addf(out, "</%sResponse>", call->action);
	reply->status = 200;
	reply->content_type = CONTENT_TYPE;
}

/* Finds the action and its region; NULL with the failure recorded. */
static void (*find_action(struct ec2_call *call, const char *region))(struct ec2_call *)
{
	const char *version = params_need(call->params, "Version");

	call->region = place_region_find(region);
	if (params_failed(call->params))
		return NULL;
	if (strcmp(version, EC2_VERSION) != 0) {
		ec2_fail(call, "NoSuchVersion", "The requested version (%s) is not supported.",
			 version);
		return NULL;
	}
	if (!call->region || !place_region_enabled(call->region)) {
		ec2_fail(call, "AuthFailure",
			 "AWS was not able to validate the provided access credentials");
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, call->action) == 0)
			return actions[i].handle;
	}
	ec2_fail(call, "InvalidAction", "The action %s is not valid for this web service.",
		 call->action);
	return NULL;
}

void ec2_handle(struct cloud *cloud, const char *region, struct sim_params *params,
		struct cloud_reply *reply)
{
	struct ec2_call call = { .cloud = cloud, .params = params, .out = &reply->body };
	const struct fault *fault = NULL;
	struct fault_turn turn;

	if (!reply->request_id[0])
		cloud_request_id(cloud, reply->request_id);
	call.action = params_get(params, "Action");
	if (!call.action || !call.action[0]) {
		ec2_error(cloud, reply, 400, "MissingAction",
			  "The request is missing an action or operation parameter");
		return;
	}
	cloud_count(cloud, "ec2", call.action);
	if (fault_begin(cloud, "ec2", call.action, &turn, &fault, reply)) {
		if (fault)
			ec2_error(cloud, reply, fault->status, fault->code, "%s", fault->message);
	} else {
		void (*handle)(struct ec2_call *) = find_action(&call, region);

		if (handle)
			run_action(&call, handle, reply);
		if (params_failed(params))
			ec2_error(cloud, reply, status_of(params->code), params->code, "%s",
				  params->message);
	}
	fault_end(&turn, reply);
}

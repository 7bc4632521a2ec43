/* SPDX-License-Identifier: Apache-2.0 */
/* RunInstances, first part: the request, read and checked in full before anything is made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/text.h"
#include "simulator/cloud/market.h"
#include "simulator/cloud/run.h"

#define USER_DATA_MAX	16384
#define TOKEN_MAX	64
#define MAX_PRICE_FLOOR 1000 /* micro-dollars: a cap must be above it */
#define MARKET		"InstanceMarketOptions"

void run_word(struct ec2_call *call, const char *name, const char *const *words, const char *def,
	      char out[12])
{
	const char *word = params_get(call->params, name);

	snprintf(out, 12, "%s", def);
	if (!word)
		return;
	for (size_t i = 0; words[i]; i++) {
		if (strcmp(words[i], word) == 0) {
			snprintf(out, 12, "%s", word);
			return;
		}
	}
	ec2_fail(call, "InvalidParameterValue", "Value (%.64s) for parameter %s is invalid.", word,
		 name);
}

/* A public image, or one of the account's own that is ready. */
static int read_image(struct ec2_call *call, const char *id, struct run_spec *spec)
{
	const struct image *own;

	spec->image = sim_image_find(call->region->name, id);
	if (spec->image) {
		spec->root_gib = (unsigned)spec->image->root_gib;
		return 0;
	}
	own = (const void *)object_find(call->cloud, OBJECT_IMAGE, call->region, id);
	if (!own || own->base.ended_ms)
		return ec2_fail(call, "InvalidAMIID.NotFound", "The image id '[%s]' does not exist",
				id);
	if (call->cloud->now_ms < own->ready_ms)
		return ec2_fail(call, "InvalidAMIID.Unavailable",
				"The image ID '%s' is not available: its state is pending", id);
	spec->image = own->like;
	spec->root_gib = own->disks[0].gib;
	return 0;
}

static void read_basics(struct ec2_call *call, struct run_spec *spec)
{
	struct sim_params *params = call->params;
	const char *image = params_need(params, "ImageId");
	const char *type = params_need(params, "InstanceType");

	params_need(params, "MinCount");
	params_need(params, "MaxCount");
	spec->min = (unsigned)params_int(params, "MinCount", 1, INSTANCES_MAX, 1);
	spec->max = (unsigned)params_int(params, "MaxCount", 1, INSTANCES_MAX, 1);
	if (spec->min > spec->max)
		ec2_fail(call, "InvalidParameterCombination",
			 "MinCount %u is greater than MaxCount %u", spec->min, spec->max);
	if (params_failed(params))
		return;
	if (id_check(call, image, "ami-", "InvalidAMIID.Malformed") != 0)
		return;
	if (read_image(call, image, spec) != 0)
		return;
	snprintf(spec->image_id, sizeof(spec->image_id), "%s", image);
	spec->type = type_spec_find(type);
	if (!spec->type)
		ec2_fail(call, "InvalidParameterValue", "Invalid value '%.64s' for InstanceType.",
			 type);
	else if (strcmp(spec->type->arch, spec->image->architecture) != 0)
		ec2_fail(call, "InvalidParameterValue",
			 "The architecture '%s' of the specified instance type does not match the "
			 "architecture '%s' of the specified AMI.",
			 spec->type->arch, spec->image->architecture);
}

static bool key_exists(const struct ec2_call *call, const char *name)
{
	struct object *object = NULL;

	while ((object = object_next(call->cloud, OBJECT_KEY, call->region, object))) {
		const struct key_pair *key = (void *)object;

		if (!object->ended_ms && strcmp(key->name, name) == 0)
			return true;
	}
	return false;
}

static void read_guest(struct ec2_call *call, struct run_spec *spec)
{
	struct sim_params *params = call->params;
	const char *data = params_get(params, "UserData");
	struct buf raw = BUF_INIT_MAX(CLOUD_BODY_MAX);

	spec->key_name = params_get(params, "KeyName");
	if (spec->key_name && !key_exists(call, spec->key_name))
		ec2_fail(call, "InvalidKeyPair.NotFound", "The key pair '%.255s' does not exist",
			 spec->key_name);
	if (data && base64_decode(&raw, data, strlen(data)) != 0)
		ec2_fail(call, "InvalidUserData.Malformed",
			 "Invalid BASE64 encoding of user data.");
	else if (raw.len > USER_DATA_MAX)
		ec2_fail(call, "InvalidParameterValue", "User data is limited to %d bytes",
			 USER_DATA_MAX);
	buf_release(&raw);
	spec->user_data = data;
	if (params_has_prefix(params, "IamInstanceProfile.")) {
		const char *name = params_get(params, "IamInstanceProfile.Name");
		const char *arn = params_get(params, "IamInstanceProfile.Arn");

		ec2_fail(call, "InvalidParameterValue",
			 "Value (%.64s) for parameter iamInstanceProfile is invalid. Invalid IAM "
			 "Instance Profile",
			 name  ? name
			 : arn ? arn
			       : "");
	}
}

static void read_token(struct ec2_call *call, struct run_spec *spec)
{
	const char *token = params_get(call->params, "ClientToken");

	spec->token = token;
	for (const char *c = token; c && *c; c++) {
		if (*c < 0x20 || *c > 0x7e) {
			ec2_fail(call, "InvalidParameterValue", "ClientToken must be ASCII");
			return;
		}
	}
	if (token && strlen(token) > TOKEN_MAX)
		ec2_fail(call, "InvalidParameterValue", "ClientToken is over %d characters",
			 TOKEN_MAX);
}

static void read_max_price(struct ec2_call *call, struct run_spec *spec)
{
	const char *text = params_get(call->params, MARKET ".SpotOptions.MaxPrice");
	struct error err = ERROR_INIT;

	spec->max_price =
		type_on_demand(call->cloud->config.market, spec->type, call->region->name);
	if (!text)
		return;
	if (money_parse(text, "MaxPrice", &spec->max_price, &err) != 0 ||
	    spec->max_price <= MAX_PRICE_FLOOR)
		ec2_fail(call, "InvalidParameterValue",
			 "Invalid value '%.32s' for MaxPrice: it must be above 0.001", text);
}

static void read_market(struct ec2_call *call, struct run_spec *spec)
{
	static const char *const types[] = { "one-time", "persistent", NULL };
	static const char *const behaviours[] = { "terminate", "stop", "hibernate", NULL };
	const char *market = params_get(call->params, MARKET ".MarketType");
	char type[12], behaviour[12];

	if (!market && params_has_prefix(call->params, MARKET "."))
		ec2_fail(call, "InvalidParameterCombination", "Market options need a MarketType");
	if (!market || params_failed(call->params))
		return;
	if (strcmp(market, "spot") != 0) {
		ec2_fail(call, "InvalidParameterValue",
			 "Value (%.32s) for parameter MarketType is invalid.", market);
		return;
	}
	spec->spot = true;
	read_max_price(call, spec);
	run_word(call, MARKET ".SpotOptions.SpotInstanceType", types, "one-time", type);
	run_word(call, MARKET ".SpotOptions.InstanceInterruptionBehavior", behaviours, "terminate",
		 behaviour);
	/* persistent requests reopen by themselves: this simulator has one-time ones only */
	if (strcmp(type, "one-time") != 0 || strcmp(behaviour, "terminate") != 0)
		ec2_fail(call, "InvalidParameterCombination",
			 "Only one-time Spot requests that terminate on interruption are "
			 "supported");
	snprintf(spec->interruption, sizeof(spec->interruption), "%s", behaviour);
}

static void read_options(struct ec2_call *call, struct run_spec *spec)
{
	static const char *const on_off[] = { "enabled", "disabled", NULL };
	static const char *const tokens[] = { "optional", "required", NULL };
	static const char *const shutdowns[] = { "stop", "terminate", NULL };
	struct sim_params *params = call->params;
	char shutdown[12];

	run_word(call, "MetadataOptions.HttpTokens", tokens, "optional", spec->http_tokens);
	run_word(call, "MetadataOptions.HttpEndpoint", on_off, "enabled", spec->http_endpoint);
	run_word(call, "MetadataOptions.HttpProtocolIpv6", on_off, "disabled", spec->http_ipv6);
	run_word(call, "MetadataOptions.InstanceMetadataTags", on_off, "disabled",
		 spec->metadata_tags);
	spec->http_hops =
		(int)params_int(params, "MetadataOptions.HttpPutResponseHopLimit", 1, 64, 1);
	run_word(call, "InstanceInitiatedShutdownBehavior", shutdowns, "stop", shutdown);
	spec->terminate_on_shutdown = strcmp(shutdown, "terminate") == 0;
	spec->no_termination = params_bool(params, "DisableApiTermination", false);
	spec->ebs_optimized = params_bool(params, "EbsOptimized", false);
	spec->monitoring = params_bool(params, "Monitoring.Enabled", false);
	if (spec->spot && params_has(params, "InstanceInitiatedShutdownBehavior") &&
	    !spec->terminate_on_shutdown)
		ec2_fail(call, "InvalidParameterCombination",
			 "A Spot Instance cannot have the shutdown behavior stop");
	if (spec->spot && spec->no_termination)
		ec2_fail(call, "UnsupportedOperation",
			 "The 'disableApiTermination' option is not supported for Spot Instances");
	tag_specs_read(call,
		       1u << OBJECT_INSTANCE | 1u << OBJECT_VOLUME | 1u << OBJECT_INTERFACE |
			       1u << OBJECT_SPOT_REQUEST,
		       spec->tags);
	if (spec->tags[OBJECT_SPOT_REQUEST].nr && !spec->spot)
		ec2_fail(call, "InvalidParameterCombination",
			 "The tag specification 'spot-instances-request' needs a Spot request");
}

struct run_spec *run_read(struct ec2_call *call)
{
	struct run_spec *spec = xcalloc(1, sizeof(*spec));

	spec->region = call->region;
	read_basics(call, spec);
	if (!params_failed(call->params)) {
		read_guest(call, spec);
		read_token(call, spec);
		read_market(call, spec);
		read_options(call, spec);
		run_read_disks(call, spec);
		run_read_place(call, spec);
	}
	if (params_failed(call->params)) {
		run_spec_free(spec);
		return NULL;
	}
	/* what was borrowed from the request's arena must outlive it */
	spec->key_name = arena_strdup(&spec->arena, spec->key_name);
	spec->token = arena_strdup(&spec->arena, spec->token);
	spec->user_data = arena_strdup(&spec->arena, spec->user_data);
	return spec;
}

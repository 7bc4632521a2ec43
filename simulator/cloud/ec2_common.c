/* SPDX-License-Identifier: Apache-2.0 */
/* Ids, tags and lists of instances, as most actions take them. */
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/ec2.h"

#define LIST_MAX 1000 /* ids in one request */

static const struct {
	const char *prefix, *noun;
	enum object_kind kind;
	const char *missing, *malformed;
} id_kinds[] = {
	{ "i-", "instance", OBJECT_INSTANCE, "InvalidInstanceID.NotFound",
	  "InvalidInstanceID.Malformed" },
	{ "vol-", "volume", OBJECT_VOLUME, "InvalidVolume.NotFound", "InvalidVolumeID.Malformed" },
	{ "eni-", "networkInterface", OBJECT_INTERFACE, "InvalidNetworkInterfaceID.NotFound",
	  "InvalidNetworkInterfaceId.Malformed" },
	{ "sg-", "security group", OBJECT_GROUP, "InvalidGroup.NotFound",
	  "InvalidGroupId.Malformed" },
	{ "eipalloc-", "allocation", OBJECT_ADDRESS, "InvalidAllocationID.NotFound",
	  "InvalidAllocationID.Malformed" },
	{ "snap-", "snapshot", OBJECT_SNAPSHOT, "InvalidSnapshot.NotFound",
	  "InvalidSnapshotID.Malformed" },
	{ "ami-", "image", OBJECT_IMAGE, "InvalidAMIID.NotFound", "InvalidAMIID.Malformed" },
	{ "key-", "key pair", OBJECT_KEY, "InvalidKeyPair.NotFound", "InvalidKeyPair.Malformed" },
	{ "sir-", "spot instance request", OBJECT_SPOT_REQUEST,
	  "InvalidSpotInstanceRequestID.NotFound", "InvalidSpotInstanceRequestID.Malformed" },
};

/* 8 or 17 hex digits; spot requests have 8 letters and digits. */
static bool well_formed(const char *id, const char *prefix)
{
	size_t len = strlen(prefix);
	const char *digits = strcmp(prefix, "sir-") == 0 ? "0123456789abcdefghijklmnopqrstuvwxyz"
							 : "0123456789abcdef";

	if (strncmp(id, prefix, len) != 0)
		return false;
	id += len;
	return strspn(id, digits) == strlen(id) && (strlen(id) == 8 || strlen(id) == 17);
}

int id_check(struct ec2_call *call, const char *id, const char *prefix, const char *code)
{
	if (well_formed(id, prefix))
		return 0;
	return ec2_fail(call, code, "Invalid id: \"%.64s\" (expecting \"%s...\")", id, prefix);
}

/* A terminated instance is forgotten after a while; a new one is not to be seen at once. */
static bool is_gone(const struct ec2_call *call, const struct object *object)
{
	const void *whole = object;

	if (object->kind == OBJECT_INSTANCE)
		return !instance_visible(call->cloud, whole);
	if (object->kind == OBJECT_SPOT_REQUEST)
		return false;
	return object->ended_ms != 0;
}

struct object *object_need(struct ec2_call *call, const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(id_kinds); i++) {
		struct object *object;

		if (!text_starts_with(id, id_kinds[i].prefix))
			continue;
		if (id_check(call, id, id_kinds[i].prefix, id_kinds[i].malformed) != 0)
			return NULL;
		object = object_find(call->cloud, id_kinds[i].kind, call->region, id);
		if (object && !is_gone(call, object))
			return object;
		ec2_fail(call, id_kinds[i].missing, "The %s ID '%s' does not exist",
			 id_kinds[i].noun, id);
		return NULL;
	}
	ec2_fail(call, "InvalidID", "The ID '%.64s' is not valid", id);
	return NULL;
}

const char *token_read(struct ec2_call *call)
{
	const char *token = params_get(call->params, "ClientToken");

	if (token && strlen(token) >= TOKEN_TEXT_MAX)
		ec2_fail(call, "InvalidParameterValue", "ClientToken is over %d characters",
			 TOKEN_TEXT_MAX - 1);
	return token ? token : "";
}

int tag_check(struct ec2_call *call, const char *key, const char *value)
{
	if (!key[0] || strlen(key) > TAG_KEY_MAX)
		return ec2_fail(call, "InvalidParameterValue",
				"Tag key must have a length between 1 and %d", TAG_KEY_MAX);
	if (strlen(value) > TAG_VALUE_MAX)
		return ec2_fail(call, "InvalidParameterValue",
				"Tag value exceeds the maximum length of %d characters",
				TAG_VALUE_MAX);
	if (text_starts_with(key, "aws:"))
		return ec2_fail(call, "InvalidParameterValue",
				"Tag keys starting with 'aws:' are reserved for internal use");
	return 0;
}

static int read_spec_tags(struct ec2_call *call, size_t n, struct tag_set *set)
{
	struct sim_params *params = call->params;
	const char *list = params_name(params, "TagSpecification.%zu.Tag", n);
	size_t nr = params_count(params, list, LIST_MAX);

	if (nr > TAGS_MAX)
		return ec2_fail(call, "TagLimitExceeded",
				"The maximum number of Tags for a resource has been reached.");
	for (size_t i = 1; i <= nr; i++) {
		const char *key = params_need(params, params_name(params, "%s.%zu.Key", list, i));
		const char *value =
			params_get(params, params_name(params, "%s.%zu.Value", list, i));

		if (params_failed(params) || tag_check(call, key, value ? value : "") != 0)
			return -1;
		if (tags_get(set, key))
			return ec2_fail(call, "InvalidParameterValue",
					"Duplicate tag key '%s' specified.", key);
		tags_set(set, key, value ? value : "");
	}
	return params_failed(params) ? -1 : 0;
}

void tag_specs_read(struct ec2_call *call, unsigned allowed, struct tag_set *sets)
{
	struct sim_params *params = call->params;
	size_t nr = params_count(params, "TagSpecification", LIST_MAX);
	unsigned seen = 0;

	for (size_t i = 1; i <= nr; i++) {
		const char *type = params_need(
			params, params_name(params, "TagSpecification.%zu.ResourceType", i));
		unsigned kind = 0;

		while (kind < OBJECT_KIND_COUNT && strcmp(object_kind_name(kind), type) != 0)
			kind++;
		if (params_failed(params))
			return;
		if (kind == OBJECT_KIND_COUNT || !(allowed & 1u << kind)) {
			ec2_fail(call, "InvalidParameterValue",
				 "'%s' is not a valid taggable resource type for this operation.",
				 type);
			return;
		}
		if (seen & 1u << kind) {
			ec2_fail(call, "InvalidParameterValue",
				 "Tag specification resource type '%s' is given more than once.",
				 type);
			return;
		}
		seen |= 1u << kind;
		if (read_spec_tags(call, i, &sets[kind]) != 0)
			return;
	}
}

struct instance **instances_read(struct ec2_call *call, bool required, size_t *ret_nr)
{
	size_t nr;
	const char **ids = params_list(call->params, "InstanceId", LIST_MAX, &nr);
	struct instance **v =
		arena_alloc(&call->params->arena, (nr + 1) * sizeof(struct instance *));

	*ret_nr = 0;
	if (nr == 0 && required)
		ec2_fail(call, "MissingParameter",
			 "The request must contain the parameter InstanceId");
	for (size_t i = 0; i < nr; i++) {
		if (id_check(call, ids[i], "i-", "InvalidInstanceID.Malformed") != 0)
			return v;
		v[i] = (void *)object_need(call, ids[i]);
		if (!v[i])
			return v;
	}
	*ret_nr = nr;
	return v;
}

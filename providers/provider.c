/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/provider.h"

#include <string.h>

static const char *const state_names[INSTANCE_STATE_COUNT] = {
	[INSTANCE_UNKNOWN] = "unknown", [INSTANCE_PENDING] = "pending",
	[INSTANCE_RUNNING] = "running", [INSTANCE_STOPPING] = "stopping",
	[INSTANCE_STOPPED] = "stopped", [INSTANCE_ENDING] = "ending",
	[INSTANCE_GONE] = "gone",
};

static const char *const kind_names[LEFTOVER_KIND_COUNT] = {
	[LEFTOVER_SPOT_REQUEST] = "spot-request",
	[LEFTOVER_ADDRESS] = "address",
	[LEFTOVER_INTERFACE] = "network-interface",
	[LEFTOVER_VOLUME] = "volume",
	[LEFTOVER_IMAGE] = "image",
	[LEFTOVER_SNAPSHOT] = "snapshot",
	[LEFTOVER_SECURITY_GROUP] = "security-group",
	[LEFTOVER_KEY] = "key",
	[LEFTOVER_SCRIPT] = "startup-script",
	[LEFTOVER_TAG] = "tag",
};

const char *leftover_kind_name(enum leftover_kind kind)
{
	return (unsigned)kind < LEFTOVER_KIND_COUNT ? kind_names[kind] : "unknown";
}

const char *instance_state_name(enum instance_state state)
{
	if ((unsigned)state >= INSTANCE_STATE_COUNT)
		return state_names[INSTANCE_UNKNOWN];
	return state_names[state];
}

const char *instance_tag(const struct instance *instance, const char *key)
{
	for (size_t i = 0; i < instance->nr_tags; i++)
		if (strcmp(instance->tags[i].key, key) == 0)
			return instance->tags[i].value;
	return NULL;
}

/* Every result is an arena and what points into it: one release, and it is zeroed again. */

void region_list_release(struct region_list *list)
{
	arena_release(&list->arena);
	memset(list, 0, sizeof(*list));
}

void offer_list_release(struct offer_list *list)
{
	arena_release(&list->arena);
	memset(list, 0, sizeof(*list));
}

void spot_history_release(struct spot_history *history)
{
	arena_release(&history->arena);
	memset(history, 0, sizeof(*history));
}

void instance_list_release(struct instance_list *list)
{
	arena_release(&list->arena);
	memset(list, 0, sizeof(*list));
}

void leftover_list_release(struct leftover_list *list)
{
	arena_release(&list->arena);
	memset(list, 0, sizeof(*list));
}

void launch_result_release(struct launch_result *result)
{
	arena_release(&result->arena);
	memset(result, 0, sizeof(*result));
}

void account_release(struct account *account)
{
	arena_release(&account->arena);
	memset(account, 0, sizeof(*account));
}

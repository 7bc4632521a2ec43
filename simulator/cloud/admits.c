/* SPDX-License-Identifier: Apache-2.0 */
/* Security groups as a machine feels them: nothing gets in that no rule of any group lets in. */
#include <string.h>

#include "simulator/cloud/model.h"

_Static_assert(CLOUD_ADMITS_MAX == GROUPS_MAX * RULES_MAX, "all rules of all groups");

size_t instance_admits(const struct instance *instance, struct cloud_admit *v)
{
	size_t nr = 0;

	for (size_t i = 0; i < instance->nr_groups; i++) {
		const struct group *group = instance->groups[i];

		for (size_t k = 0; k < group->nr_rules; k++) {
			const struct rule *rule = &group->rules[k];
			bool all = strcmp(rule->protocol, "-1") == 0;

			if (rule->ipv6 || (!all && strcmp(rule->protocol, "tcp") != 0))
				continue;
			v[nr++] = (struct cloud_admit){
				.from = all ? 0 : (uint16_t)rule->from,
				.to = all ? UINT16_MAX : (uint16_t)rule->to,
				.cidr = rule->cidr,
			};
		}
	}
	return nr;
}

void group_changed(const struct cloud *cloud, const struct group *group)
{
	const struct cloud_machines *machines = cloud->config.machines;
	struct cloud_admit admits[CLOUD_ADMITS_MAX];
	struct object *object = NULL;

	if (!machines)
		return;
	while ((object = object_next(cloud, OBJECT_INSTANCE, group->base.region, object))) {
		const struct instance *instance = (void *)object;
		bool behind = false;

		for (size_t i = 0; i < instance->nr_groups; i++)
			behind |= instance->groups[i] == group;
		if (behind && instance->state == STATE_RUNNING)
			machines->admit(machines->ctx, object->id, admits,
					instance_admits(instance, admits));
	}
}

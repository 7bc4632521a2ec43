/* SPDX-License-Identifier: Apache-2.0 */
/* Ending, stopping, starting and rebooting: every id is checked before any instance changes. */
#include <string.h>

#include "simulator/cloud/ec2.h"

static void write_changes(struct ec2_call *call, struct instance *const *v, const int *before,
			  size_t nr)
{
	out_open(call->out, "instancesSet");
	for (size_t i = 0; i < nr; i++) {
		out_open(call->out, "item");
		out_str(call->out, "instanceId", v[i]->base.id);
		state_write(call->out, "currentState", v[i]->state);
		state_write(call->out, "previousState", before[i]);
		out_close(call->out, "item");
	}
	out_close(call->out, "instancesSet");
}

static int *states_of(struct ec2_call *call, struct instance *const *v, size_t nr)
{
	int *states = arena_alloc(&call->params->arena, (nr + 1) * sizeof(*states));

	for (size_t i = 0; i < nr; i++)
		states[i] = v[i]->state;
	return states;
}

void act_terminate(struct ec2_call *call)
{
	size_t nr;
	struct instance **v = instances_read(call, true, &nr);
	int *before = states_of(call, v, nr);

	params_bool(call->params, "Force", false);
	params_bool(call->params, "SkipOsShutdown", false);
	for (size_t i = 0; i < nr; i++) {
		if (v[i]->no_termination && instance_live(v[i]))
			ec2_fail(call, "OperationNotPermitted",
				 "The instance '%s' may not be terminated. Modify its "
				 "'disableApiTermination' instance attribute and try again.",
				 v[i]->base.id);
	}
	if (!ec2_ready(call))
		return;
	for (size_t i = 0; i < nr; i++)
		instance_end(call->cloud, v[i], "Client.UserInitiatedShutdown",
			     "User initiated shutdown", "instance-terminated-by-user");
	write_changes(call, v, before, nr);
}

void act_reboot(struct ec2_call *call)
{
	const struct cloud_machines *machines = call->cloud->config.machines;
	size_t nr;
	struct instance **v = instances_read(call, true, &nr);

	for (size_t i = 0; i < nr; i++) {
		if (v[i]->state != STATE_RUNNING && v[i]->state != STATE_PENDING)
			ec2_fail(
				call, "IncorrectState",
				"The instance '%s' is not in a state from which it can be rebooted",
				v[i]->base.id);
	}
	if (!ec2_ready(call))
		return;
	for (size_t i = 0; machines && i < nr; i++)
		machines->reboot(machines->ctx, v[i]->base.id);
	out_bool(call->out, "return", true);
}

void act_stop(struct ec2_call *call)
{
	size_t nr;
	struct instance **v = instances_read(call, true, &nr);
	int *before = states_of(call, v, nr);

	params_bool(call->params, "Force", false);
	params_bool(call->params, "SkipOsShutdown", false);
	if (params_bool(call->params, "Hibernate", false))
		ec2_fail(call, "UnsupportedHibernationConfiguration",
			 "The instances were not launched for hibernation");
	for (size_t i = 0; i < nr; i++) {
		if (v[i]->request)
			ec2_fail(call, "UnsupportedOperation",
				 "You can't stop the Spot Instance '%s' because it is associated "
				 "with a one-time Spot Instance request.",
				 v[i]->base.id);
		else if (!instance_live(v[i]))
			ec2_fail(
				call, "IncorrectInstanceState",
				"This instance '%s' is not in a state from which it can be stopped.",
				v[i]->base.id);
	}
	if (!ec2_ready(call))
		return;
	for (size_t i = 0; i < nr; i++)
		instance_stop(call->cloud, v[i], "Client.UserInitiatedShutdown",
			      "User initiated shutdown");
	write_changes(call, v, before, nr);
}

void act_start(struct ec2_call *call)
{
	size_t nr;
	struct instance **v = instances_read(call, true, &nr);
	int *before = states_of(call, v, nr);

	for (size_t i = 0; i < nr; i++) {
		const struct instance *instance = v[i];

		if (instance->state == STATE_STOPPING || !instance_live(instance))
			ec2_fail(
				call, "IncorrectInstanceState",
				"The instance '%s' is not in a state from which it can be started.",
				instance->base.id);
		else if (instance->state == STATE_STOPPED &&
			 fault_no_capacity(call->cloud, instance->type->name,
					   instance->base.zone->name, call->cloud->now_ms))
			ec2_fail(call, "InsufficientInstanceCapacity",
				 "Insufficient capacity to start '%s'.", instance->base.id);
	}
	if (!ec2_ready(call))
		return;
	for (size_t i = 0; i < nr; i++)
		instance_start(call->cloud, v[i]);
	write_changes(call, v, before, nr);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reading instances. How one is written: ec2_instance_out.c. */
#include <stdio.h>
#include <string.h>

#include "core/codec.h"
#include "core/mem.h"
#include "simulator/cloud/ec2.h"

#define PAGE_DEFAULT 1000
#define STATUS_MAX   100

static const char *const instance_filters[] = { "instance-id",
						"instance-state-name",
						"instance-state-code",
						"instance-type",
						"instance-lifecycle",
						"availability-zone",
						"availability-zone-id",
						"client-token",
						"image-id",
						"ip-address",
						"key-name",
						"private-ip-address",
						"reservation-id",
						"spot-instance-request-id",
						"subnet-id",
						"vpc-id",
						"architecture",
						"instance.group-id",
						"tag",
						NULL };

struct instance_view {
	const struct cloud *cloud;
	const struct instance *instance;
};

static const char *place_field(const struct instance_view *view, const char *name, char *scratch)
{
	const struct object *base = &view->instance->base;

	if (strcmp(name, "availability-zone") == 0)
		return base->zone->name;
	if (strcmp(name, "availability-zone-id") == 0)
		return base->zone->id;
	if (base->ended_ms) /* a terminated one is in no network */
		return NULL;
	if (strcmp(name, "vpc-id") == 0)
		vpc_id(view->cloud, base->region, scratch);
	else if (strcmp(name, "subnet-id") == 0)
		subnet_id(view->cloud, base->zone, scratch);
	else
		return NULL;
	return scratch;
}

static const char *instance_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct instance_view *view = thing;
	const struct instance *instance = view->instance;
	const struct {
		const char *name, *text;
	} fields[] = {
		{ "instance-id", instance->base.id },
		{ "instance-state-name", state_name(instance->state) },
		{ "instance-type", instance->type->name },
		{ "instance-lifecycle", instance->request ? "spot" : NULL },
		{ "client-token", instance->token ? instance->token : "" },
		{ "image-id", instance->image_id },
		{ "ip-address", instance->public_ip },
		{ "key-name", instance->key_name },
		{ "private-ip-address", instance->private_ip },
		{ "reservation-id", instance->reservation },
		{ "spot-instance-request-id",
		  instance->request ? instance->request->base.id : NULL },
		{ "architecture", instance->type->arch },
	};

	if (strcmp(name, "instance.group-id") == 0)
		return i < instance->nr_groups && !instance->base.ended_ms
			       ? instance->groups[i]->base.id
			       : NULL;
	if (i > 0)
		return NULL;
	for (size_t n = 0; n < ARRAY_SIZE(fields); n++) {
		if (strcmp(fields[n].name, name) == 0)
			return fields[n].text;
	}
	if (strcmp(name, "instance-state-code") == 0) {
		snprintf(scratch, 64, "%d", instance->state);
		return scratch;
	}
	return place_field(view, name, scratch);
}

static bool listed(struct instance *const *v, size_t nr, const struct instance *instance)
{
	for (size_t i = 0; i < nr; i++) {
		if (v[i] == instance)
			return true;
	}
	return nr == 0;
}

void act_describe_instances(struct ec2_call *call)
{
	const struct instance *last = NULL;
	struct object *object = NULL;
	struct filters filters;
	struct page page;
	size_t nr, written = 0;
	struct instance **ids = instances_read(call, false, &nr);

	params_bool(call->params, "IncludeManagedResources", false);
	page_read(call, 5, 1000, PAGE_DEFAULT, &page);
	filters_read(call, instance_filters, &filters);
	if (page.asked && nr > 0)
		ec2_fail(call, "InvalidParameterCombination",
			 "The parameter instancesSet cannot be used with the parameter maxResults");
	if (!ec2_ready(call))
		return;
	out_open(call->out, "reservationSet");
	while ((object = object_next(call->cloud, OBJECT_INSTANCE, call->region, object))) {
		const struct instance *instance = (void *)object;
		struct instance_view view = { call->cloud, instance };

		if ((int64_t)object->index < page.from || !listed(ids, nr, instance) ||
		    !instance_visible(call->cloud, instance) ||
		    !filters_match(&filters, &object->tags, instance_field, &view))
			continue;
		if (written++ == page.max)
			break;
		if (!last || strcmp(last->reservation, instance->reservation) != 0) {
			if (last) {
				reservation_close(call);
				out_close(call->out, "item");
			}
			out_open(call->out, "item");
			reservation_open(call, instance);
		}
		instance_write(call, instance);
		last = instance;
	}
	if (last) {
		reservation_close(call);
		out_close(call->out, "item");
	}
	out_close(call->out, "reservationSet");
	if (object)
		page_next(call, (int64_t)object->index, 0);
}

static void write_status(struct buf *out, const char *name, bool running)
{
	out_open(out, name);
	out_str(out, "status", running ? "ok" : "not-applicable");
	if (running) {
		out_open(out, "details");
		out_open(out, "item");
		out_str(out, "name", "reachability");
		out_str(out, "status", "passed");
		out_close(out, "item");
		out_close(out, "details");
	}
	out_close(out, name);
}

void act_describe_status(struct ec2_call *call)
{
	static const char *const known[] = { "instance-state-name",
					     "instance-state-code",
					     "availability-zone",
					     "availability-zone-id",
					     "tag",
					     NULL };
	struct object *object = NULL;
	struct filters filters;
	struct page page;
	size_t nr, written = 0;
	struct instance **ids = instances_read(call, false, &nr);
	bool all = params_bool(call->params, "IncludeAllInstances", false);

	page_read(call, 5, 1000, STATUS_MAX, &page);
	filters_read(call, known, &filters);
	if (nr > STATUS_MAX)
		ec2_fail(call, "InvalidParameterValue", "More than %d instance IDs", STATUS_MAX);
	if (!ec2_ready(call))
		return;
	out_open(call->out, "instanceStatusSet");
	while ((object = object_next(call->cloud, OBJECT_INSTANCE, call->region, object))) {
		const struct instance *instance = (void *)object;
		struct instance_view view = { call->cloud, instance };
		bool running = instance->state == STATE_RUNNING;

		if ((int64_t)object->index < page.from || (!all && !running) ||
		    !listed(ids, nr, instance) || !instance_visible(call->cloud, instance) ||
		    !filters_match(&filters, &object->tags, instance_field, &view))
			continue;
		if (written++ == page.max)
			break;
		out_open(call->out, "item");
		out_str(call->out, "instanceId", object->id);
		out_str(call->out, "availabilityZone", object->zone->name);
		out_str(call->out, "availabilityZoneId", object->zone->id);
		state_write(call->out, "instanceState", instance->state);
		write_status(call->out, "systemStatus", running);
		write_status(call->out, "instanceStatus", running);
		out_close(call->out, "item");
	}
	out_close(call->out, "instanceStatusSet");
	if (object)
		page_next(call, (int64_t)object->index, 0);
}

/* Empty where nothing runs. The real one is some seconds late; this one is not. */
void act_console(struct ec2_call *call)
{
	const struct cloud_machines *machines = call->cloud->config.machines;
	struct buf text = BUF_INIT, encoded = BUF_INIT;
	const char *id = params_need(call->params, "InstanceId");
	struct object *object = NULL;

	params_bool(call->params, "Latest", false);
	if (!params_failed(call->params) &&
	    id_check(call, id, "i-", "InvalidInstanceID.Malformed") == 0)
		object = object_need(call, id);
	if (!ec2_ready(call) || !object)
		return;
	out_str(call->out, "instanceId", object->id);
	out_time_ms(call->out, "timestamp", call->cloud->now_ms);
	if (machines)
		machines->console(machines->ctx, object->id, &text);
	base64_encode(&encoded, text.data, text.len);
	out_str(call->out, "output", encoded.data);
	buf_release(&encoded);
	buf_release(&text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Spot requests: what RunInstances left behind, one for each instance or refused launch. */
#include <stdio.h>
#include <string.h>

#include "core/money.h"
#include "simulator/cloud/ec2.h"

#define IDS_MAX	     1000
#define PAGE_DEFAULT 1000

static const char *price_text(char *out, int64_t micros)
{
	snprintf(out, 64, "%lld.%06lld", (long long)(micros / USD_MICROS),
		 (long long)(micros % USD_MICROS));
	return out;
}

static const char *request_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct spot_request *request = thing;

	if (i > 0)
		return NULL;
	if (strcmp(name, "spot-instance-request-id") == 0)
		return request->base.id;
	if (strcmp(name, "state") == 0)
		return request->state;
	if (strcmp(name, "status-code") == 0)
		return request->code;
	if (strcmp(name, "instance-id") == 0)
		return request->instance ? request->instance->base.id : NULL;
	if (strcmp(name, "launched-availability-zone") == 0)
		return request->instance ? request->base.zone->name : NULL;
	if (strcmp(name, "spot-price") == 0)
		return price_text(scratch, request->max_price);
	if (strcmp(name, "type") == 0)
		return "one-time";
	return request->type->name; /* launch.instance-type */
}

static void write_request(struct buf *out, const struct spot_request *request)
{
	char price[64];

	out_open(out, "item");
	out_str(out, "spotInstanceRequestId", request->base.id);
	out_str(out, "spotPrice", price_text(price, request->max_price));
	out_str(out, "type", "one-time");
	out_str(out, "state", request->state);
	out_open(out, "status");
	out_str(out, "code", request->code);
	out_time_ms(out, "updateTime", request->updated_ms);
	out_str(out, "message", request->message);
	out_close(out, "status");
	out_open(out, "launchSpecification");
	out_str(out, "imageId", request->image_id);
	out_str(out, "instanceType", request->type->name);
	out_open(out, "placement");
	out_str(out, "availabilityZone", request->base.zone->name);
	out_close(out, "placement");
	out_close(out, "launchSpecification");
	if (request->instance) {
		out_str(out, "instanceId", request->instance->base.id);
		out_str(out, "launchedAvailabilityZone", request->base.zone->name);
	}
	out_time_ms(out, "createTime", request->base.began_ms);
	out_str(out, "productDescription", "Linux/UNIX");
	out_str(out, "instanceInterruptionBehavior", request->interruption);
	out_tags(out, request->base.tags.v, request->base.tags.nr);
	out_close(out, "item");
}

static struct spot_request **read_ids(struct ec2_call *call, size_t *ret_nr)
{
	size_t nr;
	const char **ids = params_list(call->params, "SpotInstanceRequestId", IDS_MAX, &nr);
	struct spot_request **v =
		arena_alloc(&call->params->arena, (nr + 1) * sizeof(struct spot_request *));

	*ret_nr = 0;
	for (size_t i = 0; i < nr; i++) {
		if (id_check(call, ids[i], "sir-", "InvalidSpotInstanceRequestID.Malformed") == 0)
			v[i] = (void *)object_need(call, ids[i]);
		if (!v[i])
			return v;
	}
	*ret_nr = nr;
	return v;
}

void act_describe_spot_requests(struct ec2_call *call)
{
	static const char *const known[] = { "spot-instance-request-id",
					     "state",
					     "status-code",
					     "instance-id",
					     "launched-availability-zone",
					     "spot-price",
					     "type",
					     "launch.instance-type",
					     "tag",
					     NULL };
	struct object *object = NULL;
	struct filters filters;
	struct page page;
	size_t nr, written = 0;
	struct spot_request **v = read_ids(call, &nr);

	page_read(call, 5, 1000, PAGE_DEFAULT, &page);
	filters_read(call, known, &filters);
	if (!ec2_ready(call))
		return;
	out_open(call->out, "spotInstanceRequestSet");
	while ((object = object_next(call->cloud, OBJECT_SPOT_REQUEST, call->region, object))) {
		const struct spot_request *request = (void *)object;
		bool wanted = nr == 0;

		for (size_t i = 0; i < nr; i++)
			wanted = wanted || v[i] == request;
		if (!wanted || (int64_t)object->index < page.from ||
		    !filters_match(&filters, &object->tags, request_field, request))
			continue;
		if (written++ == page.max)
			break;
		write_request(call->out, request);
	}
	out_close(call->out, "spotInstanceRequestSet");
	if (object)
		page_next(call, (int64_t)object->index, 0);
}

/* Cancelling ends no instance. */
void act_cancel_spot_requests(struct ec2_call *call)
{
	size_t nr;
	struct spot_request **v = read_ids(call, &nr);

	if (nr == 0)
		ec2_fail(call, "MissingParameter",
			 "The request must contain the parameter SpotInstanceRequestId");
	if (!ec2_ready(call))
		return;
	out_open(call->out, "spotInstanceRequestSet");
	for (size_t i = 0; i < nr; i++) {
		if (strcmp(v[i]->state, "open") == 0)
			spot_request_set(call->cloud, v[i], "cancelled",
					 "canceled-before-fulfillment",
					 "Your Spot request is canceled before fulfillment.");
		else if (strcmp(v[i]->state, "active") == 0)
			spot_request_set(
				call->cloud, v[i], "cancelled",
				"request-canceled-and-instance-running",
				"Your Spot request is canceled, and its instance runs on.");
		out_open(call->out, "item");
		out_str(call->out, "spotInstanceRequestId", v[i]->base.id);
		out_str(call->out, "state", v[i]->state);
		out_close(call->out, "item");
	}
	out_close(call->out, "spotInstanceRequestSet");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Time moves on: what falls due by itself, in order. */
#include <stdio.h>
#include <string.h>

#include "core/money.h"
#include "simulator/cloud/market.h"
#include "simulator/cloud/model.h"
#include "simulator/cloud/rest.h"

#define CODE_SPOT_END "Server.SpotInstanceTermination"

void cloud_wake(struct cloud *cloud, int64_t t_ms)
{
	if (t_ms < cloud->due_ms)
		cloud->due_ms = t_ms;
}

int64_t cloud_next_change(const struct cloud *cloud)
{
	return cloud->due_ms == NEVER_MS ? -1 : cloud->due_ms;
}

void cloud_recheck_prices(struct cloud *cloud)
{
	for (size_t i = 0; i < cloud->nr_objects; i++) {
		void *whole = cloud->objects[i];

		if (cloud->objects[i]->kind == OBJECT_INSTANCE) {
			struct instance *instance = whole;

			if (instance->request && instance_live(instance))
				instance->price_due_ms = cloud->now_ms;
		} else if (cloud->objects[i]->kind == OBJECT_SPOT_REQUEST) {
			struct spot_request *request = whole;

			if (request->spec)
				request->price_due_ms = cloud->now_ms;
		}
	}
	cloud_wake(cloud, cloud->now_ms);
}

/* The earliest bound after now of a fault about that pool, at most `next`. */
static int64_t next_fault(const struct cloud *cloud, const char *type, const char *zone,
			  int64_t next)
{
	for (size_t i = 0; i < cloud->nr_faults; i++) {
		const struct fault *fault = &cloud->faults[i].fault;

		if (fault->kind < FAULT_NO_CAPACITY ||
		    !fault_applies(fault, fault->kind, type, zone))
			continue;
		if (fault->from_ms > cloud->now_ms && fault->from_ms < next)
			next = fault->from_ms;
		if (fault->until_ms > cloud->now_ms && fault->until_ms < next)
			next = fault->until_ms;
	}
	return next;
}

static void warn_of_end(struct cloud *cloud, struct instance *instance, const char *code)
{
	if (instance->interrupt_ms != NEVER_MS)
		return;
	instance->interrupt_code = code;
	instance->interrupt_ms = cloud->now_ms + NOTICE_MS;
	if (strcmp(instance->request->state, "active") == 0)
		spot_request_set(cloud, instance->request, "active", "marked-for-termination",
				 "Your Spot Instance is marked for termination.");
}

/* A scenario takes the machine back: every spot instance that runs at that moment. */
static bool taken_back(const struct cloud *cloud, const struct instance *instance)
{
	for (size_t i = 0; i < cloud->nr_faults; i++) {
		const struct fault *fault = &cloud->faults[i].fault;

		if (fault_applies(fault, FAULT_INTERRUPT, instance->type->name,
				  instance->base.zone->name) &&
		    instance->base.began_ms <= fault->from_ms && cloud->now_ms >= fault->from_ms)
			return true;
	}
	return false;
}

static void check_instance_price(struct cloud *cloud, struct instance *instance)
{
	const char *type = instance->type->name, *zone = instance->base.zone->name;
	int64_t now_s = cloud->now_ms / 1000;
	int64_t price = spot_price(cloud, instance->type, instance->base.zone, cloud->now_ms);
	int64_t next_s;

	instance->price_due_ms = NEVER_MS;
	if (taken_back(cloud, instance)) {
		warn_of_end(cloud, instance, "instance-terminated-no-capacity");
		return;
	}
	if (price != MONEY_UNKNOWN && price > instance->max_price) {
		warn_of_end(cloud, instance, "instance-terminated-by-price");
		return;
	}
	next_s = market_next_above(cloud->config.market, type, zone, instance->max_price, now_s,
				   now_s + HORIZON_S);
	if (next_s <= now_s)
		next_s = now_s + HORIZON_S;
	instance->price_due_ms = next_fault(cloud, type, zone, next_s * 1000);
}

struct below {
	int64_t cap, after, time;
};

static int find_below(void *ctx, const struct price_point *point)
{
	struct below *below = ctx;

	if (point->time <= below->after || point->micros > below->cap)
		return 0;
	below->time = point->time;
	return 1;
}

static void fulfil(struct cloud *cloud, struct spot_request *request)
{
	struct run_spec *spec = request->spec;
	char reservation[CLOUD_ID_MAX];
	struct instance *instance;

	for (size_t i = 0; i < spec->nr_groups; i++) {
		if (spec->groups[i]->base.ended_ms) {
			spot_request_set(cloud, request, "failed", "bad-parameters",
					 "A security group of the request does not exist.");
			return;
		}
	}
	cloud_new_id(cloud, "r", reservation);
	instance = instance_launch(cloud, spec, reservation, 0);
	instance_bind_spot(cloud, instance, request);
}

/* An open request is fulfilled as soon as price and capacity allow. */
static void check_open_request(struct cloud *cloud, struct spot_request *request)
{
	const struct run_spec *spec = request->spec;
	const char *type = spec->type->name, *zone = spec->zone->name;
	int64_t now_s = cloud->now_ms / 1000;
	int64_t price = spot_price(cloud, spec->type, spec->zone, cloud->now_ms);
	struct below below = { request->max_price, now_s, now_s + HORIZON_S };

	if (price != MONEY_UNKNOWN && price <= request->max_price &&
	    !fault_no_capacity(cloud, type, zone, cloud->now_ms)) {
		fulfil(cloud, request);
		return;
	}
	market_changes(cloud->config.market, type, zone, now_s, now_s + HORIZON_S, find_below,
		       &below);
	request->price_due_ms = next_fault(cloud, type, zone, below.time * 1000);
}

static void step_instance(struct cloud *cloud, struct instance *instance)
{
	if (instance->state_due_ms <= cloud->now_ms) {
		if (instance->state == STATE_PENDING)
			instance_booted(cloud, instance);
		else if (instance->state == STATE_SHUTTING_DOWN)
			instance_gone(cloud, instance);
		else if (instance->state == STATE_STOPPING)
			instance_stopped(cloud, instance);
	}
	if (instance->interrupt_ms <= cloud->now_ms)
		instance_end(cloud, instance, CODE_SPOT_END, "Spot instance termination",
			     instance->interrupt_code);
	if (instance->price_due_ms <= cloud->now_ms)
		check_instance_price(cloud, instance);
	cloud_wake(cloud, instance->state_due_ms);
	cloud_wake(cloud, instance->interrupt_ms);
	cloud_wake(cloud, instance->price_due_ms);
}

/* Everything due by now; due_ms is found anew on the way. */
static void step(struct cloud *cloud)
{
	cloud->due_ms = NEVER_MS;
	for (size_t i = 0; i < cloud->nr_objects; i++) {
		struct object *object = cloud->objects[i];
		void *whole = object;

		if (object->kind == OBJECT_INSTANCE && !object->ended_ms) {
			step_instance(cloud, whole);
		} else if (object->kind == OBJECT_SPOT_REQUEST) {
			struct spot_request *request = whole;

			if (request->spec && request->price_due_ms <= cloud->now_ms)
				check_open_request(cloud, request);
			cloud_wake(cloud, request->price_due_ms);
		}
	}
	rest_step(cloud);
}

void cloud_advance(struct cloud *cloud, int64_t now_ms)
{
	while (cloud->due_ms <= now_ms) {
		if (cloud->due_ms > cloud->now_ms)
			cloud->now_ms = cloud->due_ms;
		step(cloud);
	}
	if (now_ms > cloud->now_ms)
		cloud->now_ms = now_ms;
}

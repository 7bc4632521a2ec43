/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RunInstances, second part: idempotency, quota, capacity, price; then the launch.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
 */
#include "simulator/cloud/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/mem.h"
#include "core/money.h"

static int compare_names(const void *a, const void *b)
{
	const struct sim_param *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Over all parameters in a fixed order, so that only a change of one counts as a change. */
static void hash_params(struct ec2_call *call, char out[SHA256_HEX_MAX])
{
	struct sim_params *params = call->params;
	const struct sim_param **v = arena_alloc(&params->arena, params->nr * sizeof(*v));
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < params->nr; i++)
		v[i] = &params->v[i];
	qsort(v, params->nr, sizeof(*v), compare_names);
	for (size_t i = 0; i < params->nr; i++) {
		if (strcmp(v[i]->name, "DryRun") != 0)
			buf_addf(&text, "%zu:%s=%zu:%s\n", strlen(v[i]->name), v[i]->name,
				 strlen(v[i]->value), v[i]->value);
	}
	sha256_hex(text.data, text.len, out);
	buf_release(&text);
}

/* The instances of one launch: alive or, where all ended, when the last did. */
struct launch_view {
	const struct instance *first;
	bool any_live;
	int64_t ended_ms;
};

static struct launch_view view_launch(const struct ec2_call *call, const char *reservation)
{
	struct launch_view view = { 0 };
	struct object *object = NULL;

	while ((object = object_next(call->cloud, OBJECT_INSTANCE, call->region, object))) {
		const struct instance *instance = (void *)object;

		if (strcmp(instance->reservation, reservation) != 0)
			continue;
		if (!view.first)
			view.first = instance;
		view.any_live = view.any_live || !object->ended_ms;
		if (object->ended_ms > view.ended_ms)
			view.ended_ms = object->ended_ms;
	}
	return view;
}

static void write_launch(struct ec2_call *call, const struct instance *first)
{
	struct object *object = NULL;

	reservation_open(call, first);
	while ((object = object_next(call->cloud, OBJECT_INSTANCE, call->region, object))) {
		const struct instance *instance = (void *)object;

		if (strcmp(instance->reservation, first->reservation) == 0)
			instance_write(call, instance);
	}
	reservation_close(call);
}

/* True when the token has been used: the reply or the refusal is made. */
static bool replay(struct ec2_call *call, const char *token, const char *hash)
{
	struct cloud *cloud = call->cloud;

	for (size_t i = 0; i < cloud->nr_tokens; i++) {
		struct token *known = &cloud->tokens[i];
		struct launch_view view;

		if (known->region != call->region || strcmp(known->token, token) != 0)
			continue;
		view = view_launch(call, known->reservation);
		if (!view.any_live && cloud->now_ms >= view.ended_ms + TOKEN_MS) {
			free(known->token);
			*known = cloud->tokens[--cloud->nr_tokens];
			return false;
		}
		if (strcmp(known->hash, hash) != 0)
			ec2_fail(call, "IdempotentParameterMismatch",
				 "Arguments on this idempotent request are inconsistent with "
				 "arguments used in previous request(s).");
		else if (!view.any_live)
			ec2_fail(call, "IdempotentInstanceTerminated",
				 "The instance launched with this client token has been "
				 "terminated.");
		else
			write_launch(call, view.first);
		return true;
	}
	return false;
}

static void keep_token(struct ec2_call *call, const struct instance *first, const char *hash)
{
	struct cloud *cloud = call->cloud;
	struct token *token;

	cloud->tokens = xgrow(cloud->tokens, cloud->nr_tokens, &cloud->cap_tokens, sizeof(*token));
	token = &cloud->tokens[cloud->nr_tokens++];
	memset(token, 0, sizeof(*token));
	token->token = xstrdup(first->token);
	token->region = call->region;
	snprintf(token->hash, sizeof(token->hash), "%s", hash);
	snprintf(token->reservation, sizeof(token->reservation), "%s", first->reservation);
}

static unsigned vcpus_in_use(const struct ec2_call *call, enum cloud_quota quota, bool spot)
{
	struct object *object = NULL;
	unsigned vcpus = 0;

	while ((object = object_next(call->cloud, OBJECT_INSTANCE, call->region, object))) {
		const struct instance *instance = (void *)object;

		if (instance->type->quota == quota && (instance->request != NULL) == spot &&
		    (instance->state == STATE_PENDING || instance->state == STATE_RUNNING))
			vcpus += instance->type->vcpus;
	}
	return vcpus;
}

/* How many the account's limit allows; fails where that is under the least asked for. */
static unsigned allowed_by_quota(struct ec2_call *call, const struct run_spec *spec)
{
	unsigned limit = cloud_quota(call->cloud, spec->type->quota, spec->spot);
	unsigned used = vcpus_in_use(call, spec->type->quota, spec->spot);
	unsigned room = limit > used ? (limit - used) / spec->type->vcpus : 0;

	if (room >= spec->min)
		return room < spec->max ? room : spec->max;
	if (spec->spot)
		ec2_fail(call, "MaxSpotInstanceCountExceeded", "Max spot instance count exceeded");
	else
		ec2_fail(call, "VcpuLimitExceeded",
			 "You have requested more vCPU capacity than your current vCPU limit of %u "
			 "allows for the instance bucket that the specified instance type belongs "
			 "to.",
			 limit);
	return 0;
}

/* The price is above the cap: nothing is launched, but the request stays open. */
static void refuse_price(struct ec2_call *call, struct run_spec *spec, int64_t price)
{
	struct spot_request *request = spot_request_new(call->cloud, spec);
	char cap[MONEY_TEXT_MAX], least[MONEY_TEXT_MAX], message[200];

	money_format(cap, spec->max_price, 0);
	money_format(least, price, 0);
	snprintf(message, sizeof(message),
		 "Your Spot request price of %s is lower than the minimum required Spot request "
		 "fulfillment price of %s.",
		 cap, least);
	spot_request_set(call->cloud, request, "open", "price-too-low", message);
	request->spec = spec; /* it may be fulfilled when the price falls */
	request->price_due_ms = call->cloud->now_ms + 1000;
	cloud_wake(call->cloud, request->price_due_ms);
	ec2_fail(call, "SpotMaxPriceTooLow", "%s", message);
}

/* A pool without a price yet has nothing to give either. */
static bool capacity(struct ec2_call *call, const struct run_spec *spec, int64_t price)
{
	if (!fault_no_capacity(call->cloud, spec->type->name, spec->zone->name,
			       call->cloud->now_ms) &&
	    (!spec->spot || price != MONEY_UNKNOWN))
		return true;
	if (spec->spot)
		ec2_fail(call, "InsufficientInstanceCapacity",
			 "There is no Spot capacity available that matches your request.");
	else
		ec2_fail(call, "InsufficientInstanceCapacity",
			 "We currently do not have sufficient %s capacity in the Availability Zone "
			 "you requested (%s).",
			 spec->type->name, spec->zone->name);
	return false;
}

static struct instance *launch(struct ec2_call *call, const struct run_spec *spec, unsigned nr)
{
	char reservation[CLOUD_ID_MAX];
	struct instance *first = NULL;

	cloud_new_id(call->cloud, "r", reservation);
	for (unsigned i = 0; i < nr; i++) {
		struct spot_request *request =
			spec->spot ? spot_request_new(call->cloud, spec) : NULL;
		struct instance *instance = instance_launch(call->cloud, spec, reservation, i);

		if (request)
			instance_bind_spot(call->cloud, instance, request);
		if (!first)
			first = instance;
	}
	return first;
}

void act_run(struct ec2_call *call)
{
	struct run_spec *spec = run_read(call);
	char hash[SHA256_HEX_MAX];
	struct instance *first;
	int64_t price;
	unsigned nr;

	if (!spec)
		return;
	if (!ec2_ready(call))
		goto out;
	hash_params(call, hash);
	if (spec->token && replay(call, spec->token, hash))
		goto out;
	price = spot_price(call->cloud, spec->type, spec->zone, call->cloud->now_ms);
	nr = allowed_by_quota(call, spec);
	if (nr == 0 || !capacity(call, spec, price))
		goto out;
	if (spec->spot && price > spec->max_price) {
		refuse_price(call, spec, price);
		return; /* the open request owns spec now */
	}
	first = launch(call, spec, nr);
	if (spec->token)
		keep_token(call, first, hash);
	write_launch(call, first);
out:
	run_spec_free(spec);
}

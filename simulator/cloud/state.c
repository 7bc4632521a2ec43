/* SPDX-License-Identifier: Apache-2.0 */
/* The changes that requests and time make to instances, their parts and spot requests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/timefmt.h"
#include "simulator/cloud/market.h"
#include "simulator/cloud/model.h"
#include "simulator/cloud/rest.h"

const char *state_name(int code)
{
	switch (code) {
	case STATE_PENDING:
		return "pending";
	case STATE_RUNNING:
		return "running";
	case STATE_SHUTTING_DOWN:
		return "shutting-down";
	case STATE_STOPPING:
		return "stopping";
	case STATE_STOPPED:
		return "stopped";
	default:
		return "terminated";
	}
}

bool instance_live(const struct instance *instance)
{
	return instance->state != STATE_SHUTTING_DOWN && instance->state != STATE_TERMINATED;
}

bool instance_visible(const struct cloud *cloud, const struct instance *instance)
{
	if (cloud->now_ms < instance->visible_ms)
		return false;
	return !instance->base.ended_ms || cloud->now_ms < instance->base.ended_ms + MEMORY_MS;
}

int64_t spot_price(const struct cloud *cloud, const struct type_spec *type,
		   const struct place_zone *zone, int64_t t_ms)
{
	int64_t price = market_price_at(cloud->config.market, type->name, zone->name, t_ms / 1000);

	return fault_price(cloud, type->name, zone->name, t_ms, price);
}

int64_t instance_price(const struct cloud *cloud, const struct instance *instance)
{
	int64_t price;

	if (instance->state != STATE_PENDING && instance->state != STATE_RUNNING)
		return 0;
	if (!instance->request)
		return type_on_demand(cloud->config.market, instance->type,
				      instance->base.region->name);
	price = spot_price(cloud, instance->type, instance->base.zone, cloud->now_ms);
	/* a price above the cap ends it, but is never billed */
	return price == MONEY_UNKNOWN || price > instance->max_price ? instance->max_price : price;
}

bool group_in_use(const struct cloud *cloud, const struct group *group)
{
	const struct object *object = NULL;

	while ((object = object_next(cloud, OBJECT_INTERFACE, group->base.region, object))) {
		const struct interface *interface = (const void *)object;
		const struct instance *instance = interface->instance;
		struct group *const *groups = instance ? instance->groups : interface->groups;
		size_t nr = instance ? instance->nr_groups : interface->nr_groups;

		for (size_t i = 0; !object->ended_ms && i < nr; i++) {
			if (groups[i] == group)
				return true;
		}
	}
	return false;
}

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

void cloud_private_ip(struct cloud *cloud, const struct place_region *region,
		      const struct place_zone *zone, char *out)
{
	size_t nth = (size_t)(zone - region->zones);
	unsigned n = cloud->next_private++ % 4000 + 10; /* a /20, its first addresses reserved */

	snprintf(out, IP_TEXT_MAX, "172.31.%zu.%u", nth * 16 + n / 256, n % 256);
}

/* 198.18.0.0/15 is set aside for such things: nobody can be reached there by mistake. */
void cloud_public_ip(struct cloud *cloud, char *out)
{
	unsigned n = cloud->next_public++ % 130000 + 1;

	snprintf(out, IP_TEXT_MAX, "198.%u.%u.%u", 18 + n / 65536, n / 256 % 256, n % 256);
}

bool volume_visible(const struct cloud *cloud, const struct volume *volume)
{
	return !volume->base.ended_ms ||
	       (!volume->instance && volume->lingers &&
		cloud->now_ms < volume->base.ended_ms + cloud->config.end_ms);
}

/* The elastic address of an instance, or NULL. */
static struct address *address_of(const struct cloud *cloud, const struct instance *instance)
{
	struct object *object = NULL;

	while ((object = object_next(cloud, OBJECT_ADDRESS, instance->base.region, object))) {
		struct address *address = (void *)object;

		if (address->instance == instance)
			return address;
	}
	return NULL;
}

void address_free(struct address *address)
{
	if (address->instance)
		address->instance->public_ip[0] = '\0';
	address->instance = NULL;
	address->interface = NULL;
	address->association[0] = '\0';
}

static void add_interface(struct cloud *cloud, struct instance *instance,
			  const struct run_spec *spec)
{
	struct interface *interface = (void *)object_new(
		cloud, OBJECT_INTERFACE, sizeof(*interface), spec->region, spec->zone);
	unsigned n = (unsigned)rng_below(&cloud->rng, 1 << 24);

	interface->instance = instance;
	instance->interface = interface;
	/* a locally administered address */
	snprintf(interface->mac, sizeof(interface->mac), "0a:ff:d6:%02x:%02x:%02x", n >> 16,
		 n >> 8 & 255, n & 255);
	tags_copy(&interface->base.tags, &spec->tags[OBJECT_INTERFACE]);
}

static void add_volumes(struct cloud *cloud, struct instance *instance, const struct run_spec *spec)
{
	for (size_t i = 0; i < spec->nr_disks; i++) {
		struct volume *volume = (void *)object_new(cloud, OBJECT_VOLUME, sizeof(*volume),
							   spec->region, spec->zone);

		volume->instance = instance;
		volume->device = spec->disks[i];
		volume->device.name = xstrdup(spec->disks[i].name);
		tags_copy(&volume->base.tags, &spec->tags[OBJECT_VOLUME]);
	}
}

static void copy_options(struct instance *instance, const struct run_spec *spec)
{
	instance->wants_public_ip = spec->public_ip;
	instance->no_termination = spec->no_termination;
	instance->terminate_on_shutdown = spec->terminate_on_shutdown;
	instance->ebs_optimized = spec->ebs_optimized;
	instance->monitoring = spec->monitoring;
	memcpy(instance->http_tokens, spec->http_tokens, sizeof(spec->http_tokens));
	memcpy(instance->http_endpoint, spec->http_endpoint, sizeof(spec->http_endpoint));
	memcpy(instance->http_ipv6, spec->http_ipv6, sizeof(spec->http_ipv6));
	memcpy(instance->metadata_tags, spec->metadata_tags, sizeof(spec->metadata_tags));
	instance->http_hops = spec->http_hops;
}

static void boot(struct cloud *cloud, struct instance *instance)
{
	int64_t base = cloud->config.boot_ms;
	int64_t more = (int64_t)rng_below(&cloud->rng, (uint64_t)base / 2 + 1);

	instance->state = STATE_PENDING;
	instance->started_ms = cloud->now_ms;
	instance->state_due_ms = cloud->now_ms + base + more;
	instance->reason[0] = instance->reason_code[0] = instance->reason_message[0] = '\0';
	cloud_wake(cloud, instance->state_due_ms);
}

struct instance *instance_launch(struct cloud *cloud, const struct run_spec *spec,
				 const char *reservation, unsigned index)
{
	struct instance *instance = (void *)object_new(cloud, OBJECT_INSTANCE, sizeof(*instance),
						       spec->region, spec->zone);

	snprintf(instance->reservation, sizeof(instance->reservation), "%s", reservation);
	memcpy(instance->image_id, spec->image_id, sizeof(spec->image_id));
	instance->type = spec->type;
	instance->image = spec->image;
	instance->key_name = copy(spec->key_name);
	instance->token = copy(spec->token);
	instance->user_data = copy(spec->user_data);
	instance->launch_index = index;
	instance->visible_ms = cloud->now_ms + cloud->config.visible_after_ms;
	instance->price_due_ms = instance->interrupt_ms = NEVER_MS;
	instance->max_price = spec->max_price;
	memcpy(instance->groups, spec->groups, sizeof(spec->groups));
	instance->nr_groups = spec->nr_groups;
	copy_options(instance, spec);
	tags_copy(&instance->base.tags, &spec->tags[OBJECT_INSTANCE]);
	cloud_private_ip(cloud, spec->region, spec->zone, instance->private_ip);
	boot(cloud, instance);
	add_interface(cloud, instance, spec);
	add_volumes(cloud, instance, spec);
	return instance;
}

/* As it was at the launch: the pair may have been deleted, and made anew, since. */
static const char *public_key_of(const struct cloud *cloud, const struct instance *instance)
{
	struct object *object = NULL;
	const char *found = NULL;

	while (instance->key_name &&
	       (object = object_next(cloud, OBJECT_KEY, instance->base.region, object))) {
		const struct key_pair *key = (void *)object;

		if (object->began_ms <= instance->base.began_ms &&
		    strcmp(key->name, instance->key_name) == 0)
			found = key->public_key;
	}
	return found;
}

/* Its machine comes up; address is "" where that cannot be reached. */
static void boot_machine(const struct cloud *cloud, const struct instance *instance,
			 char address[IP_TEXT_MAX])
{
	const struct cloud_machines *machines = cloud->config.machines;
	const struct type_spec *type = instance->type;
	const char *data = instance->user_data ? instance->user_data : "";
	struct buf raw = BUF_INIT_MAX(CLOUD_BODY_MAX);
	bool nvidia = type->gpu_maker && strcmp(type->gpu_maker, "NVIDIA") == 0;
	struct cloud_admit admits[CLOUD_ADMITS_MAX];
	struct cloud_boot boot = { .id = instance->base.id,
				   .gpu = nvidia ? type->gpu : NULL,
				   /* a slice of a GPU is one to its machine */
				   .gpus = nvidia ? type->gpus ? type->gpus : 1 : 0,
				   .gpu_mem_mib = type->gpu_mem_mib,
				   .public_key = public_key_of(cloud, instance),
				   .admits = admits,
				   .nr_admits = instance_admits(instance, admits) };

	address[0] = '\0';
	if (!machines)
		return;
	if (base64_decode(&raw, data, strlen(data)) == 0) { /* checked at launch */
		boot.user_data = raw.data;
		boot.len = raw.len;
	}
	machines->boot(machines->ctx, &boot, address);
	buf_wipe(&raw);
}

void instance_booted(struct cloud *cloud, struct instance *instance)
{
	char address[IP_TEXT_MAX];

	instance->state = STATE_RUNNING;
	instance->state_due_ms = NEVER_MS;
	boot_machine(cloud, instance, address);
	if (!instance->wants_public_ip || address_of(cloud, instance))
		return;
	if (address[0])
		memcpy(instance->public_ip, address, sizeof(address));
	else
		cloud_public_ip(cloud, instance->public_ip);
}

void instance_bind_spot(struct cloud *cloud, struct instance *instance,
			struct spot_request *request)
{
	instance->request = request;
	instance->price_due_ms = cloud->now_ms;
	request->instance = instance;
	request->base.zone = instance->base.zone;
	spot_request_set(cloud, request, "active", "fulfilled", "Your Spot request is fulfilled.");
	cloud_wake(cloud, cloud->now_ms);
}

static void set_reason(const struct cloud *cloud, struct instance *instance, const char *code,
		       const char *message)
{
	char when[TIME_TEXT_MAX];
	bool by_user = strncmp(code, "Client.User", 11) == 0;

	time_format(when, cloud->now_ms / 1000);
	when[10] = ' ';
	snprintf(instance->reason, sizeof(instance->reason), "%s (%.19s GMT)",
		 by_user ? "User initiated" : code, when);
	snprintf(instance->reason_code, sizeof(instance->reason_code), "%s", code);
	snprintf(instance->reason_message, sizeof(instance->reason_message), "%s: %s", code,
		 message);
}

void instance_end(struct cloud *cloud, struct instance *instance, const char *code,
		  const char *message, const char *request_code)
{
	struct spot_request *request = instance->request;

	if (!instance_live(instance))
		return;
	if (cloud->config.machines)
		cloud->config.machines->end(cloud->config.machines->ctx, instance->base.id);
	instance->state = STATE_SHUTTING_DOWN;
	instance->state_due_ms = cloud->now_ms + cloud->config.end_ms;
	instance->interrupt_ms = instance->price_due_ms = NEVER_MS;
	set_reason(cloud, instance, code, message);
	cloud_wake(cloud, instance->state_due_ms);
	if (request && strcmp(request->state, "active") == 0)
		spot_request_set(cloud, request, "closed", request_code,
				 "Your Spot Instance has ended.");
	else if (request)
		spot_request_set(cloud, request, request->state, request_code,
				 "Your Spot Instance has ended.");
}

void instance_gone(struct cloud *cloud, struct instance *instance)
{
	struct address *elastic = address_of(cloud, instance);
	struct object *object = NULL;

	if (elastic) /* which stays, and bills */
		address_free(elastic);
	instance->state = STATE_TERMINATED;
	instance->state_due_ms = NEVER_MS;
	instance->base.ended_ms = cloud->now_ms;
	instance->public_ip[0] = instance->private_ip[0] = '\0';
	instance->interface->base.ended_ms = cloud->now_ms;
	while ((object = object_next(cloud, OBJECT_VOLUME, instance->base.region, object))) {
		struct volume *volume = (void *)object;

		if (volume->instance != instance)
			continue;
		volume->instance = NULL;
		if (volume->device.delete_on_termination)
			object->ended_ms = cloud->now_ms;
	}
}

void instance_stop(struct cloud *cloud, struct instance *instance, const char *code,
		   const char *message)
{
	if (instance->state != STATE_RUNNING && instance->state != STATE_PENDING)
		return;
	if (cloud->config.machines)
		cloud->config.machines->halt(cloud->config.machines->ctx, instance->base.id);
	instance->state = STATE_STOPPING;
	instance->state_due_ms = cloud->now_ms + cloud->config.end_ms;
	set_reason(cloud, instance, code, message);
	cloud_wake(cloud, instance->state_due_ms);
}

void cloud_machine_off(struct cloud *cloud, const char *id)
{
	static const char code[] = "Client.InstanceInitiatedShutdown";
	static const char message[] = "Instance initiated shutdown";

	for (size_t i = 0; i < cloud->nr_objects; i++) {
		struct instance *instance = (void *)cloud->objects[i];

		if (instance->base.kind != OBJECT_INSTANCE || strcmp(instance->base.id, id) != 0 ||
		    instance->state != STATE_RUNNING)
			continue;
		/* a one-time spot instance cannot be started again: it never just stops */
		if (instance->terminate_on_shutdown || instance->request)
			instance_end(cloud, instance, code, message, "instance-terminated-by-user");
		else
			instance_stop(cloud, instance, code, message);
	}
	rest_machine_off(cloud, id);
}

void instance_stopped(struct cloud *cloud, struct instance *instance)
{
	instance->state = STATE_STOPPED;
	instance->state_due_ms = NEVER_MS;
	if (!address_of(cloud, instance))
		instance->public_ip[0] = '\0'; /* a new one at the next start */
}

void instance_start(struct cloud *cloud, struct instance *instance)
{
	if (instance->state == STATE_STOPPED)
		boot(cloud, instance);
}

void spot_request_set(struct cloud *cloud, struct spot_request *request, const char *state,
		      const char *code, const char *message)
{
	bool live = strcmp(state, "open") == 0 || strcmp(state, "active") == 0;

	request->state = state;
	request->code = code;
	request->updated_ms = cloud->now_ms;
	snprintf(request->message, sizeof(request->message), "%s", message);
	if (!live && !request->base.ended_ms)
		request->base.ended_ms = cloud->now_ms;
	if (strcmp(state, "open") != 0) {
		run_spec_free(request->spec);
		request->spec = NULL;
		request->price_due_ms = NEVER_MS;
	}
}

struct spot_request *spot_request_new(struct cloud *cloud, const struct run_spec *spec)
{
	struct spot_request *request = (void *)object_new(
		cloud, OBJECT_SPOT_REQUEST, sizeof(*request), spec->region, spec->zone);

	request->type = spec->type;
	request->max_price = spec->max_price;
	request->price_due_ms = NEVER_MS;
	memcpy(request->image_id, spec->image_id, sizeof(spec->image_id));
	memcpy(request->interruption, spec->interruption, sizeof(spec->interruption));
	tags_copy(&request->base.tags, &spec->tags[OBJECT_SPOT_REQUEST]);
	spot_request_set(cloud, request, "open", "pending-evaluation",
			 "Your Spot request is being evaluated.");
	return request;
}

void run_spec_free(struct run_spec *spec)
{
	if (!spec)
		return;
	for (size_t i = 0; i < OBJECT_KIND_COUNT; i++)
		tags_release(&spec->tags[i]);
	arena_release(&spec->arena);
	free(spec);
}

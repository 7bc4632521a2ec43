/* SPDX-License-Identifier: Apache-2.0 */
/* The changes that requests and time make to droplets, and their machines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/mem.h"
#include "simulator/cloud/droplet.h"

/* Ascending, with gaps, as everybody else's come in between. */
int64_t droplet_new_id(struct droplet_world *world, int64_t *last)
{
	*last += 1 + (int64_t)rng_below(&world->rng, 997);
	return *last;
}

static void format_uuid(const unsigned char raw[16], char out[CLOUD_ID_MAX])
{
	struct buf hex = BUF_INIT;

	hex_encode(&hex, raw, 16);
	hex.data[12] = '4';
	hex.data[16] = "89ab"[raw[8] & 3];
	snprintf(out, CLOUD_ID_MAX, "%.8s-%.4s-%.4s-%.4s-%.12s", hex.data, hex.data + 8,
		 hex.data + 12, hex.data + 16, hex.data + 20);
	buf_release(&hex);
}

void droplet_new_uuid(struct droplet_world *world, char out[CLOUD_ID_MAX])
{
	unsigned char raw[16];

	world->rng.fill(world->rng.ctx, raw, sizeof(raw));
	format_uuid(raw, out);
}

/* The account's own: the same every time it is asked for. */
void droplet_fixed_uuid(const struct droplet_world *world, const char *of, char out[CLOUD_ID_MAX])
{
	char *seed = xasprintf("digitalocean/%s/%s", world->cloud->account, of);
	unsigned char digest[SHA256_LEN];

	sha256(seed, strlen(seed), digest);
	free(seed);
	format_uuid(digest, out);
}

const char *droplet_status_name(const struct droplet *droplet)
{
	static const char *const names[] = {
		[DROPLET_NEW] = "new", [DROPLET_ACTIVE] = "active", [DROPLET_OFF] = "off"
	};

	return names[droplet->status];
}

bool droplet_busy(const struct droplet *droplet)
{
	return droplet->event && !droplet->event->stuck;
}

static int64_t duration(struct droplet_world *world, const char *type)
{
	const struct cloud_config *config = &world->cloud->config;
	int64_t base = config->boot_ms;

	if (strcmp(type, "create") != 0 && strcmp(type, "power_on") != 0)
		return config->end_ms;
	return base + (int64_t)rng_below(&world->rng, (uint64_t)base / 2 + 1);
}

struct droplet_action *droplet_begin(struct droplet_world *world, struct droplet *droplet,
				     const char *type, const struct rest_call *call)
{
	struct droplet_action *action = xcalloc(1, sizeof(*action));

	action->id = droplet_new_id(world, &world->last_action_id);
	action->type = type;
	action->droplet = droplet;
	action->started_ms = world->cloud->now_ms;
	action->stuck = call->turn && call->turn->event_stuck;
	action->fails = call->turn && call->turn->event_error;
	droplet_list_add(&world->actions, action);
	droplet->event = action;
	droplet->due_ms = action->stuck ? NEVER_MS : world->cloud->now_ms + duration(world, type);
	cloud_wake(world->cloud, droplet->due_ms);
	return action;
}

struct droplet *droplet_make(struct droplet_world *world, char *name,
			     const struct droplet_size *size, const struct droplet_region *region,
			     const struct droplet_image *image)
{
	struct droplet *droplet = xcalloc(1, sizeof(*droplet));
	const struct cloud *cloud = world->cloud;

	droplet->id = droplet_new_id(world, &world->last_id);
	snprintf(droplet->id_text, sizeof(droplet->id_text), "%lld", (long long)droplet->id);
	droplet->name = name;
	droplet->size = size;
	droplet->region = region;
	droplet->image = image;
	droplet->began_ms = cloud->now_ms;
	droplet->seen_ms = cloud->now_ms + cloud->config.visible_after_ms;
	droplet->due_ms = NEVER_MS;
	droplet_list_add(&world->droplets, droplet);
	return droplet;
}

/* Its machine comes up; address is "" where that cannot be reached. */
static void boot_machine(const struct droplet_world *world, const struct droplet *droplet,
			 char address[IP_TEXT_MAX])
{
	const struct cloud_machines *machines = world->cloud->config.machines;
	const struct droplet_size *size = droplet->size;
	/* without its driver a GPU is a device that nothing speaks to */
	bool gpu = size->gpu && droplet->image->nvidia;
	struct droplet_admits admits;
	struct cloud_boot boot = { .id = droplet->id_text,
				   .gpu = gpu ? size->gpu : NULL,
				   .gpus = gpu ? size->gpus : 0,
				   .gpu_mem_mib = gpu ? size->vram_gib * 1024 / size->gpus : 0,
				   .user_data = droplet->user_data,
				   .len = droplet->user_data ? strlen(droplet->user_data) : 0,
				   .public_key = droplet->public_key,
				   .login = "root" };

	address[0] = '\0';
	if (!machines)
		return;
	droplet_admits(world, droplet, &admits);
	boot.admits = admits.v;
	boot.nr_admits = admits.nr;
	machines->boot(machines->ctx, &boot, address);
}

/* Addresses come with the first boot, and stay: a droplet that is off keeps them. */
static void booted(struct droplet_world *world, struct droplet *droplet)
{
	unsigned n = world->next_private;
	char address[IP_TEXT_MAX];

	droplet->status = DROPLET_ACTIVE;
	boot_machine(world, droplet, address);
	if (!droplet->private_ip[0]) {
		world->next_private++;
		snprintf(droplet->private_ip, sizeof(droplet->private_ip), "10.116.%u.%u",
			 n / 250 % 256, n % 250 + 2);
		if (droplet->ipv6)
			snprintf(droplet->public_ip6, sizeof(droplet->public_ip6), "2001:db8::%x",
				 n + 0x1000);
	}
	if (!droplet->public_networking)
		return;
	if (address[0])
		memcpy(droplet->public_ip, address, sizeof(address));
	else if (!droplet->public_ip[0])
		cloud_public_ip(world->cloud, droplet->public_ip);
}

static void halt(const struct droplet_world *world, const struct droplet *droplet)
{
	const struct cloud_machines *machines = world->cloud->config.machines;

	if (machines)
		machines->halt(machines->ctx, droplet->id_text);
}

static void gone(struct droplet_world *world, struct droplet *droplet)
{
	droplet->gone = true;
	if (!droplet->ended_ms)
		droplet->ended_ms = world->cloud->now_ms;
	for (size_t i = 0; i < world->firewalls.nr; i++) {
		struct droplet_firewall *firewall = world->firewalls.v[i];

		droplet_list_drop(&firewall->droplets, droplet);
		for (size_t n = 0; n < firewall->in.nr; n++)
			droplet_list_drop(&firewall->in.v[n].droplets, droplet);
		for (size_t n = 0; n < firewall->out.nr; n++)
			droplet_list_drop(&firewall->out.v[n].droplets, droplet);
	}
	droplet_recheck(world);
}

/* One that could not be made is no more, and was never billed for long. */
static void event_done(struct droplet_world *world, struct droplet *droplet)
{
	struct droplet_action *action = droplet->event;
	const char *type = action->type;

	droplet->event = NULL;
	droplet->due_ms = NEVER_MS;
	action->completed_ms = world->cloud->now_ms;
	action->errored = action->fails;
	if (strcmp(type, "destroy") == 0 || (action->fails && strcmp(type, "create") == 0)) {
		gone(world, droplet);
	} else if (action->fails) {
		return;
	} else if (strcmp(type, "create") == 0 || strcmp(type, "power_on") == 0) {
		booted(world, droplet);
	} else if (strcmp(type, "shutdown") == 0 || strcmp(type, "power_off") == 0) {
		droplet->status = DROPLET_OFF;
		halt(world, droplet);
	} else if (droplet->status == DROPLET_ACTIVE && world->cloud->config.machines) {
		world->cloud->config.machines->reboot(world->cloud->config.machines->ctx,
						      droplet->id_text);
	}
}

void droplet_destroy(struct droplet_world *world, struct droplet *droplet,
		     const struct rest_call *call)
{
	const struct cloud_machines *machines = world->cloud->config.machines;

	if (machines && droplet->status != DROPLET_NEW)
		machines->end(machines->ctx, droplet->id_text);
	droplet_begin(world, droplet, "destroy", call);
	/* nothing that a scenario does to an event keeps the meter running behind a 204 */
	droplet->event->stuck = droplet->event->fails = false;
	droplet->due_ms = world->cloud->now_ms + world->cloud->config.end_ms;
	cloud_wake(world->cloud, droplet->due_ms);
	droplet->ended_ms = world->cloud->now_ms;
}

void droplet_machine_off(void *self, const char *id)
{
	struct droplet_world *world = self;

	for (size_t i = 0; i < world->droplets.nr; i++) {
		struct droplet *droplet = world->droplets.v[i];

		if (strcmp(droplet->id_text, id) != 0 || droplet->status != DROPLET_ACTIVE ||
		    droplet->ended_ms)
			continue;
		droplet->status = DROPLET_OFF;
		halt(world, droplet);
	}
}

void droplet_step(void *self)
{
	struct droplet_world *world = self;
	int64_t now_ms = world->cloud->now_ms;

	for (size_t i = 0; i < world->droplets.nr; i++) {
		struct droplet *droplet = world->droplets.v[i];

		if (droplet->event && droplet->due_ms <= now_ms)
			event_done(world, droplet);
		cloud_wake(world->cloud, droplet->due_ms);
	}
	for (size_t i = 0; i < world->firewalls.nr; i++) {
		struct droplet_firewall *firewall = world->firewalls.v[i];

		if (firewall->due_ms <= now_ms) {
			firewall->due_ms = NEVER_MS;
			firewall->nr_changes = 0;
			world->apply_ms = now_ms;
		}
		cloud_wake(world->cloud, firewall->due_ms);
	}
	if (world->apply_ms <= now_ms)
		droplet_apply(world);
	cloud_wake(world->cloud, world->apply_ms);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firewalls as a machine feels them. One that no firewall guards is open to everybody; one that is
 * guarded lets in what any of its firewalls lets in, and nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "simulator/cloud/droplet.h"

bool droplet_firewall_guards(const struct droplet_firewall *firewall, const struct droplet *droplet)
{
	if (firewall->ended_ms || droplet->gone)
		return false;
	if (droplet_list_has(&firewall->droplets, droplet))
		return true;
	for (size_t i = 0; i < firewall->tags.nr; i++) {
		if (droplet_list_has(&droplet->tags, firewall->tags.v[i]))
			return true;
	}
	return false;
}

/* What does not fit stays shut. */
static void admit(struct droplet_admits *ret, const struct droplet_rule *rule, const char *cidr)
{
	bool all = rule->to == 0;

	if (ret->nr == CLOUD_ADMITS_MAX)
		return;
	snprintf(ret->text[ret->nr], sizeof(ret->text[0]), "%s%s", cidr,
		 strchr(cidr, '/') ? "" : "/32");
	ret->v[ret->nr] = (struct cloud_admit){ .from = all ? 0 : (uint16_t)rule->from,
						.to = all ? UINT16_MAX : (uint16_t)rule->to,
						.cidr = ret->text[ret->nr] };
	ret->nr++;
}

static bool comes_from(const struct droplet_rule *rule, const struct droplet *droplet)
{
	if (droplet->gone)
		return false;
	if (droplet_list_has(&rule->droplets, droplet))
		return true;
	for (size_t i = 0; i < rule->tags.nr; i++) {
		if (droplet_list_has(&droplet->tags, rule->tags.v[i]))
			return true;
	}
	return false;
}

static void admit_rule(const struct droplet_world *world, const struct droplet_rule *rule,
		       struct droplet_admits *ret)
{
	for (size_t i = 0; i < rule->addresses.nr; i++) {
		if (!strchr(rule->addresses.v[i], ':')) /* machines have IPv4 only */
			admit(ret, rule, rule->addresses.v[i]);
	}
	if (rule->droplets.nr == 0 && rule->tags.nr == 0)
		return;
	for (size_t i = 0; i < world->droplets.nr; i++) {
		const struct droplet *droplet = world->droplets.v[i];

		if (!comes_from(rule, droplet))
			continue;
		if (droplet->public_ip[0])
			admit(ret, rule, droplet->public_ip);
		if (droplet->private_ip[0])
			admit(ret, rule, droplet->private_ip);
	}
}

void droplet_admits(const struct droplet_world *world, const struct droplet *droplet,
		    struct droplet_admits *ret)
{
	static const struct droplet_rule everything = { .protocol = "tcp" };
	bool guarded = false;

	ret->nr = 0;
	for (size_t i = 0; i < world->firewalls.nr; i++) {
		const struct droplet_firewall *firewall = world->firewalls.v[i];

		if (!droplet_firewall_guards(firewall, droplet))
			continue;
		guarded = true;
		for (size_t n = 0; n < firewall->in.nr; n++) {
			if (strcmp(firewall->in.v[n].protocol, "tcp") == 0)
				admit_rule(world, &firewall->in.v[n], ret);
		}
	}
	if (!guarded)
		admit(ret, &everything, "0.0.0.0/0");
}

void droplet_firewall_guarded(const struct droplet_world *world,
			      const struct droplet_firewall *firewall, struct droplet_list *ret)
{
	for (size_t i = 0; i < world->droplets.nr; i++) {
		if (droplet_firewall_guards(firewall, world->droplets.v[i]))
			droplet_list_add(ret, world->droplets.v[i]);
	}
}

static void add_change(struct droplet_firewall *firewall, struct droplet *droplet, bool removing)
{
	for (size_t i = 0; i < firewall->nr_changes; i++) {
		if (firewall->changes[i].droplet == droplet) {
			firewall->changes[i].removing = removing;
			return;
		}
	}
	firewall->changes = xgrow(firewall->changes, firewall->nr_changes, &firewall->cap_changes,
				  sizeof(*firewall->changes));
	firewall->changes[firewall->nr_changes++] = (struct droplet_change){ droplet, removing };
}

void droplet_firewall_changed(struct droplet_world *world, struct droplet_firewall *firewall,
			      const struct droplet_list *before)
{
	struct droplet_list now = { 0 };

	droplet_firewall_guarded(world, firewall, &now);
	for (size_t i = 0; i < now.nr; i++)
		add_change(firewall, now.v[i], false);
	for (size_t i = 0; before && i < before->nr; i++) {
		if (!droplet_list_has(&now, before->v[i]))
			add_change(firewall, before->v[i], true);
	}
	droplet_list_release(&now);
	if (firewall->nr_changes) {
		firewall->due_ms = world->cloud->now_ms + world->cloud->config.end_ms;
		cloud_wake(world->cloud, firewall->due_ms);
	}
	droplet_recheck(world); /* others' rules may name the same droplets by a tag */
}

void droplet_recheck(struct droplet_world *world)
{
	int64_t due_ms = world->cloud->now_ms + world->cloud->config.end_ms;

	if (world->firewalls.nr == 0)
		return;
	if (due_ms < world->apply_ms)
		world->apply_ms = due_ms;
	cloud_wake(world->cloud, world->apply_ms);
}

void droplet_apply(struct droplet_world *world)
{
	const struct cloud_machines *machines = world->cloud->config.machines;
	struct droplet_admits admits;

	world->apply_ms = NEVER_MS;
	for (size_t i = 0; machines && i < world->droplets.nr; i++) {
		const struct droplet *droplet = world->droplets.v[i];

		if (droplet->status != DROPLET_ACTIVE || droplet->ended_ms)
			continue;
		droplet_admits(world, droplet, &admits);
		machines->admit(machines->ctx, droplet->id_text, admits.v, admits.nr);
	}
}

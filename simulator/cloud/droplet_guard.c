/* SPDX-License-Identifier: Apache-2.0 */
/* Firewalls in parts: rules, tags and droplets that are added and taken away. */
#include <string.h>

#include <cjson/cJSON.h>

#include "core/json.h"
#include "core/mem.h"
#include "simulator/cloud/droplet.h"

static int read_rules(struct droplet_world *world, const struct rest_call *call,
		      struct droplet_rules *in, struct droplet_rules *out)
{
	static const char *const known[] = { "inbound_rules", "outbound_rules", NULL };

	if (droplet_need_body(call, known) ||
	    droplet_rules_read(world, call, call->body, "inbound_rules", in) ||
	    droplet_rules_read(world, call, call->body, "outbound_rules", out))
		return -1;
	if (in->nr + out->nr == 0)
		return droplet_refuse(call, "inbound_rules or outbound_rules must be there");
	return 0;
}

static size_t find_rule(const struct droplet_rules *rules, const struct droplet_rule *rule)
{
	size_t i = 0;

	while (i < rules->nr && !droplet_rule_equal(&rules->v[i], rule))
		i++;
	return i;
}

/* One that is there already changes nothing. */
static void add_all(struct droplet_rules *to, struct droplet_rules *from)
{
	for (size_t i = 0; i < from->nr; i++) {
		if (find_rule(to, &from->v[i]) < to->nr)
			continue;
		to->v = xgrow(to->v, to->nr, &to->cap, sizeof(*to->v));
		to->v[to->nr++] = from->v[i];
		from->v[i] = (struct droplet_rule){ 0 };
	}
}

void droplet_add_rules(void *self, struct rest_call *call)
{
	struct droplet_firewall *firewall = droplet_firewall_need(self, call);
	struct droplet_rules in = { 0 }, out = { 0 };

	if (!firewall)
		return;
	if (read_rules(self, call, &in, &out) == 0) {
		if (firewall->in.nr + firewall->out.nr + in.nr + out.nr > DROPLET_FIREWALL_RULES) {
			droplet_refuse(call, "a firewall has at most %d rules",
				       DROPLET_FIREWALL_RULES);
		} else {
			add_all(&firewall->in, &in);
			add_all(&firewall->out, &out);
			droplet_firewall_changed(self, firewall, NULL);
			rest_reply(call, 204, NULL);
		}
	}
	droplet_rules_release(&in);
	droplet_rules_release(&out);
}

static bool has_all(const struct droplet_rules *rules, const struct droplet_rules *which)
{
	for (size_t i = 0; i < which->nr; i++) {
		if (find_rule(rules, &which->v[i]) == rules->nr)
			return false;
	}
	return true;
}

static void drop_all(struct droplet_rules *rules, const struct droplet_rules *which)
{
	for (size_t i = 0; i < which->nr; i++) {
		size_t at = find_rule(rules, &which->v[i]);

		if (at < rules->nr)
			droplet_rules_cut(rules, at);
	}
}

void droplet_drop_rules(void *self, struct rest_call *call)
{
	struct droplet_firewall *firewall = droplet_firewall_need(self, call);
	struct droplet_rules in = { 0 }, out = { 0 };

	if (!firewall)
		return;
	if (read_rules(self, call, &in, &out) == 0) {
		if (!has_all(&firewall->in, &in) || !has_all(&firewall->out, &out)) {
			droplet_refuse(call, "the firewall has no such rule");
		} else if (firewall->in.nr + firewall->out.nr <= in.nr + out.nr) {
			droplet_refuse(call, "firewall must have at least one rule");
		} else {
			drop_all(&firewall->in, &in);
			drop_all(&firewall->out, &out);
			droplet_firewall_changed(self, firewall, NULL);
			rest_reply(call, 204, NULL);
		}
	}
	droplet_rules_release(&in);
	droplet_rules_release(&out);
}

/* The array of that name, which the body must have and nothing else. */
static int read_only(const struct rest_call *call, const char *name, bool null_ok,
		     const cJSON **ret)
{
	if (droplet_need_body(call, (const char *const[]){ name, NULL }) ||
	    droplet_read_array(call, call->body, name, null_ok, ret))
		return -1;
	if (!*ret && !null_ok)
		return droplet_refuse(call, "%s must be there", name);
	if (!*ret && !cJSON_HasObjectItem(call->body, name))
		return droplet_refuse(call, "%s must be there", name);
	return 0;
}

/* What a member of the firewall's is to have more, or no longer. */
static void change(struct droplet_world *world, struct rest_call *call,
		   struct droplet_firewall *firewall, struct droplet_list *list,
		   const struct droplet_list *which)
{
	bool drop = strcmp(call->method, "DELETE") == 0;
	struct droplet_list before = { 0 };

	droplet_firewall_guarded(world, firewall, &before);
	for (size_t i = 0; i < which->nr; i++) {
		if (drop)
			droplet_list_drop(list, which->v[i]);
		else if (!droplet_list_has(list, which->v[i]))
			droplet_list_add(list, which->v[i]);
	}
	droplet_firewall_changed(world, firewall, &before);
	droplet_list_release(&before);
	rest_reply(call, 204, NULL);
}

/* Both ways, by the method. */
void droplet_change_firewall_tags(void *self, struct rest_call *call)
{
	struct droplet_firewall *firewall = droplet_firewall_need(self, call);
	struct droplet_list tags = { 0 };
	const cJSON *array;

	if (!firewall)
		return;
	if (read_only(call, "tags", true, &array) == 0 &&
	    droplet_read_tags(self, call, array, &tags) == 0) {
		if (strcmp(call->method, "POST") == 0 &&
		    firewall->tags.nr + tags.nr > DROPLET_FIREWALL_TAGS)
			droplet_refuse(call, "a firewall has at most %d tags",
				       DROPLET_FIREWALL_TAGS);
		else
			change(self, call, firewall, &firewall->tags, &tags);
	}
	droplet_list_release(&tags);
}

void droplet_change_guarded(void *self, struct rest_call *call)
{
	struct droplet_firewall *firewall = droplet_firewall_need(self, call);
	struct droplet_list droplets = { 0 };
	const cJSON *array;

	if (!firewall)
		return;
	if (read_only(call, "droplet_ids", false, &array) == 0 &&
	    droplet_read_droplets(self, call, array, &droplets) == 0) {
		if (strcmp(call->method, "POST") == 0 &&
		    firewall->droplets.nr + droplets.nr > DROPLET_FIREWALL_IDS)
			droplet_refuse(call, "a firewall has at most %d droplet_ids",
				       DROPLET_FIREWALL_IDS);
		else
			change(self, call, firewall, &firewall->droplets, &droplets);
	}
	droplet_list_release(&droplets);
}

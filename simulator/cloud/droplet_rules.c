/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a firewall: read and checked, written down, compared. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/json.h"
#include "core/mem.h"
#include "simulator/cloud/droplet.h"

#define PORT_MAX      65535
#define ADDRESSES_MAX 200 /* of one rule */

static void release_rule(struct droplet_rule *rule)
{
	for (size_t i = 0; i < rule->addresses.nr; i++)
		free(rule->addresses.v[i]);
	droplet_list_release(&rule->addresses);
	droplet_list_release(&rule->tags);
	droplet_list_release(&rule->droplets);
}

void droplet_rules_release(struct droplet_rules *rules)
{
	for (size_t i = 0; i < rules->nr; i++)
		release_rule(&rules->v[i]);
	free(rules->v);
	*rules = (struct droplet_rules){ 0 };
}

/* "80", "8000-9000", "0" or "all". */
static int read_ports(const struct rest_call *call, const char *text, struct droplet_rule *rule)
{
	const char *dash = strchr(text, '-');
	char low[8];
	int64_t from, to;

	if (strcmp(text, "0") == 0 || strcmp(text, "all") == 0)
		return 0;
	if (strcmp(rule->protocol, "icmp") == 0)
		return droplet_refuse(call, "ports of an icmp rule must be '0'");
	snprintf(low, sizeof(low), "%.*s", (int)(dash ? dash - text : 7), text);
	from = droplet_parse_id(low);
	to = dash ? droplet_parse_id(dash + 1) : droplet_parse_id(text);
	if (from < 1 || to > PORT_MAX || from > to)
		return droplet_refuse(call, "ports '%.20s' must be a port, a range of them, or '0'",
				      text);
	rule->from = (unsigned)from;
	rule->to = (unsigned)to;
	return 0;
}

/* An IPv4 or IPv6 address, alone or with the length of a prefix. */
static bool valid_address(const char *text)
{
	const char *slash = strchr(text, '/');
	bool six = strchr(text, ':') != NULL;
	char address[CIDR_TEXT_MAX];
	unsigned char raw[16];
	int64_t bits = 0;

	if (strlen(text) >= sizeof(address))
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)(slash ? slash - text : 60), text);
	if (slash && strcmp(slash, "/0") != 0)
		bits = droplet_parse_id(slash + 1);
	return inet_pton(six ? AF_INET6 : AF_INET, address, raw) == 1 && bits >= 0 &&
	       bits <= (six ? 128 : 32);
}

static int read_addresses(const struct rest_call *call, const cJSON *array,
			  struct droplet_rule *rule)
{
	for (const cJSON *node = json_first(array); node; node = json_next(node)) {
		if (!cJSON_IsString(node) || !valid_address(node->valuestring))
			return droplet_refuse(call,
					      "addresses must be IP addresses or CIDRs%s%.60s",
					      cJSON_IsString(node) ? ", not " : "",
					      cJSON_IsString(node) ? node->valuestring : "");
		if (rule->addresses.nr == ADDRESSES_MAX)
			return droplet_refuse(call, "addresses must be at most %d", ADDRESSES_MAX);
		droplet_list_add(&rule->addresses, xstrdup(node->valuestring));
	}
	return 0;
}

static int read_target(struct droplet_world *world, const struct rest_call *call,
		       const cJSON *target, struct droplet_rule *rule)
{
	static const char *const known[] = { "addresses",	   "droplet_ids",    "tags",
					     "load_balancer_uids", "kubernetes_ids", NULL };
	const cJSON *addresses, *ids, *tags, *balancers, *clusters;

	if (droplet_known(call, target, known) ||
	    droplet_read_array(call, target, "addresses", false, &addresses) ||
	    droplet_read_array(call, target, "droplet_ids", false, &ids) ||
	    droplet_read_array(call, target, "tags", true, &tags) ||
	    droplet_read_array(call, target, "load_balancer_uids", false, &balancers) ||
	    droplet_read_array(call, target, "kubernetes_ids", false, &clusters) ||
	    read_addresses(call, addresses, rule) ||
	    droplet_read_droplets(world, call, ids, &rule->droplets) ||
	    droplet_read_tags(world, call, tags, &rule->tags))
		return -1;
	if (json_len(balancers) || json_len(clusters))
		return droplet_refuse(call, "%s does not exist",
				      json_len(balancers) ? "load balancer" : "cluster");
	if (rule->addresses.nr + rule->droplets.nr + rule->tags.nr == 0)
		return droplet_refuse(call, "a rule needs at least one source or destination");
	return 0;
}

static int read_rule(struct droplet_world *world, const struct rest_call *call, const cJSON *node,
		     const char *target_name, struct droplet_rule *rule)
{
	const char *const known[] = { "protocol", "ports", target_name, NULL };
	const cJSON *target = cJSON_GetObjectItemCaseSensitive(node, target_name);
	const char *protocol = NULL, *ports = NULL;

	if (!cJSON_IsObject(node))
		return droplet_refuse(call, "a rule must be an object");
	if (droplet_known(call, node, known) ||
	    droplet_read_text(call, node, "protocol", 10, &protocol) ||
	    droplet_read_text(call, node, "ports", 20, &ports))
		return -1;
	if (!protocol || (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0 &&
			  strcmp(protocol, "icmp") != 0))
		return droplet_refuse(call, "protocol must be 'tcp', 'udp' or 'icmp'");
	if (!ports)
		return droplet_refuse(call, "ports must be there");
	if (!cJSON_IsObject(target))
		return droplet_refuse(call, "%s must be an object", target_name);
	snprintf(rule->protocol, sizeof(rule->protocol), "%s", protocol);
	return read_ports(call, ports, rule) || read_target(world, call, target, rule) ? -1 : 0;
}

int droplet_rules_read(struct droplet_world *world, const struct rest_call *call, const cJSON *body,
		       const char *name, struct droplet_rules *ret)
{
	const char *target = strcmp(name, "inbound_rules") == 0 ? "sources" : "destinations";
	const cJSON *array;

	if (droplet_read_array(call, body, name, true, &array))
		return -1;
	for (const cJSON *node = json_first(array); node; node = json_next(node)) {
		if (ret->nr == DROPLET_FIREWALL_RULES)
			return droplet_refuse(call, "a firewall has at most %d rules",
					      DROPLET_FIREWALL_RULES);
		ret->v = xgrow(ret->v, ret->nr, &ret->cap, sizeof(*ret->v));
		ret->v[ret->nr] = (struct droplet_rule){ 0 };
		if (read_rule(world, call, node, target, &ret->v[ret->nr++]))
			return -1;
	}
	return 0;
}

cJSON *droplet_rules_json(const struct droplet_rules *rules, const char *target_name)
{
	cJSON *out = cJSON_CreateArray();

	for (size_t i = 0; i < rules->nr; i++) {
		const struct droplet_rule *rule = &rules->v[i];
		cJSON *node = cJSON_CreateObject(), *target, *list;
		char ports[16] = "0";

		if (rule->to)
			snprintf(ports, sizeof(ports), rule->from == rule->to ? "%u" : "%u-%u",
				 rule->from, rule->to);
		cJSON_AddStringToObject(node, "protocol", rule->protocol);
		cJSON_AddStringToObject(node, "ports", ports);
		target = cJSON_AddObjectToObject(node, target_name);
		list = rule->addresses.nr ? cJSON_AddArrayToObject(target, "addresses") : NULL;
		for (size_t n = 0; n < rule->addresses.nr; n++)
			cJSON_AddItemToArray(list, cJSON_CreateString(rule->addresses.v[n]));
		list = rule->droplets.nr ? cJSON_AddArrayToObject(target, "droplet_ids") : NULL;
		for (size_t n = 0; n < rule->droplets.nr; n++) {
			const struct droplet *droplet = rule->droplets.v[n];

			cJSON_AddItemToArray(list, cJSON_CreateNumber((double)droplet->id));
		}
		if (rule->tags.nr)
			droplet_add_strings(target, "tags", &rule->tags);
		cJSON_AddItemToArray(out, node);
	}
	return out;
}

static bool same_items(const struct droplet_list *a, const struct droplet_list *b)
{
	if (a->nr != b->nr)
		return false;
	for (size_t i = 0; i < a->nr; i++) {
		if (!droplet_list_has(b, a->v[i]))
			return false;
	}
	return true;
}

static bool same_texts(const struct droplet_list *a, const struct droplet_list *b)
{
	if (a->nr != b->nr)
		return false;
	for (size_t i = 0; i < a->nr; i++) {
		size_t n = 0;

		while (n < b->nr && strcmp(a->v[i], b->v[n]) != 0)
			n++;
		if (n == b->nr)
			return false;
	}
	return true;
}

bool droplet_rule_equal(const struct droplet_rule *a, const struct droplet_rule *b)
{
	return strcmp(a->protocol, b->protocol) == 0 && a->from == b->from && a->to == b->to &&
	       same_texts(&a->addresses, &b->addresses) && same_items(&a->tags, &b->tags) &&
	       same_items(&a->droplets, &b->droplets);
}

void droplet_rules_cut(struct droplet_rules *rules, size_t i)
{
	release_rule(&rules->v[i]);
	memmove(&rules->v[i], &rules->v[i + 1], (rules->nr - i - 1) * sizeof(*rules->v));
	rules->nr--;
}

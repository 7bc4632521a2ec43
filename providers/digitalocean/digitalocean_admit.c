/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One more address that may log in: whoever does so from elsewhere. Rules have no description that could
 * tell whose they are; so each owner's addresses are in a firewall of their own, beside the launch's and
 * for the same tag. Rules are added at its end: the first one is the oldest.
 *
 * https://docs.digitalocean.com/reference/api/digitalocean/#operation/firewalls_add_rules
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"
#include "providers/ingress.h"

#define RULES_READ 1024 /* of all firewalls of one launch */
#define CIDR_MAX   64

struct entry {
	uint16_t port;
	char cidr[CIDR_MAX];
};

struct look {
	const struct admit_request *request;
	struct ingress_block block;
	bool found, admits;	/* found: the launch's own firewall */
	struct ocean_name name; /* of the launch's own */
	char own_id[40];	/* of the owner's; "": none so far */
	struct entry entries[RULES_READ];
	size_t nr;
};

/* --- reading --------------------------------------------------------------------------------- */

/* "22", "8000-9000" or "0": all. */
static bool holds_port(const char *ports, uint16_t port)
{
	char *end;
	unsigned long from = strtoul(ports, &end, 10), to = from;

	if (end == ports)
		return false;
	if (*end == '-')
		to = strtoul(end + 1, &end, 10);
	return !*end && ((!from && !to) || (port >= from && port <= to));
}

/* An address alone is a block of one. */
static bool read_source(const char *text, struct ingress_block *ret)
{
	char whole[CIDR_MAX];

	if (strchr(text, '/'))
		return ingress_block_read(text, ret);
	snprintf(whole, sizeof(whole), "%.45s/%s", text, strchr(text, ':') ? "128" : "32");
	return ingress_block_read(whole, ret);
}

static int take_rule(struct look *look, const struct cJSON *rule, bool own, struct error *err)
{
	const struct cJSON *addresses = json_get(rule, "sources.addresses");
	const char *protocol, *ports;

	if (json_string(rule, "protocol", 16, &protocol, err) ||
	    json_string(rule, "ports", 32, &ports, err))
		return -1;
	if (strcmp(protocol, "tcp") != 0)
		return 0;
	for (const struct cJSON *one = json_first(addresses); one; one = json_next(one)) {
		const char *text = json_text(one);
		struct ingress_block block;

		if (!text || !read_source(text, &block))
			return error_set(err, ERROR_PROTOCOL,
					 "field 'sources.addresses' holds no address");
		if (holds_port(ports, look->request->port))
			look->admits |= ingress_block_holds(&block, &look->block);
		if (!own || strlen(text) >= CIDR_MAX || look->nr == RULES_READ)
			continue;
		struct entry *entry = &look->entries[look->nr++];
		entry->port = (uint16_t)strtoul(ports, NULL, 10);
		snprintf(entry->cidr, sizeof(entry->cidr), "%s", text);
	}
	return 0;
}

static int take_firewall(void *ctx, const struct cJSON *item, struct error *err)
{
	struct look *look = ctx;
	struct ocean_firewall firewall;
	const struct cJSON *rules;
	int rc = ocean_firewall_read(item, &firewall, err);

	if (rc <= 0 || strcmp(firewall.said.launch_id, look->request->launch_id) != 0)
		return rc < 0 ? -1 : 0;
	bool own = strcmp(firewall.said.extra, look->request->owner) == 0;
	if (!*firewall.said.extra) {
		look->found = true;
		look->name = firewall.said;
	}
	if (own)
		snprintf(look->own_id, sizeof(look->own_id), "%s", firewall.id);
	rules = json_get(item, "inbound_rules");
	for (const struct cJSON *rule = json_first(rules); rule; rule = json_next(rule))
		if (take_rule(look, rule, own, err))
			return -1;
	return 0;
}

static int look_up(struct provider *p, struct look *look, struct error *err)
{
	const struct ocean_list list = { .path = REST_PATH("firewalls"),
					 .what = "cannot list firewalls",
					 .member = "firewalls",
					 .ctx = look,
					 .item = take_firewall };

	look->found = look->admits = false;
	look->own_id[0] = '\0';
	look->nr = 0;
	if (ocean_list(p, &list, err))
		return -1;
	if (look->found)
		return 0;
	return error_set(err, ERROR_NOT_FOUND, "%s has no firewall that gpucloud made for it",
			 look->request->instance);
}

/* --- writing --------------------------------------------------------------------------------- */

static void add_entry(struct cJSON *rules, uint16_t port, const char *cidr)
{
	cJSON_AddItemToArray(rules, ocean_rule(port, &cidr, 1));
}

/* One more rule, whatever others there are: two computers at once lose neither. */
static int append(struct provider *p, const struct look *look, struct error *err)
{
	struct cJSON *body = cJSON_CreateObject();
	struct rest_call call;

	add_entry(cJSON_AddArrayToObject(body, "inbound_rules"), look->request->port,
		  look->request->cidr);
	rest_begin(&call, &p->rest, REST_CHANGE, "POST",
		   REST_PATH("firewalls", look->own_id, "rules"), "cannot let %s in to %s",
		   look->request->cidr, look->request->instance);
	rest_body(&call, body);
	int rc = rest_send(&call, err);
	rest_release(&call);
	return rc;
}

/* The owner's firewall as a whole: with the newest of what it had, from `first` on. */
static int put(struct provider *p, const struct look *look, size_t first, struct error *err)
{
	struct cJSON *body = cJSON_CreateObject(), *rules;
	char name[OCEAN_TEXT_MAX + 1], tag[OCEAN_TEXT_MAX + 1];
	const char *const tags[] = { tag };
	struct ocean_name said = look->name;
	struct rest_call call;

	snprintf(said.extra, sizeof(said.extra), "%s", look->request->owner);
	if (ocean_name_write(&said, name, err) ||
	    ocean_tag_make_name(TAG_LAUNCH, look->request->launch_id, NULL, tag, err)) {
		cJSON_Delete(body);
		return -1;
	}
	cJSON_AddStringToObject(body, "name", name);
	rules = cJSON_AddArrayToObject(body, "inbound_rules");
	for (size_t i = first; i < look->nr; i++)
		add_entry(rules, look->entries[i].port, look->entries[i].cidr);
	add_entry(rules, look->request->port, look->request->cidr);
	cJSON_AddItemToObject(body, "tags", cJSON_CreateStringArray(tags, 1));
	rest_begin(&call, &p->rest, REST_CHANGE, *look->own_id ? "PUT" : "POST",
		   *look->own_id ? REST_PATH("firewalls", look->own_id) : REST_PATH("firewalls"),
		   "cannot let %s in to %s", look->request->cidr, look->request->instance);
	rest_body(&call, body);
	int rc = rest_send(&call, err);
	rest_release(&call);
	return rc;
}

/* A laptop that moves every day must not fill the firewall: the oldest go, which may come again. */
static int let_in(struct provider *p, const struct look *look, struct admit_result *ret,
		  struct error *err)
{
	size_t first = look->nr >= ADMIT_MOST ? look->nr + 1 - ADMIT_MOST : 0;
	int rc = *look->own_id && !first ? append(p, look, err) : put(p, look, first, err);

	if (rc)
		return -1;
	*ret = (struct admit_result){ .added = true, .removed = (unsigned)first };
	return 0;
}

static int check(const struct admit_request *request, struct ingress_block *block,
		 struct error *err)
{
	if (ocean_launch_id_check(request->launch_id, err))
		return -1;
	if (!text_is_label(request->owner) || !request->port)
		return error_set(err, ERROR_USAGE, "an address needs an owner and a port");
	if (!ingress_block_read(request->cidr, block) || block->bits != block->most)
		return error_set(err, ERROR_USAGE, "'%.60s' is not one address", request->cidr);
	return 0;
}

int ocean_admit(struct provider *p, const struct admit_request *request, struct admit_result *ret,
		struct error *err)
{
	struct look *look = xcalloc(1, sizeof(*look));
	struct admit_result result = { .added = false };
	struct error why = ERROR_INIT;
	int rc = -1;

	look->request = request;
	/* The name is taken: another of the owner's computers was quicker. */
	for (int try = 1; check(request, &look->block, &why) == 0 && try <= 2; try++) {
		rc = look_up(p, look, &why);
		if (rc == 0 && !look->admits)
			rc = let_in(p, look, &result, &why);
		if (rc == 0 || why.kind != ERROR_CONFLICT)
			break;
	}
	free(look);
	if (rc)
		*err = why;
	else
		*ret = result;
	return rc;
}

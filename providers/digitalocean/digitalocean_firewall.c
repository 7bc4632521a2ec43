/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firewall of a launch: SSH's port and those asked for, from the caller's blocks only; outwards
 * everything. It guards whatever carries the launch's tag, so that it is in force when the droplet
 * appears. A firewall takes no tag that does not exist; the firewall comes first all the same, for its
 * name is what tells whose that tag is.
 *
 * https://docs.digitalocean.com/reference/api/digitalocean/#tag/Firewalls
 * https://docs.digitalocean.com/products/networking/firewalls/details/limits/
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"
#include "providers/ingress.h"

#define RULES_MAX  50 /* of one firewall, in and out */
#define OUTWARDS   3
#define BLOCKS_MAX 200
#define UUID_LEN   36

int ocean_firewall_check(const struct launch_request *request, struct error *err)
{
	if (ingress_check(request, err) < 0)
		return -1;
	if (request->nr_ports + 1 + OUTWARDS > RULES_MAX || request->nr_from > BLOCKS_MAX)
		return error_set(err, ERROR_USAGE,
				 "too many ports or blocks: a firewall of DigitalOcean's has %d "
				 "rules, of %d blocks each",
				 RULES_MAX, BLOCKS_MAX);
	return 0;
}

/* --- bodies ---------------------------------------------------------------------------------- */

static struct cJSON *make_rule(const char *protocol, const char *ports, const char *target,
			       const char *const *blocks, size_t nr)
{
	struct cJSON *rule = cJSON_CreateObject(), *addresses;

	cJSON_AddStringToObject(rule, "protocol", protocol);
	cJSON_AddStringToObject(rule, "ports", ports);
	addresses = cJSON_AddArrayToObject(cJSON_AddObjectToObject(rule, target), "addresses");
	for (size_t i = 0; i < nr; i++)
		cJSON_AddItemToArray(addresses, cJSON_CreateString(blocks[i]));
	return rule;
}

struct cJSON *ocean_rule(uint16_t port, const char *const *blocks, size_t nr)
{
	char ports[8];

	snprintf(ports, sizeof(ports), "%u", (unsigned)port);
	return make_rule("tcp", ports, "sources", blocks, nr);
}

/* With nobody let in there is no rule: nobody is. */
static struct cJSON *inbound(const struct launch_request *request)
{
	struct cJSON *rules = cJSON_CreateArray();

	for (size_t i = 0; i <= request->nr_ports && request->nr_from; i++) {
		uint16_t port = ingress_port(request, i);

		if (port)
			cJSON_AddItemToArray(rules,
					     ocean_rule(port, request->from, request->nr_from));
	}
	return rules;
}

static struct cJSON *outbound(void)
{
	static const char *const protocols[OUTWARDS] = { "tcp", "udp", "icmp" };
	static const char *const everywhere[] = { "0.0.0.0/0", "::/0" };
	struct cJSON *rules = cJSON_CreateArray();

	for (size_t i = 0; i < OUTWARDS; i++) /* "0": all ports */
		cJSON_AddItemToArray(rules, make_rule(protocols[i], "0", "destinations", everywhere,
						      ARRAY_SIZE(everywhere)));
	return rules;
}

static int begin(struct provider *p, const struct launch_request *request, struct rest_call *call,
		 char name[OCEAN_TEXT_MAX + 1], struct error *err)
{
	struct ocean_name whose;
	struct cJSON *body;

	if (ocean_name_of(request, &whose, err) || ocean_name_write(&whose, name, err))
		return -1;
	body = cJSON_CreateObject();
	cJSON_AddStringToObject(body, "name", name);
	cJSON_AddItemToObject(body, "inbound_rules", inbound(request));
	cJSON_AddItemToObject(body, "outbound_rules", outbound());
	/* Names are the account's once: sent twice it is refused the second time. */
	rest_begin(call, &p->rest, REST_CHANGE, "POST", REST_PATH("firewalls"),
		   "cannot create firewall '%s'", name);
	rest_body(call, body);
	return 0;
}

/* In force for the tag. It may have been made for other ports or blocks: all of it is said anew. */
static void begin_replace(struct provider *p, const struct launch_request *request, const char *id,
			  const char *name, const char *tag, struct rest_call *call)
{
	struct cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "name", name);
	cJSON_AddItemToObject(body, "inbound_rules", inbound(request));
	cJSON_AddItemToObject(body, "outbound_rules", outbound());
	cJSON_AddItemToObject(body, "tags", cJSON_CreateStringArray(&tag, 1));
	rest_begin(call, &p->rest, REST_CHANGE, "PUT", REST_PATH("firewalls", id),
		   "cannot put firewall '%s' in force", name);
	rest_body(call, body);
}

void ocean_firewall_show(struct provider *p, const struct launch_request *request,
			 const struct launch_steps *steps)
{
	char name[OCEAN_TEXT_MAX + 1], tag[OCEAN_TEXT_MAX + 1];
	struct error ignored = ERROR_INIT;
	struct rest_call call;

	if (begin(p, request, &call, name, &ignored))
		return;
	rest_show(&call, steps);
	rest_release(&call);
	if (ocean_tag_make_name(TAG_LAUNCH, request->launch_id, NULL, tag, &ignored))
		return;
	ocean_tag_show(p, tag, steps);
	begin_replace(p, request, "NEW-FIREWALL", name, tag, &call);
	rest_show(&call, steps);
	rest_release(&call);
}

/* --- the one of an earlier try --------------------------------------------------------------- */

static bool is_uuid(const char *text)
{
	return strlen(text) == UUID_LEN && strspn(text, "0123456789abcdef-") == UUID_LEN;
}

int ocean_firewall_read(const struct cJSON *node, struct ocean_firewall *ret, struct error *err)
{
	const char *name, *id;

	if (json_string(node, "name", 1024, &name, err))
		return -1;
	*ret = (struct ocean_firewall){ .node = node };
	if (strlen(name) > OCEAN_TEXT_MAX || !ocean_name_read(name, &ret->said))
		return 0;
	if (json_string(node, "id", 64, &id, err))
		return -1;
	if (!is_uuid(id))
		return error_set(err, ERROR_PROTOCOL, "field 'id' of the reply is no firewall's");
	snprintf(ret->id, sizeof(ret->id), "%s", id);
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	return 1;
}

struct lookup {
	const char *name;
	char *ret_id; /* 40 bytes */
	bool found;
};

static int take_firewall(void *ctx, const struct cJSON *item, struct error *err)
{
	struct lookup *lookup = ctx;
	struct ocean_firewall firewall;
	int rc = ocean_firewall_read(item, &firewall, err);

	if (rc > 0 && strcmp(firewall.name, lookup->name) == 0) {
		snprintf(lookup->ret_id, 40, "%s", firewall.id);
		lookup->found = true;
	}
	return rc < 0 ? -1 : 0;
}

static int replace(struct provider *p, const struct launch_request *request, const char *id,
		   const char *name, const char *tag, struct error *err)
{
	struct rest_call call;

	begin_replace(p, request, id, name, tag, &call);
	int rc = rest_send(&call, err);
	rest_release(&call);
	return rc;
}

static int make(struct provider *p, const struct launch_request *request, char ret_id[40],
		char name[OCEAN_TEXT_MAX + 1], struct error *err)
{
	struct lookup lookup = { .name = name, .ret_id = ret_id };
	const struct ocean_list list = { .path = REST_PATH("firewalls"),
					 .what = "cannot list firewalls",
					 .member = "firewalls",
					 .ctx = &lookup,
					 .item = take_firewall };
	struct error why = ERROR_INIT;
	struct rest_call call;
	const struct cJSON *made;

	if (begin(p, request, &call, name, err))
		return -1;
	int rc = rest_send(&call, &why);
	made = rc == 0 ? json_get(call.json.root, "firewall") : NULL;
	if (rc == 0 && (!made || take_firewall(&lookup, made, &why) || !lookup.found))
		rc = error_set(&why, ERROR_PROTOCOL, "%s: the reply shows no such firewall",
			       call.what);
	rest_release(&call);
	if (rc == 0)
		return 0;
	*err = why;
	if (why.kind != ERROR_CONFLICT || ocean_list(p, &list, err))
		return -1;
	if (lookup.found)
		return 0;
	*err = why;
	return -1;
}

int ocean_firewall_make(struct provider *p, const struct launch_request *request, char ret_id[40],
			struct error *err)
{
	char name[OCEAN_TEXT_MAX + 1], tag[OCEAN_TEXT_MAX + 1];

	if (ocean_tag_make_name(TAG_LAUNCH, request->launch_id, NULL, tag, err) ||
	    make(p, request, ret_id, name, err) || ocean_tag_make(p, tag, err) ||
	    replace(p, request, ret_id, name, tag, err)) {
		err->unknown = false; /* it costs nothing, and is found by its name */
		return -1;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/cloud/rules.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"

#define DESCRIPTION_CHARS " ._-:/()#,@[]+=&;{}!$*"

/* "203.0.113.9/24" becomes "203.0.113.0/24", as EC2 keeps it. */
static bool canonical_cidr(const char *text, bool ipv6, char out[CIDR_TEXT_MAX])
{
	unsigned char raw[16];
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	unsigned bits_max = ipv6 ? 128 : 32, bits;
	char *end;

	if (!slash || slash[1] < '0' || slash[1] > '9' || (size_t)(slash - text) >= sizeof(address))
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
	bits = (unsigned)strtoul(slash + 1, &end, 10);
	if (*end || end - slash > 4 || bits > bits_max ||
	    inet_pton(ipv6 ? AF_INET6 : AF_INET, address, raw) != 1)
		return false;
	for (unsigned i = bits; i < bits_max; i++)
		raw[i / 8] &= (unsigned char)~(0x80u >> i % 8);
	inet_ntop(ipv6 ? AF_INET6 : AF_INET, raw, address, sizeof(address));
	snprintf(out, CIDR_TEXT_MAX, "%s/%u", address, bits);
	return true;
}

static bool same_rule(const struct rule *a, const struct rule *b)
{
	return strcmp(a->protocol, b->protocol) == 0 && a->from == b->from && a->to == b->to &&
	       strcmp(a->cidr, b->cidr) == 0;
}

static int add_rule(struct ec2_call *call, struct group *group, const struct rule *rule,
		    const char *description)
{
	for (size_t i = 0; i < group->nr_rules; i++) {
		if (same_rule(&group->rules[i], rule))
			return ec2_fail(
				call, "InvalidPermission.Duplicate",
				"the specified rule \"peer: %s, %s, from port: %d, to port: "
				"%d, ALLOW\" already exists",
				rule->cidr, rule->protocol, rule->from, rule->to);
	}
	if (group->nr_rules == RULES_MAX)
		return ec2_fail(call, "RulesPerSecurityGroupLimitExceeded",
				"The maximum number of rules per security group has been reached.");
	if (description && !text_is_token(description, DESCRIPTION_CHARS, 255))
		return ec2_fail(call, "InvalidParameterValue", "Invalid rule description: '%.64s'",
				description);
	group->rules[group->nr_rules] = *rule;
	group->rules[group->nr_rules].description = description ? xstrdup(description) : NULL;
	cloud_new_id(call->cloud, "sgr", group->rules[group->nr_rules].id);
	group->nr_rules++;
	return 0;
}

/* IpRanges.N.CidrIp or Ipv6Ranges.N.CidrIpv6 of one permission; the number of them, or -1. */
static int read_ranges(struct ec2_call *call, struct group *group, const char *permission,
		       struct rule rule)
{
	struct sim_params *params = call->params;
	const char *list =
		params_name(params, "%s.%s", permission, rule.ipv6 ? "Ipv6Ranges" : "IpRanges");
	const char *member = rule.ipv6 ? "CidrIpv6" : "CidrIp";
	size_t nr = params_count(params, list, RULES_MAX);

	for (size_t i = 1; i <= nr; i++) {
		const char *cidr =
			params_need(params, params_name(params, "%s.%zu.%s", list, i, member));
		const char *description =
			params_get(params, params_name(params, "%s.%zu.Description", list, i));

		if (params_failed(params))
			return -1;
		if (!canonical_cidr(cidr, rule.ipv6, rule.cidr))
			return ec2_fail(call, "InvalidParameterValue",
					"CIDR block %.64s is malformed", cidr);
		if (add_rule(call, group, &rule, description) != 0)
			return -1;
	}
	return params_failed(params) ? -1 : (int)nr;
}

static int read_ports(struct ec2_call *call, const char *permission, struct rule *rule)
{
	struct sim_params *params = call->params;
	const char *from = params_name(params, "%s.FromPort", permission);
	const char *to = params_name(params, "%s.ToPort", permission);
	const char *protocol =
		params_need(params, params_name(params, "%s.IpProtocol", permission));

	if (params_failed(params))
		return -1;
	if (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0 &&
	    strcmp(protocol, "icmp") != 0 && strcmp(protocol, "-1") != 0)
		return ec2_fail(call, "InvalidParameterValue",
				"Invalid value '%.16s' for IP protocol. Unknown protocol.",
				protocol);
	snprintf(rule->protocol, sizeof(rule->protocol), "%s", protocol);
	rule->from = (int)params_int(params, from, -1, 65535, -1);
	rule->to = (int)params_int(params, to, -1, 65535, -1);
	if (params_failed(params) || strcmp(protocol, "-1") == 0)
		return params_failed(params) ? -1 : 0;
	if (!params_has(params, from) || !params_has(params, to))
		return ec2_fail(call, "InvalidParameterValue",
				"Invalid value '%s' for portRange. Must specify both from and to "
				"ports with TCP/UDP.",
				permission);
	if (strcmp(protocol, "icmp") != 0 && (rule->from > rule->to || rule->from < 0))
		return ec2_fail(call, "InvalidParameterValue", "Invalid port range: %d to %d",
				rule->from, rule->to);
	return 0;
}

void rules_read(struct ec2_call *call, struct group *group)
{
	size_t nr = params_count(call->params, "IpPermissions", RULES_MAX);

	if (nr == 0)
		ec2_fail(call, "MissingParameter",
			 "The request must contain the parameter IpPermissions");
	for (size_t i = 1; i <= nr; i++) {
		const char *permission = params_name(call->params, "IpPermissions.%zu", i);
		struct rule rule = { .ipv6 = false };
		int nr_v4, nr_v6;

		if (read_ports(call, permission, &rule) != 0)
			return;
		nr_v4 = read_ranges(call, group, permission, rule);
		rule.ipv6 = true;
		nr_v6 = nr_v4 < 0 ? -1 : read_ranges(call, group, permission, rule);
		if (nr_v6 < 0)
			return;
		if (nr_v4 + nr_v6 == 0)
			ec2_fail(call, "MissingParameter",
				 "The request must contain the parameter CidrIp");
	}
}

void rules_cut(struct group *group, size_t nr)
{
	while (group->nr_rules > nr)
		free(group->rules[--group->nr_rules].description);
}

static size_t find_rule(const struct group *group, const struct rule *rule)
{
	size_t at = 0;

	while (at < group->nr_rules && !same_rule(&group->rules[at], rule))
		at++;
	return at;
}

void rules_drop(struct ec2_call *call, struct group *group, const struct group *which)
{
	for (size_t i = 0; i < which->nr_rules; i++)
		if (find_rule(group, &which->rules[i]) == group->nr_rules) {
			ec2_fail(call, "InvalidPermission.NotFound",
				 "The specified rule does not exist in this security group.");
			return;
		}
	for (size_t i = 0; i < which->nr_rules; i++) {
		size_t at = find_rule(group, &which->rules[i]);

		free(group->rules[at].description);
		memmove(&group->rules[at], &group->rules[at + 1],
			(group->nr_rules - at - 1) * sizeof(group->rules[0]));
		group->nr_rules--;
	}
}

static void write_ports(struct buf *out, const struct rule *rule)
{
	out_str(out, "ipProtocol", rule->protocol);
	if (strcmp(rule->protocol, "-1") != 0) {
		out_int(out, "fromPort", rule->from);
		out_int(out, "toPort", rule->to);
	}
}

static bool same_ports(const struct rule *a, const struct rule *b)
{
	return strcmp(a->protocol, b->protocol) == 0 && a->from == b->from && a->to == b->to;
}

static void write_ranges(struct buf *out, const struct rule *rules, size_t nr, size_t first,
			 bool ipv6)
{
	const char *list = ipv6 ? "ipv6Ranges" : "ipRanges";

	out_open(out, list);
	for (size_t i = first; i < nr; i++) {
		if (rules[i].ipv6 != ipv6 || !same_ports(&rules[i], &rules[first]))
			continue;
		out_open(out, "item");
		out_str(out, ipv6 ? "cidrIpv6" : "cidrIp", rules[i].cidr);
		out_str(out, "description", rules[i].description);
		out_close(out, "item");
	}
	out_close(out, list);
}

/* EC2 shows one permission for each protocol and ports, with all its addresses. */
static void write_permissions(struct buf *out, const char *name, const struct rule *rules,
			      size_t nr)
{
	out_open(out, name);
	for (size_t i = 0; i < nr; i++) {
		size_t before = 0;

		while (before < i && !same_ports(&rules[before], &rules[i]))
			before++;
		if (before < i)
			continue;
		out_open(out, "item");
		write_ports(out, &rules[i]);
		out_str(out, "groups", "");
		write_ranges(out, rules, nr, i, false);
		write_ranges(out, rules, nr, i, true);
		out_close(out, "item");
	}
	out_close(out, name);
}

void rules_write(struct buf *out, const struct group *group)
{
	const struct rule all = { .protocol = "-1", .cidr = "0.0.0.0/0" };

	write_permissions(out, "ipPermissions", group->rules, group->nr_rules);
	write_permissions(out, "ipPermissionsEgress", &all, 1);
}

void rules_write_new(struct ec2_call *call, const struct group *group, size_t from)
{
	struct buf *out = call->out;

	out_open(out, "securityGroupRuleSet");
	for (size_t i = from; i < group->nr_rules; i++) {
		const struct rule *rule = &group->rules[i];

		out_open(out, "item");
		out_str(out, "securityGroupRuleId", rule->id);
		out_str(out, "groupId", group->base.id);
		out_str(out, "groupOwnerId", call->cloud->account);
		out_bool(out, "isEgress", false);
		write_ports(out, rule);
		out_str(out, rule->ipv6 ? "cidrIpv6" : "cidrIpv4", rule->cidr);
		out_str(out, "description", rule->description);
		out_close(out, "item");
	}
	out_close(out, "securityGroupRuleSet");
}

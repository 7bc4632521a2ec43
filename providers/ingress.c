/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/ingress.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "providers/provider.h"

bool ingress_block_read(const char *text, struct ingress_block *ret)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = text ? strchr(text, '/') : NULL;
	char *end;

	if (!slash || (size_t)(slash - text) >= sizeof(address) || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	*ret = (struct ingress_block){ .most = strchr(address, ':') ? 128 : 32 };
	ret->bits = (unsigned)strtoul(slash + 1, &end, 10);
	return !*end && end - slash <= 4 && ret->bits <= ret->most &&
	       inet_pton(ret->most == 128 ? AF_INET6 : AF_INET, address, ret->address) == 1;
}

bool ingress_block_holds(const struct ingress_block *outer, const struct ingress_block *inner)
{
	if (outer->most != inner->most || outer->bits > inner->bits)
		return false;
	for (unsigned i = 0; i < outer->bits; i++)
		if ((outer->address[i / 8] ^ inner->address[i / 8]) & (0x80u >> i % 8))
			return false;
	return true;
}

/* Clouds drop the bits behind the prefix: with /0, the whole world, if that is not meant. */
static bool is_meant(const char *text)
{
	static const unsigned char zero[16];
	struct ingress_block block;

	return ingress_block_read(text, &block) &&
	       (block.bits || memcmp(block.address, zero, sizeof(zero)) == 0);
}

int ingress_check(const struct launch_request *request, struct error *err)
{
	if (request->ssh_port == 0)
		return error_set(err, ERROR_USAGE, "port 0 cannot be opened");
	for (size_t i = 0; i < request->nr_ports; i++)
		if (request->ports[i] == 0)
			return error_set(err, ERROR_USAGE, "port 0 cannot be opened");
	for (size_t i = 0; i < request->nr_from; i++) {
		if (is_meant(request->from[i]))
			continue;
		error_set(err, ERROR_USAGE, "'%.80s' is no address block", request->from[i]);
		return error_hint(err, "write it as 203.0.113.7/32 or 2001:db8::/64");
	}
	return 0;
}

uint16_t ingress_port(const struct launch_request *request, size_t i)
{
	if (i == 0)
		return request->ssh_port;
	uint16_t port = request->ports[i - 1];
	if (port == request->ssh_port)
		return 0;
	for (size_t j = 0; j + 1 < i; j++)
		if (request->ports[j] == port)
			return 0;
	return port;
}

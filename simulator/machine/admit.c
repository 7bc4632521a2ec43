/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between a machine and the world: the rules of its security groups. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/machine/guest.h"

/* "203.0.113.0/24", as the model has checked it. */
static bool read_block(const char *cidr, struct admitted *ret)
{
	char address[INET_ADDRSTRLEN];
	const char *slash = strchr(cidr, '/');
	struct in_addr net;

	if (!slash || (size_t)(slash - cidr) >= sizeof(address))
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)(slash - cidr), cidr);
	unsigned long bits = strtoul(slash + 1, NULL, 10);
	if (bits > 32 || inet_pton(AF_INET, address, &net) != 1)
		return false;
	ret->mask = bits ? UINT32_MAX << (32 - bits) : 0;
	ret->net = ntohl(net.s_addr) & ret->mask;
	return true;
}

void admit_set(struct order *order, uint16_t port, const struct machine_admit *v, size_t nr)
{
	order->guarded = 1;
	order->nr_admitted = 0;
	for (size_t i = 0; i < nr && order->nr_admitted < MACHINE_ADMITS_MAX; i++)
		if (v[i].from <= port && port <= v[i].to &&
		    read_block(v[i].cidr, &order->admitted[order->nr_admitted]))
			order->nr_admitted++;
}

bool admit_has(const struct order *order, uint32_t address)
{
	for (size_t i = 0; i < order->nr_admitted; i++)
		if ((address & order->admitted[i].mask) == order->admitted[i].net)
			return true;
	return !order->guarded;
}

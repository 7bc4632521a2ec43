/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may come in, and at which ports: what every cloud's firewall asks of a launch before it is told
 * in that cloud's own words. Address blocks are CIDR notation, of IPv4 or IPv6 (RFC 4632, RFC 4291).
 */
#ifndef GPUCLOUD_PROVIDERS_INGRESS_H
#define GPUCLOUD_PROVIDERS_INGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct launch_request;

struct ingress_block {
	unsigned char address[16]; /* in the network's order; 4 bytes of it where most is 32 */
	unsigned bits;		   /* of the prefix */
	unsigned most;		   /* 32: IPv4; 128: IPv6 */
};

/* "203.0.113.7/32", "2001:db8::/64"; false: it is none. NULL is none. */
bool ingress_block_read(const char *text, struct ingress_block *ret);
/* Every address of inner is one of outer. */
bool ingress_block_holds(const struct ingress_block *outer, const struct ingress_block *inner);

/* Ports can be opened, and blocks are blocks; ERROR_USAGE names the one that is not. */
int ingress_check(const struct launch_request *request, struct error *err);

/* Port i of 0 ... nr_ports: SSH's first, then the others; 0 for one that was there before. */
uint16_t ingress_port(const struct launch_request *request, size_t i);

#endif

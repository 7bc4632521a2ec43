/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeSpotPriceHistory from rows that are known, as EC2 answers it or as others might: in other
 * orders, without regard for what was asked, throttled, with tokens that lead nowhere. It stands in
 * for the network of a struct fake_cloud.
 */
#ifndef GPUCLOUD_TESTS_SPOT_SERVER_H
#define GPUCLOUD_TESTS_SPOT_SERVER_H

#include "fake_cloud.h"

#define SPOT_SERVER_REGIONS 4

enum spot_order {
	SPOT_NEWEST, /* first, as EC2 does */
	SPOT_OLDEST,
	SPOT_BY_ZONE, /* then newest first */
	SPOT_SHUFFLED,
	SPOT_ORDER_COUNT
};

struct server_row {
	const char *region, *type;
	char zone[24];
	int64_t ms, micros;
	unsigned seq; /* of two in one millisecond the higher one is newer */
};

struct spot_server {
	struct fake_cloud cloud;
	struct server_row *rows;
	size_t nr, cap;

	/* How it answers. */
	enum spot_order order;
	bool ignores_times, ignores_max, ignores_types;
	bool open_end;		  /* EndTime itself is not included */
	bool empty_pages;	  /* one before each page with rows */
	unsigned circle;	  /* so many tokens, round and round, and no rows */
	bool endless;		  /* always another token, and no rows */
	unsigned throttle_every;  /* each so many-th request; 0: none */
	const char *throttled;	  /* a region that always throttles ... */
	unsigned throttled_after; /* ... after so many requests */
	const char *unknown;	  /* a type that `unknown_in` refuses the whole question for */
	const char *unknown_in;

	/* What it has seen. */
	unsigned requests;
	unsigned of_region[SPOT_SERVER_REGIONS]; /* by spot_server_regions */
	unsigned most_of_region;		 /* at once */
};

extern const char *const spot_server_regions[SPOT_SERVER_REGIONS];

void spot_server_init(struct spot_server *server);
void spot_server_release(struct spot_server *server);
void spot_server_add(struct spot_server *server, const struct server_row *row);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults that a scenario injects: into replies (by service, action and turn) and into the market
 * (no capacity, another price, an interruption).
 */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_FAULT_H
#define GPUCLOUD_SIMULATOR_CLOUD_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct cloud;
struct cloud_reply;

enum fault_kind {
	FAULT_ERROR,	/* status, code and message instead of the action */
	FAULT_HTML,	/* status with an HTML page, as a load balancer sends it; nothing done */
	FAULT_DELAY,	/* the reply is held back by delay_ms; the action is done */
	FAULT_CUT,	/* the connection is closed; nothing done */
	FAULT_LOST,	/* the action is done, its reply never arrives */
	FAULT_TRUNCATE, /* the action is done, the reply breaks off after half of its body */
	/* Of clouds where a request begins an event: the request is done, its event is not. */
	FAULT_EVENT_STUCK, /* the event stays in progress for ever */
	FAULT_EVENT_ERROR, /* the event ends in error, with message */
	FAULT_NO_CAPACITY, /* zone and type, or all where NULL: InsufficientInstanceCapacity */
	FAULT_PRICE,	   /* zone and type: the spot price is price_micros */
	FAULT_INTERRUPT,   /* spot instances of zone and type end for want of capacity at from_ms */
	/* of the clouds beside EC2 */
	FAULT_NO_IMAGE,	     /* images (templates) whose name is like type are gone; NULL: all */
	FAULT_SHORT_REGIONS, /* Paperspace takes "NY2" alone, not "East Coast (NY2)" */
	FAULT_FULL_REGIONS,  /* the reverse */
	FAULT_BAD_STANDING,  /* the account's bills are not paid; message says why */
	FAULT_KIND_COUNT
};

/* Strings are copied when added. */
struct fault {
	enum fault_kind kind;
	/* of replies */
	const char *service, *action; /* NULL: any; '*' stands for anything, as in "Describe*" */
	uint64_t first, count;	    /* turns of matching requests, from 1; first 0: 1; count 0: for
					 ever */
	double probability;	    /* 0 or 1: always; else drawn from the seed at each turn */
	int status;		    /* ERROR, HTML */
	const char *code, *message; /* ERROR; message NULL: one made of the code */
	int64_t delay_ms;	    /* DELAY; with any other kind, too */
	/* of the market and the world; they hold for the clouds that service names, too */
	const char *zone, *type; /* NULL: any; '*' as above. zone: a region, where there are none */
	int64_t price_micros;
	int64_t from_ms, until_ms; /* Unix ms, for every kind; 0: from the start, to the end */
};

/* "error", "html", "delay", "cut", "lost", "truncate", "event-stuck", "event-error",
 * "no-capacity", "price", "interrupt", "no-image", "short-regions", "full-regions", "bad-standing" */
const char *fault_kind_name(enum fault_kind kind);

void cloud_fault_add(struct cloud *cloud, const struct fault *fault);

/*
 * For every service's dispatch: draws the faults of one request. begin() answers the first fault
 * that replaces the action: *ret is then that fault and the caller writes the error in its own
 * protocol's shape from status, code and message (FAULT_HTML and FAULT_CUT are written here: *ret
 * stays NULL and true is returned). False: do the action. end() is called when the reply is
 * complete: it delays, cuts or truncates it.
 */
struct fault_turn {
	bool lost, truncate;
	int64_t delay_ms;
	bool event_stuck;
	const char *event_error; /* NULL: the event ends well */
};
bool fault_begin(struct cloud *cloud, const char *service, const char *action,
		 struct fault_turn *turn, const struct fault **ret, struct cloud_reply *reply);
void fault_end(const struct fault_turn *turn, struct cloud_reply *reply);

/* The first fault of the world of that kind that holds for that service now, or NULL. */
const struct fault *fault_holds(const struct cloud *cloud, const char *service,
				enum fault_kind kind, const char *type, const char *zone);

/* EC2's market as the faults leave it, at t_ms. price is what the market says (or -1). */
bool fault_no_capacity(const struct cloud *cloud, const char *type, const char *zone, int64_t t_ms);
int64_t fault_price(const struct cloud *cloud, const char *type, const char *zone, int64_t t_ms,
		    int64_t price);

#endif

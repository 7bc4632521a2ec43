/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One simulated cloud behind HTTP or TLS on 127.0.0.1. Each connection has a thread; the model is
 * used under one lock, and replies that wait do so outside it. Beside the clouds' own protocols it
 * answers paths below /_sim/: state, status, advance, fault, stop (with the admin token as bearer)
 * and checkip (for everybody).
 */
#ifndef GPUCLOUD_SIMULATOR_SERVE_SERVER_H
#define GPUCLOUD_SIMULATOR_SERVE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulator/machine/machine.h"

struct error;
struct server;

#define SERVER_HEADERS_MAX ((size_t)64 << 10) /* bytes of a request's head */
#define SERVER_BODY_MAX	   ((size_t)1 << 20)
#define SERVER_LINKS_MAX   256 /* connections at once */

struct server_config { /* zeroed: the defaults */
	uint16_t port; /* 0: a free one */
	bool plain_http;
	bool has_seed; /* else: the same market every time, but ids of their own */
	uint64_t seed;
	const char *market;   /* a folder or file of recorded prices; NULL: synthetic */
	int64_t as_of;	      /* with market: which recorded time is now; 0: the last one */
	const char *scenario; /* a file, or NULL */
	int64_t boot_ms;      /* 0: as the model has it */
	enum machine_kind machines;
	unsigned machine_faults;    /* of every machine; MACHINE_... */
	unsigned machine_addresses; /* 0: all there are */
	const char *machines_link;  /* a symbolic link to their folder, or NULL */
	const char *fake_gpu;	    /* folder of the fake GPU driver, or NULL */
	void (*stop)(void *ctx);    /* called from any thread when a client asks for the end */
	void *stop_ctx;
};

/* What a client must know. Owned by the server. */
struct server_facts {
	const char *endpoint; /* "https://127.0.0.1:12345" */
	const char *access_key, *secret_key;
	const char *paperspace_key, *paperspace_read_key; /* the second may only look */
	const char *digitalocean_token, *digitalocean_read_token;
	const char *region;
	const char *admin_token;
	const char *ca_pem;
	size_t ca_len;
	int64_t started; /* Unix s */
	enum machine_kind machines;
	uint16_t ssh_port; /* of every machine, each on its own address; 0: none answers */
};

/* Listens when it returns. Call it before there are threads: it forks. */
int server_start(const struct server_config *config, struct server **ret, struct error *err);
const struct server_facts *server_facts(const struct server *server);
void server_free(struct server *server); /* ends replies that wait, closes every connection */

#endif

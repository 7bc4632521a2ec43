/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by server.c, exchange.c and admin.c only. */
#ifndef GPUCLOUD_SIMULATOR_SERVE_SERVER_INTERNAL_H
#define GPUCLOUD_SIMULATOR_SERVE_SERVER_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>

#include "core/buf.h"
#include "simulator/cloud/cloud.h"
#include "simulator/serve/server.h"
#include "simulator/serve/tls.h"
#include "simulator/serve/wire.h"

struct any_fault;

struct server {
	pthread_mutex_t lock; /* over everything down to the next blank line */
	pthread_cond_t wake;  /* broadcast when stopping */
	bool stopping;
	struct cloud *cloud;
	struct wire wire;
	int64_t offset_ms; /* simulated time less real time */
	struct machines *machines;
	struct cloud_machines machine_ops;

	pthread_t pulse;
	bool has_pulse;
	struct market *market;
	bool tls;
	struct tls_identity identity;
	struct MHD_Daemon *daemon;
	struct server_facts facts;
	char *endpoint, *access_key, *secret_key, *admin_token;
	char *paperspace_key, *paperspace_read_key, *digitalocean_token, *digitalocean_read_token;
	void (*stop)(void *ctx);
	void *stop_ctx;
};

/* One request while it comes in. */
struct exchange {
	char *uri; /* as on the wire */
	struct buf body;
	bool begun;
	bool ends_server; /* stop once the reply is out */
};

/* Callbacks of libmicrohttpd; cls is the server. exchange.c. */
void *exchange_new(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_handle(void *cls, struct MHD_Connection *connection, const char *url,
				const char *method, const char *version, const char *data,
				size_t *size, void **state);
void exchange_end(void *cls, struct MHD_Connection *connection, void **state,
		  enum MHD_RequestTerminationCode code);

/* Sends text (copied); every reply says whose it is. */
enum MHD_Result exchange_send(struct server *server, struct MHD_Connection *connection, int status,
			      const char *content_type, const char *text, size_t len);
/* A line of our own, in plain text. */
enum MHD_Result exchange_text(struct server *server, struct MHD_Connection *connection, int status,
			      const char *text);
/* Adds the Date of the servers' clock, and who we are. */
void exchange_stamp(struct server *server, struct MHD_Response *response);

/* path begins with "/_sim/". admin.c. */
enum MHD_Result admin_handle(struct server *server, struct MHD_Connection *connection,
			     const char *method, const char *path, struct exchange *exchange);

/* guests.c: the model's machines, on simulator/machine. */
int guests_start(struct server *server, const struct server_config *config, struct error *err);
void guests_notice(struct server *server); /* those that went off by themselves: lock held */
/* Machines live on while nobody asks: from then on the model does too. */
void guests_pulse(struct server *server);
void guests_stop(struct server *server);

/* With the lock held, or before anybody is served. */
void server_fault(struct server *server, const struct any_fault *fault);

/* With the lock held: brings the model to the present simulated time, which is returned. */
int64_t server_advance(struct server *server);
int64_t server_clock_ms(struct server *server); /* what the servers' clocks show: lock held */
/* Without the lock: sleeps, less when the server stops. */
void server_sleep(struct server *server, int64_t ms);

#endif

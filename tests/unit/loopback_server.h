/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted HTTP server on 127.0.0.1 for tests: plain sockets, a thread per connection, a free
 * port. The script writes the bytes of the reply itself, so that it can send what no honest server
 * would.
 */
#ifndef GPUCLOUD_TESTS_LOOPBACK_SERVER_H
#define GPUCLOUD_TESTS_LOOPBACK_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct loopback_server;

struct loopback_request {
	struct loopback_server *server;
	int fd;
	int number; /* of the request, over all connections, from 1 */
	char method[16];
	char target[1024]; /* path and query as sent */
	const char *head;  /* all lines of it */
	const char *body;
	size_t body_len;
};

/* Answers one request; false closes the connection. */
typedef bool (*loopback_fn)(void *ctx, struct loopback_request *request);

struct loopback_server *loopback_start(loopback_fn fn, void *ctx);
/* Cuts what is open, waits for the threads, frees. */
void loopback_stop(struct loopback_server *server);

int loopback_port(const struct loopback_server *server);
int loopback_connections(struct loopback_server *server);
int loopback_requests(struct loopback_server *server);
int loopback_max_active(struct loopback_server *server); /* requests answered at the same time */

/* Writes all of it; false once the other side has gone. */
bool loopback_write(struct loopback_request *request, const void *data, size_t len);
bool loopback_print(struct loopback_request *request, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Waits until so many requests are being answered at once; false after 20 s or on stop. */
bool loopback_wait_active(struct loopback_server *server, int n);
/* Waits until the other side closes the connection, or stop. */
void loopback_wait_closed(struct loopback_request *request);
/* Sleeps; false on stop. */
bool loopback_sleep(struct loopback_server *server, int ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/loopback_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define REQUEST_MAX	((size_t)4 << 20)
#define PATIENCE_S	20

struct connection {
	struct loopback_server *server;
	pthread_t thread;
	int fd;
};

struct loopback_server {
	loopback_fn fn;
	void *ctx;
	int listen_fd, port;
	pthread_t acceptor;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	struct connection connections[CONNECTIONS_MAX];
	int nr_connections, nr_requests, active, max_active;
};

static void die(const char *what)
{
	perror(what);
	abort();
}

bool loopback_write(struct loopback_request *request, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(request->fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool loopback_print(struct loopback_request *request, const char *fmt, ...)
{
	char text[8192];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text))
		die("loopback_print");
	return loopback_write(request, text, (size_t)n);
}

static struct timespec deadline(int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	return ts;
}

bool loopback_wait_active(struct loopback_server *server, int n)
{
	struct timespec until = deadline(PATIENCE_S * 1000);
	int rc = 0;

	pthread_mutex_lock(&server->lock);
	while (server->max_active < n && !server->stopping && !rc)
		rc = pthread_cond_timedwait(&server->changed, &server->lock, &until);
	bool ok = server->max_active >= n;
	pthread_mutex_unlock(&server->lock);
	return ok;
}

bool loopback_sleep(struct loopback_server *server, int ms)
{
	struct timespec until = deadline(ms);
	int rc = 0;

	pthread_mutex_lock(&server->lock);
	while (!server->stopping && !rc)
		rc = pthread_cond_timedwait(&server->changed, &server->lock, &until);
	bool ok = !server->stopping;
	pthread_mutex_unlock(&server->lock);
	return ok;
}

void loopback_wait_closed(struct loopback_request *request)
{
	char byte;

	while (recv(request->fd, &byte, 1, 0) > 0)
		;
}

/* Reads up to a full head and its body into buffer; the length of the head, or 0 at the end. */
static size_t read_request(int fd, char *buffer, size_t *ret_len)
{
	size_t len = 0, head = 0, body = 0;

	while (!head || len < head + body) {
		if (len >= REQUEST_MAX)
			return 0;
		ssize_t n = recv(fd, buffer + len, REQUEST_MAX - len, 0);
		if (n <= 0)
			return 0;
		len += (size_t)n;
		buffer[len] = '\0';
		const char *end = head ? NULL : strstr(buffer, "\r\n\r\n");
		if (end) {
			const char *length = strcasestr(buffer, "\r\ncontent-length:");

			head = (size_t)(end + 4 - buffer);
			body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
		}
	}
	*ret_len = head + body;
	return head;
}

static int enter(struct loopback_server *server)
{
	pthread_mutex_lock(&server->lock);
	int number = ++server->nr_requests;
	if (++server->active > server->max_active)
		server->max_active = server->active;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
	return number;
}

static void leave(struct loopback_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->active--;
	pthread_mutex_unlock(&server->lock);
}

static void *serve(void *arg)
{
	struct connection *connection = arg;
	struct loopback_server *server = connection->server;
	char *buffer = malloc(REQUEST_MAX + 1);
	size_t head, len = 0;
	bool more = true;

	if (!buffer)
		die("malloc");
	while (more && (head = read_request(connection->fd, buffer, &len))) {
		struct loopback_request request = {
			.server = server,
			.fd = connection->fd,
			.head = buffer,
			.body = buffer + head,
			.body_len = len - head,
		};

		sscanf(buffer, "%15s %1023s", request.method, request.target);
		request.number = enter(server);
		more = server->fn(server->ctx, &request);
		leave(server);
	}
	free(buffer);
	shutdown(connection->fd, SHUT_RDWR); /* closed by stop, so that no number is used twice */
	return NULL;
}

/* Signals are for the program under test, which runs in the main thread. */
static void start_thread(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(thread, NULL, fn, arg))
		die("pthread_create");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void *accept_all(void *arg)
{
	struct loopback_server *server = arg;

	for (;;) {
		int fd = accept(server->listen_fd, NULL, NULL);

		pthread_mutex_lock(&server->lock);
		bool stop = fd < 0 || server->stopping || server->nr_connections == CONNECTIONS_MAX;
		if (!stop) {
			struct connection *connection =
				&server->connections[server->nr_connections++];

			connection->server = server;
			connection->fd = fd;
			start_thread(&connection->thread, serve, connection);
		}
		pthread_mutex_unlock(&server->lock);
		if (stop) {
			if (fd >= 0)
				close(fd);
			return NULL;
		}
	}
}

struct loopback_server *loopback_start(loopback_fn fn, void *ctx)
{
	struct loopback_server *server = calloc(1, sizeof(*server));
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	pthread_condattr_t attr;

	if (!server)
		die("calloc");
	server->fn = fn;
	server->ctx = ctx;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->listen_fd < 0 ||
	    bind(server->listen_fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(server->listen_fd, 128) < 0 ||
	    getsockname(server->listen_fd, (struct sockaddr *)&addr, &len) < 0)
		die("loopback_start");
	server->port = ntohs(addr.sin_port);
	pthread_mutex_init(&server->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&server->changed, &attr);
	pthread_condattr_destroy(&attr);
	start_thread(&server->acceptor, accept_all, server);
	return server;
}

void loopback_stop(struct loopback_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	pthread_cond_broadcast(&server->changed);
	for (int i = 0; i < server->nr_connections; i++)
		shutdown(server->connections[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&server->lock);
	shutdown(server->listen_fd, SHUT_RDWR); /* wakes accept() */
	pthread_join(server->acceptor, NULL);
	for (int i = 0; i < server->nr_connections; i++) {
		pthread_join(server->connections[i].thread, NULL);
		close(server->connections[i].fd);
	}
	close(server->listen_fd);
	pthread_cond_destroy(&server->changed);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

int loopback_port(const struct loopback_server *server)
{
	return server->port;
}

static int locked(struct loopback_server *server, const int *value)
{
	pthread_mutex_lock(&server->lock);
	int copy = *value;
	pthread_mutex_unlock(&server->lock);
	return copy;
}

int loopback_connections(struct loopback_server *server)
{
	return locked(server, &server->nr_connections);
}

int loopback_requests(struct loopback_server *server)
{
	return locked(server, &server->nr_requests);
}

int loopback_max_active(struct loopback_server *server)
{
	return locked(server, &server->max_active);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP in, the model, HTTP out. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/http.h"
#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/cloud.h"
#include "simulator/cloud/rest.h"
#include "simulator/cloud/service.h"
#include "simulator/serve/server_internal.h"

#define ADMIN_PREFIX   "/_sim/"
#define HEADERS_NR_MAX 100
#define PIECES	       16 /* of a slow reply */

void *exchange_new(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct exchange *exchange = xcalloc(1, sizeof(*exchange));
	const struct buf empty = BUF_INIT_MAX(SERVER_BODY_MAX);

	(void)cls;
	(void)connection;
	exchange->uri = xstrdup(uri);
	exchange->body = empty;
	return exchange;
}

void exchange_end(void *cls, struct MHD_Connection *connection, void **state,
		  enum MHD_RequestTerminationCode code)
{
	struct exchange *exchange = *state;
	struct server *server = cls;

	(void)connection;
	(void)code;
	if (!exchange)
		return;
	if (exchange->ends_server)
		server->stop(server->stop_ctx);
	free(exchange->uri);
	buf_release(&exchange->body);
	free(exchange);
	*state = NULL;
}

void exchange_stamp(struct server *server, struct MHD_Response *response)
{
	char date[64];
	struct tm tm;
	time_t now;

	pthread_mutex_lock(&server->lock);
	now = (time_t)(server_clock_ms(server) / 1000);
	pthread_mutex_unlock(&server->lock);
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	MHD_add_response_header(response, MHD_HTTP_HEADER_DATE, date);
	MHD_add_response_header(response, MHD_HTTP_HEADER_SERVER, "gpucloud-sim");
}

enum MHD_Result exchange_send(struct server *server, struct MHD_Connection *connection, int status,
			      const char *content_type, const char *text, size_t len)
{
	char *copy = xmalloc(len + 1);
	struct MHD_Response *response;
	enum MHD_Result rc;

	memcpy(copy, text, len);
	response = MHD_create_response_from_buffer(len, copy, MHD_RESPMEM_MUST_FREE);
	if (!response)
		out_of_memory();
	exchange_stamp(server, response);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	rc = MHD_queue_response(connection, (unsigned)status, response);
	MHD_destroy_response(response);
	return rc;
}

enum MHD_Result exchange_text(struct server *server, struct MHD_Connection *connection, int status,
			      const char *text)
{
	char *line = xasprintf("gpucloud-sim: %s\n", text);
	enum MHD_Result rc =
		exchange_send(server, connection, status, "text/plain", line, strlen(line));

	free(line);
	return rc;
}

/* A reply's body that is late, breaks off, or never ends well. */
struct stream {
	struct server *server;
	char *data;
	size_t len;
	uint64_t cut_at;  /* the connection breaks here; UINT64_MAX: nowhere */
	size_t piece;	  /* 0: as it comes */
	int64_t pause_ms; /* before each piece */
};

static ssize_t stream_read(void *cls, uint64_t pos, char *out, size_t max)
{
	struct stream *stream = cls;
	size_t n = 0;

	if (pos >= stream->cut_at)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (stream->pause_ms)
		server_sleep(stream->server, stream->pause_ms);
	if (stream->piece && max > stream->piece)
		max = stream->piece;
	if (max > stream->cut_at - pos)
		max = (size_t)(stream->cut_at - pos);
	if (pos < stream->len) {
		n = stream->len - (size_t)pos;
		if (n > max)
			n = max;
		memcpy(out, stream->data + pos, n);
		return (ssize_t)n;
	}
	memset(out, 'x', max); /* a giant's flesh */
	return (ssize_t)max;
}

static void stream_free(void *cls)
{
	struct stream *stream = cls;

	free(stream->data);
	free(stream);
}

/* What the model answered and how the wire treats it. */
struct delivery {
	struct cloud_reply reply;
	struct wire_fault fault;
	bool json; /* of a cloud that speaks it: a giant begins as one */
};

static struct MHD_Response *make_response(struct server *server, const struct delivery *delivery)
{
	static const char xml[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><item>";
	static const char json[] = "{\"hasMore\":false,\"items\":[{\"id\":\"";
	const char *giant = delivery->json ? json : xml;
	const struct cloud_reply *reply = &delivery->reply;
	const char *body = reply->body.data;
	size_t len = reply->body.len;
	uint64_t total = len;
	struct stream *stream;

	if (delivery->fault.kind == WIRE_GIANT) {
		body = giant;
		len = strlen(giant);
		total = delivery->fault.bytes > len ? delivery->fault.bytes : len;
	}
	stream = xcalloc(1, sizeof(*stream));
	stream->server = server;
	stream->data = xmalloc(len + 1);
	memcpy(stream->data, body, len);
	stream->len = len;
	stream->cut_at = reply->cut ? reply->cut_after : UINT64_MAX;
	if (delivery->fault.kind == WIRE_SLOW) {
		stream->piece = len / PIECES + 1;
		stream->pause_ms = delivery->fault.delay_ms / PIECES;
	}
	return MHD_create_response_from_callback(total, 16384, stream_read, stream, stream_free);
}

static enum MHD_Result deliver(struct server *server, struct MHD_Connection *connection,
			       const struct delivery *delivery)
{
	const struct cloud_reply *reply = &delivery->reply;
	bool giant = delivery->fault.kind == WIRE_GIANT;
	const char *type = reply->content_type;
	struct MHD_Response *response;
	enum MHD_Result rc;

	server_sleep(server, reply->delay_ms);
	if (reply->cut && reply->cut_after == 0)
		return MHD_NO; /* closes the connection without a word */
	response = make_response(server, delivery);
	if (!response)
		out_of_memory();
	exchange_stamp(server, response);
	if (giant || !reply->content_type)
		type = delivery->json ? "application/json" : "text/xml;charset=UTF-8";
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, reply->id_header ? reply->id_header : "x-amzn-RequestId",
				reply->request_id);
	for (size_t i = 0; i < reply->nr_headers; i++) {
		char value[24];

		snprintf(value, sizeof(value), "%lld", (long long)reply->headers[i].value);
		MHD_add_response_header(response, reply->headers[i].name, value);
	}
	rc = MHD_queue_response(connection, giant ? 200 : (unsigned)reply->status, response);
	MHD_destroy_response(response);
	return rc;
}

struct header_list {
	struct http_header v[HEADERS_NR_MAX];
	size_t nr;
	bool too_many;
};

static enum MHD_Result add_header(void *cls, enum MHD_ValueKind kind, const char *name,
				  const char *value)
{
	struct header_list *list = cls;

	(void)kind;
	if (list->nr == HEADERS_NR_MAX) {
		list->too_many = true;
		return MHD_NO;
	}
	list->v[list->nr++] = (struct http_header){ .name = name, .value = value ? value : "" };
	return MHD_YES;
}

static void peer_of(struct MHD_Connection *connection, char out[INET_ADDRSTRLEN])
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct sockaddr_in in;

	snprintf(out, INET_ADDRSTRLEN, "127.0.0.1");
	if (!info || !info->client_addr || info->client_addr->sa_family != AF_INET)
		return;
	memcpy(&in, info->client_addr, sizeof(in));
	inet_ntop(AF_INET, &in.sin_addr, out, INET_ADDRSTRLEN);
}

/* The part that needs the lock: quick, and never waits. */
static void ask_cloud(struct server *server, const struct cloud_request *request,
		      struct delivery *delivery)
{
	const char *service, *action;
	struct sim_clock clock;
	struct route route;

	pthread_mutex_lock(&server->lock);
	server_advance(server);
	/* "advance" moves no client's clock: aws-cli still signs by this computer's. */
	clock.shown_ms = server_clock_ms(server);
	clock.also_ms = clock.shown_ms - server->offset_ms;
	cloud_route(request, &route);
	delivery->json = rest_names(request, &service, &action);
	delivery->fault = wire_next(&server->wire, &route);
	if (delivery->fault.kind == WIRE_DOUBLE) {
		struct cloud_reply unheard = CLOUD_REPLY_INIT;

		cloud_handle_at(server->cloud, request, &clock, &unheard);
		cloud_reply_release(&unheard);
	}
	if (delivery->fault.kind != WIRE_GIANT)
		cloud_handle_at(server->cloud, request, &clock, &delivery->reply);
	pthread_mutex_unlock(&server->lock);
}

static enum MHD_Result serve_cloud(struct server *server, struct MHD_Connection *connection,
				   const char *method, const char *path, const char *query,
				   const struct exchange *exchange)
{
	struct delivery delivery = { .reply = CLOUD_REPLY_INIT };
	struct header_list headers = { .nr = 0 };
	char peer[INET_ADDRSTRLEN];
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	struct cloud_request request = { .method = method,
					 .host = host ? host : "",
					 .path = path,
					 .query = query,
					 .headers = headers.v,
					 .body = exchange->body.data,
					 .len = exchange->body.len,
					 .tls = server->tls,
					 .peer_ip = peer };
	enum MHD_Result rc;

	MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, &headers);
	if (headers.too_many)
		return exchange_text(server, connection, 431, "too many headers");
	request.nr_headers = headers.nr;
	peer_of(connection, peer);
	ask_cloud(server, &request, &delivery);
	rc = deliver(server, connection, &delivery);
	cloud_reply_release(&delivery.reply);
	return rc;
}

static enum MHD_Result serve(struct server *server, struct MHD_Connection *connection,
			     const char *method, struct exchange *exchange)
{
	const char *mark = strchr(exchange->uri, '?');
	char *path = mark ? xstrndup(exchange->uri, (size_t)(mark - exchange->uri))
			  : xstrdup(exchange->uri);
	enum MHD_Result rc;

	if (text_starts_with(path, ADMIN_PREFIX))
		rc = admin_handle(server, connection, method, path, exchange);
	else
		rc = serve_cloud(server, connection, method, path, mark ? mark + 1 : "", exchange);
	free(path);
	return rc;
}

static bool declared_too_large(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length && strtoull(length, NULL, 10) > SERVER_BODY_MAX;
}

/* Called once when the head is there, then for each part of the body, then once more. */
enum MHD_Result exchange_handle(void *cls, struct MHD_Connection *connection, const char *url,
				const char *method, const char *version, const char *data,
				size_t *size, void **state)
{
	struct server *server = cls;
	struct exchange *exchange = *state;

	(void)url; /* decoded; signatures are over the raw one */
	(void)version;
	if (!exchange->begun) {
		exchange->begun = true;
		if (!declared_too_large(connection))
			return MHD_YES;
		return exchange_text(server, connection, 413, "the request's body is too large");
	}
	if (*size > 0) {
		/* Chunked, so its size was not declared: nothing to say to such a client. */
		if (buf_add(&exchange->body, data, *size))
			return MHD_NO;
		*size = 0;
		return MHD_YES;
	}
	return serve(server, connection, method, exchange);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/http_internal.h"
#include "core/timefmt.h"

int http_check_ca_bundle(const char *path, struct error *err)
{
	struct stat st;
	FILE *file = fopen(path, "re");

	if (!file)
		error_errno(err, ERROR_CONFIG, "cannot read the CA bundle '%s'", path);
	else if (fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode))
		error_set(err, ERROR_CONFIG, "the CA bundle '%s' is not a file", path);
	if (file)
		fclose(file);
	return err->kind ? error_hint(err, "check ca_bundle and AWS_CA_BUNDLE") : 0;
}

int64_t http_timeout_ms(const struct http_request *request)
{
	return request->timeout_ms > 0 ? request->timeout_ms : HTTP_TIMEOUT_MS;
}

int64_t http_connect_timeout_ms(const struct http_request *request)
{
	int64_t ms =
		request->connect_timeout_ms > 0 ? request->connect_timeout_ms : HTTP_CONNECT_MS;

	return ms < http_timeout_ms(request) ? ms : http_timeout_ms(request);
}

static void explain_connect(const struct http_url *url, int os_errno, struct error *err)
{
	if (os_errno == ECONNREFUSED)
		error_set(err, ERROR_NETWORK, "connection to '%s' refused", url->where);
	else if (os_errno == ENETUNREACH || os_errno == EHOSTUNREACH)
		error_set(err, ERROR_NETWORK, "no route to '%s'", url->where);
	else
		error_set(err, ERROR_NETWORK, "could not connect to '%s'", url->where);
	error_hint(err, "check the network connection%s",
		   url->loopback ? ", and that something listens there"
				 : ", and https_proxy if you need a proxy");
}

static void explain_cut(const struct http_failure *failure, const struct http_reply *reply,
			struct error *err)
{
	if (reply->state == HTTP_REPLY_BODY)
		error_set(err, ERROR_NETWORK, "the reply of '%s' was cut off after %zu bytes",
			  reply->where, reply->body_bytes);
	else if (failure->sent)
		error_set(err, ERROR_NETWORK, "the connection to '%s' broke before it answered",
			  reply->where);
	else
		error_set(err, ERROR_NETWORK, "request to '%s' failed: %s", reply->where,
			  failure->details);
}

static void explain_ca_bundle(const char *ca_bundle, struct error *err)
{
	error_set(err, ERROR_CONFIG, "no certificate could be read from the CA bundle '%s'",
		  ca_bundle ? ca_bundle : "of the system");
	error_hint(err, "%s",
		   ca_bundle ? "check ca_bundle and AWS_CA_BUNDLE"
			     : "install the package ca-certificates");
}

static void explain_certificate(const struct http_failure *failure, const char *where,
				struct error *err)
{
	char now[TIME_TEXT_MAX];

	error_set(err, ERROR_NETWORK, "the certificate of '%s' is not trusted: %s", where,
		  failure->details);
	/* OpenSSL's words for dates that do not hold: far more often this computer's fault. */
	if (strstr(failure->details, "has expired") || strstr(failure->details, "not yet valid"))
		error_hint(err, "check this computer's clock: it says %s",
			   time_format(now, clock_now(&clock_system)));
	else
		error_hint(err, "for a private endpoint or an inspecting proxy, set ca_bundle or "
				"AWS_CA_BUNDLE to the PEM file of its CA");
}

/* What a later attempt would meet again. */
static bool is_final(enum http_failure_kind kind)
{
	return kind == HTTP_FAILURE_PROXY || kind == HTTP_FAILURE_CA_BUNDLE ||
	       kind == HTTP_FAILURE_CERTIFICATE || kind == HTTP_FAILURE_TOO_LARGE ||
	       kind == HTTP_FAILURE_NOT_HTTP;
}

void http_explain(const struct http_failure *failure, const struct http_url *url,
		  const struct http_reply *reply)
{
	struct http_attempt *attempt = reply->attempt;
	struct error *err = attempt->err;
	const char *where = url->where;
	char size[32];

	switch (failure->kind) {
	case HTTP_FAILURE_RESOLVE:
		error_set(err, ERROR_NETWORK, "could not resolve host '%s'", url->host);
		error_hint(err, "check the network connection, the region and the endpoint");
		break;
	case HTTP_FAILURE_RESOLVE_PROXY:
		error_set(err, ERROR_NETWORK, "could not resolve the proxy towards '%s'", where);
		error_hint(err, "check https_proxy");
		break;
	case HTTP_FAILURE_PROXY:
		error_set(err, ERROR_NETWORK, "the proxy answered %d when asked for '%s'",
			  failure->proxy_status, where);
		error_hint(err, "check https_proxy, or name the host in no_proxy");
		break;
	case HTTP_FAILURE_CONNECT:
		explain_connect(url, failure->os_errno, err);
		break;
	case HTTP_FAILURE_CONNECT_TIMEOUT:
		error_set(err, ERROR_TIMEOUT, "connection to '%s' timed out after %g s", where,
			  (double)http_connect_timeout_ms(&attempt->request) / 1000);
		break;
	case HTTP_FAILURE_STALLED:
		error_set(err, ERROR_TIMEOUT, "'%s' sent nothing for %d s", where,
			  HTTP_LOW_SPEED_S);
		break;
	case HTTP_FAILURE_TIMEOUT:
		error_set(err, ERROR_TIMEOUT, "'%s' timed out after %g s", where,
			  (double)http_timeout_ms(&attempt->request) / 1000);
		break;
	case HTTP_FAILURE_CA_BUNDLE:
		explain_ca_bundle(failure->ca_bundle, err);
		break;
	case HTTP_FAILURE_CERTIFICATE:
		explain_certificate(failure, where, err);
		break;
	case HTTP_FAILURE_TLS:
		error_set(err, ERROR_NETWORK, "TLS handshake with '%s' failed: %s", where,
			  failure->details);
		break;
	case HTTP_FAILURE_TOO_LARGE:
		error_set(err, ERROR_PROTOCOL, "reply of '%s' larger than %s refused", where,
			  http_size_text(size, reply->max_body));
		break;
	case HTTP_FAILURE_NOT_HTTP:
		error_set(err, ERROR_PROTOCOL, "refused the reply of '%s': it is not valid HTTP",
			  where);
		break;
	case HTTP_FAILURE_CUT:
		explain_cut(failure, reply, err);
		break;
	}
	attempt->final = is_final(failure->kind);
	err->http_status = attempt->response->status;
	err->unknown = failure->sent;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/http_internal.h"
#include "core/rng.h"
#include "core/timefmt.h"

static int64_t doubled(int64_t ms, int times)
{
	while (times-- > 0 && ms < HTTP_BACKOFF_MAX)
		ms *= 2;
	return ms < HTTP_BACKOFF_MAX ? ms : HTTP_BACKOFF_MAX;
}

int64_t http_backoff_from_ms(struct http *http, int64_t least_ms, int64_t base_ms, int retry)
{
	int64_t ceiling = doubled(base_ms, retry - 1), least = doubled(least_ms, retry - 1);

	pthread_mutex_lock(&http->lock);
	double part = rng_unit(http->rng);
	pthread_mutex_unlock(&http->lock);
	return least + (int64_t)(part * (double)(ceiling - least));
}

int64_t http_backoff_ms(struct http *http, int64_t base_ms, int retry)
{
	return http_backoff_from_ms(http, 0, base_ms, retry);
}

int64_t http_retry_after_ms(const struct http_response *response, int64_t server_now_ms)
{
	const char *text = http_response_header(response, "Retry-After");
	int64_t ms = 0;

	if (!text || !*text)
		return -1;
	if (text[strspn(text, "0123456789")] == '\0') {
		for (const char *p = text; *p && ms < HTTP_BACKOFF_MAX; p++)
			ms = ms * 10 + (*p - '0') * 1000;
	} else {
		int64_t at = time_parse_http(text);

		if (at < 0)
			return -1;
		ms = at * 1000 - server_now_ms;
	}
	if (ms < 0)
		ms = 0;
	return ms < HTTP_BACKOFF_MAX ? ms : HTTP_BACKOFF_MAX;
}

bool http_quota_take(struct http *http, int cost)
{
	pthread_mutex_lock(&http->lock);
	bool enough = http->quota >= cost;
	if (enough)
		http->quota -= cost;
	pthread_mutex_unlock(&http->lock);
	return enough;
}

void http_quota_give(struct http *http, int tokens)
{
	pthread_mutex_lock(&http->lock);
	http->quota += tokens;
	if (http->quota > HTTP_QUOTA_MAX)
		http->quota = HTTP_QUOTA_MAX;
	pthread_mutex_unlock(&http->lock);
}

/*
 * The server wrote its Date somewhere between our sending and its head's arrival: take the middle.
 * A cached reply (Age) carries the time of another day, and one that took a quarter of an hour
 * says too little.
 */
bool http_response_skew(const struct http_response *response, int64_t *ret_ms)
{
	const char *date = http_response_header(response, "Date");
	int64_t round_trip = response->received_ms - response->sent_ms;

	if (!date || http_response_header(response, "Age"))
		return false;
	if (round_trip < 0 || round_trip > HTTP_SKEW_RTT_MAX)
		return false;
	int64_t server_s = time_parse_http(date);
	if (server_s < 0)
		return false;
	*ret_ms = server_s * 1000 - (response->sent_ms + round_trip / 2);
	return true;
}

static struct http_skew *find_skew(struct http *http, const char *origin)
{
	for (size_t i = 0; i < http->nr_skew; i++)
		if (!strcmp(http->skew[i].origin, origin))
			return &http->skew[i];
	return NULL;
}

void http_skew_store(struct http *http, const char *origin, int64_t ms)
{
	pthread_mutex_lock(&http->lock);
	struct http_skew *skew = find_skew(http, origin);
	if (!skew && http->nr_skew < HTTP_SKEW_HOSTS)
		skew = &http->skew[http->nr_skew++];
	if (!skew) {
		skew = &http->skew[http->next_skew];
		http->next_skew = (http->next_skew + 1) % HTTP_SKEW_HOSTS;
	}
	snprintf(skew->origin, sizeof(skew->origin), "%s", origin);
	skew->ms = ms;
	pthread_mutex_unlock(&http->lock);
}

int64_t http_skew_get(struct http *http, const char *origin)
{
	pthread_mutex_lock(&http->lock);
	const struct http_skew *skew = find_skew(http, origin);
	int64_t ms = skew ? skew->ms : 0;
	pthread_mutex_unlock(&http->lock);
	return ms;
}

static int redirected(const struct http_response *response, const char *where, struct error *err)
{
	const char *location = http_response_header(response, "Location");
	struct error ignored = ERROR_INIT;
	struct http_url url;

	if (location && http_url_parse(location, &url, &ignored) == 0)
		error_set(err, ERROR_REMOTE, "'%s' answered %d, a redirect to '%s'", where,
			  response->status, url.where);
	else
		error_set(err, ERROR_REMOTE, "'%s' answered %d, a redirect", where,
			  response->status);
	return error_hint(err, "redirects are never followed: check the endpoint and the region");
}

static enum error_kind kind_of_status(int status)
{
	switch (status) {
	case 401:
	case 403:
		return ERROR_AUTH;
	case 404:
	case 410:
		return ERROR_NOT_FOUND;
	case 409:
	case 412:
		return ERROR_CONFLICT;
	case 429:
	case 503:
		return ERROR_THROTTLED;
	case 408:
		return ERROR_TIMEOUT;
	default:
		return ERROR_REMOTE;
	}
}

enum http_verdict http_classify_default(const struct http_response *response, const char *where,
					struct error *err)
{
	int status = response->status;

	if (status >= 200 && status < 300)
		return HTTP_OK;
	if (status >= 300 && status < 400)
		redirected(response, where, err);
	else
		error_set(err, kind_of_status(status), "'%s' answered %d", where, status);
	if (status == 429 || status == 503)
		return HTTP_THROTTLED;
	if (status == 500 || status == 502 || status == 504)
		return HTTP_RETRY;
	return HTTP_FAIL;
}

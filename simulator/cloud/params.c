/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/cloud/params.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "simulator/cloud/cloud.h"

#define NAME_MAX_BYTES 255

int params_fail(struct sim_params *params, const char *code, const char *fmt, ...)
{
	va_list ap;

	if (params->code[0])
		return -1;
	snprintf(params->code, sizeof(params->code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(params->message, sizeof(params->message), fmt, ap);
	va_end(ap);
	return -1;
}

bool params_failed(const struct sim_params *params)
{
	return params->code[0] != '\0';
}

static struct sim_param *find(const struct sim_params *params, const char *name)
{
	for (size_t i = 0; i < params->nr; i++) {
		if (strcmp(params->v[i].name, name) == 0)
			return &params->v[i];
	}
	return NULL;
}

/* A reply that repeats a value must stay XML, which has no U+FFFE and U+FFFF. */
static bool is_text(const struct buf *text)
{
	return text_is_utf8(text->data, text->len) && !strstr(text->data, "\xef\xbf\xbe") &&
	       !strstr(text->data, "\xef\xbf\xbf");
}

static char *decode(struct sim_params *params, const char *text, size_t len)
{
	struct buf out = BUF_INIT_MAX(CLOUD_BODY_MAX);
	char *copy = NULL;

	if (url_decode(&out, text, len, true) == 0 && is_text(&out))
		copy = arena_strndup(&params->arena, out.data, out.len);
	buf_release(&out);
	return copy;
}

static int add_pair(struct sim_params *params, const char *pair, size_t len, size_t *cap)
{
	const char *equals = memchr(pair, '=', len);
	size_t name_len = equals ? (size_t)(equals - pair) : len;
	char *name = decode(params, pair, name_len);
	char *value = equals ? decode(params, equals + 1, len - name_len - 1)
			     : arena_strdup(&params->arena, "");

	if (!name || !value)
		return params_fail(params, "MalformedQueryString",
				   "The query string contains a bad escape or is not UTF-8.");
	if (!text_is_token(name, ".-_:", NAME_MAX_BYTES))
		return params_fail(params, "MalformedQueryString",
				   "The query string contains a bad parameter name.");
	if (find(params, name))
		return params_fail(params, "InvalidParameterCombination",
				   "The parameter %s is given more than once.", name);
	if (params->nr == PARAMS_MAX)
		return params_fail(params, "RequestTooLarge", "More than %d parameters.",
				   PARAMS_MAX);
	params->v = arena_grow(&params->arena, params->v, params->nr, cap, sizeof(*params->v));
	params->v[params->nr++] = (struct sim_param){ .name = name, .value = value };
	return 0;
}

int params_parse(struct sim_params *params, const char *body, size_t len)
{
	size_t cap = 0;

	memset(params, 0, sizeof(*params));
	if (len > CLOUD_BODY_MAX)
		return params_fail(params, "RequestTooLarge", "The request is over %zu bytes.",
				   CLOUD_BODY_MAX);
	while (len > 0) {
		const char *end = memchr(body, '&', len);
		size_t n = end ? (size_t)(end - body) : len;

		if (n > 0 && add_pair(params, body, n, &cap) != 0)
			return -1;
		n += end ? 1 : 0;
		body += n;
		len -= n;
	}
	return 0;
}

void params_release(struct sim_params *params)
{
	arena_release(&params->arena);
	params->v = NULL;
	params->nr = 0;
}

const char *params_get(struct sim_params *params, const char *name)
{
	struct sim_param *param = find(params, name);

	if (!param)
		return NULL;
	param->used = true;
	return param->value;
}

const char *params_need(struct sim_params *params, const char *name)
{
	const char *value = params_get(params, name);

	if (value && value[0])
		return value;
	params_fail(params, "MissingParameter", "The request must contain the parameter %s", name);
	return "";
}

int64_t params_int(struct sim_params *params, const char *name, int64_t min, int64_t max,
		   int64_t def)
{
	const char *value = params_get(params, name);
	char *end;

	if (!value)
		return def;
	errno = 0;
	long long n = strtoll(value, &end, 10);

	/* strtoll would take blanks and a plus sign */
	if ((value[0] != '-' && (value[0] < '0' || value[0] > '9')) || *end || errno) {
		params_fail(params, "InvalidParameterValue",
			    "Value (%s) for parameter %s is invalid. It must be a whole number.",
			    value, name);
		return def;
	}
	if (n < min || n > max) {
		params_fail(params, "InvalidParameterValue",
			    "Value (%s) for parameter %s is invalid. Expecting a value between "
			    "%lld and %lld.",
			    value, name, (long long)min, (long long)max);
		return def;
	}
	return n;
}

bool params_bool(struct sim_params *params, const char *name, bool def)
{
	const char *value = params_get(params, name);

	if (!value)
		return def;
	if (strcmp(value, "true") == 0)
		return true;
	if (strcmp(value, "false") != 0)
		params_fail(params, "InvalidParameterValue",
			    "Value (%s) for parameter %s is invalid. It must be true or false.",
			    value, name);
	return false;
}

int64_t params_time(struct sim_params *params, const char *name, int64_t def)
{
	const char *value = params_get(params, name);
	struct error err = ERROR_INIT;
	int64_t time;

	if (!value)
		return def;
	if (time_parse(value, name, &time, &err) == 0)
		return time;
	params_fail(params, "InvalidParameterValue",
		    "Value (%s) for parameter %s is invalid. It must be a time such as "
		    "2020-03-20T12:00:00Z.",
		    value, name);
	return def;
}

bool params_has(const struct sim_params *params, const char *name)
{
	return find(params, name) != NULL;
}

bool params_has_prefix(const struct sim_params *params, const char *prefix)
{
	for (size_t i = 0; i < params->nr; i++) {
		if (text_starts_with(params->v[i].name, prefix))
			return true;
	}
	return false;
}

const char *params_name(struct sim_params *params, const char *fmt, ...)
{
	char name[NAME_MAX_BYTES + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	return arena_strdup(&params->arena, name);
}

/* Numbers that follow "NAME.": the largest one, 0 when there are none, -1 after a failure. */
static long largest_index(struct sim_params *params, const char *name, size_t max)
{
	size_t len = strlen(name);
	long largest = 0;

	for (size_t i = 0; i < params->nr; i++) {
		const char *at = params->v[i].name;
		char *end;

		if (strncmp(at, name, len) != 0 || at[len] != '.')
			continue;
		long n = strtol(at + len + 1, &end, 10);

		/* no sign, no leading zero: one spelling for each member */
		if (at[len + 1] < '1' || at[len + 1] > '9' || (*end && *end != '.'))
			return params_fail(params, "InvalidParameterValue",
					   "The parameter %s is not numbered from 1.", at);
		if (n > (long)max)
			return params_fail(params, "InvalidParameterValue",
					   "The list %s has more than %zu members.", name, max);
		if (n > largest)
			largest = n;
	}
	return largest;
}

size_t params_count(struct sim_params *params, const char *name, size_t max)
{
	long largest = largest_index(params, name, max);

	for (long n = 1; n <= largest; n++) {
		const char *dotted = params_name(params, "%s.%ld.", name, n);
		const char *plain = params_name(params, "%s.%ld", name, n);

		if (!params_has_prefix(params, dotted) && !params_has(params, plain)) {
			params_fail(params, "InvalidParameterValue",
				    "The list %s lacks its member %ld.", name, n);
			return 0;
		}
	}
	return largest > 0 ? (size_t)largest : 0;
}

const char **params_list(struct sim_params *params, const char *name, size_t max, size_t *ret_nr)
{
	size_t nr = params_count(params, name, max);
	const char **v;

	*ret_nr = 0;
	if (nr == 0)
		return NULL;
	v = arena_alloc(&params->arena, nr * sizeof(*v));
	for (size_t i = 0; i < nr; i++) {
		v[i] = params_get(params, params_name(params, "%s.%zu", name, i + 1));
		if (!v[i]) {
			params_fail(params, "UnknownParameter",
				    "The parameter %s.%zu has members, but is a plain value.", name,
				    i + 1);
			return NULL;
		}
	}
	*ret_nr = nr;
	return v;
}

int params_finish(struct sim_params *params)
{
	for (size_t i = 0; i < params->nr; i++) {
		if (!params->v[i].used)
			return params_fail(params, "UnknownParameter",
					   "The parameter %s is not recognized", params->v[i].name);
	}
	return params_failed(params) ? -1 : 0;
}

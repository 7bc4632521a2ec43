/* SPDX-License-Identifier: Apache-2.0 */
#include "core/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/mem.h"

/* Shorter ones would mask half of every log line, and are no secrets. */
#define REDACT_MIN 4

/* Plain, URL-encoded in both cases of hex, and base64 at its three alignments, also URL-encoded. */
#define FORMS_MAX 9

struct form {
	char *data;
	size_t len;
};

struct known {
	struct form forms[FORMS_MAX]; /* [0] is the plain one */
	size_t nr;
	size_t users; /* several credentials may hold the same value */
};

static struct {
	pthread_mutex_t lock;
	struct known *v;
	size_t nr, cap;
} registry = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void form_add(struct known *known, const char *data, size_t len)
{
	if (len < REDACT_MIN)
		return;
	for (size_t i = 0; i < known->nr; i++)
		if (known->forms[i].len == len && !memcmp(known->forms[i].data, data, len))
			return;
	struct form *form = &known->forms[known->nr++];
	form->data = xmalloc(len);
	form->len = len;
	memcpy(form->data, data, len);
}

static void add_url_encoded(struct known *known, const char *data, size_t len)
{
	struct buf buf = BUF_INIT;

	url_encode(&buf, data, len, false);
	form_add(known, buf.data, buf.len);
	for (size_t i = 0; i + 2 < buf.len; i++) {
		if (buf.data[i] != '%')
			continue;
		for (size_t k = i + 1; k <= i + 2; k++)
			if (buf.data[k] >= 'A' && buf.data[k] <= 'F')
				buf.data[k] = (char)(buf.data[k] - 'A' + 'a');
	}
	form_add(known, buf.data, buf.len);
	buf_wipe(&buf);
}

/*
 * Base64 of a longer text that holds the secret at any place: what the secret alone decides of it
 * are the characters that take no bit from its neighbours.
 */
static void add_base64(struct known *known, const char *data, size_t len)
{
	static const size_t skip[3] = { 0, 2, 3 };

	for (size_t shift = 0; shift < 3; shift++) {
		char *shifted = xcalloc(1, shift + len);
		struct buf buf = BUF_INIT;

		memcpy(shifted + shift, data, len);
		base64_encode(&buf, shifted, shift + len);
		size_t end = (shift + len) * 8 / 6;
		form_add(known, buf.data + skip[shift], end - skip[shift]);
		/* form_add drops what it has already, so this is one form more at most */
		struct buf url = BUF_INIT;
		url_encode(&url, buf.data + skip[shift], end - skip[shift], false);
		form_add(known, url.data, url.len);
		buf_wipe(&url);
		buf_wipe(&buf);
		explicit_bzero(shifted, shift + len);
		free(shifted);
	}
}

static void known_release(struct known *known)
{
	for (size_t i = 0; i < known->nr; i++) {
		explicit_bzero(known->forms[i].data, known->forms[i].len);
		free(known->forms[i].data);
	}
}

static struct known *registry_find(const char *data, size_t len)
{
	for (size_t i = 0; i < registry.nr; i++) {
		const struct form *plain = &registry.v[i].forms[0];

		if (plain->len == len && !memcmp(plain->data, data, len))
			return &registry.v[i];
	}
	return NULL;
}

static void registry_add(const char *data, size_t len)
{
	if (len < REDACT_MIN)
		return;
	pthread_mutex_lock(&registry.lock);
	struct known *known = registry_find(data, len);
	if (known) {
		known->users++;
	} else {
		registry.v = xgrow(registry.v, registry.nr, &registry.cap, sizeof(*registry.v));
		known = &registry.v[registry.nr++];
		memset(known, 0, sizeof(*known));
		known->users = 1;
		form_add(known, data, len);
		add_url_encoded(known, data, len);
		add_base64(known, data, len);
	}
	pthread_mutex_unlock(&registry.lock);
}

static void registry_remove(const char *data, size_t len)
{
	if (len < REDACT_MIN)
		return;
	pthread_mutex_lock(&registry.lock);
	struct known *known = registry_find(data, len);
	if (known && --known->users == 0) {
		known_release(known);
		*known = registry.v[--registry.nr];
		if (registry.nr == 0) {
			free(registry.v);
			registry.v = NULL;
			registry.cap = 0;
		}
	}
	pthread_mutex_unlock(&registry.lock);
}

void secret_set(struct secret *secret, const char *data, size_t len)
{
	char *copy = NULL;

	/* Copied before the old value goes: data may point into it. */
	if (data && len) {
		copy = xmalloc(len + 1);
		memcpy(copy, data, len);
		copy[len] = '\0';
		registry_add(copy, len);
	}
	secret_release(secret);
	secret->data = copy;
	secret->len = copy ? len : 0;
}

void secret_release(struct secret *secret)
{
	if (secret->data) {
		registry_remove(secret->data, secret->len);
		explicit_bzero(secret->data, secret->len);
		free(secret->data);
	}
	secret->data = NULL;
	secret->len = 0;
}

/* The longest known form that starts at text; 0: none. */
static size_t match(const char *text, size_t len)
{
	size_t longest = 0;

	for (size_t i = 0; i < registry.nr; i++) {
		for (size_t k = 0; k < registry.v[i].nr; k++) {
			const struct form *form = &registry.v[i].forms[k];

			if (form->len > longest && form->len <= len &&
			    !memcmp(form->data, text, form->len))
				longest = form->len;
		}
	}
	return longest;
}

void redact(const char *text, size_t len, struct buf *out)
{
	size_t shown = 0, pos = 0;

	pthread_mutex_lock(&registry.lock);
	while (pos < len && registry.nr > 0) {
		size_t n = match(text + pos, len - pos);

		if (!n) {
			pos++;
			continue;
		}
		buf_add(out, text + shown, pos - shown);
		buf_addstr(out, "***");
		/* Secrets that overlap leave no tail to be read. */
		for (size_t end = pos + n; pos < end; pos++) {
			n = match(text + pos, len - pos);
			if (pos + n > end)
				end = pos + n;
		}
		shown = pos;
	}
	pthread_mutex_unlock(&registry.lock);
	buf_add(out, text + shown, len - shown);
}

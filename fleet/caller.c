/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/http.h"
#include "core/mem.h"
#include "core/settings.h"
#include "fleet/fleet.h"

#define BLOCKS_MAX 16

/* "1.2.3.4/32", "2001:db8::/48", or a bare address, which stands for itself alone. */
static int check_block(const char *text, struct arena *arena, const char **ret, struct error *err)
{
	unsigned char address[16];
	char host[64];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);

	if (len >= sizeof(host))
		goto bad;
	memcpy(host, text, len);
	host[len] = '\0';
	long max = inet_pton(AF_INET, host, address) == 1    ? 32
		   : inet_pton(AF_INET6, host, address) == 1 ? 128
							     : -1;
	if (max < 0)
		goto bad;
	long bits = max;
	if (slash) {
		char *end;

		if (slash[1] < '0' || slash[1] > '9')
			goto bad;
		bits = strtol(slash + 1, &end, 10);
		if (*end || bits > max)
			goto bad;
	}
	*ret = arena_printf(arena, "%s/%ld", host, bits);
	return 0;
bad:
	error_set(err, ERROR_USAGE, "--from '%.60s' is not a block of addresses", text);
	return error_hint(err, "use CIDR notation such as --from 203.0.113.7/32");
}

static int split_blocks(const char *list, struct arena *arena, const char *const **ret,
			size_t *ret_nr, struct error *err)
{
	const char **v = arena_alloc(arena, BLOCKS_MAX * sizeof(*v));
	size_t nr = 0;

	for (const char *p = list; *p;) {
		size_t len = strcspn(p, ",");

		if (nr == BLOCKS_MAX)
			return error_set(err, ERROR_USAGE, "--from names more than %d blocks",
					 BLOCKS_MAX);
		if (check_block(arena_strndup(arena, p, len), arena, &v[nr], err) < 0)
			return -1;
		nr++;
		p += len + (p[len] == ',');
	}
	if (!nr)
		return error_set(err, ERROR_USAGE, "--from is empty");
	*ret = v;
	*ret_nr = nr;
	return 0;
}

/* Asks a what-is-my-address service: one line of text. */
static int ask(struct fleet *fleet, const char *url, struct arena *arena, const char **ret,
	       struct error *err)
{
	struct http_call call = {
		.request = { .method = "GET", .url = url, .timeout_ms = 5000, .max_body = 256 },
	};
	struct error ignored = ERROR_INIT;
	int rc = http_send(fleet->http, &call);

	if (rc < 0) {
		*err = call.err;
	} else {
		char *text = call.response.body.data;

		text[strcspn(text, "\r\n")] = '\0';
		/* A block from outside could open the port to the world: an address alone. */
		if (strchr(text, '/') || check_block(text, arena, ret, &ignored) < 0)
			rc = error_set(err, ERROR_PROTOCOL, "'%s' did not answer with an address",
				       url);
	}
	if (rc < 0)
		error_prefix(err, "cannot find this computer's public address");
	http_call_release(&call);
	return rc;
}

static int find_out(struct fleet *fleet, const char *region, struct arena *arena, const char **ret,
		    struct error *err)
{
	const char *endpoint;
	struct setting checkip = { 0 };
	bool chosen = settings_find(fleet->settings, "checkip_url", &checkip) &&
		      checkip.origin != SETTING_DEFAULT;

	if (fleet->ops->endpoint(fleet->provider, region, &endpoint, err) < 0)
		return -1;
	if (chosen || !http_url_is_loopback(endpoint))
		return ask(fleet, settings_get(fleet->settings, "checkip_url"), arena, ret, err);
	*ret = "127.0.0.1/32";
	return 0;
}

int fleet_caller(struct fleet *fleet, const char *region, struct arena *arena,
		 const char *const **ret, size_t *ret_nr, struct error *err)
{
	const char *from = settings_get(fleet->settings, "from");

	if (from)
		return split_blocks(from, arena, ret, ret_nr, err);
	const char **v = arena_alloc(arena, sizeof(*v));
	if (find_out(fleet, region, arena, &v[0], err) < 0) {
		error_hint(err, "name it yourself: --from ADDRESS/32");
		return -1;
	}
	*ret = v;
	*ret_nr = 1;
	return 0;
}

/* Many machines may not answer at once: one question is enough for all of them. */
struct own_address {
	pthread_mutex_t lock;
	bool asked;
	int rc;
	struct error err;
	char cidr[FLEET_ADDRESS_MAX];
};

struct own_address *own_address_new(void)
{
	struct own_address *own = xcalloc(1, sizeof(*own));

	pthread_mutex_init(&own->lock, NULL);
	return own;
}

void own_address_free(struct own_address *own)
{
	if (!own)
		return;
	pthread_mutex_destroy(&own->lock);
	free(own);
}

static int ask_now(struct fleet *fleet, const char *region, char ret[FLEET_ADDRESS_MAX],
		   struct error *err)
{
	struct arena arena = { 0 };
	const char *cidr;
	int rc = find_out(fleet, region, &arena, &cidr, err);

	if (rc == 0)
		snprintf(ret, FLEET_ADDRESS_MAX, "%s", cidr);
	arena_release(&arena);
	return rc;
}

int fleet_own_address(struct fleet *fleet, const char *region, char ret[FLEET_ADDRESS_MAX],
		      struct error *err)
{
	struct own_address *own = fleet->own;

	if (!own)
		return ask_now(fleet, region, ret, err);
	pthread_mutex_lock(&own->lock);
	if (!own->asked)
		own->rc = ask_now(fleet, region, own->cidr, &own->err);
	own->asked = true;
	int rc = own->rc;
	if (rc < 0)
		*err = own->err;
	else
		memcpy(ret, own->cidr, sizeof(own->cidr));
	pthread_mutex_unlock(&own->lock);
	return rc;
}

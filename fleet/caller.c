/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
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
	if (rc < 0) {
		error_prefix(err, "cannot find this computer's public address");
		error_hint(err, "name it yourself: --from ADDRESS/32");
	}
	http_call_release(&call);
	return rc;
}

int fleet_caller(struct fleet *fleet, const char *region, struct arena *arena,
		 const char *const **ret, size_t *ret_nr, struct error *err)
{
	const char *from = settings_get(fleet->settings, "from");
	const char *endpoint;
	struct setting checkip = { 0 };
	bool chosen = settings_find(fleet->settings, "checkip_url", &checkip) &&
		      checkip.origin != SETTING_DEFAULT;

	if (from)
		return split_blocks(from, arena, ret, ret_nr, err);
	if (fleet->ops->endpoint(fleet->provider, region, &endpoint, err) < 0)
		return -1;
	const char **v = arena_alloc(arena, sizeof(*v));
	if (!chosen && http_url_is_loopback(endpoint))
		v[0] = "127.0.0.1/32";
	else if (ask(fleet, settings_get(fleet->settings, "checkip_url"), arena, &v[0], err) < 0)
		return -1;
	*ret = v;
	*ret_nr = 1;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/expiry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/text.h"

int expiry_format(int64_t unix_s, char out[EXPIRY_LEN], struct error *err)
{
	if (unix_s < 1 || unix_s > EXPIRY_LAST_S)
		return error_set(err, ERROR_USAGE, "an end at %" PRId64 " is no time of ours",
				 unix_s);
	snprintf(out, EXPIRY_LEN, "%" PRId64, unix_s);
	return 0;
}

static int refuse(const char *text, struct error *err)
{
	struct arena arena = { NULL };

	error_set(err, ERROR_PROTOCOL, "tag 'gpucloud-expires': '%.40s' is not in Unix seconds",
		  text_escaped(&arena, text));
	arena_release(&arena);
	return -1;
}

int expiry_parse(const char *text, int64_t *ret, struct error *err)
{
	size_t len = strnlen(text, EXPIRY_LEN);
	int64_t value = 0;

	/* A leading zero would be a second way to write it. */
	if (len == 0 || len >= EXPIRY_LEN || text[0] == '0')
		return refuse(text, err);
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return refuse(text, err);
		value = value * 10 + (text[i] - '0');
	}
	if (value > EXPIRY_LAST_S)
		return refuse(text, err);
	*ret = value;
	return 0;
}

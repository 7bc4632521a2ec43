/* SPDX-License-Identifier: Apache-2.0 */
/* URLs and their escapes: what is encoded decodes to itself, and no URL makes anyone read past. */
#include <string.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/http.h"
#include "core/sign/sigv4_internal.h"
#include "tests/fuzz/fuzz.h"

static void check_codec(const char *text, size_t len)
{
	struct buf encoded = BUF_INIT;
	struct buf decoded = BUF_INIT;
	struct buf again = BUF_INIT;

	url_encode(&encoded, text, len, len % 2);
	if (url_decode(&decoded, encoded.data, encoded.len, false) == 0)
		FUZZ_CHECK(decoded.len == len && memcmp(decoded.data, text, len) == 0);
	else
		FUZZ_CHECK(memchr(text, '\0', len) != NULL);
	buf_clear(&decoded);
	if (url_decode(&decoded, text, len, true) == 0)
		FUZZ_CHECK(decoded.len <= len && !memchr(decoded.data, '\0', decoded.len));
	else
		FUZZ_CHECK(decoded.len == 0);

	buf_clear(&encoded);
	base64_encode(&encoded, text, len);
	FUZZ_CHECK(base64_decode(&again, encoded.data, encoded.len) == 0);
	FUZZ_CHECK(again.len == len && memcmp(again.data, text, len) == 0);
	buf_clear(&again);
	if (base64_decode(&again, text, len) == 0) { /* only one text stands for given bytes */
		buf_clear(&encoded);
		base64_encode(&encoded, again.data, again.len);
		FUZZ_CHECK(encoded.len == len && memcmp(encoded.data, text, len) == 0);
	}
	buf_release(&encoded);
	buf_release(&decoded);
	buf_release(&again);
}

static void check_canonical(const char *url)
{
	struct arena arena = { 0 };
	struct sigv4_url parts;
	struct error err = ERROR_INIT;

	if (sigv4_url_parse(url, &arena, &parts, &err) == 0) {
		const char *path = sigv4_path(&arena, &parts, false);
		const char *query = sigv4_query(&arena, parts.query, parts.query_len);

		FUZZ_CHECK(path[0] == '/' && !strstr(path, "//") && !strstr(path, "/../"));
		FUZZ_CHECK(sigv4_path(&arena, &parts, true)[0] == '/');
		/* Canonical means that doing it again changes nothing. */
		FUZZ_CHECK(strcmp(sigv4_query(&arena, query, strlen(query)), query) == 0);
	} else {
		FUZZ_CHECK(err.kind == ERROR_USAGE && err.message[0]);
	}
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	char *text = arena_strndup(&arena, (const char *)data, size);

	check_codec((const char *)data, size);
	check_canonical(text);
	if (http_url_is_loopback(text))
		FUZZ_CHECK(strstr(text, "://") != NULL);
	arena_release(&arena);
	return 0;
}

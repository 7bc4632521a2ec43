/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request as a server gets it: "METHOD url", header lines, an empty line, the body. Reading and
 * checking its claim must survive anything; what we sign ourselves must verify.
 */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sign/sigv4.h"
#include "tests/fuzz/fuzz.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static const struct sigv4_key key = { "AKIDEXAMPLE", SECRET, "token", "us-east-1", "ec2" };

/* False where there is no request line. Header names end at the colon, values at the line. */
static bool read_request(char *text, struct http_header *headers, size_t max,
			 struct sigv4_input *input)
{
	char *line = strsep(&text, "\n");
	char *url = line ? strchr(line, ' ') : NULL;

	if (!url)
		return false;
	*url++ = '\0';
	input->method = line;
	input->url = url;
	input->headers = headers;
	while ((line = strsep(&text, "\n")) && *line) {
		char *colon = strchr(line, ':');

		if (!colon || input->nr_headers == max)
			continue;
		*colon = '\0';
		headers[input->nr_headers++] = (struct http_header){ line, colon + 1 };
	}
	input->body = text ? text : "";
	input->body_len = strlen(input->body);
	return true;
}

static int verify(const struct sigv4_input *input, struct arena *arena, struct error *err)
{
	struct sigv4_claim claim = { .time_s = 0 };

	if (sigv4_claim_parse(input, arena, &claim, err) < 0 ||
	    sigv4_verify(input, &claim, SECRET, err) < 0) {
		FUZZ_CHECK(err->kind == ERROR_AUTH && err->code[0] && err->message[0]);
		FUZZ_CHECK(!strstr(err->message, SECRET));
		return -1;
	}
	return 0;
}

static bool has_header(const struct sigv4_input *input, const char *name)
{
	for (size_t i = 0; i < input->nr_headers; i++) {
		if (strcasecmp(input->headers[i].name, name) == 0)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct http_header headers[64];
	struct sigv4_input input = { .method = NULL };
	struct sigv4_options options = { .expires_s = 60 };
	struct sigv4_result result = { .url = NULL };
	struct error err = ERROR_INIT;
	char *text = arena_strndup(&arena, (const char *)data, size);

	if (read_request(text, headers, ARRAY_SIZE(headers), &input)) {
		verify(&input, &arena, &err);
		sigv4_presign(&key, &options, 1440938160, &input, &arena, &result, &err);
		error_clear(&err);
		if (sigv4_sign(&key, &options, 1440938160, &input, &arena, &result, &err) == 0) {
			bool payload_claimed = has_header(&input, "x-amz-content-sha256");

			input.headers = result.headers;
			input.nr_headers = result.nr_headers;
			error_clear(&err);
			FUZZ_CHECK(verify(&input, &arena, &err) == 0 || payload_claimed);
		}
	}
	arena_release(&arena);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing, against published vectors: every folder of the signing test suite (context.json,
 * request.txt, and what must come of it), and the examples of the AWS documentation. The folder is
 * GPUCLOUD_SIGV4_VECTORS, else the recorded data's.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/sign/sigv4.h"
#include "core/timefmt.h"

#define HEADERS_MAX 32

/* One folder of vectors, read. */
struct vector {
	struct arena arena;
	struct json context;
	const char *folder, *name;
	struct sigv4_key key;
	struct sigv4_options options;
	int64_t now;
	char *target; /* of the request line */
	struct http_header headers[HEADERS_MAX];
	struct sigv4_input input;
};

/* A file's bytes in the arena; NULL where there is none. */
static char *slurp(struct arena *arena, const char *folder, const char *name, const char *file)
{
	char *path = arena_printf(arena, "%s/%s/%s", folder, name, file);
	FILE *in = fopen(path, "rb");
	struct buf text = BUF_INIT;
	char chunk[4096];

	if (!in)
		return NULL;
	for (size_t n; (n = fread(chunk, 1, sizeof(chunk), in)) > 0;)
		buf_add(&text, chunk, n);
	fclose(in);

	char *copy = arena_strndup(arena, text.data, text.len);

	buf_release(&text);
	return copy;
}

static void read_context(struct vector *v)
{
	struct error err = ERROR_INIT;
	char *text = slurp(&v->arena, v->folder, v->name, "context.json");
	const char *when = NULL;
	const struct cJSON *root;
	bool normalize = true;

	if (!text || json_parse(text, strlen(text), "context.json", &v->context, &err) < 0)
		fail_msg("%s: no readable context.json: %s", v->name, err.message);
	root = v->context.root;

	int rc = json_string(root, "credentials.access_key_id", 200, &v->key.access_key, &err);

	rc |= json_string(root, "credentials.secret_access_key", 200, &v->key.secret_key, &err);
	rc |= json_string_opt(root, "credentials.token", 4000, &v->key.session_token, &err);
	rc |= json_string(root, "region", 200, &v->key.region, &err);
	rc |= json_string(root, "service", 200, &v->key.service, &err);
	rc |= json_int64(root, "expiration_in_seconds", 1, 604800, &v->options.expires_s, &err);
	rc |= json_bool(root, "normalize", &normalize, &err);
	rc |= json_bool(root, "sign_body", &v->options.sign_body_header, &err);
	if (json_get(root, "omit_session_token"))
		rc |= json_bool(root, "omit_session_token", &v->options.token_unsigned, &err);
	rc |= json_string(root, "timestamp", 40, &when, &err);
	if (rc || time_parse(when, "timestamp", &v->now, &err) < 0)
		fail_msg("%s: %s", v->name, err.message);
	v->options.raw_path = !normalize;
}

/* The next line, ended in place; NULL at the end. */
static char *next_line(char **at)
{
	char *line = *at;

	if (!line || !*line)
		return NULL;
	*at = strchr(line, '\n');
	if (*at)
		*(*at)++ = '\0';
	return line;
}

static void read_header(struct vector *v, char *line)
{
	struct http_header *last =
		v->input.nr_headers ? &v->headers[v->input.nr_headers - 1] : NULL;

	if (*line == ' ' || *line == '\t') { /* folded: it goes on with the value before */
		assert_non_null(last);
		last->value = arena_printf(&v->arena, "%s\n%s", last->value, line);
		return;
	}

	char *colon = strchr(line, ':');

	assert_non_null(colon);
	assert_true(v->input.nr_headers < HEADERS_MAX);
	*colon = '\0';
	v->headers[v->input.nr_headers++] = (struct http_header){ line, colon + 1 };
}

static const char *header(const struct vector *v, const char *name)
{
	for (size_t i = 0; i < v->input.nr_headers; i++) {
		if (strcasecmp(v->headers[i].name, name) == 0)
			return v->headers[i].value;
	}
	return NULL;
}

static void read_request(struct vector *v)
{
	char *at = slurp(&v->arena, v->folder, v->name, "request.txt");
	char *line = next_line(&at);

	if (!line)
		fail_msg("%s: no request.txt", v->name);

	char *target = strchr(line, ' ');
	char *version = strrchr(line, ' ');

	assert_true(target && version && target < version);
	*target++ = '\0';
	*version = '\0';
	v->input.method = line;
	v->target = target;
	while ((line = next_line(&at)) && *line)
		read_header(v, line);
	v->input.headers = v->headers;

	/* A final newline is the file's, not the body's. */
	v->input.body = line && at ? at : "";
	v->input.body_len = line && at ? strlen(at) : 0;
	if (header(v, "Content-Length"))
		v->input.body_len = strtoul(header(v, "Content-Length"), NULL, 10);
	else if (v->input.body_len && at[v->input.body_len - 1] == '\n')
		v->input.body_len--;
	if (v->input.body_len > strlen(v->input.body))
		fail_msg("%s: the body is shorter than its Content-Length", v->name);
	assert_non_null(header(v, "Host"));
	v->input.url = arena_printf(&v->arena, "https://%s%s", header(v, "Host"), target);
}

/* The request as it goes out, in the form of the vectors' *-signed-request.txt. */
static void print_request(const struct vector *v, const char *target,
			  const struct sigv4_result *result, struct buf *out)
{
	size_t sent = 0;

	buf_addf(out, "%s %s HTTP/1.1\n", v->input.method, target);
	for (size_t i = 0; i < v->input.nr_headers; i++) {
		const struct http_header *h = &v->headers[i];

		if (strcasecmp(h->name, "Host") != 0) {
			assert_true(sent < result->nr_headers);
			h = &result->headers[sent++];
		}
		buf_addf(out, "%s:%s\n", h->name, h->value);
	}
	for (; sent < result->nr_headers; sent++)
		buf_addf(out, "%s:%s\n", result->headers[sent].name, result->headers[sent].value);
	buf_addstr(out, "\n");
	buf_add(out, v->input.body, v->input.body_len);
}

static void expect(struct vector *v, const char *way, const char *file, const char *got)
{
	const char *want = slurp(&v->arena, v->folder, v->name,
				 arena_printf(&v->arena, "%s-%s.txt", way, file));

	if (!want)
		fail_msg("%s: no %s-%s.txt", v->name, way, file);
	if (strcmp(got, want) != 0)
		fail_msg("%s: %s-%s.txt\n--- want\n%s\n--- got\n%s", v->name, way, file, want, got);
}

static bool has_way(struct vector *v, const char *way)
{
	return slurp(&v->arena, v->folder, v->name,
		     arena_printf(&v->arena, "%s-signature.txt", way)) != NULL;
}

static void check_way(struct vector *v, const char *way)
{
	bool by_query = strcmp(way, "query") == 0;
	struct sigv4_result result = { .url = NULL };
	struct error err = ERROR_INIT;
	struct buf request = BUF_INIT;
	int rc = (by_query ? sigv4_presign : sigv4_sign)(&v->key, &v->options, v->now, &v->input,
							 &v->arena, &result, &err);

	if (rc < 0)
		fail_msg("%s: %s", v->name, err.message);
	expect(v, way, "canonical-request", result.canonical_request);
	expect(v, way, "string-to-sign", result.string_to_sign);
	expect(v, way, "signature", result.signature);

	size_t origin = strlen(v->input.url) - strlen(v->target);

	print_request(v, by_query ? result.url + origin : v->target, &result, &request);
	expect(v, way, "signed-request", request.data);
	buf_release(&request);
}

/* One folder; tells which ways of signing it covers. */
static void check_vector(const char *folder, const char *name, size_t *by_header, size_t *by_query)
{
	struct vector v = { .folder = folder, .name = name };

	read_context(&v);
	read_request(&v);
	if (has_way(&v, "header")) {
		check_way(&v, "header");
		++*by_header;
	}
	if (has_way(&v, "query")) {
		check_way(&v, "query");
		++*by_query;
	}
	json_release(&v.context);
	arena_release(&v.arena);
}

static void test_vectors(void **state)
{
	(void)state;
	const char *given = getenv("GPUCLOUD_SIGV4_VECTORS");
	const char *folder = given && *given ? given : GPUCLOUD_SHARED_DATA "/sigv4";
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, NULL, alphasort);
	size_t cases = 0;
	size_t by_header = 0;
	size_t by_query = 0;

	if (n < 0 && !(given && *given)) {
		printf("sigv4: no vectors at %s: skipped\n", folder);
		skip();
	}
	if (n < 0)
		fail_msg("no folder of vectors: %s", folder);
	for (int i = 0; i < n; i++) {
		struct arena arena = { 0 };
		const char *name = entries[i]->d_name;
		size_t before = by_header + by_query;

		if (name[0] != '.' && slurp(&arena, folder, name, "context.json")) {
			check_vector(folder, name, &by_header, &by_query);
			if (by_header + by_query == before)
				fail_msg("%s holds no expected signature", name);
			cases++;
		}
		arena_release(&arena);
		free(entries[i]);
	}
	free(entries);
	printf("sigv4: %zu cases, %zu header, %zu query\n", cases, by_header, by_query);
	if (!cases)
		fail_msg("%s holds no case", folder);
}

/* Published examples that no folder holds: needed where the vectors are absent, and for S3. */
struct example {
	const char *method, *url, *service;
	struct http_header headers[3];
	const char *body;
	struct sigv4_options options;
	const char *signature;
};

#define S3_HEADER                                          \
	{                                                  \
		.raw_path = true, .sign_body_header = true \
	}
#define S3_QUERY                                                               \
	{                                                                      \
		.raw_path = true, .unsigned_payload = true, .expires_s = 86400 \
	}

static const struct example examples[] = {
	{ .method = "GET",
	  .url = "https://example.amazonaws.com/",
	  .service = "service",
	  .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ .method = "GET",
	  .url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
	  .service = "iam",
	  .headers = { { "content-type", "application/x-www-form-urlencoded; charset=utf-8" } },
	  .signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7" },
	{ .method = "GET",
	  .url = "https://examplebucket.s3.amazonaws.com/test.txt",
	  .service = "s3",
	  .headers = { { "Range", "bytes=0-9" } },
	  .options = S3_HEADER,
	  .signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
	{ .method = "PUT",
	  .url = "https://examplebucket.s3.amazonaws.com/test%24file.text",
	  .service = "s3",
	  .headers = { { "Date", "Fri, 24 May 2013 00:00:00 GMT" },
		       { "x-amz-storage-class", "REDUCED_REDUNDANCY" } },
	  .body = "Welcome to Amazon S3.",
	  .options = S3_HEADER,
	  .signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
	{ .method = "GET",
	  .url = "https://examplebucket.s3.amazonaws.com/?lifecycle",
	  .service = "s3",
	  .options = S3_HEADER,
	  .signature = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
	{ .method = "GET",
	  .url = "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
	  .service = "s3",
	  .options = S3_HEADER,
	  .signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
	{ .method = "GET",
	  .url = "https://examplebucket.s3.amazonaws.com/test.txt",
	  .service = "s3",
	  .options = S3_QUERY,
	  .signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404" },
};

/* The S3 pages and the general ones have each their own key and day. */
static const struct sigv4_key s3_key = { "AKIAIOSFODNN7EXAMPLE",
					 "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL,
					 "us-east-1", "s3" };
static const struct sigv4_key general_key = { "AKIDEXAMPLE",
					      "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL,
					      "us-east-1", "service" };

static void check_example(const struct example *example)
{
	bool s3 = strcmp(example->service, "s3") == 0;
	int64_t now = s3 ? 1369353600 : 1440938160;
	struct sigv4_key key = s3 ? s3_key : general_key;
	struct arena arena = { 0 };
	struct error err = ERROR_INIT;
	struct sigv4_result result = { .url = NULL };
	struct sigv4_input input = {
		.method = example->method,
		.url = example->url,
		.headers = example->headers,
		.body = example->body,
		.body_len = example->body ? strlen(example->body) : 0,
	};

	key.service = example->service;
	while (input.nr_headers < ARRAY_SIZE(example->headers) &&
	       example->headers[input.nr_headers].name)
		input.nr_headers++;

	int rc = (example->options.expires_s ? sigv4_presign : sigv4_sign)(
		&key, &example->options, now, &input, &arena, &result, &err);

	if (rc < 0)
		fail_msg("%s: %s", example->url, err.message);
	if (strcmp(result.signature, example->signature) != 0)
		fail_msg("%s\n%s", example->url, result.canonical_request);
	arena_release(&arena);
}

static void test_documented_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++)
		check_example(&examples[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_documented_examples),
	};

	return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}

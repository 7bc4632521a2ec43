/* SPDX-License-Identifier: Apache-2.0 */
/* What json_parse accepts must keep its promises, and survive being printed and read again. */
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "tests/fuzz/fuzz.h"

static void check_string(const char *s)
{
	FUZZ_CHECK(s && text_is_utf8(s, strlen(s)));
	for (; *s; s++)
		FUZZ_CHECK((unsigned char)*s >= 0x20 ? *s != 0x7f : strchr("\t\n\r", *s) != NULL);
}

/* Every getter on every node: one of them at most may take it. */
static void check_node(const struct cJSON *node, int depth)
{
	struct error err = ERROR_INIT;
	const char *s = NULL;
	int64_t n = 0;
	double d = 0;
	bool b = false;
	const struct cJSON *array = NULL;
	int taken = 0;

	FUZZ_CHECK(depth <= JSON_MAX_DEPTH + 1);
	taken += json_string(node, "", JSON_MAX_BYTES, &s, &err) == 0;
	taken += json_double(node, "", &d, &err) == 0;
	taken += json_bool(node, "", &b, &err) == 0;
	taken += json_array(node, "", &array, &err) == 0;
	FUZZ_CHECK(taken <= 1);
	FUZZ_CHECK(isfinite(d));
	if (json_int64(node, "", INT64_MIN, INT64_MAX, &n, &err) == 0)
		FUZZ_CHECK((double)n == d && n < INT64_C(1) << 53 && -n < INT64_C(1) << 53);
	if (s)
		check_string(s);
	if (json_name(node))
		check_string(json_name(node));
	for (const struct cJSON *c = json_first(node); c; c = json_next(c)) {
		/* No duplicates, so a name finds its own member; dots in it make it a path. */
		if (json_name(c) && *json_name(c) && !strchr(json_name(c), '.') && !cJSON_IsNull(c))
			FUZZ_CHECK(json_get(node, json_name(c)) == c);
		check_node(c, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json json = { .root = NULL };
	struct json again = { .root = NULL };
	struct error err = ERROR_INIT;

	if (json_parse((const char *)data, size, "input", &json, &err) < 0) {
		FUZZ_CHECK(err.kind == ERROR_PROTOCOL && err.message[0] && !json.root);
		return 0;
	}
	check_node(json.root, 1);

	char *text = cJSON_PrintUnformatted(json.root);

	FUZZ_CHECK(text != NULL);
	FUZZ_CHECK(strlen(text) > JSON_MAX_BYTES ||
		   json_parse(text, strlen(text), "printed", &again, &err) == 0);
	free(text);
	json_release(&again);
	json_release(&json);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paperspace's errors: {code, message, issues?, details?}, on a 4xx or 5xx, and sometimes on a 200.
 * https://docs.digitalocean.com/reference/paperspace/api-reference/
 */
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "providers/paperspace/paperspace.h"

#define HINT_KEY                                                                                   \
	"make a key for the team at https://console.paperspace.com (team settings, API keys) and " \
	"put it into PAPERSPACE_API_KEY"
#define HINT_RIGHTS \
	"the key's owner lacks the rights: use a key of somebody who may manage machines"
#define HINT_PLACE "another type or another region may have some: gpucloud price --all-regions"
#define HINT_LIMIT "ask Paperspace's support for a higher limit, or end machines you have"

static const struct {
	const char *code;
	int status;
} codes[] = {
	{ "PARSE_ERROR", 400 },
	{ "BAD_REQUEST", 400 },
	{ "UNAUTHORIZED", 401 },
	{ "FORBIDDEN", 403 },
	{ "NOT_FOUND", 404 },
	{ "METHOD_NOT_SUPPORTED", 405 },
	{ "TIMEOUT", 408 },
	{ "CONFLICT", 409 },
	{ "PRECONDITION_FAILED", 412 },
	{ "PAYLOAD_TOO_LARGE", 413 },
	{ "TOO_MANY_REQUESTS", 429 },
	{ "CLIENT_CLOSED_REQUEST", 499 },
	{ "INTERNAL_SERVER_ERROR", 500 },
};

static int status_of(const char *code)
{
	for (size_t i = 0; code && i < ARRAY_SIZE(codes); i++)
		if (!strcasecmp(codes[i].code, code))
			return codes[i].status;
	return 0;
}

static const char *string(const struct cJSON *node, const char *name)
{
	const struct cJSON *member = json_get(node, name);

	return member ? json_text(member) : NULL;
}

/* The first of what it found wrong: {"message": "Required", "path": ["diskSize"]}. */
static void read_issue(const struct cJSON *root, struct rest_problem *ret)
{
	const struct cJSON *issues = json_get(root, "issues");
	const struct cJSON *issue = issues ? json_first(issues) : NULL;
	const struct cJSON *path = issue ? json_get(issue, "path") : NULL;

	if (!issue)
		return;
	ret->detail = string(issue, "message");
	for (const struct cJSON *part = path ? json_first(path) : NULL; part;
	     part = json_next(part))
		if (json_text(part))
			ret->field = json_text(part);
}

static void read_problem(const struct cJSON *root, struct rest_problem *ret)
{
	ret->code = string(root, "code");
	ret->message = string(root, "message");
	read_issue(root, ret);
}

/*
 * Machines, lists and everything else that is good have no "code"; an error has that and "message",
 * and at most what explains them.
 */
static bool is_hidden(const struct cJSON *root, struct rest_problem *ret)
{
	size_t others = 0;

	if (!string(root, "code") || !string(root, "message"))
		return false;
	for (const struct cJSON *member = json_first(root); member; member = json_next(member)) {
		const char *name = json_name(member);

		others += strcmp(name, "code") != 0 && strcmp(name, "message") != 0 &&
			  strcmp(name, "issues") != 0 && strcmp(name, "details") != 0;
	}
	if (others)
		return false;
	read_problem(root, ret);
	ret->status = status_of(ret->code);
	return true;
}

/* Words before codes: the same BAD_REQUEST stands for all that can be wrong. */
static const struct rest_rule rules[] = {
	{ 429, NULL, NULL, ERROR_THROTTLED, HTTP_THROTTLED,
	  "Paperspace was asked too often: try again in a minute" },
	{ 0, NULL, "*out of capacity*", ERROR_CAPACITY, HTTP_FAIL, HINT_PLACE },
	{ 0, NULL, "*no capacity*", ERROR_CAPACITY, HTTP_FAIL, HINT_PLACE },
	{ 0, NULL, "*not enough capacity*", ERROR_CAPACITY, HTTP_FAIL, HINT_PLACE },
	{ 0, NULL, "*machine limit*", ERROR_QUOTA, HTTP_FAIL, HINT_LIMIT },
	{ 0, NULL, "*maximum number of machines*", ERROR_QUOTA, HTTP_FAIL, HINT_LIMIT },
	{ 0, NULL, "*quota*", ERROR_QUOTA, HTTP_FAIL, HINT_LIMIT },
	{ 401, NULL, NULL, ERROR_AUTH, HTTP_FAIL, HINT_KEY },
	{ 403, NULL, NULL, ERROR_AUTH, HTTP_FAIL, HINT_RIGHTS },
	{ 0, NULL, NULL, ERROR_NONE, HTTP_FAIL, NULL },
};

/* A startup script holds the machine's first host key. */
static const char *const masked[] = { "script", NULL };

const struct rest_cloud pspace_cloud = {
	.topic = "paperspace",
	.title = "Paperspace",
	.problem = read_problem,
	.hidden = is_hidden,
	.rules = rules,
	.request_id_header = "x-request-id",
	.masked = masked,
	.throttle_ms = 10000,
	.attempts = 6,
	.token = pspace_key_find,
};
